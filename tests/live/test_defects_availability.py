"""Every planted defect of behaviour under a fault is found, by the right finding."""

from collections.abc import Sequence
from pathlib import Path

import pytest

from target_service.defects import DEFECTS
from tests.live import test_bureau, test_defects_money
from tests.live.conftest import Run, Runner
from tests.live.defects import (
    DATABASE_CUT,
    RISK_DATA_LOCKED,
    Case,
    assert_found,
    assert_passes,
    case,
    defects_of,
    together,
)

pytestmark = pytest.mark.live

CASES = [
    case("declines_all_when_database_is_slow", DATABASE_CUT, "false_decline"),
    case("approves_all_when_risk_data_is_missing", RISK_DATA_LOCKED, "invariant_violated"),
    case(
        "pool_never_recovers",
        DATABASE_CUT,
        "not_recovered objective_missed",
        objective="recovery_seconds_max",
    ),
    case(
        "slow_forever_after_a_fault",
        DATABASE_CUT,
        "objective_missed",
        objective="latency_ms_p99_max",
    ),
    case("success_status_with_error_body", DATABASE_CUT, "invalid_answer", may="objective_missed"),
    # While the service tries again and again, its borrowers are left without an answer.
    case("retry_storm", DATABASE_CUT, "objective_missed", objective="indeterminate_share_max"),
    case(
        "health_green_while_dead",
        DATABASE_CUT,
        "objective_missed",
        may="grey_failure",
        objective="grey_failure_seconds_max",
        told="grey_failure",
    ),
]

TOGETHER = together(
    CASES,
    # Slow answers of the readiness probe count as none, so its defect is not beside a slow service.
    "declines_all_when_database_is_slow health_green_while_dead",
    "slow_forever_after_a_fault success_status_with_error_body",
)


def test_every_defect_has_its_test() -> None:
    """None is planted that nobody looks for."""
    looked_for = [one.defect for one in (*CASES, *test_defects_money.CASES)]
    looked_for.append(test_bureau.DEFECT)

    assert sorted(looked_for) == sorted(DEFECTS)


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
