"""Several runs of one scenario: every run, median and largest, and what so few allow to be said.

Pure. A series is never a way to get lucky: every run stays in it, the worst one decides, and it
ends before its last run only once it has failed, or was interrupted.
"""

import math
import statistics
from dataclasses import dataclass

from harness.core.documents import text_of
from harness.core.exit_codes import ExitCode
from harness.core.numbers import Count, Exit, Figure, Seconds, Share, Whole
from harness.plan.objectives import INVARIANTS
from harness.verdict.types import Judgement, Severity, Verdict
from harness.verdict.units import AT_ONCE, NOT_SEEN, more_than

SCHEMA = "lendchaos.series/1"
STOP_FACTOR = 2.0
"""An objective missed by more than this factor will not be met by one more run."""
PERCENTILE = 0.90


@dataclass(frozen=True, slots=True)
class SeriesRun:
    """One run of a series. ``verdict`` is None when it ended without one.

    ``recovery_s`` is None when it was not measured; with ``censored`` no recovery was seen before
    the load ended, and it surely took more than ``recovery_low_s`` seconds from the heal.
    """

    number: Count
    seed: Whole
    exit_code: Exit
    directory: str | None = None
    verdict: Judgement | None = None
    sentence: str = ""
    recovery_s: Seconds | None = None
    recovery_low_s: Seconds | None = None
    recovery_high_s: Seconds | None = None
    censored: bool = False
    failed_share: Share | None = None
    failed_share_low: Share | None = None
    failed_share_high: Share | None = None
    findings: tuple[str, ...] = ()
    """Codes of the findings that count."""


@dataclass(frozen=True, slots=True)
class Spread:
    """Median and largest of one figure over ``runs`` runs; None where a run was beyond measure."""

    runs: Count
    median: Figure | None
    largest: Figure | None


@dataclass(frozen=True, slots=True)
class Series:
    """All runs of one scenario together. ``stopped`` says why some of those asked are missing."""

    scenario: str
    asked: Count
    runs: tuple[SeriesRun, ...]
    stopped: str | None
    verdict: Judgement
    exit_code: Exit
    recovery_s: Spread | None
    failed_share: Spread | None
    median_confidence: dict[str, Share]
    """With which the largest of a figure bounds its median in runs like these; by figure."""
    statement: str
    schema: str = SCHEMA


def run_of(number: int, seed: int, exit_code: int, directory: str, verdict: Verdict) -> SeriesRun:
    """One run as its verdict tells it."""
    seen = verdict.recovery
    never = seen.censored or any(f.code == "not_recovered" for f in verdict.findings)
    late = seen.from_heal_s is None and never
    recovery_s, low_s = seen.from_heal_s, seen.from_heal_s_low
    if late:
        # How long it surely was not: the last requests may have gone well, with too few to tell.
        low_s = seen.observed_s if low_s is None else low_s
        low_s = None if low_s is None else max(low_s, 0.0)
    elif recovery_s is None and seen.confirmed:
        recovery_s = low_s = 0.0  # nothing was impaired
    borrow = verdict.borrow
    return SeriesRun(
        number=number,
        seed=seed,
        exit_code=exit_code,
        directory=directory,
        verdict=verdict.verdict,
        sentence=verdict.sentence,
        recovery_s=recovery_s,
        recovery_low_s=low_s,
        recovery_high_s=seen.from_heal_s_high,
        censored=late,
        failed_share=borrow.failed_share,
        failed_share_low=borrow.failed_share_low,
        failed_share_high=borrow.failed_share_high,
        findings=tuple(
            dict.fromkeys(f.code for f in verdict.findings if f.verdict is not Severity.NOTE)
        ),
    )


def stop_reason(verdict: Verdict) -> str | None:
    """Why no further run can make good what this one showed; None when it may go on.

    A failure stops a series, and a scenario that is wrong; a pass never does.
    """
    if any(found.evidence.get("broken_steps") for found in verdict.findings):
        return "a step of the scenario is wrong"
    if any(found.code == "safety_stop" for found in verdict.findings):
        return "it was stopped for safety"
    if verdict.verdict is not Judgement.FAIL:
        return None
    for found in verdict.findings:
        if found.verdict is Severity.FAIL and found.code in INVARIANTS:
            return f"an invariant is broken ({found.code})"
    for result in verdict.objectives:
        bound = result.observed if result.low is None else result.low
        missed = result.verdict is Judgement.FAIL and bound is not None
        if missed and bound is not None and bound > STOP_FACTOR * result.limit:
            return (
                f"{result.id} is missed by more than {STOP_FACTOR:g} times its limit"
                f" ({bound:.4g} against {result.limit:g})"
            )
    return None


