"""Fact: what a run may touch, and the harness errors in it; parts of `events`."""

from dataclasses import dataclass, field
from typing import Literal

from harness.core.numbers import Nanoseconds

RunEndedBy = Literal["hand", "page", "heal", "signal", "guardian", "load", "safety", "disk", "step"]
"""What ended the load before its planned end: Ctrl-C, Locust's Stop or the user's code; the chaos
page; `lendchaos heal`; a signal to the conductor; the death of its guardian, or of every process
that sends; a stop condition; a full disk; a mistake in a step of the scenario.
"""
LOCAL_STACK = "local stack"
"""What the ``target`` of a run on one begins with; the id of the stack follows."""


@dataclass(frozen=True, slots=True)
class BlastRadius:
    """What a run may touch, in words: ``touched`` by each fault, by its name, and what nothing
    touches.
    """

    touched: dict[str, tuple[str, ...]] = field(default_factory=dict)
    untouched: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class ErrorRecord:
    """A harness error: a reason not to trust what was measured meanwhile.

    ``begin_ns`` and ``end_ns`` are None where they are not known: then it may have been so from the
    very begin, or to the very end.
    """

    text: str
    begin_ns: Nanoseconds | None = None
    end_ns: Nanoseconds | None = None
    of_step: bool = False
    """Whether it is a mistake in a step of the scenario, or in a fault of the user's own; the text
    begins with its file and line."""
