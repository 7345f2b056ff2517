"""What a reader of the first screen alone would take for something else."""

from dataclasses import replace

import pytest

from harness.plan.objectives import Objectives
from harness.report import sections, words
from harness.report.html import render
from harness.report.sections import objectives
from harness.verdict.catalogue import RULES
from harness.verdict.judge import judge
from harness.verdict.types import Finding, Judgement, ObjectiveResult, Severity, Verdict
from tests.builders import CUT, cut_run, during, facts, operations, plan_of
from tests.report.test_tiles import calm, named


def early() -> Verdict:
    """Every other request fails in the first five seconds of a baseline of eight; no objective."""
    plan = plan_of(objectives=Objectives())
    down = during(-1.0, 5.0)
    ops = operations(plan, lambda at_s: down(at_s) and round(at_s * 50) % 2 == 0)
    return judge(plan, facts(plan, ops))


def rows(verdict: Verdict) -> list[tuple[str, ...]]:
    """The cells of the table of objectives, with their remarks."""
    return [tuple(f"{c.text} {c.note}".strip() for c in row) for row in objectives(verdict).rows]


def test_a_red_tile_shows_the_figure_of_its_reason() -> None:
    """The failing stretch lies before the window in which nothing failed."""
    verdict = early()
    (stretch,) = verdict.episodes
    tile = named(verdict, "Failed borrow requests")

    assert (verdict.verdict, verdict.borrow.window.failed) == (Judgement.FAIL, 0)
    assert (tile.figure, tile.tone) == (str(stretch.failed), "fail")
    assert tile.notes[0] == f"of {stretch.operations} requests from the start to 5.0 s"


@pytest.mark.parametrize("code", ["false_decline", "invalid_answer", "borrowers_shut_out"])
def test_no_red_tile_shows_nought(code: str) -> None:
    """What was counted of the reason, else words."""
    found = Finding(code, Severity.FAIL, "as planted", {})
    counted = replace(found, evidence={"count": 3})

    for one, figure in ((found, "rule broken"), (counted, "3")):
        tile = named(replace(calm(), findings=[one]), "Failed borrow requests")
        assert (tile.figure, tile.notes[0]) == (figure, words.finding(code))


def test_a_missed_share_of_some_requests_has_their_count() -> None:
    """And not that of all."""
    result = ObjectiveResult(
        "indeterminate_share_max", 0.1, 0.2, 0.14, 0.27, Judgement.FAIL, part=29, whole=145
    )
    tile = named(replace(calm(), objectives=[result]), "Unknown outcome")

    assert tile.figure == "29"
    assert tile.notes[:2] == (
        "20.0 %: 29 of 145 requests while a fault was active",
        "over the limit of 10 %",
    )


def test_a_tile_counts_all_once() -> None:
    """Its figure is of the first reason, and what comes after it is not more than all."""
    plan = plan_of(CUT, objectives=Objectives(failed_outside_fault_share_max=0.001))
    bad = during(8, 13.3), during(3, 3.03), during(26, 26.03)
    ops = operations(plan, lambda at_s: any(one(at_s) for one in bad))
    outside = named(judge(plan, facts(plan, ops)), "Failed borrow requests")
    both = Objectives(failed_outside_fault_share_max=0.001, failed_share_max=0.1)
    plan = replace(plan, objectives=both)
    missed = named(judge(plan, facts(plan, ops)), "Failed borrow requests")

    told = ("0.62 %: 4 of 649 requests outside faults and recovery", "over the limit of 0.1 %")
    share = "26.7 %: 267 of 1,000 requests from the injection on"
    assert (outside.figure, outside.notes[:3]) == ("4", (*told, share))
    assert missed.figure == "267"
    assert missed.notes[:2] == ("over the limit of 10 %", share)
    assert missed.notes[-2:] == told
    for tile in (outside, missed):
        assert " ".join(tile.notes).count("in all") == 1


def test_one_stretch_is_told_once() -> None:
    """The reason has it; what happened does not say it again."""
    assert early().sentence.count("from the start to 5.0 s") == 1


def test_what_fails_a_run_has_its_row() -> None:
    """With its limit and its figure, above what was met; what else is required is one line."""
    verdict = early()
    first, second = rows(verdict)

    assert first[1:3] == ("none ever allowed", first[2])
    assert first[2].startswith(f"{verdict.episodes[0].failed} borrowing was degraded")
    assert first[4] == "missed"
    assert second[0].startswith("A steady baseline, long enough baseline_not_steady")
    assert second[2].startswith("not shown")
    assert second[2].endswith("more requests will not help (more under Findings)"), (
        "not half a clause"
    )
    assert second[4] == "not decided"
    lead = objectives(verdict).lead
    assert lead.startswith("The scenario sets no objective of its own. Required of every run, and")
    assert "no loan lost, lent twice or wrong" in lead
    assert "outage" not in lead
    assert "baseline" not in lead


def test_nothing_is_said_to_hold_that_was_not_seen() -> None:
    """Not of a run that was cut short, nor of a ledger that was not read in full."""
    for code, gone in (("interrupted", ""), ("ledger_incomplete", "no loan lost")):
        found = Finding(code, Severity.INCONCLUSIVE, "as planted", {})
        told = sections.held(replace(calm(), findings=[found]))
        assert not gone or gone not in told
        assert bool(told) == bool(gone)
    assert sections.held(calm()).count("; ") == len(sections.HELD) - 1
    assert {code for codes in sections.HELD.values() for code in codes} <= set(RULES)


