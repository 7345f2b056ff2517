"""What a step of a scenario may do: send the planned loan, and return what its answer came to.

A step that raises, returns something else or asks for another amount is a mistake of the scenario.
It says nothing of the target, so it ends the run, and is reported with file and line.
"""

import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from typing import Any, TypeVar

from harness.core.errors import HarnessError
from harness.history.events import Outcome
from harness.load.exception_text import ENDS, message_of, place_of, place_of_call, place_of_function
from harness.target.classification import Classification

J = TypeVar("J")
_AMOUNT = re.compile("amount|principal", re.IGNORECASE)


class BrokenStepError(Exception):
    """A step of the scenario is wrong; the text begins with the file and line of it."""


def call_step(act: Callable[[J], Any], journey: J) -> Classification:
    """What a step came to.

    Raises:
        BrokenStepError: it raised, or returned something else than a `Classification`.
    """
    name = getattr(act, "__name__", "a step")
    try:
        judged = act(journey)
    except ENDS:
        raise
    except BrokenStepError:
        raise
    except BaseException as error:
        raise BrokenStepError(f"{place_of(error)}: {name} raised {message_of(error)}") from error
    if wrong := _wrong(name, judged):
        raise BrokenStepError(f"{place_of_function(act)}: {name} returned {wrong}")
    found: Classification = judged
    return found


def start_steps(steps: Any) -> None:
    """Call ``on_start`` of the instance whose steps are about to be taken.

    Raises:
        HarnessError: it raised, so that no step can be taken.
    """
    try:
        steps.on_start()
    except ENDS:
        raise
    except BaseException as error:
        raise HarnessError(f"{place_of(error)}: on_start raised {message_of(error)}") from error


def _wrong(name: str, judged: Any) -> str:
    """Why this is nothing that a step may return; empty where it is. A value may be a secret."""
    if not isinstance(judged, Classification):
        said = "None" if judged is None else f"a value of type {type(judged).__name__}"
        return f"{said}; it must return what the answer came to, a Classification"
    if judged.outcome not in tuple(Outcome):
        kind = type(judged.outcome).__name__
        return f"a Classification whose outcome is of type {kind}; it must be one of Outcome's"
    if not isinstance(judged.outcome, Outcome):
        return (
            f"a Classification with a text as its outcome; write Outcome.{judged.outcome.upper()}"
        )
    if name == "borrow" and judged.outcome is Outcome.OK:
        return "Outcome.OK; a borrow is approved, referred, declined, failed or indeterminate"
    return ""


def require_planned(body: Mapping[str, Any] | None, amount_fen: int) -> None:
    """Refuse to send a borrow whose body asks for another amount than was planned, in fen.

    A field is an amount if its name says so ("amount", "principal") and its value is a number. One
    that is named "…_fen" must be the planned amount; others may have another unit, like yuan, so
    that only a power of ten may lie between. A body without such a field is not compared.

    Raises:
        BrokenStepError: there are amounts, and none of them is the planned one.
    """
    found = list(_amounts("", body))
    if not found or any(_is_planned(name, value, amount_fen) for name, value in found):
        return
    told = ", ".join(f"{name}={value}" for name, value in found[:3])
    raise BrokenStepError(
        f"{place_of_call()}: borrow asks for {told}, and {amount_fen} fen were planned: it must ask"
        " for `journey.arrival.amount_fen`; nothing was sent"
    )


def _amounts(name: str, value: Any) -> Iterator[tuple[str, Decimal]]:
    """The amounts of a body, each with the name of its field; they may be written as text."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _amounts(str(key), inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _amounts(name, inner)
    elif _AMOUNT.search(name) and not isinstance(value, bool):
        with suppress(InvalidOperation, ValueError):  # no number, or one too long to be shown
            number = Decimal(str(value))
            if number.is_finite():
                yield name, number


def _is_planned(name: str, number: Decimal, amount_fen: int) -> bool:
    planned = Decimal(amount_fen)
    if name.lower().endswith("_fen"):
        return number == planned
    return _digits(number) == _digits(planned)


def _digits(number: Decimal) -> str:
    """The sign and the digits of a number, wherever its decimal point is."""
    sign, digits, _ = number.as_tuple()
    return "-"[:sign] + "".join(map(str, digits)).strip("0")
