"""Checks of the evidence itself: whatever is missing decides nothing."""

from dataclasses import replace

import pytest

from harness.history.events import Proof
from harness.history.fault_facts import EndedBy, ForeignChange, LockHolder
from harness.history.run_facts import ErrorRecord
from harness.plan.plan import Objectives
from harness.verdict.judge import judge
from harness.verdict.types import Finding, Judgement, Severity, Verdict
from tests import builders
from tests.builders import CUT, at_ns, cut_run, during, facts, operations, plan_of
from tests.judge.helpers import codes


def test_a_fault_nobody_noticed_is_inconclusive() -> None:
    """In place and proven, but it tested nothing."""
    plan = plan_of(CUT)
    verdict = judge(plan, facts(plan))

    assert codes(verdict) == {"fault_did_not_bite": "inconclusive"}
    assert "a borrower who noticed" in verdict.findings[0].message


@pytest.mark.parametrize(
    ("kind", "name", "said"),
    [
        ("control_plane", "the control plane", "not in the list"),
        ("canary", "the canary", "it was answered"),
    ],
)
@pytest.mark.parametrize("expects_impact", [True, False])
def test_a_missing_proof_is_named(kind: str, name: str, said: str, *, expects_impact: bool) -> None:
    """Failed or never tried, tolerated or not: which one it is, and what it said instead."""
    plan = plan_of(replace(CUT, expects_impact=expects_impact))
    known = cut_run(plan)[1] if expects_impact else facts(plan)
    (fact,) = known.faults
    others = tuple(proof for proof in fact.proofs if proof.kind != kind)
    failed = (*others, Proof(kind, holds=False, text=said))
    for proofs, told in ((failed, said), (others, "it was not tried")):
        verdict = judge(plan, replace(known, faults=(replace(fact, proofs=proofs),)))
        (finding,) = [f for f in verdict.findings if f.code == "fault_did_not_bite"]

        assert finding.verdict.value == "inconclusive"
        assert f"lacks {name}" in finding.message
        assert told in finding.message
        assert len(finding.evidence["missing"]) == 1
        assert (verdict.verdict, verdict.faults[0].bit) == (Judgement.INCONCLUSIVE, False)


def test_the_clients_view_is_named_with_its_numbers() -> None:
    """In place and met by its canary, but borrowers fared no worse than before."""
    plan = plan_of(CUT)
    (finding,) = judge(plan, facts(plan)).findings

    assert "lacks the clients' view: a borrower who noticed" in finding.message
    assert "0 of 250 requests failed under it, 0 of 399 before" in finding.message


def test_every_missing_proof_is_named() -> None:
    """All three at once."""
    plan = plan_of(CUT)
    known = facts(plan)
    (fact,) = known.faults
    (finding,) = [
        f
        for f in judge(plan, replace(known, faults=(replace(fact, proofs=()),))).findings
        if f.code == "fault_did_not_bite"
    ]

    for name in ("the control plane", "the canary", "the clients' view"):
        assert name in finding.message


def test_a_tolerated_fault_needs_no_borrower_who_noticed() -> None:
    """Control plane and canary suffice when no effect is expected."""
    plan = plan_of(replace(CUT, expects_impact=False))

    assert judge(plan, facts(plan)).verdict is Judgement.PASS


def test_a_fault_whose_silence_was_anothers_is_inconclusive() -> None:
    """The reason stands in the finding: nobody takes it for a fault that failed."""
    plan, known = cut_run()
    (fact,) = known.faults
    text = "during: no answer; so it was before this injection, with 1-kill at work: no proof"
    proofs = (fact.proofs[0], Proof("canary", holds=False, text=text), fact.proofs[2])
    verdict = judge(plan, replace(known, faults=(replace(fact, proofs=proofs),)))

    assert codes(verdict)["fault_did_not_bite"] == "inconclusive"
    assert any("with 1-kill at work" in f.message for f in verdict.findings)


def test_a_fault_that_was_never_injected_is_inconclusive() -> None:
    """A run to the end without its fault tested nothing."""
    plan = plan_of(CUT)
    verdict = judge(plan, facts(plan, faults=()))

    assert codes(verdict)["fault_did_not_bite"] == "inconclusive"
    assert verdict.faults[0].injected_s is None
    assert "was never injected" in verdict.sentence


