"""`lendchaos explain`: an entry is found however its code is written, and near ones are offered."""

import re

import pytest

from harness.apps.cli.explaining import find
from harness.core.errors import UsageError
from harness.verdict.catalogue import CATALOGUE


@pytest.mark.parametrize(
    ("asked", "code"),
    [("lost", "lost"), ("LOST", "lost"), ("not-recovered", "not_recovered"), ("exit-3", "3")],
)
def test_a_code_may_be_written_in_other_ways(asked: str, code: str) -> None:
    """Capitals and dashes are no reason to say no."""
    assert find(asked).code == code


@pytest.mark.parametrize("code", CATALOGUE)
def test_an_entry_has_what_the_catalogue_says(code: str) -> None:
    """Every part of it, and what decides an open run at the end of what to do."""
    found, row = find(code), CATALOGUE[code]

    assert (found.kind, found.meaning, found.docs) == (row.kind, row.title, row.docs)
    assert (found.weight, found.decided, found.causes) == (row.weight, row.decided, row.causes)
    assert found.next_step.startswith(row.more)
    assert found.next_step.endswith(f"{row.advice}." if row.advice else row.more)


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
