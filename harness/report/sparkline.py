"""A run in a few lines of text, for places that show no picture: failures over time, and faults."""

from itertools import pairwise
from math import ceil

from harness.core.errors import HarnessError, UsageError
from harness.history.reader import read_facts
from harness.history.run_directory import RunDirectory
from harness.report import chart_series, words
from harness.verdict.stored_verdict import read_verdict
from harness.verdict.types import Fault

BINS_MAX = 60
_BLOCKS = "▁▂▃▄▅▆▇█"
_NAMES_MAX = 14


def of_run(run: RunDirectory) -> list[str]:
    """The lines for a stored run; none where nothing failed, it cannot be read, or its load never
    began.

    A summary is made of a verdict: that the record behind it is damaged must not cost it.
    """
    try:
        plan, verdict = run.read_plan(), read_verdict(run)
        facts = read_facts(run, plan)
    except (HarnessError, UsageError):
        return []
    clock = facts.status.clock
    if clock is None:
        return []
    span = chart_series.span(plan, facts, verdict)
    counted = chart_series.count(clock, facts.operations, span, BINS_MAX)
    bad = [int(n) for n in counted.counts[3:5].sum(axis=0)]
    if not any(bad):
        return []
    return draw(bad, counted.start_s, counted.width_s, verdict.faults)


def draw(bad: list[int], start_s: float, width_s: float, faults: list[Fault]) -> list[str]:
    """Failures in each bin as blocks, a row for each fault, and the seconds below."""
    end_s = start_s + len(bad) * width_s
    most = max(bad, default=0)
    head = f"failed borrow requests in each {words.length(width_s)}; at most {words.count(most)}"
    # None is a dot, so that one failure can be told from none.
    blocks = ("·" if n == 0 else _BLOCKS[ceil(n / most * len(_BLOCKS)) - 1] for n in bad)
    rows = [("failed", "".join(blocks))]
    edges_s = [start_s + index * width_s for index in range(len(bad) + 1)]
    for fault in [f for f in faults if f.injected_s is not None][:6]:
        from_s = fault.injected_s or 0.0
        until_s = end_s if fault.healed_s is None else fault.healed_s
        at_work = (from_s < high_s and until_s > low_s for low_s, high_s in pairwise(edges_s))
        rows.append((_name(fault.name), "".join("▒" if one else " " for one in at_work)))
    left, right = f"{start_s:g} s", f"{end_s:g} s"
    rows.append(("", left + right.rjust(max(len(bad) - len(left), len(right) + 1))))
    width = max(len(name) for name, _ in rows)
    return [head, *(f"{name.ljust(width)}  {line}".rstrip() for name, line in rows)]


def _name(name: str) -> str:
    clean = words.clean(name).replace("\n", " ")
    return clean if len(clean) <= _NAMES_MAX else clean[: _NAMES_MAX - 1] + "…"
