"""What a test is given of a run: its verdict, its frames, and an assertion that tells why."""

from dataclasses import replace
from pathlib import Path

import pandas as pd
import pytest

from harness.core.errors import HarnessError, NotMeasuredError, UsageError
from harness.history.run_facts import ErrorRecord
from harness.plan.objectives import Objectives
from harness.plan.plan import Plan
from harness.run.result import RunResult, assert_passed
from harness.verdict.series import SeriesRun, series_of
from harness.verdict.types import Judgement
from tests.builders import (
    CUT,
    at_ns,
    changed,
    cut_run,
    dropped,
    during,
    facts,
    operations,
    plan_of,
    status,
)
from tests.stored import store


@pytest.fixture
def plan() -> Plan:
    """Twenty arrivals a second from -1 s to 28 s, cut off from 8 s to 13 s."""
    return plan_of(CUT, rate=20, objectives=Objectives(recovery_seconds_max=2))


@pytest.fixture
def run(plan: Plan, tmp_path: Path) -> RunResult:
    """A run of it that passes."""
    return RunResult.read(store(tmp_path, plan, cut_run(plan)[1]).path)


def test_operations_are_all_arrivals(run: RunResult, plan: Plan) -> None:
    """By planned start, each with what became of it."""
    frame = run.operations()

    assert len(frame) == len(plan.arrivals)
    assert frame.intended_s.is_monotonic_increasing
    assert frame.intended_s.min() < 0
    assert list(frame.arrival) == [a.index for a in plan.arrivals]
    assert frame.failed.sum() == sum(8 <= a.at_s < 13.3 for a in plan.arrivals)
    assert frame.query("failed").intended_s.between(8, 13.3).all()
    assert set(frame.outcome) == {"approved", "failed"}
    assert frame.wait_s.round(6).unique().tolist() == [0.02]
    assert frame.amount_fen.sum() == sum(a.amount_fen for a in plan.arrivals)


def test_events_are_all_tries(run: RunResult, plan: Plan) -> None:
    """Here one borrow each."""
    frame = run.events()

    assert len(frame) == len(plan.arrivals)
    assert set(frame.step) == {"borrow"}
    assert set(frame.key) == {a.key for a in plan.arrivals}
    assert (frame.ended_s - frame.intended_s - frame.wait_s).abs().max() < 1e-6


def test_types_of_columns_do_not_hang_on_what_is_in_them(
    run: RunResult, plan: Plan, tmp_path: Path
) -> None:
    """A run without a fault has the same columns as one with."""
    calm = RunResult.read(store(tmp_path / "calm", plan, facts(plan)).path)

    for one, other in ((run.events(), calm.events()), (run.operations(), calm.operations())):
        assert [str(t) for t in one.dtypes] == [str(t) for t in other.dtypes]
        assert "object" not in {str(t) for t in one.dtypes}
        kinds = {name: str(t) for name, t in one.dtypes.items()}
        assert (kinds["intended_s"], kinds["outcome"]) == ("float64", "category")
    assert str(run.events().dtypes["status"]) == "Int64"


