"""The first screen: what failed is red, an early recovery reads at once, and counts agree."""

import re
from dataclasses import replace
from functools import cache
from typing import Any

import pytest

from harness.apps.locust.locustfile import hypothesis_of
from harness.core.money import YUAN
from harness.history.events import Outcome
from harness.history.reader import Facts
from harness.plan.objectives import KINDS, Objectives
from harness.plan.plan import Plan
from harness.report import html, impairment_table, sections, terminal_text, words
from harness.report.junit import to_xml
from harness.report.markdown import annotations, summary
from harness.report.tables import Tile
from harness.report.tiles import tiles
from harness.verdict import series
from harness.verdict.catalogue import LOANS, MONEY
from harness.verdict.judge import judge
from harness.verdict.types import Finding, Judgement, ObjectiveResult, Severity, Verdict
from tests.builders import CUT, attempt, cut_run, during, facts, operations, plan_of
from tests.gates.made import suite_of
from tests.report.test_html import page


@cache
def calm() -> Verdict:
    """Nothing was injected and nothing failed."""
    plan = plan_of()
    return judge(plan, facts(plan))


def named(verdict: Verdict, name: str) -> Tile:
    """The tile with this name."""
    (found,) = [tile for tile in tiles(None, verdict, YUAN) if tile.name == name]
    return found


def red(verdict: Verdict) -> list[str]:
    """The names of the red tiles."""
    return [tile.name for tile in tiles(None, verdict) if tile.tone == "fail"]


def test_money_in_order_is_neutral() -> None:
    """It promises nothing in green, and says of how many loans it speaks."""
    tile = named(calm(), "Money")

    assert (tile.figure, tile.tone) == ("0 wrong", "")
    assert tile.notes[:2] == (
        "no loan lost, none lent twice, none wrong",
        "of 1,450 confirmed in the whole run",
    )
    assert red(calm()) == []


@pytest.mark.parametrize("code", MONEY)
def test_whatever_is_wrong_with_the_money_turns_its_tile_red(code: str) -> None:
    """With how many, how and how much."""
    found = Finding(code, Severity.FAIL, "3 of 90 loans are wrong", {"count": 3})
    counts: dict[str, Any] = {code: 3} if code in LOANS else {}
    ledger = replace(calm().reconciliation, principal_at_risk_fen=123_400, **counts)
    verdict = replace(calm(), findings=[found], reconciliation=ledger)

    assert red(verdict) == ["Money"]
    assert named(verdict, "Money").figure == ("3 wrong" if counts else "rule broken")
    first, second, *_ = named(verdict, "Money").notes
    assert first.startswith("3 ") if counts else first == words.finding(code)
    assert second == "1,234.00 yuan at risk, their whole amount"


@pytest.mark.parametrize(
    ("wrong", "figure"),
    [
        ({"lost": 2, "duplicated": 3}, "3 wrong"),
        ({"phantom": 2, "corrupt": 3}, "5 wrong"),
        ({"corrupt": 4, "unbalanced": 3, "orphan": 2}, "6 wrong"),
        ({"corrupt": 30, "unbalanced": 25}, "at least 30 wrong"),
        ({"lost": 7, "corrupt": 21, "duplicated": 5, "orphan": 1}, "at least 29 wrong"),
    ],
    ids=str,
)
def test_a_loan_that_is_wrong_in_two_ways_is_counted_once(
    wrong: dict[str, int], figure: str
) -> None:
    """Its key tells; where not all keys are kept, it is a lower bound, in words."""
    counts: dict[str, Any] = dict(wrong)
    examples = {kind: [f"key{n}" for n in range(min(count, 20))] for kind, count in wrong.items()}
    examples |= {"phantom": ["other1", "other2"]} if "phantom" in wrong else {}
    ledger = replace(calm().reconciliation, examples=examples, **counts)
    found = [Finding(code, Severity.FAIL, "as planted", {"count": wrong[code]}) for code in wrong]
    verdict = replace(calm(), findings=found, reconciliation=ledger)

    assert named(verdict, "Money").figure == figure


@pytest.mark.parametrize("identifier", KINDS)
def test_the_tile_of_a_missed_objective_is_red(identifier: str) -> None:
    """One of the five where it is what it shows, else one of its own; with the limit."""
    result = ObjectiveResult(identifier, 0.1, 0.4, 0.3, 0.5, Judgement.FAIL)
    verdict = replace(calm(), objectives=[result])
    (name,) = red(verdict)

    assert "limit of " in " ".join(named(verdict, name).notes) or "; the limit is " in " ".join(
        named(verdict, name).notes
    )
    met = replace(verdict, objectives=[replace(result, verdict=Judgement.PASS)])
    assert red(met) == []


