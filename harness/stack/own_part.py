"""A part of the stack of the user's own: looked at when it is made, and where it is called.

A mistake in one is a line with the class, the method, and file and line of it.
"""

import inspect
from collections.abc import Iterator
from typing import Any

from harness.core.errors import HarnessError, UsageError
from harness.core.places import (
    is_of_harness,
    message_of,
    place_in_theirs,
    place_of_class,
    place_of_function,
)
from harness.plan.checked import shown
from harness.plan.target_parts import LINK_NAME
from harness.stack.addresses import split_address
from harness.stack.parts.part import StackPart
from harness.stack.state import StackSettings

_ASYNC = {
    "start": ("yard",),
    "is_ready": ("yard", "child"),
    "settle": ("yard",),
    "tend": ("yard",),
}


def require_whole(part: StackPart) -> None:
    """Refuse, as UsageError with its place, a part that cannot be started as it is."""
    if wrong := next(_wrong(part), ""):
        raise UsageError(wrong)


def _wrong(part: StackPart) -> Iterator[str]:
    kind = type(part)
    for method, takes in _ASYNC.items():
        act = getattr(part, method)
        like = f"async def {method}(self, {', '.join(takes)})"
        try:
            inspect.signature(act).bind(*takes)
        except (TypeError, ValueError):
            yield mistake(part, method, f"must be {like}")
        if not _may_be_awaited(act, method):
            yield mistake(part, method, f"must be async: {like}")
    group: Any = getattr(part, "group", None)
    if not isinstance(group, str) or not LINK_NAME.fullmatch(group):
        valid = 'the name of its process in lower case, like group = "book"'
        yield f"{place_of_class(kind)}: {kind.__name__}.group must be {valid}, not {shown(group)}"
    names: Any = part.names(StackSettings())
    if not isinstance(names, tuple) or not all(isinstance(name, str) for name in names):
        yield mistake(part, "names", f"returned {shown(names)}; it must return a tuple of names")
    try:
        at: Any = part.listens
        if at:
            split_address(at)
    except (UsageError, AttributeError, TypeError):
        valid = 'must be its host:port, like "127.0.0.1:7000"'
        yield f"{place_of_class(kind)}: {kind.__name__}.listens {shown(part.listens)} {valid}"


def _may_be_awaited(act: Any, method: str) -> bool:
    """Whether a method is async, is so behind a decorator, or hands on what another one returns."""
    whole = inspect.unwrap(act)
    handed_on = method in getattr(getattr(whole, "__code__", None), "co_names", ())
    return inspect.iscoroutinefunction(whole) or handed_on


async def done_by(part: StackPart, method: str, *given: Any) -> Any:
    """What a method of a part returns; UsageError with its place where one of the user's raised
    what says nothing of the environment.
    """
    try:
        made = getattr(part, method)(*given)
        if inspect.isawaitable(made):
            return await made
    except (HarnessError, UsageError, OSError):
        raise
    except (Exception, SystemExit) as error:
        if is_of_harness(type(part)):
            raise
        said = f"raised {message_of(error)}"
        raise UsageError(mistake(part, method, said, place_in_theirs(error))) from error
    like = f"async def {method}(self, {', '.join(_ASYNC[method])})"
    raise UsageError(mistake(part, method, f"must be async: {like}"))


def mistake(part: StackPart, method: str, said: str, place: str = "") -> str:
    """What a method of a part does wrong, with ``place``, else where the method begins."""
    kind = type(part)
    return f"{place or place_of_function(getattr(kind, method))}: {kind.__name__}.{method} {said}"
