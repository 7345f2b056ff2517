"""The run directory: written while a run lasts, readable whatever cut it short."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.core.errors import UsageError
from harness.history.completion import complete_operations
from harness.history.event_writer import EventWriter
from harness.history.events import Attempt, Ending, Operation, Outcome, Sent, Step
from harness.history.reader import read_facts
from harness.history.run_directory import RunDirectory
from harness.history.run_facts import ErrorRecord
from harness.plan.decline import Decline
from harness.plan.plan import Plan
from harness.verdict.judge import judge
from harness.verdict.stored_verdict import read_verdict
from harness.verdict.types import to_json
from tests import builders
from tests.builders import CUT, at_ns, attempt, facts, operation, operations, plan_of
from tests.stored import store


@pytest.fixture
def plan() -> Plan:
    """A short plan in which everybody logs in."""
    return plan_of(CUT, rate=5, log_in_share=1.0)


@pytest.fixture
def run(tmp_path: Path, plan: Plan) -> RunDirectory:
    """A run directory in which everything was written down but its checksums."""
    run = RunDirectory.create(tmp_path / "runs", plan)
    known = facts(plan)
    writer = EventWriter(run, "load-0")
    for op in builders.rows(known.operations):
        writer.sent(sent(op))
        writer.attempt(attempt(op))
        writer.operation(op)
    writer.close()
    for fault in known.faults:
        run.append_fault(replace(fault, proofs=()))
        run.append_fault(fault)
    run.write_status(known.status)
    run.write_accounts(known.account_of)
    run.write_ledger(known.ledger)
    return run


def sent(op: Operation) -> Sent:
    """What is written down before the borrow of an operation leaves."""
    return Sent(op.arrival, 1, op.key, op.amount_fen, op.intended_ns, "load-0")


def completed(
    plan: Plan,
    attempts: tuple[Attempt, ...] = (),
    sendings: tuple[Sent, ...] = (),
    **status: object,
) -> list[Operation]:
    """Operations of a run of which no operation line was written."""
    by_arrival = {s.arrival: [s] for s in sendings}
    return list(
        complete_operations(plan, builders.status(plan, **status), {}, attempts, by_arrival)
    )


# --- the round trip ------------------------------------------------------------------------------


def test_everything_is_read_back(run: RunDirectory, plan: Plan) -> None:
    """Plan and facts survive the directory."""
    run.write_checksums()
    found = read_facts(run, plan)

    assert run.read_plan() == plan
    assert builders.told(found) == builders.told(facts(plan, status=found.status))
    assert found.status == builders.status(plan, seals=found.status.seals)


@pytest.mark.parametrize("seals", [{"seals": {}}, {}], ids=["empty", "absent"])
def test_a_finished_run_without_its_checksums_decides_nothing(
    tmp_path: Path, seals: dict[str, object]
) -> None:
    """Whoever takes them away could have changed anything; only a broken invariant still fails."""
    plan = plan_of()
    run = store(tmp_path, plan, facts(plan))
    status = run.path / "status.json"
    body = json.loads(status.read_bytes())
    assert read_verdict(run).verdict == "pass"
    del body["seals"]
    status.write_text(json.dumps(body | seals))
    verdict = judge(plan, read_facts(run, plan))

    assert verdict.verdict == "inconclusive"
    assert [f.code for f in verdict.findings] == ["evidence_damaged"]
    assert "has no checksums" in verdict.findings[0].message


def test_an_interrupted_run_needs_no_checksums(run: RunDirectory, plan: Plan) -> None:
    """It may have ended before it could note any."""
    run.write_status(builders.status(plan, interrupted=True))

    assert read_facts(run, plan).damage == ()


def test_the_last_line_of_a_fault_is_the_truth(run: RunDirectory, plan: Plan) -> None:
    """Each state of a fault is appended; the newest one counts."""
    (fault,) = read_facts(run, plan).faults

    assert len(fault.proofs) == 3


def test_a_trouble_is_read_with_its_instants_or_as_older_runs_store_it(
    run: RunDirectory, plan: Plan
) -> None:
    """These had its words alone: then nobody knows when it was."""
    known = ErrorRecord("Toxiproxy ended", at_ns(4.0), at_ns(5.0))
    run.write_status(builders.status(plan, troubles=(known,)))
    path = run.path / "status.json"

    assert run.read_status([]).troubles == (known,)
    older = json.loads(path.read_bytes()) | {"troubles": ["Toxiproxy ended"]}
    path.write_text(json.dumps(older))
    assert run.read_status([]).troubles == (ErrorRecord("Toxiproxy ended"),)


def test_a_stored_run_can_be_judged_again(run: RunDirectory) -> None:
    """The stored verdict is the one that judging again gives."""
    plan = run.read_plan()
    verdict = judge(plan, read_facts(run, plan))
    run.write_result("verdict.json", to_json(verdict))

    assert read_verdict(run) == verdict


def test_latest_points_at_the_newest_run(tmp_path: Path, plan: Plan) -> None:
    """``runs/latest`` is the run that was begun last."""
    RunDirectory.create(tmp_path, plan)
    newest = RunDirectory.create(tmp_path, replace(plan, run_id="another"))

    assert (tmp_path / "latest").resolve() == newest.path


@pytest.mark.parametrize("kind", ["folder", "file"])
def test_what_is_in_the_place_of_latest_stays_and_is_told(
    kind: str, tmp_path: Path, plan: Plan
) -> None:
    """A copy makes a folder of the link; nothing of it is lost, and nothing is left beside it."""
    kept = tmp_path / "latest"
    if kind == "folder":
        kept.mkdir()
        kept /= "verdict.json"
    kept.write_text("{}")
    run = RunDirectory.create(tmp_path, plan)

    (told,) = run.not_latest()
    assert told.startswith(f"{tmp_path.name}/latest is a {kind} and no link")
    assert kept.read_text() == "{}"
    assert sorted(path.name for path in tmp_path.iterdir()) == ["latest", run.path.name]


def test_an_empty_folder_makes_way_for_latest(tmp_path: Path, plan: Plan) -> None:
    """Nothing is lost."""
    (tmp_path / "latest").mkdir()
    run = RunDirectory.create(tmp_path, plan)

    assert (tmp_path / "latest").resolve() == run.path
    assert run.not_latest() == ()


def test_the_plan_can_be_replaced_before_the_load(run: RunDirectory, plan: Plan) -> None:
    """A plan without a class that the target does not know takes the place of the first."""
    changed = replace(plan, hypothesis="Another.")
    run.rewrite_plan(changed)

    assert run.read_plan() == changed


def test_no_run_directory_is_a_usage_error(tmp_path: Path) -> None:
    """A folder without a plan, or without a verdict, is told in one line."""
    with pytest.raises(UsageError, match="not a run directory"):
        RunDirectory(tmp_path).read_plan()
    with pytest.raises(UsageError, match="lendchaos judge"):
        read_verdict(RunDirectory(tmp_path))


# --- damage --------------------------------------------------------------------------------------


def test_a_truncated_event_file_is_read_as_far_as_it_is_whole(
    run: RunDirectory, plan: Plan
) -> None:
    """A crash in mid-line loses that line only, and it is noted."""
    path = run.path / "events-load-0.jsonl"
    path.write_bytes(path.read_bytes()[:-40])
    found = read_facts(run, plan)

    assert len(found.operations) == len(plan.arrivals)
    assert len(found.damage) == 2
    assert "events-load-0.jsonl, line" in found.damage[0]
    assert builders.rows(found.operations)[:-1] == operations(plan)[:-1]


def test_garbage_in_the_middle_is_noted(run: RunDirectory, plan: Plan) -> None:
    """One unreadable line hides no other."""
    path = run.path / "events-load-0.jsonl"
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:10], b"\xff\xfe{]\n", b"[1, 2]\n", *lines[10:]]))
    found = read_facts(run, plan)

    assert builders.rows(found.operations) == operations(plan)
    assert len(found.damage) == 3


def test_a_run_without_its_files_is_no_pass(run: RunDirectory, plan: Plan) -> None:
    """Events, status, ledger and accounts gone: read as unknown, judged as inconclusive."""
    for name in ("events-load-0.jsonl", "status.json", "ledger.jsonl", "accounts.json"):
        (run.path / name).unlink()
    found = read_facts(run, plan)

    assert not found.ledger.read
    assert found.status.interrupted
    assert judge(plan, found).verdict == "inconclusive"


def test_a_truncated_ledger_is_incomplete(run: RunDirectory, plan: Plan) -> None:
    """Loans that cannot be read leave the listing incomplete, not clean."""
    path = run.path / "ledger.jsonl"
    path.write_bytes(path.read_bytes()[:-40])
    found = read_facts(run, plan)

    assert found.ledger.read
    assert not found.ledger.complete


def test_a_ledger_without_its_header_is_unread(run: RunDirectory, plan: Plan) -> None:
    """Without the header nobody knows how the listing came about."""
    (run.path / "ledger.jsonl").write_text("{]\n")
    found = read_facts(run, plan)

    assert not found.ledger.read
    assert found.damage


def test_damaged_accounts_are_noted(run: RunDirectory, plan: Plan) -> None:
    """Whose accounts are ours is then not known."""
    (run.path / "accounts.json").write_text('{"0": ')
    found = read_facts(run, plan)

    assert (found.account_ids, len(found.damage)) == (frozenset(), 2)


@pytest.mark.parametrize("index", [-1, 99_999])
def test_accounts_of_borrowers_whom_the_plan_lacks_are_left_out(
    index: int, run: RunDirectory, plan: Plan
) -> None:
    """Nothing can be looked up of them, and what is left may be of others."""
    path = run.path / "accounts.json"
    body = json.loads(path.read_bytes())
    path.write_text(json.dumps({**body, str(index): body.pop("3")}))
    found = read_facts(run, plan)

    assert found.account_of == {}
    assert "accounts.json has other borrowers than the plan: it is left out" in found.damage
    assert judge(plan, found).verdict == "inconclusive"


def test_a_ledger_that_was_changed_after_the_run_accuses_nobody(tmp_path: Path) -> None:
    """Somebody else than the target may have written it."""
    plan = plan_of()
    run = store(tmp_path, plan, facts(plan))
    path = run.path / "ledger.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"disbursements": 1', b'"disbursements": 2', 9))
    verdict = judge(plan, read_facts(run, plan))

    assert verdict.verdict == "inconclusive"
    assert "ledger.jsonl was changed after the run" in str(verdict.findings)


def test_every_file_names_its_schema(run: RunDirectory) -> None:
    """A later version can tell what it reads."""
    for path in run.path.glob("*.jsonl"):
        with path.open() as file:
            assert json.loads(file.readline())["schema"].startswith("lendchaos.")


# --- operations that were never written down -----------------------------------------------------


def test_an_arrival_that_was_never_begun_is_dropped(plan: Plan) -> None:
    """Lost evidence, not a failure of the target."""
    found = completed(plan)

    assert {op.ending for op in found} == {Ending.DROPPED}
    assert len(found) == len(plan.arrivals)


def test_a_sent_borrow_without_an_answer_is_indeterminate(plan: Plan) -> None:
    """The load process died after sending: the loan may exist."""
    op = operation(plan, 20)
    found = completed(plan, sendings=(sent(op),))[20]

    assert (found.outcome, found.ending) == (Outcome.INDETERMINATE, Ending.UNFINISHED)
    assert (found.attempts, found.started_ns) == (1, op.intended_ns)


def test_an_answered_borrow_keeps_its_outcome(plan: Plan) -> None:
    """Only the operation's own line is missing: what was answered was answered."""
    op = operation(plan, 20)
    found = completed(plan, (attempt(op),), (sent(op),))[20]

    assert found.outcome is Outcome.APPROVED


