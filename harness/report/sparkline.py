"""A run in a few lines of text, for places that show no picture: failures over time, and faults."""

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
_FAULTS_MAX = 6


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
    rows = [("failed", "".join(_block(number, most) for number in bad))]
    shown = [fault for fault in faults if fault.injected_s is not None][:_FAULTS_MAX]
    rows += [(fault.name, _bar(fault, start_s, width_s, len(bad))) for fault in shown]
    left, right = f"{start_s:g} s", f"{end_s:g} s"
    rows.append(("", left + right.rjust(max(len(bad) - len(left), len(right) + 1))))
    width = max(len(_name(name)) for name, _ in rows)
    return [head, *(f"{_name(name).ljust(width)}  {line}".rstrip() for name, line in rows)]


def _name(name: str) -> str:
    clean = words.clean(name).replace("\n", " ")
    return clean if len(clean) <= _NAMES_MAX else clean[: _NAMES_MAX - 1] + "…"


def _block(number: int, most: int) -> str:
    """None is a dot, so that one failure can be told from none."""
    return "·" if number == 0 else _BLOCKS[ceil(number / most * len(_BLOCKS)) - 1]


def _bar(fault: Fault, start_s: float, width_s: float, bins: int) -> str:
    """Where the fault was at work, in the bins that it touched."""
    until_s = start_s + bins * width_s if fault.healed_s is None else fault.healed_s
    cells = []
    for index in range(bins):
        low_s, high_s = start_s + index * width_s, start_s + (index + 1) * width_s
        at_work = fault.injected_s is not None and fault.injected_s < high_s and until_s > low_s
        cells.append("▒" if at_work else " ")
    return "".join(cells)
