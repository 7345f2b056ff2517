"""Several runs together: the worst decides, and so few runs allow only so much to be said."""

import json
from dataclasses import replace
from typing import Any

import pytest

from harness.history.events import Outcome
from harness.plan.objectives import Objectives
from harness.verdict.judge import judge
from harness.verdict.series import (
    SeriesRun,
    median_confidence,
    render,
    run_of,
    runs_for,
    series_of,
    stop_reason,
    to_json,
)
from harness.verdict.types import Judgement, Verdict
from tests import builders
from tests.builders import CUT, cut_run, facts, ledger, operations, plan_of
from tests.judge.helpers import one_changed

PASS, OPEN, FAIL = Judgement.PASS, Judgement.INCONCLUSIVE, Judgement.FAIL


def run(number: int, verdict: Judgement | None = PASS, code: int = 0, **more: Any) -> SeriesRun:
    """A run that recovered after as many seconds as its number."""
    known = {"recovery_s": float(number), "failed_share": number / 100}
    return SeriesRun(number, 6 + number, code, f"run-{number}", verdict, **{**known, **more})


def judged(limit: float, end_s: float = 13.3, **changes: Any) -> Verdict:
    """A partition's verdict against a limit of its recovery."""
    plan = plan_of(CUT, objectives=Objectives(recovery_seconds_max=limit))
    return judge(*cut_run(plan, end_s=end_s, **changes))


@pytest.mark.parametrize(
    ("verdicts", "codes", "expected", "exit_code"),
    [
        ((PASS, PASS, PASS), (0, 0, 0), PASS, 0),
        ((PASS, OPEN, PASS), (0, 3, 0), OPEN, 3),
        ((PASS, OPEN, FAIL), (0, 3, 1), FAIL, 1),
        ((PASS, OPEN, PASS), (0, 1, 0), OPEN, 1),
        ((PASS, None, PASS), (0, 3, 0), OPEN, 3),
        ((PASS, None, PASS), (0, 70, 0), OPEN, 70),
        ((PASS, PASS), (0, 0), OPEN, 3),
        ((PASS, OPEN), (0, 130), OPEN, 130),
        ((None,), (2,), OPEN, 2),
        ((), (), OPEN, 3),
    ],
)
def test_the_worst_run_decides(
    verdicts: tuple[Judgement | None, ...],
    codes: tuple[int, ...],
    expected: Judgement,
    exit_code: int,
) -> None:
    """Of three that were asked for; a missing one, or one without a verdict, is no pass."""
    runs = tuple(
        run(n, verdict, code)
        for n, (verdict, code) in enumerate(zip(verdicts, codes, strict=True), 1)
    )
    found = series_of("cut", 3, runs, None)

    assert (found.verdict, found.exit_code) == (expected, exit_code)


def test_every_run_stays_in_it() -> None:
    """Median and largest are of all runs, passed or not."""
    found = series_of("cut", 3, (run(1), run(5, FAIL, 1), run(2)), None)

    assert [r.number for r in found.runs] == [1, 5, 2]
    assert found.recovery_s is not None
    assert (found.recovery_s.median, found.recovery_s.largest) == (2.0, 5.0)
    assert found.failed_share is not None
    assert (found.failed_share.median, found.failed_share.largest) == (0.02, 0.05)


def test_a_run_that_never_recovered_is_larger_than_any() -> None:
    """It has no number, and is not left out."""
    late = run(2, FAIL, 1, recovery_s=None, recovery_low_s=15.0, censored=True)
    found = series_of("cut", 3, (run(1), late, run(3)), None)

    assert found.recovery_s is not None
    assert (found.recovery_s.median, found.recovery_s.largest) == (3.0, None)
    assert "recovery" not in found.median_confidence
    assert "not seen to recover" in found.statement
    assert "more than 15.0 s" in render(found)


@pytest.mark.parametrize(("runs", "per_cent"), [(1, "50.0"), (3, "87.5"), (5, "96.9"), (7, "99.2")])
def test_what_so_few_runs_allow_to_be_said(runs: int, per_cent: str) -> None:
    """The largest bounds the median with 1 - 0.5^k, and no rarer run."""
    found = series_of("cut", runs, tuple(run(n + 1) for n in range(runs)), None)

    assert f"{100 * median_confidence(runs):.1f}" == per_cent
    assert f"with {per_cent} % confidence" in found.statement
    assert "takes 22 runs (90 % confidence) or 29 (95 %)" in found.statement


def test_many_runs_allow_more() -> None:
    """From 22 runs on the largest bounds the 90th percentile with 90 %."""
    found = series_of("cut", 22, tuple(run(n + 1) for n in range(22)), None)

    assert "bounds the 90th percentile with 90.2 %" in found.statement
    assert (runs_for(0.9, 0.90), runs_for(0.9, 0.95), runs_for(0.95, 0.95)) == (22, 29, 59)


