"""The benchmark itself: its theory, its simulation, and that it can say no."""

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from benchmarks import measure, simulate, tables
from benchmarks.calibration import Collection, coverage_aim, hard_aims, hard_found, none_of
from benchmarks.limits import (
    SPACINGS,
    Spacing,
    edge_limit,
    ideal_misses,
    length_limit,
    share_within,
)
from benchmarks.outage_script import Kind
from benchmarks.real_runs import BenchmarkError, refuse_cut_short
from benchmarks.scoring import Answers, Score, Span, extra, naive_errors, score, spans_of
from benchmarks.simulate import Job, perform
from benchmarks.target_log import Count, TargetLog, count_failures
from benchmarks.truth import SHAPES, Truth, hard_outages, one_of_each, truths_of
from harness.history.events import Outcome, Step
from harness.verdict.judge import judge
from harness.verdict.types import Episode, Finding, Severity
from tests import builders

TRUTH = Truth("hard outage", "hard outage/1", 10.0, 13.0, Kind.REFUSE)


@pytest.mark.parametrize("spacing", SPACINGS)
def test_the_limits_are_those_of_the_best_estimator(spacing: Spacing) -> None:
    """The middle of the gap, tried out on made-up arrivals, errs as the formulas say."""
    chance = np.random.default_rng(1)
    times_s = simulate.arrivals(50, spacing, 4000, chance)
    errors = []
    for _ in range(2):
        edge_s = chance.uniform(10, 3900, 60_000)
        after = np.searchsorted(times_s, edge_s)
        errors.append((times_s[after] + times_s[after - 1]) / 2 - edge_s)
    one = np.quantile(np.abs(errors[0]), (0.5, 0.95))
    two = np.quantile(np.abs(errors[1] - errors[0]), (0.5, 0.95))
    edge, length = edge_limit(50, spacing), length_limit(50, spacing)

    assert (edge.median_s, edge.p95_s) == pytest.approx(one, rel=0.03)
    assert (length.median_s, length.p95_s) == pytest.approx(two, rel=0.03)


def test_the_known_limits() -> None:
    """Poisson arrivals: ln 2 / 2 and ln 20 / 2 mean gaps; jittered ones are nearer."""
    poisson, jittered = edge_limit(1, "poisson"), edge_limit(1, "jittered")

    assert (poisson.median_s, poisson.p95_s) == pytest.approx((0.3466, 1.4979), abs=1e-3)
    assert (jittered.median_s, jittered.p95_s) == pytest.approx((0.2618, 0.6653), abs=1e-3)
    assert ideal_misses(4000, "poisson", 1.2) == 0
    assert ideal_misses(10, "poisson", 1.2) > 0.1


def scored(runs: int = 60) -> Collection:
    """Simulated hard outages at 50/s, as cells."""
    collection = Collection()
    outcomes = perform(Job("hard outage", 50, "jittered", runs, (1,)))
    collection.add("simulated", 50, "jittered", outcomes.scores)
    return collection


def test_simulated_hard_outages_are_found_and_meet_their_aims() -> None:
    """Sixty runs: each outage found, dated as well as can be, held by its intervals."""
    collection = scored()
    (cell,) = collection.cells()

    assert (cell.troubles, cell.found) == (60, 60)
    assert all(aim.met for aim in hard_aims([cell], lambda _: None))
    assert coverage_aim([cell]).met


def test_intervals_that_are_too_narrow_are_told(monkeypatch: pytest.MonkeyPatch) -> None:
    """A planted fault: intervals a tenth as wide miss the aim, with a reason."""

    def narrowed(episodes: list[Episode], *, slow: bool) -> list[Span]:
        return [
            Span(
                span.onset_s,
                tenth(span.onset_s, span.onset),
                span.recovered_s,
                tenth(span.recovered_s or 0.0, span.recovered),
            )
            for span in spans_of(episodes, slow=slow)
        ]

    monkeypatch.setattr(simulate, "spans_of", narrowed)
    (cell,) = scored().cells()
    told = coverage_aim([cell])

    assert not told.met
    assert told.why
    assert not coverage_aim([cell], quick=True).met
    assert all(aim.met for aim in hard_aims([cell], lambda _: None))


def tenth(at_s: float, ends: tuple[float | None, float | None]) -> tuple[float, float]:
    """An interval shrunk tenfold around its estimate."""
    low, high = (at_s if end is None else at_s + (end - at_s) / 10 for end in ends)
    return low, high


