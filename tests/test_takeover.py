"""What is written down for a run whose conductor died: what the journal knows, and nothing more."""

from dataclasses import replace
from pathlib import Path

from harness.faults.heal.takeover import complete_record, completed
from harness.history.events import Clock, FaultFact, Proof, RunStatus
from harness.history.journal import Journal
from harness.history.journal_row import JOURNAL_FILE, JournalRow
from harness.history.reader import read_facts
from harness.history.run_directory import RunDirectory
from harness.verdict.judge import judge
from tests.builders import CUT, ZERO_NS, plan_of, planned_fault

PLANNED = planned_fault("1-partition", CUT, 8.0, 13.0)
KNOWN = FaultFact("1-partition", "partition", "database", expects_impact=True)


def rows_of(folder: Path, *events: tuple[str, dict[str, object]]) -> list[JournalRow]:
    """A journal with these events of the one fault."""
    journal = Journal(folder, "stack-1", "run-1", "conductor", str(folder))
    journal.intend(PLANNED, 0)
    for event, more in events:
        journal.write(event, fault=PLANNED.name, **more)
    return journal.rows()


HEALED = (
    ("healing", {"by": "guardian", "tries": 1}),
    ("heal_failed", {"by": "guardian", "tries": 1, "text": "no answer"}),
    ("healing", {"by": "guardian", "tries": 2}),
    ("healed", {"by": "guardian", "tries": 2, "healed_ns": 77}),
    ("proven", {"by": "guardian", "holds": True, "text": "after: well"}),
)


def test_the_heal_of_another_is_written_down(tmp_path: Path) -> None:
    """Who, when, at which try, and the canary after it."""
    rows = rows_of(tmp_path, *HEALED)
    made = completed(PLANNED, replace(KNOWN, inject_called_ns=5, inject_returned_ns=6), rows)

    assert made is not None
    assert (made.healed_ns, made.healed_by, made.heal_tries) == (77, "guardian", 2)
    assert (made.inject_called_ns, made.inject_returned_ns) == (5, 6)
    assert made.heal_called_ns == rows[1].at_ns
    assert made.proofs == (Proof("healed", holds=True, text="after: well"),)


def test_what_was_only_announced_may_have_been_injected(tmp_path: Path) -> None:
    """A conductor that died between the intent and its own record: the fault counts."""
    made = completed(PLANNED, None, rows_of(tmp_path, *HEALED))

    assert made is not None
    assert made.inject_called_ns is not None
    assert made.inject_returned_ns is None


def test_what_the_conductor_wrote_stands(tmp_path: Path) -> None:
    """A heal of its own that is on record is not replaced by a later one."""
    own = replace(
        KNOWN,
        inject_called_ns=5,
        heal_called_ns=8,
        heal_returned_ns=9,
        healed_ns=9,
        healed_by="conductor",
        heal_tries=1,
        proofs=(Proof("healed", holds=True, text="after: its own"),),
    )

    assert completed(PLANNED, own, rows_of(tmp_path, *HEALED)) is None


def test_what_was_never_announced_was_never_injected(tmp_path: Path) -> None:
    """Nothing is made up."""
    assert completed(replace(PLANNED, name="2-other"), None, rows_of(tmp_path, *HEALED)) is None


def test_a_dead_conductors_run_is_judged_from_its_remains(tmp_path: Path) -> None:
    """Interrupted, with its end, its trouble, its journal and the state of its database."""
    plan = plan_of(CUT)
    directory = RunDirectory.create(tmp_path, plan)
    clock = Clock(ZERO_NS, ZERO_NS, 0)
    directory.write_status(RunStatus("stack", clock=clock, interrupted=True))
    unclean = (Proof("prepared", holds=False, text="prepared transactions: x"),)
    rows, died_ns = rows_of(directory.path, *HEALED), ZERO_NS + 9 * 10**9
    complete_record(directory, plan, rows, died_ns, by="guardian", found=unclean)
    stored = directory.read_plan()
    facts = read_facts(directory, stored)
    verdict = judge(stored, facts)
    codes = {finding.code: finding.message for finding in verdict.findings}

    assert verdict.exit_code == 130
    assert facts.status.load_ended_ns == died_ns
    assert "the conductor died" in codes["load_unfaithful"]
    assert "prepared transactions: x" in codes["unclean_recovery"]
    assert "healed by the guardian, at try 2" in codes["healed_otherwise"]
    assert facts.journal[0].event == "intent"
    assert str(tmp_path) not in (directory.path / JOURNAL_FILE).read_text().split("\n", 1)[1]


def test_a_run_that_was_over_stays_as_it_was_sealed(tmp_path: Path) -> None:
    """Whatever a late guardian may find: its evidence was complete."""
    plan = plan_of(CUT)
    directory = RunDirectory.create(tmp_path, plan)
    directory.write_status(RunStatus("stack", interrupted=False))
    directory.write_checksums()
    complete_record(directory, plan, rows_of(tmp_path, *HEALED), 1, by="guardian")

    assert read_facts(directory, directory.read_plan()).damage == ()
    assert read_facts(directory, directory.read_plan()).status.interrupted is False


def test_a_cut_journal_is_told(tmp_path: Path) -> None:
    """It is evidence like the rest: half a line of it makes the run inconclusive."""
    plan = plan_of(CUT)
    directory = RunDirectory.create(tmp_path, plan)
    directory.write_status(RunStatus("stack", interrupted=False))
    directory.write_journal(rows_of(tmp_path, *HEALED))
    directory.write_checksums()
    path = directory.path / JOURNAL_FILE
    path.write_bytes(path.read_bytes()[:-9])
    damage = read_facts(directory, plan).damage

    assert any("journal.jsonl, line 7 is not readable" in text for text in damage)
    assert any("journal.jsonl has" in text for text in damage)
