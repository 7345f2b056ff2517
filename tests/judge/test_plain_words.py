"""Sentences that say no more than is known, and leave out nothing that would change their sense."""

from collections.abc import Callable
from dataclasses import replace

import pytest

from harness.faults import Refuse
from harness.history.events import Ending, HealthAddress, Outcome
from harness.history.reader import Facts
from harness.plan.plan import Objectives, Plan
from harness.report.html import render
from harness.report.tiles import tiles
from harness.verdict.judge import judge
from harness.verdict.reasons import about
from harness.verdict.spans import began, span
from harness.verdict.types import Finding, Judgement, ObjectiveResult, Severity, Verdict
from tests.builders import cut_run, during, facts, operations, plan_of, polls


def tile(plan: Plan, verdict: Verdict, name: str) -> str:
    """One key figure with its notes, as one text."""
    (found,) = [one for one in tiles(plan, verdict) if one.name == name]
    return "; ".join((found.figure, *found.notes))


def finding(verdict: Verdict, code: str) -> Finding:
    """The only finding of this kind."""
    (found,) = [one for one in verdict.findings if one.code == code]
    return found


def steady(plan: Plan, every: int) -> Callable[[float], bool]:
    """One request of so many fails, from first to last."""
    bad = {arrival.at_s for index, arrival in enumerate(plan.arrivals) if index % every == 3}
    return bad.__contains__


# --- the end ---------------------------------------------------------------------------------


def ending_well() -> tuple[Plan, Facts, Verdict]:
    """At 1/s an outage of seven requests, and 18 that are served after it."""
    plan = plan_of(rate=1.0, baseline_s=10.0, recovery_s=25.0)
    starts_s = sorted(a.at_s for a in plan.arrivals)[-25:-18]
    known = facts(plan, operations(plan, set(starts_s).__contains__))
    return plan, known, judge(plan, known)


def test_an_end_that_is_not_confirmed_is_not_told_as_lasting() -> None:
    """Those served after the last failure are too few to call it over: that is what is said."""
    plan, known, verdict = ending_well()
    (episode,) = verdict.episodes

    assert episode.recovered_s is None
    assert episode.failed == 7
    assert episode.served_after == 18
    told = f"; the last failure at {episode.last_failure_s:.1f} s, too little came after it"
    assert f"{told} to call it over" in verdict.sentence
    assert told in finding(verdict, "outage").message
    assert "to the end" not in verdict.sentence
    assert "to the end" not in tile(plan, verdict, "Time to recover")
    page = render(plan, known, verdict)
    assert "to the end of the run" not in page
    assert f"outage {began(episode)}, end not confirmed</text>" in page


def test_what_fails_to_the_last_request_lasts_to_the_end() -> None:
    """Nothing was served after it; or, of one in ten, as few as chance leaves."""
    plan = plan_of()
    for fails in (during(20.0, 100.0), lambda at_s: at_s > 12 and round(at_s * 50) % 10 == 5):
        verdict = judge(plan, facts(plan, operations(plan, fails)))
        assert "to the end" in verdict.sentence
        assert "the last failure" not in verdict.sentence


# --- the baseline ----------------------------------------------------------------------------


def down_in_the_baseline() -> tuple[Plan, Verdict]:
    """Down from the warm-up until 6 s; the last fault of the baseline is over at its end."""
    plan = plan_of()
    ops = tuple(
        replace(one, ending=Ending.UNFINISHED, outcome=Outcome.INDETERMINATE)
        if -0.1 < plan.arrivals[one.arrival].at_s < 0.1
        else one
        for one in operations(plan, during(-1.0, 6.0))
    )
    return plan, judge(plan, facts(plan, ops))


def test_failures_of_the_baseline_are_told_as_such() -> None:
    """In the sentence, and beside the figure of the first screen."""
    plan, verdict = down_in_the_baseline()
    earlier = verdict.borrow.failed

    assert f" after the baseline and {earlier} during it;" in verdict.sentence
    assert "then 100 of 200: a longer warm-up may help" in str(verdict.findings)
    told = tile(plan, verdict, "Failed borrow requests")
    assert told.startswith(f"{verdict.episodes[0].failed}; of ")
    assert f"more in the baseline: {earlier} failed" in tile(plan, verdict, "Lost service")