def test_a_fault_that_was_not_healed_is_inconclusive() -> None:
    """The canary after the heal must answer."""
    plan, known = cut_run()
    (fact,) = known.faults
    proofs = (*fact.proofs[:2], Proof("healed", holds=False, text="still there"))
    verdict = judge(plan, replace(known, faults=(replace(fact, proofs=proofs),)))

    assert codes(verdict)["not_healed"] == "inconclusive"


def test_what_a_fault_left_behind_is_inconclusive() -> None:
    """Healed and proven, but its column could not be dropped again: said, never passed over."""
    plan, known = cut_run()
    (fact,) = known.faults
    left = replace(fact, clean_up_error="column could not be dropped")
    verdict = judge(plan, replace(known, faults=(left,)))
    other = replace(known, faults=(replace(fact, error="clean-up: it is all in words"),))

    assert "unclean_recovery" not in codes(judge(plan, known))
    assert "unclean_recovery" not in codes(judge(plan, other))
    assert codes(verdict)["unclean_recovery"] == "inconclusive"
    (finding,) = [f for f in verdict.findings if f.code == "unclean_recovery"]
    assert finding.message.endswith("was left behind: clean-up: column could not be dropped")
    assert verdict.exit_code == 3


def test_too_short_a_baseline_is_not_steady() -> None:
    """Too few requests to know what is normal; the message says how many it needs."""
    plan = plan_of(CUT, baseline_s=2.0)
    verdict = judge(*cut_run(plan, start_s=2.0, end_s=7.2))

    assert codes(verdict)["baseline_not_steady"] == "inconclusive"
    (finding,) = [f for f in verdict.findings if f.code == "baseline_not_steady"]
    assert finding.message == (
        "the baseline is too short: 99 borrow requests, 221 are needed (about 4.5 s at 50 a second)"
    )
    assert "lengthen the baseline (`--baseline 5s`). " in verdict.sentence


def test_a_failing_baseline_is_not_steady() -> None:
    """Every twentieth request failing all along is no normal to compare with."""
    plan = plan_of(CUT)
    ops = tuple(
        builders.failed(plan, o.arrival) if o.arrival % 20 == 0 else o
        for o in builders.rows(cut_run(plan)[1].operations)
    )
    verdict = judge(plan, facts(plan, ops))

    assert codes(verdict)["baseline_not_steady"] == "inconclusive"


def test_dropped_arrivals_are_inconclusive() -> None:
    """Evidence that the load generator lost is never the target's failure."""
    plan = plan_of()
    ops = operations(plan)
    verdict = judge(plan, facts(plan, (*ops[:-1], builders.dropped(plan, ops[-1].arrival))))

    assert codes(verdict) == {"load_unfaithful": "inconclusive"}
    assert "1 planned arrival never started" in verdict.findings[0].message
    assert (verdict.load.dropped, verdict.borrow.failed) == (1, 0)


@pytest.mark.parametrize(("lag_ms", "expected"), [(90, {}), (150, {"load_unfaithful"})])
def test_send_lag_has_a_limit(lag_ms: int, expected: set[str]) -> None:
    """Later than a bin of the search for episodes is too late."""
    plan = plan_of()
    ops = tuple(replace(o, started_ns=o.intended_ns + lag_ms * 10**6) for o in operations(plan))

    assert set(codes(judge(plan, facts(plan, ops)))) == set(expected)


def test_a_latency_objective_needs_a_punctual_load() -> None:
    """Every lag adds to the wait: with a limit on it, less lag is tolerated."""
    plan = plan_of(objectives=Objectives(latency_ms_p99_max=100))
    ops = tuple(
        replace(o, started_ns=o.intended_ns + 30 * 10**6, ended_ns=o.intended_ns + 50 * 10**6)
        for o in operations(plan)
    )

    assert set(codes(judge(plan, facts(plan, ops)))) == {"load_unfaithful"}


def test_a_wait_that_may_be_our_own_lag_misses_no_latency_objective() -> None:
    """Sent on time, such answers are too slow; sent late, nobody knows. Failures still count."""
    limits = Objectives(latency_ms_p99_max=100, failed_outside_fault_share_max=0.005)
    plan = plan_of(objectives=limits)

    def answered(lag_ms: int, *, fail: bool = False) -> Verdict:
        ops = tuple(
            replace(
                o, started_ns=o.intended_ns + lag_ms * 10**6, ended_ns=o.intended_ns + 13 * 10**7
            )
            for o in operations(plan, during(12, 15) if fail else during(0, 0))
        )
        return judge(plan, facts(plan, ops))

    slow, late = codes(answered(0)), codes(answered(110))

    assert slow["objective_missed"] == "fail"
    assert late["objective_missed"] == late["load_unfaithful"] == "inconclusive"
    assert answered(110, fail=True).verdict is Judgement.FAIL


