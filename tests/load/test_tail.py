"""Events files read while others write them."""

import json
from pathlib import Path

from harness.apps.locust.live import PIECE_BYTES, operations_in
from harness.history.event_tail import OperationLines
from tests.load.made_live import operation


def line(number: int) -> str:
    """One row of an operation."""
    return json.dumps({"operation": {**operation(number, "approved"), "arrival": number}}) + "\n"


def numbers(tail: OperationLines) -> list[int]:
    """The arrivals that are new."""
    return [found["arrival"] for piece in tail.pieces() for found in operations_in(piece)]


def test_each_operation_comes_once_from_every_process(tmp_path: Path) -> None:
    """Two files that grow, one of which appears late; other rows are passed over."""
    first, second = tmp_path / "events-load-0.jsonl", tmp_path / "events-load-1.jsonl"
    tail = OperationLines(tmp_path, PIECE_BYTES)
    assert numbers(tail) == []
    first.write_text('{"schema": "x"}\n' + line(0) + '{"sent": {"arrival": 1}}\n' + line(2))
    assert numbers(tail) == [0, 2]
    second.write_text(line(1))
    with first.open("a") as file:
        file.write(line(4))

    assert sorted(numbers(tail)) == [1, 4]
    assert numbers(tail) == []


def test_half_a_line_waits_for_its_other_half(tmp_path: Path) -> None:
    """A writer's buffer ends anywhere."""
    path = tmp_path / "events-load-0.jsonl"
    tail = OperationLines(tmp_path, PIECE_BYTES)
    path.write_text(line(0) + line(1)[:20])
    assert numbers(tail) == [0]
    path.write_text(line(0) + line(1))

    assert numbers(tail) == [1]


def test_a_piece_is_bounded_and_files_take_turns(tmp_path: Path) -> None:
    """A long file neither comes at once nor hides another."""
    (tmp_path / "events-load-0.jsonl").write_text("".join(map(line, range(2000))))
    (tmp_path / "events-load-1.jsonl").write_text(line(9999))
    pieces = list(OperationLines(tmp_path, PIECE_BYTES).pieces())

    assert len(pieces) > 5
    assert max(len(piece) for piece in pieces) <= PIECE_BYTES / len(line(0)) + 1
    assert [found["arrival"] for found in operations_in(pieces[1])] == [9999]
    assert sum(map(len, pieces)) == 2001


def test_damage_does_not_stop_it(tmp_path: Path) -> None:
    """Neither a broken row nor a line without an end keeps it from what follows."""
    path = tmp_path / "events-load-0.jsonl"
    path.write_text('{"operation": {"arri\n' + "x" * (3 * PIECE_BYTES) + "\n" + line(7))

    assert numbers(OperationLines(tmp_path, PIECE_BYTES)) == [7]