def test_an_estimator_that_is_off_is_told() -> None:
    """A planted fault: every onset half a slot late misses its aim; the recovery is still good."""
    collection = scored()
    late = Collection()
    for key, scores in collection.scores.items():
        moved = [replace(s, onset_error_s=(s.onset_error_s or 0) + 0.01) for s in scores]
        late.add(key.source, key.rate, key.spacing, moved)
    onset, recovery = hard_aims(late.cells(), lambda _: 0.001)

    assert not onset.met
    assert not hard_aims(late.cells(), lambda _: None, quick=True)[0].met
    assert "floor" in onset.why
    assert recovery.met


def test_a_quick_one_allows_for_chance() -> None:
    """Of an estimator that is as good as can be, quick calibrations refuse none of 200 series.

    Without the allowance, a series of 20 edges is refused in one of eleven.
    """
    chance = np.random.default_rng(4)
    grid = np.arange(0, 3, 1e-3)
    refused = {True: 0, False: 0}
    for _ in range(200):
        errors = np.interp(chance.random(20), share_within(grid, "jittered"), grid) / 50
        collection = Collection()
        scores = [Score("hard outage", found=True, onset_error_s=error) for error in errors]
        collection.add("real", 50, "jittered", scores)
        for quick in refused:
            aims = hard_aims(collection.cells(), lambda _: None, quick=quick)
            refused[quick] += not aims[0].met

    assert refused[True] == 0
    assert refused[False] > 5


def test_clean_runs_raise_no_alarm() -> None:
    """Forty runs with stray failures only: nothing reported; a planted alarm is counted."""
    assert perform(Job(None, 200, "jittered", 40, (2,))).false_alarms == 0
    assert not none_of("alarms", 1, 40, "planted").met


@pytest.mark.parametrize("shape", SHAPES)
def test_every_shape_can_be_simulated(shape: str) -> None:
    """Each trouble of each shape is found, alone, at 200/s."""
    outcomes = perform(Job(shape, 200, "jittered", 3, (5,)))

    assert all(found.found for found in outcomes.scores)
    assert outcomes.false_alarms == 0


def test_a_real_hard_outage_that_is_not_found_is_told() -> None:
    """It has no error in any table, so that nothing else would tell."""
    found, lost = (Score("hard outage", found=one) for one in (True, False))
    both, alone = Collection(), Collection()
    both.add("real", 50, "jittered", [found, lost])
    alone.add("real", 50, "jittered", [found])

    assert [aim.met for aim in hard_found(both.cells())] == [False]
    assert [aim.met for aim in hard_found(alone.cells())] == [True]
    assert hard_found(scored(4).cells()) == []


@pytest.mark.parametrize("code", ["safety_stop", "interrupted"])
def test_a_real_run_that_ended_before_its_script_is_refused(code: str) -> None:
    """What was scripted after its end would count as not found."""
    plan = builders.plan_of()
    whole = judge(plan, builders.facts(plan))
    cut = replace(whole, findings=[Finding(code, Severity.INCONCLUSIVE, "stopped")])

    refuse_cut_short(whole, Path())
    with pytest.raises(BenchmarkError, match="did not see all of its script"):
        refuse_cut_short(cut, Path())


def test_what_is_reported_is_matched_with_what_is_true() -> None:
    """Two for one, one for two, none, and one beside: none of them passes for found."""
    second = replace(TRUTH, label="hard outage/2", onset_s=20.0, recovered_s=22.0)
    span = Span(10.01, (10.0, 10.02), 13.01, (12.9, 13.1))
    both = replace(span, recovered_s=21.0)
    beside = Span(15.0, (14.9, 15.1), 16.0, (15.9, 16.1))
    perhaps = Span(13.5, (12.0, 13.6), 14.0, (13.9, 14.1))  # it may have begun within the true one
    halves = [replace(span, recovered_s=11.0), replace(span, onset_s=12.0)]

    assert [s.found for s in score([TRUTH, second], [span], None)] == [True, False]
    assert [s.found for s in score([TRUTH, second], [both], None)] == [False, False]
    assert [s.found for s in score([TRUTH], halves, None)] == [False]
    assert extra([TRUTH], [span, beside, perhaps]) == 1
    (found,) = score([TRUTH], [span], None)
    assert found.onset_error_s == pytest.approx(0.01)
    assert found.length_error_s == pytest.approx(0.0)
    assert (found.onset_held, found.recovery_held) == (True, True)


