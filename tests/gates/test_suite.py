"""Checks over several runs: the worst one decides, and what is missing is no pass."""

from dataclasses import replace

import pytest

from harness.report.suite import GateSuite, case_of, cases_of, names_of
from harness.verdict.types import Judgement, Severity, Verdict
from tests.gates.made import BAD, GOOD, OPEN, run_of, suite_of, verdict_of, with_finding

PASS, FAIL, UNDECIDED = Judgement.PASS, Judgement.FAIL, Judgement.INCONCLUSIVE


def open_cases(suite: GateSuite) -> dict[str, Judgement]:
    """The cases that are not met."""
    return {case.name: case.verdict for case in cases_of(suite) if case.verdict is not PASS}


@pytest.mark.parametrize(
    ("ends", "expected"),
    [
        ((GOOD, GOOD, GOOD), PASS),
        ((GOOD, OPEN, GOOD), UNDECIDED),
        ((GOOD, OPEN, BAD), FAIL),
        ((BAD, GOOD, GOOD), FAIL),
    ],
)
def test_the_worst_run_decides(ends: tuple[float, ...], expected: Judgement) -> None:
    """Of the case, and of the suite."""
    suite = suite_of(*(verdict_of(end) for end in ends))

    assert case_of(suite, "recovery_seconds_max").verdict is expected
    assert suite.verdict is expected
    assert [case.name for case in cases_of(suite)] == names_of(["recovery_seconds_max"])


def test_a_case_says_which_runs_broke_it() -> None:
    """With the figures of each, and not of those that are well."""
    case = case_of(suite_of(*map(verdict_of, (GOOD, BAD, OPEN))), "recovery_seconds_max")

    assert "run 2 of 3: borrowing took 6.0 s to recover; the limit is 2 s (95 %" in case.message
    assert "run 3 of 3: borrowing took" in case.message
    assert "run 1" not in case.message
    assert case.decides is not None
    assert case.decides.verdict is FAIL
    assert [number for number, _ in case.checks] == [1, 2, 3]


def test_a_recovery_that_was_not_seen_is_worse_than_any_that_was() -> None:
    """It has no size, which is not a size of nothing."""
    case = case_of(suite_of(*map(verdict_of, (BAD, 99.0))), "recovery_seconds_max")

    assert case.decides is not None
    assert case.decides.observed is None
    assert case.decides.verdict is FAIL


def test_a_case_that_holds_says_the_largest() -> None:
    """The worst of what was observed."""
    case = case_of(suite_of(*map(verdict_of, (13.1, 13.6))), "recovery_seconds_max")

    assert case.message.startswith("run 2 of 2: borrowing took 0.6")


def test_one_run_is_not_numbered() -> None:
    """Its check speaks for itself."""
    suite = suite_of(verdict_of(BAD))

    assert case_of(suite, "recovery_seconds_max").message.startswith("borrowing took 6.0 s")
    assert suite.sentence == verdict_of(BAD).sentence


def test_a_run_without_a_verdict_is_a_lack_of_evidence() -> None:
    """The others count as they are."""
    suite = suite_of(verdict_of(), None)

    assert open_cases(suite) == {"evidence": UNDECIDED}
    assert case_of(suite, "evidence").message == (
        "run 2 of 2 ended without a verdict, with exit code 70 (a bug)"
    )


def test_evidence_is_the_last_case() -> None:
    """Also where a later run had one objective more."""
    more = verdict_of(BAD)
    extra = replace(more, objectives=[*more.objectives, replace(more.objectives[0], id="more_max")])
    names = [case.name for case in cases_of(suite_of(verdict_of(), extra))]

    assert names == names_of(["recovery_seconds_max", "more_max"])


def test_no_verdict_at_all_is_one_case() -> None:
    """And it is open, never nothing."""
    suite = suite_of(None)

    assert [(case.name, case.verdict) for case in cases_of(suite)] == [("evidence", UNDECIDED)]
    assert "without a verdict" in suite.sentence


def test_no_run_at_all_is_open() -> None:
    """A stack that did not start, for example."""
    suite = replace(suite_of(asked=2), stopped="no port is free")

    assert open_cases(suite) == {"evidence": UNDECIDED}
    assert case_of(suite, "evidence").message == "0 of 2 runs made: no port is free"


def test_runs_that_are_missing_leave_it_open() -> None:
    """Two good ones of three that were asked for are no pass."""
    suite = replace(suite_of(verdict_of(), verdict_of(), asked=3), stopped="interrupted")

    assert open_cases(suite) == {"evidence": UNDECIDED}
    assert case_of(suite, "evidence").message == "2 of 3 runs made: interrupted"


def test_what_is_missing_comes_before_what_a_run_that_passed_says() -> None:
    """Open for want of runs, and the first sentence says so."""
    suite = suite_of(verdict_of(GOOD), asked=3)

    assert suite.verdict is Judgement.INCONCLUSIVE
    assert suite.sentence.startswith("1 of 3 runs made. Run 1 of 3: Bytes vanished on ")


def test_a_series_that_failed_early_lacks_nothing() -> None:
    """What was left out could not have made it good."""
    suite = suite_of(verdict_of(BAD), asked=3)

    assert open_cases(suite) == {"recovery_seconds_max": FAIL}


def test_a_pass_that_did_not_end_as_one_is_none() -> None:
    """The process may have died after its verdict."""
    suite = GateSuite("cut", "", 1, (run_of(1, verdict_of(), exit_code=70),))

    assert open_cases(suite) == {"evidence": UNDECIDED}
    assert case_of(suite, "evidence").message == "the run ended with exit code 70 (a bug)"


NAMED = tuple(names_of(["recovery_seconds_max"]))
"""Of the checks of a run that is judged against a time to recover."""


def test_a_check_that_is_known_beforehand_is_never_missing() -> None:
    """Where no run came to a verdict it is open, with the words of the evidence."""
    suite = replace(suite_of(None), names=NAMED)

    assert open_cases(suite) == dict.fromkeys(NAMED, UNDECIDED)
    assert {case.message for case in cases_of(suite)} == {
        "the run ended without a verdict, with exit code 70 (a bug)"
    }
    assert [case.kind for case in cases_of(suite)] == [
        case.kind for case in cases_of(suite_of(verdict_of()))
    ]


def test_a_run_that_was_judged_by_others_is_no_evidence() -> None:
    """It says nothing of any check, and leaves the evidence open beside one that does."""
    other = replace(verdict_of(), objectives=[])
    alone = replace(suite_of(other), names=NAMED)
    beside = replace(suite_of(verdict_of(), other), names=NAMED)

    said = "the scenario changed after it was collected: its run was judged by no objective"
    assert {case.message for case in cases_of(alone)} == {said}
    assert alone.verdict is UNDECIDED
    assert open_cases(beside) == {"evidence": UNDECIDED}
    assert case_of(beside, "evidence").message == f"run 2 of 2: {said}"


@pytest.mark.parametrize(
    "verdict",
    [
        verdict_of(BAD),
        verdict_of(OPEN),
        with_finding(verdict_of(), "lost", Severity.FAIL),
        with_finding(verdict_of(), "a_code_to_come", Severity.FAIL),
        with_finding(verdict_of(), "load_unfaithful", Severity.INCONCLUSIVE),
    ],
    ids=lambda verdict: verdict.findings[-1].code,
)
def test_a_suite_agrees_with_its_verdict(verdict: Verdict) -> None:
    """No gate is greener than verdict.json."""
    assert suite_of(verdict).verdict is verdict.verdict
