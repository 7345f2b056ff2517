"""Methods of a user's class, looked at where they are called: what they raise, what they return.

A mistake in one is reported as one line with the class, the method, and file and line of it,
wherever it is met: at a dry run, at set-up, in the load, or when the ledger is read.
"""

import inspect
from collections.abc import Callable, Mapping
from copy import copy
from dataclasses import dataclass
from functools import partial, partialmethod, wraps
from typing import Any

from harness.core.errors import HarnessError, Interrupted, UsageError
from harness.core.places import is_of_harness, message_of, place_in_theirs, place_of_function
from harness.plan.checked import member_of, unlike_fields

UNREADABLE = (ValueError, KeyError, IndexError, TypeError)
"""What a method may raise that reads an answer in which there is nothing of the kind."""


class UserCodeError(UsageError):
    """A method of a user's class raised, or returned what it must not; begins with file:line."""


class UnlikeError(Exception):
    """A returned value is not what it must be; the text is what it is instead."""


@dataclass(frozen=True, slots=True)
class Method:
    """What one method has to return, in words and as it is read.

    ``read`` gives the value as it is used, and raises `UnlikeError`. ``may_raise`` is what it may
    say so that there is nothing of the kind.
    """

    returns: str
    read: Callable[[Any], Any]
    may_raise: tuple[type[Exception], ...] = ()


def guard(kind: type, methods: Mapping[str, Method], error: type[Exception]) -> None:
    """Have a class of the user's raise ``error`` for mistakes in its methods of these names.

    `HarnessError`, `UserCodeError` and `Interrupted` pass: they say what they mean. Methods of
    lendchaos's own classes stay as they are: a mistake in them is none of the user's.
    """
    for name, method in methods.items():
        found = inspect.getattr_static(kind, name, None)
        wrap = type(found) if isinstance(found, staticmethod | classmethod) else None
        act = found if wrap is None else found.__func__
        ours = not hasattr(act, "__module__") or is_of_harness(act)
        if ours or hasattr(act, "is_guarded") or not callable(getattr(kind, name, None)):
            continue
        if wrap is None and not inspect.isfunction(act):
            act = _as_function(act)
        guarded = _guarded(act, f"{kind.__name__}.{name}", method, error)
        setattr(kind, name, guarded if wrap is None else wrap(guarded))


def _as_function(found: Any) -> Callable[..., Any]:
    """The method that a class has in a `partialmethod`, or in an object that can be called."""
    binds = hasattr(type(found), "__get__")

    def act(self: Any, *args: Any, **kwargs: Any) -> Any:
        return (found.__get__(self, type(self)) if binds else found)(*args, **kwargs)

    inner = found
    while isinstance(inner, partial | partialmethod):
        inner = inner.func
    has_place = hasattr(inner, "__code__") or hasattr(inner, "__wrapped__")
    act.__wrapped__ = inner if has_place else type(inner).__call__  # type: ignore[attr-defined]
    return act


def _guarded(
    act: Callable[..., Any], where: str, method: Method, error: type[Exception]
) -> Callable[..., Any]:
    passes: tuple[type[Exception], ...] = (
        HarnessError,
        UserCodeError,
        Interrupted,
        *method.may_raise,
    )

    @wraps(act)
    def call(*args: Any, **kwargs: Any) -> Any:
        try:
            return method.read(_awaited_by_no_one(act(*args, **kwargs)))
        except UnlikeError as unlike:
            text = f"{where} returned {unlike}; it must return {method.returns}"
            raise error(f"{place_of_function(act)}: {text}") from None
        except passes as said:
            if isinstance(said, method.may_raise):
                notes = getattr(said, "__notes__", [])
                if where in notes:  # the same object may be raised again and again
                    notes.remove(where)
                said.add_note(where)
            raise
        except Exception as raised:
            place = place_in_theirs(raised) or place_of_function(act)
            raise error(f"{place}: {where} raised {message_of(raised)}") from raised

    call.is_guarded = True  # type: ignore[attr-defined]
    return call


def _awaited_by_no_one(found: Any) -> Any:
    if not inspect.iscoroutine(found):
        return found
    found.close()  # Python would warn of it
    raise UnlikeError("a coroutine, so it must not be async")


def with_place(error: BaseException) -> str:
    """What a method raised that may say so; with its place, where that is in the user's code."""
    place, text = place_in_theirs(error), message_of(error)
    where = getattr(error, "__notes__", [""])[-1]
    return f"{place}: {where} raised {text}" if place and where else text


# --- what is returned ---------------------------------------------------------------------------


def kind_of(found: Any) -> str:
    """What a value is, without the value, which may be a secret."""
    return "None" if found is None else f"a value of type {type(found).__name__}"


def one_of(*kinds: type) -> Callable[[Any], Any]:
    """Reads a value of one of these classes."""

    def read(found: Any) -> Any:
        if not isinstance(found, kinds) or (isinstance(found, bool) and bool not in kinds):
            raise UnlikeError(kind_of(found))
        return found

    return read


def record(kind: type) -> Callable[[Any], Any]:
    """Reads one of these dataclasses, each field of which has the type that it has to have.

    The text of an enum becomes the enum: to compare by identity would miss it.
    """
    read_kind = one_of(kind)

    def read(found: Any) -> Any:
        made = read_kind(found)
        for name, value, why in unlike_fields(found):
            member = member_of(type(found), name, value)
            if member is None:
                raise UnlikeError(f"a {kind.__name__} whose {name} is {kind_of(value)} ({why})")
            made = copy(found) if made is found else made
            object.__setattr__(made, name, member)
        return made

    return read


def each(read_one: Callable[[Any], Any], gathered: type = tuple) -> Callable[[Any], Any]:
    """Reads a list, a tuple, or whatever else there is one after the other."""

    def read(found: Any) -> Any:
        if isinstance(found, str | bytes | Mapping) or not hasattr(found, "__iter__"):
            raise UnlikeError(kind_of(found))
        values = list(found)
        try:
            return gathered(map(read_one, values))
        except UnlikeError as unlike:
            raise UnlikeError(f"{kind_of(found)} with {unlike} in it") from None

    return read


def pair(*reads: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Reads a tuple of as many values."""

    def read(found: Any) -> Any:
        if not isinstance(found, tuple) or len(found) != len(reads):
            raise UnlikeError(kind_of(found))
        return tuple(read_one(value) for read_one, value in zip(reads, found, strict=True))

    return read


def or_none(read: Callable[[Any], Any]) -> Callable[[Any], Any]:
    """Reads None, too."""
    return lambda found: None if found is None else read(found)
