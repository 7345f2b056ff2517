"""The code of the user beside ours in a load process: what it raises, and what it exits with.

Locust logs what a listener or a task raises, and runs on; the run would pass without a trace of it.
A listener may also set the exit code, or call `sys.exit`. Here the first is reported as a harness
error of the run, and the second replaces no verdict but a pass.
"""

import logging
import sys
import threading
from collections.abc import Callable
from importlib import import_module
from typing import Any

import gevent
from flask import got_request_exception
from locust import exception as steering
from locust.event import EventHook

from harness.apps.locust import process_control
from harness.core.exit_codes import ExitCode
from harness.load.exception_text import ENDS, concerns_user, is_thrown_in, message_of, place_of

_STEERS = (
    *(steering.StopUser, steering.StopTest, steering.InterruptTaskSet),
    *(steering.RescheduleTask, steering.RescheduleTaskImmediately),
)
"""Locust's own way to say what comes next: nothing is wrong."""
_OF_USERS = ("request", "user_error")
"""Events in which a single user can be steered."""
_ENDS_PROCESS = (SystemExit, KeyboardInterrupt)
_LAST = ("quitting", "quit")
"""Events of the end, in which no listener may end the process by itself."""
_UNSTOPPABLE = ("init", "test_stopping", "test_stop", *_LAST)
"""Events in which there is no test to stop, not yet or no more."""
_SWALLOWING = ("locust.event", "locust.runners", "locust.user.task")
"""Locust's modules that swallow an exception and fire no event."""


class _Ours(int):
    """An exit code that we set, to tell it from one of the same value that a listener set."""


class Exits:
    """The exit code of the leading process: ours, or for our 0 one that the user's code wants."""

    def __init__(self, environment: Any, say: Callable[[str, int], None]) -> None:
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
            self._say(f"the scenario's code sets the exit code {self._theirs}: {stands}", code)
        self._environment.process_exit_code = _Ours(code)
        return code

    def _look(self) -> None:
        found = self._environment.process_exit_code
        if found is not None and not isinstance(found, _Ours):
            self.ask(found)


