"""What a load process writes down, and what it does once the disk takes no more."""

from pathlib import Path

import pytest

from harness.history.event_writer import EventWriter, UnwrittenError
from harness.history.run_directory import RunDirectory
from tests.builders import attempt, facts, plan_of, rows
from tests.full_disk import files_end_at
from tests.stored import sent


def test_a_full_disk_is_told_once_and_raises_only_where_something_must_not_be_done(
    tmp_path: Path,
) -> None:
    """What cannot be written down first is not sent; all else has happened, and stays untold."""
    plan = plan_of(rate=5)
    run, told = RunDirectory.create(tmp_path, plan), list[str]()
    writer = EventWriter(run, "load-0", told.append)
    op, *_ = rows(facts(plan).operations)
    writer.sent(sent(op))
    path = run.path / "events-load-0.jsonl"

    with files_end_at(path.stat().st_size + 10):
        writer.attempt(attempt(op))
        writer.operation(op)
        writer.flush()
        with pytest.raises(UnwrittenError):
            writer.sent(sent(op))
        writer.attempt(attempt(op))
    writer.flush()
    writer.close()
    writer.close()

    assert told == ["events-load-0.jsonl cannot be written: File too large"]
    assert path.read_bytes().count(b'{"sent"') == 1
