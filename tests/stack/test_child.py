"""A supervised child comes back, is held down when asked, and dies with its parent."""

import asyncio
import os
import shlex
import signal
import subprocess
import sys
import time
from collections.abc import Callable, Coroutine
from pathlib import Path
from typing import Any

import pytest

from harness.core.processes import (
    bound_to_parent,
    clean_environment,
    identify,
    is_alive,
    is_stopped,
)
from harness.stack.supervised_process import Child, ChildSpec

Story = Callable[[Child], Coroutine[Any, Any, None]]
SECONDS_MAX = 5.0


async def until(condition: Callable[[], bool]) -> None:
    """Waits for a condition, but not forever."""
    deadline = time.monotonic() + SECONDS_MAX
    while not condition():
        assert time.monotonic() < deadline
        await asyncio.sleep(0.005)


def play(tmp_path: Path, story: Story, script: str = "exec sleep 60") -> list[str]:
    """Runs a story on a child that sleeps, ends the child; the names of the events recorded."""
    events: list[str] = []

    async def run() -> None:
        spec = ChildSpec(
            name="sleeper",
            command=["/bin/sh", "-c", f"cd {shlex.quote(str(tmp_path))}; {script}"],
            environment=clean_environment(),
            log_path=tmp_path / "log",
            stop_seconds=0.3,
        )
        child = Child(spec, lambda event, _name, **_facts: events.append(event), lambda: None)
        await child.start()
        try:
            await story(child)
        finally:
            await child.stop()
            assert not child.alive

    asyncio.run(run())
    return events


def test_a_child_that_ends_by_itself_comes_back(tmp_path: Path) -> None:
    """Nobody has to ask for it."""

    async def story(child: Child) -> None:
        assert child.reference
        os.kill(child.reference.pid, signal.SIGTERM)
        await until(lambda: child.restarts == 1 and child.alive)
        assert child.last_exit == -signal.SIGTERM

    events = play(tmp_path, story)
    assert events == ["started", "exited", "restart_ordered", "started", "stopped"]


def test_a_killed_child_stays_down_until_it_is_ordered(tmp_path: Path) -> None:
    """The instant of the order is told, and asking again tells the same one."""

    async def story(child: Child) -> None:
        await child.kill(60)
        killed_ns = time.monotonic_ns()
        assert not child.alive
        await asyncio.sleep(0.3)  # longer than the pause after an end of its own
        assert not child.alive
        ordered_ns = child.order_restart()
        assert ordered_ns > killed_ns
        assert child.order_restart() == ordered_ns
        await until(lambda: child.alive)
        assert child.order_restart() == child.ordered_ns == ordered_ns

    play(tmp_path, story)


def test_a_killed_child_comes_back_though_nobody_asks(tmp_path: Path) -> None:
    """Whoever killed it may have died."""

    async def story(child: Child) -> None:
        killed_ns = time.monotonic_ns()
        await child.kill(0.1)
        await until(lambda: child.alive)
        assert child.ordered_ns - killed_ns >= 100_000_000

    play(tmp_path, story)


def test_killing_a_child_that_is_down_moves_its_return(tmp_path: Path) -> None:
    """The last request counts."""

    async def story(child: Child) -> None:
        await child.kill(60)
        await child.kill(0.05)
        await until(lambda: child.alive)

    play(tmp_path, story)


def test_a_child_that_cannot_live_is_started_ever_more_rarely(tmp_path: Path) -> None:
    """No storm of processes."""

    async def story(child: Child) -> None:
        await asyncio.sleep(0.5)
        assert 1 <= child.restarts <= 2

    play(tmp_path, story, "exit 3")


def test_a_child_that_ignores_the_signal_is_killed(tmp_path: Path) -> None:
    """Stopping takes bounded time, and what the child started goes with it."""
    script = "trap '' TERM; sleep 60 & echo $! > grandchild; wait; wait"

    async def story(_child: Child) -> None:
        await until((tmp_path / "grandchild").exists)
        await until(lambda: bool((tmp_path / "grandchild").read_text().strip()))

    play(tmp_path, story, script)
    grandchild = int((tmp_path / "grandchild").read_text())
    # The whole group has its signal; that one dies in its own time, and nobody waits for it.
    asyncio.run(until(lambda: identify(grandchild) is None))