def test_a_retry_without_an_answer_is_indeterminate(plan: Plan) -> None:
    """A first refusal says nothing about a second try that was sent."""
    op = operation(plan, 20)
    tries = {op.arrival: [sent(op), replace(sent(op), attempt=2)]}
    refused = attempt(op, outcome=Outcome.FAILED)
    found = list(complete_operations(plan, builders.status(plan), {}, (refused,), tries))[20]

    assert (found.outcome, found.attempts) == (Outcome.INDETERMINATE, 2)


def test_an_answered_decline_keeps_its_cause(plan: Plan) -> None:
    """The business cause survives with the attempt, so that declines still add up."""
    op = operation(plan, 20)
    refused = attempt(op, outcome=Outcome.DECLINED, decline=Decline.POLICY, code="region_closed")
    found = completed(plan, (refused,), (sent(op),))[20]

    assert (found.decline, found.code) == (Decline.POLICY, "region_closed")


def test_a_decline_before_the_borrow_is_kept(plan: Plan) -> None:
    """It was the borrower's answer, unless a borrow was sent that it says nothing of."""
    op = operation(plan, 20)
    declined = attempt(op, Step.LOG_IN, outcome=Outcome.DECLINED, decline=Decline.POLICY)
    found = completed(plan, (declined,))[20]
    in_doubt = completed(plan, (declined,), (sent(op),))[20]

    assert (found.outcome, found.decline) == (Outcome.DECLINED, Decline.POLICY)
    assert (found.attempts, found.blocked_by) == (0, None)
    assert in_doubt.outcome is Outcome.INDETERMINATE


