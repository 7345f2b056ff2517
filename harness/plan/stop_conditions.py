"""When a run has to end at once: harm beyond what its scenario accepts. Pure.

The fields of `StopConditions` are the words of scenario files, of ``resilience.yaml`` and, after
``--stop-``, of the command line. They are watched while the load lasts (`harness.run.safety`); the
objectives are judged when it is over.
"""

from dataclasses import dataclass
from typing import ClassVar, Literal

from harness.core.money import YUAN, Currency
from harness.plan.checked import CheckedClass

Off = Literal["off"]
StopKind = Literal["count", "fen", "switch"]

BUDGET_MAX = 10_000_000
FEN_MAX = 10**15
OFF: Off = "off"


@dataclass(frozen=True, slots=True, kw_only=True)
class StopConditions(metaclass=CheckedClass):
    """What ends a run at once, with exit code 4; None means that a default decides.

    ``failed_budget`` is the number of failed borrow requests, all phases together, that may not be
    exceeded. ``failed_surge`` ends the run when borrowing fails where the scenario expects it to
    work: before its faults, or after the time that it allows for recovery.
    ``double_disbursement`` ends it when a loan of this run is paid out twice, as the target's own
    ledger says while the load lasts. ``principal_at_risk_fen`` may not be exceeded by the principal
    that was paid out without an acknowledgement, or twice.
    """

    failed_budget: int | Off | None = None
    failed_surge: bool | None = None
    double_disbursement: bool | None = None
    principal_at_risk_fen: int | Off | None = None

    CHECKS_TYPES: ClassVar[bool] = True

    @property
    def problems(self) -> list[str]:
        """Every value that cannot be, each with what would be valid."""
        return wrong_conditions(self)


STOP_KINDS: dict[str, StopKind] = {
    "failed_budget": "count",
    "failed_surge": "switch",
    "double_disbursement": "switch",
    "principal_at_risk_fen": "fen",
}
"""What each condition is set to: a number, of requests or of fen, or on and off."""
STOPS_FOR_FAILURES = ("failed_budget", "failed_surge", "principal_at_risk_fen")
"""Those of them that borrowers without an answer trip, whatever the cause."""
STOP_MEANINGS: dict[str, str] = {
    "failed_budget": "failed borrow requests, all phases together, that may not be exceeded",
    "failed_surge": "stop when borrowing fails outside the faults and their time to recover",
    "double_disbursement": "stop when the target's ledger shows a loan that was paid out twice",
    "principal_at_risk_fen": "fen paid out unacknowledged, or twice, that may not be exceeded",
}


def most(kind: StopKind) -> int:
    """The largest number that a condition of this kind takes."""
    return FEN_MAX if kind == "fen" else BUDGET_MAX


def wrong_conditions(stop: StopConditions | None) -> list[str]:
    """Every value that cannot be, each with what would be valid."""
    found = []
    for name, kind in STOP_KINDS.items():
        value = getattr(stop, name, None)
        if kind == "switch":
            if not isinstance(value, bool | None):
                found.append(f"stop {name} {value!r} must be True or False")
        elif value not in (None, OFF) and not (type(value) is int and 0 <= value <= most(kind)):
            valid = f"a whole number from 0 to {most(kind)}, or 'off'"
            found.append(f"stop {name} {value!r} must be {valid}")
    return found


def in_words(stop: StopConditions, currency: Currency = YUAN) -> list[str]:
    """What is watched, a line for each condition that is on; money is in the ``currency``."""
    said = []
    if isinstance(stop.failed_budget, int):
        said.append(f"more than {stop.failed_budget:,} failed borrow requests")
    if stop.failed_surge:
        said.append("borrowing fails outside the faults and their time to recover")
    if stop.double_disbursement:
        said.append("a loan is paid out twice")
    if isinstance(stop.principal_at_risk_fen, int):
        allowed = currency.text(stop.principal_at_risk_fen)
        said.append(f"more than {allowed} paid out unacknowledged, or twice")
    return said