def test_what_a_killed_frozen_child_leaves_goes_on(tmp_path: Path) -> None:
    """Its own children were stopped with it, and nobody else would ever let them go on."""
    script = "sleep 60 & echo $! > grandchild; wait"
    grandchild = tmp_path / "grandchild"

    async def story(child: Child) -> None:
        await until(lambda: grandchild.exists() and bool(grandchild.read_text().strip()))
        orphan = int(grandchild.read_text())
        await child.freeze(60)
        assert is_stopped(orphan)
        assert child.reference
        os.kill(child.reference.pid, signal.SIGKILL)
        await until(lambda: child.restarts == 1 and child.alive)
        try:
            assert identify(orphan) is not None
            assert not is_stopped(orphan)
        finally:
            os.kill(orphan, signal.SIGKILL)

    play(tmp_path, story, script)


def test_a_thaw_meets_a_child_that_has_not_stopped_yet(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a busy machine a signal arrives later than it is sent; nobody else would end the stop."""

    async def story(child: Child) -> None:
        monkeypatch.setattr("harness.stack.supervised_process.is_stopped", lambda _pid: False)
        monkeypatch.setattr(
            "harness.stack.supervised_process._STOP_SECONDS_MAX", 0.0, raising=False
        )
        await child.freeze(60)
        child.thaw()
        assert child.reference
        await asyncio.sleep(0.05)
        assert not is_stopped(child.reference.pid)

    assert "thawed" in play(tmp_path, story)


_PARENT = """
import signal, subprocess, sys
from harness.core.processes import bound_to_parent
command = bound_to_parent(["/bin/sleep", "60"], signal.SIGKILL)
child = subprocess.Popen(command, start_new_session=True)
print(child.pid, flush=True)
input()
"""


def test_a_child_dies_with_a_parent_that_was_killed() -> None:
    """SIGKILL leaves the parent no chance to end its children."""
    with subprocess.Popen(
        [sys.executable, "-c", _PARENT], stdin=subprocess.PIPE, stdout=subprocess.PIPE
    ) as parent:
        assert parent.stdout
        child = identify(int(parent.stdout.readline()))
        assert is_alive(child)
        parent.kill()
    deadline = time.monotonic() + SECONDS_MAX
    while is_alive(child):
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_child_whose_parent_is_gone_never_starts(tmp_path: Path) -> None:
    """The kernel watches from the request on; what happened before is checked."""
    command = bound_to_parent(["/bin/touch", str(tmp_path / "started")], signal.SIGKILL)
    command[command.index(str(os.getpid()))] = "1"
    result = subprocess.run(command, capture_output=True, text=True, check=False)
    assert "the parent ended" in result.stderr
    assert not (tmp_path / "started").exists()


def test_a_childs_environment_is_clean(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing of the caller's leaks into what is measured."""
    monkeypatch.setenv("LENDING_DEADLINE_MS", "1")
    monkeypatch.setenv("PYTHONPATH", "/elsewhere")
    environment = clean_environment(LENDING_PORT="1")
    assert environment.keys() <= {"PATH", "HOME", "TMPDIR", "LANG", "LC_ALL", "LENDING_PORT"}


def test_it_is_known_what_started_a_child_again(tmp_path: Path) -> None:
    """By itself, at the time that was set, or on request: the first since it was taken down."""
    told: list[str] = []

    async def story(child: Child) -> None:
        told.append(child.started_by)
        await child.kill(0.05)
        told.append(child.started_by)
        await until(lambda: child.alive)
        told.append(child.started_by)
        await child.kill(60)
        child.order_restart()
        await until(lambda: child.alive)
        told.append(child.started_by)
        assert child.reference
        os.kill(child.reference.pid, signal.SIGKILL)
        await until(lambda: child.restarts == 3 and child.alive)
        told.append(child.started_by)

    play(tmp_path, story)
    assert told == ["supervisor", "", "timer", "request", "request"]


def test_a_child_that_goes_on_in_part_is_no_longer_frozen(tmp_path: Path) -> None:
    """But not at work either; letting it go on lets all of it."""
    script = "sleep 60 & echo $! > grandchild; wait"
    grandchild = tmp_path / "grandchild"

    async def story(child: Child) -> None:
        await until(lambda: grandchild.exists() and bool(grandchild.read_text().strip()))
        await child.freeze(60)
        assert (child.frozen, child.stopped, child.thawed_ns) == (True, True, 0)
        os.kill(int(grandchild.read_text()), signal.SIGCONT)
        await until(lambda: not child.frozen)
        assert child.stopped
        assert child.thaw() > 0
        await until(lambda: not child.stopped)
        await child.freeze(60)
        assert child.thawed_ns == 0

    play(tmp_path, story, script)
