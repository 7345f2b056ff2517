"""The pytest plugin with real runs: a gate on a stack that is up, and the example's own tests."""

import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.history.run_directory import RunDirectory
from harness.report.suite import checks_of
from harness.stack import Stack, load_state
from harness.verdict.stored_verdict import read_verdict
from harness.verdict.types import Judgement
from tests import faithful
from tests.junit import parsed
from tests.live.conftest import ROOT
from tests.pytest_plugin.stand_in import PLUGIN

pytestmark = pytest.mark.live

SHORT = "--rate=30 --warm-up=500ms --baseline=6s --fault=2s --recovery=4s --ledger-settle=1s"


def run_pytest(cwd: Path, *words: str) -> "subprocess.CompletedProcess[str]":
    """Pytest in a process and a folder of its own, as its users start it."""
    return subprocess.run(
        [sys.executable, "-m", "pytest", *PLUGIN, *words],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
        cwd=cwd,
        env={**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200"},
    )


@pytest.mark.long
def test_a_gate_on_a_stack_that_is_up(stack: Stack, tmp_path: Path) -> None:
    """Every check of the verdict is an item; JUnit XML has its figures; the stack stays up."""
    shutil.copytree(ROOT / "scenarios", tmp_path / "scenarios")
    done = run_pytest(
        tmp_path,
        *("--scenario=scenarios/network_partition.py", "--junitxml=junit.xml", "-v"),
        *(f"--chaos-options={SHORT}", f"--chaos-state-dir={stack.state_dir}"),
    )

    assert done.returncode == 0, done.stdout + done.stderr
    (path,) = (tmp_path / "runs").glob("network_partition-*")
    checks = checks_of(read_verdict(RunDirectory(path)))
    root = parsed(tmp_path / "junit.xml")
    cases = [case.attrib["name"] for case in root.iter("testcase")]
    assert cases == [check.name for check in checks]
    assert {check.verdict for check in checks} == {Judgement.PASS}
    found = {p.attrib["name"]: p.attrib["value"] for p in root.iter("property")}
    name = "scenarios.network_partition.recovery_seconds_max"
    assert (found[f"{name}.limit"], found[f"{name}.run"]) == ("5.0", path.name)
    assert float(found[f"{name}.observed"]) == checks[0].observed
    assert "lendchaos: recovery" in done.stdout
    assert load_state(stack.state_dir) is not None


def test_the_example_passes_on_a_stack_of_its_own(tmp_path: Path) -> None:
    """One run for all of its tests, and no stack when they are over."""
    shutil.copytree(ROOT / "scenarios", tmp_path / "scenarios")
    shutil.copy(ROOT / "examples" / "ci" / "test_lending.py", tmp_path)

    def act() -> "subprocess.CompletedProcess[str]":
        shutil.rmtree(tmp_path / "runs", ignore_errors=True)
        return run_pytest(tmp_path, "test_lending.py")

    done = faithful.once_more(act, tmp_path / "runs")

    assert done.returncode == 0, done.stdout + done.stderr
    assert "4 passed" in done.stdout
    assert len(list((tmp_path / "runs").glob("network_partition-*"))) == 1
    assert load_state(tmp_path / ".lendchaos") is None