def test_an_objective_met_below_the_end_of_its_interval_says_why() -> None:
    """The observed share decides; where the whole interval is within, nothing needs saying."""
    met = ObjectiveResult("failed_share_max", 0.005, 0.0, 0.0, 0.04, Judgement.PASS)
    (wide,), (narrow,) = (
        rows(replace(calm(), objectives=[replace(met, high=high)])) for high in (0.04, 0.004)
    )

    assert wide[4] == "met limit within the interval"
    assert narrow[4] == "met"


def test_a_listing_that_is_not_complete_shows_no_more_than_was_read() -> None:
    """On the tile."""
    found = Finding("ledger_incomplete", Severity.INCONCLUSIVE, "as planted", {})
    tile = named(replace(calm(), findings=[found]), "Money")

    assert (tile.figure, tile.tone) == ("not decided", "inconclusive")
    assert "none lent twice" not in " ".join(tile.notes)


def test_answers_that_stayed_slow_are_told_beside_a_recovery() -> None:
    """The requests no longer failed; that is not yet normal."""
    verdict = judge(*cut_run(plan_of(CUT), end_s=11.5))
    latency = verdict.recovery.latency
    assert latency is not None
    slow = replace(verdict.recovery, latency=replace(latency, from_heal_s=2.86, censored=False))
    notes = named(replace(verdict, recovery=slow), "Time to recover").notes

    assert notes[:2] == (
        "failures had ended by the heal",
        "answers stayed slow for 2.9 s after the heal",
    )


def test_the_hypothesis_is_called_one() -> None:
    """It is no finding."""
    run = cut_run()
    page = render(*run, replace(judge(*run), hypothesis="no borrower is harmed."))

    assert "Hypothesis: No borrower is harmed.</p>" in page


def test_every_count_of_requests_has_its_window() -> None:
    """240 loans beside 90 requests would look wrong: the first are of all the run."""
    few = judge(*cut_run())
    window = few.borrow.window
    none = calm()

    assert f"{window.failed} of the {window.operations:,} borrow requests after the injection" in (
        few.sentence
    )
    assert f"one of the {none.borrow.window.operations:,} borrow requests after the baseline" in (
        none.sentence
    )
    loans = none.reconciliation.acknowledged
    assert f"of {loans:,} confirmed in the whole run" in named(none, "Money").notes


def test_what_was_not_met_is_named_as_in_its_row() -> None:
    """Not by its code alone."""
    results = [
        ObjectiveResult("indeterminate_share_max", 0.1, 0.2, 0.14, 0.27, Judgement.FAIL),
        ObjectiveResult("latency_ms_p99_max", 100, 200, 140, 270, Judgement.FAIL),
    ]
    found = [
        Finding("objective_missed", Severity.FAIL, "as planted", {"id": one.id}) for one in results
    ]
    verdict = replace(calm(), verdict=Judgement.FAIL, objectives=results, findings=found)

    assert words.meaning(verdict) == (
        "Not met: requests with unknown outcome while a fault was active, 99th percentile of"
        " latency outside the fault."
    )
    for one, cells in zip(results, rows(verdict), strict=True):
        assert cells[0].startswith(words.objective(one.id))


@pytest.mark.parametrize("code", [code for code in RULES if "objective" not in code])
def test_what_was_seen_of_a_rule_cannot_be_read_the_other_way(code: str) -> None:
    """Of what must be: not shown; of what must never be: found."""
    found = Finding(code, Severity.FAIL, "as planted", {})
    (cells,) = objectives(replace(calm(), objectives=[], findings=[found])).rows
    seen = {"always needed": "not shown", "none ever allowed": "found"}

    assert cells[2].text == seen[cells[1].text]


def test_a_loan_is_wrong_in_the_same_words_everywhere() -> None:
    """Not as requested, or not as confirmed: a tile must not name only one of them."""
    found = Finding("corrupt", Severity.FAIL, "as planted", {"count": 2})
    ledger = replace(calm().reconciliation, corrupt=2)
    verdict = replace(calm(), findings=[found], reconciliation=ledger, verdict=Judgement.FAIL)
    said = "not as asked for or told"

    assert said in " ".join(named(verdict, "Money").notes)
    assert said in words.meaning(verdict)
    assert said in rows(verdict)[0][0]
    assert words.finding("corrupt").endswith("with other data than requested or confirmed")


def test_the_chart_explains_only_what_it_shows() -> None:
    """Grey is the warm-up: with nothing injected no shade is a fault."""
    cut, quiet = cut_run(), operations(plan_of())
    shown = render(*cut, judge(*cut))
    plan = plan_of()
    unshaded = render(plan, facts(plan, quiet), judge(plan, facts(plan, quiet)))

    assert "Between dashed lines: fault active." in shown
    assert "Row “impaired”:" in shown
    assert "fault active." not in unshaded
    assert "“impaired”" not in unshaded


def test_a_command_in_the_sentence_looks_like_one() -> None:
    """Without the marks of a terminal, and with nothing of it taken for markup."""
    run = cut_run()
    said = "To decide it: lengthen the baseline (`--baseline 5s`). <b>`x"
    page = render(*run, replace(judge(*run), sentence=said))

    assert "(<code>--baseline 5s</code>). &lt;b&gt;`x</p>" in page
