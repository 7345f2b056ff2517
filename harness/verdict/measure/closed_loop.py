"""What a closed-loop test would have recorded in the same run: the failures that it never sends.

In a closed loop a user waits for its answer before it sends again. While the service hangs, the
users hang with it, and the borrowers who would have come meanwhile are not in the test at all
(coordinated omission). This replays the run as such a test, so that the two can be compared.
"""

import math
from dataclasses import dataclass

import numpy as np

from harness.history.columns import Bools, Floats
from harness.verdict.figures import ClosedLoop
from harness.verdict.measure.samples import MeasuredRun

USERS = (10, 50)
"""Sizes that people choose; the size that would be enough is added to them."""
_WAIT_S = 0.05
"""Taken for the wait of a quick answer where the run has none at all."""
_ROUNDING_S = 1e-6


@dataclass(frozen=True, slots=True)
class Observed:
    """What each of n operations met: shapes (n,), sorted by ``times_s``.

    ``times_s`` are planned starts, ``holds_s`` the seconds until the borrower was free again,
    infinite for an operation that never ended.
    """

    times_s: Floats
    holds_s: Floats
    failed: Bools


def closed_loops(run: MeasuredRun) -> list[ClosedLoop]:
    """The run replayed with 10 users, with 50, and with as many as lose no failure.

    Empty when nothing was sent. A size beyond the one that is enough is left out.
    """
    samples, end_s, rate = run.samples, run.timeline.load_end_s, run.plan.settings.rate
    if end_s is None or not len(samples.times_s):
        return []
    holds_s = np.where(np.isnan(samples.ended_s), np.inf, samples.ended_s - samples.times_s)
    observed = Observed(samples.times_s, holds_s, samples.failed)
    enough = users_enough(rate, run.plan.settings.request_timeout_s, holds_s)
    return [
        replay(users, rate, end_s, observed)
        for users in sorted({min(users, enough) for users in (*USERS, enough)})
    ]


def users_enough(rate: float, timeout_s: float, holds_s: Floats) -> int:
    """The fewest users of whom each is always back in time for its next turn.

    A user's turn comes every ``users / rate`` seconds, so nothing is omitted from
    ``rate x (timeout + wait)`` users on, the wait being the median one; more where an operation of
    several steps or tries, ``holds_s`` seconds long, held its user for longer than that.
    """
    finished_s = holds_s[np.isfinite(holds_s)]
    usual_s = float(np.median(finished_s)) if len(finished_s) else _WAIT_S
    longest_s = max(timeout_s + usual_s, float(finished_s.max(initial=0.0)))
    return max(1, math.ceil(rate * longest_s))


def replay(users: int, rate: float, end_s: float, observed: Observed) -> ClosedLoop:
    """One closed loop from second 0 to ``end_s``; together the users aim at ``rate`` a second.

    They start evenly spread. Each sends every ``users / rate`` seconds, later when its answer is
    not there yet, and does not catch up, as Locust's ``constant_throughput`` does. A request sent
    at ``t`` meets what the operation planned last before ``t`` met, and takes as long.
    Deterministic.
    """
    period_s = users / rate
    at_s = np.arange(users) / rate
    sent = missed = 0
    # A turn that is due at the end is none, however its instant was rounded on the way.
    while len(at_s := at_s[at_s < end_s - _ROUNDING_S]):
        met = np.maximum(np.searchsorted(observed.times_s, at_s, side="right") - 1, 0)
        sent += len(at_s)
        missed += int(observed.failed[met].sum())
        at_s = at_s + np.maximum(period_s, observed.holds_s[met])
    return ClosedLoop(users=users, operations=sent, failed=missed)