@pytest.mark.parametrize("code", ["outage", "degraded", "borrowers_shut_out", "false_decline"])
def test_failures_that_fail_a_run_by_themselves_are_red(code: str) -> None:
    """All objectives are met, and still it is no amber."""
    verdict = replace(calm(), findings=[Finding(code, Severity.FAIL, "as planted", {})])

    assert red(verdict) == ["Failed borrow requests"]


@pytest.mark.parametrize(
    ("condition", "name"),
    [
        ("failed_budget", "Failed borrow requests"),
        ("failed_surge", "Failed borrow requests"),
        ("double_disbursement", "Money"),
        ("principal_at_risk_fen", "Money"),
    ],
)
def test_the_tile_of_what_stopped_a_run_is_red(condition: str, name: str) -> None:
    """As its section is open."""
    found = Finding("safety_stop", Severity.FAIL, "as planted", {"condition": condition})
    verdict = replace(calm(), findings=[found])

    assert red(verdict) == [name]
    assert html.stays_open("reconciliation", verdict, ()) == (name == "Money")
    assert ("no loan lost" in sections.held(verdict)) == (name != "Money")


def test_a_service_that_stays_impaired_without_a_fault_is_red() -> None:
    """That it is not seen to recover may be all that fails a run."""
    plan = plan_of(objectives=Objectives(failed_share_max=0.9))
    verdict = judge(plan, facts(plan, operations(plan, during(14.0, 99.0))))
    alone = [one for one in verdict.findings if one.code == "not_recovered"]
    told = replace(verdict, findings=alone)

    assert [one.verdict for one in alone] == [Severity.FAIL]
    assert red(told) == ["Time to recover"]
    assert named(told, "Time to recover").figure == "to the end"


# --- an early recovery -----------------------------------------------------------------------


def test_an_early_recovery_reads_the_same_everywhere() -> None:
    """It came 1.5 s before the heal: at once, and never a negative time."""
    plan = plan_of(CUT, objectives=Objectives(recovery_seconds_max=5))
    run = cut_run(plan, end_s=11.5)
    verdict = judge(*run)
    suite = suite_of(verdict)
    shown = terminal_text.render(verdict, "", color=False)
    texts = [verdict.sentence, shown, page((*run, verdict)).text, summary([suite]), to_xml([suite])]

    assert -1.6 < (verdict.recovery.from_heal_s or 0) < -1.4
    assert named(verdict, "Time to recover").figure == "at once"
    for text in texts:
        assert "at once" in text
        assert not re.search(r"-\d+\.\d+ s|-1\.\d", text.split("Borrowing over time")[0])
    assert 'name="run1.recovery_seconds" value="0.0"' in to_xml([suite])
    assert "1.5 s before the heal" not in verdict.sentence
    run_ = series.run_of(1, 1, 0, "x", verdict)
    assert "at once" in series.render(series.series_of("cut", 1, (run_,), None))


def test_an_early_recovery_that_is_open_is_annotated_without_a_sign() -> None:
    """The interval begins at once, too."""
    plan = plan_of(CUT, rate=5, objectives=Objectives(recovery_seconds_max=0.05))
    verdict = judge(*cut_run(plan, end_s=12.9))
    (line,) = [one for one in annotations([suite_of(verdict)]) if "recovery_seconds_max" in one]

    assert "borrowing recovered at once" in line
    assert not re.search(r"-\d", line.split("::")[-1])


def test_it_is_no_interval_that_begins_and_ends_at_once() -> None:
    """Nothing is said twice."""
    early = replace(calm().recovery, from_heal_s=-0.4, from_heal_s_low=-0.6, from_heal_s_high=-0.2)
    notes = named(replace(calm(), recovery=early), "Time to recover").notes

    assert "interval" not in " ".join(notes)


# --- counts ----------------------------------------------------------------------------------


@cache
def busy() -> tuple[Plan, Facts, Verdict]:
    """Failures before the injection and after it, of unknown outcome before and after."""
    plan = plan_of(CUT, log_in_share=0.3)
    ops = operations(plan, lambda at_s: 7.9 <= at_s < 13.3 or 3.0 <= at_s < 3.03)
    some = [
        replace(op, outcome=Outcome.INDETERMINATE) if op.failed and op.arrival % 3 == 0 else op
        for op in ops
    ]
    known = facts(plan, tuple(some))
    return plan, known, judge(plan, known)


