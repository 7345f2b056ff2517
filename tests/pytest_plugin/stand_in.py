"""Stored runs in place of real ones: `stand_in` replaces what would start Locust and a stack.

What was done is written to a file, one act a line, so that it can be counted across processes.
"""

import importlib.metadata
import json
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.apps.gate.gate_runs import GateOrder
from harness.core.errors import HarnessError, UsageError
from harness.report.suite import names_of
from harness.run.locust_process import Update, given
from harness.run.result import RunResult

CONFTEST = """
from pathlib import Path
from tests.pytest_plugin.stand_in import stand_in
from harness.apps.gate import gate_runs
stand_in(lambda name, value: setattr(gate_runs, name, value), Path(__file__).parent)
"""
"""For a pytest in a process of its own."""
OBJECTIVES = ("recovery_seconds_max",)
NAMES = names_of(OBJECTIVES)
INSTALLED = "lendchaos" in {e.name for e in importlib.metadata.entry_points(group="pytest11")}
PLUGIN = () if INSTALLED else ("-p", "harness.apps.pytest.pytest_plugin")
Stored = dict[str, tuple[Path, int]]
Gate = Callable[..., pytest.RunResult]
ACTS = "acts.txt"


def write_script(root: Path, **runs: list[tuple[Path | None, int]]) -> None:
    """What the runs of each scenario come to, one after the other: a stored run, an exit code."""
    script = {
        name: [(str(p) if p else None, code) for p, code in ends] for name, ends in runs.items()
    }
    (root / "script.json").write_text(json.dumps(script))
    (root / "scenarios").mkdir(exist_ok=True)
    for name in runs:
        path = root / "scenarios" / f"{name}.py"
        path.write_text('raise AssertionError("a scenario must not be imported")\n')


def acts(root: Path) -> list[str]:
    """What was done, in order."""
    path = root / ACTS
    return path.read_text().splitlines() if path.exists() else []


def runs_of(pytester: pytest.Pytester) -> int:
    """How many runs were made."""
    return sum(line.startswith("run ") for line in acts(pytester.path))


def ended(folder: Path | str | None, code: int, error: str = "") -> RunResult:
    """A run that came to the verdict in a folder, or to none."""
    if folder is None:
        return RunResult(code, {"error": error} if error else {})
    body = json.loads((Path(folder) / "verdict.json").read_bytes())
    last = {"verdict": body["verdict"], "sentence": body["sentence"]}
    return RunResult(code, {**last, "report": f"{folder}/report.html"})


def stand_in(replace: Callable[[str, Any], None], root: Path) -> None:
    """Replace three functions of `gate_runs`."""
    script = json.loads((root / "script.json").read_text())

    def note(text: str) -> None:
        with (root / ACTS).open("a") as file:
            file.write(text + "\n")

    def ask(path: Path, options: list[str], runs: int) -> GateOrder:
        if "--refuse" in options:
            raise UsageError(f"{path} cannot be run: refused")
        note(f"ask {path.stem}")
        return GateOrder(path, runs, OBJECTIVES)

    def run_scenario(
        path: Path, options: list[str], show: Any, _: Any, *, output: int
    ) -> RunResult:
        made = sum(line.startswith(f"run {path.stem} ") for line in acts(root))
        note(f"run {path.stem} {given(options).state_dir.name}")
        show(Update("baseline (5s)"))
        with open(output, "wb", closefd=False) as file:
            file.write(b"error: PostgreSQL did not come up\n")
        if "--wait" in options:
            time.sleep(60)
        return ended(*script[path.stem][made])

    @contextmanager
    def shared_stack(options: list[str], _tell: Any) -> Iterator[None]:
        if "--no-stack" in options:
            raise HarnessError("no port is free")
        note(f"up {given(options).state_dir.name}")
        try:
            yield
        finally:
            note(f"down {given(options).state_dir.name}")

    for function in (ask, run_scenario, shared_stack):
        replace(function.__name__, function)
