// The live chart: outcomes, waits, faults and phases over one time axis, as one SVG.
// Everything is made of elements and attributes; no text ever becomes markup.

const SVG = "http://www.w3.org/2000/svg";
const KINDS = ["approved", "referred", "declined", "failed", "indeterminate", "dropped", "waiting"];
const TICKS_S = [0.5, 1, 2, 5, 10, 20, 30, 60, 120, 300, 600, 1200, 1800, 3600, 7200, 14400];
const OUTCOMES = 120, WAITS = 64, ROW = 17, TOP = 6;

export function words(ms) {
  if (ms === null || ms === undefined) return "–";
  return ms < 1000 ? `${ms < 10 ? ms.toFixed(1) : Math.round(ms)} ms` : `${(ms / 1000).toFixed(2)} s`;
}

function make(name, attributes, ...children) {
  const element = document.createElementNS(SVG, name);
  for (const [key, value] of Object.entries(attributes)) element.setAttribute(key, value);
  element.append(...children);
  return element;
}

const round = (value) => Math.round(value * 10) / 10;
const text = (x, y, said, kind = "") => make("text", { x: round(x), y, class: kind }, said);
const line = (x1, y1, x2, y2, kind) =>
  make("line", { x1: round(x1), y1: round(y1), x2: round(x2), y2: round(y2), class: kind });
const box = (x, y, width, height, kind, ...children) =>
  make("rect", { x: round(x), y, width: round(Math.max(width, 0)), height, class: kind }, ...children);

/** What of the arrivals due in each bin has no answer yet. */
function withWaiting(bins) {
  const waiting = bins.due.map((due, i) =>
    Math.max(due - KINDS.reduce((sum, kind) => sum + (bins[kind]?.[i] ?? 0), 0), 0));
  return { ...bins, waiting };
}

export function draw(place, live) {
  const width = Math.max(place.clientWidth, 280);
  const left = width < 560 ? 48 : 66;
  const inside = width - left - 14;
  const span = live.end_s - live.start_s;
  const x = (at) => left + (Math.min(Math.max(at - live.start_s, 0), span) / span) * inside;
  const bins = live.bins ? withWaiting(live.bins) : null;
  const waitsTop = TOP + OUTCOMES + 24;
  const faultsTop = waitsTop + WAITS + 8;
  const foot = faultsTop + live.faults.length * ROW + 2;
  const height = foot + 36;
  const svg = make("svg", {
    viewBox: `0 0 ${width} ${height}`, role: "img", "aria-labelledby": "chart-title chart-text",
  });
  svg.append(
    make("title", { id: "chart-title" }, "Borrowing so far"),
    make("desc", { id: "chart-text" }, describe(live)),
    patterns(), ...shades(live, x, foot),
    ...outcomes(bins, live, x, left, width),
    ...waits(bins, live, x, left, width, waitsTop),
    ...faultRows(live, x, left, width, faultsTop),
    ...axis(live, x, left, inside, foot),
  );
  if (!live.over && live.now_s !== null && live.now_s < live.end_s) {
    svg.append(line(x(live.now_s), TOP, x(live.now_s), foot + 15, "now"));
  }
  place.replaceChildren(svg);
}

/** Told apart without any colour, too: the lines of each kind, and their turn in degrees. */
const LINES = {
  referred: ["M0 2.5H5", 0], declined: ["M1 2.5H4", 45], failed: ["M0 0V5", -45],
  indeterminate: ["M0 0V5", 45], dropped: ["M0 2.5H5M2.5 0V5", 0], waiting: ["M2.5 0V5", 0],
};

function patterns() {
  return make("defs", {}, ...Object.entries(LINES).map(([kind, [d, turn]]) => make(
    "pattern",
    { id: kind, class: kind, width: 5, height: 5, patternUnits: "userSpaceOnUse",
      patternTransform: `rotate(${turn})` },
    make("rect", { width: 5, height: 5, class: "ground" }), make("path", { d, class: "lines" }),
  )));
}

/** The chart in sentences, for people who cannot see it. */
function describe(live) {
  const totals = live.totals
    ? KINDS.filter((kind) => live.totals[kind]).map((kind) => `${live.totals[kind]} ${kind}`).join(", ")
    : "nothing yet";
  const faults = live.faults.map((fault) => `Fault ${fault.name}: ${fault.state}.`).join(" ");
  return `Borrow requests so far by what became of them: ${totals || "none"}. ${faults}`;
}

/** Every fault that was begun through all strips, its edges dashed; the warm-up in grey. */
function shades(live, x, bottom) {
  const found = [];
  if (live.start_s < 0) {
    found.push(box(x(live.start_s), TOP, x(0) - x(live.start_s), bottom - TOP, "warm-up"));
  }
  for (const fault of live.faults) {
    if (fault.injected_s === null) continue;
    const ends = fault.healed_s ?? live.now_s;
    found.push(box(x(fault.injected_s), TOP, x(ends) - x(fault.injected_s), bottom - TOP, "shade"));
    for (const at of [fault.injected_s, fault.healed_s]) {
      if (at !== null) found.push(line(x(at), TOP, x(at), bottom, "edge"));
    }
  }
  return found;
}

