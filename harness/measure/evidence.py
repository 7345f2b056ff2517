"""When each operation met the service: what the edges of an impairment are dated by.

Shares and counts refer to planned starts, for that is when a borrower came. An edge is another
matter: a journey of three steps meets an outage at whichever step the outage falls on, a few
milliseconds or a whole retry after its planned start. So an edge is dated by attempts: a good
attempt shows the service up at about the time it reached it, a failed one shows it down at the time
it reached it, and never at the time its client gave up.
"""

from collections.abc import Iterable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from harness.events import ANSWERED, Attempt, Clock, Operation, Outcome, Step

STEPS = tuple(Step)
GOOD = (Outcome.OK, *ANSWERED)
TRAVEL_SECONDS_MAX = 0.05
"""However slow a target is, a request is taken to have reached it after no more than this."""
STEP_SHARE_MIN = 0.1
"""A step at which fewer of an impairment's failures happened says little about its edges."""
_SECOND = 1e9


@dataclass(frozen=True, slots=True)
class Evidence:
    """For n operations, seconds after zero at which attempts reached the service; NaN for none.

    ``up_s`` has shape (n, 3), by `STEPS`: the good attempt of each step, unless a later attempt of
    the operation failed. ``down_first_s`` and ``down_last_s`` are its first and last failed
    attempt, ``down_step`` is the index of the step of the last one, -1 for none.
    """

    up_s: NDArray[np.float64]
    down_first_s: NDArray[np.float64]
    down_last_s: NDArray[np.float64]
    down_step: NDArray[np.int64]

    @classmethod
    def at(cls, times_s: NDArray[np.float64]) -> "Evidence":
        """Every operation met the service at one instant: for requests of a single step."""
        up_s = np.full((len(times_s), len(STEPS)), np.nan)
        up_s[:, STEPS.index(Step.BORROW)] = times_s
        steps = np.full(len(times_s), STEPS.index(Step.BORROW), dtype=np.int64)
        return cls(up_s, times_s.copy(), times_s.copy(), steps)


@dataclass(frozen=True, slots=True)
class Met:
    """Instants of n operations as evidence for the begin and for the end of one impairment.

    Around its begin a good operation counts at its latest sign of a service that was up, and a
    failed one at its first sign that it was down; around its end the other way round.
    """

    begin_s: NDArray[np.float64]
    end_s: NDArray[np.float64]


def evidence_of(
    operations: tuple[Operation, ...], attempts: Iterable[Attempt], clock: Clock
) -> Evidence:
    """The evidence of these operations, in their order.

    A request is taken to reach the service after half the time that a quick one of its step takes
    altogether (the lower quartile of the good ones).
    """
    place = {operation.arrival: index for index, operation in enumerate(operations)}
    rows = [(place[a.arrival], a) for a in attempts if a.arrival in place]
    travel_s = _travel_s([attempt for _, attempt in rows])
    count = len(operations)
    found = Evidence(
        np.full((count, len(STEPS)), np.nan),
        np.full(count, np.nan),
        np.full(count, np.nan),
        np.full(count, -1, dtype=np.int64),
    )
    rows.sort(key=lambda row: row[1].started_ns)
    for index, attempt in rows:
        step = STEPS.index(attempt.step)
        at_s = clock.seconds(attempt.started_ns) + travel_s[step]
        if attempt.outcome in GOOD:
            found.up_s[index, step] = at_s
            continue
        found.up_s[index] = np.nan
        if np.isnan(found.down_first_s[index]):
            found.down_first_s[index] = at_s
        found.down_last_s[index] = at_s
        found.down_step[index] = step
    return found


def _travel_s(attempts: list[Attempt]) -> list[float]:
    """One way from here to the service, by step; 0 where no request was answered well."""
    travel = []
    for step in STEPS:
        took_s = [
            (a.ended_ns - a.started_ns) / _SECOND
            for a in attempts
            if a.step is step and a.outcome in GOOD
        ]
        quick_s = float(np.quantile(took_s, 0.25)) if took_s else 0.0
        travel.append(min(quick_s / 2, TRAVEL_SECONDS_MAX))
    return travel


def met(
    evidence: Evidence,
    times_s: NDArray[np.float64],
    failed: NDArray[np.bool_],
    core: NDArray[np.bool_],
) -> Met:
    """When the operations met the service, as far as the impairment with this ``core`` shows.

    ``core`` says which operations lie surely inside it. A step at which they did not fail is no
    evidence: it was up all along. Operations without a fitting attempt count at their planned
    start, ``times_s``.
    """
    steps = evidence.down_step[core & failed]
    counts = np.bincount(steps[steps >= 0], minlength=len(STEPS))
    hit = counts >= max(1.0, STEP_SHARE_MIN * counts.sum())
    if not hit.any():
        hit[:] = True
    up_s = evidence.up_s[:, hit]
    last_up_s = np.where(np.isnan(up_s), -np.inf, up_s).max(axis=1)
    first_up_s = np.where(np.isnan(up_s), np.inf, up_s).min(axis=1)
    return Met(
        _or_else(np.where(failed, evidence.down_first_s, last_up_s), times_s),
        _or_else(np.where(failed, evidence.down_last_s, first_up_s), times_s),
    )


def _or_else(found_s: NDArray[np.float64], times_s: NDArray[np.float64]) -> NDArray[np.float64]:
    return np.where(np.isfinite(found_s), found_s, times_s)
