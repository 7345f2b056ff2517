"""Who may borrow: a pure function from what is known about an account to a decision."""

from dataclasses import dataclass
from typing import Any

from target_service import problems
from target_service.problems import Problem

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


@dataclass(frozen=True, slots=True)
class Applicant:
    """What the database knows about the account that wants to borrow."""

    account_id: str
    status: str
    region: str
    score: int
    flags: frozenset[str]


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
    if applicant.score < policy.score_minimum:
        return problems.SCORE_BELOW_MINIMUM
    return None
