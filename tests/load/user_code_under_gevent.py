"""Code of a user that raises, in a process like a load process; prints what was told of it."""

import json
import logging
import signal
import sys
import threading
from types import SimpleNamespace
from typing import Any

import gevent
from flask import Flask
from locust import TaskSet, User, task
from locust.event import EventHook, Events
from locust.exception import InterruptTaskSet, RescheduleTask, StopTest, StopUser

from harness.apps.locust.user_code import Exits, UserCode

logging.disable(logging.CRITICAL)
events = Events()
code = UserCode()
code.watch(events)
told: list[str] = []
asked: list[str] = []


class Runner:
    """Takes handlers of messages as Locust's runners do."""

    def __init__(self) -> None:
        self.custom_messages: dict[str, tuple[Any, bool]] = {}

    def register_message(self, kind: str, listener: Any, concurrent: bool = False) -> None:
        """Keep it."""
        self.custom_messages[kind] = (listener, concurrent)


def end() -> bool:
    """As there is a run under way."""
    asked.append("asked to end")
    return True


signal.signal(signal.SIGINT, signal.SIG_IGN)  # as load processes have it, or a handler
runner = Runner()
runner.register_message("early", lambda **_: fail())
gevent.spawn(json.loads, "[").join()
code.begin(SimpleNamespace(events=events, runner=runner), told.append, end)
found: dict[str, Any] = {"before it began": [[], list(told)]}


def bounded(_: Any = None) -> None:
    """As people who know gevent bound what they do."""
    with gevent.Timeout(0.01):
        gevent.sleep(5)


def fail(kind: type[Exception] = RuntimeError, **_: Any) -> None:
    """What anybody's code may do."""
    raise kind("mine")


class Bounded(User):  # type: ignore[misc]  # Locust ships no types
    """Whose task runs into a limit of its own."""

    tasks = (bounded,)


class FailsToWait(User):  # type: ignore[misc]
    """Whose wait between tasks raises."""

    tasks = (lambda _: None,)

    def wait_time(self) -> float:
        """As a formula may divide by zero."""
        fail()
        return 0.0


class FailsAtTheStart(User):  # type: ignore[misc]
    """Who raises no `Exception` before its first task."""

    tasks = (bounded,)

    def on_start(self) -> None:
        """A limit of its own."""
        bounded()


class FailsAtTheEnd(User):  # type: ignore[misc]
    """Whose set of tasks raises when it ends."""

    @task
    class Mine(TaskSet):  # type: ignore[misc]
        """Ends at once."""

        def on_stop(self) -> None:
            """Raise what Locust only logs."""
            fail()

        @task  # type: ignore[untyped-decorator]
        def end(self) -> None:
            """No further task."""
            raise StopTest


def run_of(user_class: Any) -> None:
    """A user to its end."""
    gevent.spawn(user_class(SimpleNamespace(events=events, catch_exceptions=True)).run).join()


def listener_of(event: str, error: BaseException) -> list[str]:
    """Who was called when the first listener raises this, and with what exit code."""
    called = []

    def first(**_: Any) -> None:
        raise error

    hook = getattr(events, event)
    hook.add_listener(first)
    hook.add_listener(lambda **_: called.append("second"))
    try:
        hook.fire()
    except SystemExit as end:
        called.append(f"exit {int(str(end.code))}")
    except BaseException as passed:  # noqa: BLE001  # whatever it lets pass
        called.append(type(passed).__name__)
    hook._handlers.clear()
    return called


def handler_of(error: BaseException | None = None) -> list[str]:
    """Whether the handler of a message lets this pass; without an error, the early one."""

    def handle(environment: Any, msg: Any) -> None:
        assert (environment, msg) == (1, 2)
        if error is not None:
            raise error

    runner.custom_messages.pop("mine", None)
    runner.register_message("mine", handle)
    try:
        runner.custom_messages["mine" if error else "early"][0](environment=1, msg=2)
    except BaseException as passed:  # noqa: BLE001  # whatever it lets pass
        return [type(passed).__name__]
    return list(asked)


def page() -> list[str]:
    """A page of theirs."""
    app = Flask(__name__)
    app.add_url_rule("/mine", view_func=fail)
    return [str(app.test_client().get("/mine").status_code)]


