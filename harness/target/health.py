"""Asks the target for its health while the load lasts, as a load balancer before it would.

What an operator's load balancer or orchestrator sees decides whether anybody is paged: an address
that stays green while borrowing fails is a fault of its own. So it is asked where those would ask,
at the service itself and never through our edge link, over a fresh connection each time, which any
of the replicas may take. Of the paths that a target names, the first one that it has is asked.
"""

import logging
import math
import threading
import time
from collections.abc import Sequence
from contextlib import suppress
from http import HTTPStatus
from urllib.parse import urljoin

from harness.core.http_calls import exchange
from harness.core.http_messages import BrokenConnectionError, Reader, failure_code
from harness.history.events import HealthAddress, HealthPoll
from harness.history.run_directory import RowWriter, RunDirectory
from harness.target.interface import Target

ASKED_PER_SECOND = 5.0
"""Dates a change to a fifth of a second. A readiness check may ask the database, so this is load
as well: one tenth of the least that a run sends."""
TIMEOUT_SECONDS = 1.0
"""As long as orchestrators wait by default. With the rate it bounds how many are under way."""

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
        self._writing = threading.Lock()
        self._thread = threading.Thread(target=self._poll, name="health", daemon=True)

    def start(self) -> None:
        """Begin to ask; returns at once."""
        if self._target.health_paths:
            self._thread.start()

    def stop(self) -> None:
        """End within a little more than one timeout; does nothing if it was never started."""
        self._stop.set()
        if self._thread.ident is not None:
            self._thread.join(3 * TIMEOUT_SECONDS)

    def _poll(self) -> None:
        try:
            self._poll_until_stopped()
        except Exception:  # noqa: BLE001  # a run without its polls is still a run, and says so
            _log.exception("the health polls ended early")

    def _poll_until_stopped(self) -> None:
        path = _path_of(self._target.url, self._target.health_paths)
        address = HealthAddress(path, self._asked_per_s)
        writer = self._run.health_writer(address)
        url = urljoin(self._target.url, address.path)
        under_way: list[threading.Thread] = []
        begun_s, number = time.monotonic(), 0
        while not self._stop.is_set():
            # One thread for each, as a slow answer must delay no other poll.
            thread = threading.Thread(target=self._ask_and_write, args=(url, writer), daemon=True)
            thread.start()
            under_way = [*(each for each in under_way if each.is_alive()), thread]
            # What a stalled machine missed is left out: a burst would tell nothing more.
            passed = (time.monotonic() - begun_s) * self._asked_per_s
            number = max(number + 1, math.ceil(passed))
            due_s = begun_s + number / self._asked_per_s
            self._stop.wait(max(0.0, due_s - time.monotonic()))
        ends_s = time.monotonic() + 2 * TIMEOUT_SECONDS
        for thread in under_way:
            thread.join(max(0.0, ends_s - time.monotonic()))
        with self._writing:
            writer.close()

    def _ask_and_write(self, url: str, writer: RowWriter) -> None:
        poll = ask(url)
        # A disk may take no more; and a name may be looked up until after the end.
        with self._writing, suppress(OSError, ValueError):
            writer.write("poll", poll)
            writer.flush()


def ask(url: str, timeout_seconds: float = TIMEOUT_SECONDS) -> HealthPoll:
    """Ask once; never raises. Only the head of the answer is waited for."""
    at_ns = time.monotonic_ns()
    status, error = None, None
    try:
        status = exchange("GET", url, timeout_seconds, read=Reader.read_head).status
    except (OSError, BrokenConnectionError) as failure:
        error = failure_code(failure)
    ok = status is not None and 200 <= status < 300  # noqa: PLR2004  # what a checker takes for good
    return HealthPoll(at_ns, time.monotonic_ns(), ok, status, error)


def _path_of(service_url: str, paths: Sequence[str]) -> str:
    """The first path that the target has, as far as it tells; else the last."""
    for path in paths[:-1]:
        if ask(urljoin(service_url, path)).status != HTTPStatus.NOT_FOUND:
            return path
    return paths[-1]
