"""Checks of when borrowing was impaired: whose doing it was, and whether it was ever over."""

import math
from collections.abc import Iterator
from dataclasses import asdict
from functools import partial

from harness.history.events import Step
from harness.verdict.checks.bounds import Outlier, longer, outliers
from harness.verdict.checks.case import Case, inconclusive, note
from harness.verdict.measure.baseline import RECOVERED_BELOW_SHARE
from harness.verdict.measure.episodes import impaired, last_stretch, open_ended, overlaps
from harness.verdict.measure.intervals import Share, more_in_first
from harness.verdict.measure.outside_stretches import Tail
from harness.verdict.measure.recovery_by_fault import GroupRecovery, InnerHeal
from harness.verdict.spans import span
from harness.verdict.types import Episode, Finding, Severity
from harness.verdict.units import plural

STEADY_P_MIN = 0.01
"""An end that chance makes likelier than this, by the rest of the run, is as the rest."""
BORROWERS_MIN = 2
"""A single one who fails at a step is an accident, however unlikely."""
_STATE = {
    "outage": "borrowing was down",
    "degraded": "borrowing was degraded",
    "slow": "answers were slow",
}
_NOUNS = {Step.LOG_IN: "log-ins", Step.CREDIT_LINE: "reads of the credit line"}


def episodes(case: Case) -> Iterator[Finding]:
    """Impairments: expected under a fault of lendchaos, a failure anywhere else."""
    for episode in case.measured.episodes:
        severity = _severity(case, episode)
        found = Finding(
            episode.class_,
            severity,
            f"{_STATE[episode.class_]} {span(episode)}{_failed_in(case, episode)}"
            f"{_at_work(case, episode)}"
            + (", which no injected fault accounts for" if severity is Severity.FAIL else ""),
            {name: getattr(episode, name) for name in ("onset_s", "recovered_s", "failed")},
        )
        yield case.weighed(found, partial(_fails_in, _bounds(episode)), _bounds(episode))


def _severity(case: Case, episode: Episode) -> Severity:
    """A failure, unless a fault of lendchaos may account for it or an objective tolerates it."""
    allowed = case.plan.objectives.impaired_episodes_max or 0
    tolerated = len(impaired(case.measured.episodes)) <= allowed
    if episode.class_ == "slow" or tolerated or _is_expected(case, episode):
        return Severity.NOTE
    return Severity.FAIL


def _bounds(episode: Episode) -> tuple[float, float]:
    return episode.onset_s, math.inf if episode.recovered_s is None else episode.recovered_s


def _fails_in(bounds: tuple[float, float], case: Case) -> bool:
    """Whether a run has an impairment in these that fails it."""
    near = [episode for episode in case.measured.episodes if overlaps(episode, *bounds)]
    return any(_severity(case, episode) is Severity.FAIL for episode in near)


def _failed_in(case: Case, episode: Episode) -> str:
    """How many failed meanwhile, and among how many; what is slow need not have failed any."""
    if episode.class_ == "slow" and not episode.failed:
        return ""
    among = f"{episode.failed:,} of {plural(episode.operations, 'request')} failed"
    if episode.class_ != "slow":
        return f" ({among})"
    other = any(overlaps(one, *_bounds(episode)) for one in impaired(case.measured.episodes))
    return f" ({among} meanwhile{', in part while borrowing was impaired' if other else ''})"


def _at_work(case: Case, episode: Episode) -> str:
    """Which of several faults were at work meanwhile; of one alone it goes without saying."""
    end_s = case.measured.timeline.load_end_s or 0.0
    until_s = end_s if episode.recovered_s is None else episode.recovered_s
    met = [
        fault
        for impact in case.measured.impacts
        if (fault := impact.fault).injected_s is not None
        and fault.injected_s <= until_s
        and (end_s if fault.healed_s is None else fault.healed_s) >= episode.onset_s
    ]
    if not met or len(case.measured.impacts) == 1:
        return ""
    shared = any(fault.overlaps for fault in met)
    apart = "; where they overlap their effects can't be told apart" if shared else ""
    return f", with {' and '.join(fault.name for fault in met)} at work{apart}"


def _is_expected(case: Case, episode: Episode) -> bool:
    """Whether it began in the shadow of a fault that borrowers may notice."""
    timeline = case.measured.timeline
    # One that may have been there all along was there at the first request, before any fault.
    earliest_s = episode.onset_s if episode.onset_s_low is None else episode.onset_s_low
    latest_s = episode.onset_s if episode.onset_s_high is None else episode.onset_s_high
    # What was under way when the fault came met it too, unless it was overdue by then. The upper
    # end allows for that already: for a service that decides at the end of a request.
    reach_s = max(0.0, case.measured.overdue_s - case.measured.usual_s)
    end_s = timeline.load_end_s or 0.0
    return any(
        fault.expects_impact
        and fault.injected_s is not None
        and latest_s >= fault.injected_s - reach_s
        and earliest_s <= (end_s if fault.healed_s is None else fault.healed_s + timeline.allowed_s)
        for fault in (impact.fault for impact in case.measured.impacts)
    )