def test_troubles_of_the_load_are_inconclusive() -> None:
    """What the load process says of itself counts."""
    plan = plan_of()
    status = builders.status(plan, troubles=(ErrorRecord("a worker died"),))
    verdict = judge(plan, facts(plan, status=status))

    assert codes(verdict) == {"load_unfaithful": "inconclusive"}
    assert "a worker died" in verdict.findings[0].message


def test_damaged_files_are_inconclusive() -> None:
    """What could not be read may have been anything."""
    plan = plan_of()
    verdict = judge(plan, facts(plan, damage=("events-load-0.jsonl, line 3 is not readable",)))

    assert codes(verdict) == {"evidence_damaged": "inconclusive"}


def test_no_operations_never_pass() -> None:
    """A run without a single request knows nothing."""
    plan = plan_of()
    verdict = judge(plan, facts(plan, ()))

    assert verdict.verdict is Judgement.INCONCLUSIVE
    assert codes(verdict)["no_evidence"] == "inconclusive"


def found(verdict: Verdict, code: str) -> list[Finding]:
    """The findings with this code."""
    return [finding for finding in verdict.findings if finding.code == code]


def ended_at(end_s: float, by: EndedBy | None, lasts_s: float = 5.0) -> Verdict:
    """A run whose fault, due from 8 s to 13 s, ended at ``end_s``; borrowing failed to 13.3 s."""
    plan, known = cut_run(plan_of(CUT, fault_s=lasts_s), end_s=8.3 + lasts_s)
    (fact,) = known.faults
    told = Proof("ended", by is not EndedBy.NOBODY, "ended early: the toxic is missing")
    changes = {"healed_ns": at_ns(end_s), "ended_by": by, "proofs": (*fact.proofs, told)}
    return judge(plan, replace(known, faults=(replace(fact, **changes),)))


def test_a_fault_that_ended_before_its_plan_is_not_proven() -> None:
    """By nobody's order and not due: what would have passed is inconclusive, and says why."""
    verdict = ended_at(12.3, EndedBy.NOBODY)
    (finding,) = found(verdict, "fault_did_not_bite")

    assert verdict.verdict is Judgement.INCONCLUSIVE
    assert finding.message == (
        "fault 1-partition ended 0.7 s before its plan, by no one's order"
        " (ended early: the toxic is missing)"
    )
    assert finding.evidence["ended_by"] == "nobody"
    assert (verdict.faults[0].bit, verdict.faults[0].ended_by) == (False, "nobody")


@pytest.mark.parametrize("end_s", [12.6, 13.0])
def test_a_fault_that_ended_a_little_early_counts(end_s: float) -> None:
    """Half a second, or a tenth of its length: so far a busy machine may be off."""
    verdict = ended_at(end_s, EndedBy.NOBODY)

    assert verdict.verdict is Judgement.PASS
    assert "fault_did_not_bite" not in codes(verdict)


@pytest.mark.parametrize(
    ("lasts_s", "early_s", "counts"),
    [(2.0, 0.4, True), (2.0, 0.6, False), (20.0, 1.9, True), (20.0, 2.1, False)],
)
def test_half_a_second_or_a_tenth_counts_whichever_is_longer(
    lasts_s: float, early_s: float, counts: bool
) -> None:
    """A short fault may end half a second early, a long one a tenth of its length."""
    verdict = ended_at(8.0 + lasts_s - early_s, EndedBy.NOBODY, lasts_s)

    assert verdict.faults[0].bit is counts
    assert ("fault_did_not_bite" not in codes(verdict)) is counts


@pytest.mark.parametrize(
    ("late_s", "counts"), [(0.0, True), (0.9, True), (1.2, True), (1.3, False), (4.0, False)]
)
def test_a_fault_that_began_too_late_is_not_proven(late_s: float, counts: bool) -> None:
    """It ended at its time: of the five seconds that were planned, a quarter may be missing."""
    plan, known = cut_run()
    (fact,) = known.faults
    verdict = judge(plan, replace(known, faults=(replace(fact, late_s=late_s),)))

    assert verdict.faults[0].bit is counts
    assert ("fault_did_not_bite" not in codes(verdict)) is counts
    assert (verdict.verdict is Judgement.PASS) is counts
    if not counts:
        (finding,) = found(verdict, "fault_did_not_bite")
        assert finding.message == f"fault 1-partition began {late_s:.1f} s after its plan: too late"


