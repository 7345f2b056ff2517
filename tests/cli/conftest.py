"""Stored runs for the commands that read them."""

import json
import shutil
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from harness.apps.cli import app
from harness.run.locust_process import Update
from harness.run.result import RunResult as RunEnded
from harness.stack.doctor import Check
from tests.builders import CUT, during, facts, operations, plan_of
from tests.stored import store


@dataclass(frozen=True)
class Ended:
    """How a command ended."""

    exit_code: int
    stdout: str
    stderr: str


@pytest.fixture(scope="session")
def pristine(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A small run with a partition that it passes, as it was left."""
    plan = plan_of(CUT, rate=20, log_in_share=0.5, population="mixed")
    known = facts(plan, operations(plan, during(8, 13.3)))
    return store(tmp_path_factory.mktemp("pristine"), plan, known).path


@pytest.fixture
def run(pristine: Path, tmp_path: Path) -> Path:
    """A copy of it that a test may spoil."""
    copy = tmp_path / "run"
    shutil.copytree(pristine, copy)
    return copy


@pytest.fixture
def lendchaos() -> Callable[..., Ended]:
    """The command line in this process; an exception that is nobody's is raised."""

    def invoke(*words: str | Path) -> Ended:
        given = [str(word) for word in words]
        done = CliRunner().invoke(app, given, catch_exceptions=False, prog_name="lendchaos")
        return Ended(done.exit_code, done.stdout, done.stderr)

    return invoke


@pytest.fixture
def checks(monkeypatch: pytest.MonkeyPatch) -> list[Check]:
    """What `doctor` finds: one thing is missing, far away."""
    found = [
        Check("Python", ok=True, found="/a/long/path" * 20),
        Check("Go", ok=False, found="nothing", how_to_get="get it"),
    ]
    monkeypatch.setattr("harness.apps.cli.diagnosing.diagnose", lambda _: found)
    return found


@pytest.fixture
def quick_locust(monkeypatch: pytest.MonkeyPatch, run: Path, tmp_path: Path) -> list[int | None]:
    """Stands in for Locust: it says one line, its run passed, and it writes where it is told to."""
    outputs: list[int | None] = []
    verdict = json.loads((run / "verdict.json").read_bytes())

    def run_scenario(_path: Path, _options: Any, show: Any, _say: Any, output: Any) -> RunEnded:
        outputs.append(output)
        show(Update("set up"))
        said = {name: verdict[name] for name in ("verdict", "sentence")}
        return RunEnded(0, {**said, "report": str(run / "report.html")})

    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "baseline.py").touch()
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("harness.apps.cli.run_command.run_scenario", run_scenario)
    monkeypatch.setattr("harness.apps.cli.run_command.dry_run", lambda *_: "")
    monkeypatch.setattr("signal.signal", lambda *_: None)
    return outputs