@pytest.mark.parametrize(
    ("steps", "blocked_by"),
    [((Step.LOG_IN,), Step.CREDIT_LINE), ((Step.LOG_IN, Step.CREDIT_LINE), None)],
)
def test_a_journey_that_never_came_to_its_borrow_has_failed(
    plan: Plan, steps: tuple[Step, ...], blocked_by: Step | None
) -> None:
    """No borrow was sent, so nothing can be in the ledger; the step under way blocked it."""
    op = operation(plan, 20)
    tries = tuple(attempt(op, step, started_ns=op.intended_ns + n) for n, step in enumerate(steps))
    found = completed(plan, tries)[20]

    assert (found.outcome, found.attempts) == (Outcome.FAILED, 0)
    assert found.blocked_by is blocked_by


def test_a_journey_that_failed_to_log_in_is_blocked_there(plan: Plan) -> None:
    """The step that failed is the one that blocks."""
    op = operation(plan, 20)
    refused = attempt(op, Step.LOG_IN, outcome=Outcome.FAILED)

    assert completed(plan, (refused,))[20].blocked_by is Step.LOG_IN


def test_arrivals_after_the_end_of_load_are_withdrawn(plan: Plan) -> None:
    """What was not due when the load was ended is no operation at all."""
    found = completed(plan, load_ended_ns=at_ns(4.0))

    assert len(found) == sum(a.at_s <= 4.0 for a in plan.arrivals)


def test_what_was_sent_after_the_end_of_load_still_counts(plan: Plan) -> None:
    """A worker that had not heard of the end yet, and died: its borrow may be in the ledger."""
    late = next(a.index for a in plan.arrivals if a.at_s > 4.0)
    op = operation(plan, late)
    found = completed(plan, (), (sent(op),), load_ended_ns=at_ns(4.0))

    assert [(o.arrival, o.outcome) for o in found][-1] == (late, Outcome.INDETERMINATE)


def test_a_load_that_never_began_has_no_operations(plan: Plan) -> None:
    """Without a clock nothing was due."""
    assert completed(plan, clock=None) == []