# --- whether it was over -------------------------------------------------------------------------


def not_recovered(case: Case) -> Iterator[Finding]:
    """Nothing shows that borrowing had recovered when the next fault came, or the load ended.

    Whatever ends it later, and however many stretches are allowed: what surely lasts longer than a
    recovery may take has failed, and what may have been over in time decides nothing.
    """
    for found in _without_end(case):
        yield case.weighed(found, _never_ends)


def _never_ends(case: Case) -> bool:
    return any(found.verdict is Severity.FAIL for found in _without_end(case))


def _without_end(case: Case) -> Iterator[Finding]:
    """Whatever was ours."""
    measured = case.measured
    for one in measured.recoveries:
        if one.ended_by and one.group.has_deadline:
            yield from _cut_short(case, one)
        yield from _beside_others(case, one)
    stretches = impaired(measured.episodes)
    last = stretches[-1] if stretches else None
    if last and open_ended(last):
        yield _open_end(case, last_stretch(stretches))
    elif last and not last.confirmed:
        since_s = last.recovered_s if last.recovered_s_high is None else last.recovered_s_high
        ended = f"borrowing came back, but the load ended {_too_soon(case)}"
        message = f"{ended}: {longer(case.facts, measured, since_s or 0.0)}"
        yield inconclusive("not_recovered", message, recovered_s=last.recovered_s)
    elif tail := cut_off(case):
        yield inconclusive("not_recovered", _cut_off(case, tail), **asdict(tail))


def _too_soon(case: Case) -> str:
    below = f"{100 * case.measured.recovered_below:.0f} %"
    return f"too soon after it to show that fewer than {below} of requests fail for good"


def cut_off(case: Case) -> Tail | None:
    """The failures at the very end, to report: no impairment has an end as open as that."""
    stretches = impaired(case.measured.episodes)
    open_end = bool(stretches) and (open_ended(stretches[-1]) or not stretches[-1].confirmed)
    return None if open_end or case.invalidated_by else case.measured.tail


def _cut_short(case: Case, one: GroupRecovery) -> Iterator[Finding]:
    """The next fault came before it was seen that borrowing had recovered from these."""
    seen, heal = one.recovery, f"the heal of {' and '.join(one.group.names)}"
    when = f"fault {' and '.join(one.ended_by)} came"
    unbounded = seen.censored or (seen.from_heal_s is not None and seen.from_heal_s_high is None)
    if unbounded and seen.from_heal_s_low is not None:
        yield _too_long(case, seen.from_heal_s_low, f"after {heal}", when)
    elif seen.from_heal_s is not None and not seen.confirmed:
        message = f"borrowing came back after {heal}, but {when} {_too_soon(case)}"
        yield inconclusive("not_recovered", message, recovered_s=seen.from_heal_s)


def _beside_others(case: Case, one: GroupRecovery) -> Iterator[Finding]:
    """A heal after which borrowing stayed impaired for too long, with other faults in place."""
    allowed_s = case.measured.timeline.allowed_s
    for heal in one.inner:
        if heal.undecided(allowed_s):
            names = ("from_heal_s", "from_heal_s_low", "from_heal_s_high")
            ends = {name: getattr(heal.recovery, name) for name in names}
            told = f"{_stayed(heal, allowed_s)}: {_unexplained(heal)}"
            yield inconclusive("not_recovered", told, fault=heal.fault, **ends, limit_s=allowed_s)


def _unexplained(heal: InnerHeal) -> str:
    came = heal.recovery.next_faults
    others = [name for name in heal.others if name not in came]
    told = [f"fault {name} came then" for name in came]
    if others:
        were, cause = ("was", "it is") if len(others) == 1 else ("were", "one of them is")
        shows = f"and nothing shows that {cause} the cause"
        told.insert(0, f"{' and '.join(others)} {were} at work, {shows}")
    return "; ".join(told)


def attributed_to_fault(case: Case) -> Iterator[Finding]:
    """A heal after which borrowing was impaired for too long, and the fault that explains it."""
    allowed_s = case.measured.timeline.allowed_s
    for heal in (heal for one in case.measured.recoveries for heal in one.inner):
        seen = heal.recovery
        if heal.cause and (seen.censored or (seen.from_heal_s or 0.0) > allowed_s):
            message = f"{_stayed(heal, allowed_s)}; that is put down to {heal.cause}, {heal.why}"
            yield note("attributed_to_fault", message, fault=heal.fault, cause=heal.cause)


