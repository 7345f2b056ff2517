"""The public names with their signatures, as text: ``python -m tests.public_names --write``.

What a scenario file and a user's own tests import is promised. The text is kept in a file, so that
no change of it goes unseen. It is made in a process of its own: `Borrower` brings Locust.
"""

import argparse
import dataclasses
import inspect
import re
import sys
import types
from collections.abc import Iterable, Iterator
from enum import Enum
from functools import cached_property
from importlib import import_module
from pathlib import Path
from typing import Annotated, Any, Literal, Union, get_args, get_origin

MODULES = ("harness", "harness.faults", "harness.target", "harness.testing")
SNAPSHOT = Path(__file__).parent / "data" / "public_names.txt"
_PLAIN = (str, int, float, bool, tuple, frozenset, type(None))
_OURS = "harness."


def described(modules: Iterable[str] = MODULES, ours: str = _OURS) -> str:
    """Every public name of these modules; of a class what modules that begin with ``ours`` add."""
    lines: list[str] = []
    for name in modules:
        module = import_module(name)
        lines += [f"# {name}", ""]
        for public in sorted(module.__all__):
            lines += [*_described(public, getattr(module, public), ours), ""]
    return "\n".join(lines)


def _described(name: str, value: Any, ours: str) -> Iterator[str]:
    if isinstance(value, types.ModuleType):
        yield f"module {name}"
    elif isinstance(value, type):
        yield from _class(name, value, ours)
    elif callable(value):
        yield f"def {name}{_signature(value)}"
    else:
        yield f"{name} = {_value(value)}"


# --- classes -------------------------------------------------------------------------------------


def _class(name: str, kind: type, ours: str) -> Iterator[str]:
    bases = [base.__name__ for base in kind.__bases__ if base is not object]
    yield f"class {name}({', '.join(bases)})" if bases else f"class {name}"
    own = [each for each in kind.__mro__ if f"{each.__module__}.".startswith(ours)]
    if issubclass(kind, Enum):
        yield from (f"    {member.name} = {member.value!r}" for member in kind)
    elif any("__init__" in vars(each) for each in own):
        yield "    __init__("
        parameters = inspect.signature(kind).parameters.values()
        yield from (f"        {text}," for text in _parameters(parameters))
        yield "    )"
    yield from sorted(_members(kind, own))


def _members(kind: type, own: list[type]) -> Iterator[str]:
    """What these classes of the line of ancestors add, each as it counts for ``kind``."""
    fields = {each.name for each in _fields(kind)}
    annotated: dict[str, Any] = {}
    for each in reversed(own):
        annotated |= inspect.get_annotations(each)
    for name in {*annotated, *(name for each in own for name in vars(each))}:
        if (name.startswith("_") and name != "__call__") or name in fields:
            continue
        if text := _member(name, inspect.getattr_static(kind, name, None), annotated.get(name)):
            yield f"    {text}"


def _fields(kind: type) -> tuple[Any, ...]:
    return dataclasses.fields(kind) if dataclasses.is_dataclass(kind) else ()


def _member(name: str, value: Any, annotation: Any) -> str:
    text = ""
    if isinstance(value, property | cached_property):
        read = value.fget if isinstance(value, property) else value.func
        text = f"{name} -> {_type(inspect.signature(read).return_annotation)}" if read else ""
    elif isinstance(value, classmethod | staticmethod):
        bound = 1 if isinstance(value, classmethod) else 0
        text = f"{type(value).__name__} {name}{_signature(value.__func__, bound)}"
    elif inspect.isfunction(value):
        text = f"def {name}{_signature(value, bound=1)}"
    elif isinstance(value, Enum) and annotation is None:
        pass  # a member of an enumeration, which is told already
    elif annotation is not None:
        text = f"{name}: {_type(annotation)}" + ("" if value is None else f" = {_value(value)}")
    elif not inspect.isdatadescriptor(value):
        text = f"{name} = {_value(value)}"
    return text


# --- signatures ----------------------------------------------------------------------------------


def _signature(function: Any, bound: int = 0) -> str:
    """Without the first ``bound`` parameters."""
    found = inspect.signature(function)
    parameters = list(found.parameters.values())[bound:]
    returned = found.return_annotation
    after = "" if returned is inspect.Signature.empty else f" -> {_type(returned)}"
    return f"({', '.join(_parameters(parameters))}){after}"


def _parameters(parameters: Iterable[inspect.Parameter]) -> Iterator[str]:
    """Each as it is written, with the bare ``*`` and ``/`` between them."""
    starred, positional = False, False
    for one in parameters:
        if positional and one.kind is not one.POSITIONAL_ONLY:
            yield "/"
        positional = one.kind is one.POSITIONAL_ONLY
        if one.kind is one.KEYWORD_ONLY and not starred:
            yield "*"
        starred = starred or one.kind in (one.KEYWORD_ONLY, one.VAR_POSITIONAL)
        star = {one.VAR_POSITIONAL: "*", one.VAR_KEYWORD: "**"}.get(one.kind, "")
        kind = "" if one.annotation is one.empty else f": {_type(one.annotation)}"
        default = "" if one.default is one.empty else f" = {_value(one.default)}"
        yield f"{star}{one.name}{kind}{default}"


def _type(annotation: Any) -> str:
    """A type by bare names: where a class of ours lies is no promise."""
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Annotated:
        return _type(arguments[0])
    if origin in (Union, types.UnionType):
        return " | ".join(map(_type, arguments))
    if origin is Literal:
        return f"Literal[{', '.join(map(repr, arguments))}]"
    if origin is not None:
        return f"{_type(origin)}[{', '.join(map(_type, arguments))}]"
    if isinstance(annotation, list):  # the parameters of a callable
        return f"[{', '.join(map(_type, annotation))}]"
    return _name(annotation)


def _name(annotation: Any) -> str:
    if annotation in (None, type(None)):
        return "None"
    if annotation is Ellipsis:
        return "..."
    named = None if isinstance(annotation, str) else getattr(annotation, "__name__", None)
    return named or _bare(str(annotation))


def _bare(text: str) -> str:
    """A type as text without the modules of its names."""
    return re.sub(r"\b(?:[A-Za-z_]\w*\.)+(?=[A-Za-z_])", "", text).strip("'\"")


def _value(value: Any) -> str:
    """A default, or the value of a constant; of what is not plain only its kind."""
    if isinstance(value, Enum):
        return f"{type(value).__name__}.{value.name}"
    if dataclasses.is_dataclass(value) and not isinstance(value, type):
        return repr(value)
    if type(value) in _PLAIN:
        return repr(value)
    if repr(value) == "<factory>":
        return "<factory>"
    return f"<{getattr(value, '__name__', type(value).__name__)}>"


def main() -> None:
    """Print the text, or write the snapshot."""
    parser = argparse.ArgumentParser(prog="python -m tests.public_names")
    parser.add_argument("--write", action="store_true", help=f"write {SNAPSHOT.name}")
    if parser.parse_args().write:
        SNAPSHOT.write_text(described(), encoding="utf-8")
    else:
        sys.stdout.write(described())


if __name__ == "__main__":
    main()
