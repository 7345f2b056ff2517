"""Troubles of which a run shows no end, or no begin: what is said of them instead.

Without an end the load is over before the trouble is. Its recovery lies beyond the data, so only
an interval with an open upper end holds it, and a stated recovery is a false one. Rows of troubles
that were over in time to see it stand beside them: their recovery must be stated. Without a begin
the trouble was there before the first request: only an open lower end holds it. One that began
among the first requests must be held as well.
"""

from dataclasses import replace

import numpy as np

from benchmarks.outage_script import Kind, Stretch
from benchmarks.sections import Column, Figures, Form, Row, Rule, Section, Want
from benchmarks.simulate import BASELINE_SECONDS, samples_from, simulate
from harness.plan.objectives import SteadyState
from harness.verdict.measure.baseline import RECOVERED_BELOW_SHARE, Baseline
from harness.verdict.measure.episodes import episodes_of, impaired
from harness.verdict.measure.recovery_interval import recovery_of
from harness.verdict.measure.samples import Samples, Timeline
from harness.verdict.types import Episode

RATES = (10, 50, 200)
SHARES = (0.05, 0.1, 0.2, 0.5, 1.0)
LOAD_SECONDS, HEAL_SECONDS, DEADLINE_SECONDS = 28.0, 13.0, 10.0
"""The default budget: 8 s of baseline, 5 s of fault, 15 s to recover; and the default limit."""
BEYOND_SECONDS = 99.0
INITIAL_SECONDS = 10.0
HELD_MIN = 0.93
ENOUGH = 59
"""So many good requests show, with 95 % confidence, that fewer than 5 % fail."""


def measured(
    chance: np.random.Generator, rate: int, stretches: list[Stretch], timeline: Timeline
) -> tuple[Samples, Baseline, list[Episode]]:
    """One run with these stretches, and its impaired ones; its baseline may be any."""
    assert timeline.load_end_s is not None  # noqa: S101  # for the type checker
    run = simulate(stretches, rate, "jittered", timeline.load_end_s, chance)
    samples, baseline = samples_from(run)
    if (baseline.failed.high or 0.0) >= SteadyState().failed_share_max:
        baseline = replace(baseline, reasons=("too many failed",))
    return samples, baseline, impaired(episodes_of(samples, timeline, baseline))


def endless(chance: np.random.Generator, rate: int, share: float, heal_s: float | None) -> Figures:
    """A trouble from about 8 s to beyond the load; up to a heal it is an outage, under a fault."""
    begin_s = BASELINE_SECONDS + float(chance.random()) / 10
    injected_s = None if heal_s is None else begin_s
    worst = [] if heal_s is None else [Stretch(Kind.REFUSE, begin_s, heal_s)]
    lasting = Stretch(Kind.REFUSE, heal_s or begin_s, BEYOND_SECONDS, share=share)
    timeline = Timeline(LOAD_SECONDS, injected_s, heal_s, DEADLINE_SECONDS)
    samples, baseline, found = measured(chance, rate, [*worst, lasting], timeline)
    names = ("open", "stated", "surely", "late")
    if not found:
        return {"found": False} | dict.fromkeys(names)
    last = found[-1]
    stated, late = last.recovered_s is not None, None
    if heal_s is not None:
        seen = recovery_of(samples, timeline, baseline, found)
        stated = seen.from_heal_s is not None
        late = seen.censored and (seen.from_heal_s_low or 0.0) > DEADLINE_SECONDS
    low_s = last.recovered_s_low or 0.0
    return {
        "found": True,
        "open": last.recovered_s_high is None,
        "stated": stated,
        "surely": LOAD_SECONDS - low_s,
        "late": late,
    }


def ended(chance: np.random.Generator, rate: int, share: float, left_s: float) -> Figures:
    """A trouble of 5 s that was over ``left_s`` before the end of the load."""
    begin_s = BASELINE_SECONDS + float(chance.random()) / 10
    over_s = begin_s + 5 + float(chance.random()) / 10
    timeline = Timeline(over_s + left_s, begin_s, over_s, DEADLINE_SECONDS)
    trouble = Stretch(Kind.REFUSE, begin_s, over_s, share=share)
    samples, baseline, found = measured(chance, rate, [trouble], timeline)
    if not found:
        return {"found": False, "stated": None, "held": None}
    seen = recovery_of(samples, timeline, baseline, found)
    low_s, high_s = seen.from_heal_s_low, seen.from_heal_s_high
    held = (low_s is None or low_s <= 0) and (high_s is None or high_s >= 0)
    return {"found": True, "stated": seen.from_heal_s is not None, "held": held}


