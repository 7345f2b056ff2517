"""A small banner on Locust's page: what the run is doing, and its verdict."""

BANNER = """\
<div id="lendchaos" role="status" style="position:fixed;left:0;right:0;bottom:0;z-index:2000;
  padding:8px 16px;font:14px/1.4 system-ui,sans-serif;color:#fff;background:#455a64;display:none">
  <strong id="lendchaos-state"></strong> <span id="lendchaos-text"></span>
  <a id="lendchaos-report" target="_blank" style="color:#fff;display:none">Report</a>
  <a id="lendchaos-chaos" target="_blank" style="color:#fff;display:none">Faults, live</a>
  <button id="lendchaos-stop" style="display:none">Stop and heal</button>
</div>
<script>
  (() => {
    // Whoever opens the printed address once more has the cookie already.
    if (location.hash.startsWith("#token=")) {
      history.replaceState(null, "", location.pathname + location.search);
    }
    const part = (name) => document.getElementById("lendchaos" + name);
    const colours = { pass: "#2e7d32", fail: "#c62828", inconclusive: "#b26a00" };
    const canStop = ["setting_up", "load"];
    part("-stop").onclick = () => fetch("{{prefix}}/stop", { method: "POST" });
    async function show() {
      try {
        const status = await (await fetch("{{prefix}}/lendchaos/status")).json();
        const label = status.verdict || status.phase || status.state.replace("_", " ");
        part("").style.display = status.state === "idle" ? "none" : "block";
        part("").style.background =
          colours[status.verdict] || (status.state === "failed" ? "#c62828" : "#455a64");
        part("-state").textContent = label.toUpperCase();
        part("-text").textContent = status.sentence || status.text;
        part("-report").style.display = status.report ? "inline" : "none";
        if (status.report) part("-report").href = status.report;
        part("-chaos").style.display = "{{own_page}}" ? "inline" : "none";
        part("-chaos").href = "{{own_page}}";
        part("-stop").style.display =
          canStop.includes(status.state) ? "inline" : "none";
      } catch {
        part("-state").textContent = "NO CONNECTION";
      }
      setTimeout(show, 1000);
    }
    show();
  })();
</script>
"""
