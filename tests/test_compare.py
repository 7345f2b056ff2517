"""Runs compared: claims only by evidence, and everything that is no evidence said so."""

import json
import math
import re
from collections.abc import Callable
from dataclasses import replace
from typing import Any

import numpy as np
import pytest

from harness.core.errors import UsageError
from harness.report.archive import Stored
from harness.report.compare import comparison_text as told
from harness.report.compare.compared_figures import FIGURES, Value
from harness.report.compare.comparison import (
    Claim,
    ComparedFigure,
    Comparison,
    _judged,
    compare,
)
from harness.report.compare.comparison_text import render, value_text, warnings
from harness.verdict.types import Severity
from tests.verdicts import stored_of, verdict_of, with_finding

NEVER = math.inf


def runs(count: int, first: int = 1, **changes: Any) -> list[Stored]:
    """So many runs, each a little different; a callable gives the value of each."""
    return [
        stored_of(
            first + n, **{k: v(n) if callable(v) else v for k, v in changes.items()}
        )
        for n in range(count)
    ]  # fmt: skip


def rising(start: float, step: float = 0.001) -> Callable[[int], float]:
    """Values of runs that are alike."""
    return lambda n: start + step * n


def alike(count: int, first: int = 1, **changes: Any) -> list[Stored]:
    """Runs of one and the same service."""
    return runs(count, first, **{"share": rising(0.2), "recovery_s": rising(0.3), **changes})


def result_of(comparison: Comparison, name: str) -> ComparedFigure:
    """The result of one figure."""
    return next(r for r in comparison.results if r.figure.name == name)


def plain(text: str) -> str:
    """Text without its line ends."""
    return " ".join(text.split())


# --- chance --------------------------------------------------------------------------------------


def drawn(chance: np.random.Generator, count: int, shifts: dict[str, float]) -> tuple[Value, ...]:
    """Values far more scattered than the least shift that matters."""
    (shift,) = shifts.values()
    return tuple(Value(float(v)) for v in chance.lognormal(8, 0.5, count) * (1 + shift))


def claims(seed: int, these: int, before: int, planted: dict[str, float]) -> list[ComparedFigure]:
    """What is claimed of five figures that have nothing to do with each other."""
    chance = np.random.default_rng(seed)
    results = [
        ComparedFigure(
            figure,
            drawn(chance, these, {figure.name: planted.get(figure.name, 0.0)}),
            drawn(chance, before, {figure.name: 0.0}),
            Claim.NONE,
        )
        for figure in FIGURES
    ]
    return [r for r in _judged(results) if r.claim is not Claim.NONE]


@pytest.mark.parametrize(("these", "before"), [(5, 5), (5, 10)])
def test_alike_runs_give_few_claims(these: int, before: int) -> None:
    """In at most 5 % of 300 comparisons, over all five figures together."""
    false = sum(bool(claims(seed, these, before, {})) for seed in range(300))

    assert false / 300 <= 0.05


def test_a_planted_regression_is_found() -> None:
    """Four times as long, in one figure of five: in nearly all of 50 comparisons, and no other."""
    found = [claims(seed, 5, 10, {"recovery_s": 3.0}) for seed in range(50)]
    right = [c for c in found if any(r.figure.name == "recovery_s" for r in c)]

    assert len(right) >= 45
    assert all(r.claim is Claim.REGRESSION for c in right for r in c
               if r.figure.name == "recovery_s")  # fmt: skip
    assert sum(len(c) > 1 for c in found) <= 3


def test_without_the_correction_there_would_be_more() -> None:
    """The same alike runs by their raw p: the check above can fail."""
    chance = np.random.default_rng(1)
    false = 0
    for _ in range(150):
        alone = [
            _judged([ComparedFigure(f, drawn(chance, 5, {"": 0.0}), drawn(chance, 10, {"": 0.0}),
                            Claim.NONE)])
            for f in FIGURES
        ]  # fmt: skip
        false += any(r.claim is not Claim.NONE for results in alone for r in results)

    assert false / 150 > 0.10


# --- claims --------------------------------------------------------------------------------------


