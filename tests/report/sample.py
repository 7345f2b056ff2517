"""Whole runs made by hand: a failed one, a passed one, an inconclusive one and a hostile one."""
# ruff: noqa: FBT003  # facts are spelled out by position, as a table of what happened

import random
from collections.abc import Callable, Iterable
from dataclasses import replace
from functools import cache

from harness.faults import Partition
from harness.history.columns import Attempts, Operations
from harness.history.events import (
    Clock,
    Ending,
    FaultFact,
    Operation,
    Outcome,
    Proof,
    RunStatus,
    Step,
)
from harness.history.ledger_facts import LedgerReading
from harness.history.reader import Facts
from harness.history.run_facts import ErrorRecord
from harness.plan.decline import Decline
from harness.plan.lender_profile import REVIEW_AMOUNT_FEN
from harness.plan.plan import Objectives, Plan, Scenario, Settings, expand
from harness.verdict.figures import Borrow, Declined, LogIn, Phase, SentLoad, Window
from harness.verdict.types import (
    Crossing,
    Episode,
    Fault,
    Finding,
    Judgement,
    ObjectiveResult,
    Reconciliation,
    Recovery,
    Severity,
    Verdict,
)
from harness.verdict.visible import Visible
from tests.builders import LOCAL, rows, with_rows

Run = tuple[Plan, Facts, Verdict]
Maker = Callable[[], Run]
ZERO_NS = 5_000_000_000_000
INJECTED_S, HEALED_S, RECOVERED_S = 8.004, 13.006, 14.9
ATTACK = "<script>alert(1)</script>\"'&\x1b[31m\u202e\ud800"
HYPOTHESIS = (
    "Bytes vanish between the lending service and its database for five seconds.\n\n"
    "Borrowers are told so within their deadline, nothing is lent twice or lost, and borrowing is"
    " back to normal within five seconds of the network's return, without anyone's help."
)


def _operation(plan: Plan, index: int, chance: random.Random, impaired: bool) -> Operation:
    arrival = plan.arrivals[index]
    borrower = plan.borrowers[arrival.borrower]
    intended_ns = ZERO_NS + round(arrival.at_s * 1e9)
    wait_ns = round(chance.lognormvariate(2.6, 0.3) * 1e6)
    outcome, code, blocked_by = Outcome.APPROVED, None, None
    decline = borrower.account_class.expected_decline
    if impaired and INJECTED_S <= arrival.at_s < RECOVERED_S:
        failing = arrival.at_s < HEALED_S or chance.random() < 0.4
        if failing:
            decline = None
            unknown = chance.random() < 0.15
            outcome = Outcome.INDETERMINATE if unknown else Outcome.FAILED
            code = "timeout" if unknown else "database_unavailable"
            blocked_by = Step.LOG_IN if arrival.logs_in and not unknown else None
            wait_ns = 2_000_000_000 if unknown else round(chance.uniform(1.0, 1.7) * 1e9)
    if outcome is Outcome.APPROVED and decline is not None:
        outcome = Outcome.DECLINED
    elif outcome is Outcome.APPROVED and arrival.amount_fen == REVIEW_AMOUNT_FEN:
        outcome = Outcome.REFERRED
    return Operation(
        arrival=index,
        borrower=arrival.borrower,
        account_class=str(borrower.account_class),
        key=arrival.key,
        amount_fen=arrival.amount_fen,
        intended_ns=intended_ns,
        outcome=outcome,
        started_ns=intended_ns + 400_000,
        ended_ns=intended_ns + wait_ns,
        attempts=0 if blocked_by else 1,
        blocked_by=blocked_by,
        decline=decline if outcome is Outcome.DECLINED else None,
        code=code,
        worker="local",
    )


