"""How a run ends, in the words of ``verdict.json``."""

from enum import StrEnum


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