def test_a_regression_of_whole_runs() -> None:
    """Five against five, all slower: found, with size, effect and chance, and the others not."""
    found = compare(alike(5, 20, recovery_s=rising(2.0)), alike(5), "main")

    (worse,) = found.regressions
    assert worse.figure.name == "recovery_s"
    assert worse.test is not None
    assert worse.test.shift == pytest.approx(1.7, abs=0.01)
    assert worse.p is not None
    assert worse.test.p < worse.p < 0.05
    (line,) = [w for w in warnings(found) if "REGRESSION" in w]
    assert line.startswith("warning: REGRESSION of recovered after the heal: shift +1.7 s")
    assert "100 % of all pairs" in line
    assert "REGRESSION" in render(found)


@pytest.mark.parametrize("counts", [(4, 10), (10, 4), (1, 1), (4, 4)])
def test_fewer_than_five_claim_nothing(counts: tuple[int, int]) -> None:
    """However bad they look: both lists, medians and largest, and what it takes."""
    found = compare(alike(counts[0], 20, recovery_s=9.0), alike(counts[1]), "main")
    text = plain(render(found))

    assert found.regressions == []
    assert not found.decides
    assert all(r.test is None for r in found.results)
    assert "new: median 9.0 s, largest 9.0 s" in text
    assert "main: median 0.30 s" in text
    assert f"{counts[0]} against {counts[1]} runs: too few for a conclusion" in text
    assert "It takes at least 5 against 5" in text
    assert "in 1 of 126 cases (two-sided p = 0.008)" in text


def test_the_smallest_chance_is_said() -> None:
    """Of 5 against 5, and what is left of it after the correction."""
    said = told.what_it_can_show(
        compare(alike(5, 20, wait_ms=rising(20)), alike(5, wait_ms=rising(20)))
    )

    assert "the smallest p that they can give is 0.008 (two-sided Mann-Whitney)" in said
    assert "No conclusion does not mean that nothing has changed" in said


def test_no_claim_says_how_many_runs_would_do() -> None:
    """A shift that matters takes more runs; one that does not is not shown by any number."""
    found = compare(alike(5, 20, recovery_s=rising(2.0, 1.0)), alike(5, recovery_s=rising(1, 1)))
    text = plain(render(found))

    assert result_of(found, "recovery_s").claim is Claim.NONE
    assert re.search(r"[0-9]+ runs of each suffice in 9 of 10 comparisons, if the shift", text)
    same = plain(render(compare(alike(5, 20), alike(5))))
    assert "suffice" not in same
    few = compare(alike(5, 20, share=rising(0.2005, 0.001)), alike(5, share=rising(0.2, 0.001)))
    assert "; more runs will not help, if the shift is the one seen" in plain(render(few))


def test_a_better_service_is_claimed_by_the_same_evidence() -> None:
    """An improvement is no warning."""
    found = compare(alike(5, 20), alike(5, recovery_s=rising(2.0)), "main")

    assert result_of(found, "recovery_s").claim is Claim.IMPROVEMENT
    assert warnings(found) == []


def test_one_lucky_run_is_no_improvement() -> None:
    """Nor is one unlucky run a regression."""
    odd = [*alike(4, 20), stored_of(30, share=0.2, recovery_s=0.0)]
    bad = [*alike(4, 20), stored_of(30, share=0.2, recovery_s=9.0)]

    assert {r.claim for r in compare(odd, alike(10)).results} == {Claim.NONE}
    assert {r.claim for r in compare(bad, alike(10)).results} == {Claim.NONE}


def test_a_sure_but_small_shift_does_not_matter() -> None:
    """Every run 0.1 s slower: beyond chance, below the least that matters, and said so."""
    found = compare(alike(5, 20, recovery_s=rising(0.4)), alike(5), "main")
    result = result_of(found, "recovery_s")

    assert result.claim is Claim.SMALL
    assert result.worth == 0.25
    assert "a difference too small to matter: shift +0.10 s" in plain(render(found))
    assert found.regressions == []


def test_what_matters_grows_with_the_baseline() -> None:
    """Where recoveries take a minute, half a second more is no reason to act."""
    slow = compare(alike(5, 20, recovery_s=rising(60.5)), alike(5, recovery_s=rising(60)))

    assert result_of(slow, "recovery_s").worth == pytest.approx(6.0, abs=0.01)
    assert result_of(slow, "recovery_s").claim is Claim.SMALL