def _stayed(heal: InnerHeal, allowed_s: float) -> str:
    seen = heal.recovery
    lasted_s = seen.from_heal_s_low if seen.from_heal_s is None else seen.from_heal_s
    lasted = f"{max(0.0, lasted_s or 0.0):.1f} s after the heal of {heal.fault}"
    return f"borrowing stayed impaired for {lasted} (limit {allowed_s:g} s)"


def _cut_off(case: Case, tail: Tail) -> str:
    """Requests that failed at the very end, too few to be an impairment; a service that failed so
    all along had nothing to come back from.
    """
    calm = case.measured.failed_elsewhere
    rest = Share(max(calm.part - tail.failed, 0), max(calm.whole - tail.requests, 0))
    then = "no one knows whether it would have come back"
    if more_in_first(Share(tail.failed, tail.requests), rest) > STEADY_P_MIN:
        then = f"at other times it was so, too ({rest.part:,} of {rest.whole:,} failed)"
    which = "" if tail.failed == tail.requests else f"{tail.failed} of "
    return (
        f"{which}the last {tail.requests} requests failed, and then the load ended: a service that"
        f" is well ends so in fewer than 1 of {math.floor(1 / tail.chance):,} runs by chance;"
        f" {then}"
    )


def _open_end(case: Case, stretch: list[Episode]) -> Finding:
    """How long an impairment to the end of the load surely lasted after its heal, or its onset."""
    timeline, onset_s = case.measured.timeline, stretch[0].onset_s
    last_s = stretch[-1].recovered_s_low
    last_s = onset_s if last_s is None else last_s
    groups = [one.group for one in case.measured.recoveries if one.group.has_deadline]
    met = [group for group in groups if group.injected_s <= last_s]
    if not met:
        return _too_long(case, last_s - onset_s, "after its onset", "the load ended")
    own_s = 0.0 if _is_expected(case, stretch[0]) else max(0.0, met[0].injected_s - onset_s)
    healed_s = met[-1].healed_s
    if healed_s is None and own_s <= timeline.allowed_s:
        return inconclusive(
            "not_recovered", "borrowing was impaired to the end, and the fault was never healed"
        )
    if healed_s is None or own_s > max(0.0, last_s - healed_s):
        return _too_long(case, own_s, "after its onset", f"fault {met[0].names[0]} came")
    if onset_s > healed_s + timeline.allowed_s:
        return _too_long(case, last_s - onset_s, "after its onset", "the load ended")
    return _too_long(case, last_s - healed_s, "after the last heal", "the load ended")


def _too_long(case: Case, lasted_s: float, since: str, when: str) -> Finding:
    """An impairment that surely lasted ``lasted_s`` seconds, and whose end was not seen."""
    allowed_s, lasted_s = case.measured.timeline.allowed_s, max(0.0, lasted_s)
    late = lasted_s > allowed_s
    return Finding(
        "not_recovered",
        Severity.FAIL if late else Severity.INCONCLUSIVE,
        f"borrowing surely had not recovered {lasted_s:.1f} s {since}, and nothing shows that it"
        f" had when {when} (limit {allowed_s:g} s)"
        + ("" if late else ": whether it did, or would have, in time is not known"),
        {"waited_s": lasted_s, "limit_s": allowed_s, "theta": case.measured.recovered_below},
    )


# --- the steps before the borrow: few take one, so that a share of all hides their loss ----------


def step_impaired(case: Case) -> Iterator[Finding]:
    """Logging in, or reading the credit line, is not as before where no fault accounts for it.

    It is impaired as borrowing is: where more than `RECOVERED_BELOW_SHARE` of the borrowers fail
    at it.
    """
    for step, noun in _NOUNS.items():
        for one in _worse(step, case):
            share = one.calm.failed
            found = Finding(
                "degraded" if one.calm.healed_s is None else "not_recovered",
                Severity.FAIL if one.surely else Severity.INCONCLUSIVE,
                f"{noun}, one of each borrower: {one.reason}",
                {"step": str(step), "failed": share.part, "borrowers": share.whole},
            )
            yield case.weighed(found, partial(_surely, step))


def _worse(step: Step, case: Case) -> list[Outlier]:
    found = outliers(case.measured.step_calms[step], RECOVERED_BELOW_SHARE)
    return [one for one in found if one.calm.failed.part >= BORROWERS_MIN]


def _surely(step: Step, case: Case) -> bool:
    return any(one.surely for one in _worse(step, case))