def initial(chance: np.random.Generator, rate: int, share: float, good: int) -> Figures:
    """A trouble of 10 s, begun before the run or after so many good requests."""
    begin_s = (good + float(chance.random())) / rate if good else -1.0
    seen_s = max(begin_s, 0.0)
    trouble = Stretch(Kind.REFUSE, seen_s, seen_s + INITIAL_SECONDS, share=share)
    timeline = Timeline(LOAD_SECONDS, None, None, DEADLINE_SECONDS)
    samples, _, found = measured(chance, rate, [trouble], timeline)
    if not found:
        return {"found": False, "open": None, "first": None, "held": None, "high": None}
    onset_s, low_s, high_s = found[0].onset_s, found[0].onset_s_low, found[0].onset_s_high
    assert high_s is not None  # noqa: S101  # for the type checker; an onset has always one
    return {
        "found": True,
        "open": low_s is None,
        "first": onset_s == float(samples.times_s[0]),
        "held": (low_s is None or low_s <= begin_s) and begin_s <= high_s,
        "high": high_s - seen_s,
    }


# --- the tables ----------------------------------------------------------------------------------

_OPEN = Want("an endless trouble is open at its end", "open", Rule.SHARE_MIN, HELD_MIN)
_STATED = Want("recoveries stated that never were", "stated", Rule.SHARE_MAX, 1 - HELD_MIN)
_KEPT = Want("a recovery seen in time is stated", "stated", Rule.SHARE_MIN, 0.95)
_HELD = Want("and its interval holds it", "held", Rule.SHARE_MIN, HELD_MIN)
_BEGIN = Want("a trouble among the first requests: held", "held", Rule.SHARE_MIN, 0.90)
_BEGIN_ALL = Want("begins among the first requests: held", "held", Rule.SHARE_MIN, HELD_MIN)
_FIRST = Want("there from the start: an open begin", "open", Rule.SHARE_MIN, HELD_MIN)
_GOODS = (0, 1, 5, 20)


def _endless_rows() -> list[Row]:
    rows = []
    for heal_s in (None, HEAL_SECONDS):
        for share in SHARES:
            for rate in RATES:
                # Fewer than 5 % is a recovery by definition, so that nothing is asked on its edge.
                wants = () if share <= RECOVERED_BELOW_SHARE else (_OPEN, _STATED)
                cells = (f"{share:.0%}", "no fault" if heal_s is None else "a fault", f"{rate}/s")
                quick = (heal_s, share, rate) == (HEAL_SECONDS, 0.1, 50)
                rows.append(Row(cells, endless, (rate, share, heal_s), wants, quick=quick))
    return rows


ENDLESS = Section(
    name="endless",
    title="Troubles without an end, simulated",
    text=(
        "Failures of a constant share to the end of the load: for 20 s, or for 15 s after a fault"
        " with a total outage and its heal. *Open*: the interval of the recovery has no upper end,"
        " as the truth lies beyond the load. *Stated*: a recovery was measured all the same."
        " *Surely*: how long before the end of the load the lower end lies. *Fails*: the run fails"
        " as not recovered within 10 s of the heal. Fewer than 5 % are a recovery by definition: of"
        " that share, on the edge of one, nothing is asked."
    ),
    head=("failing", "when", "rate"),
    columns=(
        Column("found", "found"),
        Column("open", "open"),
        Column("stated", "stated"),
        Column("surely, before the end", "surely", Form.MEDIAN),
        Column("fails", "late"),
    ),
    rows=tuple(_endless_rows()),
)

ENDED = Section(
    name="ended",
    title="Troubles that ended before the load did, simulated",
    text=(
        "An outage or a brownout of 5 s, over so long before the end of the load. *Stated*: a"
        f" recovery was measured. It is asked for where {ENOUGH} requests and a third more come"
        " after it."
    ),
    head=("failing", "load left", "rate"),
    columns=(Column("found", "found"), Column("stated", "stated"), Column("holds", "held")),
    rows=tuple(
        Row(
            (f"{share:.0%}", f"{left_s:g} s", f"{rate}/s"),
            ended,
            (rate, share, left_s),
            (_KEPT, _HELD) if rate * left_s >= ENOUGH * 4 / 3 else (_HELD,),
            quick=(share, left_s, rate) == (1.0, 3.0, 50),
        )
        for share in (0.2, 0.5, 1.0)
        for left_s in (1.0, 3.0, 15.0)
        for rate in RATES
        if (share, rate) != (0.2, 10)  # too few to be found
    ),
)

INITIAL = Section(
    name="initial",
    title="Troubles without a begin, simulated",
    text=(
        "A constant share fails from before the first request, or from after so many good ones, for"
        " 10 s. *Open*: the interval of the onset has no lower end; *first*: the onset said is the"
        " first request; *latest*: by how much the upper end lies after the truth."
    ),
    head=("failing", "good requests before", "rate"),
    columns=(
        Column("found", "found"),
        Column("holds", "held"),
        Column("open", "open"),
        Column("first", "first"),
        Column("latest", "high", Form.MEDIAN),
    ),
    rows=tuple(
        Row(
            (f"{share:.0%}", str(good) if good else "none", f"{rate}/s"),
            initial,
            (rate, share, good),
            (_BEGIN,) if good else (_FIRST,),
            quick=(share, good, rate) == (0.5, 0, 50),
        )
        for share in (0.2, 0.5, 1.0)
        for good in _GOODS
        for rate in RATES
    ),
    together=(_BEGIN_ALL,),
)