def test_unknown_outcomes_say_whom_they_count() -> None:
    """The ledger settles those of the warm-up, too."""
    plan, verdict = down_in_the_baseline()
    counted = verdict.borrow.indeterminate
    ledger = verdict.reconciliation
    settled = (ledger.committed_unknown or 0) + (ledger.not_committed_unknown or 0)

    assert settled > counted > 0
    told = f"ledger has {settled} with the warm-up's: "
    assert told in tile(plan, verdict, "Unknown outcome")


# --- the tile of the recovery ----------------------------------------------------------------


def test_without_a_fault_there_is_no_heal_to_count_from() -> None:
    """Whatever else the run left open is no reason for it."""
    plan = plan_of(objectives=Objectives(failed_share_max=0.25, impaired_episodes_max=1))
    verdict = judge(plan, facts(plan, operations(plan, during(11.0, 14.0))))
    shown = tile(plan, verdict, "Time to recover")

    assert shown.startswith("not measured; no injected fault")
    assert "borrowing was down from 11.0 s to 14.0 s" in shown
    open_point = Finding(
        "objective_undecided", Severity.INCONCLUSIVE, "so few are within chance", {}
    )
    other = replace(verdict, findings=[open_point])
    assert tile(plan, other, "Time to recover") == shown


# --- instants --------------------------------------------------------------------------------


def test_an_instant_is_told_no_finer_than_its_interval_in_a_sentence() -> None:
    """Hundredths only of what is short, and only where they mean something."""
    (known,) = judge(*cut_run()).episodes
    short = replace(
        known,
        onset_s=13.004, onset_s_low=12.991, onset_s_high=13.012,
        recovered_s=13.6996, recovered_s_low=13.2995, recovered_s_high=15.1788,
    )  # fmt: skip
    wide = replace(short, onset_s_low=12.6, recovered_s=13.03)

    assert span(short) == "from 13.00 s to 13.7 s"
    assert span(wide) == "around 13.0 s"


# --- health ----------------------------------------------------------------------------------


def test_green_health_says_what_is_left_out() -> None:
    """Health is asked around the edge: a fault there is none that it could show."""
    plan = plan_of(Refuse(link="edge"))
    known = facts(plan, operations(plan, lambda at_s: 8 <= at_s < 13 or at_s >= 20))
    seen = replace(known, health=polls(plan), health_address=HealthAddress("/readyz", 5.0))
    verdict = judge(plan, seen)

    left_out = "not counting faults on the edge and the time allowed to recover from them"
    assert left_out in finding(verdict, "grey_failure").message
    assert left_out not in str(judge(*cut_run()).findings)


# --- steady shares ---------------------------------------------------------------------------


def test_a_steady_share_of_failures_is_not_nothing() -> None:
    """It was so from first to last: that is said, and not that it might have come back."""
    plan = plan_of()
    known = facts(plan, operations(plan, steady(plan, 6)))
    verdict = judge(plan, known)

    assert not verdict.episodes
    assert "Nothing was injected, yet borrow requests failed throughout: " in verdict.sentence
    for told in (verdict.sentence, render(plan, known, verdict)):
        assert "no impairment" not in told
        assert "no stretch stands out" in told
    unending = finding(verdict, "not_recovered")
    assert unending.verdict is Severity.INCONCLUSIVE
    assert "come back" not in unending.message
    assert "at other times" in unending.message


def test_failures_with_which_a_good_run_ends_may_have_been_its_end() -> None:
    """There it is a change."""
    plan = plan_of()
    last_s = sorted(a.at_s for a in plan.arrivals)[-3:]
    verdict = judge(plan, facts(plan, operations(plan, set(last_s).__contains__)))

    assert "no one knows whether it would have come back" in str(verdict.findings)


# --- figures beside a limit ------------------------------------------------------------------


@pytest.mark.parametrize(
    ("ends", "limit", "told"),
    [
        (
            (8.2, 8.2, 10.04),
            10.0,
            "took 8.20 s to recover; the limit is 10 s (95 % interval 8.20 s to 10.04 s)",
        ),
        (
            (-0.04, -0.04, 15.2),
            10.0,
            "recovered at once; the limit is 10 s (95 % interval at most 15.2 s)",
        ),
    ],
)
def test_a_figure_is_on_the_side_of_its_limit_that_it_is_on(
    ends: tuple[float, float, float], limit: float, told: str
) -> None:
    """More decimals where one would hide that the limit lies inside; no nought with a sign."""
    result = ObjectiveResult("recovery_seconds_max", limit, *ends, Judgement.INCONCLUSIVE)

    assert about(result) == f"borrowing {told}"
