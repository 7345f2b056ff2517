"""Counts, windows, phases, episodes, faults and recovery from hand-made facts."""

import time
from dataclasses import replace

import pytest

from harness.faults import Kill
from harness.history.events import Ending, Outcome, Proof, Step
from harness.plan.decline import Decline
from harness.verdict.measure.measurement import measure
from tests import builders
from tests.builders import CUT, at_ns, cut_run, during, facts, operations, plan_of


def test_every_arrival_is_counted_once() -> None:
    """Planned = approved + referred + declined + failed + dropped, whatever happened."""
    plan = plan_of(CUT, population="mixed", rate=100)
    ops = operations(plan, during(8, 13))
    ops = (*ops[:-3], *(builders.dropped(plan, op.arrival) for op in ops[-3:]))

    found = measure(plan, facts(plan, ops))
    borrow, load = found.borrow, found.load
    declined = borrow.declined
    assert load.arrivals == len(plan.arrivals)
    assert load.dropped == 3
    assert min(declined.credit, declined.policy, declined.behaviour, borrow.referred) > 0
    assert load.arrivals - load.warm_up_arrivals - load.dropped == borrow.operations
    assert borrow.operations == (
        borrow.approved
        + borrow.referred
        + declined.credit
        + declined.policy
        + declined.behaviour
        + borrow.failed
    )


def test_warm_up_is_not_counted() -> None:
    """Failures of the warm-up change no figure of borrowing."""
    plan = plan_of()
    found = measure(plan, facts(plan, operations(plan, lambda at_s: at_s < 0)))

    assert found.borrow.failed == 0
    assert found.load.warm_up_arrivals == pytest.approx(50, abs=2)
    assert found.episodes == []


def test_shares_refer_to_the_window_from_the_injection() -> None:
    """Failed share and lost service count from the first injection to the end of load."""
    plan, known = cut_run(end_s=13.0)
    found = measure(plan, known).borrow

    assert found.window.start_s == pytest.approx(plan.faults[0].inject_s)
    assert found.window.end_s == pytest.approx(28.0)
    assert found.window.operations == pytest.approx(1000, abs=2)
    assert found.lost_service_seconds == pytest.approx(5.0, abs=0.05)
    assert found.failed_share == pytest.approx(0.25, abs=0.003)
    assert found.failed_share_low is not None
    assert found.failed_share_high is not None
    assert found.failed_share_low < 0.25 < found.failed_share_high


def test_window_without_a_fault_is_all_after_the_baseline() -> None:
    """With nothing injected, shares refer to the observation."""
    plan = plan_of()
    window = measure(plan, facts(plan)).borrow.window

    assert (window.start_s, window.end_s) == (8.0, 28.0)


def test_failures_by_phase() -> None:
    """Each failure counts in the phase its arrival was planned in."""
    plan, known = cut_run()
    counts = measure(plan, known).borrow.failed_by_phase

    assert counts["baseline"] == 0
    assert counts["fault"] == pytest.approx(250, abs=1)
    assert counts["recovery"] == pytest.approx(15, abs=1)


def test_phases_are_as_run() -> None:
    """A fault injected and healed later than planned moves the phases."""
    plan, known = cut_run()
    late = replace(known.faults[0], inject_called_ns=at_ns(8.4), healed_ns=at_ns(13.9))
    found = measure(plan, replace(known, faults=(late,))).phases

    assert [(p.name, p.start_s, p.end_s) for p in found] == [
        ("warm-up", -1.0, 0.0),
        ("baseline", 0.0, 8.4),
        ("fault", 8.4, 13.9),
        ("recovery", 13.9, 28.0),
    ]


def test_blocked_borrows_and_log_ins() -> None:
    """A failed log-in fails its borrow, and counts on its own, too."""
    plan = plan_of(log_in_share=1.0)
    ops = operations(plan, during(10, 11), attempts=0, blocked_by=Step.LOG_IN)
    tries = [
        builders.attempt(op, Step.LOG_IN, outcome=Outcome.FAILED if op.blocked_by else Outcome.OK)
        for op in ops
    ]
    found = measure(plan, facts(plan, ops, attempts=tuple(tries)))

    blocked = sum(op.blocked_by is Step.LOG_IN for op in ops)
    assert blocked == pytest.approx(50, abs=1)
    assert found.borrow.blocked == found.borrow.failed == found.log_in.failed == blocked
    assert found.log_in.operations == found.borrow.operations
    assert found.log_in.affected_borrowers == found.borrow.affected_borrowers == blocked