function outcomes(bins, live, x, left, width) {
  const bottom = TOP + OUTCOMES;
  const expected = Math.max(live.rate * (bins ? bins.width_s : 1), 1);
  const sums = bins ? bins.due.map((_, i) => KINDS.reduce((sum, kind) => sum + bins[kind][i], 0)) : [];
  const highest = Math.ceil(Math.max(expected, ...sums));
  const found = [];
  for (const mark of new Set([0, Math.floor(highest / 2), highest])) {
    const y = bottom - (mark / highest) * OUTCOMES;
    found.push(line(left, y, width - 14, y, "grid"), text(left - 6, y + 4, mark, "end muted"));
  }
  if (!bins) return found;
  const base = sums.map(() => 0);
  for (const kind of KINDS) {
    let path = "";
    bins[kind].forEach((count, i) => {
      if (!count) return;
      const from = round(x(bins.start_s + i * bins.width_s));
      const to = round(x(bins.start_s + (i + 1) * bins.width_s));
      const low = round(bottom - (base[i] / highest) * OUTCOMES);
      base[i] += count;
      path += `M${from} ${low}V${round(bottom - (base[i] / highest) * OUTCOMES)}H${to}V${low}z`;
    });
    if (path) found.push(make("path", { d: path, class: `bars ${kind}` }));
  }
  return found;
}

function waits(bins, live, x, left, width, top) {
  const bottom = top + WAITS;
  const narrow = width < 560;
  const said = narrow ? "Waits: line median, bar longest, dashes timeout"
    : "Wait for an answer, from the planned start: line = median, bar = up to the longest, "
      + `dashes = timeout, ${live.timeout_s} s`;
  const medians = (bins?.median_ms ?? []).filter((ms) => ms !== null);
  const low = 10 ** Math.floor(Math.log10(Math.max(Math.min(10, ...medians), 1)));
  const high = Math.max(live.timeout_s * 1000, ...(bins?.longest_ms ?? [])) * 1.25;
  const y = (ms) => bottom - (Math.log(Math.max(ms, low) / low) / Math.log(high / low)) * WAITS;
  const found = [text(narrow ? 0 : left, top - 7, said, "bold")];
  for (let mark = low; mark <= high; mark *= 10) {
    const name = mark < 1000 ? `${mark} ms` : `${mark / 1000} s`;
    found.push(line(left, y(mark), width - 14, y(mark), "grid"));
    found.push(text(left - 6, y(mark) + 4, name, "end muted"));
  }
  const timeout = y(live.timeout_s * 1000);
  found.push(line(left, timeout, width - 14, timeout, "timeout"));
  if (!bins) return found;
  let median = "", longest = "";
  bins.median_ms.forEach((ms, i) => {
    if (ms === null) return;
    const from = x(bins.start_s + i * bins.width_s), to = x(bins.start_s + (i + 1) * bins.width_s);
    median += `M${round(from)} ${round(y(ms))}H${round(to)}`;
    longest += `M${round((from + to) / 2)} ${round(y(ms))}V${round(y(bins.longest_ms[i]))}`;
  });
  const thin = Math.max(1, (x(bins.width_s) - x(0)) * 0.6);
  found.push(make("path", { d: longest, class: "longest", "stroke-width": round(thin) }));
  found.push(make("path", { d: median, class: "median" }));
  return found;
}

function faultRows(live, x, left, width, top) {
  return live.faults.flatMap((fault, row) => {
    const y = top + row * ROW;
    const [inject, heal] = fault.planned_s;
    const found = [text(left - 6, y + 11, "fault", "end muted")];
    if (fault.state !== "called off") {
      found.push(box(x(inject), y + 1, x(heal) - x(inject), ROW - 5, "planned"));
    }
    let ends = x(heal);
    if (fault.injected_s !== null) {
      const until = fault.healed_s ?? live.now_s;
      found.push(box(x(fault.injected_s), y + 1, Math.max(x(until) - x(fault.injected_s), 2), ROW - 5, "active"));
      ends = Math.max(ends, x(until));
    }
    const start = Math.min(x(inject), fault.injected_s === null ? Infinity : x(fault.injected_s));
    const room = width - ends > start - left;
    found.push(text(room ? ends + 8 : start - 8, y + 11, fault.name, room ? "" : "end"));
    return found;
  });
}

function axis(live, x, left, inside, top) {
  const found = [text(left - 6, top + 11, "phase", "end muted")];
  for (const phase of live.phases) {
    const from = x(phase.start_s), to = x(phase.end_s);
    found.push(box(from, top, to - from, 15, "phase"));
    if (to - from > phase.name.length * 6.2) {
      found.push(text((from + to) / 2, top + 11, phase.name, "middle"));
    }
  }
  const span = live.end_s - live.start_s;
  const step = TICKS_S.find((s) => (span / s) * 52 <= inside) ?? span;
  for (let at = Math.ceil(live.start_s / step) * step; at <= live.end_s + 1e-6; at += step) {
    found.push(line(x(at), top + 15, x(at), top + 19, "grid"));
    found.push(text(x(at), top + 31, `${Math.round(at * 10) / 10} s`, "middle muted"));
  }
  return found;
}
