"""Plans and facts made by hand: every default is a run in which all goes well."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields, replace
from pathlib import Path
from typing import Any

import numpy as np
from numpy.typing import NDArray

from harness.faults import Partition
from harness.faults.registry import missing_for
from harness.history.columns import NONE, Attempts, Operations, Words
from harness.history.events import (
    GRANTED,
    Attempt,
    Clock,
    Ending,
    FaultFact,
    HealthPoll,
    Operation,
    Outcome,
    Proof,
    RunStatus,
    Step,
)
from harness.history.fault_facts import EndedBy
from harness.history.ledger_facts import LedgerEntry, LedgerReading
from harness.history.reader import Facts
from harness.plan.fault import FaultSpec, PlannedFault, planned
from harness.plan.lender_profile import REVIEW_AMOUNT_FEN
from harness.plan.plan import Objectives, Plan, Scenario, Settings
from harness.plan.plan import expand as expand_plan
from harness.plan.schedule import named
from harness.plan.target_parts import TargetParts
from harness.run.safety.feasible import layout_for
from harness.stack.layouts import attached_layout, local_layout
from harness.stack.state import Stack, StackLink
from harness.target.interface import Target
from harness.verdict.measure.evidence import STEPS, Fate, TryTable, evidence_from
from harness.verdict.measure.samples import Samples

ZERO_NS = 10**12
WAIT_S = 0.02
CUT = Partition(link="database")
LOCAL = local_layout()
"""What the local stack offers to faults."""


def at_ns(at_s: float) -> int:
    """The monotonic instant of ``at_s`` seconds after zero."""
    return ZERO_NS + round(at_s * 1e9)


def stack_in(folder: Path, **changes: Any) -> Stack:
    """The attached stack of a folder, as its state file tells it; nothing of it exists."""
    known: dict[str, Any] = {
        "kind": "attached",
        "stack_id": "0123",
        "state_dir": folder,
        "log_dir": folder / "logs",
        "socket_path": folder / "supervisor.sock",
        "links": {"edge": StackLink("edge", "127.0.0.1:1", "127.0.0.1:2")},
        "toxiproxy_api": "http://127.0.0.1:3",
        "service_url": "http://127.0.0.1:2",
        "edge_url": "http://127.0.0.1:1",
        "admin_token": "t0ken",
    }
    return laid_out(Stack(**{**known, **changes}))


def laid_out(stack: Stack, parts: TargetParts | None = None) -> Stack:
    """A stack with what it offers to faults, as it is written down when it is brought up."""
    attached = stack.settings is None
    made = attached_layout(stack.links, parts, stack) if attached else None
    return replace(stack, layout=made or local_layout(stack.settings, stack))


def offered_by(stack: Stack) -> set[str]:
    """The links and the target's processes that faults may be on, in words."""
    layout = stack.layout
    links = {f"{'packets' if link.is_wire else 'link'} {link.name}" for link in layout.links}
    return links | {f"process {part.name}" for part in layout.parts if not part.ours}


def replicas_of(stack: Stack) -> tuple[str, ...]:
    """The replicas of the lending service."""
    return stack.layout.candidates("replicas")


def lacking(
    plan: Plan, stack: Stack | None, host: str | None, target: Target | None = None
) -> list[str]:
    """What this target lacks for the faults of a plan."""
    layout = layout_for(plan.settings, stack, host, target)
    return [text for fault in plan.faults if (text := missing_for(fault, layout))]


@dataclass(frozen=True, slots=True)
class Over:
    """A fault that is active in a part of the fault phase, as two shares of its length."""

    start: float
    end: float
    spec: FaultSpec


def over(start: float, end: float, spec: FaultSpec) -> Over:
    """A fault in a part of the fault phase, for `plan_of`."""
    return Over(start, end, spec)


def planned_fault(name: str, spec: FaultSpec, inject_s: float, heal_s: float) -> PlannedFault:
    """A fault at its time in a run on the local stack."""
    return planned(name, spec, inject_s, heal_s, LOCAL)


def plan_of(
    *faults: FaultSpec | Over, objectives: Objectives | None = None, **settings: Any
) -> Plan:
    """A plan of 50 arrivals a second: 1 s warm-up, 8 s baseline, 5 s fault, 15 s recovery.

    A fault lasts as long as its phase, unless it is `over` a part of it.
    """
    chosen = Settings(**{"warm_up_s": 1.0, "population": "good", "log_in_share": 0.0, **settings})
    spans = [each if isinstance(each, Over) else Over(0.0, 1.0, each) for each in faults]
    # What cannot overlap must not even here, where a share of the phase is so many seconds.
    faults_then = [
        replace(each.spec, at=round(1000 * each.start, 6), lasts=1000 * (each.end - each.start))
        for each in spans
    ]
    scenario = Scenario(faults=faults_then, objectives=objectives)
    plan = expand_plan("test", "It holds.", scenario, chosen, layout=LOCAL)
    timed = dict(zip(named(scenario.faults), spans, strict=True))

    def moved(name: str) -> PlannedFault:
        one, fault_s = timed[name], chosen.fault_s
        start_s, end_s = (chosen.baseline_s + share * fault_s for share in (one.start, one.end))
        return planned_fault(name, one.spec, start_s, end_s)

    return replace(plan, faults=tuple(moved(fault.name) for fault in plan.faults))


