"""Fact: how a fault came to its end, and what was not ours on the stack; parts of `events`."""

from dataclasses import dataclass
from enum import StrEnum

from harness.core.numbers import Count, Nanoseconds


class EndedBy(StrEnum):
    """Who or what ended a fault."""

    PLAN = "plan"
    """Its time was over, or another fault of the same plan ended it."""
    ORDER = "order"
    """Someone wanted it to end: from the page, by `lendchaos heal`, by ending the run."""
    WORK = "work"
    """What it had to do was done: a migration's statement."""
    TARGET = "target"
    """The target's own means started again what was killed."""
    NOBODY = "nobody"
    """It was no longer there, by no one's order."""

    @property
    def due(self) -> bool:
        """Whether an end before the planned one takes nothing from the proof."""
        return self is not EndedBy.NOBODY


@dataclass(frozen=True, slots=True)
class LockHolder:
    """A session of someone else that held a lock; ``since`` is its transaction's begin, RFC
    3339.
    """

    pid: Count
    application: str
    state: str
    since: str

    def __str__(self) -> str:
        """For people."""
        return (
            f"session {self.pid} ({self.application or 'unnamed'}, {self.state}) since {self.since}"
        )


@dataclass(frozen=True, slots=True)
class ForeignChange:
    """What someone else had changed on the stack's own Toxiproxy, or locked in its database.

    In words, and for how long:

    ``begin_ns`` is the last look that did not see it, in monotonic time; ``end_ns`` the first that
    did not see it any more, None if it was there to the end of the run.
    """

    text: str
    begin_ns: Nanoseconds
    end_ns: Nanoseconds | None = None
    process: str = ""
    """The one of the stack that was taken down or frozen; empty where it was something else."""
