"""Whoever dies or is stopped, the fault is healed: killed, frozen and abandoned for real."""

import json
import os
import pty
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from harness.faults import Partition
from harness.faults.heal.guardian_protocol import (
    FROM_GUARDIAN,
    TO_GUARDIAN,
    GuardedRun,
    GuardianReady,
    RunInOrder,
)
from harness.faults.heal.healing import heal_open
from harness.faults.probes import LinkProbe
from harness.faults.registry import injector_for
from harness.history.events import FaultFact
from harness.history.journal import DEADLINE_MARGIN_SECONDS, Journal
from harness.stack import Stack, StackSettings, down, load_state, up
from tests.builders import planned_fault
from tests.live.conftest import ROOT, Run, Runner
from tests.live.test_how_a_harness_lies import wait_for_fault

pytestmark = pytest.mark.live
RATE = 20
SETTLE = "--ledger-settle=1s"
LONG_FAULT = (
    "--rate=20",
    "--warm-up=500ms",
    "--baseline=2s",
    "--fault=40s",
    "--recovery=4s",
    SETTLE,
)
SHORT_FAULT = (
    "--rate=20",
    "--warm-up=500ms",
    "--baseline=2s",
    "--fault=1s",
    "--recovery=4s",
    SETTLE,
)
HEALED_SECONDS_MAX = 3.0
"""What is promised; a busy machine may take as long again, and no longer."""
PATIENCE_SECONDS = 60.0


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose runs are killed."""
    folder = tmp_path_factory.mktemp("guarded")
    yield up(StackSettings(), folder)
    down(folder)


@dataclass
class Started:
    """A run that is under way, with its fault injected, and the processes that look after it."""

    runner: Runner
    load: subprocess.Popen[str]
    conductor: psutil.Process
    guardian: psutil.Process
    everybody: list[psutil.Process]
    """All processes of the run, apart from its stack."""

    def ended(self) -> Run:
        """Wait until the run has ended and been judged."""
        output, _ = self.load.communicate(timeout=PATIENCE_SECONDS)
        path = self.runner.newest()
        wait_until((path / "verdict.json").exists, "a verdict")
        return Run(self.load.returncode, output, path)


def wait_until(holds: Callable[[], bool], what: str) -> float:
    """Seconds until it held."""
    started = time.monotonic()
    while not holds():
        assert time.monotonic() - started < PATIENCE_SECONDS, f"{what} did not come"
        time.sleep(0.02)
    return time.monotonic() - started


def start(
    state_dir: Path, folder: Path, *options: str, scenario: Path | str = "network_partition"
) -> Started:
    """A run in mid-fault."""
    runner = Runner(folder / "runs", state_dir)
    load = subprocess.Popen(
        runner.command(scenario, *options),
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        start_new_session=True,
    )
    wait_for_fault(runner, load)
    assert load.poll() is None, load.communicate()[0]
    family = psutil.Process(load.pid).children(recursive=True)
    (conductor,) = [p for p in family if "harness.run.conductor" in p.cmdline()]
    (guardian,) = [p for p in conductor.children() if "harness.faults.heal.guardian" in p.cmdline()]
    everybody = [psutil.Process(load.pid), *family]
    return Started(runner, load, conductor, guardian, everybody)


def fault_of(run: Run) -> FaultFact:
    """The one fault of a run, as it was written down."""
    (fact,) = run.facts().faults
    assert isinstance(fact, FaultFact)
    return fact


def database_answers(stack: Stack) -> bool:
    """A canary through the link that was cut."""
    return LinkProbe(stack.links["database"], stack).answers()


def nobody_left(processes: list[psutil.Process]) -> bool:
    """Whether all have ended."""
    return not any(p.is_running() and p.status() != psutil.STATUS_ZOMBIE for p in processes)


def test_a_killed_conductors_run_is_healed_ended_and_judged(tmp_path: Path) -> None:
    """SIGKILL in mid-fault, on a stack that the run brought up itself: nothing of it is left."""
    started = start(tmp_path / "state", tmp_path, *LONG_FAULT)
    stack = load_state(tmp_path / "state")
    assert stack is not None
    family = [psutil.Process(p.pid) for p in (*stack.processes.values(), stack.supervisor) if p]
    assert not database_answers(stack)
    killed_ns = time.monotonic_ns()
    started.conductor.kill()
    run = started.ended()
    wait_until(lambda: nobody_left([*started.everybody, *family]), "the end of every process")
    fact = fault_of(run)

    assert run.exit_code == 70, run.output
    assert (fact.healed_by, fact.heal_tries) == ("guardian", 1)
    assert fact.healed_ns is not None
    assert 0 < (fact.healed_ns - killed_ns) / 1e9 < 2 * HEALED_SECONDS_MAX
    assert [proof.holds for proof in fact.proofs if proof.kind == "healed"] == [True]
    assert load_state(tmp_path / "state") is None
    assert run.verdict["verdict"] == "inconclusive"
    assert "conductor died" in json.dumps(run.verdict["findings"])
    assert {"interrupted", "ledger_unread", "healed_otherwise"} <= run.findings.keys()


@pytest.mark.long
def test_conductor_and_guardian_killed_together(own_stack: Stack, tmp_path: Path) -> None:
    """The supervisor sees that both are gone and calls somebody, long before the deadline."""
    started = start(own_stack.state_dir, tmp_path, *LONG_FAULT)
    started.guardian.suspend()  # so that it cannot be quicker than its own death
    started.conductor.kill()
    started.guardian.kill()
    seconds = wait_until(lambda: database_answers(own_stack), "the heal")
    run = started.ended()
    wait_until(lambda: nobody_left(started.everybody), "the end of every process")

    assert seconds < 4 * HEALED_SECONDS_MAX
    assert fault_of(run).healed_by == "supervisor"
    assert Journal(own_stack.state_dir, own_stack.stack_id).open_faults() == []
    assert load_state(own_stack.state_dir) is not None


@pytest.mark.long
def test_both_stopped_the_deadline_heals_and_the_run_goes_on(
    own_stack: Stack, tmp_path: Path
) -> None:
    """SIGSTOP of both: healed at the deadline; let go on, the run knows who healed it and when."""
    started = start(own_stack.state_dir, tmp_path, *SHORT_FAULT)
    started.conductor.suspend()
    started.guardian.suspend()
    wait_until(lambda: database_answers(own_stack), "the heal")
    for process in (started.guardian, started.conductor):
        process.resume()
    run = started.ended()
    fact = fault_of(run)

    assert fact.healed_by == "deadline"
    assert fact.inject_called_ns is not None
    assert fact.healed_ns is not None
    lasted_s = (fact.healed_ns - fact.inject_called_ns) / 1e9
    assert 1.0 + DEADLINE_MARGIN_SECONDS <= lasted_s < 1.0 + DEADLINE_MARGIN_SECONDS + 10
    assert run.verdict["faults"][0]["healed_s"] == pytest.approx(
        run.verdict["faults"][0]["injected_s"] + lasted_s, abs=0.01
    )
    assert run.findings["healed_otherwise"] == "note"
    assert run.exit_code != 70, run.output


def test_healed_from_another_terminal_the_run_ends(own_stack: Stack, tmp_path: Path) -> None:
    """`lendchaos heal` in mid-run, twice; a guardian that died before was started again."""
    started = start(own_stack.state_dir, tmp_path, *LONG_FAULT)
    started.guardian.kill()
    log = started.runner.newest() / "guardian.log"
    journal = Journal(own_stack.state_dir, own_stack.stack_id)
    wait_until(lambda: sum(r.event == "run" for r in journal.rows()) == 2, "another guardian")
    command = [sys.executable, "-m", "harness.apps.cli", "heal", "--state-dir"]
    command.append(str(own_stack.state_dir))
    first = subprocess.run(command, capture_output=True, text=True, check=False)
    run = started.ended()
    second = subprocess.run(command, capture_output=True, text=True, check=False)
    fact = fault_of(run)

    assert first.returncode == 0, first.stdout + first.stderr
    assert "it will end" in first.stdout
    assert "link database answers" in first.stdout
    assert second.returncode == 0, second.stdout + second.stderr
    assert "nothing is left broken" in second.stdout
    assert run.exit_code == run.verdict["exit_code"] == 130, run.output
    assert fact.healed_by in ("heal command", "conductor")
    assert fact.healed_ns is not None
    assert run.verdict["faults"][0]["bit"] is not False
    assert "the heal command, from another process" in json.dumps(run.verdict["findings"])
    assert "the guardian died and was started again" in json.dumps(run.verdict["findings"])
    assert log.exists()


@pytest.mark.long
def test_a_closed_terminal_ends_the_run_in_order(own_stack: Stack, tmp_path: Path) -> None:
    """The terminal of `lendchaos run` goes away in mid-fault: healed, drained, judged, 130."""
    runs = tmp_path / "runs"
    pid, terminal = pty.fork()
    if pid == 0:
        os.chdir(ROOT)
        signal.signal(signal.SIGHUP, signal.SIG_DFL)  # whoever runs the tests may ignore it
        options = ["--runs-dir", str(runs), "--state-dir", str(own_stack.state_dir), *LONG_FAULT]
        command = [sys.executable, "-m", "harness.apps.cli", "run", "network_partition", *options]
        os.execv(sys.executable, command)  # noqa: S606  # no shell is wanted
    faults = "*-*/faults.jsonl"
    wait_until(
        lambda: any('"control_plane"' in f.read_text() for f in runs.glob(faults)), "the fault"
    )
    os.close(terminal)  # what the kernel does then is what a closed window does
    _, status = os.waitpid(pid, 0)
    run = Run(os.waitstatus_to_exitcode(status), "", Runner(runs, own_stack.state_dir).newest())

    assert run.exit_code == 130
    assert run.verdict["exit_code"] == 130
    assert fault_of(run).healed_by == "conductor"
    assert database_answers(own_stack)


def test_a_guardian_heals_at_the_deadline_of_a_conductor_that_hangs(
    own_stack: Stack, tmp_path: Path
) -> None:
    """Its pipe is open and nobody says anything: the deadline in the journal is enough."""
    planned = planned_fault("1-partition", Partition("edge"), 0.0, 1.0)
    journal = Journal(own_stack.state_dir, own_stack.stack_id, "run-x", "conductor", str(tmp_path))
    guardian = subprocess.Popen(
        [sys.executable, "-m", "harness.faults.heal.guardian", str(tmp_path)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        stderr=subprocess.DEVNULL,
    )
    assert guardian.stdin is not None
    assert guardian.stdout is not None
    assert FROM_GUARDIAN.decode(guardian.stdout.readline()) == GuardianReady()
    guarded = GuardedRun(
        run_dir=tmp_path,
        run_id="run-x",
        state_dir=own_stack.state_dir,
        stack_id=own_stack.stack_id,
        owns_stack=False,
        load=None,
    )
    guardian.stdin.write(TO_GUARDIAN.encode(guarded))
    guardian.stdin.flush()
    for number in (signal.SIGTERM, signal.SIGINT, signal.SIGHUP):
        guardian.send_signal(number)
    journal.intend(planned, time.monotonic_ns() - round(3.5 * 1e9))  # due in a second and a half
    injector_for(planned, own_stack).inject()
    link = LinkProbe(own_stack.links["edge"], own_stack)
    broken = not link.answers()
    wait_until(link.answers, "the heal")

    def healed() -> list[str]:
        return [row.by for row in journal.rows("run-x") if row.event == "healed"]

    wait_until(lambda: bool(healed()), "its row in the journal")  # after a canary has come through
    by = healed()
    guardian.stdin.write(TO_GUARDIAN.encode(RunInOrder()))
    guardian.stdin.close()
    guardian.stdout.close()
    code = guardian.wait(PATIENCE_SECONDS)

    assert broken
    assert by == ["deadline"]
    assert code == 0
    assert heal_open(own_stack, "next run") == []
