"""The history of a run as pandas frames: `harness.run.result.RunResult` hands them out.

Frames are made from what is written down, anew at each call. Instants are seconds after zero, the
planned start of the first arrival after the warm-up (warm-up: negative); durations are seconds,
money is in minor units of the currency.
"""

from datetime import timedelta
from typing import Any

import numpy as np
import pandas as pd

from harness.core import durations
from harness.core.errors import UsageError
from harness.history.columns import NONE, Attempts, Operations, Words, seconds
from harness.history.events import Clock, Outcome
from harness.history.reader import Facts
from harness.plan.plan import Plan

WINDOWS_MAX = 1_000_000
"""More would be a mistake in the unit."""


def events(facts: Facts, clock: Clock) -> pd.DataFrame:
    """One row for each HTTP try of each step, by planned start."""
    return _frame(facts.attempts, _ATTEMPT_COLUMNS, clock)


def operations(facts: Facts, clock: Clock) -> pd.DataFrame:
    """One row for each planned arrival, by planned start."""
    order = np.argsort(facts.operations.intended_ns, kind="stable")
    return _frame(facts.operations.take(order), _OPERATION_COLUMNS, clock)


def windows(
    plan: Plan, facts: Facts, clock: Clock, length: str | float | timedelta
) -> pd.DataFrame:
    """Borrow operations by planned start, one row for each window; UsageError for a length that
    makes no window.
    """
    step_s = _window_s(length)
    ended_ns = facts.status.load_ended_ns
    end_s = plan.load_end_s if ended_ns is None else clock.seconds(ended_ns)
    # By the nanosecond: a float at an edge could fall on its wrong side.
    step_ns = round(step_s * 1e9)
    due = facts.operations
    place = (due.intended_ns - clock.zero_ns) // step_ns
    first = int(place.min(initial=-_windows(-plan.phases[0].start_s, step_s)))
    count = int((place + 1).max(initial=max(1, _windows(end_s, step_s)))) - first
    if count > WINDOWS_MAX:
        raise UsageError(f"windows of {length} would be {count:,} of them: at most {WINDOWS_MAX:,}")
    gone, unknown = due.dropped, due.outcome.are(Outcome.INDETERMINATE)
    picked = {"arrivals": gone | ~gone, "dropped": gone, "failed": due.failed & ~gone}
    picked["indeterminate"] = unknown & ~gone
    columns = {
        name: np.bincount(place[which] - first, minlength=count).astype(np.int64)
        for name, which in picked.items()
    }
    return pd.DataFrame({"start_s": np.arange(first, first + count) * step_s, **columns})


_TYPES = {
    "int64": ("arrival", "attempt", "attempts", "borrower"),
    "Int64": ("status", "amount_fen"),
    "float64": ("intended_s", "started_s", "ended_s", "wait_s"),
    "bool": ("sent", "replayed", "failed"),
    "category": (
        *("step", "outcome", "error", "decline", "account_class", "ending", "blocked_by"),
    ),
    "string": ("code", "key", "loan_id", "worker"),
}
"""Of every column that a frame may have; ``Int64`` where there may be none."""
_TYPE_OF = {column: dtype for dtype, columns in _TYPES.items() for column in columns}
_ATTEMPT_COLUMNS = (
    *("arrival", "step", "attempt", "intended_s", "started_s", "ended_s", "wait_s", "outcome"),
    *("status", "code", "error", "decline", "sent", "replayed", "key", "amount_fen", "loan_id"),
    "worker",
)
_OPERATION_COLUMNS = (
    *("arrival", "borrower", "account_class", "intended_s", "started_s", "ended_s", "wait_s"),
    *("outcome", "failed", "ending", "attempts", "blocked_by", "code", "decline", "key"),
    *("amount_fen", "loan_id", "worker"),
)


def _frame(known: Operations | Attempts, names: tuple[str, ...], clock: Clock) -> pd.DataFrame:
    """These columns as a frame, in which they have the same types whatever is in them."""
    frame = pd.DataFrame({name: _values(known, name, clock) for name in names})
    return frame.astype({name: _TYPE_OF[name] for name in names})


def _values(known: Operations | Attempts, name: str, clock: Clock) -> Any:
    if name == "wait_s":
        took_s = (known.ended_ns - known.intended_ns) / 1e9
        return np.where(known.ended_ns == NONE, np.nan, took_s)
    if name.endswith("_s"):
        return seconds(getattr(known, name.replace("_s", "_ns")), clock.zero_ns)
    column = getattr(known, name)
    if isinstance(known, Operations) and name == "failed":
        return column & ~known.dropped
    if isinstance(column, Words):
        words = [None if word is None else str(word) for word in column.table]
        return Words(column.codes, tuple(words)).texts
    if _TYPE_OF[name] == "Int64":
        return pd.arrays.IntegerArray(column, column == NONE)
    return column


def _window_s(length: str | float | timedelta) -> float:
    try:
        found = durations.seconds(length)
    except ValueError as error:
        raise UsageError(f"a window's length: {length!r} {error}") from error
    if found <= 0:
        raise UsageError(f"a window's length: {length!r} must be more than nothing, like 100ms, 1s")
    return found


def _windows(span_s: float, step_s: float) -> int:
    """How many windows it takes to cover a span; a rounding error needs none."""
    return int(np.ceil(round(span_s / step_s, 6)))
