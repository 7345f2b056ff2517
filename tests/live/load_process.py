"""Starts real load processes against a small real target, with a stand-in for the conductor.

What is tested with it is the load process and its side of the pipe; whole runs with the real
conductor are in ``test_scenarios``.
"""

import json
import os
import subprocess
import sys
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.history.run_directory import RunDirectory
from harness.load.load_protocol import FROM_LOAD
from tests.load.target import Target

ROOT = Path(__file__).parent.parent.parent
SCENARIO = '''"""A scenario of a test.

Hypothesis: all is well.
"""

from harness import Borrower, Scenario


class Calm(Borrower):
    scenario = Scenario()
'''
RATE = 30
PHASES = ("--warm-up=500ms", "--baseline=1s", "--fault=0", "--recovery=1s", "--ledger-settle=1s")
END_SECONDS_MAX = 30
END_OF_FILE = "end_of_file"
"""In what the stand-in was told."""


@dataclass(frozen=True)
class LoadProcesses:
    """Locust on one scenario, in a folder of its own."""

    folder: Path
    target: Target

    def command(self, *options: str, scenario: str = SCENARIO) -> list[str]:
        """The command line."""
        path = self.folder / "calm.py"
        path.write_text(scenario)
        return [
            *(sys.executable, "-m", "locust", "-f", str(path)),
            *("--runs-dir", str(self.runs_dir), "--state-dir", str(self.folder / "state")),
            *("--conductor-module", "tests.load.protocol_conductor", *options),
        ]

    @property
    def runs_dir(self) -> Path:
        """Where this test's runs are."""
        return self.folder / "runs"

    @contextmanager
    def started(
        self, *options: str, scenario: str = SCENARIO, **environment: str
    ) -> Iterator[subprocess.Popen[str]]:
        """A running Locust, which is ended at the end if need be."""
        with subprocess.Popen(
            self.command(*options, scenario=scenario),
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            cwd=self.folder,
            env={
                **os.environ,
                "PYTHONPATH": str(ROOT),
                "PROTOCOL_EDGE": self.target.url,
                **environment,
            },
            pass_fds=[int(fd) for name, fd in environment.items() if name.endswith("_FD")],
            start_new_session=True,
        ) as process:
            try:
                yield process
            finally:
                if process.poll() is None:
                    process.kill()

    def run(self, *options: str, scenario: str = SCENARIO, **environment: str) -> tuple[int, str]:
        """A headless run to its end: exit code and output."""
        command = ("--headless", "--only-summary", *options)
        with self.started(*command, scenario=scenario, **environment) as process:
            output, _ = process.communicate(timeout=END_SECONDS_MAX)
            return process.returncode, output

    @property
    def latest(self) -> Path:
        """The newest run directory."""
        return (self.runs_dir / "latest").resolve()

    def rows(self, kind: str) -> list[dict[str, Any]]:
        """What all load processes of the newest run wrote down."""
        found = []
        for path in self.latest.glob("events-*.jsonl"):
            rows = [json.loads(line) for line in path.read_text().splitlines()]
            found += [row[kind] for row in rows if kind in row]
        return found

    def received(self) -> list[Any]:
        """What the conductor's stand-in was told."""
        lines = (self.latest / "received.jsonl").read_text().splitlines()
        return [FROM_LOAD.decode(line) for line in lines if line != END_OF_FILE]

    def planned(self) -> int:
        """How many arrivals the newest run's plan has."""
        return len(RunDirectory(self.latest).read_plan().arrivals)
