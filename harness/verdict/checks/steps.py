"""Checks of the steps before the borrow: few take one, so that a share of all hides their loss."""

from collections.abc import Iterator
from functools import partial

from harness.history.events import Step
from harness.verdict.checks.calms import Outlier, outliers
from harness.verdict.checks.case import Case
from harness.verdict.measure.baseline import THETA
from harness.verdict.types import Finding, Weight

BORROWERS_MIN = 2
"""A single one is an accident, however unlikely."""
_NOUNS = {Step.LOG_IN: "log-ins", Step.CREDIT_LINE: "reads of the credit line"}


def step_impaired(case: Case) -> Iterator[Finding]:
    """Logging in, or reading the credit line, is not as before where no fault accounts for it.

    It is impaired as borrowing is: where more of the borrowers than `THETA` fail at it.
    """
    for step, noun in _NOUNS.items():
        for one in _impaired(step, case):
            share = one.calm.failed
            why = case.excuse(partial(_surely, step)) if one.surely else ""
            yield Finding(
                "degraded" if one.calm.healed_s is None else "not_recovered",
                Weight.FAIL if one.surely and not why else Weight.INCONCLUSIVE,
                f"{noun}, one of each borrower: {one.reason}" + (f"; but {why}" if why else ""),
                {"step": str(step), "failed": share.part, "borrowers": share.whole},
            )


def _impaired(step: Step, case: Case) -> list[Outlier]:
    calms = case.measured.step_calms[step]
    found = outliers(calms, THETA, lambda calm: calm.failed, "failed")
    return [one for one in found if one.calm.failed.part >= BORROWERS_MIN]


def _surely(step: Step, case: Case) -> bool:
    return any(one.surely for one in _impaired(step, case))
