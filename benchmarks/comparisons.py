"""Series of made-up runs, put through `compare`: how often it claims what is not so, and what is.

Every run is measured from its requests on by the harness's own estimators. Its figures then stand
in a verdict, and the verdicts of two services are compared as `lendchaos compare` does.
"""

from dataclasses import dataclass, replace
from functools import cache

import numpy as np

from benchmarks.endless import BEYOND_SECONDS, HEAL_SECONDS, LOAD_SECONDS, measured
from benchmarks.outage_script import Kind, Stretch
from benchmarks.sections import Column, Figures, Joint, Row, Rule, Section, Want
from benchmarks.simulate import BASELINE_SECONDS
from harness.report.archive import Stored
from harness.report.compare.comparison import CHANCE_MAX, Claim, compare
from harness.verdict.figures import Borrow
from harness.verdict.judge import judge
from harness.verdict.measure.intervals import Share
from harness.verdict.measure.recovery_interval import recovery_of
from harness.verdict.measure.samples import Samples, Timeline
from harness.verdict.types import Recovery, Verdict
from tests.builders import cut_run

RATE, DEADLINE_SECONDS = 50, 10.0
SPREAD = 0.3
"""Of the logarithm of the time to recover, from run to run of one service."""
WAIT_SPREAD = 0.05


@dataclass(frozen=True, slots=True)
class Service:
    """How long it takes to recover, as a median in seconds, and which share fails from then on.

    ``seldom`` is the part of runs in which it does so; in the others nothing fails any more.
    """

    name: str
    recovers_s: float = 1.0
    lasting: float = 0.0
    seldom: float = 1.0


def stored(chance: np.random.Generator, service: Service, number: int) -> Stored:
    """One run of a service: an outage from the fault on, until it recovers."""
    over_s = HEAL_SECONDS + service.recovers_s * float(np.exp(SPREAD * chance.standard_normal()))
    stretches = [Stretch(Kind.REFUSE, BASELINE_SECONDS, over_s)]
    if service.lasting and chance.random() < service.seldom:
        stretches.append(Stretch(Kind.REFUSE, over_s, BEYOND_SECONDS, share=service.lasting))
    timeline = Timeline(LOAD_SECONDS, BASELINE_SECONDS, HEAL_SECONDS, DEADLINE_SECONDS)
    samples, baseline, episodes = measured(chance, RATE, stretches, timeline)
    recovery = recovery_of(samples, timeline, baseline, episodes)
    slower = float(np.exp(WAIT_SPREAD * chance.standard_normal()))
    return Stored(_verdict(number, recovery, _borrow(samples, slower)))


@cache
def _judged() -> Verdict:
    """One that was judged, for all that no figure is compared of."""
    return judge(*cut_run())


def _verdict(number: int, recovery: Recovery, borrow: Borrow) -> Verdict:
    known = _judged()
    return replace(
        known,
        run_id=f"run{number:04}",
        seed=number,
        findings=[],
        recovery=recovery,
        borrow=borrow,
        load=replace(known.load, rate_asked=float(RATE)),
    )


def _borrow(samples: Samples, slower: float) -> Borrow:
    known, inside = _judged().borrow, samples.times_s >= BASELINE_SECONDS
    share = Share(int(samples.failed[inside].sum()), int(inside.sum()))
    waits_ms = samples.wait_s[samples.answered & ~inside] * 1e3 * slower
    return replace(
        known,
        window=replace(known.window, operations=share.whole, failed=share.part),
        operations=len(samples.times_s),
        indeterminate=share.part // 4,
        failed_share=share.observed,
        failed_share_low=share.low,
        failed_share_high=share.high,
        lost_service_seconds=share.part / RATE,
        latency_ms={"baseline_p99": float(np.percentile(waits_ms, 99))},
    )


