"""The code of the user beside ours in a load process: what it raises, and what it exits with.

Locust logs what a listener or a task raises, and runs on; the run would pass without a trace of it.
A listener may also set the exit code, or call `sys.exit`. Here the first is told, and becomes a
trouble of the run, and the second replaces no verdict but a pass.
"""

import logging
import sys
from collections.abc import Callable
from typing import Any

import gevent
from locust.event import EventHook
from locust.exception import (
    InterruptTaskSet,
    RescheduleTask,
    RescheduleTaskImmediately,
    StopTest,
    StopUser,
)

from harness.load import process_control
from harness.load.raised import concerns_user, message_of, place_of
from harness.verdict import ExitCode

_STEERS = (StopUser, StopTest, RescheduleTask, RescheduleTaskImmediately, InterruptTaskSet)
"""Locust's own way to say what comes next: nothing is wrong."""
_ENDS = ("quitting", "quit")
"""Events of the end, in which no listener may end the process by itself."""
_SWALLOWED = "Uncaught exception in"
"""How Locust's log begins where it swallows an exception and fires no event."""


class _Ours(int):
    """An exit code that we set, to tell it from one of the same value that a listener set."""


class Exits:
    """The exit code of the leading process: ours, unless that is 0 and the user's code wants
    another.
    """

    def __init__(self, environment: Any, say: Callable[[str], None]) -> None:
        self._environment = environment
        self._say = say
        self._ours = 0
        self._theirs: int | None = None
        self._told = False
        self.late = False
        """Whether something went wrong in the user's code after the verdict."""

    def set(self, code: int) -> None:
        """What we exit with from now on."""
        self._look()
        self._ours = code
        self._environment.process_exit_code = _Ours(code)

    def ask(self, code: Any) -> None:
        """The user's code wants to exit with this, as `sys.exit` takes it."""
        self._theirs = int(code) if isinstance(code, int) else int(code is not None)

    def settle(self) -> int:
        """The code to exit with, which Locust is about to read."""
        self._look()
        code = self._ours or self._theirs or (ExitCode.INCONCLUSIVE if self.late else 0)
        if self._theirs not in (None, self._ours) and not self._told:
            self._told = True
            stands = f"the verdict's {self._ours} stands" if self._ours else "it replaces our 0"
            self._say(f"the scenario's code sets the exit code {self._theirs}: {stands}")
        self._environment.process_exit_code = _Ours(code)
        return code

    def _look(self) -> None:
        found = self._environment.process_exit_code
        if found is not None and not isinstance(found, _Ours):
            self.ask(found)


class UserCode:
    """Hears what the user's code raises, in one process.

    ``exits`` is the leading process's; None in a worker.
    """

    def __init__(self) -> None:
        self.exits: Exits | None = None
        self._tell: Callable[[str], None] | None = None
        self._untold: list[str] = []
        self._known: set[tuple[str, str]] = set()

    def watch(self, events: Any) -> None:
        """Hear of what the listeners of these events raise, those that were added before too."""
        for name, hook in vars(events).items():
            if type(hook) is EventHook:
                hook.__class__, hook.code, hook.name = _Watched, self, name

    def begin(self, environment: Any, tell: Callable[[str], None]) -> None:
        """From now on ``tell`` is told, also of what was raised before."""
        self._tell = tell
        environment.events.user_error.add_listener(
            lambda exception, **_: self.note("a user", exception)
        )
        # In the next run it may be raised again, and is told again.
        environment.events.test_stop.add_listener(lambda **_: self._known.clear())
        logging.getLogger().addHandler(_Swallowed(self))
        self._watch_greenlets()
        for text in self._untold:
            tell(text)
        self._untold.clear()

    def note(self, what: str, error: BaseException) -> None:
        """Something of theirs raised this; the same from the same place is told once."""
        place = place_of(error)
        if isinstance(error, _STEERS) or (key := (type(error).__name__, place)) in self._known:
            return
        self._known.add(key)
        text = f"{what} of the scenario raised, in {place}, {message_of(error)}"
        if self._tell is None:
            self._untold.append(text)
        else:
            self._tell(text)

    def _watch_greenlets(self) -> None:
        """What ends a greenlet of theirs; and a `sys.exit` in one, which ends the process."""
        hub = gevent.get_hub()
        handle_error, handle_exit = hub.handle_error, hub.handle_system_error

        def on_error(context: Any, kind: Any, value: Any, tb: Any) -> None:
            passing = (*hub.NOT_ERROR, *hub.SYSTEM_ERROR)
            if isinstance(value, Exception) and not isinstance(value, passing):
                error = value if value.__traceback__ else value.with_traceback(tb)
                if concerns_user(error):
                    self.note("a greenlet", error)
            handle_error(context, kind, value, tb)

        def on_exit(kind: Any, value: Any, tb: Any = None) -> None:
            code = getattr(value, "code", value)
            if kind is SystemExit and not code and self.exits is not None:
                # In the middle of a run this is no pass, whatever the user's code says.
                value = SystemExit(self.exits.settle())
            handle_exit(kind, value, tb)

        hub.handle_error, hub.handle_system_error = on_error, on_exit


class _Watched(EventHook):  # type: ignore[misc]  # Locust ships no types
    """One of Locust's events, with somebody who hears what its listeners raise."""

    code: UserCode
    name: str
    failed: bool = False

    def fire(self, *, reverse: bool = False, **fields: Any) -> None:
        """As Locust does, listener by listener."""
        heard = EventHook()
        for listener in self._handlers:
            heard.add_listener(self._hearing(listener))
        heard.fire(reverse=reverse, **fields)
        if self.name == "init" and self.failed:
            process_control.end_forked_workers(wait_s=0.0)
            sys.exit(int(ExitCode.USAGE))  # Locust would say 1, which is a failed verdict
        exits = self.code.exits
        if exits is None or self.name not in _ENDS:
            return
        code = exits.settle()
        if self.name == "quit" and code != fields.get("exit_code"):
            sys.exit(code)  # Locust has read it already

    def _hearing(self, listener: Callable[..., None]) -> Callable[..., None]:
        def hear(**fields: Any) -> None:
            try:
                listener(**fields)
            except Exception as error:
                self.failed = True
                self.code.note(f"a {self.name} listener", error)
                raise
            except SystemExit as error:
                if self.name not in _ENDS or self.code.exits is None:
                    raise
                self.code.exits.ask(error.code)

        return hear


class _Swallowed(logging.Handler):
    """Hears of what Locust only logs, like an exception in `on_stop` of a set of tasks."""

    def __init__(self, code: UserCode) -> None:
        super().__init__(logging.ERROR)
        self._code = code

    def emit(self, record: logging.LogRecord) -> None:
        """Called where the exception is being handled."""
        error = sys.exc_info()[1]
        if isinstance(error, Exception) and str(record.msg).startswith(_SWALLOWED):
            self._code.note("a method", error)
