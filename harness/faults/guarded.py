"""A user's own injector, looked at where it is called: what it raises, and what it returns.

A mistake in one is a line with the class, the method, and file and line of it. It is remembered
until the method does well: a run whose fault did not do as it says cannot be judged. It keeps no
fault from being healed.
"""

import contextlib
import inspect
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from dataclasses import replace
from typing import Any, cast

from harness.core.errors import HarnessError, Interrupted, UsageError
from harness.core.places import (
    is_of_harness,
    message_of,
    place_in_theirs,
    place_of,
    place_of_class,
    place_of_function,
)
from harness.faults.base import Gone, Injector
from harness.history.events import Proof
from harness.history.fault_facts import LockHolder
from harness.plan.checked import shown, type_problems

METHODS = ("ready", "inject", "read_back", "canary", "gone", "heal", "healed", "clean_up")
_AT_WORK = ("read_back", "canary", "gone")
"""They look at a fault at work: once its heal has begun, what they meet says nothing."""
_UNDONE: Any = (Awaitable, Iterator, AsyncIterator, Callable)
"""What is returned instead of work: a coroutine, a generator, a function without its brackets."""


class InjectorMistake(UsageError):  # noqa: N818  # of the user's, in their file
    """A method of an injector raised, or returned what it must not; begins with file:line."""


def wrong_injector(injector: Any) -> Iterator[str]:
    """Why a class or a function makes no injector, or none that can be used."""
    name = getattr(injector, "__name__", shown(injector))
    is_class = isinstance(injector, type)
    if not callable(injector):
        yield f"{name} makes no injector"
    elif is_class and not issubclass(injector, Injector):
        yield f"{name} must be a subclass of Injector"
    elif missing := sorted(getattr(injector, "__abstractmethods__", ())):
        yield f"{name} lacks {' and '.join(f'{each}()' for each in missing)}"
    elif not _takes(injector, "planned", "spec", "stack"):
        made = f"{name}.__init__(self, planned, spec, stack)" if is_class else f"{name}(...)"
        yield f"{name} must be made of the planned fault, its specification and the stack: {made}"
    for method in METHODS if is_class and issubclass(injector, Injector) else ():
        raw, act = inspect.getattr_static(injector, method), getattr(injector, method)
        is_bound = isinstance(raw, staticmethod | classmethod) or not hasattr(raw, "__get__")
        if inspect.iscoroutinefunction(act):
            yield f"{name}.{method} must not be async"
        elif not callable(act) or not _takes(act, *() if is_bound else ("self",)):
            yield f"{name}.{method} must be a method that takes nothing but self"


def _takes(found: Callable[..., Any], *values: str) -> bool:
    try:
        inspect.signature(found).bind(*values)
    except TypeError:
        return False
    except ValueError:  # it does not say what it takes
        pass
    return True


def _what(found: Any) -> str:
    """What was returned; a text may be a secret."""
    if found is None or type(found) in (bool, float) or (type(found) is int and abs(found) < 2**64):
        return f"{found}"
    why = next(type_problems(found), "") if isinstance(found, Proof | Gone) else ""
    return f"a value of type {type(found).__name__}" + (f", whose {why}" if why else "")


def guarded(make: Callable[[], Any], name: str) -> Injector:
    """The injector that ``make`` makes, looked at if it is of the user's; `InjectorMistake` where
    it makes none. ``name`` is what made it.
    """
    try:
        made = make()
    except (HarnessError, UsageError, Interrupted, KeyboardInterrupt):
        raise
    except BaseException as error:
        raise InjectorMistake(f"{place_of(error)}: {name} raised {message_of(error)}") from error
    if not isinstance(made, Injector):
        raise InjectorMistake(f"{name} returned {_what(made)}; it must return an Injector")
    return made if is_of_harness(type(made)) else GuardedInjector(made)


