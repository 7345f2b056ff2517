"""How attempts fold into one outcome, and how instants become seconds and wall time."""

from dataclasses import replace

import pytest

from harness.history.events import Attempt, Clock, Outcome, settle
from harness.plan.decline import Decline
from tests.builders import attempt, operation, plan_of

F, U, A, D = Outcome.FAILED, Outcome.INDETERMINATE, Outcome.APPROVED, Outcome.DECLINED


def attempts(*outcomes: Outcome) -> list[Attempt]:
    """The attempts of one operation, in order."""
    op = operation(plan_of(rate=1), 5)
    return [attempt(op, attempt=n, outcome=outcome) for n, outcome in enumerate(outcomes, 1)]


@pytest.mark.parametrize(
    ("outcomes", "decides"),
    [
        ((A,), A),
        ((F, A), A),
        ((F, F), F),
        ((U, A), A),
        ((U, D), D),
        ((U, F), U),
        ((U, F, F), U),
        ((U, F, A), A),
        ((F, U), U),
        ((A, U), A),
        ((D, F), D),
    ],
)
def test_the_last_attempt_decides_unless_an_earlier_one_may_be_applied(
    outcomes: tuple[Outcome, ...], decides: Outcome
) -> None:
    """A refusal cannot undo an earlier attempt of unknown outcome."""
    deciding = settle(attempts(*outcomes))

    assert deciding is not None
    assert deciding.outcome is decides


def test_a_wrong_decline_is_a_decision_too() -> None:
    """The borrower was told, whatever came before or after."""
    unknown, declined, refused = attempts(U, F, F)
    declined = replace(declined, decline=Decline.CREDIT, false_declined=True)

    assert settle([unknown, declined]) is declined
    assert settle([declined, unknown]) is declined
    assert settle([declined, refused]) is declined
    assert settle([unknown, refused]) is unknown


def test_no_attempts_settle_nothing() -> None:
    """Without attempts there is no outcome to take."""
    assert settle([]) is None


@pytest.mark.parametrize(
    ("outcome", "failed"), [(F, True), (U, True), (A, False), (D, False), (Outcome.REFERRED, False)]
)
def test_what_counts_as_failed(outcome: Outcome, failed: bool) -> None:
    """No answer, or an unknown outcome; a right decline is an answer."""
    assert operation(plan_of(rate=1), 5, outcome=outcome).failed is failed


def test_clock_joins_wall_and_monotonic_time() -> None:
    """One anchor and a monotonic difference; the warm-up is negative."""
    clock = Clock(zero_ns=5_000, anchor_monotonic_ns=2_000, anchor_wall_ns=1_000_000)

    assert clock.zero_wall_ns == 1_003_000
    assert clock.seconds(5_000 - 10**9) == -1.0
