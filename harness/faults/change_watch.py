"""Looks again and again for what others changed while a run goes on, and for how long."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import replace

from harness.core.errors import HarnessError
from harness.history.fault_facts import ForeignChange

LOOK_SECONDS = 0.5
LAST_LOOK_SECONDS_MAX = 5.0
"""A look at something that does not answer must not hold up the end of a run."""

_log = logging.getLogger(__name__)


class ChangeWatch:
    """Notes what ``look`` sees, each thing in words, from when to when; changes nothing.

    ``look`` raises `HarnessError` where it can see nothing at the moment.
    """

    def __init__(self, name: str, look: Callable[[], set[str]]) -> None:
        self._look = look
        self._over = threading.Event()
        self._thread = threading.Thread(target=self._watch, name=name, daemon=True)
        self._looked_ns = 0
        self._lock = threading.Lock()
        self._open: dict[str, ForeignChange] = {}
        self._closed: list[ForeignChange] = []

    @property
    def found(self) -> tuple[ForeignChange, ...]:
        """What was seen by now, in the order in which it began."""
        with self._lock:
            seen = [*self._closed, *self._open.values()]
        return tuple(sorted(seen, key=lambda one: one.begin_ns))

    def start(self) -> None:
        """Look from now on."""
        self._looked_ns = time.monotonic_ns()
        self._thread.start()

    def stop(self) -> None:
        """Look a last time; nothing if it never began."""
        self._over.set()
        if self._thread.ident is not None:
            self._thread.join(LAST_LOOK_SECONDS_MAX)

    def saw(self, text: str) -> None:
        """Note one thing more, seen just now by somebody else than ``look``."""
        with self._lock:
            self._open.setdefault(text, ForeignChange(text, self._looked_ns))

    def _watch(self) -> None:
        last = False
        while not last:
            last = self._over.wait(LOOK_SECONDS)
            begun_ns = time.monotonic_ns()
            try:
                self._note(self._look(), begun_ns)
            except HarnessError as error:  # not seen: the next look may be lucky
                _log.warning("looking for what others changed: %s", error)
            except Exception:  # noqa: BLE001  # our bug must not end the watch
                _log.exception("looking for what others changed")

    def _note(self, seen: set[str], begun_ns: int) -> None:
        seen_ns = time.monotonic_ns()  # it may have gone since the look began
        with self._lock:
            for text in self._open.keys() - seen:
                self._closed.append(replace(self._open.pop(text), end_ns=seen_ns))
            for text in seen - self._open.keys():
                self._open[text] = ForeignChange(text, self._looked_ns)
            self._looked_ns = begun_ns
