"""Runs written into a directory, as a real one leaves them."""

from dataclasses import replace
from pathlib import Path

from harness.history.event_writer import EventWriter
from harness.history.events import HealthAddress, HealthPoll, Operation, Sent
from harness.history.reader import Facts, read_facts
from harness.history.run_directory import RunDirectory
from harness.plan.plan import Plan
from harness.verdict.judge import judge
from harness.verdict.types import to_json
from tests.builders import at_ns, attempt, rows


def sent(op: Operation) -> Sent:
    """What is written down before the borrow of an operation leaves."""
    return Sent(op.arrival, 1, op.key, op.amount_fen, op.intended_ns, "load-0")


def store(root: Path, plan: Plan, known: Facts) -> RunDirectory:
    """Write a whole run down, seal it and judge it."""
    run = RunDirectory.create(root, plan)
    writer = EventWriter(run, "load-0")
    for op in rows(known.operations):
        writer.sent(sent(op))
        writer.attempt(attempt(op))
        writer.operation(op)
    writer.close()
    health = run.health_writer(HealthAddress("/healthz", 2.0))
    for half in range(round(2 * plan.load_end_s)):
        asked_ns = at_ns(half / 2)
        health.write("poll", HealthPoll(asked_ns, asked_ns + 1_000_000, ok=True, status=200))
    health.close()
    for fault in known.faults:
        run.append_fault(replace(fault, proofs=()))
        run.append_fault(fault)
    run.write_status(known.status)
    run.write_accounts(known.account_of)
    run.write_ledger(known.ledger)
    run.write_checksums()
    stored = run.read_plan()
    run.write_result("verdict.json", to_json(judge(stored, read_facts(run, stored))))
    return run
