"""The supervisor's end of its Unix socket."""

import asyncio
import contextlib
import time
from collections.abc import Awaitable, Callable

from harness.core.errors import HarnessError, UsageError
from harness.core.messages import MessageError
from harness.stack import supervisor_messages as protocol
from harness.stack.client import short_path
from harness.stack.state import Stack
from harness.stack.supervised_process import Child

UNDO_SECONDS = 120.0
"""How long a killed process stays down, or a frozen one still, if no one says how long: who asked
may have died."""
UNDO_SECONDS_MAX = 24 * 3600.0


class Control:
    """Serves requests; every request has an answer, and an error is an answer too.

    ``children`` are the processes of the stack, by name; ``wait_ready`` waits for so many seconds
    until one of them answers, and returns when, in monotonic nanoseconds. ``stopping`` is set when
    someone asks for the end.
    """

    def __init__(
        self,
        stack: Stack,
        children: dict[str, Child],
        wait_ready: Callable[[str, float], Awaitable[int]],
        stopping: asyncio.Event,
    ) -> None:
        self._stack, self._children = stack, children
        self._wait_ready, self._stopping = wait_ready, stopping
        self._server: asyncio.Server | None = None
        self._waiting_for_end: list[asyncio.StreamWriter] = []

    async def open(self) -> None:
        """Listens, for our own user only."""
        path = self._stack.socket_path
        path.unlink(missing_ok=True)
        with short_path(path) as short:
            self._server = await asyncio.start_unix_server(self._serve, short)
        path.chmod(0o600)

    async def close(self) -> None:
        """Tells those who asked for the end that it has come."""
        if self._server is not None:
            self._server.close()
        for writer in self._waiting_for_end:
            with contextlib.suppress(OSError):
                await _send(writer, protocol.RequestDone(time.monotonic_ns()))

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError, asyncio.CancelledError):
            while line := await reader.readline():
                try:
                    request = protocol.REQUESTS.decode(line)
                except MessageError as error:
                    await _send(writer, protocol.RequestRefused(str(error)))
                    continue
                if request.do == "down":
                    self._waiting_for_end.append(writer)
                    self._stopping.set()
                    return
                await _send(writer, await self._answer(request))
        writer.close()

    async def _answer(self, request: protocol.StackRequest) -> protocol.StackAnswer:
        try:
            if request.do == "status":
                children = tuple(child.status() for child in self._children.values())
                return protocol.ProcessList(children)
            return await self._done(request, self._targets(request.targets))
        except (HarnessError, UsageError, OSError, TimeoutError) as error:
            return protocol.RequestRefused(str(error) or type(error).__name__)

    async def _done(
        self, request: protocol.StackRequest, children: list[Child]
    ) -> protocol.StackAnswer:
        seconds = UNDO_SECONDS if request.seconds is None else request.seconds
        if not 0 <= seconds <= UNDO_SECONDS_MAX:
            bounds = f"0 to {UNDO_SECONDS_MAX:g} seconds"
            raise HarnessError(f"{request.do} is for {bounds}, not {seconds:g}")
        match request.do:
            case "kill" | "shut_down":
                pids = _pids(children)
                orderly = request.do == "shut_down"
                await asyncio.gather(*(child.kill(seconds, orderly=orderly) for child in children))
                return protocol.ProcessIds(pids)
            case "freeze":
                await asyncio.gather(*(child.freeze(seconds) for child in children))
                return protocol.ProcessIds(_pids(children))
            case "thaw":
                instants = [child.thaw() for child in children]
            case "restart":
                instants = [child.order_restart() for child in children]
            case _:
                waits = (self._wait_ready(child.spec.name, seconds) for child in children)
                instants = await asyncio.gather(*waits)
        return protocol.RequestDone(max(instants))

    def _targets(self, names: tuple[str, ...]) -> list[Child]:
        if not names:
            raise HarnessError("no process is named")
        if unknown := [name for name in names if name not in self._children]:
            there = ", ".join(self._children)
            raise HarnessError(f"no process {unknown[0]!r} in this stack; there are {there}")
        return [self._children[name] for name in names]


def _pids(children: list[Child]) -> dict[str, int]:
    return {child.spec.name: child.process.pid for child in children if child.process}


async def _send(writer: asyncio.StreamWriter, answer: protocol.StackAnswer) -> None:
    writer.write(protocol.ANSWERS.encode(answer))
    await writer.drain()
