"""Whether borrowing was normal, and steadily so, before anything was broken."""

import math
from dataclasses import dataclass

import numpy as np

from harness.history.columns import seconds
from harness.plan.plan import Plan
from harness.verdict.measure.advice import advise, advised, bounded, requests_enough
from harness.verdict.measure.intervals import Share, differ, events_to_bound
from harness.verdict.measure.noise import HEALTHY_SHARE
from harness.verdict.measure.samples import MeasuredRun, baseline_end_s
from harness.verdict.rounding import places_beside
from harness.verdict.units import plural

RECOVERED_BELOW_SHARE = 0.05
"""Borrowing is recovered when fewer than this share of requests fail."""
RECOVERED_PART = 0.5
"""A mild brownout is over when half of it is: at 5 % of failures it would never have been."""
RECOVERED_ODDS = 2.0
"""Over a steady share of failures an impairment is over at odds between that and an impaired
share's, which are `noise.ODDS_MIN` times as high."""
HALVES_P_MIN = 0.01
UNSTEADY_SHARE_MAX = 0.01
"""No larger share is taken for normal for the sake of a baseline that is not steady."""
SLOW_FACTOR = 1.5
SLOW_MS_MIN = 100.0
"""No one feels a wait below a tenth of a second, however fast the baseline was."""


@dataclass(frozen=True, slots=True)
class Baseline:
    """The normal state; ``reasons`` say why it is not steady (none: it is). Without ``unsteady``
    it was only too short, and ``needed_s`` (in s) would do, if that is known.
    """

    failed: Share
    wait_ms_p95: float | None
    reasons: tuple[str, ...]
    unsteady: bool = True
    needed_s: int | None = None


def baseline_of(run: MeasuredRun) -> Baseline:
    """Measure the baseline and find every reason not to trust it as normal."""
    plan, samples, inside = run.plan, run.samples, run.before
    failed = Share.of(samples.failed, inside)
    asked_s, reasons = plan.steady_state.min_baseline_s, list[str]()
    # The first injection ends it, however long it was to be.
    ends_s = baseline_end_s(plan), run.timeline.injected_s, run.timeline.load_end_s
    length_s = min(at_s for at_s in ends_s if at_s is not None)
    if length_s < asked_s:
        reasons.append(f"it lasted {length_s:.1f} s, and at least {asked_s:g} s were asked for")
    least_s: float | None = asked_s if reasons else 0.0
    limit, rate = plan.steady_state.failed_share_max, plan.settings.rate
    suffices = advise(failed, limit, bounded(limit), rate=rate)
    if failed.whole < events_to_bound(limit, 0.975):
        enough = requests_enough(failed, limit, bounded(limit))
        least_s = None if enough is None else max(least_s or 0.0, enough / rate)
        reasons.append(_too_few(failed, enough, rate, suffices))
    short = len(reasons)
    if failed.whole >= events_to_bound(limit, 0.975) and (failed.high or 0.0) >= limit:
        high = 100 * (failed.high or 0.0)
        places = places_beside(100 * limit, [high], 1)
        told = (
            f"{failed.part} of {failed.whole} borrow requests failed in the baseline, so the share"
            f" may be up to {high:.{places}f} % (limit {100 * limit:g} %): "
        )
        reasons.append(advised(told, suffices))
    if failed.whole:
        middle_s = float(np.median(samples.times_s[inside]))
        first = Share.of(samples.failed, inside & (samples.times_s < middle_s))
        second = Share.of(samples.failed, inside & (samples.times_s >= middle_s))
        if differ(first, second) <= HALVES_P_MIN:
            less = (second.observed or 0.0) < (first.observed or 0.0)
            reasons.append(
                f"its halves disagree: {first.part} of {first.whole} failed, then {second.part} of"
                f" {second.whole}" + (": a longer warm-up may help" if less else "")
            )
    started = _started(run)
    if started.whole and (started.observed or 0.0) < plan.steady_state.started_share_min:
        reasons.append(f"only {started.part} of its {started.whole} planned arrivals were started")
    waits_ms = samples.served_s[inside & samples.answered] * 1e3
    enough = len(waits_ms) >= 20  # noqa: PLR2004  # one answer beyond the 95th percentile
    p95 = float(np.percentile(waits_ms, 95, method="higher")) if enough else None
    unsteady = len(reasons) > short or least_s is None
    needed_s = math.ceil(least_s) if least_s and not unsteady else None
    return Baseline(failed, p95, tuple(reasons), unsteady, needed_s)