class UserCode:
    """Hears what the user's code raises, in one process.

    ``exits`` is the leading process's; None in a worker. What ``is_background`` says of is shown,
    and no trouble of the run.
    """

    def __init__(self) -> None:
        self.exits: Exits | None = None
        self.is_background: Callable[[BaseException], bool] = lambda _: False
        self.show: Callable[[str], None] = lambda _: None
        self.quit_early: Callable[[str], None] = lambda _: None
        self._tell: Callable[[str], None] | None = None
        self._end: Callable[[], bool] = lambda: False
        self._untold: list[str] = []
        self._known: set[tuple[str, str, bool]] = set()

    def watch(self, events: Any) -> None:
        """Hear of what the listeners of these events raise, those that were added before too."""
        for name, hook in vars(events).items():
            if type(hook) is EventHook:
                hook.__class__, hook.code, hook.name = _Watched, self, name
        for module in map(import_module, _SWALLOWING):
            module.__dict__["logging"] = _Log(self)
        got_request_exception.connect(self._on_page, weak=False)
        self._watch_greenlets()
        self._watch_threads()

    def begin(self, environment: Any, tell: Callable[[str], None], end: Callable[[], bool]) -> None:
        """From now on ``tell`` reports what is raised, and what was raised before.

        ``end`` ends the run under way in order; False without one.
        """
        self._tell, self._end = tell, end
        environment.events.user_error.add_listener(
            lambda exception, **_: self.note("a user of the scenario", exception)
        )
        # In the next run it may be raised again, and is reported again.
        environment.events.test_stop.add_listener(lambda **_: self._known.clear())
        self._watch_messages(environment.runner)
        for text in self._untold:
            tell(text)
        self._untold.clear()

    def note(self, what: str, error: BaseException, greenlet: Any = None) -> None:
        """Something raised this, in a greenlet; the same from the same place is reported once."""
        if not isinstance(error, (*_STEERS, *ENDS)):
            self.tell(what, error, greenlet)

    def hear(self, what: str, error: BaseException, greenlet: Any = None) -> bool:
        """Something that Locust calls raised this; whether it goes on from there.

        Who wants to end the process ends the run, in order.
        """
        if is_thrown_in(error):
            return True
        self.tell(what, error, greenlet)
        if isinstance(error, _ENDS_PROCESS):
            return not self._end()
        return isinstance(error, Exception) and not isinstance(error, _STEERS)

    def tell(self, what: str, error: BaseException, greenlet: Any = None) -> None:
        """The same, where even what steers Locust is wrong."""
        place, beside = place_of(error, greenlet), self.is_background(error)
        if (key := (type(error).__name__, place, beside)) in self._known:
            return
        self._known.add(key)
        text = f"{what} raised, in {place}, {message_of(error)}"
        if beside:
            self.show(f"background load: {text}")
        elif self._tell is None:
            self._untold.append(text)
        else:
            self._tell(text)

    def _watch_greenlets(self) -> None:
        """What ends a greenlet of theirs; and a `sys.exit` in one, which ends the process."""
        hub = gevent.get_hub()
        handle_error = hub.handle_error
        hub.SYSTEM_ERROR = _ENDS_PROCESS  # a SystemError ends its greenlet, and no process

        def on_error(context: Any, kind: Any, value: Any, tb: Any) -> None:
            if isinstance(value, BaseException):
                error = value if value.__traceback__ else value.with_traceback(tb)
                is_greenlet = isinstance(context, gevent.Greenlet)
                if isinstance(error, _ENDS_PROCESS) and not is_thrown_in(error):
                    if not self.hear("a greenlet of the scenario", error, context):
                        return
                    if self.exits is not None:
                        self.exits.ask(getattr(error, "code", ExitCode.INTERRUPTED))
                        kind, value = SystemExit, SystemExit(self.exits.settle())
                elif is_greenlet or concerns_user(error):
                    self.note("a greenlet of the scenario", error, context)
            handle_error(context, kind, value, tb)

        hub.handle_error = on_error

    def _watch_messages(self, runner: Any) -> None:
        register = runner.register_message

        def registered(kind: str, listener: Any, *args: Any, **fields: Any) -> None:
            register(kind, self._hearing(kind, listener), *args, **fields)

        for kind, (listener, concurrent) in runner.custom_messages.items():
            runner.custom_messages[kind] = (self._hearing(kind, listener), concurrent)
        runner.register_message = registered

    def _hearing(self, kind: str, listener: Callable[..., None]) -> Callable[..., None]:
        def hear(*args: Any, **fields: Any) -> None:
            try:
                listener(*args, **fields)
            except BaseException as error:  # whatever it is, Locust goes on listening
                if self.hear(f"the handler of {kind} messages of the scenario", error):
                    raise

        return listener if kind.startswith("lendchaos_") else hear

    def _on_page(self, _app: Any, exception: BaseException, **_: Any) -> None:
        if concerns_user(exception):
            self.note("a page of the scenario", exception)

    def _watch_threads(self) -> None:
        show = threading.excepthook

        def on_error(args: Any) -> None:
            if args.exc_value is not None:
                self.note("a thread of the scenario", args.exc_value, gevent.getcurrent())
            show(args)

        threading.excepthook = on_error


class _Watched(EventHook):  # type: ignore[misc]  # Locust ships no types
    """One of Locust's events, with someone who hears what its listeners raise."""

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
        if exits is None or self.name not in _LAST:
            return
        code = exits.settle()
        if self.name == "quit" and code != fields.get("exit_code"):
            sys.exit(code)  # Locust has read it already

    def _hearing(self, listener: Callable[..., None]) -> Callable[..., None]:
        def hear(**fields: Any) -> None:
            try:
                listener(**fields)
            except BaseException as error:  # whatever it is, the other listeners have their turn
                if self._steers(error) or is_thrown_in(error):
                    is_quit = self.name == "test_start" and type(error) is gevent.GreenletExit
                    if is_quit and concerns_user(error):  # Locust would wait for ever
                        self.code.quit_early(place_of(error))
                    raise
                exits = self.code.exits
                if isinstance(error, SystemExit) and self.name in _LAST and exits is not None:
                    exits.ask(error.code)
                    return
                self.failed = True
                if self.code.hear(f"a {self.name} listener of the scenario", error):
                    if self.name == "init" and isinstance(error, _ENDS_PROCESS):
                        return  # it ends there with a code of ours
                    raise  # Locust logs it, or the process ends

        return hear

    def _steers(self, error: BaseException) -> bool:
        if isinstance(error, steering.StopTest):
            return self.name not in _UNSTOPPABLE
        return isinstance(error, _STEERS) and self.name in _OF_USERS


class _Log:
    """`logging` for a module of Locust's; hears what is swallowed there, at any level of logs."""

    def __init__(self, code: UserCode) -> None:
        self._code = code

    def __getattr__(self, name: str) -> Any:
        return getattr(logging, name)

    def error(self, text: str, *values: Any, **fields: Any) -> None:
        """Called where the exception is being handled."""
        error = sys.exc_info()[1]
        if error is not None and text.startswith("Uncaught exception in"):
            self._code.note("a method of the scenario", error)
        logging.error(text, *values, **fields)  # noqa: LOG015  # as Locust does
