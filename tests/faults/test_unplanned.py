"""A process that somebody else ended is no fault of the run, and is told as such."""

import json
from dataclasses import replace
from pathlib import Path

from harness.faults import Kill
from harness.faults.unplanned import foreign_orders, unexpected_exits
from harness.history.events import FaultFact
from harness.plan.fault import PlannedFault
from harness.stack.supervisor import EVENT_LOG
from tests.builders import planned_fault
from tests.stack.test_state import a_stack


def killing(*targets: str) -> list[PlannedFault]:
    """Faults that kill these."""
    return [planned_fault(f"{number}-kill", Kill(t), 0, 1) for number, t in enumerate(targets, 1)]


def test_only_what_nobody_planned_is_told(tmp_path: Path) -> None:
    """Not the fault's own target, not Toxiproxy, nothing from before, and no half line."""
    stack = a_stack(tmp_path)
    stack.log_dir.mkdir()
    rows = [
        {"at_ns": 5, "event": "exited", "name": "postgres", "exit": -9},
        {"at_ns": 11, "event": "started", "name": "postgres", "pid": 3},
        {"at_ns": 12, "event": "exited", "name": "replica-1", "exit": -9},
        {"at_ns": 13, "event": "exited", "name": "postgres", "exit": 1},
        {"at_ns": 14, "event": "exited", "name": "toxiproxy", "exit": -9},
        {"at_ns": 15, "event": "exited", "name": "replica-2", "exit": -15},
    ]
    log = "\n".join(json.dumps(row) for row in rows) + '\n{"at_ns": 16, "ev'
    (stack.log_dir / EVENT_LOG).write_text(log)

    one = unexpected_exits(stack, killing("replica-1"), 10)
    none = unexpected_exits(stack, killing("replicas", "postgres"), 10)

    assert [text.partition(";")[0] for text in one] == [
        "postgres ended during the run (exit code 1) and was started again",
        "replica-2 ended during the run (signal 15) and was started again",
    ]
    assert none == ()


def test_what_somebody_had_the_supervisor_do_is_not_the_targets(tmp_path: Path) -> None:
    """Named with its time; what a fault asked for is ours, and one part of it later is not."""
    stack = a_stack(tmp_path)
    stack.log_dir.mkdir()
    second = 1_000_000_000
    rows = [
        {"at_ns": 10 * second, "event": "exited", "name": "replica-1", "exit": -9},
        {"at_ns": 10 * second, "event": "killed", "name": "replica-1"},
        {"at_ns": 15 * second, "event": "started", "name": "replica-1", "pid": 3},
        {"at_ns": 20 * second, "event": "exited", "name": "postgres", "exit": 0},
        {"at_ns": 20 * second, "event": "shut_down", "name": "postgres"},
        {"at_ns": 22 * second, "event": "started", "name": "postgres", "pid": 4},
        {"at_ns": 25 * second, "event": "frozen", "name": "replica-1"},
        {"at_ns": 30 * second, "event": "killed", "name": "toxiproxy"},
    ]
    (stack.log_dir / EVENT_LOG).write_text("\n".join(json.dumps(row) for row in rows))
    fact = FaultFact(
        name="1-kill",
        kind="kill",
        link_or_target="replicas",
        expects_impact=True,
        inject_called_ns=10 * second - 5,
        inject_returned_ns=10 * second + 5,
    )
    stopped, frozen = found = foreign_orders(stack, [fact], 5 * second)

    assert stopped.text == "postgres was shut down by the supervisor, by request"
    assert 18 * second < stopped.begin_ns < 20 * second
    assert stopped.end_ns == 22 * second
    assert (frozen.text, frozen.end_ns) == (
        "replica-1 was frozen by the supervisor, by request",
        None,
    )
    assert (stopped.process, frozen.process) == ("postgres", "replica-1")
    assert unexpected_exits(stack, killing("replicas"), 5 * second, found) == ()
    in_words = [replace(change, process="") for change in found]
    assert len(unexpected_exits(stack, killing("replicas"), 5 * second, in_words)) == 1


def test_a_stack_without_a_log_has_nothing_to_tell(tmp_path: Path) -> None:
    """A folder that is gone keeps no run from being judged."""
    assert unexpected_exits(a_stack(tmp_path), [], 0) == ()
