"""Findings about the ledger as a whole."""

from dataclasses import replace

import pytest

from harness.verdict.judge import judge
from harness.verdict.types import Judgement
from tests import builders
from tests.builders import cut_run, facts, operations, plan_of
from tests.judge.helpers import codes


def test_a_lost_loan_fails() -> None:
    """One acknowledged loan absent from the ledger is enough."""
    plan = plan_of()
    ops = operations(plan)
    full = builders.ledger(ops)
    key = ops[700].key
    rows = tuple(row for row in full.entries if row.idempotency_key != key)
    verdict = judge(plan, facts(plan, ops, ledger=replace(full, entries=rows, by_key={key: ()})))

    assert codes(verdict) == {"lost": "fail"}
    assert (
        "1 of 1,450 loans confirmed to borrowers is missing from the ledger. " in verdict.sentence
    )
    assert verdict.findings[0].evidence["examples"] == [key]
    assert verdict.findings[0].evidence["watched_s"] == verdict.reconciliation.watched_s == 10.0


def test_an_unread_ledger_is_inconclusive() -> None:
    """Without the ledger nothing is known, and the sentence says so."""
    plan, known = cut_run()
    unread = replace(known.ledger, read=False, complete=False, entries=(), error="timeout")
    verdict = judge(plan, replace(known, ledger=unread))

    assert codes(verdict)["ledger_unread"] == "inconclusive"
    assert verdict.verdict is Judgement.INCONCLUSIVE
    assert "nothing is known about lost loans" in verdict.sentence


@pytest.mark.parametrize(
    "changes", [{"complete": False, "error": "page 3"}, {"sql_disagrees": ("key",)}]
)
def test_a_doubtful_ledger_is_inconclusive(changes: dict[str, object]) -> None:
    """A listing that ended early, or that the tables contradict."""
    plan = plan_of()
    verdict = judge(plan, facts(plan, ledger=builders.ledger(operations(plan), **changes)))

    assert codes(verdict) == {"ledger_incomplete": "inconclusive"}


def test_the_targets_own_violations_fail() -> None:
    """What the target says of its own invariants counts."""
    plan = plan_of()
    reading = builders.ledger(operations(plan), violations=("I1: two loans",))
    verdict = judge(plan, facts(plan, ledger=reading))

    assert codes(verdict) == {"invariant_violated": "fail"}
    assert "The target names 1 violation: I1: two loans. " in verdict.sentence