def series_of(
    scenario: str, asked: int, runs: tuple[SeriesRun, ...], stopped: str | None
) -> Series:
    """Put runs together. The worst verdict is that of the series; what is missing decides nothing.

    ``stopped`` is the reason why fewer runs were made than asked for.
    """
    verdict = Judgement.PASS
    if any(run.verdict is Judgement.FAIL for run in runs):
        verdict = Judgement.FAIL
    elif len(runs) < asked or any(run.verdict is not Judgement.PASS for run in runs):
        verdict = Judgement.INCONCLUSIVE
    recovery = _spread([math.inf if run.censored else run.recovery_s for run in runs])
    failed = _spread([run.failed_share for run in runs])
    complete = len(runs) == asked
    bounded = {
        name: spread.runs
        for name, spread in (("recovery", recovery), ("failed share", failed))
        if complete and spread is not None and spread.largest is not None
    }
    return Series(
        scenario=scenario,
        asked=asked,
        runs=runs,
        stopped=stopped,
        verdict=verdict,
        exit_code=_exit_code(verdict, runs),
        recovery_s=recovery,
        failed_share=failed,
        median_confidence={name: median_confidence(count) for name, count in bounded.items()},
        statement=_statement(bounded, recovery, complete=complete),
    )


def _exit_code(verdict: Judgement, runs: tuple[SeriesRun, ...]) -> int:
    codes = [run.exit_code for run in runs]
    for first in (ExitCode.SAFETY_STOP, ExitCode.INTERRUPTED, ExitCode.FAIL, ExitCode.USAGE):
        if first in codes:
            return int(first)
    floor = ExitCode.PASS if verdict is Judgement.PASS else ExitCode.INCONCLUSIVE
    return int(max([*codes, floor]))


def _spread(values: list[float | None]) -> Spread | None:
    """Median and largest of what is known; a recovery that was not seen is larger than any."""
    known = [value for value in values if value is not None]
    if not known:
        return None
    ends = (statistics.median(known), max(known))
    median, largest = (end if math.isfinite(end) else None for end in ends)
    return Spread(len(known), median, largest)


def median_confidence(runs: int) -> float:
    """With which the largest of so many runs is no less than the median of all: 1 - 0.5^runs.

    Each run lies below the median with probability one half, all of them together with 0.5^runs;
    nothing is assumed of the distribution but that the runs are alike and independent.
    """
    return 1 - 0.5**runs


def runs_for(percentile: float, confidence: float) -> int:
    """How many runs it takes for their largest to bound a percentile: 22 for 90 % of the 90th."""
    return math.ceil(math.log(1 - confidence) / math.log(percentile))


def _statement(bounded: dict[str, int], recovery: Spread | None, *, complete: bool) -> str:
    if not complete:
        return "The series is not complete: it says nothing beyond the runs it shows."
    never = recovery is not None and recovery.largest is None
    said = ["A run was not seen to recover, so the largest recovery has no bound."] if never else []
    for count in sorted(set(bounded.values())):
        names = " and ".join(name for name, runs in bounded.items() if runs == count)
        said.append(
            f"The largest {names} of {count} runs is an upper bound of the median of runs like"
            f" these with {100 * median_confidence(count):.1f} % confidence."
        )
    fewest = min(bounded.values(), default=0)
    ninety, ninety_five = (runs_for(PERCENTILE, share) for share in (0.90, 0.95))
    if fewest >= ninety:
        share = 100 * (1 - PERCENTILE**fewest)
        said.append(f"It bounds the 90th percentile with {share:.1f} %.")
    elif bounded:
        said.append(
            f"It says nothing of rarer ones: to bound the 90th percentile takes {ninety} runs"
            f" (90 % confidence) or {ninety_five} (95 %)."
        )
    return " ".join(said) or "Nothing was measured, so there is nothing to be said."


# --- written down --------------------------------------------------------------------------------


def to_json(series: Series) -> str:
    """``series.json``: every run by the name of its directory, which lies beside."""
    return text_of(series)


def render(series: Series) -> str:
    """The series as lines of text: a table with every run, then what they say together."""
    rows = [("run", "seed", "verdict", "recovered after", "failed share", "why")]
    rows += [
        (
            str(run.number),
            str(run.seed),
            run.verdict.value if run.verdict else f"none (exit code {run.exit_code})",
            _recovered(run),
            _percent(run.failed_share),
            ", ".join(run.findings),
        )
        for run in series.runs
    ]
    for name in ("median", "largest"):
        after = _ending(getattr(series.recovery_s, name)) if series.recovery_s else "-"
        failed = _percent(getattr(series.failed_share, name) if series.failed_share else None)
        rows.append((name, "", "", after, failed, ""))
    widths = [max(len(row[n]) for row in rows) for n in range(len(rows[0]))]
    table = ["  ".join(c.ljust(w) for c, w in zip(row, widths, strict=True)) for row in rows]
    head = f"{series.verdict.upper()}  {series.scenario}, {len(series.runs)} of {series.asked} runs"
    lines = [head, *(line.rstrip() for line in table)]
    if series.stopped:
        lines.append(f"stopped early: {series.stopped}")
    return "\n".join([*lines, series.statement]) + "\n"


def _recovered(run: SeriesRun) -> str:
    if run.censored:
        low_s = run.recovery_low_s
        return more_than(low_s) if low_s else NOT_SEEN
    return "-" if run.recovery_s is None else _ending(run.recovery_s)


def _ending(value: float | None) -> str:
    if value is None:
        return NOT_SEEN
    return AT_ONCE if value <= 0 else f"{value:.2f} s"


def _percent(share: float | None) -> str:
    return "-" if share is None else f"{100 * share:.2f} %"
