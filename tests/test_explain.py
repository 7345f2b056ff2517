"""`lendchaos explain`: every code that can be met has an entry, and no entry is of a dead code."""

import ast
import re
from pathlib import Path

import pytest

from harness.core.codes import INVARIANTS
from harness.core.errors import UsageError
from harness.core.exit_codes import ExitCode
from harness.plan.objectives import KINDS
from harness.plan.stop_conditions import STOP_KINDS
from harness.report import words
from harness.report.explain.entries import ENTRIES, FINDINGS, Entry, EntryKind, find
from harness.report.run_checks import CheckKind as Check
from harness.verdict.checks import borrowing, impairment

ROOT = Path(__file__).parent.parent
MAKERS = {"Finding", "fail", "inconclusive", "note", "weigh"}
"""Whoever is called with a code first makes a finding."""
NAMED_ELSEWHERE = {
    ("borrowing.py", "name"): set(borrowing._MONEY),
    ("impairment.py", "episode.class_"): set(impairment._STATE),
    ("case.py", "code"): set(),
}
"""Codes that are not written where the finding is made: the file, the expression, what it can be.
In case.py the makers themselves hand on what they are given."""


def codes_in(source: str, file: str) -> set[str]:
    """Every code that a finding can be made with in this text.

    Raises:
        AssertionError: a code is neither a word nor one of those named elsewhere.
    """
    found: set[str] = set()
    for node in ast.walk(ast.parse(source)):
        name = getattr(node.func, "id", "") if isinstance(node, ast.Call) else ""
        if not isinstance(node, ast.Call) or name not in MAKERS or not node.args:
            continue
        first = node.args[0]
        either = (first.body, first.orelse) if isinstance(first, ast.IfExp) else (first,)
        for part in either:
            if isinstance(part, ast.Constant):
                found.add(str(part.value))
            else:
                place = (file, ast.unparse(part))
                assert place in NAMED_ELSEWHERE, f"{place}: which codes can that be?"
                found |= NAMED_ELSEWHERE[place]
    return found


def all_codes() -> set[str]:
    """Those of the whole harness."""
    found: set[str] = set()
    for path in (ROOT / "harness").rglob("*.py"):
        text = path.read_text(encoding="utf-8")
        if "Finding" in text:
            found |= codes_in(text, path.name)
    return found


def test_every_finding_that_can_be_made_is_explained_and_no_other() -> None:
    """The codes are read from the syntax tree, so none is forgotten and none outlives its check."""
    assert {entry.code for entry in FINDINGS} == all_codes()


def test_a_new_code_would_be_found() -> None:
    """A planted finding without an entry is seen, in each way in which one is written."""
    planted = """
def check(case):
    yield fail("brand_new", "text")
    yield Finding("this_one" if case else "or_that_one", weight, "text", {})
    yield weigh("weighed", "text")
"""
    found = codes_in(planted, "planted.py")

    assert found == {"brand_new", "this_one", "or_that_one", "weighed"}
    assert not found & set(ENTRIES)


def test_a_code_that_cannot_be_read_is_an_error() -> None:
    """Made of other words at run time it would slip through."""
    with pytest.raises(AssertionError, match="which codes can that be"):
        codes_in("def check(case):\n    yield note(case.made_up, 'text')\n", "planted.py")


@pytest.mark.parametrize(
    ("kind", "expected"),
    [
        (EntryKind.INVARIANT, set(INVARIANTS)),
        (EntryKind.OBJECTIVE, set(KINDS)),
        (EntryKind.STOP, {*STOP_KINDS, "watch_failed"}),
        (EntryKind.CHECK, {Check.OTHER.value, Check.EVIDENCE.value}),
        (EntryKind.EXIT, {str(int(code)) for code in ExitCode}),
    ],
    ids=lambda value: str(value) if isinstance(value, EntryKind) else "",
)
def test_everything_else_that_has_a_name_is_explained(kind: EntryKind, expected: set[str]) -> None:
    """Neither less nor more than there is of each kind."""
    assert {entry.code for entry in ENTRIES.values() if entry.kind is kind} == set(expected)


@pytest.mark.parametrize("entry", ENTRIES.values(), ids=lambda entry: entry.code)
def test_an_entry_says_everything(entry: Entry) -> None:
    """Whole sentences, a page that exists, and no other code that there is not."""
    for text in (entry.weight, entry.decided, entry.causes, entry.next_step):
        assert len(text) > 10
        assert text.endswith((".", ")"))
        assert "  " not in text
        named = set(re.findall(r"`([a-z0-9_]+)`", text))
        assert named <= {*ENTRIES, "baseline"}
    assert not entry.meaning.endswith(".")
    assert not entry.docs or (ROOT / entry.docs).is_file()


def test_no_code_has_two_entries() -> None:
    """One word, one meaning."""
    kinds = [
        entry
        for entry in ENTRIES.values()
        if entry.kind in (EntryKind.INVARIANT, EntryKind.FINDING)
    ]

    assert len(kinds) == len(FINDINGS)


def test_the_words_are_those_of_the_report() -> None:
    """Who comes from a report finds the phrase that stood there."""
    differ = [entry.code for entry in FINDINGS if entry.meaning != words.finding(entry.code)]

    assert differ == []


def test_no_finding_of_the_report_is_unexplained() -> None:
    """Every code that the report has words for."""
    assert set(words._FINDINGS) - set(ENTRIES) == set()


@pytest.mark.parametrize(
    ("asked", "code"),
    [("lost", "lost"), ("LOST", "lost"), ("not-recovered", "not_recovered"), ("exit-3", "3")],
)
def test_a_code_may_be_written_in_other_ways(asked: str, code: str) -> None:
    """Capitals and dashes are no reason to say no."""
    assert find(asked).code == code


@pytest.mark.parametrize(
    ("asked", "near"),
    [
        ("losst", "lost"),
        ("latency", "latency_ms_p99_max"),
        ("grey", "grey_failure"),
        ("ledger", "ledger_unread"),
    ],
)
def test_what_is_near_is_offered(asked: str, near: str) -> None:
    """By likeness, or because it contains what was asked for."""
    with pytest.raises(UsageError, match=re.escape(near)):
        find(asked)


def test_what_is_like_nothing_is_told_so() -> None:
    """With the way to see all."""
    with pytest.raises(UsageError, match="`lendchaos explain` lists all"):
        find("zzzzzz")