@pytest.mark.parametrize("by", [EndedBy.WORK, EndedBy.TARGET])
def test_an_early_end_that_was_due_is_told_with_its_time(by: EndedBy) -> None:
    """A note, and the proof stands."""
    verdict = ended_at(11.0, by)

    assert verdict.faults[0].bit is True
    assert codes(verdict)["ended_early"] == "note"
    (finding,) = found(verdict, "ended_early")
    assert "ended 2.0 s before its plan, at 11.0 s" in finding.message


@pytest.mark.parametrize("by", [EndedBy.ORDER, EndedBy.PLAN, None])
def test_an_early_end_by_order_counts_as_proven(by: EndedBy | None) -> None:
    """Somebody wanted it so, which a remark of the run tells."""
    verdict = ended_at(11.0, by)

    assert verdict.faults[0].bit is True
    assert "fault_did_not_bite" not in codes(verdict)


def test_a_failure_under_a_fault_that_ended_early_stays_one() -> None:
    """A rule of the target's own is broken, whatever became of the fault."""
    plan, known = cut_run()
    (fact,) = known.faults
    early = replace(fact, healed_ns=at_ns(10.0), ended_by=EndedBy.NOBODY)
    ledger = replace(known.ledger, violations=("paid twice",))
    verdict = judge(plan, replace(known, faults=(early,), ledger=ledger))

    assert verdict.verdict is Judgement.FAIL


def test_a_session_that_held_the_lock_is_named() -> None:
    """By process, application and since when."""
    plan, known = cut_run()
    (fact,) = known.faults
    holder = LockHolder(4711, "psql", "idle in transaction", "2026-01-01T00:00:00.000Z")
    verdict = judge(plan, replace(known, faults=(replace(fact, held_up_by=(holder,)),)))
    (finding,) = found(verdict, "lock_held")

    assert verdict.verdict is Judgement.PASS
    assert "session 4711 (psql, idle in transaction) since 2026-01-01T00:00" in finding.message


SLOW = ForeignChange("toxic slow is on link edge", at_ns(2.0), at_ns(4.5))


def test_what_somebody_else_changed_decides_nothing() -> None:
    """A pass is inconclusive and names it; so is a missed objective."""
    plan, known = cut_run()
    good = judge(plan, replace(known, status=builders.status(plan, foreign=(SLOW,))))
    (finding,) = found(good, "foreign_change")
    slow = facts(plan, operations(plan, during(8.0, 27.0)))
    stays = replace(SLOW, begin_ns=at_ns(7.0), end_ns=None)
    bad = judge(plan, replace(slow, status=builders.status(plan, foreign=(stays,))))
    long_after = judge(plan, replace(slow, status=builders.status(plan, foreign=(SLOW,))))

    assert (good.verdict, finding.verdict) == (Judgement.INCONCLUSIVE, Severity.INCONCLUSIVE)
    assert "toxic slow is on link edge from 2.0 s to 4.5 s" in finding.message
    assert bad.verdict is Judgement.INCONCLUSIVE
    assert "someone else had a hand in it" in bad.findings[0].message
    assert long_after.verdict is Judgement.FAIL


def test_money_is_judged_whatever_somebody_else_changed() -> None:
    """A broken rule of the target's own fails the run."""
    plan, known = cut_run()
    ledger = replace(known.ledger, violations=("paid twice",))
    status = builders.status(plan, foreign=(SLOW,))

    assert judge(plan, replace(known, ledger=ledger, status=status)).verdict is Judgement.FAIL


def test_where_the_run_waits_for_somebody_else_it_is_the_cause() -> None:
    """In `watch` and in steps with a plug to pull: named, and nothing is excused by it."""
    plan = replace(plan_of(), observe=True)
    known = facts(plan, operations(plan, during(12.0, 14.0)))
    verdict = judge(plan, replace(known, status=builders.status(plan, foreign=(SLOW,))))

    assert codes(verdict)["foreign_change"] == "note"
    assert codes(verdict)["outage"] == "fail"
