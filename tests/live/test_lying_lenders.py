"""A whole run against a service behind `--host` that lies about its money, one lie a run."""

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from benchmarks.real_runs import scripted_target
from benchmarks.scripted_lies import LENDERS
from tests.live.conftest import RATE, Run, Runner

pytestmark = pytest.mark.live
TOKEN = "only-for-this-test"
# What the lenders refuse in their bad moment is allowed: only money can fail these runs.
SCENARIO = '''"""Money is right, whoever was refused.

Hypothesis: the ledger says what borrowers were told.
"""

from harness import Borrower, Load, Objectives, Scenario


class MoneyAlone(Borrower):
    scenario = Scenario(
        load=Load(credit_line_share=0),
        objectives=Objectives(failed_share_max=0.5, impaired_episodes_max=5),
    )
'''
LOAD = (
    *(f"--rate={RATE}", "--warm-up=500ms", "--baseline=6s", "--fault=0", "--recovery=6s"),
    *("--seed=7", "--stop-double-disbursement=off", "--log-in-share=0.1"),
)
FOUND_BY = {
    "cancelled_some": "corrupt",
    "declined_some": "corrupt",
    "written_off_some": "corrupt",
    "repaid_all": "corrupt",
    "referred_declined": "corrupt",
    "referred_paid": "corrupt",
    "referred_repaid": "corrupt",
    "notapplied_reserved": "phantom",
    "notapplied_under_review": "phantom",
    "declined_reserved": "phantom",
    "hidden_phantom": "phantom",
    "fails_open": "invariant_violated",
    "shared_id": "corrupt",
    "relisted_late": "duplicated",
    "negative_payouts": "corrupt",
    "late_double": "duplicated",
    "notapplied_paidlater": "phantom",
}
UNCLEAR = {"row_for_each_payout": "ledger_incomplete"}
TRUE = ("honest", "late_batches", "busy", "one_session")
MORE = {"one_session": ("--processes=2", "--log-in-share=0.5")}
AFTER_THE_LOAD = ("late_batches", "relisted_late", "late_double", "notapplied_paidlater")
IN_SHORT = ("honest", "hidden_phantom")

RunOn = Callable[[str], Run]


@pytest.fixture
def run_on(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> RunOn:
    """One run on a lender of this name; one that books late is watched until it has."""
    monkeypatch.setenv("LENDING_ADMIN_TOKEN", TOKEN)
    scenario = tmp_path / "money_alone.py"
    scenario.write_text(SCENARIO)

    def run(lender: str) -> Run:
        settle = "6s" if lender in AFTER_THE_LOAD else "1s"
        with scripted_target(tmp_path / "target.jsonl", TOKEN, lender) as address:
            runner = Runner(tmp_path / "runs", tmp_path / "state")
            more = (f"--host={address}", f"--ledger-settle={settle}", *MORE.get(lender, ()))
            return runner(scenario, *LOAD, *more)

    return run


def lenders(names: Any) -> list[Any]:
    """A few in short, all at length."""
    return [pytest.param(n, marks=() if n in IN_SHORT else pytest.mark.long) for n in names]


@pytest.mark.parametrize("lender", lenders(TRUE))
def test_the_truth_passes(run_on: RunOn, lender: str) -> None:
    """Also where it comes late, or among others' loans."""
    run = run_on(lender)

    assert (run.exit_code, run.verdict["verdict"]) == (0, "pass"), run.output
    assert run.verdict["borrow"]["failed"] > 20  # it had its bad moment


@pytest.mark.parametrize("lender", lenders(FOUND_BY))
def test_a_lie_is_found(run_on: RunOn, lender: str) -> None:
    """By its own finding, which fails the run."""
    run = run_on(lender)

    assert (run.exit_code, run.verdict["verdict"]) == (1, "fail"), run.output
    assert run.findings[FOUND_BY[lender]] == "fail"


@pytest.mark.parametrize("lender", lenders(UNCLEAR))
def test_what_cannot_be_told_decides_nothing(run_on: RunOn, lender: str) -> None:
    """Rows that repeat each other word by word: two payouts, or one listed twice."""
    run = run_on(lender)

    assert (run.exit_code, run.verdict["verdict"]) == (3, "inconclusive"), run.output
    assert run.findings[UNCLEAR[lender]] == "inconclusive"


def test_every_lender_is_tried() -> None:
    """None lies that nobody looks at."""
    assert {*TRUE, *FOUND_BY, *UNCLEAR} == set(LENDERS)
