"""What a scenario file states: faults, what must hold, and whether it can be run at all."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, fields, is_dataclass
from typing import Any, get_type_hints

from pydantic import TypeAdapter, ValidationError

from harness.core.numbers import INTEGER_MAX
from harness.plan.fault_specs import AnyFault, FaultSpec
from harness.plan.objectives import Objectives
from harness.plan.stop_conditions import StopConditions

_LIKE = '[Partition("database")]'


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A hypothesis, the faults that test it and the objectives that must hold.

    ``credit_line_share`` of the borrowers who hold a live session read their credit line before
    they borrow; the others have it on their screen already and press "borrow" at once, so that
    the borrow itself is the first request to meet a fault.

    ``near_limit_share`` of the arrivals of a mixed population come in pairs: a borrower whose limit
    covers one loan asks for two at the same moment, which no check outside a lock survives.
    ``stop`` ends a run at once; the file and the defaults decide the rest. With ``watches``,
    somebody else is about to break something.
    ``faults`` may be anything that yields them; they are read here and now, and kept as a tuple.
    """

    faults: Iterable[AnyFault] = ()
    objectives: Objectives | None = None
    stop: StopConditions | None = None
    credit_line_share: float = 1.0
    near_limit_share: float = 0.02
    watches: bool = False

    def __post_init__(self) -> None:
        """Read the faults while they are there: a generator yields them only once."""
        if isinstance(self.faults, Iterable):
            object.__setattr__(self, "faults", tuple(self.faults))


def wrong_types(scenario: Scenario) -> list[str]:
    """Every field that is not what it is for, each with what would be valid."""
    if found := [f"{name} has more than 18 digits" for name in _absurd("", scenario)]:
        return found  # to show such a number can fail
    for name, kind in (("objectives", Objectives), ("stop", StopConditions)):
        value = getattr(scenario, name)
        if value is not None and not isinstance(value, kind):
            found.append(f"{name} {value!r} must be {kind.__name__}(...)")
    for name in ("credit_line_share", "near_limit_share"):
        value = getattr(scenario, name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            found.append(f"{name} {value!r} must be a number")
    if not isinstance(scenario.watches, bool):
        found.append(f"watches {scenario.watches!r} must be True or False")
    if not isinstance(scenario.faults, tuple):
        return [*found, f"faults {scenario.faults!r} must be a list, like {_LIKE}"]
    return [*found, *(problem for fault in scenario.faults for problem in _no_fault(fault))]


def _absurd(name: str, value: Any) -> Iterator[str]:
    """Names of the whole numbers in it that are too large to be meant."""
    if isinstance(value, int) and abs(value) >= INTEGER_MAX:
        yield name
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _absurd(name or type(one).__name__, one)
    elif is_dataclass(value) and not isinstance(value, type):
        kind = "" if isinstance(value, Scenario) else f"{type(value).__name__}: "
        for one in fields(value):
            yield from _absurd(f"{kind}{one.name}", getattr(value, one.name))


def _no_fault(fault: Any) -> list[str]:
    """Why this is none; nothing if it is one and all its parameters have the right types."""
    if not isinstance(fault, FaultSpec):
        text = f"the class {fault.__name__}" if isinstance(fault, type) else repr(fault)
        return [f"faults: {text} is no fault; write them like {_LIKE}"]
    found = []
    for name, hint in get_type_hints(type(fault)).items():
        value = getattr(fault, name)
        try:
            # A list of two is as good as a tuple.
            TypeAdapter(hint).validate_python(
                tuple(value) if isinstance(value, list) else value, strict=True
            )
        except ValidationError as error:
            text = error.errors()[0]["msg"]
            found.append(f"{type(fault).__name__}: {name} {value!r}: {text[0].lower()}{text[1:]}")
    return found