def is_second_of_pair(plan: Plan, index: int) -> bool:
    """Whether this arrival asks for the second loan of a borrower whose limit covers one."""
    borrower = plan.arrivals[index].borrower
    near_limit = plan.borrowers[borrower].account_class.possible_decline is not None
    return near_limit and index > 0 and plan.arrivals[index - 1].borrower == borrower


def operation(plan: Plan, index: int, **changes: Any) -> Operation:
    """What a healthy target makes of one arrival: the decision that ground truth says."""
    arrival = plan.arrivals[index]
    borrower = plan.borrowers[arrival.borrower]
    decline = borrower.account_class.expected_decline
    outcome = Outcome.APPROVED if arrival.amount_fen < REVIEW_AMOUNT_FEN else Outcome.REFERRED
    if is_second_of_pair(plan, index):
        decline = borrower.account_class.possible_decline
    if decline is not None:
        outcome = Outcome.DECLINED
    known = Operation(
        arrival=index,
        borrower=borrower.index,
        account_class=str(borrower.account_class),
        key=arrival.key,
        amount_fen=arrival.amount_fen,
        intended_ns=at_ns(arrival.at_s),
        outcome=outcome,
        started_ns=at_ns(arrival.at_s + 0.001),
        ended_ns=at_ns(arrival.at_s + WAIT_S),
        attempts=1,
        decline=decline,
        worker="load-0",
    )
    return replace(known, **changes) if changes else known


def failed(plan: Plan, index: int, **changes: Any) -> Operation:
    """An operation that was answered "not applied"."""
    return operation(plan, index, **{"outcome": Outcome.FAILED, "decline": None, **changes})


def dropped(plan: Plan, index: int) -> Operation:
    """An arrival that the load generator never started."""
    never: dict[str, Any] = {"started_ns": None, "ended_ns": None, "attempts": 0}
    return failed(plan, index, ending=Ending.DROPPED, **never)


def operations(
    plan: Plan, bad: Callable[[float], bool] = lambda _: False, **changes: Any
) -> tuple[Operation, ...]:
    """All operations of a plan; those planned at an instant that is ``bad`` have failed."""
    return tuple(
        failed(plan, a.index, **changes) if bad(a.at_s) else operation(plan, a.index)
        for a in plan.arrivals
    )


def during(start_s: float, end_s: float) -> Callable[[float], bool]:
    """Bad from ``start_s`` to ``end_s``."""
    return lambda at_s: start_s <= at_s < end_s


def attempt(op: Operation, step: Step = Step.BORROW, **changes: Any) -> Attempt:
    """The one attempt of an operation."""
    made = Attempt(
        arrival=op.arrival,
        step=step,
        attempt=1,
        intended_ns=op.intended_ns,
        started_ns=op.started_ns or op.intended_ns,
        ended_ns=op.ended_ns or op.intended_ns,
        outcome=op.outcome if step is Step.BORROW else Outcome.OK,
        worker="load-0",
        key=op.key if step is Step.BORROW else None,
    )
    return replace(made, **changes) if changes else made


def account_of(borrower: int) -> str:
    """The account that a borrower of the plan has."""
    return f"account-{borrower}"


def entry(op: Operation, **changes: Any) -> LedgerEntry:
    """The ledger's row of one granted operation."""
    paid = op.outcome is not Outcome.REFERRED
    row = LedgerEntry(
        cursor=op.arrival + 1,
        loan_id=f"loan-{op.arrival}",
        account_id=account_of(op.borrower),
        idempotency_key=op.key,
        principal_fen=op.amount_fen,
        status="disbursed" if paid else "under_review",
        disbursements=int(paid),
        ledger_balance_fen=op.amount_fen if paid else 0,
        created_at="2026-01-01T00:00:00Z",
    )
    return replace(row, **changes) if changes else row


def ledger(ops: Iterable[Operation], **changes: Any) -> LedgerReading:
    """A ledger that holds what was granted, and says by key that there is nothing else."""
    ops = tuple(ops)
    rows = tuple(entry(op) for op in ops if op.outcome in GRANTED)
    listed = {row.idempotency_key for row in changes.get("entries", rows)}
    silent = (op for op in ops if op.outcome not in GRANTED and op.attempts)
    others = {op.key: () for op in silent if op.key not in listed}
    reading = LedgerReading(
        read=True, complete=True, source="audit", entries=rows, by_key=dict(others), watched_s=10.0
    )
    return replace(reading, **changes)


