"""Who heals has injected nothing: another process, that of a command, or of the next run."""

import subprocess
import sys
import time
from pathlib import Path
from typing import Any

import pytest

from harness.core.user_module import UserReference
from harness.faults import Partition
from harness.faults.heal.healing import heal_open
from harness.faults.registry import load_own
from harness.history.journal import Journal
from harness.history.kept_record import KeptRecord
from harness.history.run_directory import RunDirectory
from harness.plan import fault_registry
from harness.stack.state import Stack, save_state
from tests.builders import plan_of, planned_fault, stack_in

FAULT_FILE = """
from dataclasses import dataclass
from harness.faults.network.link_fault import LinkFault, LinkInjector
from harness.faults.registry import register
from harness.plan.fault import Phrase

@dataclass(frozen=True, slots=True)
class Fog(LinkFault):
    kind = "fog"
    told = "fog on {0.link}"
    phrase = Phrase("fog", "end of the fog")

class FogInjector(LinkInjector):
    def canary(self):
        raise AssertionError

register(Fog, FogInjector)
"""
LEFT_OVER = """
import sys
from pathlib import Path
from harness.apps.cli.stacks import _heal_left_over
from harness.stack.state import read_state
print(_heal_left_over(read_state(Path(sys.argv[1]))))
"""


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """A stack whose links nothing listens at."""
    monkeypatch.setattr("harness.faults.heal.healing._PAUSE_SECONDS", 0.0)
    return stack_in(tmp_path)


def announce(stack: Stack, planned: Any, module: tuple[str, str] | None = None) -> None:
    """Write an intent, as a run did that is dead."""
    Journal(stack.state_dir, stack.stack_id, "run-1", "conductor").intend(
        planned, time.monotonic_ns(), module
    )


def test_a_process_that_has_loaded_no_fault_heals(
    stack: Stack, monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """`up` and `down` do: the fault's file is found, and Toxiproxy asked."""
    monkeypatch.setenv("LENDCHAOS_STATE", str(tmp_path / "register"))
    save_state(stack)
    announce(stack, planned_fault("1-partition", Partition("edge"), 0.0, 1.0))
    done = subprocess.run(
        [sys.executable, "-c", LEFT_OVER, str(stack.state_dir)],
        capture_output=True,
        text=True,
        check=False,
    )

    assert "Toxiproxy" in done.stderr.splitlines()[-1], done.stderr


def test_a_fault_whose_module_is_gone_says_so(stack: Stack, tmp_path: Path) -> None:
    """With the module's name, and not the name of a kind that no one wrote."""
    file = tmp_path / "fog_bank.py"
    file.write_text(FAULT_FILE)
    where = UserReference("fog_bank", "", str(tmp_path))
    load_own([where])
    fog: Any = fault_registry.spec_of("fog")
    planned = planned_fault("1-fog", fog(link="edge"), 0.0, 1.0)
    announce(stack, planned, ("fog_bank", str(tmp_path)))
    (known,) = heal_open(stack, "somebody")
    del sys.modules["fog_bank"], fault_registry._SPECS["fog"]
    file.write_text("no Python here\n")
    (broken,) = heal_open(stack, "somebody")

    assert "Toxiproxy" in str(known)
    assert "fault module fog_bank" in str(broken)
    assert "SyntaxError" in str(broken)


def test_the_record_of_a_run_has_no_path_of_this_machine(tmp_path: Path) -> None:
    """It is handed on: neither where the run lay, nor where a module of the user's is."""
    for kind in (RunDirectory, KeptRecord):
        folder = tmp_path / kind.__name__
        folder.mkdir()
        run = kind.create(folder, plan_of())
        announced = Journal(tmp_path, "s", run.run_id, "conductor", str(folder))
        announced.intend(planned_fault("1-x", Partition("edge"), 0, 1), 1, ("mine", "/home/alice"))
        run.write_journal(announced.rows())
        text = "".join(path.read_text() for path in folder.rglob("journal.jsonl"))

        assert "intent" in text
        assert "alice" not in text
        assert str(folder) not in text