def compared(
    chance: np.random.Generator, before: Service, now: Service, counts: tuple[int, int]
) -> Figures:
    """So many runs of the one service now, against so many of the other before."""
    these = [stored(chance, now, number) for number in range(counts[0])]
    baseline = [stored(chance, before, 100 + number) for number in range(counts[1])]
    results = compare(these, baseline).results
    claims = {result.figure.name: result.claim for result in results}
    unseen = [value.censored for result in results if result.figure.name == "recovery_s"
              for value in result.these]  # fmt: skip
    return {
        "claimed": any(claim is not Claim.NONE for claim in claims.values()),
        "worse": Claim.REGRESSION in claims.values(),
        "recovery": claims["recovery_s"] is Claim.REGRESSION,
        "better": Claim.IMPROVEMENT in claims.values(),
        "unseen": sum(unseen) / len(unseen),
    }


# --- the table -----------------------------------------------------------------------------------

_QUICK_TO_RECOVER = Service("recovers in 1 s")
_SLOWER = Service("recovers in 2 s", recovers_s=2.0)
_MUCH_SLOWER = Service("recovers in 4 s", recovers_s=4.0)
_AT_THE_END = Service("recovers as the load ends", recovers_s=14.5)
_NEVER = Service("10 % fail for ever", lasting=0.1)
_AT_TIMES = Service("in half of its runs 10 % fail for ever", lasting=0.1, seldom=0.5)
_EQUAL = (_QUICK_TO_RECOVER, _AT_THE_END, _NEVER, _AT_TIMES)
_WORSE = (_SLOWER, _MUCH_SLOWER, _AT_TIMES, _NEVER)
_COUNTS = ((5, 5), (5, 10))
_FALSE = Want("equal services: any claim", "claimed", Rule.SHARE_MAX, CHANCE_MAX)
_ROW_FALSE = replace(_FALSE, limit=0.07)
"""A row that just reaches the limit shows more than it in half of all calibrations."""
_FOUND = Want("a service that never recovers is worse", "worse", Rule.SHARE_MIN, 0.95)
_NO_PRAISE = Want("worse services: called better", "better", Rule.SHARE_MAX, 0.01)


def _row(before: Service, now: Service, counts: tuple[int, int]) -> Row:
    wants: tuple[Want, ...] = (_ROW_FALSE,) if before is now else (_NO_PRAISE,)
    if now is not before and now is _NEVER:
        wants = (*wants, _FOUND)
    cells = _cells(before, now, counts)
    quick = counts == (5, 5) and now is _NEVER
    return Row(cells, compared, (before, now, counts), wants, quick=quick)


def _cells(before: Service, now: Service, counts: tuple[int, int]) -> tuple[str, ...]:
    name = "the same" if now is before else now.name
    return before.name, name, f"{counts[0]}, {counts[1]}"


_EQUAL_ROWS = tuple(_cells(service, service, counts) for service in _EQUAL for counts in _COUNTS)

SECTION = Section(
    name="compare",
    title="Services compared, simulated",
    text=(
        f"Series of runs at {RATE}/s, a fault of 5 s with a total outage; how long a service takes"
        " to recover differs from run to run (log-normal, sigma 0.3). *Unseen*: runs of these of"
        " which no recovery was seen, which rank above all others. *Claimed*: any difference at all"
        " of five figures; *worse*: a regression of any; *of the recovery* itself. What is claimed"
        " of a service that is worse is the power of the comparison."
    ),
    head=("before", "now", "runs now, before"),
    columns=(
        Column("unseen", "unseen"),
        Column("claimed", "claimed"),
        Column("worse", "worse"),
        Column("of the recovery", "recovery"),
        Column("better", "better"),
    ),
    rows=tuple(
        _row(*pair, counts)
        for pair in (
            *((service, service) for service in _EQUAL),
            *((_QUICK_TO_RECOVER, service) for service in _WORSE),
        )
        for counts in _COUNTS
    ),
    joint=(Joint(_FALSE, _EQUAL_ROWS),),
)
