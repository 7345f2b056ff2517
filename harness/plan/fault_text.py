"""A fault written as text, as on a command line: ``Latency("database", milliseconds=200)``.

Read as a call with plain values and never evaluated: the only names are those of the faults and
of their fields.
"""

import ast
import dataclasses
import json
from typing import Any, get_args, get_type_hints

from harness.core.errors import UsageError
from harness.plan.fault import OWN_FIELDS, FaultSpec
from harness.plan.fault_registry import specs

LETTERS_MAX = 400
"""More are no fault; a number of so many digits can still be shown in a message."""


class UnknownFaultError(UsageError):
    """No fault of that name is loaded here; another process may have the module that has it."""


def parse_fault(text: str) -> FaultSpec:
    """The fault that ``text`` describes; `UsageError` says what is wrong and what is valid."""
    if len(text) > LETTERS_MAX:
        raise UsageError(f"{text[:60]!r}… is no fault: it is longer than {LETTERS_MAX:,} letters")
    call = _call(text)
    assert isinstance(call.func, ast.Name)  # noqa: S101  # `_call` made sure of it
    name, spec = call.func.id, specs()[call.func.id]
    values = [_plain(node, text) for node in call.args]
    named = {}
    for keyword in call.keywords:
        if keyword.arg is None:
            raise UsageError(f"{text}: no field {ast.unparse(keyword)!r}; {usage(name)}")
        if keyword.arg in named:
            raise UsageError(f"{text}: {keyword.arg} is given twice")
        named[keyword.arg] = _plain(keyword.value, text)
    try:
        return spec(*values, **named)
    except UsageError as error:
        said = str(error).removeprefix(f"{name}: ")
        raise UsageError(f"{text}: {said}; {usage(name)}") from error


def _call(text: str) -> ast.Call:
    known = specs()
    try:
        node: ast.expr | None = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        node = None
    if isinstance(node, ast.Name) and node.id in known:
        node = ast.Call(node, [], [])
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in known:
        return node
    names_one = isinstance(getattr(node, "func", node), ast.Name)
    kind = UnknownFaultError if names_one else UsageError
    own = "; one of your own needs --fault-module" if names_one else ""
    raise kind(
        f"{text!r} is no fault: write one as a call, like 'Partition(\"database\")'; there are:"
        f" {', '.join(known)}{own}"
    )


def _plain(node: ast.expr, text: str) -> Any:
    try:
        value = ast.literal_eval(node)
        json.dumps(value, ensure_ascii=False).encode()  # nor bytes, a set or half a letter
    except (ValueError, TypeError) as error:
        wrong = ast.unparse(node)
        raise UsageError(f"{text}: {wrong} is no plain value (a text, number or pair)") from error
    return value


def usage(name: str) -> str:
    """How a fault is written: every field with its type and default, for one line."""
    spec = specs()[name]
    own = [field for field in dataclasses.fields(spec) if field.name not in OWN_FIELDS]
    hints = get_type_hints(spec)
    listed = ", ".join(_field(field, hints[field.name]) for field in own)
    return (
        f'it is {name}({listed}), with at="0s", lasts="5s", expects_impact=True and a name="…" of'
        " its own where these are given"
    )


_KINDS = {"str": "text", "int": "whole number", "float": "number", "bool": "True or False"}


def _field(field: "dataclasses.Field[Any]", hint: Any) -> str:
    words = get_args(hint)
    kind = " | ".join(f'"{word}"' if isinstance(word, str) else _word(word) for word in words)
    default = "" if field.default is dataclasses.MISSING else f" = {json.dumps(field.default)}"
    return f"{field.name}: {kind or _word(hint)}{default}"


def _word(hint: Any) -> str:
    return _KINDS.get(getattr(hint, "__name__", ""), str(hint))


def names() -> tuple[str, ...]:
    """The names of all faults."""
    return tuple(specs())