def test_the_bound_of_the_median_holds_by_simulation() -> None:
    """As often as it says, for a skewed figure."""
    import random  # noqa: PLC0415  # here alone

    chance = random.Random(3)
    median = 0.6931471805599453  # of an exponential with mean 1
    held = sum(max(chance.expovariate(1) for _ in range(3)) >= median for _ in range(20_000))

    assert held / 20_000 == pytest.approx(median_confidence(3), abs=0.01)


def test_an_incomplete_series_claims_nothing() -> None:
    """When it was stopped, how many runs there are depends on what they showed."""
    found = series_of("cut", 5, (run(1), run(2, FAIL, 1)), "an invariant is broken (lost)")

    assert found.median_confidence == {}
    assert found.statement.startswith("The series is not complete")
    assert "stopped early: an invariant is broken (lost)" in render(found)


# --- stopping early ------------------------------------------------------------------------------


def test_a_pass_never_stops_a_series() -> None:
    """Nor does a run that decides nothing."""
    assert stop_reason(judged(5.0)) is None
    assert stop_reason(judged(2.0, end_s=14.9)) is None


def test_a_broken_invariant_stops_it() -> None:
    """No further run makes a lost loan good."""
    plan = plan_of(CUT)
    ops = operations(plan)
    gone = ops[-10]
    reading = ledger(tuple(o for o in ops if o is not gone), by_key={gone.key: ()})
    verdict = judge(plan, facts(plan, ops, ledger=reading))

    assert stop_reason(verdict) == "an invariant is broken (lost)"


def test_a_limit_broken_by_far_stops_it() -> None:
    """By the bound of its interval, not by the observed value: 4 s against 1.8 s and 2.1 s."""
    assert stop_reason(judged(1.8, end_s=17.0)) is not None
    assert stop_reason(judged(2.1, end_s=17.0)) is None
    assert judged(2.1, end_s=17.0).verdict is FAIL


def test_a_count_that_must_be_nought_stops_it() -> None:
    """Any multiple of nothing is surpassed."""
    plan = plan_of(objectives=Objectives(impaired_episodes_max=0))
    verdict = judge(plan, facts(plan, operations(plan, builders.during(12, 15))))

    assert stop_reason(verdict) is not None


# --- one run, and how it is written --------------------------------------------------------------


def test_a_run_as_its_verdict_tells_it() -> None:
    """Recovery, failed share and the codes that count."""
    verdict = judged(2.0, end_s=17.0)
    found = run_of(2, 9, 1, "cut-abc", verdict)

    assert (found.seed, found.directory, found.verdict) == (9, "cut-abc", FAIL)
    assert found.recovery_s == pytest.approx(4.0, abs=0.1)
    assert found.failed_share == verdict.borrow.failed_share
    assert found.findings == ("objective_missed",)


def test_a_run_that_was_never_impaired_recovered_at_once() -> None:
    """If enough went well after the heal to say so; without a fault there is nothing to say."""
    tolerated = plan_of(CUT)
    calm = plan_of()

    assert run_of(1, 1, 0, "a", judge(tolerated, facts(tolerated))).recovery_s == 0.0
    assert run_of(1, 1, 0, "a", judge(calm, facts(calm))).recovery_s is None


def test_a_run_that_had_not_recovered_is_said_so() -> None:
    """It is no measured recovery."""
    found = run_of(1, 1, 1, "a", judged(2.0, end_s=100.0))

    assert (found.recovery_s, found.censored) == (None, True)


def test_the_table_shows_every_run() -> None:
    """With its seed, so that one can be made again."""
    first = run_of(1, 7, 0, "a", judged(5.0))
    second = replace(run(2, None, 3), recovery_s=None, failed_share=None)
    lines = render(series_of("cut", 2, (first, second), None)).splitlines()

    assert lines[0] == "INCONCLUSIVE  cut, 2 of 2 runs"
    assert lines[2].split()[:3] == ["1", "7", "pass"]
    assert "none (exit code 3)" in lines[3]
    assert lines[4].startswith("median")


def test_it_is_written_without_a_path_or_a_clock() -> None:
    """So that a folder of runs can be moved."""
    body = json.loads(to_json(series_of("cut", 1, (run(1),), None)))

    assert next(iter(body)) == "schema"
    assert body["schema"] == "lendchaos.series/1"
    assert body["runs"][0]["directory"] == "run-1"
    assert "/" not in to_json(series_of("cut", 1, (run(1),), None)).replace("chaos.series/1", "")


def test_one_wrong_approval_stops_it() -> None:
    """A single operation of a single run is enough."""
    plan = plan_of(population="mixed")
    overdue = next(o.arrival for o in operations(plan) if o.account_class == "overdue")
    approved = one_changed(plan, overdue, outcome=Outcome.APPROVED, decline=None)
    verdict = judge(plan, approved)

    assert stop_reason(verdict) == "an invariant is broken (invariant_violated)"
