"""Workflow commands: one line each, nothing that could be taken for another."""

import re

from harness.report.markdown import ERRORS_MAX, annotations
from harness.report.suite import GateSuite
from harness.verdict.types import Severity
from tests.gates.made import BAD, HOSTILE, OPEN, suite_of, verdict_of, with_finding

COMMAND = re.compile(r"::error (?:file=[^,:\r\n]*,)?title=[^,:\r\n]*::[^\r\n]*")


def lines_of(*suites: GateSuite) -> list[str]:
    """The lines, each a whole command."""
    lines = annotations(suites)
    assert [line for line in lines if not COMMAND.fullmatch(line)] == []
    return lines


def test_a_pass_has_none() -> None:
    """Nothing to look at."""
    assert lines_of(suite_of(verdict_of())) == []


def test_a_failure_is_an_error_at_its_scenario() -> None:
    """With its name and its figures."""
    (line,) = lines_of(suite_of(verdict_of(BAD)))

    assert line.startswith(
        "::error file=scenarios/cut.py,title=lendchaos cut%3A recovery_seconds_max missed::"
    )
    assert "::borrowing took 6.0 s to recover; the limit is 2 s (95 %25 interval" in line


def test_what_is_not_decided_is_an_error_too() -> None:
    """It ends the job with 3, and people look for errors."""
    (line,) = lines_of(suite_of(verdict_of(OPEN)))

    assert line.startswith("::error file=scenarios/cut.py,title=")
    assert "recovery_seconds_max not decided" in line


def test_a_line_says_nothing_twice() -> None:
    """Its title has the name of the check, its message what was seen and what was required."""
    (line,) = lines_of(suite_of(with_finding(verdict_of(), "corrupt", Severity.FAIL)))

    assert line.endswith(
        "cut%3A corrupt missed::as planted. Required: Every loan is as it was asked for and told."
    )


def test_hostile_text_makes_no_command() -> None:
    """A line of its own would be obeyed by the runner."""
    verdict = with_finding(verdict_of(), "corrupt", Severity.FAIL, HOSTILE)
    (line,) = lines_of(suite_of(verdict, name="a,b:c\n::add-mask::x"))

    assert "\n" not in line
    assert " ::error::no & %250A" in line
    assert "%0A" not in line
    assert "a%2Cb%3Ac %3A%3Aadd-mask%3A%3Ax" in line


def test_more_than_are_shown_are_counted() -> None:
    """The runner would drop the eleventh in silence."""
    suites = [suite_of(verdict_of(BAD), name=f"cut{number}") for number in range(14)]
    lines = lines_of(*suites, suite_of(verdict_of(OPEN)))

    assert len(lines) == ERRORS_MAX
    assert "and 6 more" in lines[-1]
