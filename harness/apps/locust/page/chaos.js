// The page itself: asks twice a second what there is to see, and sends what is ordered.

import { draw, words } from "./chart.js";

const POLL_MS = 500;
const part = (id) => document.getElementById(id);
const cards = new Map();
let shownRun = null;
let latest = null;
let settled = false;
let shownEvents = [];

const headings = {
  idle: "READY", setting_up: "SETTING UP", load: "RUNNING", draining: "DRAINING",
  judging: "JUDGING", done: "DONE", failed: "NO VERDICT",
};
const tiles = {
  failing: "Failing now", waiting: "Without an answer", wait: "Wait for an answer", failed: "Failed so far",
};
const verdicts = { pass: "PASS", fail: "FAIL", inconclusive: "INCONCLUSIVE" };

// --- talking to the server -------------------------------------------------------------------

function post(path, body) {
  return fetch(path, {
    method: "POST", headers: { "Content-Type": "application/json" }, body: JSON.stringify(body),
    credentials: "same-origin", redirect: "error",
  });
}

async function unlock(token) {
  const answer = await post("session", { token });
  complain(answer.ok ? "" : await answer.text());
  return answer.ok;
}

/** The token leaves the address bar before anything else happens. */
function takeToken() {
  const token = new URLSearchParams(location.hash.slice(1)).get("token");
  if (location.hash) history.replaceState(null, "", location.pathname);
  return token;
}

async function order(what, button) {
  if (button.getAttribute("aria-disabled") === "true") return;
  enable(button, false);
  try {
    const answer = await post("command", what);
    complain(answer.ok ? "" : await answer.text());
    await look();
  } catch {
    complain("The order did not arrive: there is no connection to Locust.");
  }
}

async function look() {
  const answer = await fetch("live", { credentials: "same-origin" });
  part("locked").hidden = answer.status !== 403;
  part("unlocked").hidden = answer.status === 403;
  if (answer.status === 403) {
    part("orders").hidden = true;
    headline("LOCKED", "", "This page needs its token.", "", "calm");
    enableAll(false);
  } else if (answer.ok) {
    show(await answer.json());
  } else {
    throw new Error(String(answer.status));
  }
}

async function keepLooking() {
  try {
    if (!document.hidden) await look();
  } catch {
    if (settled) {
      set(part("when"), "No connection to Locust any more: the report lies in the run's folder.");
      part("report")?.remove();
    } else {
      headline("NO CONNECTION", "", "Locust does not answer.", "What is shown may be old.", "fail");
    }
    enableAll(false);
  }
  setTimeout(keepLooking, POLL_MS);
}

// --- showing ---------------------------------------------------------------------------------

/** A number and its unit stay on one line. */
const unbroken = (text) => text.replace(/(\d) (?=(%|ms|s)(?!\w))/g, "$1\u00a0");

function set(element, said) {
  const text = unbroken(said);
  if (element.textContent !== text) element.textContent = text;
}

function complain(text) {
  set(part("said"), text.trim());
  part("said").hidden = !text;
}

function enable(button, can) {
  button.setAttribute("aria-disabled", String(!can));
}

function enableAll(can) {
  for (const button of document.querySelectorAll("header button, .faults button")) enable(button, can);
}

function headline(word, scenario, what, when, tone) {
  set(part("word"), word);
  set(part("scenario"), scenario);
  set(part("what"), what);
  part("what").classList.toggle("long", what.length > 110);
  set(part("when"), when);
  part("head").dataset.tone = tone;
  document.title = `${word} – lendchaos`;
}

const seconds = (at) => `${at.toFixed(1)} s`;
const isOver = (progress) => ["done", "failed"].includes(progress.state);
const isActive = (fault) => !["planned", "healed", "called off", "not injected"].includes(fault.state);