def fault_fact(planned: PlannedFault, **changes: Any) -> FaultFact:
    """A fault that was injected and healed when planned, proven each time."""
    fact = FaultFact(
        name=planned.name,
        kind=planned.kind,
        link_or_target=planned.target,
        expects_impact=planned.expects_impact,
        inject_called_ns=at_ns(planned.inject_s),
        inject_returned_ns=at_ns(planned.inject_s + 0.001),
        heal_called_ns=at_ns(planned.heal_s - 0.001),
        heal_returned_ns=at_ns(planned.heal_s),
        healed_ns=at_ns(planned.heal_s),
        due_ns=at_ns(planned.heal_s),
        ended_by=EndedBy.PLAN,
        proofs=(
            Proof("control_plane", holds=True, text="in place"),
            Proof("canary", holds=True, text="no answer through it"),
            Proof("healed", holds=True, text="gone"),
        ),
    )
    return replace(fact, **changes)


def polls(
    plan: Plan, red: Callable[[float], bool] = lambda _: False, wait_s: float = 0.01
) -> tuple[HealthPoll, ...]:
    """Five polls a second, begin of the warm-up to end of load; those asked while ``red`` get a
    503.
    """
    first = round(plan.phases[0].start_s * 5)
    found = []
    for number in range(first, round(plan.load_end_s * 5)):
        ok = not red(number / 5)
        end_ns = at_ns(number / 5 + wait_s)
        found.append(HealthPoll(at_ns(number / 5), end_ns, ok=ok, status=200 if ok else 503))
    return tuple(found)


def status(plan: Plan, **changes: Any) -> RunStatus:
    """A run that went to its planned end."""
    known = RunStatus(
        target="local stack test",
        clock=Clock(ZERO_NS, ZERO_NS, 1_800_000_000 * 10**9),
        load_ended_ns=at_ns(plan.load_end_s),
        drained_ns=at_ns(plan.load_end_s + 1),
        workers=("load-0",),
    )
    return replace(known, **changes)


def facts(plan: Plan, ops: tuple[Operation, ...] | None = None, **changes: Any) -> Facts:
    """The facts of a run; without operations of its own, one in which every borrow was answered."""
    ops = operations(plan) if ops is None else ops
    accounts = {borrower.index: account_of(borrower.index) for borrower in plan.borrowers}
    known = Facts(
        status=status(plan),
        operations=Operations.of(ops),
        attempts=Attempts.of(attempt(op) for op in ops if op.attempts),
        faults=tuple(fault_fact(planned) for planned in plan.faults),
        ledger=ledger(ops),
        account_ids=frozenset(accounts.values()),
        account_of=accounts,
    )
    return with_rows(known, **changes)


def with_rows(known: Facts, **changes: Any) -> Facts:
    """The same facts with other ones in their place; operations and attempts may be rows."""
    for name, columns in (("operations", Operations), ("attempts", Attempts)):
        if isinstance(changes.get(name), tuple):
            changes[name] = columns.of(changes[name])
    return replace(known, **changes)


def rows(columns: Operations | Attempts) -> tuple[Any, ...]:
    """Operations or attempts as the rows that they were made of."""
    made = Operation if isinstance(columns, Operations) else Attempt
    return tuple(map(made, *(_values(getattr(columns, field.name)) for field in fields(columns))))


def told(known: Facts) -> tuple[object, ...]:
    """Everything that is known of a run, with rows, which can be compared."""
    every = (getattr(known, field.name) for field in fields(known))
    return tuple(rows(one) if isinstance(one, Operations | Attempts) else one for one in every)


def _values(column: Any) -> list[Any]:
    words = (column.texts if isinstance(column, Words) else column).tolist()
    return [None if word == NONE else word for word in words]


def changed(ops: Iterable[Operation], index: int, **changes: Any) -> tuple[Operation, ...]:
    """The same operations, one of them changed."""
    return tuple(replace(op, **changes) if op.arrival == index else op for op in ops)


def cut_run(
    plan: Plan | None = None, start_s: float = 8.0, end_s: float = 13.3, **changes: Any
) -> tuple[Plan, Facts]:
    """A partition from 8 s to 13 s, under which borrowing fails and recovers 0.3 s later."""
    plan = plan or plan_of(CUT)
    ops = operations(plan, during(start_s, end_s))
    return plan, facts(plan, ops, **changes)


def borrow_samples(
    times_s: NDArray[np.float64],
    took_s: NDArray[np.float64],
    failed: NDArray[np.bool_],
    fate: Fate = Fate.ANSWERED,
) -> Samples:
    """Requests of one step each, shape (n,): planned at ``times_s``, over ``took_s`` later.

    Those that ``failed`` met this ``fate``.
    """
    count, ended_s = len(times_s), times_s + took_s
    step = np.full(count, STEPS.index("borrow"))
    fates = np.where(failed, fate, Fate.GOOD).astype(np.int64)
    return Samples(
        operations=Operations.of(()),
        times_s=times_s,
        ended_s=ended_s,
        wait_s=np.where(failed, np.nan, took_s),
        failed=failed,
        indeterminate=np.zeros(count, dtype=bool),
        evidence=evidence_from(count, TryTable(np.arange(count), step, times_s, ended_s, fates)),
    )
