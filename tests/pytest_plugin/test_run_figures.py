"""The figures that tests assert on: each as the verdict has it, and none that nobody measured."""

from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import NotMeasuredError, UsageError
from harness.faults import Partition
from harness.plan.objectives import Objectives
from harness.plan.plan import Plan
from harness.run.result import RunResult
from harness.verdict.judge import judge
from harness.verdict.types import Finding, Severity, Verdict
from tests.builders import CUT, during, facts, operations, plan_of
from tests.stored import store
from tests.verdicts import judged, with_finding

SHARES = ("failed_share", "lost_service_seconds", "unknown")
LOANS = ("lost", "duplicated", "phantom", "corrupt", "principal_at_risk")
FIGURES = (*SHARES, *LOANS, "recovery_seconds", "latency_ms_p99")


def run_of(verdict: Verdict) -> RunResult:
    """A run that came to this verdict; nothing else of it is stored."""
    run = RunResult(verdict.exit_code)
    run.__dict__["_stored"] = verdict
    return run


def opened(code: str, severity: Severity = Severity.INCONCLUSIVE, **changes: Any) -> RunResult:
    """A partition that was survived, with one finding more."""
    return run_of(replace(with_finding(judged(), code, severity), **changes))


def with_count(verdict: Verdict, name: str, count: int | None) -> Verdict:
    """The same with another count of loans."""
    field = "principal_at_risk_fen" if name == "principal_at_risk" else name
    return replace(verdict, reconciliation=replace(verdict.reconciliation, **{field: count}))


@pytest.fixture
def plan() -> Plan:
    """Twenty arrivals a second, the database cut off from 8 s to 13 s."""
    return plan_of(CUT, rate=20, objectives=Objectives(recovery_seconds_max=2))


def test_each_figure_is_that_of_the_run(plan: Plan, tmp_path: Path) -> None:
    """Borrowing fails for 5.3 s, 0.3 s of them after the heal; every answer takes 20 ms."""
    known = facts(plan, operations(plan, during(8, 13.3)))
    run = RunResult.read(store(tmp_path, plan, known).path)
    after = run.operations().query(f"intended_s >= {run.details.borrow.window.start_s}")

    assert run.failed_share == pytest.approx(after.failed.mean())
    assert run.lost_service_seconds == pytest.approx(after.failed.sum() / 20)
    assert run.recovery_seconds == pytest.approx(0.3, abs=0.15)
    assert run.latency_ms_p99 == pytest.approx(20.0)
    assert [getattr(run, name) for name in (*LOANS, "unknown")] == [0] * 6
    floats = {name for name in FIGURES if type(getattr(run, name)) is float}
    assert floats == {
        *("failed_share", "lost_service_seconds", "recovery_seconds", "latency_ms_p99")
    }
    assert all(type(getattr(run, name)) is int for name in set(FIGURES) - floats)


def test_loans_that_are_wrong_are_counted() -> None:
    """Money at risk is in fen."""
    for number, name in enumerate(LOANS, 1):
        assert getattr(run_of(with_count(judged(), name, number)), name) == number


def test_the_percentile_of_waits_is_that_of_the_objective(plan: Plan, tmp_path: Path) -> None:
    """Where there is a limit on it, the two are the same figure."""
    limited = replace(plan, objectives=Objectives(latency_ms_p99_max=500.0))
    known = facts(limited, operations(limited, during(8, 13.3)))
    run = RunResult.read(store(tmp_path, limited, known).path)

    assert run.latency_ms_p99 == next(o.observed for o in run.details.objectives)


# --- what was not measured -----------------------------------------------------------------------


@pytest.mark.parametrize("name", FIGURES)
def test_a_part_of_a_record_gives_no_figure(name: str) -> None:
    """Whatever the rest of it says."""
    with pytest.raises(NotMeasuredError, match=f"^{name} was not measured: made up$"):
        getattr(opened("evidence_damaged"), name)


@pytest.mark.parametrize("name", SHARES)
def test_without_a_request_nothing_is_known_of_them(name: str) -> None:
    """No request is not the same as no failure."""
    borrow = judged().borrow
    none = replace(
        borrow,
        window=replace(borrow.window, operations=0, failed=0),
        failed_share=None,
        lost_service_seconds=0.0,
    )
    with pytest.raises(NotMeasuredError, match=f"^{name} was not measured: made up$"):
        getattr(opened("no_evidence", borrow=none), name)


