"""What is seen that is not there, and what is there and is seen: false stretches, visibility."""

import numpy as np

from benchmarks.sections import Column, Figures, Row, Rule, Section, Want
from benchmarks.simulate import arrivals
from benchmarks.steady import (
    FALSE_MAX,
    LENGTHS,
    SHARES,
    SHUFFLED,
    WITH_FAULTS,
    baseline_from,
    beside_faults,
    shuffled,
    steady,
)
from harness.plan.plan import SteadyState
from harness.verdict.measure.baseline import healthy_share
from harness.verdict.measure.evidence import Evidence
from harness.verdict.measure.search import RequestCounts, impaired_stretches
from harness.verdict.measure.standing_out import Window
from harness.verdict.measure.visibility import SEEN_IN, visible
from harness.verdict.visible import Visible

QUICK_FALSE = (50, (8.0, 28.0), 0.02)
QUICK_SEEN = ("an outage", "10/s", "0.1%")
STRAYS = (0.001, 0.02, 0.10)


def outage(chance: np.random.Generator, rate: int, strays: float) -> Figures:
    """An outage as long as the shortest that such a run is said to see."""
    told_s = _told(rate, strays).outage_s
    assert told_s is not None  # noqa: S101  # for the type checker; the runs are long enough
    return {"seen": _is_seen(chance, rate, strays, told_s, 1.0)}


def brownout(chance: np.random.Generator, rate: int, strays: float) -> Figures:
    """A brownout of the smallest share that such a run is said to see."""
    told = _told(rate, strays)
    assert told.brownout_share is not None  # noqa: S101  # as above
    return {"seen": _is_seen(chance, rate, strays, told.brownout_s, told.brownout_share)}


def _is_seen(
    chance: np.random.Generator, rate: int, strays: float, lasts_s: float, share: float
) -> bool:
    """Whether a stretch is found where so long a trouble is, anywhere after the baseline."""
    baseline_s, end_s = _ends_s(rate)
    times_s = arrivals(rate, "jittered", end_s, chance)
    begin_s = baseline_s + float(chance.random()) * (end_s - baseline_s - lasts_s)
    inside = (times_s >= begin_s) & (times_s < begin_s + lasts_s)
    fails = np.where(inside, max(share, strays), strays)
    bad = chance.random(len(times_s)) < fails
    before = bad[times_s < baseline_s]
    healthy = healthy_share(baseline_from(int(before.sum()), len(before)))
    found = impaired_stretches(RequestCounts(times_s, bad, Evidence.at(times_s)), end_s, healthy)
    return any(
        one.parts[0].start_s < begin_s + lasts_s and one.parts[-1].stop_s >= begin_s
        for one in found
    )


def _told(rate: int, strays: float) -> Visible:
    """What is said of the longest runs, with a baseline that has to be as steady as is usual."""
    before, requests = (round(rate * end_s) for end_s in _ends_s(rate))
    return visible(rate, requests, strays, before, SteadyState().failed_share_max)


def _ends_s(rate: int) -> tuple[float, float]:
    """The longest run of those without a trouble: end of its baseline, and of its load."""
    return LENGTHS[rate][-1]


# --- the tables ----------------------------------------------------------------------------------

_FALSE = Want("a false stretch", "false", Rule.SHARE_MAX, FALSE_MAX)
_SEEN = Want("what is said to be seen is seen", "seen", Rule.SHARE_MIN, SEEN_IN)


def _false_rows() -> list[Row]:
    rows = []
    for rate, every in LENGTHS.items():
        for ends_s in every:
            own = (f"{rate}/s", f"{rate * ends_s[0]:,.0f} of {rate * ends_s[1]:,.0f}")
            rows += [
                Row(
                    (f"{share:.1%}, steadily", *own),
                    steady,
                    (rate, ends_s, share),
                    (_FALSE,),
                    quick=(rate, ends_s, share) == QUICK_FALSE,
                )
                for share in SHARES
            ]
            rows += [
                Row((f"{name}, shuffled", *own), shuffled, (rate, ends_s, trouble), (_FALSE,))
                for name, trouble in SHUFFLED.items()
            ]
    return rows + [_row_with_faults(*one) for one in WITH_FAULTS]


def _row_with_faults(
    rate: int, baseline_s: float, faults_s: tuple[Window, ...], share: float
) -> Row:
    lengths_s = ", ".join(f"{healed_s - injected_s:g}" for injected_s, healed_s in faults_s)
    cells = (
        f"{share:.1%}, steadily, faults of {lengths_s} s",
        f"{rate}/s",
        f"{rate * baseline_s:,.0f} of {rate * (faults_s[-1][1] + 10):,.0f}",
    )
    return Row(cells, beside_faults, (rate, baseline_s, faults_s, share), (_FALSE,))


FALSE = Section(
    name="false",
    title="False stretches, simulated",
    text=(
        "Runs without a trouble: a steady share fails, by chance, also with faults that nobody"
        " notices; or the failures of a trouble and of strays are shuffled over all requests. Every"
        " stretch is false. One row is compared"
        " with its limit beyond chance only; all together are not."
    ),
    head=("failures", "rate", "requests in the baseline"),
    columns=(
        Column("false stretch", "false"),
        Column("by its share", "by share"),
        Column("in a row", "in a row"),
    ),
    rows=tuple(_false_rows()),
    together=(
        _FALSE,
        Want("a false stretch by its share", "by share", Rule.SHARE_MAX, FALSE_MAX / 2),
        Want("a false stretch of failures in a row", "in a row", Rule.SHARE_MAX, FALSE_MAX / 2),
    ),
    few=True,
)


def _seen_rows() -> list[Row]:
    rows = []
    for rate in LENGTHS:
        for strays in STRAYS:
            told = _told(rate, strays)
            for name, run, shown in (
                ("an outage", outage, told.outage_s),
                ("a brownout of 10 s", brownout, told.brownout_share),
            ):
                if shown is None:
                    continue
                cells = (name, f"{rate}/s", f"{strays:.1%}")
                what = f"{shown:.3g} s" if run is outage else f"{shown:.1%}"
                row = Row((*cells, what), run, (rate, strays), (_SEEN,), quick=cells == QUICK_SEEN)
                rows.append(row)
    return rows


VISIBLE = Section(
    name="visible",
    title="What a run can see, simulated",
    text=(
        "The shortest outage and the smallest brownout that a run of this rate and share of strays"
        f" is said to see in {SEEN_IN:.0%} of cases, somewhere after the baseline: how often it is"
        " seen. One row is compared with its limit beyond chance only; all together are not."
    ),
    head=("trouble", "rate", "strays", "said to be seen"),
    columns=(Column("seen", "seen"),),
    rows=tuple(_seen_rows()),
    together=(_SEEN,),
    few=True,
)
