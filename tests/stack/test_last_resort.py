"""When the supervisor calls somebody to heal: nobody else is left, or a deadline has passed."""

import json
import os
import time
from pathlib import Path

from harness.core.processes import identify
from harness.faults import Partition
from harness.history.journal import Journal
from harness.history.journal_row import JOURNAL_FILE
from harness.stack.watchdog import Open, read_open
from tests.builders import planned_fault

FAULT = planned_fault("1-partition", Partition("edge"), 8.0, 13.0)
DEAD = (2**22 - 1, 1)


def journal_in(folder: Path) -> Journal:
    """The journal of one run."""
    return Journal(folder, "stack-1", "run-1", "conductor")


def read(folder: Path) -> Open:
    """As the supervisor reads it."""
    return read_open(Journal(folder, "stack-1"))


def alive() -> tuple[int, int]:
    """A process that lives: ourselves."""
    reference = identify(os.getpid())
    assert reference is not None
    return reference.pid, reference.started_ticks


def test_nobody_is_called_for_nothing(tmp_path: Path) -> None:
    """No journal, a run that is well, a fault that is not due, one that was healed, a run over."""
    assert read(tmp_path).reason() is None
    journal = journal_in(tmp_path)
    journal.write("run", conductor=alive(), guardian=DEAD)
    journal.intend(FAULT, time.monotonic_ns() + 10**10)
    assert read(tmp_path).reason() is None
    journal.intend(FAULT, time.monotonic_ns() - 10**11)
    journal.write("healed", fault=FAULT.name, healed_ns=1)
    assert read(tmp_path).reason() is None
    journal.write("run", conductor=DEAD, guardian=DEAD)
    journal.write("over")
    assert read(tmp_path).reason() is None


def test_a_deadline_that_has_passed_calls(tmp_path: Path) -> None:
    """Whoever lives, as long as the fault is not healed."""
    journal = journal_in(tmp_path)
    journal.write("run", conductor=alive(), guardian=alive())
    journal.intend(FAULT, time.monotonic_ns() - 10**11)

    assert read(tmp_path).reason() == "the deadline of 1-partition has passed"


def test_a_hostile_line_hides_no_other(tmp_path: Path) -> None:
    """A checkout can bring a journal along; what cannot be read must not end the watch."""
    hostile = ["[" * 100_000, '{"a":' * 100_000, "9" * 5000]
    row = {"schema": "lendchaos.journal/1", "stack": "stack-1", "event": "intent"}
    hostile += [json.dumps({**row, "deadline_ns": float("inf")})]
    hostile += [json.dumps({**row, "run": [], "deadline_ns": 1})]
    (tmp_path / JOURNAL_FILE).write_text("\n".join([*hostile, ""]))
    assert read(tmp_path).reason() is None
    journal_in(tmp_path).intend(FAULT, time.monotonic_ns() - 10**11)
    assert read(tmp_path).reason() == "the deadline of 1-partition has passed"


def test_a_run_without_conductor_and_guardian_calls(tmp_path: Path) -> None:
    """At once, long before any deadline."""
    journal = journal_in(tmp_path)
    journal.write("run", conductor=DEAD, guardian=DEAD)
    journal.intend(FAULT, time.monotonic_ns() + 10**11)

    assert read(tmp_path).reason() == "run run-1 has lost its conductor and its guardian"
    assert read_open(Journal(tmp_path, "another stack")).reason() is None
