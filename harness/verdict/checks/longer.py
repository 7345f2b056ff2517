"""How much longer a run would have to last to show that borrowing is as before."""

from harness.history.events import Ending, Facts
from harness.verdict.measure.measurement import (
    CONFIDENCE,
    THETA,
    Share,
    advise,
    bounded,
    late_answers,
    samples_of,
)


def longer(facts: Facts, rate: float, limit: float, since_s: float) -> str:
    """How many requests after ``since_s``, at ``rate`` a second, suffice in nine of ten runs to
    show that a smaller share than ``limit`` fails.
    """
    enough = bounded(limit, 1 - CONFIDENCE)
    return advise(_after(facts, since_s), limit, enough, "requests after it", rate=rate)


def quick_for_longer(facts: Facts, rate: float, limit_ms: float, since_s: float) -> str:
    """How many answers after ``since_s`` suffice in nine of ten runs to show that few are late:
    fewer than `THETA` take longer than ``limit_ms``.
    """
    late = late_answers(samples_of(facts), limit_ms)
    after = late.times_s > since_s
    seen, enough = (
        Share(int(late.bad[after].sum()), int(after.sum())),
        bounded(THETA, 1 - CONFIDENCE),
    )
    return advise(seen, THETA, enough, "answers after it", did="are late", rate=rate)


def _after(facts: Facts, since_s: float) -> Share:
    """How many of those planned after ``since_s`` failed."""
    clock = facts.status.clock
    after = [
        operation.failed
        for operation in facts.operations
        if clock is not None
        and operation.ending is not Ending.DROPPED
        and clock.seconds(operation.intended_ns) > since_s
    ]
    return Share(sum(after), len(after))