def test_a_declined_borrower_is_not_affected() -> None:
    """A right decline is an answer, not a failure."""
    plan = plan_of(population="mixed")
    found = measure(plan, facts(plan)).borrow

    assert found.declined.policy > 0
    assert (found.failed, found.affected_borrowers) == (0, 0)


def test_send_lag_is_that_of_the_first_attempt() -> None:
    """The lag of an arrival ends with its first request, not with its borrow."""
    plan = plan_of(rate=10)
    ops = operations(plan)
    log_ins = [builders.attempt(o, Step.LOG_IN, started_ns=o.intended_ns + 7_000_000) for o in ops]
    borrows = [builders.attempt(o, started_ns=o.intended_ns + 90_000_000) for o in ops]
    found = measure(plan, facts(plan, ops, attempts=(*log_ins, *borrows)))

    assert found.load.send_lag_ms_p99 == pytest.approx(7.0)


def test_achieved_rate_compares_started_with_planned() -> None:
    """Dropped arrivals lower it, the scatter of arrival times does not."""
    plan = plan_of()
    ops = operations(plan)
    half = len(ops) // 2
    ops = (*ops[:half], *(builders.dropped(plan, op.arrival) for op in ops[half:]))

    assert measure(plan, facts(plan, ops)).load.rate_achieved == pytest.approx(25, abs=0.1)


def test_outage_and_its_edges() -> None:
    """A cut that all requests fail under is one outage, dated to a hundredth of a second."""
    plan, known = cut_run()
    (episode,) = measure(plan, known).episodes

    assert (episode.class_, episode.confirmed, episode.failed) == ("outage", True, 265)
    assert episode.onset_s == pytest.approx(8.0, abs=0.03)
    assert episode.recovered_s == pytest.approx(13.3, abs=0.03)


def test_edges_follow_the_planned_start_not_the_timeout() -> None:
    """Requests that time out two seconds later move neither onset nor recovery."""
    plan, known = cut_run()
    ops = tuple(
        replace(op, outcome=Outcome.INDETERMINATE, ended_ns=op.intended_ns + 2 * 10**9)
        if op.failed
        else op
        for op in builders.rows(known.operations)
    )
    (episode,) = measure(plan, facts(plan, ops)).episodes

    assert episode.onset_s == pytest.approx(8.0, abs=0.03)
    assert episode.recovered_s == pytest.approx(13.3, abs=0.03)


def test_partial_failure_is_degraded() -> None:
    """Every second request failing is a degraded episode."""
    plan = plan_of()
    ops = tuple(
        builders.failed(plan, op.arrival) if op.arrival % 2 and 10 <= at_s < 15 else op
        for op, at_s in zip(operations(plan), (a.at_s for a in plan.arrivals), strict=True)
    )
    (episode,) = measure(plan, facts(plan, ops)).episodes

    assert episode.class_ == "degraded"


def test_late_answers_are_slow() -> None:
    """Answers that come, but late, make a slow episode and fail nobody."""
    plan = plan_of()
    ops = tuple(
        replace(op, ended_ns=op.intended_ns + 700_000_000) if 10 <= a.at_s < 14 else op
        for op, a in zip(operations(plan), plan.arrivals, strict=True)
    )
    (episode,) = measure(plan, facts(plan, ops)).episodes

    assert (episode.class_, episode.failed) == ("slow", 0)
    assert episode.onset_s == pytest.approx(10.0, abs=0.05)
    assert episode.recovered_s == pytest.approx(14.0, abs=0.05)


