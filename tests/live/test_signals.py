"""Told to end in mid-fault, by every way in, each signal, to one process or to the whole group.

Healed at once, 130 (2 from pytest), and nothing of the run is left; a stack that was up before is.
And what is killed takes its run and its stack with it.
"""

import itertools
import os
import shutil
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path

import psutil
import pytest

from harness.apps.gameday.session_store import What, read_session
from harness.core.processes import is_alive, listeners
from harness.stack import Stack, load_state
from tests.live.conftest import ROOT, Run
from tests.live.test_guardian import (
    HEALED_SECONDS_MAX,
    PATIENCE_SECONDS,
    database_answers,
    fault_of,
    nobody_left,
    wait_until,
)
from tests.pytest_plugin.stand_in import PLUGIN

pytestmark = [pytest.mark.live, pytest.mark.usefixtures("hang_up_is_heard")]

MARK = "LENDCHAOS_TEST_SIGNALS"
OPTIONS = (
    *("--rate=10", "--warm-up=500ms", "--baseline=1s", "--fault=40s", "--recovery=4s"),
    *("--ledger-settle=1s", "--seed=7"),
)
DAY = """\
version: 1
title: Two steps
hypothesis: Borrowing comes back by itself.
abort_word: halt
roles: {lead: Lin}
options:
  {rate: 10, warm_up: 500ms, baseline: 1s, fault: 40s, recovery: 4s, ledger_settle: 1s, seed: 7}
steps:
  - {name: cut, scenario: network_partition, expect: back within 5 s}
  - {name: again, scenario: network_partition, expect: as before}
"""
LENDCHAOS = (sys.executable, "-m", "harness.apps.cli")
RUN = (*LENDCHAOS, "run", "network_partition", *OPTIONS)
LOCUST = ("-m", "locust", "-f", "scenarios/network_partition.py", "--headless", *OPTIONS)
WAYS: dict[str, tuple[str, ...]] = {
    "run": RUN,
    "runs": (*RUN, "--runs=3"),
    "shrink": (*RUN, "--shrink"),
    "gate": (*RUN, "--runs=2", "--junitxml=gate.xml", "--summary=gate.md"),
    "pytest": (
        *(sys.executable, "-m", "pytest", *PLUGIN, "--scenario=network_partition"),
        f"--chaos-options={' '.join(OPTIONS)}",
    ),
    "pytest, 2 workers": (
        *(sys.executable, "-m", "pytest", *PLUGIN, "--scenario=network_partition", "-n2"),
        f"--chaos-options={' '.join(OPTIONS)}",
    ),
    "selftest": (*LENDCHAOS, "gate-selftest", "network_partition", *OPTIONS),
    "gameday": (*LENDCHAOS, "gameday", "day.yaml", "--unattended", "--session=day"),
    "locust": (sys.executable, *LOCUST),
    "locust, 2 workers": (sys.executable, *LOCUST, "--processes=2"),
}
BROUGHT_UP = ("selftest", "pytest, 2 workers")
"""On a stack of its own, whatever else is up; a worker's folder has its name added."""
SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
TOLD = {"one": os.kill, "group": os.killpg}
EVERY = list(itertools.product(WAYS, SIGNALS, TOLD))
BRIEFLY = [
    ("run", signal.SIGINT, "one"),
    ("runs", signal.SIGINT, "one"),
    ("shrink", signal.SIGHUP, "one"),
    ("gate", signal.SIGTERM, "group"),
    ("pytest", signal.SIGINT, "one"),
    ("selftest", signal.SIGINT, "one"),
    ("gameday", signal.SIGINT, "group"),
    ("locust", signal.SIGHUP, "one"),
]


@dataclass
class Begun:
    """A way in with its first fault injected; ``mark`` is in the environment of all it started."""

    folder: Path
    state_dir: Path
    process: subprocess.Popen[str]
    mark: str

    def everybody(self) -> list[psutil.Process]:
        """All processes of it, stacks aside."""
        found = []
        for process in psutil.process_iter():
            try:
                if process.environ().get(MARK) == self.mark:
                    found.append(process)
            except psutil.Error:
                continue  # it ended while we looked, or is none of ours
        return found

    def run(self) -> Run:
        """Its only run."""
        (path,) = {faults.parent for faults in self.folder.rglob("faults.jsonl")}
        return Run(self.process.returncode, "", path)

    def assert_nothing_is_left(self, stack: Stack | None = None) -> None:
        """No process, no stack and no port of it."""
        wait_until(lambda: nobody_left(self.everybody()), "the end of every process")
        if stack is not None:
            assert load_state(stack.state_dir) is None
            refs = (*stack.processes.values(), stack.supervisor)
            wait_until(lambda: not any(is_alive(ref) for ref in refs), "the end of the stack")
            assert listeners(int(stack.edge_url.rpartition(":")[2])) == []


