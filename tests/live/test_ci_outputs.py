"""A sample repository whose gate is the shell steps of the example workflows, run for real."""

import os
import shutil
import signal
import subprocess
import sys
import sysconfig
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from tests import faithful
from tests.examples.workflows import FOLDER, Job, github, gitlab
from tests.junit import parsed
from tests.live.conftest import ROOT
from tests.package_sources import copy_sources

pytestmark = pytest.mark.live

BRIEF = (
    "--rate=30 --warm-up=500ms --baseline=6s --fault=1s --recovery=5s --ledger-settle=1s --seed=7"
)
STOPPED_SECONDS = 1.0
"""Less than a request may take, so that the target's answers are not what is missing."""
STEP_SECONDS_MAX = 170
BASH = ("bash", "-e", "-o", "pipefail", "-c")


@dataclass(frozen=True)
class Sample:
    """A repository with scenarios, workflows and an environment of its own."""

    folder: Path
    package: Path

    def run(
        self,
        job: Job,
        *,
        meanwhile: Callable[["Sample", int], None] | None = None,
        steps: slice = slice(None),
        **environment: str,
    ) -> "subprocess.CompletedProcess[str]":
        """The steps of a job, one after the other, until one fails; what they printed.

        Once more, where the load of a run was not sent on time and nothing disturbs it on purpose.
        """

        def act() -> "subprocess.CompletedProcess[str]":
            return self._once(job, meanwhile, steps, environment)

        return faithful.once_more(act, self.folder / "runs", disturbed=meanwhile is not None)

    def _once(
        self,
        job: Job,
        meanwhile: Callable[["Sample", int], None] | None,
        steps: slice,
        environment: dict[str, str],
    ) -> "subprocess.CompletedProcess[str]":
        said = ""
        for script in job.scripts[steps]:
            process = subprocess.Popen(
                [*BASH, script],
                cwd=self.folder,
                env={**self._environment(), **job.environment, **environment},
                stdout=subprocess.PIPE,
                stderr=subprocess.STDOUT,
                text=True,
            )
            helper = threading.Thread(
                target=meanwhile or (lambda *_: None), args=(self, process.pid)
            )
            helper.start()
            try:
                said += process.communicate(timeout=STEP_SECONDS_MAX)[0]
            finally:
                process.kill()
                helper.join()
            if process.returncode:
                break
        return subprocess.CompletedProcess(script, process.returncode, said)

    def _environment(self) -> dict[str, str]:
        """That of a fresh machine, on which pip finds everything but our package installed."""
        kept = {
            name: value
            for name, value in os.environ.items()
            if name not in ("PYTHONPATH", "VIRTUAL_ENV", "LENDCHAOS_STATE")
            and not name.startswith(("GITHUB_", "GITLAB_"))
        }
        return {
            **kept,
            "PATH": f"{self.folder / 'venv' / 'bin'}{os.pathsep}{os.environ['PATH']}",
            "PIP_NO_DEPS": "1",
            "PIP_IGNORE_INSTALLED": "1",
            "PIP_NO_INDEX": "1",
        }

    @property
    def variables(self) -> dict[str, str]:
        """What shortens the gate: one scenario, one brief run, our package."""
        return {
            "LENDCHAOS_PACKAGE": str(self.package),
            "TOXIPROXY_FROM": "",
            "GATE_SCENARIOS": "scenarios/baseline.py",
            "GATE_OPTIONS": f"--runs=1 {BRIEF}",
            "SELFTEST_OPTIONS": BRIEF,
        }

    def red(self) -> dict[str, str]:
        """Names of the cases of the JUnit file that are not green, and how."""
        root = parsed(self.folder / "gate.xml")
        assert int(root.get("tests", "0")) > len(("evidence", "corrupt"))
        return {
            str(case.get("name")): found.tag
            for case in root.iter("testcase")
            for found in case
            if found.tag in ("failure", "error")
        }


