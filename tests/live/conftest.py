"""Real stacks and real runs, shared where that is safe."""

import fcntl
import json
import os
import signal
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest

from harness.history.reader import read_facts
from harness.history.run_directory import RunDirectory
from harness.stack import Stack, StackSettings, down, up
from tests import faithful
from tests.builders import rows

ROOT = Path(__file__).parent.parent.parent
SCENARIOS = ROOT / "scenarios"
RATE = 30
"""Arrivals a second that a slow machine serves beside the other tests and a browser."""
BASELINE_SECONDS = 6
"""To bound its share of failures takes 146 requests; here are 180."""
FAULT_SECONDS = 3
LOAD_SECONDS = 0.5 + BASELINE_SECONDS + FAULT_SECONDS + 5
SHORT = (
    *(f"--rate={RATE}", "--warm-up=500ms", f"--baseline={BASELINE_SECONDS}s"),
    *(f"--fault={FAULT_SECONDS}s", "--recovery=5s", "--ledger-settle=1s", "--seed=7"),
)
BRIEF = (*SHORT, "--fault=1s", "--recovery=3s")
RUN_SECONDS_MAX = 180
"""Where the service never comes back, its ledger is waited for for a minute and more."""


@dataclass(frozen=True)
class Run:
    """A finished run as its user sees it."""

    exit_code: int
    output: str
    path: Path

    @property
    def verdict(self) -> dict[str, Any]:
        """What stands in verdict.json."""
        return dict(json.loads((self.path / "verdict.json").read_bytes()))

    @property
    def findings(self) -> dict[str, str]:
        """Finding codes and what each did to the verdict."""
        return {finding["code"]: finding["verdict"] for finding in self.verdict["findings"]}

    def facts(self) -> Any:
        """Everything that was written down."""
        directory = RunDirectory(self.path)
        return read_facts(directory, directory.read_plan())

    def keys(self, *outcomes: str) -> set[str]:
        """Keys of the operations, of the whole run, that came to one of these outcomes."""
        return {o.key for o in rows(self.facts().operations) if str(o.outcome) in outcomes}


@dataclass(frozen=True)
class Runner:
    """Starts Locust on a scenario, in a folder of its own."""

    runs_dir: Path
    state_dir: Path

    def command(self, scenario: Path | str, *options: str) -> list[str]:
        """The command line of a headless run."""
        path = SCENARIOS / f"{scenario}.py" if isinstance(scenario, str) else scenario
        return [
            *(sys.executable, "-m", "locust", "-f", str(path), "--headless", "--only-summary"),
            *("--runs-dir", str(self.runs_dir), "--state-dir", str(self.state_dir)),
            *options,
        ]

    def __call__(
        self,
        scenario: Path | str,
        *options: str,
        meanwhile: Callable[["Runner", subprocess.Popen[str]], None] | None = None,
        environment: dict[str, str] | None = None,
    ) -> Run:
        """Run to the end; ``meanwhile`` gets the process and may disturb it. Once more, where the
        load was not sent on time.
        """

        def act() -> Run:
            return self._once(self.command(scenario, *options), meanwhile, environment or {})

        return faithful.once_more(act, self.runs_dir, disturbed=meanwhile is not None)

    def _once(
        self,
        command: list[str],
        meanwhile: Callable[["Runner", subprocess.Popen[str]], None] | None,
        environment: dict[str, str],
    ) -> Run:
        before = set(self.runs_dir.glob("*-*"))
        process = subprocess.Popen(
            command,
            stdout=subprocess.PIPE,
            stderr=subprocess.STDOUT,
            text=True,
            env={**os.environ, **environment},
            start_new_session=True,
        )
        helper = threading.Thread(target=meanwhile, args=(self, process)) if meanwhile else None
        if helper:
            helper.start()
        try:
            output, _ = process.communicate(timeout=RUN_SECONDS_MAX)
        except subprocess.TimeoutExpired:
            os.killpg(process.pid, signal.SIGKILL)
            raise
        finally:
            if helper:
                helper.join()
        (path,) = set(self.runs_dir.glob("*-*")) - before or {self.runs_dir}
        return Run(process.returncode, output, path)

    def newest(self) -> Path:
        """The run directory that was made last."""
        return max(self.runs_dir.glob("*-*"), key=lambda path: path.stat().st_mtime_ns)


