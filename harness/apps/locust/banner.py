"""A small banner on Locust's page: what the run is doing, and its verdict."""

BANNER = """\
<style>
  .MuiAlert-message { white-space: pre-line; }
  #lendchaos {
    position: fixed; inset: auto 0 0; z-index: 1250; box-sizing: border-box; display: none;
    flex-wrap: wrap; align-items: center; gap: 4px 16px; padding: 8px 16px;
    font: 14px/1.4 system-ui, sans-serif; color: #fff; background: #455a64;
  }
  #lendchaos > a { color: #fff; }
  #lendchaos > [hidden] { display: none; }
  #lendchaos-text { flex: 1 1 24em; }
  #lendchaos-stop {
    padding: 6px 12px; border: 0; border-radius: 4px; font: inherit; font-weight: 600;
    color: #b71c1c; background: #fff; cursor: pointer;
  }
  @media (max-width: 600px) {
    #lendchaos { gap: 2px 12px; padding: 4px 8px; font-size: 13px; }
    .MuiTableCell-root.MuiTableCell-root { padding: 8px; }
    #lendchaos-text {
      order: 1; flex-basis: 100%; display: -webkit-box; overflow: hidden;
      -webkit-box-orient: vertical; -webkit-line-clamp: 2;
    }
  }
</style>
<div id="lendchaos" role="status">
  <strong id="lendchaos-state"></strong> <span id="lendchaos-text"></span>
  <a id="lendchaos-report" target="_blank" hidden>Report</a>
  <a id="lendchaos-chaos" target="_blank" hidden>Chaos page</a>
  <button id="lendchaos-stop" hidden>Stop and heal</button>
</div>
<script>
  (() => {
    // Anyone who opens the printed address again has the cookie already.
    if (location.hash.startsWith("#token=")) {
      history.replaceState(null, "", location.pathname + location.search);
    }
    const part = (name) => document.getElementById("lendchaos" + name);
    const colours = { pass: "#2e7d32", fail: "#c62828", inconclusive: "#8f5600" };
    const canStop = ["setting_up", "load"];
    const atRest = ["idle", "done", "failed"];
    const marks = window.templateArgs.lendchaos.marks;
    let status = {}, rested = false, looksUnasked = 0;
    // A number and its unit stay on one line.
    const unbroken = (text) => text.replace(/(\\d) (?=(%|ms|s)(?!\\w))/g, "$1\\u00a0");
    // Beside its line and inside the chart where the row above has no room for two.
    const place = (begins) => innerWidth > 600
      ? { position: "top", align: begins ? "right" : "left" }
      : { position: [begins ? -8 : 10, 4], rotate: 90, align: "right", verticalAlign: "middle" };
    // For Locust's charts, which know lines only: points as high as their grid.
    window.lendchaosMarks = () => marks.length === 0 ? [] : [{
      id: "lendchaos", type: "line",
      name: innerWidth > 600 ? "Faults (the curves lag by seconds)" : "Faults",
      animation: false, tooltip: { show: false },
      symbol: "rect", symbolSize: [2, 155], symbolOffset: [0, "-50%"], showAllSymbol: true,
      lineStyle: { width: 0 }, itemStyle: { color: "#e65100" },
      data: marks.map(({ at, text, begins }) => ({
        name: text, value: [at, 0],
        label: { show: true, formatter: "{b}", color: "#e65100", ...place(begins) },
      })),
    }];
    part("-stop").onclick = () => fetch("{{prefix}}/stop", { method: "POST" });
    part("-chaos").href = "{{own_page}}";
    // Locust's page asks on only where it was when the run began: another window is loaded anew.
    new PerformanceObserver((list) => {
      const asked = list.getEntries().some(({ name }) => name.includes("/stats/requests"));
      if (asked) looksUnasked = 0;
    }).observe({ type: "resource" });
    function keepUp() {
      rested ||= atRest.includes(status.state);
      const behind = rested && !atRest.includes(status.state) && !document.hidden;
      looksUnasked = behind ? looksUnasked + 1 : 0;
      if (looksUnasked > 6) location.reload();
    }
    async function show() {
      try {
        status = await (await fetch("{{prefix}}/lendchaos/status")).json();
        const state = status.state === "failed" ? "no verdict" : status.state.replace("_", " ");
        const label = status.verdict || (status.state === "load" && status.phase) || state;
        keepUp();
        part("").style.display = status.state === "idle" ? "none" : "flex";
        part("").style.background =
          colours[status.verdict] || (status.state === "failed" ? "#c62828" : "#455a64");
        part("-state").textContent = label.toUpperCase();
        // A phase tells its name and length, and the label has the name.
        const text = status.text.replace(status.phase + " (", "(");
        part("-text").textContent = unbroken(status.sentence || text);
        part("-report").hidden = !status.report;
        if (status.report) part("-report").href = status.report;
        part("-stop").hidden = !canStop.includes(status.state);
        part("-chaos").hidden = !"{{own_page}}";
        part("-chaos").textContent =
          canStop.includes(status.state) ? "Inject, heal, abort" : "Chaos page";
        // Those of earlier runs stay, as their curves do.
        const known = new Set(marks.map((mark) => mark.at + mark.text));
        marks.push(...status.marks.filter((mark) => !known.has(mark.at + mark.text)));
      } catch {
        part("-state").textContent = "NO CONNECTION";
        if (!status.verdict) {
          part("-text").textContent =
            "The terminal says what becomes of the run, and shows the address of this page.";
        }
        for (const name of ["-report", "-chaos", "-stop"]) part(name).hidden = true;
      }
      // Nothing of the page is hidden below it.
      document.body.style.paddingBottom = part("").offsetHeight + "px";
      setTimeout(show, 1000);
    }
    show();
  })();
</script>
"""
