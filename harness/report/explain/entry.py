"""One code, explained."""

from dataclasses import dataclass
from enum import StrEnum


class EntryKind(StrEnum):
    """What a code is the name of."""

    INVARIANT = "invariant"
    FINDING = "finding"
    OBJECTIVE = "objective"
    STOP = "stop condition"
    CHECK = "line of a gate"
    EXIT = "exit code"


@dataclass(frozen=True, slots=True)
class Entry:
    """A code with what is to be known of it, in sentences.

    ``weight`` says what it does to a verdict, ``docs`` names the page that has more, if any.
    """

    code: str
    kind: EntryKind
    meaning: str
    weight: str
    decided: str
    causes: str
    next_step: str
    docs: str | None = None
