"""The journal: what was announced and never undone is found, whatever cut the file short."""

import json
import os
import random
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

import pytest

from harness.core.errors import HarnessError
from harness.core.processes import boot_id
from harness.faults import BlockingMigration, Kill, Partition
from harness.history import journal as journal_module
from harness.history.journal import Journal, first_heal
from harness.history.journal_row import JOURNAL_FILE
from harness.plan.plan import PlannedFault
from harness.stack.watchdog import read_open
from tests.builders import planned_fault

PARTITION = planned_fault("1-partition", Partition("edge", direction="upstream"), 8.0, 13.0)
KILL = planned_fault("2-kill", Kill("replica-1", expects_impact=False), 8.0, 10.0)
MIGRATION = planned_fault("3-blocking_migration", BlockingMigration(), 8.0, 13.0)
FAULTS = (PARTITION, KILL, MIGRATION)
SOON_NS = 10**10


def journal_in(folder: Path, stack: str = "stack-1", run: str = "run-1") -> Journal:
    """The journal of a stack, for a conductor."""
    return Journal(folder, stack, run, "conductor")


def announce(journal: Journal, fault: PlannedFault, in_ns: int = SOON_NS) -> None:
    """Announce a fault that is to be healed ``in_ns`` from now."""
    journal.intend(fault, time.monotonic_ns() + in_ns)


def left(journal: Journal) -> list[PlannedFault]:
    """The faults that are open."""
    return [fault.planned for fault in journal.open_faults()]


def test_what_was_announced_is_open(tmp_path: Path) -> None:
    """Every kind of fault comes back exactly as it was written down."""
    journal = journal_in(tmp_path)
    for fault in FAULTS:
        announce(journal, fault)

    assert left(journal_in(tmp_path)) == list(FAULTS)


def test_what_was_undone_is_not_open(tmp_path: Path) -> None:
    """Undone, and announced again by a later run: only the later one counts."""
    journal = journal_in(tmp_path)
    announce(journal, PARTITION)
    journal.write("undone", fault=PARTITION.name)
    announce(journal_in(tmp_path, run="run-2"), PARTITION)

    assert [fault.intent.run for fault in journal.open_faults()] == ["run-2"]


def test_healed_and_injected_again_is_not_healed(tmp_path: Path) -> None:
    """A conductor that was stopped between announcing and injecting may inject after a heal."""
    journal = journal_in(tmp_path)
    announce(journal, PARTITION)
    journal.write("healed", fault=PARTITION.name, by="deadline", healed_ns=1)
    healed = journal.open_faults()
    journal.write("injected", fault=PARTITION.name)

    assert [fault.healed for fault in healed] == [True]
    assert [fault.healed for fault in journal.open_faults()] == [False]
    assert first_heal(journal.rows(), PARTITION.name) is None


def test_another_stacks_faults_went_with_it(tmp_path: Path) -> None:
    """A stack that is gone took its faults along."""
    announce(journal_in(tmp_path, stack="stack-0"), PARTITION)

    assert left(journal_in(tmp_path)) == []


def test_no_file_is_nothing_open(tmp_path: Path) -> None:
    """A stack that was never broken, and one whose file was forgotten."""
    journal = journal_in(tmp_path)
    journal.forget()

    assert (left(journal), journal.rows(), journal.run_under_way()) == ([], [], None)


def test_a_journal_without_end_is_told(tmp_path: Path) -> None:
    """A checkout may bring one along: it must not eat all memory, and `down` removes it."""
    path = tmp_path / JOURNAL_FILE
    path.touch()
    os.truncate(path, 10**12)
    for call in (journal_in(tmp_path).open_faults, journal_in(tmp_path).run_under_way):
        with pytest.raises(HarnessError, match=r"larger than.*`lendchaos down` removes it"):
            call()
    assert read_open(journal_in(tmp_path)).reason() is None
    journal_in(tmp_path).forget()
    assert left(journal_in(tmp_path)) == []