def exits(function: Any, *arguments: Any) -> list[str]:
    """A greenlet that ends the process."""
    gevent.spawn(function, *arguments).join()
    gevent.sleep(0.01)
    return list(asked)


def own_event() -> None:
    """An event that the user made."""
    hook = EventHook()
    hook.add_listener(fail)
    hook.fire()


def greenlet_of(error: BaseException) -> None:
    """A greenlet of theirs that ends so."""

    def end() -> None:
        raise error

    gevent.spawn(end).join()


def exit_of(ours: int, theirs: int | None, *, late: bool = False) -> list[Any]:
    """What we exit with, and what is said of it, where a listener has set ``theirs``."""
    said: list[Any] = []
    environment = SimpleNamespace(process_exit_code=None)
    exits = Exits(environment, lambda text, _: said.append(text))
    exits.set(ours)
    exits.late = late
    if theirs is not None:
        environment.process_exit_code = theirs
    return [exits.settle(), *said]


def thread() -> None:
    """A thread of theirs."""
    threading.Thread(target=fail).start()
    gevent.sleep(0.01)


CASES: dict[str, Any] = {
    "greenlet": lambda: gevent.spawn(bounded).join(),
    "SystemError": lambda: gevent.spawn(fail, kind=SystemError).join(),
    "library": lambda: gevent.spawn(json.loads, "{").join(),
    "task": lambda: run_of(Bounded),
    "wait_time": lambda: run_of(FailsToWait),
    "on_start": lambda: run_of(FailsAtTheStart),
    "on_stop": lambda: run_of(FailsAtTheEnd),
    "thread": thread,
    "own event": own_event,
    "greenlet StopUser": lambda: greenlet_of(StopUser()),
    "greenlet RescheduleTask": lambda: greenlet_of(RescheduleTask()),
    "greenlet InterruptTaskSet": lambda: greenlet_of(InterruptTaskSet()),
    "message": lambda: handler_of(RuntimeError("mine")),
    "message Timeout": lambda: handler_of(gevent.Timeout(5)),
    "message GreenletExit": lambda: handler_of(gevent.GreenletExit()),
    "message SystemExit": lambda: handler_of(SystemExit(0)),
    "message KeyboardInterrupt": lambda: handler_of(KeyboardInterrupt()),
    "early message": handler_of,
    "page": page,
    "exit": lambda: exits(lambda: sys.exit(0)),
    "exit itself": lambda: exits(sys.exit, 1),
    "killed": lambda: gevent.spawn(gevent.sleep, 5).kill(),
    "test_start Timeout": lambda: listener_of("test_start", gevent.Timeout(5)),
    "test_start GreenletExit": lambda: listener_of("test_start", gevent.GreenletExit()),
    "test_start KeyboardInterrupt": lambda: listener_of("test_start", KeyboardInterrupt()),
    "test_start SystemExit": lambda: listener_of("test_start", SystemExit(0)),
    "test_start StopTest": lambda: listener_of("test_start", StopTest()),
    "test_start StopUser": lambda: listener_of("test_start", StopUser()),
    "test_stop StopTest": lambda: listener_of("test_stop", StopTest()),
    "request StopUser": lambda: listener_of("request", StopUser()),
    "request StopTest": lambda: listener_of("request", StopTest()),
    "init Timeout": lambda: listener_of("init", gevent.Timeout(5)),
    "init StopTest": lambda: listener_of("init", StopTest()),
    "init SystemExit": lambda: listener_of("init", SystemExit(0)),
    "init OSError": lambda: listener_of("init", OSError("mine")),
    "exit 1, set 0": lambda: exit_of(1, 0),
    "exit 0, set 5": lambda: exit_of(0, 5),
    "exit 1, set 5": lambda: exit_of(1, 5),
    "exit 0, set 0": lambda: exit_of(0, 0),
    "exit 0": lambda: exit_of(0, None),
    "exit 0, late": lambda: exit_of(0, None, late=True),
    "exit 0, late, set 0": lambda: exit_of(0, 0, late=True),
}
for name, case in CASES.items():
    told.clear()
    asked.clear()
    code._known.clear()
    result = case()
    found[name] = [result or [], list(told)]
json.dump(found, sys.stdout)