def test_runs_that_never_recovered_rank_above_all_others() -> None:
    """Five of them are a regression without a size."""
    found = compare(alike(5, 20, recovery_s=None), alike(5), "main")
    result = result_of(found, "recovery_s")

    assert result.claim is Claim.REGRESSION
    assert result.test is not None
    assert result.test.shift == NEVER
    assert "shift beyond measure" in plain(render(found))
    assert "largest not seen" in render(found)
    assert "more than 14.5 s" in render(found)


def test_runs_that_never_recovered_are_tied_with_each_other() -> None:
    """All of both sides: no difference, and not a word of infinity in the JSON."""
    found = compare(alike(5, 20, recovery_s=None), alike(5, recovery_s=None))
    body = json.loads(told.to_json(found))

    assert result_of(found, "recovery_s").test is None
    assert "no difference: all runs have the same value" in plain(render(found))
    figure = body["these"]["runs"][0]["figures"]["recovery_s"]
    assert figure == {"value": None, "low": 14.5, "high": None, "censored": True}


def test_ties_are_no_evidence() -> None:
    """Nine equal runs and one odd one: p is one."""
    found = compare([*runs(4, 20), stored_of(30, share=0.5)], runs(5))
    result = result_of(found, "failed_share")

    assert result.test is not None
    assert result.test.p == 1.0
    assert result.claim is Claim.NONE


# --- what is no evidence -------------------------------------------------------------------------


@pytest.mark.parametrize("code", ["interrupted", "load_unfaithful", "safety_stop"])
def test_a_run_without_evidence_is_shown_and_left_out(code: str) -> None:
    """Five with one of them are four, and who they are is said."""
    invalid = stored_of(24, recovery_s=9.0)
    invalid = replace(invalid, verdict=with_finding(invalid.verdict, code, Severity.INCONCLUSIVE))
    found = compare([*alike(4, 20), invalid], alike(5), "main")

    assert len(found.these.runs) == 5
    assert len(found.these.counted) == 4
    assert not found.decides
    assert any("run0024 is left out" in line for line in warnings(found))


def test_a_failed_run_counts() -> None:
    """Leaving the bad ones out would be the way to a good result."""
    failed = replace(stored_of(24), verdict=with_finding(verdict_of(24), "not_recovered"))
    found = compare([*alike(4, 20), failed], alike(5))

    assert len(found.these.counted) == 5


def test_several_scenarios_are_refused() -> None:
    """They are named."""
    with pytest.raises(UsageError, match="cut, kill"):
        compare(alike(5), alike(5, 20, scenario="kill"))
    with pytest.raises(UsageError, match="no runs"):
        compare([], [])


def with_settings(stored: Stored, **changes: Any) -> Stored:
    """The same run made under other settings."""
    return replace(stored, settings={**(stored.settings or {}), **changes})


def test_other_conditions_are_told_and_nothing_is_claimed() -> None:
    """A longer fault makes more failures; nobody is to blame for it."""
    these = [with_settings(s, fault_s=9.0) for s in alike(5, 20, recovery_s=9.0)]
    found = compare(these, alike(5), "main")

    assert found.not_alike == ("fault: 9 s in new; 5 s in main",)
    assert found.regressions == []
    assert not found.decides
    told = "warning: not comparable, so there is no conclusion: fault: 9 s in new; 5 s in main"
    assert told in warnings(found)
    assert "no conclusion: the runs are not comparable" in render(found)


@pytest.mark.parametrize(
    ("change", "told"),
    [
        ({"load": {"rate_asked": 30.0}}, "rate: 30 arrivals/s in new"),
        ({"load": {"request_timeout_s": 5.0}}, "request timeout: 5 s in new"),
        ({"faults": []}, "faults: none in new"),
    ],
)
def test_conditions_are_known_from_the_verdict_alone(change: dict[str, Any], told: str) -> None:
    """Where the plan is gone, rate, timeout and faults still tell."""
    verdict = verdict_of(20)
    if "load" in change:
        verdict = replace(verdict, load=replace(verdict.load, **change["load"]))
    else:
        verdict = replace(verdict, **change)
    (found,) = compare([Stored(verdict)], alike(1), "main").not_alike

    assert found.startswith(told)


