"""Dataclasses that a scenario file builds: a mistake is met where it is made, in one line."""

import difflib
import inspect
from collections.abc import Callable, Iterator
from dataclasses import MISSING, fields, is_dataclass
from enum import Enum, StrEnum
from functools import cache
from typing import Any, ClassVar, TypeVar, get_args, get_type_hints

from harness.core.errors import UsageError
from harness.core.numbers import INTEGER_MAX

LETTERS_MAX = 120
"""Of a value that a message repeats."""
T = TypeVar("T")


class CheckedClass(type):
    """The class of dataclasses whose values are checked when they are made.

    `UsageError` says what is wrong and what is valid: a field that does not exist or is missing, a
    value of another type, and what the class itself lists in ``problems``. ``RENAMED`` maps an old
    spelling to what replaces it. An enum counts as its value.
    """

    RENAMED: ClassVar[dict[str, str]] = {}
    CHECKS_TYPES: ClassVar[bool] = False
    """Whether ``problems`` looks at types, too."""

    @property
    def __signature__(cls) -> inspect.Signature:
        """How one is made, for editors and `help`, from which the method below would hide it."""
        found = inspect.signature(cls.__init__)  # type: ignore[misc]  # of the class itself
        return found.replace(parameters=list(found.parameters.values())[1:])

    def __call__(cls: type[T], *args: Any, **kwargs: Any) -> T:
        """Make one, or say why it cannot be."""
        if wrong := next(_unlike(cls, args, kwargs), None):
            raise UsageError(f"{cls.__name__}: {wrong}")
        plain = {name: _plain(value) for name, value in kwargs.items()}
        made: T = type.__call__(cls, *map(_plain, args), **plain)
        found = [*_huge(made)]  # to show such a number can fail
        if not found and not getattr(cls, "CHECKS_TYPES", False):
            found = [*type_problems(made)]
        if found := found or [*getattr(made, "problems", ())]:
            raise UsageError("; ".join(f"{cls.__name__}: {text}" for text in found))
        return made


def _plain(value: Any) -> Any:
    """An enum of words as its word, a list as a tuple."""
    if isinstance(value, Enum) and isinstance(value.value, str):
        return value.value
    return tuple(value) if type(value) is list else value


def _unlike(cls: Any, args: tuple[Any, ...], kwargs: dict[str, Any]) -> Iterator[str]:
    """Why a class cannot be made of these arguments, by their number and names alone."""
    known = {f.name: f for f in sorted(fields(cls), key=lambda f: f.kw_only is True) if f.init}
    by_place = [name for name, field in known.items() if not field.kw_only]
    for name in kwargs:
        if name in cls.RENAMED:
            yield f"{name}= is no longer used: {cls.RENAMED[name]}"
        elif name not in known:
            near = difflib.get_close_matches(name, known, n=1)
            hint = f"did you mean {near[0]}? " if near else ""
            yield f"there is no {name}=; {hint}it takes {', '.join(known)}"
    if len(args) > len(by_place):
        takes = f"at most {len(by_place)} values without a name" if by_place else "names only"
        yield f"{shown(args[-1])} has no name: it takes {takes}, and {', '.join(known)}"
    for name in by_place[: len(args)]:
        if name in kwargs:
            yield f"{name} is given twice"
    for name, field in known.items():
        needed = field.default is MISSING and field.default_factory is MISSING
        if needed and name not in kwargs and name not in by_place[: len(args)]:
            yield f"{name} is missing"


def shown(value: Any) -> str:
    """A value as a message repeats it."""
    if isinstance(value, type):
        return f"the class {value.__name__}"
    text = repr(value)
    return text if len(text) <= LETTERS_MAX else f"{text[:LETTERS_MAX]}…"


def _huge(made: Any) -> Iterator[str]:
    for field in fields(made):
        if _is_huge(getattr(made, field.name)):
            yield f"{field.name} has more than 18 digits"


def type_problems(made: Any) -> Iterator[str]:
    """Every field of a dataclass whose value is of another type than it has to be."""
    for name, value, why in unlike_fields(made):
        yield f"{name} {shown(value)}: {why}"


def unlike_fields(made: Any) -> Iterator[tuple[str, Any, str]]:
    """The same as name, value, and why the value is none."""
    kind: type = type(made)
    for field in fields(made):
        value = getattr(made, field.name)
        check = None if value is field.default else _check_of(kind, field.name)
        if check is not None and (text := check(value)):
            yield field.name, value, f"{text[0].lower()}{text[1:]}"


def member_of(kind: type, name: str, value: Any) -> StrEnum | None:
    """The member of an enum of texts that a field may have and whose text this value is."""
    hint = get_type_hints(kind).get(name)
    for each in get_args(hint) or (hint,):
        if isinstance(each, type) and issubclass(each, StrEnum) and value in [*each]:
            return each(value)
    return None


def fits(hint: Any, value: Any) -> bool:
    """Whether a value is of a type, as strictly as above."""
    return not _check(hint)(value)


@cache
def _check_of(kind: type, name: str) -> Callable[[Any], str] | None:
    hint = get_type_hints(kind, include_extras=True).get(name)
    return None if hint is None else _check(hint)


def _check(hint: Any) -> Callable[[Any], str]:
    """What says why a value is of another type, "" where it is not; to make it takes long."""
    # Imported late: a pytest without our options has this module, and is not made slower.
    from pydantic import ConfigDict, TypeAdapter, ValidationError  # noqa: PLC0415

    # A dataclass takes no configuration from here, and needs none: it is one, or it is not.
    known = isinstance(hint, type) and is_dataclass(hint)
    config = None if known else ConfigDict(arbitrary_types_allowed=True)
    adapter: Any = TypeAdapter(hint, config=config)

    def check(value: Any) -> str:
        try:
            adapter.validate_python(value, strict=True)
        except ValidationError as error:
            return str(error.errors()[0]["msg"])
        return ""

    return check


def _is_huge(value: Any) -> bool:
    """Whether a whole number in it is too large to be meant."""
    if isinstance(value, int):
        return abs(value) >= INTEGER_MAX
    if isinstance(value, list | tuple):
        return any(map(_is_huge, value))
    inner = is_dataclass(value) and not isinstance(value, type)
    return inner and any(_is_huge(getattr(value, field.name)) for field in fields(value))