def judged(run: Run) -> Run:
    """The run itself, if it came to a verdict; its last words otherwise."""
    assert (run.path / "verdict.json").exists(), run.output + conductor_log(run)
    return run


def conductor_log(run: Run) -> str:
    """What the conductor wrote down of itself."""
    logs = [path.read_text(errors="replace") for path in run.path.glob("*.log")]
    return "\n".join(logs)


@pytest.fixture(scope="session")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Where the shared stack keeps its state."""
    return tmp_path_factory.mktemp("state")


@pytest.fixture(scope="session")
def stack(state_dir: Path) -> Iterator[Stack]:
    """One tuned local stack for all tests that leave it as they found it."""
    yield up(StackSettings(), state_dir)
    down(state_dir)


@pytest.fixture
def runner(stack: Stack, state_dir: Path, tmp_path: Path) -> Runner:
    """Runs against the shared stack."""
    assert stack.state_dir == state_dir
    return Runner(tmp_path / "runs", state_dir)


@dataclass(frozen=True)
class OnceMade:
    """Runs for tests that only read them: made once by each test process, or once by any of them.

    Those of another process stay readable; the stack that they were made on may be gone.
    """

    common: Path
    make: Callable[[str], Run]
    own: dict[str, Run] = field(default_factory=dict)

    def here(self, scenario: str) -> Run:
        """A run on the shared stack of this process."""
        if scenario not in self.own:
            self._make(scenario)
        return self.own[scenario]

    def anywhere(self, scenario: str) -> Run:
        """A run of whichever process needed it first."""
        stored = self.common / f"{scenario}.json"
        with (self.common / f"{scenario}.lock").open("w") as lock:
            fcntl.flock(lock, fcntl.LOCK_EX)
            if not stored.exists():
                self._make(scenario)
        told = json.loads(stored.read_bytes())
        return Run(told["exit_code"], told["output"], Path(told["path"]))

    def _make(self, scenario: str) -> None:
        run = self.own[scenario] = judged(self.make(scenario))
        told = {"exit_code": run.exit_code, "output": run.output, "path": str(run.path)}
        written = self.common / f"{scenario}.{os.getpid()}"
        written.write_text(json.dumps(told))
        written.rename(self.common / f"{scenario}.json")  # whole, whoever reads meanwhile


@pytest.fixture(scope="session")
def once_made(
    request: pytest.FixtureRequest, state_dir: Path, tmp_path_factory: pytest.TempPathFactory
) -> OnceMade:
    """The runs of all test processes of this session."""

    def make(scenario: str) -> Run:
        assert request.getfixturevalue("stack").state_dir == state_dir
        return Runner(tmp_path_factory.mktemp(scenario), state_dir)(scenario, *SHORT)

    common = tmp_path_factory.getbasetemp()
    return OnceMade(common.parent if "PYTEST_XDIST_WORKER" in os.environ else common, make)


@pytest.fixture(scope="session")
def baseline_run(once_made: OnceMade) -> Run:
    """One run with nothing broken."""
    return once_made.anywhere("baseline")


@pytest.fixture(scope="session")
def partition_run(once_made: OnceMade) -> Run:
    """One run with the database cut off."""
    return once_made.anywhere("network_partition")


def service_lines(stack: Stack) -> list[dict[str, Any]]:
    """Every line of the service's own request log, all replicas."""
    texts = [path.read_text(encoding="utf-8") for path in stack.service_logs.values()]
    lines = [line for text in texts for line in text.splitlines()]
    return [json.loads(line) for line in lines if line.startswith("{")]


def query(stack: Stack, sql: str, *parameters: Any) -> list[tuple[Any, ...]]:
    """Ask PostgreSQL itself, around the proxies."""
    assert stack.database_url is not None
    with psycopg.connect(stack.database_url) as connection:
        return connection.execute(sql, parameters).fetchall()
