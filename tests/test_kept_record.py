"""A run whose disk gives out: what was measured by then is judged, and is no pass."""

import errno
import shutil
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import HarnessError
from harness.history.event_writer import EventWriter, UnwrittenError
from harness.history.events import HealthAddress
from harness.history.kept_record import KeptRecord
from harness.history.reader import Facts, RunReader, read_facts
from harness.history.run_directory import RunDirectory
from harness.history.run_facts import ErrorRecord
from harness.plan.plan import Plan
from harness.run.conductor import judged
from harness.verdict.judge import judge
from harness.verdict.stored_verdict import read_verdict
from harness.verdict.types import Judgement
from tests.builders import CUT, at_ns, attempt, during, facts, ledger, operations, plan_of, rows
from tests.full_disk import files_end_at
from tests.stored import sent

FILES = ("status.json", "faults.jsonl", "journal.jsonl", "ledger.jsonl", "verdict.json")
RESULTS = ("report.html",)


@pytest.fixture(autouse=True)
def no_picture(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes most of the time."""
    monkeypatch.setattr("harness.report.write_report._write_picture", lambda *_: None)


@pytest.fixture
def plan() -> Plan:
    """A run with a partition, which it passes."""
    return plan_of(CUT, rate=20)


@pytest.fixture
def known(plan: Plan) -> Facts:
    """All of it."""
    return facts(plan, operations(plan, during(8, 13.3)))


@pytest.fixture
def told() -> list[str]:
    """What was said of the disk."""
    return []


@pytest.fixture
def run(tmp_path: Path, plan: Plan, told: list[str]) -> KeptRecord:
    """The run as its conductor has it when the load begins."""
    path = RunDirectory.create(tmp_path, plan).path
    run = KeptRecord(path, told.append)
    assert run.read_plan() == plan
    return run


def perform(run: KeptRecord, known: Facts, size: int | None = None) -> None:
    """Write a run down; a load process whose file ends at a ``size`` sends no more."""
    run.write_accounts(known.account_of)
    run.health_writer(HealthAddress("/healthz", 2.0)).close()
    run.go_on()
    told: list[str] = []
    writer = EventWriter(run, "load-0", told.append)
    done = []
    with files_end_at(size or 1 << 40):
        for op in rows(known.operations):
            try:
                writer.sent(sent(op))
            except UnwrittenError:
                break
            done.append(op)
            writer.attempt(attempt(op))
            writer.operation(op)
        writer.close()
    for fact in known.faults:
        run.append_fault(fact)
    run.write_journal([])
    status = known.status
    if told:
        ended_ns = done[-1].intended_ns
        troubles = (ErrorRecord(told[0]),)
        status = replace(status, broken_off=True, load_ended_ns=ended_ns, troubles=troubles)
    run.write_status(status)
    run.write_ledger(ledger(done))
    run.write_checksums()


def refuse(monkeypatch: pytest.MonkeyPatch, *names: str, number: int = errno.ENOSPC) -> None:
    """Have the disk take none of these files."""

    def refusing(write: Callable[..., Any]) -> Callable[..., Any]:
        def wrapped(path: Path, *more: Any, **named: Any) -> Any:
            if path.name in names:
                raise OSError(number, "refused", str(path))
            return write(path, *more, **named)

        return wrapped

    for name in ("replace_file", "open_append"):
        plain = getattr(__import__("harness.history.run_directory", fromlist=[name]), name)
        monkeypatch.setattr(f"harness.history.run_directory.{name}", refusing(plain))


def test_a_whole_record_is_judged_from_the_disk(
    run: KeptRecord, known: Facts, told: list[str]
) -> None:
    """As anyone can judge it again."""
    perform(run, known)
    verdict, path = judged(run, RunReader(run))

    assert (verdict.verdict, path) == (Judgement.PASS, str(run.path / "report.html"))
    assert told == []
    assert read_verdict(RunDirectory(run.path)) == verdict


@pytest.mark.parametrize("name", [*FILES, *RESULTS])
def test_what_the_disk_refuses_is_judged_from_memory(
    name: str, run: KeptRecord, known: Facts, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With all figures; told once, and no pass. Half a result is none."""
    refuse(monkeypatch, name)
    perform(run, known)
    verdict, path = judged(run, RunReader(run))

    assert (verdict.verdict, verdict.exit_code) == (Judgement.INCONCLUSIVE, 3)
    assert told == [f"{name} cannot be written: refused"]
    assert any(told[0] in found.message for found in verdict.findings)
    assert verdict.borrow == judge(run.read_plan(), known).borrow
    assert verdict.reconciliation.lost == 0
    assert bool(path) == (name not in {"verdict.json", *RESULTS})
    assert (run.path / "verdict.json").exists() == bool(path)


@pytest.mark.parametrize("size", [3_000, 100_000, 250_000])
def test_a_load_that_the_disk_ended_is_neither_pass_nor_failure(
    size: int, run: KeptRecord, known: Facts
) -> None:
    """Wherever it ended, in the middle of a row too; what was sent by then is all on record."""
    perform(run, known, size)
    verdict, _ = judged(run, RunReader(run))

    assert (verdict.verdict, verdict.exit_code) == (Judgement.INCONCLUSIVE, 3)
    assert read_verdict(RunDirectory(run.path)) == verdict


def test_a_folder_that_is_gone(
    run: KeptRecord, known: Facts, told: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of the load is left, and the verdict says that it shows nothing."""
    write_journal = RunDirectory.write_journal

    def gone(at: RunDirectory, rows: Any) -> None:
        shutil.rmtree(at.path)
        write_journal(at, rows)

    monkeypatch.setattr(RunDirectory, "write_journal", gone)
    perform(run, known)
    verdict, path = judged(run, RunReader(run))

    assert (verdict.verdict, verdict.exit_code, path) == (Judgement.INCONCLUSIVE, 3, "")
    assert len(told) == 1
    assert not run.path.exists()


def test_a_disk_that_fills_up_while_everything_is_written(run: KeptRecord, told: list[str]) -> None:
    """The stack may lack room, too: what fails from then on is not held against the target."""
    long = facts(run.read_plan(), operations(run.read_plan(), during(9, 99)))
    assert judge(run.read_plan(), long).verdict is Judgement.FAIL
    run.go_on()
    run.run_short(OSError(errno.ENOSPC, "full", "/x/postgres"), at_ns(9))
    run.run_short(OSError(errno.ENOSPC, "full", "/x/postgres"), at_ns(10))
    perform(run, long)
    verdict, path = judged(run, RunReader(run))

    assert (verdict.verdict, verdict.exit_code) == (Judgement.INCONCLUSIVE, 3)
    assert told == ["postgres cannot be written: full"]
    assert path
    again = RunDirectory(run.path)
    assert judge(run.read_plan(), read_facts(again, run.read_plan())) == verdict


def test_before_the_load_a_refusal_ends_the_run(
    run: KeptRecord, known: Facts, monkeypatch: pytest.MonkeyPatch
) -> None:
    """There is nothing yet to judge; and what is no refusal of a disk is never one."""
    refuse(monkeypatch, "status.json")
    with pytest.raises(OSError, match="refused"):
        run.write_status(known.status)

    run.go_on()
    with pytest.raises(ConnectionResetError):
        run.note(ConnectionResetError(errno.ECONNRESET, "reset"))


def test_a_plan_that_was_taken_away_is_no_mistake_of_who_asked(run: KeptRecord) -> None:
    """It was there when the load process made it."""
    shutil.rmtree(run.path)

    with pytest.raises(HarnessError, match="is not a run directory"):
        run.read_plan()
