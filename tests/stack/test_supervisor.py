"""What the supervisor of a stack does by itself, without its processes."""

import asyncio
import contextlib
import functools
import os
import re
import signal
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import HarnessError, UsageError
from harness.core.processes import bound_to_parent, clean_environment, is_alive
from harness.stack import register, supervisor
from harness.stack.folder import STATE_FILE
from harness.stack.launch import LaunchSpec
from harness.stack.own_part import done_by, require_whole
from harness.stack.parts.part import StackPart
from harness.stack.state import Stack, StackLink, read_state, save_state
from harness.stack.supervisor import Supervisor, _secrets


@pytest.fixture
def stack(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Stack:
    """One that is up, as far as its folder and the register go."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    monkeypatch.setattr(supervisor, "_FORGOTTEN_CHECK_SECONDS", 0.01)
    folder = tmp_path / "state"
    folder.mkdir()
    return Stack(
        kind="attached",
        stack_id="0123",
        state_dir=folder,
        log_dir=folder / "logs",
        socket_path=folder / "supervisor.sock",
        links={"edge": StackLink("edge", "127.0.0.1:1", "127.0.0.1:2")},
        toxiproxy_api="http://127.0.0.1:3",
        service_url="http://127.0.0.1:2",
        edge_url="http://127.0.0.1:1",
        admin_token="x",
    )


def is_known(stack: Stack) -> bool:
    """Whether the user can take it down."""
    with contextlib.suppress(HarnessError):
        return read_state(stack.state_dir) is not None
    return False


async def soon(holds: Callable[[], bool]) -> None:
    """Waits for what comes by itself."""
    async with asyncio.timeout(5):
        while not holds():  # noqa: ASYNC110 - a file has no event
            await asyncio.sleep(0.01)


def test_a_stack_that_is_up_stays_listed(stack: Stack) -> None:
    """Whoever empties the register: its user must be able to take it down."""

    async def watched() -> None:
        ours = Supervisor(LaunchSpec(stack=stack, toxiproxy=Path("/none"), api_port=3), print)
        save_state(ours.stack)
        watching = asyncio.create_task(ours.stop_when_forgotten())
        for path in register.register_dir().iterdir():
            path.unlink()
        assert not is_known(stack)
        await soon(lambda: is_known(stack))
        (stack.state_dir / STATE_FILE).unlink()
        await soon(ours.stopping.is_set)
        await watching

    asyncio.run(watched())


HERE = r"^tests/stack/test_supervisor\.py:\d+: "
SAYS = "print('no such user: pass=hunter2secret port=7000', flush=True)"


class Book(StackPart):
    """A part of a user's own."""

    group = "book"
    listens = "127.0.0.1:7000"
    called = "book"
    address_of_book = "postgres://book:hunter2secret@127.0.0.1:7000/book"

    async def start(self, yard: Any) -> None:
        """It says a secret, and ends or sleeps."""
        script = f"import time; {SAYS}; time.sleep(60)"
        command = bound_to_parent([sys.executable, "-c", script], signal.SIGKILL)
        given = {"BOOK": self.address_of_book, "PORT": "7000", "ON": "1"}
        await yard.start_child(self.called, command, clean_environment(**given))

    async def is_ready(self, _yard: Any, _child: Any) -> bool:
        """Never."""
        return False


async def fails(*_: Any) -> Any:
    """A mistake."""
    return {}["name"]


def sync(*_: Any) -> Any:
    """It cannot be waited for."""


def hands_on(part: Any, yard: Any) -> Any:
    """What another method returns, which is waited for."""
    return StackPart.settle(part, yard)


@functools.wraps(fails)
def behind(*given: Any) -> Any:
    """A decorator around what is async."""
    return fails(*given)


async def alone() -> None:
    """It is told nothing."""


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({}, None),
        ({"settle": hands_on, "start": behind}, None),
        ({"start": sync}, "Book.start must be async: async def start(self, yard)"),
        ({"is_ready": sync}, "Book.is_ready must be async: async def is_ready(self, yard, child)"),
        ({"settle": alone}, "Book.settle must be async def settle(self, yard)"),
        ({"tend": sync}, "Book.tend must be async: async def tend(self, yard)"),
        ({"group": None}, "Book.group must be the name of its process in lower case"),
        ({"names": lambda *_: "book"}, "Book.names returned 'book'; it must return a tuple"),
        ({"listens": 7000}, "Book.listens 7000 must be its host:port"),
        ({"listens": "somewhere"}, "Book.listens 'somewhere' must be its host:port"),
    ],
)
def test_a_part_that_cannot_be_started_is_refused_before_a_run(
    said: dict[str, Any], wrong: str | None
) -> None:
    """With the class, the method, and file and line of it."""
    part = type("Book", (Book,), {"__module__": __name__, **said})()
    if wrong is None:
        require_whole(part)
        return
    with pytest.raises(UsageError) as caught:
        require_whole(part)

    assert wrong in str(caught.value)
    assert re.match(HERE, str(caught.value))