def test_another_service_is_what_is_compared() -> None:
    """It is told, and claims are made all the same."""
    found = compare(alike(5, 20, service="naive", recovery_s=9.0), alike(5), "main")

    assert found.tested == ("service: naive in new; tuned in main",)
    assert [r.figure.name for r in found.regressions] == ["recovery_s"]


def test_money_is_told_and_never_compared() -> None:
    """One lost loan is a line of its own, also in a run that is left out."""
    verdict = verdict_of(20)
    lost = replace(verdict, reconciliation=replace(verdict.reconciliation, lost=2, phantom=1))
    invalid = with_finding(lost, "interrupted", Severity.INCONCLUSIVE)
    found = compare([Stored(invalid), *alike(5, 30)], alike(5), "main")

    assert "warning: MONEY: 2 lost, 1 phantom in run0020" in warnings(found)
    assert not any(name in {r.figure.name for r in found.results} for name in ("lost", "phantom"))


def test_side_by_side_says_what_so_many_show() -> None:
    """Without a baseline: every run, and the bound of the median."""
    found = compare(alike(3))
    text = plain(render(found))

    assert text.startswith("cut: 3 runs side by side")
    assert "upper bound of its median in runs like these with 87.5 % confidence" in text
    assert all(stored.verdict.run_id in text for stored in alike(3))
    assert "0.30 s (0.25 s to 0.40 s)" in text


def test_a_figure_measured_in_too_few_runs_decides_nothing() -> None:
    """Five runs, of which one has no recovery: that figure cannot be tested."""
    verdict = verdict_of(24)
    blank = replace(verdict, recovery=replace(verdict.recovery, from_heal_s=None, confirmed=False))
    found = compare([*alike(4, 20), Stored(blank)], alike(5), "main")

    assert result_of(found, "recovery_s").test is None
    assert "no conclusion: measured in 4 against 5 runs" in plain(render(found))
    assert not found.decides


def test_a_recovery_that_was_not_needed_counts_as_nought() -> None:
    """The service took it without a failure."""
    verdict = verdict_of(1)
    whole = replace(verdict.recovery, from_heal_s=None, from_heal_s_low=None, confirmed=True)
    found = compare([Stored(replace(verdict, recovery=whole))])

    assert [v.size for v in result_of(found, "recovery_s").these] == [0.0]


def test_json_holds_all_of_it() -> None:
    """For a program: claims, chances, values with their intervals, no NaN."""
    body = json.loads(told.to_json(compare(alike(5, 20, recovery_s=rising(2.0)), alike(5), "main")))
    (figure,) = [f for f in body["figures"] if f["name"] == "recovery_s"]

    assert body["schema"] == "lendchaos.comparison/1"
    assert body["regressions"] == ["recovery_s"]
    assert figure["claim"] == "regression"
    assert figure["test"]["p"] == pytest.approx(0.0079, abs=0.0001)
    assert body["baseline"]["name"] == "main"
    assert len(body["these"]["runs"]) == 5


def test_a_hostile_name_stays_on_its_line() -> None:
    """A run id with an end of line and a control character forges no warning."""
    found = compare([stored_of(1, run_id="x\nwarning: REGRESSION\x1b[2J")])
    lines = render(found).splitlines()

    assert not any(line.startswith("warning: REGRESSION") for line in lines)
    assert "\x1b" not in render(found)


@pytest.mark.parametrize(
    ("low_s", "told"), [(None, "not seen"), (-0.8, "not seen"), (0.0, "not seen"), (4.2, "4.2 s")]
)
def test_a_recovery_that_was_not_seen_is_no_more_than_at_once(
    low_s: float | None, told: str
) -> None:
    """It was not under way before its heal."""
    (recovery,) = [figure for figure in FIGURES if figure.name == "recovery_s"]
    shown = value_text(recovery, Value(None, low_s, censored=True))

    assert told in shown
    assert "at once" not in shown
