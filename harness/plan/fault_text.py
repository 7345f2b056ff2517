"""A fault written as text, as on a command line: ``Latency("database", milliseconds=200)``.

Read as a call with plain values and never evaluated: the only names are those of the faults and
of their fields.
"""

import ast
import dataclasses
import json
from typing import Any, get_args

from pydantic import TypeAdapter, ValidationError

from harness.core.errors import UsageError
from harness.plan.fault_specs import AnyFault

_SPECS: dict[str, Any] = {spec.__name__: spec for spec in get_args(get_args(AnyFault)[0])}
_LAST = ("during", "expects_impact")
LETTERS_MAX = 400
"""More are no fault; a number of so many digits can still be shown in a message."""


def parse_fault(text: str) -> AnyFault:
    """The fault that ``text`` describes; `UsageError` says what is wrong and what is valid."""
    if len(text) > LETTERS_MAX:
        raise UsageError(f"{text[:60]!r}… is no fault: it is longer than {LETTERS_MAX:,} letters")
    call = _call(text)
    assert isinstance(call.func, ast.Name)  # noqa: S101  # `_call` made sure of it
    spec = _SPECS[call.func.id]
    own = [field.name for field in _own_fields(spec)]
    if len(call.args) > len(own):
        raise UsageError(f"{text}: takes at most {len(own)} values; {usage(call.func.id)}")
    values = dict(zip(own, (_plain(node, text) for node in call.args), strict=False))
    for keyword in call.keywords:
        if keyword.arg not in (*own, *_LAST):
            raise UsageError(f"{text}: no field {ast.unparse(keyword)!r}; {usage(call.func.id)}")
        if keyword.arg in values:
            raise UsageError(f"{text}: {keyword.arg} is given twice")
        values[keyword.arg] = _plain(keyword.value, text)
    return _built(spec, values, text)


def _own_fields(spec: Any) -> list["dataclasses.Field[Any]"]:
    return [field for field in dataclasses.fields(spec) if field.name not in ("kind", *_LAST)]


def _call(text: str) -> ast.Call:
    try:
        node: ast.expr | None = ast.parse(text.strip(), mode="eval").body
    except (SyntaxError, ValueError, RecursionError, MemoryError):
        node = None
    if isinstance(node, ast.Name) and node.id in _SPECS:
        node = ast.Call(node, [], [])
    if isinstance(node, ast.Call) and isinstance(node.func, ast.Name) and node.func.id in _SPECS:
        return node
    known = ", ".join(_SPECS)
    raise UsageError(
        f"{text!r} is no fault: write one as a call, like 'Partition(\"database\")'; there are:"
        f" {known}"
    )


def _plain(node: ast.expr, text: str) -> Any:
    try:
        value = ast.literal_eval(node)
        json.dumps(value, ensure_ascii=False).encode()  # nor bytes, a set or half a letter
    except (ValueError, TypeError) as error:
        wrong = ast.unparse(node)
        raise UsageError(f"{text}: {wrong} is no plain value (a text, number or pair)") from error
    return value


def _built(spec: Any, values: dict[str, Any], text: str) -> AnyFault:
    try:
        # As strict as JSON is: no number for a text, and a pair may be written as a tuple.
        found = TypeAdapter(spec).validate_json(json.dumps(values), strict=True)
    except ValidationError as error:
        raise UsageError(f"{text}: {_reasons(error)}; {usage(spec.__name__)}") from error
    fault: AnyFault = found
    if fault.problems:
        raise UsageError(f"{text}: {'; '.join(fault.problems)}")
    return fault


def _reasons(error: ValidationError) -> str:
    parts = []
    for one in error.errors():
        field = ".".join(str(place) for place in one["loc"]) or "value"
        parts.append(f"{field}: {one['msg'].lower()}")
    return "; ".join(parts)


def usage(name: str) -> str:
    """How a fault is written: every field with its type and default, for one line."""
    listed = ", ".join(map(_field, _own_fields(_SPECS[name])))
    return f"it is {name}({listed}), with during=(0, 1) and expects_impact=True unless told"


_KINDS = {"str": "text", "int": "whole number", "float": "number"}


def _field(field: "dataclasses.Field[Any]") -> str:
    words = get_args(field.type)
    kind = " | ".join(f'"{word}"' for word in words)
    if not words:
        kind = _KINDS.get(getattr(field.type, "__name__", ""), str(field.type))
    default = "" if field.default is dataclasses.MISSING else f" = {json.dumps(field.default)}"
    return f"{field.name}: {kind}{default}"


def names() -> tuple[str, ...]:
    """The names of all faults."""
    return tuple(_SPECS)
