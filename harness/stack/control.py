"""The supervisor's Unix socket: one JSON object a line in, one out."""

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from harness.core.errors import HarnessError
from harness.stack.child import Child
from harness.stack.client import short_path
from harness.stack.state import Stack

UNDO_SECONDS = 120.0
"""How long a killed process stays down, or a frozen one still, if nobody says how long."""
UNDO_SECONDS_MAX = 24 * 3600.0
Request = dict[str, Any]
TakeDown = Callable[[Child, float], Awaitable[int]]


class Supervised(Protocol):
    """What the socket asks of who owns the processes."""

    stack: Stack
    children: dict[str, Child]
    stopping: asyncio.Event

    async def wait_ready(self, name: str, seconds: float) -> int:
        """Wait until a process answers; returns when, in monotonic nanoseconds."""


class Control:
    """Serves requests; every request has an answer, and an error is an answer too."""

    def __init__(self, supervisor: Supervised) -> None:
        self._supervisor = supervisor
        self._server: asyncio.Server | None = None
        self._waiting_for_end: list[asyncio.StreamWriter] = []
        self._commands: dict[str, Callable[[Request], Awaitable[Request]]] = {
            "status": self._status,
            "kill": self._kill,
            "shut_down": self._shut_down,
            "freeze": self._freeze,
            "thaw": self._thaw,
            "restart": self._restart,
            "wait_ready": self._wait_ready,
        }

    async def open(self) -> None:
        """Listens, for our own user only."""
        path = self._supervisor.stack.socket_path
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
                await _send(writer, {"ok": True})

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        with contextlib.suppress(OSError, ValueError, asyncio.CancelledError):
            while line := await reader.readline():
                request = json.loads(line)
                if request.get("command") == "down":
                    self._waiting_for_end.append(writer)
                    self._supervisor.stopping.set()
                    return
                await _send(writer, await self._answer(request))
        writer.close()

    async def _answer(self, request: Request) -> Request:
        command = self._commands.get(request.get("command", ""))
        if command is None:
            return {"ok": False, "error": f"known commands: down, {', '.join(self._commands)}"}
        try:
            return {"ok": True, **await command(request)}
        except (HarnessError, OSError, TimeoutError) as error:
            return {"ok": False, "error": str(error) or type(error).__name__}
        except (KeyError, TypeError, ValueError) as error:
            return {"ok": False, "error": f"malformed request: {error!r}"}

    async def _status(self, _request: Request) -> Request:
        children = self._supervisor.children.values()
        return {"processes": [child.status() for child in children]}

    async def _kill(self, request: Request) -> Request:
        return await self._take_down(request, Child.kill)

    async def _shut_down(self, request: Request) -> Request:
        return await self._take_down(request, Child.shut_down)

    async def _take_down(self, request: Request, how: TakeDown) -> Request:
        after = _undo_seconds(request, "restart_after_seconds")
        children = self._targets(request["target"])
        pids = {child.spec.name: child.process.pid for child in children if child.process}
        instants = await asyncio.gather(*(how(child, after) for child in children))
        return {"killed_ns": min(instants), "gone_ns": time.monotonic_ns(), "pids": pids}

    async def _freeze(self, request: Request) -> Request:
        after = _undo_seconds(request, "thaw_after_seconds")
        children = self._targets(request["target"])
        instants = await asyncio.gather(*(child.freeze(after) for child in children))
        pids = {child.spec.name: child.process.pid for child in children if child.process}
        return {"frozen_ns": max(instants), "pids": pids}

    async def _thaw(self, request: Request) -> Request:
        thawed_ns = [child.thaw() for child in self._targets(request["target"])]
        return {"thawed_ns": max(thawed_ns)}

    async def _restart(self, request: Request) -> Request:
        children = self._targets(request["target"])
        return {"ordered_ns": max(child.order_restart() for child in children)}

    async def _wait_ready(self, request: Request) -> Request:
        seconds = float(request["timeout_seconds"])
        names = [child.spec.name for child in self._targets(request["target"])]
        waits = (self._supervisor.wait_ready(name, seconds) for name in names)
        return {"ready_ns": max(await asyncio.gather(*waits))}

    def _targets(self, target: str) -> list[Child]:
        children = self._supervisor.children
        names = self._supervisor.stack.replicas if target == "replicas" else (target,)
        found = [children[name] for name in names if name in children]
        if not found:
            known = [*children, *(["replicas"] if self._supervisor.stack.replicas else [])]
            raise HarnessError(f"no process {target!r} in this stack; there are {', '.join(known)}")
        return found


def _undo_seconds(request: Request, name: str) -> float:
    """After how long the supervisor undoes by itself what was asked: who asked may have died."""
    after = UNDO_SECONDS if request.get(name) is None else float(request[name])
    if not 0 <= after <= UNDO_SECONDS_MAX:
        raise HarnessError(f"{name} must be 0 to {UNDO_SECONDS_MAX:g}, not {after:g}")
    return after


async def _send(writer: asyncio.StreamWriter, answer: Request) -> None:
    writer.write(json.dumps(answer).encode() + b"\n")
    await writer.drain()
