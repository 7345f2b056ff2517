"""Who may borrow, and how problems and passwords are written: no database needed."""

import psycopg
import pytest

from target_service import problems
from target_service.database import PassingError, problem_of
from target_service.passwords import hash_password, password_matches
from target_service.problems import Applied, Category, Problem
from target_service.rules import Applicant, Policy, reason_to_decline

POLICY = Policy(version=2, closed_regions=frozenset({"closed"}), score_minimum=550)


def applicant(score: int = 550, region: str = "open", flags: tuple[str, ...] = ()) -> Applicant:
    """An applicant with nothing against them unless told."""
    return Applicant("an-account", "active", region, score, frozenset(flags))


def test_the_minimum_score_is_enough() -> None:
    """550 borrows, 549 does not."""
    assert reason_to_decline(applicant(550), POLICY) is None
    assert reason_to_decline(applicant(549), POLICY) is problems.SCORE_BELOW_MINIMUM


def test_law_comes_before_behaviour_and_risk() -> None:
    """With everything against an applicant, the regulation is what they are told."""
    worst = applicant(300, "closed", ("overdue", "velocity"))
    assert reason_to_decline(worst, POLICY) is problems.POLICY_REGION_CLOSED


def test_policies_add_up() -> None:
    """Rows merge into the strictest rule and the newest version."""
    rows = [(1, {"closed_regions": ["closed"]}), (2, {"score_minimum": 550}), (5, {})]
    assert Policy.merge(rows) == Policy(5, frozenset({"closed"}), 550)


def test_every_problem_has_a_code_of_its_own() -> None:
    """Codes are unique, and only availability may leave the outcome open or be a 5xx."""
    known = [value for value in vars(problems).values() if isinstance(value, Problem)]
    assert len({problem.code for problem in known}) == len(known) > 20
    for problem in known:
        is_failure = problem.category is Category.AVAILABILITY
        assert (problem.status >= 500) == is_failure


@pytest.mark.parametrize(
    ("error", "code"),
    [
        (psycopg.errors.ReadOnlySqlTransaction(), "read_only"),
        (psycopg.errors.QueryCanceled(), "statement_timeout"),
        (psycopg.errors.LockNotAvailable(), "lock_timeout"),
        (psycopg.OperationalError("gone"), "db_unavailable"),
        (psycopg.errors.UndefinedTable(), "db_error"),
    ],
)
def test_a_database_error_before_commit_applied_nothing(error, code) -> None:
    """The same error after COMMIT was sent leaves the outcome unknown."""
    before, after = problem_of(error, commit_sent=False), problem_of(error, commit_sent=True)
    assert (before.problem.code, before.problem.outcome) == (code, Applied.NOT_APPLIED)
    assert (after.problem.code, after.problem.outcome) == ("commit_unknown", Applied.UNKNOWN)


def test_only_passing_errors_are_tried_again() -> None:
    """A lost connection may pass; a lost COMMIT must not be repeated."""
    lost = psycopg.OperationalError("gone")
    assert isinstance(problem_of(lost, commit_sent=False), PassingError)
    assert not isinstance(problem_of(lost, commit_sent=True), PassingError)
    assert not isinstance(
        problem_of(psycopg.errors.QueryCanceled(), commit_sent=False), PassingError
    )


def test_passwords_are_salted_and_recognised() -> None:
    """Two hashes of one password differ, both match it, and neither matches another."""
    first, second = hash_password("secret", 2), hash_password("secret", 2)
    assert first != second
    assert password_matches("secret", first)
    assert password_matches("secret", second)
    assert not password_matches("Secret", first)
