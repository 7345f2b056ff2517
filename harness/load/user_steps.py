"""What a step of a scenario may do: send the planned loan, and return what its answer came to.

A step that raises, returns something else or asks for another amount is a mistake of the scenario.
It says nothing of the target, so it ends the run, and is reported with file and line.
"""

import math
import re
from collections.abc import Callable, Iterator, Mapping
from contextlib import suppress
from decimal import Decimal, InvalidOperation
from typing import Any, Protocol, TypeVar, get_type_hints

from harness.core.errors import HarnessError
from harness.history.events import RIGHT_BEFORE_BORROW, Outcome
from harness.load.exception_text import ENDS, message_of, place_of, place_of_call, place_of_function
from harness.plan.plan import Arrival
from harness.target.classification import Answer, Classification, fits_header
from harness.target.interface import Target
from harness.target.user_methods import UserCodeError

_READS = ("GET", "HEAD")
_AMOUNT = re.compile("amount|principal", re.IGNORECASE)
_TYPES = get_type_hints(Classification)
_BEFORE_BORROW = (*RIGHT_BEFORE_BORROW, Outcome.FAILED, Outcome.INDETERMINATE)


class BrokenStepError(Exception):
    """A step of the scenario is wrong; the text begins with the file and line of it."""


class _Sending(Protocol):
    """What has to be known of a journey to look at what it sent."""

    asked: list[tuple[str, str, bytes]]
    answer: Answer | None


J = TypeVar("J", bound=_Sending)


def call_step(act: Callable[[J], Any], journey: J, *, is_borrow: bool) -> Classification:
    """What a step came to.

    Raises:
        BrokenStepError: it raised, or returned something else than a valid `Classification`, or
            sent nothing, or the same twice.
    """
    name = getattr(act, "__name__", "a step")
    try:
        judged = act(journey)
    except ENDS:
        raise
    except BrokenStepError:
        raise
    except UserCodeError as error:  # of the target's class, with its place
        raise BrokenStepError(str(error)) from error
    except BaseException as error:
        raise BrokenStepError(f"{place_of(error)}: {name} raised {message_of(error)}") from error
    found = require_valid(judged, act, is_borrow=is_borrow)
    # What was never sent, or sent once more off the record, says nothing of the target.
    asked = [one for one in journey.asked if one[0] not in _READS]
    twice = len(set(asked)) < len(asked)
    if twice or journey.answer is None:
        sent = "the same request twice in one try" if twice else "no request"
        raise BrokenStepError(f"{place_of_function(act)}: {name} sent {sent}")
    return found


def require_valid(judged: Any, made_by: Callable[..., Any], *, is_borrow: bool) -> Classification:
    """What the answer to one step came to, as ``made_by`` returned it.

    Raises:
        BrokenStepError: it is no `Classification`, one of its fields has another type than it must
            have, or the step cannot have this outcome.
    """
    if wrong := next(_wrong(judged, is_borrow=is_borrow), None):
        name = getattr(made_by, "__name__", "a step")
        raise BrokenStepError(f"{place_of_function(made_by)}: {name} returned {wrong}")
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


def _wrong(judged: Any, *, is_borrow: bool) -> Iterator[str]:
    """Why no step may return this, the first reason first. A value may be a secret."""
    if not isinstance(judged, Classification):
        said = "None" if judged is None else f"a value of type {type(judged).__name__}"
        yield f"{said}; it must return what the answer came to, a Classification"
        return
    outcome = judged.outcome
    if outcome not in tuple(Outcome):
        kind = type(outcome).__name__
        yield f"a Classification whose outcome is of type {kind}; it must be one of Outcome's"
    elif not isinstance(outcome, Outcome):
        yield f"a Classification with a text as its outcome; write Outcome.{outcome.upper()}"
    elif is_borrow and outcome is Outcome.OK:
        yield "Outcome.OK; a borrow is approved, referred, declined, failed or indeterminate"
    elif not is_borrow and outcome not in _BEFORE_BORROW:
        yield f"Outcome.{outcome.name}; before the borrow, a step is ok, declined or failed"
    for name, wanted in _TYPES.items():
        value = getattr(judged, name)
        if not isinstance(value, wanted) and not _is_seconds(name, value):
            kind, must = type(value).__name__, getattr(wanted, "__name__", wanted)
            yield f"a Classification whose {name} is of type {kind}; it must be {must}"
    if judged.lifetime_s is not None and not math.isfinite(judged.lifetime_s):
        yield "a Classification whose lifetime_s is no number of seconds; None is for unknown"
    if judged.token and not fits_header(judged.token):
        yield "a Classification whose token fits no header; it must be printable ASCII"


def _is_seconds(name: str, value: Any) -> bool:
    """A whole number of seconds counts as a float."""
    return name == "lifetime_s" and type(value) is int


class _Borrowing(Protocol):
    """What has to be known of a journey to look at the amount that it asks for."""

    arrival: Arrival
    target: Target
    broken: BrokenStepError | None


def require_planned(
    journey: _Borrowing, body: Any, made_by: Callable[..., Any] | None = None
) -> None:
    """Refuse to send a borrow whose body asks for another amount than was planned.

    ``made_by`` is the method of a target that made the body; None for a step of the scenario, which
    is calling us. A field is an amount if its name says so ("amount", "principal") and its value is
    a number. One that is named "…_fen" must be the planned amount; others may have another unit,
    like yuan, so that only a power of ten may lie between. Any other number may be the planned
    amount, too, in minor or in whole units: then the amounts are fees and the like. A body without
    an amount is not compared.

    Raises:
        BrokenStepError: there are amounts, and no number is the planned one.
    """
    planned, currency = journey.arrival.amount_fen, journey.target.currency
    found = list(_fields("", body))
    amounts = [one for one in found if _AMOUNT.search(one[0]) and _number(one[1]) is not None]
    if not amounts or any(_is_planned(name, value, planned) for name, value in amounts):
        return
    exact = (Decimal(planned), Decimal(planned).scaleb(-currency.places))
    if any(_number(value) in exact for name, value in found if not _AMOUNT.search(name)):
        return
    told = ", ".join(f"{name}={_number(value)}" for name, value in amounts[:3])
    place = place_of_call() if made_by is None else place_of_function(made_by)
    must = "journey.arrival.amount_fen" if made_by is None else "ask.amount"
    journey.broken = BrokenStepError(
        f"{place}: borrow asks for {told}, and {currency.text(planned)} was planned: it must ask"
        f" for `{must}`, {planned} in minor units; nothing was sent"
    )
    raise journey.broken


def _fields(name: str, value: Any) -> Iterator[tuple[str, Any]]:
    """The values of a body, each with the name of its field."""
    if isinstance(value, Mapping):
        for key, inner in value.items():
            yield from _fields(str(key), inner)
    elif isinstance(value, list | tuple):
        for inner in value:
            yield from _fields(name, inner)
    else:
        yield name, value


def _number(value: Any) -> Decimal | None:
    """A number, which may be written as text."""
    if not isinstance(value, bool):
        with suppress(InvalidOperation, ValueError):  # no number, or one too long to be shown
            number = Decimal(str(value))
            return number if number.is_finite() else None
    return None


def _is_planned(name: str, value: Any, amount_fen: int) -> bool:
    number, planned = _number(value), Decimal(amount_fen)
    if number is None or name.lower().endswith("_fen"):
        return number == planned
    return _digits(number) == _digits(planned)


def _digits(number: Decimal) -> str:
    """The sign and the digits of a number, wherever its decimal point is."""
    sign, digits, _ = number.as_tuple()
    return "-"[:sign] + "".join(map(str, digits)).strip("0")
