"""The planted defect about the credit bureau; `target_service.defects` holds the others."""

from dataclasses import replace

from target_service import rules
from target_service.rules import Applicant, ScoreSource

PERFECT_SCORE = 1000


def bureau_fail_open() -> None:
    """Puts in: whoever the bureau says nothing about is taken for the best borrower there is."""
    original = rules.settle

    def settle(applicant: Applicant, score: int | None, max_age_s: float) -> Applicant:
        if score is None:
            return replace(applicant, score=PERFECT_SCORE, score_source=ScoreSource.FILE)
        return original(applicant, score, max_age_s)

    rules.settle = settle