def numbers(pattern: str, text: str) -> set[tuple[str, ...]]:
    """What stands for the groups of a pattern, wherever it is found."""
    found = re.findall(pattern, text)
    return {one if isinstance(one, tuple) else (one,) for one in found}


SAME = [
    r"([\d,]+) of (?:the )?([\d,]+)(?: requests)? (?:from the injection on|after the injection)",
    r"([\d.]+ %)(?:: [\d,]+ of [\d,]+ requests from the injection|\) and [\d,]+ before it)",
    r"([\d,]+) (?:more before the injection|before it)",
    r"Unknown outcome (\d+) of|ledger settles them (\d+)|([\d,]+) with unknown outcome",
    r"([\d,]+) borrow requests after the warm-up",
    r"([\d,]+) (?:borrow requests failed, |failed after the warm-up)",
]


@pytest.mark.parametrize("pattern", SAME)
def test_counts_with_the_same_words_are_the_same(pattern: str) -> None:
    """On one page, in its terminal verdict and in its summary."""
    _, _, verdict = busy()
    shown = " ".join(terminal_text.render(verdict, "", color=False).split())
    texts = [page(busy()).text, shown, summary([suite_of(verdict)]).replace("\\", "")]
    found = [numbers(pattern, text) for text in texts]

    assert {"".join(one) for every in found for one in every} != set()
    assert len({"".join(one) for every in found for one in every}) == 1, found


def test_the_first_figure_is_the_one_that_its_share_is_of() -> None:
    """What failed before the injection is told beside it."""
    _, _, verdict = busy()
    window = verdict.borrow.window
    tile = named(verdict, "Failed borrow requests")

    assert verdict.borrow.failed > window.failed
    assert tile.figure == str(window.failed)
    assert f"{window.failed} of 1,000 requests from the injection on" in tile.notes[0]


def test_figures_for_programs_have_one_window_or_name_it() -> None:
    """``failed`` of ``operations`` is ``failed_share``."""
    _, _, verdict = busy()
    text = to_xml([suite_of(verdict)])
    known = dict(re.findall(r'name="run1\.([a-z_.]+)" value="([\d.]+)"', text))

    share = float(known["failed"]) / float(known["operations"])
    assert share == pytest.approx(float(known["failed_share"]))
    assert int(known["after_warm_up.failed"]) == verdict.borrow.failed
    assert int(known["after_warm_up.operations"]) == verdict.borrow.operations
    assert int(known["after_warm_up.indeterminate"]) == verdict.borrow.indeterminate


def test_failures_of_a_phase_have_their_base() -> None:
    """And add up to those after the warm-up."""
    _, known, verdict = busy()
    rows = impairment_table.phases_failed(known, verdict).rows
    failed, whole = ([int(row[n].text.replace(",", "")) for row in rows] for n in (2, 3))

    assert sum(failed) == verdict.borrow.failed
    assert sum(whole) == verdict.borrow.operations


def test_slow_answers_do_not_claim_that_borrowing_worked() -> None:
    """Where requests failed meanwhile."""
    (episode,) = judge(*cut_run()).episodes
    slow = replace(episode, class_="slow", failed=107, operations=166)
    plan, known = cut_run()
    verdict = judge(plan, known)

    def kind(failed: int) -> str:
        shown = replace(verdict, episodes=[replace(slow, failed=failed)])
        return impairment_table.episodes(shown).rows[0][0].text

    assert kind(107) == "slow: answers came late"
    assert kind(0) == "slow: borrowing worked, but answers came late"
    assert "borrowing worked" not in html.render(plan, known, replace(verdict, episodes=[slow]))


# --- what was tested, and what was answered ----------------------------------------------------


def test_the_whole_text_of_a_scenario_says_what_was_tested() -> None:
    """A hypothesis may refer to what stands before it."""
    plan, known, verdict = busy()
    said = hypothesis_of("Bytes vanish.\n\nHypothesis: borrowers are told so\nin time.\n")
    shown = html.render(plan, known, replace(verdict, hypothesis=said))

    assert "Bytes vanish. Hypothesis: borrowers are told so in time.</p>" in shown


def test_an_answer_is_told_with_its_status() -> None:
    """As the target's own log has it."""
    plan = plan_of(CUT)
    ops = operations(plan, during(8.0, 13.0), code="pool_timeout")
    told = tuple(
        attempt(op, status=503, code="pool_timeout") if op.failed else attempt(op) for op in ops
    )
    (row,) = impairment_table.answers(facts(plan, ops, attempts=told)).rows

    assert [cell.text for cell in row] == ["borrow", "503 pool_timeout", "failed", "250"]