def _facts(plan: Plan, operations: Iterable[Operation], faults: tuple[FaultFact, ...]) -> Facts:
    status = RunStatus(
        target="local stack (tuned)",
        clock=Clock(ZERO_NS, ZERO_NS, 1_782_907_200_000_000_000),
        load_ended_ns=ZERO_NS + round(plan.load_end_s * 1e9),
        drained_ns=ZERO_NS + round((plan.load_end_s + 0.3) * 1e9),
        workers=("local",),
        account_classes=("good", "low_score", "blocked_region", "overdue", "isolated"),
        notes=("the service was started with its default settings",),
    )
    return Facts(
        status=status,
        operations=Operations.of(operations),
        attempts=Attempts.of(()),
        faults=faults,
        ledger=LedgerReading(read=True, complete=True, source="HTTP audit, then SQL"),
        account_ids=frozenset(),
    )


def _borrow(plan: Plan, facts: Facts) -> Borrow:
    counted = [o for o in rows(facts.operations) if o.intended_ns >= ZERO_NS]
    of = [o.outcome for o in counted].count
    declines = [o.decline for o in counted].count
    start_s = INJECTED_S if facts.faults else 8.0
    window = [o for o in counted if o.intended_ns >= ZERO_NS + start_s * 1e9]
    failed = sum(o.failed for o in window)
    part = failed / len(window)
    return Borrow(
        operations=len(counted),
        attempts=sum(o.attempts for o in counted),
        approved=of(Outcome.APPROVED),
        referred=of(Outcome.REFERRED),
        declined=Declined(
            declines(Decline.CREDIT), declines(Decline.POLICY), declines(Decline.BEHAVIOUR)
        ),
        false_declined=0,
        failed=sum(o.failed for o in counted),
        indeterminate=of(Outcome.INDETERMINATE),
        blocked=sum(o.blocked_by is not None for o in counted),
        invalid_answers=0,
        wrongly_approved=0,
        window=Window(start_s, plan.load_end_s, len(window), failed),
        failed_share=part,
        failed_share_low=max(0.0, part - 0.024),
        failed_share_high=part + 0.026 if failed else 0.0034,
        failed_by_phase={"baseline": 0, "fault": failed * 3 // 4, "recovery": failed // 4},
        affected_borrowers=len({o.borrower for o in counted if o.failed}),
        borrowers=len(plan.borrowers),
        lost_service_seconds=failed / plan.settings.rate,
        latency_ms={"baseline_p50": 13.2, "baseline_p99": 27.9, "fault_p50": None},
    )


def _fault(plan: Plan) -> tuple[FaultFact, Fault]:
    name = plan.faults[0].name
    proofs = (
        Proof("control_plane", True, "Toxiproxy lists the toxic timeout on database, both ways"),
        Proof("canary", True, "a query through the link got no answer within 1.0 s"),
        Proof("healed", True, "a query through the link was answered in 2 ms"),
    )
    at = [ZERO_NS + round(s * 1e9) for s in (8.001, INJECTED_S, 13.0, HEALED_S)]
    fact = FaultFact(name, "partition", "database", True, at[0], at[1], at[2], at[3], at[3], proofs)
    shown = Fault(
        name, "database", INJECTED_S, HEALED_S, True, [p.text for p in proofs], True,
        plan.faults[0].description,
    )  # fmt: skip
    return fact, shown


def _verdict(plan: Plan, facts: Facts, **changes: object) -> Verdict:
    borrow = _borrow(plan, facts)
    verdict = Verdict(
        run_id=plan.run_id,
        scenario=plan.scenario,
        hypothesis=plan.hypothesis,
        seed=plan.settings.seed,
        target=facts.status.target,
        zero_utc="2026-07-01T12:00:00.123456789Z",
        verdict=Judgement.PASS,
        exit_code=0,
        sentence=f"None of {borrow.operations:,} borrow requests failed, no loan was lost, none"
        " was lent twice.",
        load=SentLoad(plan.settings.rate, 49.97, len(plan.arrivals), 100, 0, 0, 3.4, 2.0),
        borrow=borrow,
        log_in=LogIn(421, borrow.blocked, 0, min(borrow.blocked, 61)),
        phases=[Phase(p.name, p.start_s, p.end_s) for p in plan.phases],
        faults=[],
        episodes=[],
        recovery=Recovery(),
        reconciliation=Reconciliation(
            True, borrow.approved, borrow.approved, 0, 0, 0, 0, 0, 0, 0, 0, {}, 0
        ),
        objectives=[
            ObjectiveResult("failed_share_max", 0.005, 0.0, 0.0, 0.0034, Judgement.PASS),
            ObjectiveResult("impaired_episodes_max", 0, 0, None, None, Judgement.PASS),
        ],
        findings=[],
    )
    return replace(verdict, **changes)  # type: ignore[arg-type]  # names are checked at run time


@cache
def passed() -> Run:
    """Nothing injected, nothing failed."""
    settings = Settings(recovery_s=12.0)
    plan = expand(
        "baseline", "Borrowing works on an undisturbed stack.", Scenario(), settings, layout=LOCAL
    )
    chance = random.Random(1)
    operations = [_operation(plan, a.index, chance, False) for a in plan.arrivals]
    facts = _facts(plan, operations, ())
    return plan, facts, _verdict(plan, facts, visible=Visible(0.104, 0.0492, 10.0))


@cache
def failed() -> Run:
    """A database cut for five seconds; recovery meets its limit, one loan is lent twice."""
    scenario = Scenario(
        faults=[Partition("database")],
        objectives=Objectives(recovery_seconds_max=5, failed_outside_fault_share_max=0.005),
    )
    plan = expand("network_partition", HYPOTHESIS, scenario, Settings(), layout=LOCAL)
    chance = random.Random(2)
    fact, fault = _fault(plan)
    operations = [_operation(plan, a.index, chance, True) for a in plan.arrivals]
    facts = _facts(plan, operations, (fact,))
    borrow = _borrow(plan, facts)
    twice = [o.key for o in rows(facts.operations) if o.outcome is Outcome.INDETERMINATE][:1]
    return plan, facts, _verdict(
        plan,
        facts,
        verdict=Judgement.FAIL,
        exit_code=1,
        sentence=f"Database cut for 5.0 s: {borrow.failed} of {borrow.window.operations:,} borrow"
        " requests failed, borrowing recovered 1.9 s after the network returned, no loan was lost,"
        " 1 was lent twice.",
        faults=[fault],
        episodes=[
            Episode("outage", 7.995, 7.98, 8.01, 13.0, 12.96, 13.08, True, 250),
            Episode("degraded", 13.0, 12.96, 13.08, RECOVERED_S, 14.6, 15.2, True, 38),
        ],
        recovery=Recovery(
            1.894, 1.6, 2.2, 6.896, 0.012, 0.04, True,
            [Crossing(0.5, 0.01, -0.05, 0.1, True, True),
             Crossing(0.01, 1.9, 1.6, None, False, False)],
        ),
        reconciliation=Reconciliation(
            True, borrow.approved, borrow.approved + 7, 0, 1, 0, 0, 0, 0, 7,
            borrow.indeterminate - 7, {"duplicated": twice}, 123_400,
        ),
        objectives=[
            ObjectiveResult("recovery_seconds_max", 5, 1.894, 1.6, 2.2, Judgement.PASS),
            ObjectiveResult(
                "failed_outside_fault_share_max", 0.005, 0.0, 0.0, 0.0041, Judgement.PASS
            ),
            ObjectiveResult("duplicated", 0, 1, None, None, Judgement.FAIL),
        ],
        findings=[
            Finding("outage", Severity.NOTE, "Practically no one could borrow for 5.0 s.",
                    {"failed": 250, "share_low": 0.985}),
            Finding("duplicated", Severity.FAIL, "1 loan was paid out twice.",
                    {"keys": twice, "principal_fen": 123_400}),
        ],
    )  # fmt: skip


@cache
def inconclusive() -> Run:
    """The same cut, but the ledger could not be read and two arrivals were never started."""
    plan, facts, verdict = failed()
    told = "the audit endpoint answered 503 for 30 s"
    dropped = {
        o.arrival: replace(
            o, outcome=Outcome.FAILED, ending=Ending.DROPPED, started_ns=None, ended_ns=None,
            attempts=0, blocked_by=None, code=None,
        )
        for o in rows(facts.operations)[1300:1302]
    }  # fmt: skip
    facts = with_rows(
        facts,
        operations=tuple(dropped.get(o.arrival, o) for o in rows(facts.operations)),
        ledger=LedgerReading(read=False, complete=False, source="none", error=told),
        status=replace(
            facts.status, troubles=(ErrorRecord("the second load process stopped answering"),)
        ),
    )
    verdict = replace(
        verdict,
        verdict=Judgement.INCONCLUSIVE,
        exit_code=3,
        sentence="The ledger could not be read, so no one knows whether money was lost.",
        load=replace(verdict.load, dropped=2, rate_achieved=49.9),
        recovery=Recovery(-0.42, -0.6, -0.2, 4.58, 0.012, 0.0, False),
        reconciliation=Reconciliation(False, verdict.reconciliation.acknowledged),
        objectives=[
            ObjectiveResult("recovery_seconds_max", 5, -0.42, -0.6, -0.2, Judgement.PASS),
            ObjectiveResult("indeterminate_share_max", 0.1, None, None, None,
                            Judgement.INCONCLUSIVE),
        ],
        findings=[Finding("ledger_unread", Severity.INCONCLUSIVE,
                          f"The ledger was not read: {told}", {"error": told})],
    )  # fmt: skip
    return plan, facts, verdict


@cache
def hostile() -> Run:
    """Every text that comes from outside tries to be something else."""
    plan, facts, verdict = failed()
    operations = tuple(replace(o, code=ATTACK) if o.code else o for o in rows(facts.operations))
    fault = replace(verdict.faults[0], name=ATTACK, link_or_target=ATTACK, proof=[ATTACK, ATTACK])
    status = replace(
        facts.status, target=ATTACK, notes=(ATTACK,), account_classes=(ATTACK,),
        troubles=(ErrorRecord(ATTACK), ErrorRecord(ATTACK)),
    )  # fmt: skip
    facts = with_rows(
        facts,
        operations=operations,
        status=status,
        faults=(replace(facts.faults[0], name=ATTACK),),
        damage=(ATTACK,),
        ledger=replace(facts.ledger, source=ATTACK),
    )
    verdict = replace(
        verdict,
        scenario=ATTACK,
        hypothesis=ATTACK,
        sentence=ATTACK,
        target=ATTACK,
        zero_utc=ATTACK,
        run_id=ATTACK,
        faults=[fault],
        phases=[replace(p, name=ATTACK) for p in verdict.phases],
        episodes=[replace(e, class_=ATTACK) for e in verdict.episodes],
        objectives=[replace(o, id=ATTACK) for o in verdict.objectives],
        findings=[Finding(ATTACK, Severity.FAIL, ATTACK, {ATTACK: [ATTACK]})],
        borrow=replace(verdict.borrow, latency_ms={ATTACK: 1.0}, failed_by_phase={ATTACK: 1}),
        reconciliation=replace(verdict.reconciliation, examples={"lost": [ATTACK]}),
    )
    return plan, facts, verdict


@cache
def never_began() -> Run:
    """Interrupted during set-up: no clock, no operation, nothing measured."""
    plan, facts, verdict = passed()
    facts = with_rows(
        facts,
        operations=(),
        status=RunStatus(target="local stack", interrupted=True),
        ledger=LedgerReading(read=False, complete=False, source="none"),
    )
    borrow = Borrow(
        0, 0, 0, 0, Declined(), 0, 0, 0, 0, 0, 0, Window(None, None, 0, 0), None, None, None,
        {}, 0, 350, None, {},
    )  # fmt: skip
    verdict = replace(
        verdict,
        visible=None,
        zero_utc=None,
        verdict=Judgement.INCONCLUSIVE,
        exit_code=130,
        sentence="The run was interrupted before it measured anything.",
        load=SentLoad(50, None, 0, 0, 0, 0, None, 2.0),
        borrow=borrow,
        log_in=LogIn(0, 0, 0, 0),
        phases=[],
        reconciliation=Reconciliation(False, 0),
        objectives=[],
        findings=[Finding("interrupted", Severity.INCONCLUSIVE, "Interrupted during set-up.")],
    )
    return plan, facts, verdict
