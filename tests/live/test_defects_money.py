"""Every planted defect of money, decisions and sessions is found, by the right finding."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from tests.live.conftest import Run, Runner
from tests.live.defects import (
    ANSWERS_LOST,
    DATABASE_CUT,
    PAYOUTS_LOCKED,
    QUIET,
    REPLICAS_KILLED,
    Case,
    assert_found,
    assert_passes,
    case,
    defects_of,
    together,
)

pytestmark = pytest.mark.live

CASES = [
    case("limit_check_outside_lock", QUIET, "invariant_violated"),
    case("one_sided_ledger", QUIET, "unbalanced invariant_violated"),
    case("amount_truncated", QUIET, "corrupt"),
    # Whoever is told of a loan that was declined will not find it in the ledger.
    case("decline_answered_201", QUIET, "invariant_violated lost"),
    # The target itself sees loans that nobody decided to grant.
    case("disbursed_though_declined", QUIET, "phantom invariant_violated"),
    case("log_in_broken_for_some", QUIET, "false_decline", may="degraded outage objective_missed"),
    # A repetition may also find the limit used up by what it repeats.
    case(
        "no_idempotency_check",
        ANSWERS_LOST,
        "duplicated invariant_violated",
        may="phantom false_decline",
    ),
    case("acknowledge_before_commit", REPLICAS_KILLED, "lost"),
    case(
        "restart_loses_sessions",
        REPLICAS_KILLED,
        "false_decline",
        may="not_recovered objective_missed",
    ),
    # Who was told of two loans that exceed the limit together got both, whatever became of one.
    case("cancelled_after_approval", QUIET, "corrupt", may="invariant_violated"),
    case("repaid_without_repayment", QUIET, "corrupt"),
    # Those who are declined must be, so nothing may be reserved for them either.
    case("declined_keeps_reservation", QUIET, "phantom invariant_violated"),
    case("shared_loan_id", QUIET, "corrupt"),
    case("reserved_apart", PAYOUTS_LOCKED, "phantom"),
    # The target sees it as well, once it is there to be seen.
    case("paid_twice_later", QUIET, "duplicated", may="invariant_violated"),
    case("refused_paid_later", DATABASE_CUT, "phantom"),
    case("refused_and_hidden", DATABASE_CUT, "phantom"),
]

TOGETHER = together(
    CASES,
    "limit_check_outside_lock amount_truncated log_in_broken_for_some disbursed_though_declined",
    "one_sided_ledger decline_answered_201",
)


@pytest.fixture(scope="module")
def clean_runs() -> dict[str, Run]:
    """Runs on the shared stack, which has no defect; each is made once."""
    return {}


@pytest.mark.parametrize("cases", TOGETHER, ids=defects_of)
def test_are_found_and_told_apart(cases: Sequence[Case], tmp_path: Path) -> None:
    """Each defect by its own finding, several in one run."""
    assert_found(cases, tmp_path)


@pytest.mark.long
@pytest.mark.parametrize("case", CASES, ids=lambda case: case.defect)
def test_is_found(case: Case, clean_runs: dict[str, Run], runner: Runner, tmp_path: Path) -> None:
    """Each defect on its own; the same run passes on a sound service."""
    trial = case.trial
    if trial.name not in clean_runs:
        clean_runs[trial.name] = trial.run(tmp_path, runner.state_dir)
    assert_passes(clean_runs[trial.name], case)
    assert_found([case], tmp_path / "defective")
