"""Edges of services that take time: do the intervals hold them, and how wide do they become?

A row is one way to fail, under one of two rules, at one rate and one latency of a step.
"""

import numpy as np

from benchmarks.attempted import Attempted, Kind, arrays_of, attempted
from benchmarks.calibration import SLACK, ms
from benchmarks.limits import edge_limit
from benchmarks.scoring import holds, spans_of, width_s
from benchmarks.sections import Column, Figures, Form, Joint, Row, Rule, Section, Want
from harness.verdict.measure.episodes import episodes_of
from harness.verdict.measure.evidence import Fate
from harness.verdict.types import Episode

RATES = (10, 50, 200)
LATENCIES_MS = (5, 30, 60, 100, 300)
KINDS = (
    Kind("503", Fate.ANSWERED, "arrival"),
    Kind("503", Fate.ANSWERED, "end"),
    Kind("cut", Fate.CUT, "arrival"),
    Kind("cut", Fate.CUT, "end"),
    Kind("hang", Fate.HUNG, "arrival"),
    Kind("hang", Fate.HUNG, "end"),
    Kind("refused connect", Fate.REFUSED, "arrival"),
)
WIDTHS_S = {10: (0.176, 3.01), 50: (0.0256, 0.611), 200: (0.0059, 0.155)}
"""By rate: the median widths of onset and recovery of a hard outage, of requests that take no time,
by the estimators that took each request to meet the service at one instant."""
ROW_MIN, TOGETHER_MIN = 0.90, 0.93
QUICK = (
    ("503", "at the end", "50/s", "60 ms"),
    ("cut", "at arrival", "50/s", "100 ms"),
    ("hang", "at the end", "200/s", "30 ms"),
    ("refused connect", "at arrival", "10/s", "300 ms"),
)
EDGES = ("onset", "recovery")
HANGS = (
    "when a request was decided that was never answered, nothing tells: the interval holds all"
    " that good answers take, up to the longest, which is more than twice the usual"
)
DATES_ITSELF = (
    "half of those that are refused at arrival are told at once and date themselves: next to no"
    " error of theirs is left to balance that of requests refused at their end"
)


def run(chance: np.random.Generator, kind: Kind, rate: int, latency_s: float) -> Figures:
    """One outage as measured."""
    made = attempted(chance, kind, rate, latency_s)
    return figures_of(made, episodes_of(*arrays_of(made)))


def figures_of(made: Attempted, episodes: list[Episode]) -> Figures:
    """The edges of the one outage; None if it was not found, or not as one."""
    begin_s, end_s = made.outage_s
    met = [
        span
        for span in spans_of(episodes, slow=False)
        if span.onset_s < end_s and (span.recovered_s or np.inf) > begin_s
    ]
    found: dict[str, float | bool | None] = {"found": len(met) == 1}
    for name in EDGES:
        found |= dict.fromkeys((f"{name} held", f"{name} error", f"{name} width"))
    if len(met) != 1:
        return found
    span = met[0]
    for name, at_s, ends, true_s in (
        ("onset", span.onset_s, span.onset, begin_s),
        ("recovery", span.recovered_s, span.recovered, end_s),
    ):
        found[f"{name} held"] = holds(ends, true_s)
        found[f"{name} error"] = None if at_s is None else at_s - true_s
        width = width_s(ends)
        found[f"{name} width"] = np.inf if width is None else width
    return found


# --- the table -----------------------------------------------------------------------------------


def _row(kind: Kind, rate: int, latency_ms: int) -> Row:
    flight_s = latency_ms / 1e3
    wants = [Want("found", "found", Rule.SHARE_MIN, 0.95)]
    for name, usual_s in zip(EDGES, WIDTHS_S[rate], strict=True):
        # Half a request's time is what cannot be told; the rest is that of requests without any.
        error_s = SLACK * edge_limit(rate, "jittered").median_s + flight_s / 2
        wants += [
            Want(f"{name}, interval holds it", f"{name} held", Rule.SHARE_MIN, ROW_MIN),
            Want(
                f"{name}, width",
                f"{name} width",
                Rule.MEDIAN_MAX,
                usual_s + 2 * flight_s,
                HANGS if kind.fate is Fate.HUNG else "",
            ),
            Want(
                f"{name}, error",
                f"{name} error",
                Rule.MEDIAN_MAX,
                error_s,
            ),
        ]
    cells = _cells(kind, rate, latency_ms)
    arguments = (kind, rate, flight_s)
    return Row(cells, run, arguments, tuple(wants), quick=cells in QUICK)


def _cells(kind: Kind, rate: int, latency_ms: int) -> tuple[str, ...]:
    return kind.name, kind.decides, f"{rate}/s", f"{latency_ms} ms"


def _joints() -> list[Joint]:
    """The mean errors over both rules."""
    found = []
    for name in dict.fromkeys(kind.name for kind in KINDS):
        both = [kind for kind in KINDS if kind.name == name]
        for rate in RATES:
            for latency_ms in LATENCIES_MS:
                limit_s = latency_ms / 1e4 + 0.1 / rate
                rows = tuple(_cells(kind, rate, latency_ms) for kind in both)
                found += [
                    Joint(
                        Want(
                            f"{edge}, midway over both rules",
                            f"{edge} error",
                            Rule.MEAN_MAX,
                            limit_s,
                            DATES_ITSELF if both[0].fate is Fate.ANSWERED else "",
                        ),
                        rows,
                    )
                    for edge in EDGES
                ]
    return found


def _widths() -> str:
    return "; ".join(
        f"{rate}/s: {ms(onset_s)} and {ms(recovery_s)}"
        for rate, (onset_s, recovery_s) in WIDTHS_S.items()
    )


SECTION = Section(
    name="edges",
    title="Edges met in flight, simulated",
    text=(
        "One outage of 1 to 3.5 s. Each step of a request takes the latency given (log-normal,"
        " sigma 0.5); in half of the runs a log-in or a credit line comes before the borrow. A"
        " request fails as the row says, decided when it arrives or when its work is done. The"
        " errors are means, with their sign. Limits of a row: each interval holds its edge in 90 %;"
        " the width is at most that of a hard outage whose requests take no time"
        f" ({_widths()}), and twice the latency; the median error at most {SLACK} times what is"
        " possible at the rate, and half the latency. Over both rules the mean error is at most a"
        " tenth of the latency and of 1 / rate."
    ),
    head=("failure", "decided", "rate", "latency"),
    columns=tuple(
        column
        for name in EDGES
        for column in (
            Column(f"{name}: error", f"{name} error", Form.MEAN),
            Column("width", f"{name} width", Form.MEDIAN),
            Column("holds", f"{name} held"),
        )
    ),
    rows=tuple(
        _row(kind, rate, latency_ms)
        for kind in KINDS
        for rate in RATES
        for latency_ms in LATENCIES_MS
    ),
    together=tuple(
        Want(f"{name}, interval holds it", f"{name} held", Rule.SHARE_MIN, TOGETHER_MIN)
        for name in EDGES
    ),
    joint=tuple(_joints()),
)
