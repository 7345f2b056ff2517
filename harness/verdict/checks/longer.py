"""How much longer a run would have to last to show that borrowing is as before."""

from harness.history.columns import seconds
from harness.history.reader import Facts
from harness.verdict.measure.advice import advise, bounded
from harness.verdict.measure.baseline import THETA
from harness.verdict.measure.episodes import late_answers
from harness.verdict.measure.intervals import CONFIDENCE, Share
from harness.verdict.measure.samples import samples_of


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
    operations, clock = facts.operations, facts.status.clock
    if clock is None:
        return Share(0, 0)
    after = ~operations.dropped & (seconds(operations.intended_ns, clock.zero_ns) > since_s)
    return Share(int((operations.failed & after).sum()), int(after.sum()))
