"""Who may borrow: a pure function from what is known about an account to a decision."""

from dataclasses import dataclass, replace
from enum import StrEnum
from typing import Any

from target_service import problems
from target_service.problems import Problem

SCORE_CONFIRMED_SECONDS = 3600
"""After so long, the score on file is put there again although it is still the same."""

_PROBLEM_OF_FLAG = {
    "risk_isolation": problems.RISK_ISOLATION,
    "overdue": problems.OVERDUE_BALANCE,
    "velocity": problems.TOO_MANY_LOANS,
}


@dataclass(frozen=True, slots=True)
class Policy:
    """The rules in force, merged from the policy table; ``version`` is its newest row."""

    version: int
    closed_regions: frozenset[str]
    score_minimum: int

    @classmethod
    def merge(cls, rows: list[tuple[int, dict[str, Any]]]) -> "Policy":
        """One policy from rows of (id, rule) in ascending order of id; a later row adds to it."""
        closed: set[str] = set()
        score_minimum = 0
        for _, rule in rows:
            closed.update(rule.get("closed_regions", ()))
            score_minimum = max(score_minimum, int(rule.get("score_minimum", 0)))
        return cls(
            max((version for version, _ in rows), default=0), frozenset(closed), score_minimum
        )


class ScoreSource(StrEnum):
    """Where the score of a decision came from; without one, a person decides."""

    BUREAU = "bureau"
    FILE = "file"
    NONE = "none"


@dataclass(frozen=True, slots=True)
class Applicant:
    """What is known about the account that wants to borrow.

    ``score_age_s`` is how many seconds ago the score was put on file; ``score_source`` is None in
    a service that has no bureau, where the score on file is all there is; ``score_is_news`` means
    that the score is to be put on file.
    """

    account_id: str
    status: str
    region: str
    score: int
    flags: frozenset[str]
    score_age_s: float = 0.0
    score_source: ScoreSource | None = None
    score_is_news: bool = False


def settle(applicant: Applicant, score: int | None, max_age_s: float) -> Applicant:
    """The applicant with the score to decide on: the bureau's, else the one on file.

    ``score`` is None when the bureau gave none; the one on file then counts while it is no older
    than ``max_age_s`` seconds.
    """
    if score is not None:
        known = score == applicant.score and applicant.score_age_s < SCORE_CONFIRMED_SECONDS
        return replace(
            applicant, score=score, score_source=ScoreSource.BUREAU, score_is_news=not known
        )
    recent = applicant.score_age_s <= max_age_s
    return replace(applicant, score_source=ScoreSource.FILE if recent else ScoreSource.NONE)


def tier_of(score: int) -> str:
    """The risk tier, A (best) to D, that goes with a score."""
    if score >= 700:  # noqa: PLR2004 (the four tiers are defined by these numbers)
        return "A"
    if score >= 620:  # noqa: PLR2004
        return "B"
    return "C" if score >= 550 else "D"  # noqa: PLR2004


def reason_to_decline(applicant: Applicant, policy: Policy) -> Problem | None:
    """The first rule that forbids lending to ``applicant``, or None.

    Law comes first, then behaviour, then risk. The credit limit is not judged here: only the
    database can, because concurrent borrowing competes for it.
    """
    if applicant.region in policy.closed_regions:
        return problems.POLICY_REGION_CLOSED
    if applicant.status != "active":
        return problems.RISK_ISOLATION
    for flag, problem in _PROBLEM_OF_FLAG.items():
        if flag in applicant.flags:
            return problem
    if applicant.score_source is ScoreSource.NONE:
        return None  # too little is known to decline; a person will look
    if applicant.score < policy.score_minimum:
        return problems.SCORE_BELOW_MINIMUM
    return None