@contextmanager
def begun(way: str, folder: Path, state_dir: Path) -> Iterator[Begun]:
    """In mid-fault; whatever of it is left at the end is killed."""
    shutil.copytree(ROOT / "scenarios", folder / "scenarios")
    (folder / "day.yaml").write_text(DAY)
    mark = uuid.uuid4().hex
    option = "--chaos-state-dir" if way.startswith("pytest") else "--state-dir"
    with (folder / "output.txt").open("w") as output:
        process = subprocess.Popen(
            [*WAYS[way], option, str(state_dir)],
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=output,
            text=True,
            cwd=folder,
            env={**os.environ, "PYTHONPATH": str(ROOT), MARK: mark},
            start_new_session=True,
        )
    found = Begun(folder, state_dir, process, mark)
    try:
        wait_until(lambda: fault_is_in(found), "the fault")
        time.sleep(0.3)
        yield found
    finally:
        for left in found.everybody():
            left.kill()
        process.wait()


def fault_is_in(it: Begun) -> bool:
    """Whether the first fault has been injected."""
    assert it.process.poll() is None, (it.folder / "output.txt").read_text()
    paths = it.folder.rglob("faults.jsonl")
    return any('"control_plane"' in path.read_text() for path in paths)


def assert_healed_and_judged(run: Run, since_ns: int) -> None:
    """At once, and as interrupted."""
    healed_ns = fault_of(run).healed_ns
    assert healed_ns is not None
    assert 0 < (healed_ns - since_ns) / 1e9 < HEALED_SECONDS_MAX
    assert (run.verdict["verdict"], run.verdict["exit_code"]) == ("inconclusive", 130)
    assert run.findings["interrupted"] == "inconclusive"


def cases(chosen: list[tuple[str, signal.Signals, str]]) -> list[object]:
    """As parameters, with names that can be read."""
    return [pytest.param(*case, id=f"{case[0]}-{case[1].name}-{case[2]}") for case in chosen]


def check(way: str, number: signal.Signals, whom: str, stack: Stack, folder: Path) -> None:
    """One way in, told to end."""
    state_dir = folder / "own" if way in BROUGHT_UP else stack.state_dir
    with begun(way, folder, state_dir) as it:
        own = load_state(next(folder.glob("own*"))) if way in BROUGHT_UP else None
        told_ns = time.monotonic_ns()
        TOLD[whom](it.process.pid, number)
        code = it.process.wait(PATIENCE_SECONDS)
        it.assert_nothing_is_left(own)
        output = (folder / "output.txt").read_text()

    assert code == (2 if way.startswith("pytest") else 130), output
    assert "Traceback" not in output
    assert_healed_and_judged(it.run(), told_ns)
    assert load_state(stack.state_dir) is not None
    assert database_answers(stack)
    if way == "gate":
        assert "interrupted" in (folder / "gate.xml").read_text()
        assert "interrupted" in (folder / "gate.md").read_text()
    if way == "gameday":
        assert [e.what for e in read_session(folder / "day").events][-1] is What.PAUSED


@pytest.mark.parametrize(("way", "number", "whom"), cases(BRIEFLY))
def test_told_to_end_in_mid_fault(
    way: str, number: signal.Signals, whom: str, stack: Stack, tmp_path: Path
) -> None:
    """Each way in once, and each signal."""
    check(way, number, whom, stack, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize(("way", "number", "whom"), cases([c for c in EVERY if c not in BRIEFLY]))
def test_told_to_end_in_mid_fault_all_others(
    way: str, number: signal.Signals, whom: str, stack: Stack, tmp_path: Path
) -> None:
    """All combinations."""
    check(way, number, whom, stack, tmp_path)


@pytest.mark.parametrize(
    "way",
    [
        "runs",
        *(pytest.param(way, marks=pytest.mark.long) for way in ("run", "pytest", "selftest")),
    ],
)
def test_what_is_killed_takes_run_and_stack_with_it(way: str, tmp_path: Path) -> None:
    """`kill -9` of whoever started the run: healed at once, judged, the stack taken down."""
    with begun(way, tmp_path, tmp_path / "own") as it:
        stack = load_state(it.state_dir)
        assert stack is not None
        killed_ns = time.monotonic_ns()
        it.process.kill()
        it.process.wait()
        wait_until(lambda: load_state(it.state_dir) is None, "the end of the stack")
        it.assert_nothing_is_left(stack)

    assert_healed_and_judged(it.run(), killed_ns)


@pytest.mark.long
def test_a_killed_game_day_ends_its_run_and_keeps_its_stack(stack: Stack, tmp_path: Path) -> None:
    """It can be gone on with."""
    with begun("gameday", tmp_path, stack.state_dir) as it:
        killed_ns = time.monotonic_ns()
        it.process.kill()
        it.process.wait()
        it.assert_nothing_is_left()

    assert_healed_and_judged(it.run(), killed_ns)
    assert database_answers(stack)
