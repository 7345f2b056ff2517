"""Asks the target for its health while the load lasts, as a load balancer before it would.

What an operator's load balancer or orchestrator sees decides whether anybody is paged: an address
that stays green while borrowing fails is a fault of its own. So it is asked where those would ask,
at the service itself and never through our edge link, over a fresh connection each time, which any
of the replicas may take. Of the paths that a target names, the first one that it has is asked.
"""

import asyncio
import logging
import math
import threading
import time
import urllib.parse
from collections.abc import Callable, Sequence
from contextlib import suppress

from harness.core.shortage import shortage_of
from harness.history.events import HealthAddress, HealthPoll
from harness.history.run_directory import RunDirectory
from harness.target.interface import Target

ASKED_PER_SECOND = 5.0
"""Dates a change to a fifth of a second. A readiness check may ask the database, so this is load
as well: one tenth of the least that a run sends."""
TIMEOUT_SECONDS = 1.0
"""As long as orchestrators wait by default. With the rate it bounds how many are under way."""
NOT_FOUND = 404
STATUS_LINE_BYTES_MAX = 4096

_log = logging.getLogger("lendchaos.health")


class HealthPoller:
    """A thread that asks at a fixed rate, however slowly the answers come, until it is stopped.

    Nothing that the target does ends it: no answer, or an answer that is none, is a red poll.
    A target that names no path is not asked.
    """

    def __init__(
        self, run: RunDirectory, target: Target, asked_per_s: float = ASKED_PER_SECOND
    ) -> None:
        self._run = run
        self._target = target
        self._asked_per_s = asked_per_s
        self._stop = threading.Event()
        self._wake: Callable[[], object] = self._stop.set
        self._thread = threading.Thread(target=self._poll, name="health", daemon=True)

    def start(self) -> None:
        """Begin to ask; returns at once."""
        if self._target.health:
            self._thread.start()

    def stop(self) -> None:
        """End within a little more than one timeout; does nothing if it was never started."""
        self._stop.set()
        with suppress(RuntimeError):  # its loop is closed already
            self._wake()
        if self._thread.ident is not None:
            self._thread.join(3 * TIMEOUT_SECONDS)

    def _poll(self) -> None:
        try:
            asyncio.run(self._poll_until_stopped())
        except Exception:  # noqa: BLE001  # a run without its polls is still a run, and says so
            _log.exception("the health polls ended early")

    async def _poll_until_stopped(self) -> None:
        loop, stopped = asyncio.get_running_loop(), asyncio.Event()
        self._wake = lambda: loop.call_soon_threadsafe(stopped.set)
        host, port = _host_and_port(self._target.url)
        path = await _path_of(host, port, self._target.health)
        address = HealthAddress(path, self._asked_per_s)
        writer = self._run.health_writer(address)
        under_way: set[asyncio.Task[None]] = set()

        async def ask_and_write() -> None:
            writer.write("poll", await ask(host, port, address.path))
            writer.flush()

        begun_s, number = loop.time(), 0
        while not (stopped.is_set() or self._stop.is_set()):
            task = asyncio.create_task(ask_and_write())
            under_way.add(task)
            task.add_done_callback(under_way.discard)
            # What a stalled machine missed is left out: a burst would tell nothing more.
            passed = (loop.time() - begun_s) * self._asked_per_s
            number = max(number + 1, math.ceil(passed))
            due_s = begun_s + number / self._asked_per_s
            with suppress(TimeoutError):
                await asyncio.wait_for(stopped.wait(), max(0.0, due_s - loop.time()))
        if under_way:
            await asyncio.wait(under_way, timeout=2 * TIMEOUT_SECONDS)
        writer.close()


async def ask(
    host: str, port: int, path: str, timeout_seconds: float = TIMEOUT_SECONDS
) -> HealthPoll:
    """Ask once; never raises but when cancelled. Only the status line is waited for."""
    at_ns = time.monotonic_ns()
    status, error = None, None
    try:
        async with asyncio.timeout(timeout_seconds):
            status = await _status(host, port, path)
    except TimeoutError:
        error = "timeout"
    except ConnectionRefusedError:
        error = "refused"
    except ConnectionError:
        error = "reset"
    except EOFError:
        error = "end_of_file"
    except ValueError:
        error = "malformed"
    except OSError as failure:
        shortage = shortage_of(failure)
        error = "other" if shortage is None else shortage.code
    ok = status is not None and 200 <= status < 300  # noqa: PLR2004  # what a checker takes for good
    return HealthPoll(at_ns, time.monotonic_ns(), ok, status, error)


async def _status(host: str, port: int, path: str) -> int:
    """The status of one GET over a connection of its own.

    Raises:
        OSError: there is no connection, or it broke.
        EOFError: it was closed before the answer.
        ValueError: the answer is not HTTP.
    """
    reader, writer = await asyncio.open_connection(host, port, limit=STATUS_LINE_BYTES_MAX)
    try:
        name = f"[{host}]" if ":" in host else host
        lines = (f"GET {path} HTTP/1.1", f"Host: {name}:{port}", "Connection: close", "", "")
        writer.write("\r\n".join(lines).encode())
        line = await reader.readline()
        while line.partition(b" ")[2].startswith(b"1"):
            while (await reader.readline()).strip():
                pass  # headers of an interim answer, which is none
            line = await reader.readline()
    finally:
        # Not waiting: to say goodbye to a target that hangs would outlast every deadline.
        writer.transport.abort()
    if not line.endswith(b"\n"):
        raise EOFError
    version, status, *_ = line.decode("latin-1").split(" ", 2)
    if not version.startswith("HTTP/"):
        raise ValueError(version)
    return int(status)


async def _path_of(host: str, port: int, paths: Sequence[str]) -> str:
    """The first path that the target has, as far as it tells; else the last."""
    for path in paths[:-1]:
        if (await ask(host, port, path)).status != NOT_FOUND:
            return path
    return paths[-1]


def _host_and_port(service_url: str) -> tuple[str, int]:
    parts = urllib.parse.urlsplit(service_url)
    return parts.hostname or "", parts.port or 80