def test_a_mistake_in_a_part_is_told_with_its_place() -> None:
    """What says something of the environment passes, and so does a mistake of ours."""

    async def lacks(*_: Any) -> None:
        raise HarnessError("no disk")

    for method, expected, why in (
        (sync, UsageError, f"{HERE}Book.start must be async"),
        (fails, UsageError, f"{HERE}Book.start raised KeyError: 'name'"),
        (lacks, HarnessError, "no disk"),
    ):
        with pytest.raises(expected, match=why):
            asyncio.run(done_by(type("Book", (Book,), {"start": method})(), "start", None))
    ours = type("Ours", (Book,), {"start": fails, "__module__": "harness.stack.parts.x"})()
    with pytest.raises(KeyError):
        asyncio.run(done_by(ours, "start", None))


@pytest.mark.parametrize(
    ("said", "wrong"),
    [
        ({"called": "books"}, f"{HERE}Book.start started no process 'book', but books: names"),
        ({"is_ready": fails}, f"{HERE}Book.is_ready raised KeyError: 'name'"),
        ({"is_ready": alone}, f"{HERE}Book.is_ready raised TypeError"),
        ({"is_ready": lambda *_: asyncio.sleep(0)}, f"{HERE}Book.is_ready must return True or"),
        ({"is_ready": sync}, f"{HERE}Book.is_ready must be async"),
        ({}, r"book was not ready after 1 s: no such user: pass=\*\*\* port=7000 \(all of it"),
    ],
)
def test_a_part_that_does_not_come_up_says_why_and_no_secret(
    stack: Stack, said: dict[str, Any], wrong: str
) -> None:
    """Its last line is repeated without what it was told; whatever it started is ended."""
    part = type("Book", (Book,), said)()

    async def started() -> None:
        stack.log_dir.mkdir()
        ours = Supervisor(LaunchSpec(stack=stack, toxiproxy=Path("/none"), api_port=3), print)
        ours.parts, ours._part_of = (part,), {"book": part}
        await done_by(part, "start", ours)
        (child,) = ours.children.values()
        await soon(lambda: b"no such" in child.spec.log_path.read_bytes())
        try:
            await ours.wait_ready("book", 1.0)
        finally:
            await ours.take_down()
            os.close(ours._folder)
            assert not is_alive(child.reference)

    with pytest.raises((HarnessError, UsageError), match=wrong):
        asyncio.run(started())


def test_what_is_hidden_of_the_last_words() -> None:
    """Values of variables that are called so, and passwords within others; no common word."""
    given = {
        "PGPASSWORD": "12345678",
        "API_TOKEN": "abcd",
        "URL": "postgres://u:p%40ss@h/db",
        "DSN": "host=h password='in-dsn' user=u",
        "LEVEL": "error",
        "PORT": "70000000",
    }

    found = set(_secrets(clean_environment(**given)))

    assert found >= {"12345678", "abcd", "p%40ss", "p@ss", "in-dsn", given["URL"]}
    assert not found & {"error", "70000000", "h", "u"}
