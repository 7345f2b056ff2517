"""What the supervisor of a stack does by itself, without its processes."""

import asyncio
import contextlib
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.core.errors import HarnessError
from harness.stack import register, supervisor
from harness.stack.folder import STATE_FILE
from harness.stack.launch import LaunchSpec
from harness.stack.state import Stack, StackLink, read_state, save_state
from harness.stack.supervisor import Supervisor


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
