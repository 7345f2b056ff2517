"""A run that failed begins with why, in every place alike; an undecided one with what to change."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache

import pytest

from harness.history.events import Outcome
from harness.history.reader import Facts
from harness.plan.objectives import KINDS
from harness.plan.plan import Objectives, Plan
from harness.report import html, terminal_text, words
from harness.report.junit import to_xml
from harness.report.markdown import annotations, escaped, summary
from harness.verdict.catalogue import FINDINGS
from harness.verdict.checks import borrowing, impairment
from harness.verdict.checks.case import Case, fail, inconclusive
from harness.verdict.checks.sentence import sentence
from harness.verdict.judge import judge
from harness.verdict.measure.measurement import measure
from harness.verdict.reconcile import reconcile
from harness.verdict.types import Episode, Finding, Judgement, ObjectiveResult, Verdict, to_json
from tests.builders import CUT, cut_run, during, entry, facts, ledger, operations, plan_of
from tests.gates.made import suite_of

Told = tuple[Plan, Facts, str]
"""A run, and how the reason reads for which it failed or is undecided."""
CODES = sorted(FINDINGS)
LIMITS = {  # the limit, what was observed, and how it begins
    "recovery_seconds_max": (5.0, 7.3, "Borrowing took 7.3 s to recover; the limit is 5 s"),
    "failed_share_max": (0.1, 0.214, "21.4 % of borrow requests failed; the limit is 10 %"),
    "failed_outside_fault_share_max": (0.005, 0.02, "2.0 % of borrow requests failed outside"),
    "indeterminate_share_max": (0.1, 0.2, "20.0 % of borrow requests had an unknown outcome while"),
    "impaired_episodes_max": (1, 3, "Outages and degraded stretches: 3; the limit is 1"),
    "latency_ms_p99_max": (500, 812, "The 99th percentile of latency outside faults was 812 ms"),
    "latency_recovery_seconds_max": (5.0, 7.3, "Latency took 7.3 s to recover; the limit is 5 s"),
    "grey_failure_seconds_max": (1.0, 3.2, "Health checks stayed green for 3.2 s while borrowing"),
    "lost_service_seconds_max": (2.0, 4.3, "4.3 s of service were lost; the limit is 2 s"),
    "attempts_per_operation_max": (1.2, 1.8, "Attempts for each borrow request while a fault was"),
    "affected_borrowers_share_max": (0.2, 0.35, "35.0 % of borrowers were affected by failures"),
    "slow_episodes_max": (0, 2, "Stretches of slow answers: 2; the limit is 0"),
    "decision_shift_share_max": (0.05, 0.12, "The share of one kind of decision moved by 12.0 %"),
}


@cache
def undisturbed() -> Case:
    """A run in which all goes well."""
    plan = plan_of()
    known = facts(plan)
    return Case(plan, known, measure(plan, known), reconcile(plan, known))


def told(*findings: Finding) -> str:
    """The sentence of an undisturbed run that came to these findings."""
    return sentence(undisturbed(), list(findings))


@pytest.mark.parametrize("code", CODES)
def test_a_failure_begins_with_its_reason(code: str) -> None:
    """Whatever the finding: its text with its number comes first, and it is told once."""
    said = told(fail(code, "7 of 90 loans are wrong"))

    assert said.startswith("7 of 90 loans are wrong. Nothing was injected: none of the 1,")
    assert said.count("7 of 90") == 1


@pytest.mark.parametrize("code", CODES)
def test_an_undecided_run_begins_with_why_and_what_to_change(code: str) -> None:
    """The advice is an order, not a question."""
    said = told(inconclusive(code, "7 of 90 requests are too few"))

    assert said.startswith("7 of 90 requests are too few. To decide it: ")
    assert ". Nothing was injected: " in said


def test_money_comes_before_availability_and_the_rest_is_counted() -> None:
    """The first two in full; a failure before what is only open."""
    said = told(
        inconclusive("load_unfaithful", "late"), fail("outage", "down"), fail("degraded", "half"),
        fail("lost", "9 of 90 lost"), fail("objective_missed", "21 % failed", id="x"),
    )  # fmt: skip

    assert said.startswith("9 of 90 lost; also: down (and 2 more reasons). ")
    assert "late" not in said


def test_a_long_reason_leaves_room_for_the_rest() -> None:
    """The findings have it all."""
    said = told(fail("lost", "word " * 500))

    assert len(said) < 600
    assert "Nothing was injected" in said


@pytest.mark.parametrize("identifier", KINDS)
def test_each_missed_objective_is_told_with_its_figure_and_limit(identifier: str) -> None:
    """Not by its name alone."""
    limit, observed, begins = LIMITS[identifier]
    said = missing(ObjectiveResult(identifier, limit, observed, None, None, Judgement.FAIL))

    assert said.startswith(begins)
    assert "; the limit is " in said.split(". Nothing was injected")[0]


@pytest.mark.parametrize("identifier", KINDS)
def test_each_undecided_objective_says_why_and_what_to_change(identifier: str) -> None:
    """With and without a figure."""
    limit, observed, begins = LIMITS[identifier]
    result = ObjectiveResult(
        identifier, limit, observed, None, None, Judgement.INCONCLUSIVE, "because"
    )

    assert missing(result).startswith(f"Not decided: {begins[0].lower()}{begins[1:]}")
    for one in (result, replace(result, observed=None)):
        assert "(because). To decide it: " in missing(one)


def missing(result: ObjectiveResult) -> str:
    """The sentence of an undisturbed run that came to this result."""
    case = replace(undisturbed(), objectives=(result,))
    return sentence(case, list(borrowing.objectives(case)))


# --- the same in every place -----------------------------------------------------------------


def truncated(plan: Plan) -> Facts:
    """Nothing failed, and every loan was booked one yuan short."""
    ops = operations(plan)
    rows = [replace(entry(o), principal_fen=o.amount_fen - 100) for o in ops]
    granted = {o.key for o in ops if o.outcome in (Outcome.APPROVED, Outcome.REFERRED)}
    kept = tuple(row for row in rows if row.idempotency_key in granted)
    return facts(plan, ops, ledger=ledger(ops, entries=kept))


def money() -> Told:
    """Nothing was injected, nothing failed, and all loans are wrong."""
    plan = plan_of()
    known = truncated(plan)
    count = len(known.ledger.entries)
    of = f"{count:,} of {count:,} loans"
    return plan, known, f"{of} were booked with another amount than asked for"


def missed() -> Told:
    """More failed than was allowed."""
    plan = plan_of(CUT, objectives=Objectives(failed_share_max=0.1))
    return *cut_run(plan), "26.5 % of borrow requests failed; the limit is 10 %"


def degraded() -> Told:
    """All objectives are met, and a stretch that nothing accounts for fails the run."""
    plan = plan_of(CUT, objectives=Objectives(recovery_seconds_max=10))
    bad = during(8.0, 13.3)
    stray = during(24.5, 26.5)
    ops = operations(plan, lambda at_s: bad(at_s) or (stray(at_s) and round(at_s * 50) % 2 == 0))
    return plan, facts(plan, ops), "borrowing was degraded from 24."


def undecided() -> Told:
    """Too little load."""
    plan = plan_of(rate=5)
    return (
        plan,
        facts(plan),
        "the baseline is too short: 40 borrow requests, 221 are needed",
    )


@pytest.mark.parametrize("made", [money, missed, degraded, undecided])
def test_the_reason_is_the_same_in_every_place(made: Callable[[], Told]) -> None:
    """In the sentence, on the page, in the terminal, in JSON, JUnit, annotation and summary."""
    plan, known, reason = made()
    verdict: Verdict = judge(plan, known)
    suite = [suite_of(verdict)]

    assert verdict.verdict is (Judgement.INCONCLUSIVE if made is undecided else Judgement.FAIL)
    assert verdict.sentence.startswith(reason[0].upper() + reason[1:])
    assert json.loads(to_json(verdict))["sentence"] == verdict.sentence
    page = html.render(plan, known, verdict)
    head = re.sub("</?code>", "`", page.split("</header>")[0])  # a command looks like one there
    assert words.unbroken(verdict.sentence)[:150] in head
    shown = " ".join(terminal_text.render(verdict, "", color=False).split())
    assert verdict.sentence[:150] in shown
    assert escaped(verdict.sentence[:150]) in summary(suite)
    for text in (shown, annotations(suite)[0].replace("%25", "%"), to_xml(suite)):
        assert reason.lower() in text.lower()


# --- slow answers ----------------------------------------------------------------------------


def test_a_slow_stretch_says_how_many_failed_in_it_and_that_borrowing_was_impaired() -> None:
    """Late answers around an outage are no borrowing that worked."""
    plan, known = cut_run()
    measured = measure(plan, known)
    (outage,) = measured.episodes
    slow = replace(
        outage, class_="slow", onset_s=10.1, recovered_s=13.5, failed=107, operations=166
    )
    calm = replace(slow, onset_s_low=20.0, onset_s=20.1, recovered_s=21.0, failed=0)

    def said(*episodes: Episode) -> str:
        case = replace(undisturbed(), measured=replace(measured, episodes=list(episodes)))
        return next(iter(impairment.episodes(case))).message

    assert said(slow, outage) == (
        "answers were slow from 10.1 s to 13.5 s (107 of 166 requests failed meanwhile, in part"
        " while borrowing was impaired)"
    )
    assert said(slow).endswith("(107 of 166 requests failed meanwhile)")
    assert said(calm, outage).startswith("answers were slow from 20.")
    assert "failed" not in said(calm, outage)
