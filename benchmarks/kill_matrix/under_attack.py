"""A real run and what can be done to it: its processes by role, its moments, signals.

Everything that a run starts inherits a mark in its environment, by which it is found, whoever
started it and whatever became of its parents.
"""

import contextlib
import json
import os
import pty
import select
import signal
import subprocess
import sys
import threading
import time
import uuid
from collections.abc import Iterator, Mapping, Sequence
from pathlib import Path
from types import TracebackType
from typing import Self

from benchmarks.kill_matrix import plan
from harness.core.ports import choose_ports
from harness.core.processes import ProcessRef, identify, is_alive
from harness.history.journal import Journal
from harness.history.journal_row import JournalRow
from harness.history.manifest import STATUS_FILE
from harness.stack import Stack, StackClient

ROOT = Path(__file__).resolve().parents[2]
MARK = "LENDCHAOS_KILL_MATRIX"
MOMENT_SECONDS_MAX = 60.0
_LOOK_SECONDS = 0.004
_ON_A_TERMINAL = (
    "import fcntl, os, sys, termios; fcntl.ioctl(0, termios.TIOCSCTTY, 0);"
    " os.execvp(sys.argv[1], sys.argv[1:])"
)
_SCENARIO = '''"""Something is broken, and somebody dies.

Hypothesis: everything is healed, and the verdict is honest.
"""

from harness import Borrower, Objectives, Scenario
from harness.faults import *


class Killed(Borrower):
    scenario = Scenario(faults=[{faults}], objectives=Objectives(recovery_seconds_max=5))
'''
_PHASES = (
    "--warm-up=500ms",
    "--baseline=2500ms",
    "--fault=2s",
    "--recovery=3s",
    "--rate=60",
    "--ledger-settle=1s",
)
"""As short as can be, with just enough of a baseline that a run which is let alone may pass."""
BEFORE_SECONDS_MAX = 1.8
AFTER_SECONDS_MAX = 1.3
_JUDGING = ("waiting for the ledger", "writing the report")


class MissedError(Exception):
    """The moment never came: the run ended before it, or hung."""