def test_the_rules_people_use() -> None:
    """A black hole of 3 s at 10/s: by end, everything is a timeout late."""
    times_s = np.arange(0.05, 30, 0.1)
    failed = (times_s >= 10) & (times_s < 13)
    ended_s = times_s + np.where(failed, 2.0, 0.01)
    found = naive_errors(TRUTH, np.inf, Answers(times_s, ended_s, failed))

    assert found["first and last failure, by end"] == pytest.approx((2.05, 1.95))
    assert found["first and last failure, by start"] == pytest.approx((0.05, -0.05))
    assert found["first failure, first success after it"] == pytest.approx((0.05, 0.05))
    assert found["1 s buckets"] == pytest.approx((0.0, 0.0))
    assert found["Locust's statistics"] == pytest.approx((3.0, 2.0))


def test_truths_of_ramps_and_stalls() -> None:
    """A ramp is recovered at 5 %, a stall one client timeout before its end."""
    (ramp,) = truths_of(SHAPES["ramp of 10 s"].at(1.0))
    (stall,) = truths_of(SHAPES["stall, then served"].at(1.0))

    assert (ramp.onset_s, ramp.recovered_s) == pytest.approx((1.0, 1 + 2 + 9.5))
    assert (stall.onset_s, stall.recovered_s) == pytest.approx((1.0, 3.0))


def test_scripts_of_real_runs_do_not_overlap() -> None:
    """Series of outages and of shapes keep the troubles apart."""
    chance = measure.random.Random(1)
    for stretches in (hard_outages(8, chance), one_of_each(SHAPES, 4.0, chance)):
        truths = truths_of(stretches)
        ends = [max(s.end_s for s in stretches if s.label == t.label) for t in truths]
        gaps = [t.onset_s - end for t, end in zip(truths[1:], ends, strict=False)]
        assert min(gaps) > 1.3
    assert len(truths) == len(SHAPES) + 3  # flapping is three, a late second outage two


def test_failed_requests_are_compared_one_by_one() -> None:
    """A failure that only one side knows is seen, even where the numbers agree."""
    plan = builders.plan_of()
    operations = builders.operations(plan, builders.during(9, 10))
    facts = builders.facts(plan, operations)
    keys = [o.key for o in operations if o.failed]
    rows = [
        {"step": "borrow", "key": key, "account": "a", "received_ns": 1, "fate": "refuse"}
        for key in keys
    ]
    good = next(o.key for o in operations if o.outcome is Outcome.APPROVED)
    swapped = [*rows[1:], {**rows[0], "key": good}]

    assert Step.BORROW == "borrow"
    assert count_failures(TargetLog((), 0, tuple(rows), ()), facts, None).exact
    found = count_failures(TargetLog((), 0, tuple(swapped), ()), facts, None)
    assert (found.run, found.only_run, found.only_target) == (found.target, 1, 1)
    assert not found.exact


def test_the_page_is_written_between_its_markers() -> None:
    """Words around the tables stay; a page without markers is refused."""
    report = tables.Report("a machine", "Little of everything.")
    report.cells = scored(3).cells()
    report.aims = [coverage_aim(report.cells)]
    report.counts = [("hard outages", 50, Count(3, 3, 0, 0, 0, 4))]
    text = tables.render(report)
    other = "<!-- simulated:begin -->\nof the other half\n<!-- simulated:end -->"
    page = f"before\n{other}\n<!-- real:begin -->\nstale figures\n<!-- real:end -->\nafter"
    written = tables.put_into(page, "real", text)

    assert written.startswith(f"before\n{other}\n")
    assert written.endswith("\nafter")
    assert "stale figures" not in written
    assert "1 of 1 aims met" in written
    assert "| hard outage" in written
    assert tables.put_into(written, "real", text) == written
    with pytest.raises(ValueError, match="needs one"):
        tables.put_into("nothing here", "real", text)


def test_the_page_has_its_markers() -> None:
    """The page in this repository can be written."""
    page = measure.PAGE.read_text(encoding="utf-8")

    assert all("new" in tables.put_into(page, half, "new") for half in measure.HALVES)


def test_scores_without_a_find_count_as_missed() -> None:
    """A trouble that was not found lowers the share found and adds no error."""
    collection = Collection()
    collection.add("real", 50, "jittered", [Score("hard outage", found=False)])
    (cell,) = collection.cells()

    assert (cell.troubles, cell.found, cell.onset) == (1, 0, None)
    assert not any(aim.met for aim in hard_aims([cell], lambda _: None))