def test_a_deadline_holds_within_one_boot(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It passes five seconds after the planned heal; after a reboot it has passed."""
    journal = journal_in(tmp_path)
    announce(journal, PARTITION, -4 * 10**9)
    announce(journal, KILL, -6 * 10**9)
    early, late = journal.open_faults()
    monkeypatch.setattr(journal_module, "boot_id", lambda: "another boot")

    assert (early.overdue(), late.overdue()) == (True, True)
    monkeypatch.undo()
    assert (early.overdue(), late.overdue(), late.overdue(margin_s=60)) == (False, True, False)
    assert replace(late, healed=True).overdue() is False


def test_the_deadline_is_also_told_in_wall_time(tmp_path: Path) -> None:
    """For people, and for whoever reads it after a reboot."""
    journal = journal_in(tmp_path)
    announce(journal, PARTITION)
    (row,) = journal.rows()

    assert row.boot_id == boot_id()
    assert row.deadline_wall_ns is not None
    assert row.deadline_wall_ns - time.time_ns() == pytest.approx(15e9, abs=5e9)


def test_a_run_is_under_way_until_it_is_over(tmp_path: Path) -> None:
    """The latest run counts, with the guardian that it has by now."""
    journal = journal_in(tmp_path)
    journal.write("run", conductor=(10, 1), guardian=(11, 1), owns_stack=True)
    journal.write("run", conductor=(10, 1), guardian=(12, 1), owns_stack=True)
    row = journal.run_under_way()
    journal.write("over")

    assert row is not None
    assert (row.conductor, row.guardian, row.owns_stack) == ((10, 1), (12, 1), True)
    assert journal.run_under_way() is None


def test_a_new_file_is_begun_only_when_nothing_is_open(tmp_path: Path) -> None:
    """What still has to be healed is never forgotten."""
    journal = journal_in(tmp_path)
    announce(journal, PARTITION)
    journal.begin_anew()
    kept = left(journal)
    journal.write("undone", fault=PARTITION.name)
    journal.begin_anew()

    assert kept == [PARTITION]
    assert journal.rows() == []


# --- cut anywhere --------------------------------------------------------------------------------


def written(folder: Path, random_: random.Random) -> list[str]:
    """A journal of some steps in an order drawn by chance, and the events in it."""
    journal = journal_in(folder)
    events = []
    for _ in range(random_.randint(3, 12)):
        fault = random_.choice(FAULTS)
        event = random_.choice(["intent", "injected", "healed", "undone", "run", "over"])
        if event == "intent":
            announce(journal, fault)
        elif event in ("run", "over"):
            journal.write(event, conductor=(1, 2))
        else:
            journal.write(event, fault=fault.name, healed_ns=5 if event == "healed" else None)
        events.append(event)
    return events


@pytest.mark.parametrize("seed", range(8))
def test_cut_anywhere_it_tells_what_was_written_whole(tmp_path: Path, seed: int) -> None:
    """A death at any byte loses at most the row being written, and what follows is read."""
    random_ = random.Random(seed)  # a plan of a test, no secret
    events = written(tmp_path, random_)
    path = tmp_path / JOURNAL_FILE
    whole = path.read_bytes()
    for cut in sorted({0, len(whole), *(random_.randrange(len(whole)) for _ in range(40))}):
        path.write_bytes(whole[:cut])
        # The line's end is not needed for a row to be whole: all of it is there.
        complete = len([part for part in whole[:cut].split(b"\n") if _is_json(part)])
        journal = journal_in(tmp_path)
        rows = [row.event for row in journal.rows()]
        assert rows == events[:complete]
        journal.write("over", text="after the cut")
        assert [row.event for row in journal.rows()] == [*events[:complete], "over"]


def _is_json(line: bytes) -> bool:
    try:
        return isinstance(json.loads(line), dict)
    except ValueError:
        return False


@pytest.mark.parametrize(
    "line",
    [
        b"\x00\xff\xfe",
        b"[]",
        b"7",
        b"{}",
        b'{"schema": "lendchaos.journal/9", "event": "undone"}',
        b'{"schema": "lendchaos.journal/1", "event": 5}',
        b'{"schema": "lendchaos.journal/1", "event": "intent", "fault": "x", "planned": {}}',
    ],
)
def test_a_line_that_is_no_row_hides_no_other(tmp_path: Path, line: bytes) -> None:
    """Whatever it is: rows before and after it count."""
    journal = journal_in(tmp_path)
    announce(journal, PARTITION)
    with (tmp_path / JOURNAL_FILE).open("ab") as file:
        file.write(line + b"\n")
    announce(journal, KILL)

    assert left(journal) == [PARTITION, KILL]


def test_many_write_at_once_and_no_row_is_lost(tmp_path: Path) -> None:
    """Conductor, guardian and a command by hand may write at the same instant."""
    code = (
        "import sys, pathlib; from harness.history.journal import Journal;"
        "j = Journal(pathlib.Path(sys.argv[1]), 'stack-1', sys.argv[2], 'test');"
        "[j.write('healing', fault=str(n), text='x' * 300) for n in range(60)]"
    )
    command = [sys.executable, "-c", code, str(tmp_path)]
    writers = [subprocess.Popen([*command, f"run-{number}"]) for number in range(3)]
    assert [writer.wait(60) for writer in writers] == [0, 0, 0]
    rows = journal_in(tmp_path).rows()

    for number in range(3):
        mine = [row.fault for row in rows if row.run == f"run-{number}"]
        assert mine == [str(n) for n in range(60)]