class UnderAttack:
    """One run, started as its user would, as a context that leaves no process behind."""

    def __init__(
        self, trial: plan.Trial, stack: Stack, folder: Path, environment: Mapping[str, str]
    ) -> None:
        self.trial = trial
        self.stack = stack
        self._folder = folder
        self._runs = folder / "runs"
        self._mark = uuid.uuid4().hex
        self._environment = {**os.environ, **environment, MARK: self._mark}
        self._output = folder / "output.txt"
        self._terminal: int | None = None
        self._hung_up = threading.Event()

    def __enter__(self) -> Self:
        """Start it; on a terminal of its own if that is what will be closed."""
        scenario = self._folder / "killed.py"
        scenario.write_text(_SCENARIO.format(faults=self.trial.faults))
        (port,) = choose_ports(1)  # Locust's own is the same for all: two runs would mingle
        command = [
            *(sys.executable, "-m", "locust", "-f", str(scenario), "--headless", "--only-summary"),
            *("--runs-dir", str(self._runs), "--state-dir", str(self.stack.state_dir)),
            *(*_PHASES, "--processes=2", "--request-timeout=1.5s"),
            *(f"--seed={self.trial.seed}", f"--master-bind-port={port}", f"--master-port={port}"),
        ]
        if self.trial.target == plan.TERMINAL:
            self._start_on_terminal(command)
        else:
            with self._output.open("wb") as output:
                self.process = self._start(command, subprocess.DEVNULL, output.fileno())
        return self

    def _start(self, command: Sequence[str], source: int, output: int) -> subprocess.Popen[bytes]:
        return subprocess.Popen(
            command,
            stdin=source,
            stdout=output,
            stderr=output,
            cwd=ROOT,
            env=self._environment,
            start_new_session=True,
        )

    def _start_on_terminal(self, command: list[str]) -> None:
        self._terminal, ours = pty.openpty()
        on_terminal = [sys.executable, "-c", _ON_A_TERMINAL, *command]
        self.process = self._start(on_terminal, ours, ours)
        os.close(ours)
        threading.Thread(target=self._copy_terminal, daemon=True).start()

    def _copy_terminal(self) -> None:
        """Write down what appears on the terminal until it is closed."""
        if self._terminal is None:
            return
        with self._output.open("wb", buffering=0) as output, contextlib.suppress(OSError):
            while not self._hung_up.is_set():
                if select.select([self._terminal], [], [], 0.01)[0]:
                    output.write(os.read(self._terminal, 65_536))
        os.close(self._terminal)

    def __exit__(
        self,
        _kind: type[BaseException] | None,
        _error: BaseException | None,
        _trace: TracebackType | None,
    ) -> None:
        """Nothing that it started may outlive it."""
        self._hung_up.set()
        for process in self.left():
            with contextlib.suppress(ProcessLookupError):
                os.kill(process.pid, signal.SIGKILL)
        self.process.wait()

    # --- what there is -----------------------------------------------------------------------

    @property
    def run_dir(self) -> Path | None:
        """The run directory, once it is there."""
        return next((p for p in self._runs.glob("*-*") if (p / "plan.json").exists()), None)

    @property
    def output(self) -> str:
        """Everything that was printed."""
        return self._output.read_text(errors="replace") if self._output.exists() else ""

    def rows(self) -> list[JournalRow]:
        """What the stack's journal tells of this run."""
        folder = str(self.run_dir)
        journal = Journal(self.stack.state_dir, self.stack.stack_id)
        return [row for row in journal.rows() if row.run_dir == folder]

    def left(self) -> list[ProcessRef]:
        """Processes of this run that are alive."""
        return [process for process, _ in self._marked()]

    def _marked(self) -> Iterator[tuple[ProcessRef, bytes]]:
        """The living processes of this run and their command lines."""
        mark = f"{MARK}={self._mark}".encode()
        for folder in Path("/proc").glob("[0-9]*"):
            with contextlib.suppress(OSError):
                if mark in (folder / "environ").read_bytes():
                    process = identify(int(folder.name))
                    if process is not None:
                        yield process, (folder / "cmdline").read_bytes()

    def of_role(self, target: str) -> list[ProcessRef]:
        """The processes that a target of the matrix means."""
        if target in plan.OF_THE_STACK:
            found = (p.pid for p in StackClient(self.stack).status() if p.name == target)
            return [p for pid in found if pid is not None and (p := identify(pid)) is not None]
        leading = identify(self.process.pid)
        if target == plan.MASTER:
            return [] if leading is None else [leading]
        marked = list(self._marked())
        if target == plan.WORKER:
            (own,) = {line for process, line in marked if process == leading}
            workers = [p for p, line in marked if line == own and p != leading]
            return workers[:1]
        words = [b"harness.run.conductor"] * (target in (plan.CONDUCTOR, plan.BOTH))
        words += [b"harness.faults.heal.guardian"] * (target in (plan.GUARDIAN, plan.BOTH))
        return [p for p, line in marked if any(word in line for word in words)]

    # --- moments -----------------------------------------------------------------------------

    def await_moment(self) -> None:
        """Return when the moment of the trial has come.

        Raises:
            MissedError: it never does.
        """
        deadline = time.monotonic() + MOMENT_SECONDS_MAX
        while not self._has_come():
            if self.process.poll() is not None:
                raise MissedError(f"the run ended before: {self.output[-1500:]}")
            if time.monotonic() > deadline:
                raise MissedError(f"not within {MOMENT_SECONDS_MAX:g} s: {self.output[-1500:]}")
            time.sleep(_LOOK_SECONDS)
        if self.trial.moment == plan.BEFORE:
            time.sleep(self.trial.phase * BEFORE_SECONDS_MAX)
        elif self.trial.moment == plan.AFTER:
            time.sleep(self.trial.phase * AFTER_SECONDS_MAX)

    def _has_come(self) -> bool:
        folder = self.run_dir
        if folder is None:
            return False
        if self.trial.moment == plan.BEFORE:
            return _began(folder)
        if self.trial.moment == plan.JUDGING:
            return _JUDGING[round(self.trial.phase)] in self.output
        event = {plan.INJECTION: "intent", plan.AFTER: "injected", plan.HEAL: "healing"}
        return any(row.event == event[self.trial.moment] for row in self.rows())

    # --- the strike --------------------------------------------------------------------------

    def strike(self) -> list[str]:
        """Do it; what was hit, in words."""
        if self.trial.target == plan.TERMINAL:
            self._hung_up.set()
            return ["terminal closed"]
        hit = self.of_role(self.trial.target)
        names = ["SIGSTOP", "SIGKILL"] if self.trial.signal == plan.STOP_KILL else []
        for name in names or [self.trial.signal]:
            for process in hit:
                if is_alive(process):
                    with contextlib.suppress(ProcessLookupError):
                        os.kill(process.pid, signal.Signals[name])
            if name == "SIGSTOP":
                time.sleep(self.trial.pause_s)
        return [f"{self.trial.signal} of {process.pid}" for process in hit]


def _began(folder: Path) -> bool:
    """Whether the load has its clock, so that something would be lost now."""
    try:
        return json.loads((folder / STATUS_FILE).read_bytes()).get("clock") is not None
    except (OSError, ValueError):
        return False