function show({ progress, live, game_day: gameDay }) {
  settled = isOver(progress);
  latest = live && { ...live, over: settled };
  showGameDay(gameDay);
  const underWay = ["setting_up", "load"].includes(progress.state);
  const active = (live?.faults ?? []).filter(isActive);
  part("head").dataset.over = settled;
  const tone = progress.verdict ?? (settled ? "fail" : active.length ? "fault" : "calm");
  const word = verdicts[progress.verdict] ?? (active.length && !settled ? "FAULT ACTIVE" : headings[progress.state]);
  headline(word, progress.scenario, happening(progress, active), clock(progress, live), tone);
  const toHeal = active.length || live?.faults.some((fault) => fault.state === "planned");
  enable(part("heal-all"), ["load", "draining"].includes(progress.state) && Boolean(toHeal));
  enable(part("abort"), underWay);
  part("orders").hidden = ["idle", "judging"].includes(progress.state) || isOver(progress);
  showReport(progress);
  part("run").hidden = live === null;
  if (live === null) return;
  part("no-faults").hidden = live.faults.length > 0;
  const anew = live.run !== shownRun;
  if (anew) begin(live);
  showTiles(live, ["draining", "judging", "done", "failed"].includes(progress.state));
  showFaults(live, progress);
  showEvents(live, anew);
  const step = live.bins?.width_s;
  set(part("step"), step ? ` per ${step < 1 ? `${Math.round(step * 1000)} ms` : `${step} s`}` : "");
  document.querySelector(".legend .dropped").hidden = !live.totals?.dropped;
  draw(part("chart"), latest);
}

function happening(progress, active) {
  if (progress.sentence) return progress.sentence;
  if (isOver(progress)) return progress.text || " ";
  if (active.length === 1) return `${active[0].name}: ${active[0].description}`;
  if (active.length) return active.map((fault) => `${fault.name} (${fault.target})`).join(", ");
  if (progress.state === "idle") return "No run: press Start on Locust's page";
  return progress.text || " ";
}

function showGameDay(gameDay) {
  part("game-day").hidden = !gameDay;
  if (gameDay) set(part("game-day"), `Game day: ${gameDay.title} · ${gameDay.step} · abort word: ${gameDay.abort_word}`);
}

function clock(progress, live) {
  if (isOver(progress) || !live || live.now_s === null) return " ";
  const behind = live.behind ? " · still reading what was written so far" : "";
  return `${place(progress, live)}, ${live.rate} borrowers a second${behind}`;
}

/** Where in its time a run is; nothing is measured before 0 s or after the last phase. */
function place(progress, live) {
  if (live.now_s < 0) return `phase warm-up, measuring begins in ${seconds(-live.now_s)}`;
  if (progress.state !== "load") return "the load has ended";
  return `phase ${progress.phase}, ${seconds(live.now_s)} of ${seconds(live.end_s)}`;
}

function showReport(progress) {
  let link = part("report");
  if (!progress.report) return link?.remove();
  if (!link) {
    link = document.createElement("a");
    link.id = "report";
    link.target = "_blank";
    link.rel = "noopener";
    link.textContent = "Open the report";
    part("when").after(link);
  }
  link.href = progress.report;
  return link;
}

/** Once the load has ended, "now" is its end. */
function showTiles(live, ended) {
  const { recent, totals } = live;
  if (!recent) {
    for (const [name, title] of Object.entries(tiles)) tile(name, title, "–", "", "");
    return;
  }
  const share = recent.ended ? recent.failed / recent.ended : null;
  const failed = totals.failed + totals.indeterminate;
  const last = `the last ${recent.seconds} s${ended ? " of the load" : ""}`;
  tile("failing", ended ? "Failing at the end" : tiles.failing, percent(share),
    `${recent.failed} of ${recent.ended} that ended in ${last}`, share === null ? "" : share > 0.05 ? "bad" : "good");
  tile("waiting", tiles.waiting, String(totals.waiting),
    ended ? "borrowers at the end of the load" : "borrowers who wait now", totals.waiting > live.rate ? "bad" : "good");
  tile("wait", tiles.wait, words(recent.median_ms),
    `median of ${last}; 95 % within ${words(recent.p95_ms)}`, "");
  tile("failed", ended ? "Failed" : tiles.failed, String(failed),
    `of ${totals.due} due in all phases; ${totals.indeterminate} with unknown outcome`, failed ? "bad" : "good");
}

/** What is not none is never 0 %, nor what is not all 100 %. */
function percent(share) {
  if (share === null) return "–";
  const least = share > 0 && share < 0.1 ? 1 : 0;
  const written = [least, 1, 2, 3].map((places) => (share * 100).toFixed(places));
  const part = share > 0 && share < 1;
  return `${written.find((text) => !part || (Number(text) > 0 && Number(text) < 100)) ?? written[3]} %`;
}

function tile(name, title, figure, note, tone) {
  const found = part(`tile-${name}`);
  set(found.querySelector("h2"), title);
  set(found.querySelector(".figure"), figure);
  set(found.querySelector(".note"), note);
  found.className = `tile ${tone}`;
}

