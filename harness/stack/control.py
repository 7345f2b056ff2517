"""The supervisor's Unix socket: one JSON object a line in, one out."""

import asyncio
import contextlib
import json
import time
from collections.abc import Awaitable, Callable
from typing import TYPE_CHECKING, Any

from harness.errors import HarnessError

if TYPE_CHECKING:  # the supervisor is run as a program and imports this module
    from harness.stack.child import Child
    from harness.stack.supervisor import Supervisor

RESTART_SECONDS_MAX = 120.0
"""The longest a killed process stays down: whoever killed it may have died meanwhile."""
Request = dict[str, Any]


class Control:
    """Serves requests; every request has an answer, and an error is an answer too."""

    def __init__(self, supervisor: "Supervisor") -> None:
        self._supervisor = supervisor
        self._server: asyncio.Server | None = None
        self._waiting_for_end: list[asyncio.StreamWriter] = []
        self._commands: dict[str, Callable[[Request], Awaitable[Request]]] = {
            "status": self._status,
            "kill": self._kill,
            "restart": self._restart,
            "wait_ready": self._wait_ready,
        }

    async def open(self) -> None:
        """Listens, for our own user only."""
        path = self._supervisor.stack.socket_path
        path.unlink(missing_ok=True)
        self._server = await asyncio.start_unix_server(self._serve, path)
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
        after = request.get("restart_after_seconds")
        after = RESTART_SECONDS_MAX if after is None else float(after)
        if not 0 <= after <= RESTART_SECONDS_MAX:
            raise HarnessError(
                f"restart_after_seconds must be 0 to {RESTART_SECONDS_MAX:g}, not {after:g}"
            )
        children = self._targets(request["target"])
        pids = {child.spec.name: child.process.pid for child in children if child.process}
        instants = await asyncio.gather(*(child.kill(after) for child in children))
        return {"killed_ns": min(instants), "gone_ns": time.monotonic_ns(), "pids": pids}

    async def _restart(self, request: Request) -> Request:
        children = self._targets(request["target"])
        return {"ordered_ns": max(child.order_restart() for child in children)}

    async def _wait_ready(self, request: Request) -> Request:
        seconds = float(request["timeout_seconds"])
        names = [child.spec.name for child in self._targets(request["target"])]
        waits = (self._supervisor.wait_ready(name, seconds) for name in names)
        return {"ready_ns": max(await asyncio.gather(*waits))}

    def _targets(self, target: str) -> "list[Child]":
        children = self._supervisor.children
        names = self._supervisor.stack.replicas if target == "replicas" else (target,)
        found = [children[name] for name in names if name in children]
        if not found:
            known = [*children, *(["replicas"] if self._supervisor.stack.replicas else [])]
            raise HarnessError(f"no process {target!r} in this stack; there are {', '.join(known)}")
        return found


async def _send(writer: asyncio.StreamWriter, answer: Request) -> None:
    writer.write(json.dumps(answer).encode() + b"\n")
    await writer.drain()