def _too_few(failed: Share, enough: int | None, rate: float, suffices: str) -> str:
    """How many requests of the baseline ended, and how many are needed."""
    count = plural(failed.whole, "borrow request")
    seen = f" ({failed.part} failed)" if failed.part else ""
    if enough is None:
        return advised(f"{count}{seen}: ", suffices)
    length_s = math.ceil(10 * enough / rate) / 10
    return f"{count}{seen}, {enough:,} are needed (about {length_s:.1f} s at {rate:g} a second)"


def too_short_a_baseline(plan: Plan) -> str:
    """Before a run: that its baseline will hardly do, and how long it must be; empty if it will."""
    end_s, limit = baseline_end_s(plan), plan.steady_state.failed_share_max
    requests = sum(0 <= arrival.at_s < end_s for arrival in plan.arrivals)
    enough = requests_enough(Share(0, 0), limit, bounded(limit))
    if enough is not None and requests >= enough:
        return ""
    suffices = advise(Share(0, 0), limit, bounded(limit), rate=plan.settings.rate)
    return f"{requests} requests of the baseline are too few: {suffices}"


def _started(run: MeasuredRun) -> Share:
    """How many of the arrivals planned for the baseline the load generator started."""
    clock, operations = run.facts.status.clock, run.facts.operations
    if clock is None:
        return Share(0, 0)
    at_s = seconds(operations.intended_ns, clock.zero_ns)
    return Share.of(~operations.dropped, (at_s >= 0) & (at_s < baseline_end_s(run.plan)))


def slow_limit_ms(baseline: Baseline) -> float | None:
    """Answers that took longer are slow; None when too few were answered before to say."""
    if baseline.wait_ms_p95 is None:
        return None
    return max(SLOW_FACTOR * baseline.wait_ms_p95, SLOW_MS_MIN)


def overdue_s(plan: Plan, baseline: Baseline) -> float:
    """A request under way for so long, in s, is in trouble already: no fault that comes then made
    it so. Without a baseline to tell by, that is as long as a request may take.
    """
    limit_ms = slow_limit_ms(baseline)
    longest_s = plan.settings.request_timeout_s
    return longest_s if limit_ms is None else min(limit_ms / 1e3, longest_s)


def healthy_share(baseline: Baseline) -> float:
    """The share of failures that is taken for normal.

    A hundred good requests do not show that none in a hundred fails, so the estimate is Jeffreys':
    half a failure more among one request more. A bad baseline must not hide an outage. What of it
    is steady all through the run is found by the search, which begins with this share.
    """
    failed = baseline.failed
    share = (failed.part + 0.5) / (failed.whole + 1)
    return max(HEALTHY_SHARE, min(share, UNSTEADY_SHARE_MAX) if baseline.reasons else share)


def usual_max(baseline: Baseline) -> float:
    """The largest share that may fail at any time, by what the baseline shows.

    A service comes back to a share of failures only that it had before. Next to none before, in
    however few requests, is none: what fails after an impairment may be what is left of it.
    """
    failed = baseline.failed
    few, healthy = RECOVERED_BELOW_SHARE / 2, HEALTHY_SHARE
    rare = (failed.observed or 0.0) <= few or (failed.low or 0.0) <= healthy
    return 0.0 if rare else (failed.high or 0.0)


def recovered_share(usual: float, worst: float = 1.0) -> float:
    """The share of failures below which an impairment is over; ``worst`` is its largest share.

    ``usual`` is the share that fails outside of all impairments. Up to half of
    `RECOVERED_BELOW_SHARE` it is told apart from that. A larger one is what a service comes back to
    that always fails so often, so the limit lies above it, at `RECOVERED_ODDS` times its odds.
    """
    if usual <= RECOVERED_BELOW_SHARE / 2:
        return min(RECOVERED_BELOW_SHARE, RECOVERED_PART * worst)
    above = RECOVERED_ODDS * usual / (1 + (RECOVERED_ODDS - 1) * usual)
    halfway = usual + RECOVERED_PART * max(0.0, worst - usual)
    return min(max(RECOVERED_BELOW_SHARE, above), halfway, 1 - RECOVERED_BELOW_SHARE)