def test_recovery_counts_from_the_heal() -> None:
    """Recovery is heal to normal; from the injection, the whole outage."""
    plan, known = cut_run()
    found = measure(plan, known).recovery
    heal_s, inject_s = plan.faults[0].heal_s, plan.faults[0].inject_s

    assert found.from_heal_s == pytest.approx(13.3 - heal_s, abs=0.03)
    assert found.from_injection_s == pytest.approx(13.3 - inject_s, abs=0.03)
    assert found.first_success_s == pytest.approx(13.3 - heal_s, abs=0.03)
    assert found.first_failure_s == pytest.approx(0.0, abs=0.03)
    assert found.confirmed


def test_recovery_before_the_heal_is_negative() -> None:
    """Requests that waited out the cut may be served before the heal is confirmed."""
    plan, known = cut_run(end_s=11.5)

    found = measure(plan, known).recovery

    assert found.from_heal_s == pytest.approx(-1.5, abs=0.05)


def test_nothing_to_recover_from_is_confirmed_by_what_followed() -> None:
    """A tolerated fault has no recovery time, and enough good answers after it to say so."""
    plan = plan_of(CUT)
    found = measure(plan, facts(plan)).recovery

    assert found.from_heal_s is None
    assert found.confirmed


def test_an_outage_to_the_end_has_not_recovered() -> None:
    """Where failures go on to the end of load there is no recovery time."""
    plan, known = cut_run(end_s=100.0)
    found = measure(plan, known)

    assert found.recovery.from_heal_s is None
    assert found.episodes[-1].recovered_s is None
    assert not found.recovery.confirmed


def test_one_per_cent_is_not_resolvable_in_a_short_baseline() -> None:
    """400 requests bound the normal share by 0.9 %: too much to see a return below 1 %."""
    plan, known = cut_run()
    crossings = {c.failed_share: c.resolvable for c in measure(plan, known).recovery.crossings}

    assert crossings == {0.5: True, 0.05: True, 0.01: False}


def test_a_fault_that_borrowers_met_has_bitten() -> None:
    """Control plane, canary and borrowers agree."""
    plan, known = cut_run()
    (impact,) = measure(plan, known).impacts

    assert impact.fault.bit is True
    assert "failed under it" in impact.fault.proof[-1]


@pytest.mark.parametrize("lacking", ["control_plane", "canary"])
def test_a_fault_without_a_proof_has_not_bitten(lacking: str) -> None:
    """Failures alone do not show that it was this fault."""
    plan, known = cut_run()
    (fact,) = known.faults
    proofs = tuple(replace(p, holds=p.holds and p.kind != lacking) for p in fact.proofs)
    (impact,) = measure(plan, replace(known, faults=(replace(fact, proofs=proofs),))).impacts

    assert impact.fault.bit is False
    assert len(impact.missing) == 1


def test_a_fault_nobody_noticed_has_not_bitten() -> None:
    """In place and proven, but borrowers fared as before."""
    plan = plan_of(CUT)
    (impact,) = measure(plan, facts(plan)).impacts

    assert impact.fault.bit is False


def test_an_expected_lack_of_impact_is_a_bite() -> None:
    """A fault that borrowers should not notice needs the first two proofs only."""
    plan = plan_of(Kill("replica-1", expects_impact=False))
    (impact,) = measure(plan, facts(plan)).impacts

    assert impact.fault.bit is True


def test_slower_answers_alone_are_a_bite() -> None:
    """A fault may show in the waiting time only."""
    plan = plan_of(CUT)
    ops = tuple(
        replace(op, ended_ns=op.intended_ns + 80_000_000) if 8 <= a.at_s < 13 else op
        for op, a in zip(operations(plan), plan.arrivals, strict=True)
    )
    (impact,) = measure(plan, facts(plan, ops)).impacts

    assert impact.fault.bit is True


def test_the_last_proof_of_a_kind_counts() -> None:
    """A fault that came away again is not healed by an earlier look."""
    plan, known = cut_run()
    (fact,) = known.faults
    again = replace(fact, proofs=(*fact.proofs, Proof("healed", holds=False, text="still there")))

    (impact,) = measure(plan, replace(known, faults=(again,))).impacts

    assert not impact.healed


