"""How a run ends, in the words of ``verdict.json``."""

from enum import IntEnum, StrEnum


class ExitCode(IntEnum):
    """What a process of ours ends with."""

    PASS = 0
    FAIL = 1
    USAGE = 2
    INCONCLUSIVE = 3
    SAFETY_STOP = 4
    INTERNAL = 70
    INTERRUPTED = 130


class Judgement(StrEnum):
    """Of a run and of an objective. Merged: fail beats inconclusive beats pass."""

    PASS = "pass"  # noqa: S105  # not a password
    INCONCLUSIVE = "inconclusive"
    FAIL = "fail"


class Weight(StrEnum):
    """What a finding does to the verdict; a note does nothing."""

    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NOTE = "note"