def test_windows_count_what_was_planned_in_them(run: RunResult, plan: Plan) -> None:
    """From the begin of the warm-up to the end of the load, zero being an edge."""
    frame = run.windows("500ms")

    first = min(-2, min(a.at_s for a in plan.arrivals) // 0.5)  # zero is that of an arrival
    assert frame.start_s.tolist() == [n / 2 for n in range(int(first), 56)]
    by_hand = pd.Series([a.at_s // 0.5 * 0.5 for a in plan.arrivals]).value_counts()
    assert frame.query("arrivals > 0").set_index("start_s").arrivals.to_dict() == by_hand.to_dict()
    assert frame.arrivals.sum() == len(plan.arrivals)
    bad = frame.query("failed > 0")
    assert (bad.start_s.min(), bad.start_s.max()) == (8.0, 13.0)
    assert frame.failed.sum() == run.operations().failed.sum()
    assert {str(t) for t in frame.dtypes} == {"float64", "int64"}


def test_what_was_never_sent_has_not_failed(plan: Plan, tmp_path: Path) -> None:
    """A dropped arrival is evidence lost, in a column of its own."""
    ops = (dropped(plan, 0), *operations(plan)[1:])
    run = RunResult.read(store(tmp_path, plan, facts(plan, ops)).path)
    frame = run.windows("1s")

    assert frame[["arrivals", "dropped", "failed"]].sum().tolist() == [len(ops), 1, 0]
    assert frame.dropped[0] == 1
    assert not run.operations().failed.any()
    assert run.operations().ending.value_counts()["dropped"] == 1


@pytest.mark.parametrize("length", ["0s", 0, "-1s", "ten", "1us", ""])
def test_a_length_without_meaning_is_refused(length: str | float, run: RunResult) -> None:
    """The words are those of resilience.yaml."""
    with pytest.raises(UsageError, match=r"a window's length: .* must be .*like .*ms"):
        run.windows(length)


def test_a_damaged_run_gives_no_figures(run: RunResult) -> None:
    """What is made of the rest of it would be wrong."""
    path = run.report.parent / "events-load-0.jsonl"
    path.write_bytes(path.read_bytes()[:-200])

    for figures in (run.events, run.operations, lambda: run.windows("1s")):
        with pytest.raises(HarnessError, match="is damaged: "):
            figures()


def test_a_run_that_never_began_has_no_history(plan: Plan, tmp_path: Path) -> None:
    """Its clock was never set."""
    known = facts(plan, (), status=status(plan, clock=None, interrupted=True))
    run = RunResult.read(store(tmp_path, plan, known).path)

    with pytest.raises(HarnessError, match="never started: there is no history"):
        run.events()


def test_an_interrupted_run_has_windows_to_its_end(plan: Plan, tmp_path: Path) -> None:
    """Not to the planned one; what was planned after it does not count as windows of load."""
    cut_short = status(plan, interrupted=True, load_ended_ns=at_ns(5.0))
    ops = tuple(op for op in operations(plan) if op.intended_ns < at_ns(5.0))
    run = RunResult.read(store(tmp_path, plan, facts(plan, ops, status=cut_short)).path)

    assert run.windows("1s").start_s.max() == run.operations().intended_s.max() // 1


# --- the assertion -------------------------------------------------------------------------------


def test_a_pass_is_let_through(run: RunResult) -> None:
    """The verdict and the process agree on it."""
    assert run.passed
    assert_passed(run)


def test_a_failure_says_why(tmp_path: Path) -> None:
    """The report's sentence, then every reason, then where to read on."""
    plan = plan_of(CUT, rate=20, objectives=Objectives(recovery_seconds_max=2))
    ops = operations(plan, during(8, 15.5))
    ledger = facts(plan, ops).ledger
    gone = {row.idempotency_key: () for row in ledger.entries[:3]}
    reading = replace(ledger, entries=ledger.entries[3:], by_key=ledger.by_key | gone)
    run = RunResult.read(store(tmp_path, plan, facts(plan, ops, ledger=reading)).path)

    with pytest.raises(AssertionError) as raised:
        assert_passed(run)

    first, *reasons, report = str(raised.value).split("\n  ")
    assert first == f"FAIL: {run.sentence}"
    assert {reason.partition(":")[0] for reason in reasons} >= {"lost", "objective_missed"}
    assert report == f"report: {run.report}"


def test_what_decides_nothing_is_no_pass(plan: Plan, tmp_path: Path) -> None:
    """Nor is a pass whose process ended otherwise."""
    troubled = status(plan, troubles=(ErrorRecord("a worker went missing"),))
    known = facts(plan, operations(plan, during(8, 13.3)), status=troubled)
    run = RunResult.read(store(tmp_path / "open", plan, known).path)
    with pytest.raises(AssertionError, match=r"INCONCLUSIVE: (.|\n)*a worker went missing"):
        assert_passed(run)

    passed = RunResult.read(store(tmp_path / "passed", plan, cut_run(plan)[1]).path)
    with pytest.raises(AssertionError, match="its process ended with exit code 70"):
        assert_passed(replace(passed, exit_code=70))


def test_a_run_that_ended_without_a_verdict_says_why() -> None:
    """Whatever is asked of it, but whether it passed: it did not."""
    run = RunResult(70, {"error": "PostgreSQL did not come up"})
    said = r"without a verdict \(exit code 70\): PostgreSQL did not come up"

    assert (run.verdict, run.passed, run.path) == (None, False, None)
    for read in ("details", "sentence", "reasons", "report", "plan", "lost", "recovery_seconds"):
        with pytest.raises(NotMeasuredError, match=said):
            getattr(run, read)
    for call in (run.events, run.operations, lambda: run.finding("lost")):
        with pytest.raises(NotMeasuredError, match=said):
            call()
    with pytest.raises(NotMeasuredError, match=said):
        assert_passed(run)


def test_a_series_has_a_verdict_and_no_figures() -> None:
    """They are those of its runs."""
    series = series_of("cut", 1, (SeriesRun(1, 7, 0, "run-1", Judgement.PASS),), None)
    run = RunResult(0, {"verdict": "pass", "report": "runs/series-1/series.json"}, series)

    assert (run.verdict, run.passed, run.path) == ("pass", True, None)
    with pytest.raises(NotMeasuredError, match="a series of runs has no figures of its own"):
        _ = run.failed_share


def test_what_pytest_shows_of_it_says_how_it_ended(run: RunResult) -> None:
    """A bare `assert run.passed` that fails shows more than False."""
    shown = repr(run)

    assert shown.startswith("<RunResult: pass; exit code 0; ")
    assert run.sentence in shown
    assert str(run.report) in shown
    assert repr(RunResult(2, {"error": "no rate"})) == (
        "<RunResult: no verdict; exit code 2; no rate>"
    )


def test_a_verdict_compares_equal_to_its_text(run: RunResult, tmp_path: Path, plan: Plan) -> None:
    """As it is written in verdict.json."""
    troubled = status(plan, troubles=(ErrorRecord("a worker went missing"),))
    known = facts(plan, operations(plan, during(8, 13.3)), status=troubled)
    other = RunResult.read(store(tmp_path / "open", plan, known).path)

    assert run.verdict == "pass"
    assert run.verdict is Judgement.PASS
    assert other.verdict == "inconclusive"
    assert not other.passed


def test_a_folder_without_a_verdict_is_no_run_to_read(tmp_path: Path) -> None:
    """The message says what would make one."""
    with pytest.raises(UsageError, match=r"has no readable verdict\.json"):
        RunResult.read(tmp_path)


def test_one_changed_operation_changes_the_figures(plan: Plan, tmp_path: Path) -> None:
    """The frames are made of what is stored, not of the verdict."""
    ops = changed(operations(plan), 100, outcome=operations(plan)[100].outcome, ended_ns=None)
    run = RunResult.read(store(tmp_path, plan, facts(plan, ops)).path)
    frame = run.operations().set_index("arrival")

    assert pd.isna(frame.wait_s[100])
    assert frame.wait_s.isna().sum() == 1
