"""The undo file: what was announced and never undone is found, whatever cut the file short."""

from pathlib import Path

import pytest

from harness.fault_specs import BlockingMigration, Kill, Partition
from harness.faults.undo import UNDO_FILE, UndoFile
from harness.plan import PlannedFault

PARTITION = PlannedFault("1-partition", Partition("edge", direction="upstream"), 8.0, 13.0)
KILL = PlannedFault("2-kill", Kill("replica-1", expects_impact=False), 8.0, 10.0)
MIGRATION = PlannedFault("3-blocking_migration", BlockingMigration(), 8.0, 13.0)


def test_what_was_announced_is_left_over(tmp_path: Path) -> None:
    """Every kind of fault comes back exactly as it was written down."""
    undo = UndoFile(tmp_path)
    for fault in (PARTITION, KILL, MIGRATION):
        undo.intend("stack-1", fault)

    assert UndoFile(tmp_path).left_over("stack-1") == [PARTITION, KILL, MIGRATION]


def test_what_was_undone_is_not_left_over(tmp_path: Path) -> None:
    """Undone, and announced again by a later run: only the later one counts."""
    undo = UndoFile(tmp_path)
    undo.intend("stack-1", PARTITION)
    undo.undone("stack-1", PARTITION.name)
    undo.intend("stack-1", KILL)

    assert undo.left_over("stack-1") == [KILL]


def test_another_stacks_faults_went_with_it(tmp_path: Path) -> None:
    """A stack that is gone took its faults along."""
    UndoFile(tmp_path).intend("stack-0", PARTITION)

    assert UndoFile(tmp_path).left_over("stack-1") == []


@pytest.mark.parametrize("cut", [1, 10, 60])
def test_a_torn_last_line_announced_nothing(tmp_path: Path, cut: int) -> None:
    """The line reaches the disk before the injection begins, so half a line means none."""
    undo = UndoFile(tmp_path)
    undo.intend("stack-1", PARTITION)
    undo.intend("stack-1", KILL)
    path = tmp_path / UNDO_FILE
    path.write_bytes(path.read_bytes()[:-cut])

    assert undo.left_over("stack-1") == ([PARTITION, KILL] if cut == 1 else [PARTITION])


def test_no_file_is_nothing_left_over(tmp_path: Path) -> None:
    """A stack that was never broken, and one whose file was forgotten."""
    undo = UndoFile(tmp_path)
    undo.forget()

    assert undo.left_over("stack-1") == []