@pytest.fixture(scope="module")
def sample(tmp_path_factory: pytest.TempPathFactory) -> Sample:
    """Made as docs/ci.md says, with a wheel of this package to be installed in it."""
    root = tmp_path_factory.mktemp("sample")
    source, folder = root / "source", root / "repository"
    (folder / "ci").mkdir(parents=True)
    (folder / "scenarios").mkdir()
    shutil.copy(ROOT / "scenarios" / "baseline.py", folder / "scenarios")
    for path in FOLDER.glob("resilience-*.yaml"):
        shutil.copy(path, folder / "ci")
    # A copy is built, so that nothing is left in the sources.
    copy_sources(source)
    pip = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "-w", str(root / "wheel")]
    subprocess.run([*pip, str(source)], check=True, timeout=STEP_SECONDS_MAX)
    subprocess.run(
        [sys.executable, "-m", "venv", "--without-pip", str(folder / "venv")], check=True
    )
    # The dependencies are there already; a plain line adds no editable package of that folder.
    (packages,) = (folder / "venv").glob("lib/python*/site-packages")
    (packages / "installed.pth").write_text(sysconfig.get_path("purelib") + "\n")
    (wheel,) = (root / "wheel").glob("lendchaos-*.whl")
    return Sample(folder, wheel)


def test_the_gate_passes(sample: Sample) -> None:
    """By the steps for GitHub: installed, run, green, with the summary where its runner looks."""
    step = sample.folder / "step.md"
    done = sample.run(
        github()["pull-request"],
        **sample.variables,
        GITHUB_ACTIONS="true",
        GITHUB_STEP_SUMMARY=str(step),
    )

    assert done.returncode == 0, done.stdout
    assert "Successfully installed lendchaos" in done.stdout
    assert sample.red() == {}
    assert "::error" not in done.stdout
    assert step.read_text(encoding="utf-8").startswith("### 🟢 PASS · baseline")
    assert step.read_text(encoding="utf-8").rstrip() == (
        (sample.folder / "gate.md").read_text(encoding="utf-8").rstrip()
    )
    installed = sample.folder / "venv" / "bin" / "lendchaos"
    assert installed.is_file()


def test_a_planted_defect_fails_on_its_line(sample: Sample) -> None:
    """By the steps for GitLab: loans whose fen are cut off are the one failure."""
    job = gitlab()["resilience"]
    options = f"{sample.variables['GATE_OPTIONS']} --defect=amount_truncated"
    done = sample.run(job, **{**sample.variables, "GATE_OPTIONS": options})

    assert done.returncode == 1, done.stdout
    assert sample.red() == {"corrupt": "failure"}
    assert "🔴 FAIL · baseline" in (sample.folder / "gate.md").read_text(encoding="utf-8")


def starve(sample: Sample, shell: int) -> None:
    """Take the processor from the load generator for a while, in mid-load."""
    deadline = time.monotonic() + STEP_SECONDS_MAX
    before = set(sample.folder.glob("runs/baseline-*"))
    while time.monotonic() < deadline and psutil.pid_exists(shell):
        fresh = set(sample.folder.glob("runs/baseline-*")) - before
        if any(path.stat().st_size > 20_000 for run in fresh for path in run.glob("events-*")):
            break
        time.sleep(0.05)
    else:
        return
    children = psutil.Process(shell).children(recursive=True)
    (load,) = [child for child in children if "harness.apps.locust" in child.cmdline()]
    load.send_signal(signal.SIGSTOP)
    time.sleep(STOPPED_SECONDS)
    load.send_signal(signal.SIGCONT)


@pytest.mark.long
def test_a_starved_load_generator_is_inconclusive(sample: Sample) -> None:
    """It says nothing of the service: exit code 3, an error and no failure, told to GitHub."""
    done = sample.run(
        github()["pull-request"], meanwhile=starve, **sample.variables, GITHUB_ACTIONS="true"
    )

    assert done.returncode == 3, done.stdout
    assert sample.red()["evidence"] == "error"
    assert "failure" not in sample.red().values()
    assert "::error file=scenarios/baseline.py,title=lendchaos baseline%3A evidence" in done.stdout
    assert "load_unfaithful" in (sample.folder / "gate.xml").read_text(encoding="utf-8")


@pytest.mark.long
def test_the_gate_tests_itself(sample: Sample) -> None:
    """By the nightly steps: the planted defect is found, and nothing is left behind."""
    done = sample.run(github()["nightly"], steps=slice(2), **sample.variables)

    assert done.returncode == 0, done.stdout
    assert "The gate detects the defect: the clean run passes" in done.stdout
    assert "the run with amount_truncated fails by corrupt" in done.stdout
    assert not list(sample.folder.glob(".lendchaos*/stack.json"))
