"""The figures of a run that tests assert on. Pure.

One that was not measured raises `NotMeasuredError` with the reason that the verdict gives. So does
a zero that shows nothing: no lost loan in a listing of which a part is missing, no time to recover
from a fault of which nothing shows that it took effect.
"""

import math
from typing import TYPE_CHECKING

from harness.core.errors import NotMeasuredError
from harness.core.foreign_text import clean
from harness.verdict.rounding import rounded
from harness.verdict.types import Severity, Verdict

if TYPE_CHECKING:  # these bring numpy
    from harness.history.reader import Facts
    from harness.plan.plan import Plan

_DAMAGED = ("evidence_damaged",)
_NO_REQUESTS = ("interrupted", "no_evidence")
_OF_LEDGER = ("ledger_unread", "ledger_incomplete", "interrupted")
_OF_RECOVERY = ("not_recovered", "fault_did_not_bite", "not_healed", "interrupted")


def _said(verdict: Verdict, *codes: str) -> str:
    """The first finding of these that counts, in words; empty where there is none."""
    for code in codes:
        for found in verdict.findings:
            if found.code == code and found.verdict is not Severity.NOTE:
                return clean(found.message)
    return ""


def _unmeasured(name: str, reason: str) -> NotMeasuredError:
    return NotMeasuredError(f"{name} was not measured: {reason or 'the verdict does not say why'}")


def require_whole(verdict: Verdict, name: str) -> None:
    """Raise `NotMeasuredError` for a run of whose record a part is missing: a figure made of the
    rest would be wrong.
    """
    if reason := _said(verdict, *_DAMAGED):
        raise _unmeasured(name, reason)


def _require_requests(verdict: Verdict, name: str) -> None:
    require_whole(verdict, name)
    if not verdict.borrow.window.operations:
        none = "no borrow request was measured after the baseline"
        raise _unmeasured(name, _said(verdict, *_NO_REQUESTS) or none)


def failed_share(verdict: Verdict) -> float:
    """Of the borrow requests of the measured window; 0 to 1."""
    _require_requests(verdict, "failed_share")
    share = verdict.borrow.failed_share
    if share is None:
        raise _unmeasured("failed_share", _said(verdict, *_NO_REQUESTS))
    return share


def lost_service_seconds(verdict: Verdict) -> float:
    """Failed borrow requests of the measured window over arrivals a second."""
    _require_requests(verdict, "lost_service_seconds")
    lost_s = verdict.borrow.lost_service_seconds
    if lost_s is None:
        raise _unmeasured("lost_service_seconds", _said(verdict, *_NO_REQUESTS))
    return lost_s


def unknown(verdict: Verdict) -> int:
    """Borrow requests after the warm-up that ended with their outcome unknown."""
    _require_requests(verdict, "unknown")
    return verdict.borrow.indeterminate


def loans(verdict: Verdict, name: str) -> int:
    """A count of `Reconciliation`, or its principal in minor units."""
    shown = name.removesuffix("_fen")
    require_whole(verdict, shown)
    found: int | None = getattr(verdict.reconciliation, name)
    if found is None:
        raise _unmeasured(shown, _said(verdict, *_OF_LEDGER))
    if not found and (reason := _said(verdict, *_OF_LEDGER[:2])):
        raise _unmeasured(shown, reason)
    return found


def recovery_seconds(verdict: Verdict) -> float:
    """From the last heal to borrowing as before; no less than 0."""
    name, seen = "recovery_seconds", verdict.recovery
    require_whole(verdict, name)
    if not verdict.faults:
        raise _unmeasured(name, "there was no fault to recover from")
    if seen.confirmed and seen.from_heal_s is not None:
        return max(0.0, seen.from_heal_s)
    untested = _said(verdict, "fault_did_not_bite")
    if seen.confirmed and not seen.censored and not untested:
        return 0.0
    limits = (o.reason for o in verdict.objectives if o.id == "recovery_seconds_max")
    few = "too few requests after the heal show that borrowing was as before"
    raise _unmeasured(name, untested or _said(verdict, *_OF_RECOVERY) or next(limits, "") or few)


def latency_ms_p99(plan: "Plan", facts: "Facts") -> float:
    """Of all answers outside the faults and their time to recover, in milliseconds.

    Measured anew from what is stored: the verdict has it only where there is a limit on it.
    """
    # These bring scipy, and a run waits for it no sooner than it is asked for.
    from harness.verdict.checks.bounds import Limit  # noqa: PLC0415
    from harness.verdict.checks.objective_results import latency_of  # noqa: PLC0415
    from harness.verdict.measure.measurement import measure  # noqa: PLC0415

    any_wait = Limit("latency_ms_p99_max", math.inf)
    found = latency_of(any_wait, measure(plan, facts).waits_outside_ms)
    if found.observed is None:
        raise _unmeasured("latency_ms_p99", found.reason)
    return float(rounded(found.observed))