def test_what_was_under_way_at_the_injection_is_not_baseline() -> None:
    """A request that met the fault on its way spoils neither the baseline nor the outside.

    An answer takes 0.6 s here, so that none of them was overdue.
    """
    plan, known = cut_run()
    ops = tuple(
        builders.failed(plan, op.arrival, ended_ns=at_ns(9.0))
        if 7.5 <= a.at_s < 8
        else replace(op, ended_ns=at_ns(a.at_s + (0.3 if 7 <= a.at_s < 8 else 0.6)))
        for op, a in zip(builders.rows(known.operations), plan.arrivals, strict=True)
    )
    found = measure(plan, facts(plan, ops))

    assert found.borrow.failed_by_phase["baseline"] == 25
    assert found.baseline.reasons == ()
    assert found.failed_outside.part == 0


def test_a_run_that_never_began_has_no_numbers() -> None:
    """Without a clock there is nothing to measure, and nothing is made up."""
    plan = plan_of(CUT)
    none = facts(plan, (), status=builders.status(plan, clock=None, load_ended_ns=None), faults=())
    found = measure(plan, none)

    assert found.phases == []
    assert found.borrow.failed_share is None
    assert found.borrow.lost_service_seconds is None
    assert found.load.rate_achieved is None


def test_an_interrupted_baseline_has_no_window() -> None:
    """A run that ended before its window began measures no share."""
    plan = plan_of(CUT)
    ops = tuple(op for op in operations(plan) if op.intended_ns < at_ns(4))
    status = builders.status(plan, interrupted=True, load_ended_ns=at_ns(4))
    found = measure(plan, facts(plan, ops, status=status, faults=()))

    assert [phase.name for phase in found.phases] == ["warm-up", "baseline"]
    assert found.borrow.window.operations == 0
    assert found.borrow.failed_share is None


def test_unfinished_operations_are_failures_without_a_wait() -> None:
    """What was still under way after the drain failed its borrower."""
    plan = plan_of()
    ops = builders.changed(
        operations(plan),
        700,
        outcome=Outcome.INDETERMINATE,
        ending=Ending.UNFINISHED,
        ended_ns=None,
    )
    found = measure(plan, facts(plan, ops))

    assert (found.load.unfinished, found.borrow.indeterminate, found.borrow.failed) == (1, 1, 1)


def test_declines_by_cause() -> None:
    """Each right decline counts under its business cause."""
    plan = plan_of(population="mixed")
    ops = operations(plan)
    declined = measure(plan, facts(plan, ops)).borrow.declined
    after = [op for op in ops if op.intended_ns >= builders.ZERO_NS]

    assert declined.credit == sum(op.decline is Decline.CREDIT for op in after)
    assert declined.behaviour == sum(op.decline is Decline.BEHAVIOUR for op in after)


def test_twenty_thousand_operations_are_measured_in_seconds() -> None:
    """A hundred seconds at 200 a second are measured while one waits."""
    plan = plan_of(CUT, rate=200, baseline_s=30.0, fault_s=20.0, recovery_s=49.0)
    _, known = cut_run(plan, start_s=30.0, end_s=52.0)

    before = time.process_time()
    found = measure(plan, known)

    assert len(known.operations) == 20_000
    assert found.recovery.confirmed
    assert time.process_time() - before < 3


def test_sessions_that_were_over() -> None:
    """A 401 that was no refusal, in any step but the log-in, after the warm-up."""
    plan = plan_of(log_in_share=0.5)
    ops = operations(plan)
    counted = [o for o in ops if o.intended_ns >= builders.ZERO_NS]
    over = [builders.attempt(o, Step.CREDIT_LINE, status=401) for o in counted[:7]]
    others = [
        builders.attempt(ops[0], status=401),  # warm-up
        builders.attempt(counted[8], status=401, false_declined=True),
        builders.attempt(counted[9], status=401, decline=Decline.CREDIT),
        builders.attempt(counted[10], Step.LOG_IN, status=401),
        builders.attempt(counted[11], status=403),
    ]

    assert ops[0] not in counted
    assert measure(plan, facts(plan, ops, attempts=(*over, *others))).log_in.renewed == 7