class GuardedInjector(Injector):
    """An injector of the user's. ``mistakes`` has what each method did wrong at its last call."""

    def __init__(self, own: Injector) -> None:
        self._own = own
        self._since_ns = 0
        self._healing = False
        self._wrong: dict[str, str] = {}

    @property
    def mistakes(self) -> tuple[str, ...]:  # type: ignore[override]  # threads change it
        """As they stand now."""
        return tuple(self._wrong.values())

    def ready(self) -> Proof:
        """As its own, and a proof of that kind."""
        return self._proof("ready", "canary")

    def inject(self) -> None:
        """As its own."""
        begun_ns = time.monotonic_ns()
        self._call("inject")
        self._since_ns = begun_ns

    def read_back(self) -> Proof:
        """As its own, and a proof of that kind."""
        return self._proof("read_back", "control_plane")

    def canary(self) -> Proof:
        """As its own, and a proof of that kind."""
        return self._proof("canary", "canary")

    def gone(self) -> Gone | None:
        """As its own, and None or a `Gone` whose instant can be."""
        if type(self._own).gone is Injector.gone:
            return super().gone()
        found: Any = self._call("gone")
        is_gone = isinstance(found, Gone) and not any(type_problems(found))
        if found is None or (is_gone and (found.at_ns is None or self._can_be(found.at_ns))):
            return cast("Gone | None", found)
        must = "None, or Gone(by, text, at_ns) with None or an instant of time.monotonic_ns()"
        raise self._mistake("gone", f"returned {_what(found)}; it must return {must}")

    def heal(self) -> int:
        """As its own. Where the instant that it returns cannot be, that of its return: the change
        is undone, and nothing is gained by doing it again.
        """
        self._healing = True
        try:
            found = self._call("heal")
        finally:
            with contextlib.suppress(BaseException):  # of a property, say: it hides no heal
                holders = tuple(self._own.held_up_by)
                if all(isinstance(one, LockHolder) for one in holders):
                    self.held_up_by = holders
        if type(found) is int and self._can_be(found):
            return found
        must = "time.monotonic_ns() at the instant of healing"
        with contextlib.suppress(BaseException):  # as above: what it returned may raise when shown
            self._mistake("heal", f"returned {_what(found)}; it must return {must}")
        return time.monotonic_ns()

    def healed(self) -> Proof:
        """As its own, and a proof of that kind."""
        return self._proof("healed", "healed")

    def clean_up(self) -> None:
        """As its own."""
        self._call("clean_up")

    def _can_be(self, at_ns: int) -> bool:
        """Whether an instant lies between the injection, if there was one, and now."""
        return self._since_ns <= at_ns <= time.monotonic_ns()

    def _proof(self, method: str, kind: str) -> Proof:
        found = self._call(method)
        is_proof = isinstance(found, Proof) and not any(type_problems(found))
        if is_proof and found.kind == kind:
            return cast("Proof", found)
        must = f'Proof("{kind}", holds=True or False, text="…")'
        mistake = self._mistake(method, f"returned {_what(found)}; it must return {must}")
        if is_proof:  # what it says can be understood
            return cast("Proof", replace(found, kind=kind))
        raise mistake

    def _call(self, method: str) -> Any:
        try:
            found = getattr(self._own, method)()
        except (HarnessError, UsageError, Interrupted, OSError, KeyboardInterrupt):
            raise  # it means what it says
        except BaseException as error:  # asyncio's, say, ends a thread as well
            said = f"raised {message_of(error)}"
            raise self._mistake(method, said, place_in_theirs(error)) from error
        if issubclass(type(found), _UNDONE):
            must = "it must do its work before it returns"
            raise self._mistake(method, f"returned {_what(found)}, which was not run; {must}")
        self._wrong.pop(method, None)
        return found

    def _mistake(self, method: str, said: str, place: str = "") -> InjectorMistake:
        kind = type(self._own)
        act = getattr(kind, method, None)
        begins = place_of_function(act) if inspect.isfunction(act) else place_of_class(kind)
        text = f"{place or begins}: {kind.__name__}.{method} {said}"
        if not (self._healing and method in _AT_WORK):
            self._wrong[method] = text
        return InjectorMistake(text)