@pytest.mark.parametrize("name", LOANS)
def test_without_a_ledger_nothing_is_known_of_loans(name: str) -> None:
    """Nor of a zero in a listing of which a part is missing; what is wrong there is wrong."""
    unread = with_finding(with_count(judged(), name, None), "ledger_unread", Severity.INCONCLUSIVE)
    said = f"^{name} was not measured: made up$"
    with pytest.raises(NotMeasuredError, match=said):
        getattr(run_of(unread), name)

    part = with_finding(judged(), "ledger_incomplete", Severity.INCONCLUSIVE)
    with pytest.raises(NotMeasuredError, match=said):
        getattr(run_of(part), name)
    assert getattr(run_of(with_count(part, name, 3)), name) == 3


def test_a_ledger_that_could_not_be_read_says_so(plan: Plan) -> None:
    """The reason is that of the verdict."""
    known = facts(plan, operations(plan, during(8, 13.3)))
    ledger = replace(known.ledger, read=False, entries=(), by_key={}, error="it answered 503")
    run = run_of(judge(plan, replace(known, ledger=ledger)))

    with pytest.raises(NotMeasuredError, match=r"lost was not measured: .*it answered 503"):
        _ = run.lost


def test_few_answers_have_no_percentile(tmp_path: Path) -> None:
    """That of fewer than a hundred would be their slowest one."""
    plan = plan_of(CUT, rate=2)
    known = facts(plan, operations(plan, during(8, 13.3)))
    run = RunResult.read(store(tmp_path, plan, known).path)

    with pytest.raises(NotMeasuredError, match=r"latency_ms_p99 was not measured: \d+ answers are"):
        _ = run.latency_ms_p99


# --- the time to recover -------------------------------------------------------------------------


def recovery_of(bad: Callable[[float], bool], *faults: Any) -> float:
    """The time to recover of a run in which borrowing fails whenever it is ``bad``."""
    plan = plan_of(*faults)
    return run_of(judge(plan, facts(plan, operations(plan, bad)))).recovery_seconds


def never(_: float) -> bool:
    """No request fails."""
    return False


def test_what_was_never_impaired_took_no_time_to_recover() -> None:
    """Of a fault that nobody was to notice; nor did what was over when the heal was confirmed."""
    assert recovery_of(never, Partition(link="database", expects_impact=False)) == 0.0
    assert recovery_of(during(8, 12.5), CUT) == 0.0


@pytest.mark.parametrize(
    ("bad", "faults", "said"),
    [
        (never, (), "there was no fault to recover from"),
        (never, (CUT,), "nothing shows that fault .* took effect"),
        (during(8, 40), (CUT,), "borrowing surely had not recovered"),
        (during(8, 27.9), (CUT,), "borrowing"),
    ],
    ids=["no fault", "no effect", "to the end", "too late to be sure"],
)
def test_a_recovery_that_was_not_seen_has_no_length(
    bad: Callable[[float], bool], faults: tuple[Any, ...], said: str
) -> None:
    """An assertion on it fails, and says why nobody knows."""
    with pytest.raises(NotMeasuredError, match=f"^recovery_seconds was not measured: .*{said}"):
        recovery_of(bad, *faults)


# --- findings ------------------------------------------------------------------------------------


def test_a_finding_is_had_by_its_code() -> None:
    """None where there is none; of several the first of those that weigh most."""
    run = opened("outage")
    verdict = judged()
    light, heavy, other = (
        Finding("slow", severity, text)
        for severity, text in ((Severity.NOTE, "1"), (Severity.FAIL, "2"), (Severity.FAIL, "3"))
    )
    several = run_of(replace(verdict, findings=[light, heavy, other]))

    assert run.finding("lost") is None
    assert several.finding("slow") == heavy
    found = run.finding("outage")
    assert found is not None
    assert found.message == "made up"


def test_a_misspelt_code_is_refused() -> None:
    """It would never be found."""
    with pytest.raises(UsageError, match=r"no finding is called 'outages', did you mean outage\?"):
        run_of(judged()).finding("outages")
    with pytest.raises(UsageError, match="no finding is called 'zzz'; valid are: lost, "):
        run_of(judged()).finding("zzz")


def test_a_code_of_a_later_version_is_found() -> None:
    """A stored run may have one that this version does not know."""
    verdict = replace(judged(), findings=[Finding("brand_new", Severity.NOTE, "new")])

    assert run_of(verdict).finding("brand_new") is not None