// --- faults ----------------------------------------------------------------------------------

function begin(live) {
  shownRun = live.run;
  complain("");
  cards.clear();
  part("faults").replaceChildren(...live.faults.map((fault) => card(fault)));
}

function element(name, kind, ...children) {
  const made = document.createElement(name);
  if (kind) made.className = kind;
  made.append(...children);
  return made;
}

function orderButton(name, does, label) {
  const made = element("button", does, label);
  made.type = "button";
  made.setAttribute("aria-label", `${label}: ${name}`);
  made.addEventListener("click", () => order({ do: does, fault: name }, made));
  return made;
}

/** Made once and changed in place, so that a button keeps the focus. */
function card(fault) {
  const chip = element("span", "chip"), times = element("p", "note");
  const inject = orderButton(fault.name, "inject", "Inject now");
  const heal = orderButton(fault.name, "heal", "Heal now");
  const title = element("h3", "", fault.name, " ", chip);
  const item = element("li", "", element("div", "", title, element("p", "", fault.description), times), inject, heal);
  item.dataset.fault = fault.name;
  cards.set(fault.name, { item, chip, times, inject, heal });
  return item;
}

function showFaults(live, progress) {
  const { state } = progress;
  for (const fault of live.faults) {
    const found = cards.get(fault.name);
    if (!found) continue;
    found.item.dataset.state = isActive(fault) ? "active" : fault.state;
    set(found.chip, chipText(fault, live.now_s));
    set(found.times, timesText(fault));
    found.inject.hidden = found.heal.hidden = isOver(progress);
    enable(found.inject, fault.can_inject && state === "load");
    enable(found.heal, fault.can_heal && ["load", "draining"].includes(state));
  }
}

function chipText(fault, now) {
  if (fault.ordered) return `${fault.ordered === "heal" ? "healing" : "injecting"}…`;
  if (fault.state === "injected" && now !== null) return `ACTIVE ${seconds(now - fault.injected_s)}`;
  if (fault.state === "planned" && now !== null && now < fault.planned_s[0]) {
    return `in ${seconds(fault.planned_s[0] - now)}`;
  }
  return fault.state;
}

function timesText(fault) {
  const byHand = (what) => (fault.by_hand.includes(what) ? " by hand" : "");
  const said = [`planned ${seconds(fault.planned_s[0])} to ${seconds(fault.planned_s[1])}`];
  if (fault.injected_s !== null) said.push(`injected ${seconds(fault.injected_s)}${byHand("inject")}`);
  if (fault.healed_s !== null) said.push(`healed ${seconds(fault.healed_s)}${byHand("heal")}`);
  return said.join(" · ");
}

/** Those that came since the last look are spoken; a run that is shown anew speaks none. */
function showEvents(live, anew) {
  const told = live.events.map((event) => JSON.stringify(event));
  if (!anew && told.join() === shownEvents.join()) return;
  const items = live.events.toReversed().map(({ at_s: at, text }) =>
    element("li", "", element("span", "at", at === null ? "" : seconds(at)), element("span", "", text)));
  part("events").replaceChildren(...items);
  const fresh = anew ? [] : live.events.slice(told.lastIndexOf(shownEvents.at(-1)) + 1);
  set(part("spoken"), fresh.map((event) => event.text).join(", "));
  shownEvents = told;
}

// --- beginning -------------------------------------------------------------------------------

part("heal-all").addEventListener("click", () => order({ do: "heal", fault: null }, part("heal-all")));
part("abort").addEventListener("click", () => {
  if (part("abort").getAttribute("aria-disabled") !== "true") part("sure").showModal();
});
part("sure").addEventListener("close", () => {
  if (part("sure").returnValue === "abort") order({ do: "abort", reason: part("reason").value }, part("abort"));
  part("sure").returnValue = "";
});
part("unlock").addEventListener("submit", (event) => {
  event.preventDefault();
  unlock(part("token").value.trim()).then(look);
  part("token").value = "";
});
window.addEventListener("hashchange", () => {
  const token = takeToken();
  if (token) unlock(token).then(look);
});
new ResizeObserver(() => latest && draw(part("chart"), latest)).observe(part("chart"));

const token = takeToken();
// Loaded anew, nothing in the browser's memory of this page holds the address it came with.
if (token && await unlock(token)) location.reload();
else keepLooking();
