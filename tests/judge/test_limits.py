"""What was lent against the limit: our own sum, whatever the target says of itself."""

from dataclasses import replace
from typing import Any

import pytest

from harness.history.events import Ending, Operation, Outcome
from harness.history.reader import Facts
from harness.plan.decline import Decline
from harness.plan.plan import Plan
from harness.verdict.judge import judge
from harness.verdict.types import Judgement, Verdict
from tests import builders
from tests.builders import facts, operations, plan_of
from tests.judge.helpers import codes

SAYS_OTHERWISE = "its own ledger shows otherwise"


@pytest.fixture
def plan() -> Plan:
    """A run with borrowers near their limit."""
    return plan_of(population="mixed")


def pair(plan: Plan) -> tuple[int, int]:
    """The two arrivals of the first borrower near their limit, after the warm-up."""
    second = next(
        a.index for a in plan.arrivals if a.at_s > 1 and builders.is_second_of_pair(plan, a.index)
    )
    return second - 1, second


def with_pair(plan: Plan, first: dict[str, Any], second: dict[str, Any]) -> tuple[Operation, ...]:
    """All goes well, but the two operations of one pair are changed."""
    changes = dict(zip(pair(plan), (first, second), strict=True))
    return tuple(replace(op, **changes.get(op.arrival, {})) for op in operations(plan))


GRANTED = {"outcome": Outcome.APPROVED, "decline": None}
REVIEWED = {"outcome": Outcome.REFERRED, "decline": None}
DECLINED = {"outcome": Outcome.DECLINED, "decline": Decline.CREDIT}
UNKNOWN = {"outcome": Outcome.INDETERMINATE, "decline": None}
FAILED = {"outcome": Outcome.FAILED, "decline": None}


def verdict_of(plan: Plan, ops: tuple[Operation, ...], **ledger: Any) -> Verdict:
    """The verdict on these operations, with a ledger that holds what was granted."""
    known: Facts = facts(plan, ops)
    return judge(plan, replace(known, ledger=builders.ledger(ops, **ledger)))


@pytest.mark.parametrize(("first", "second"), [(GRANTED, DECLINED), (DECLINED, GRANTED)])
def test_one_of_two_is_right_in_either_order(
    plan: Plan, first: dict[str, Any], second: dict[str, Any]
) -> None:
    """Whoever comes first takes the limit; the other is rightly declined."""
    verdict = verdict_of(plan, with_pair(plan, first, second))

    assert (verdict.verdict, codes(verdict)) == (Judgement.PASS, {})


@pytest.mark.parametrize("second", [GRANTED, REVIEWED])
def test_two_of_two_break_the_limit(plan: Plan, second: dict[str, Any]) -> None:
    """Paid out or reserved for review, both together exceed it."""
    verdict = verdict_of(plan, with_pair(plan, GRANTED, second), says_ok=True)

    assert codes(verdict) == {"invariant_violated": "fail"}
    (finding,) = verdict.findings
    assert finding.evidence["over_limit"] == 1
    assert "1 borrower got more than their credit limit" in verdict.sentence
    assert SAYS_OTHERWISE in finding.message


def test_what_borrowers_were_told_is_enough(plan: Plan) -> None:
    """Both were told that they have a loan: no ledger has to say so, and none is contradicted."""
    ops = with_pair(plan, GRANTED, GRANTED)
    verdict = verdict_of(plan, ops, read=False, entries=(), says_ok=True)

    assert codes(verdict) == {"invariant_violated": "fail", "ledger_unread": "inconclusive"}
    assert not any(SAYS_OTHERWISE in finding.message for finding in verdict.findings)


def test_a_loan_of_unknown_outcome_counts_if_the_ledger_has_it(plan: Plan) -> None:
    """The borrower never heard of it; it was lent all the same."""
    ops = with_pair(plan, GRANTED, UNKNOWN)
    rows = (*builders.ledger(ops).entries, builders.entry(ops[pair(plan)[1]]))

    assert codes(verdict_of(plan, ops)) == {}
    assert codes(verdict_of(plan, ops, entries=rows)) == {"invariant_violated": "fail"}


def test_a_loan_that_is_listed_under_another_key_counts_once(plan: Plan) -> None:
    """What the borrower was told of, and the row on their account, are one loan."""
    ops = with_pair(plan, GRANTED | {"loan_id": "loan-told"}, DECLINED)
    rows = list(builders.ledger(ops).entries)
    (at,) = (i for i, row in enumerate(rows) if row.idempotency_key == ops[pair(plan)[0]].key)
    rows[at] = replace(rows[at], loan_id="loan-told", idempotency_key="nobody's")
    verdict = verdict_of(plan, ops, entries=tuple(rows))

    assert "invariant_violated" not in codes(verdict)


def test_a_loan_that_stands_under_two_keys_counts_once(plan: Plan) -> None:
    """The same loan id: a wrong row, and no second loan."""
    ops = with_pair(plan, GRANTED, DECLINED)
    rows = builders.ledger(ops).entries
    (row,) = (row for row in rows if row.idempotency_key == ops[pair(plan)[0]].key)
    again = replace(row, idempotency_key="nobody's")
    verdict = verdict_of(plan, ops, entries=(*rows, again))

    assert codes(verdict) == {"corrupt": "fail", "orphan": "fail"}


def judged_pair(
    plan: Plan,
    first: dict[str, Any],
    second: dict[str, Any] | None = None,
    *,
    apart: bool = True,
    sent: bool = True,
    **ledger: Any,
) -> dict[str, str]:
    """What is found where the second of a pair is declined, and the first came to ``first``.

    It is sent after the first was answered (``apart``), or while the first is under way.
    """
    ops = with_pair(plan, first, second or DECLINED)
    begins = {True: 0.05, False: 0.01}[apart]
    attempts = []
    for op in (op for op in ops if op.attempts):
        made = builders.attempt(op, sent=sent or op.arrival != pair(plan)[0])
        if op.arrival == pair(plan)[1]:
            began_ns = ops[op.arrival - 1].intended_ns + round(begins * 1e9)
            made = replace(made, started_ns=began_ns, ended_ns=began_ns + 10**7)
        attempts.append(made)
    known = facts(plan, ops, attempts=tuple(attempts), ledger=builders.ledger(ops, **ledger))
    found = codes(judge(plan, known))
    return {code: found[code] for code in found if code not in ("load_unfaithful", "outage")}


NEVER_BEGUN = FAILED | {"ending": Ending.DROPPED, "attempts": 0}
FALSE_DECLINE = {"false_decline": "fail"}


@pytest.mark.parametrize("apart", [True, False])
def test_a_decline_beside_an_unsettled_loan_is_right(plan: Plan, apart: bool) -> None:
    """The other request may have held the limit for a while: no false alarm."""
    assert judged_pair(plan, UNKNOWN, apart=apart) == {}


def test_a_decline_beside_a_refusal_under_way_is_right(plan: Plan) -> None:
    """Both at once: the first may have held the limit until it was refused."""
    assert judged_pair(plan, FAILED, apart=False) == {}


def test_a_decline_after_a_refusal_is_wrong(plan: Plan) -> None:
    """The borrower was told that nothing was applied; what it held is held still."""
    assert judged_pair(plan, FAILED) == FALSE_DECLINE


@pytest.mark.parametrize(
    ("first", "sent"), [(FAILED, False), (NEVER_BEGUN, True)], ids=["refused", "dropped"]
)
@pytest.mark.parametrize("apart", [True, False])
def test_a_decline_beside_what_was_never_sent_is_wrong(
    plan: Plan, first: dict[str, Any], sent: bool, apart: bool
) -> None:
    """Nothing can be held for a request of which no byte left, at whatever moment."""
    assert judged_pair(plan, first, sent=sent, apart=apart) == FALSE_DECLINE


def test_a_decline_beside_a_loan_that_stands_is_right(plan: Plan) -> None:
    """Refused, and lent all the same: that is wrong, and takes the limit."""
    row = builders.entry(builders.operation(plan, pair(plan)[0]))
    rows = (*builders.ledger(with_pair(plan, FAILED, DECLINED)).entries, row)

    assert judged_pair(plan, FAILED, entries=rows) == {"phantom": "fail"}


@pytest.mark.parametrize("changes", [{"read": False, "entries": ()}, {"complete": False}])
def test_what_a_ledger_does_not_show_excuses_a_decline(plan: Plan, changes: dict[str, Any]) -> None:
    """The refused loan may stand where nobody could look."""
    assert "false_decline" not in judged_pair(plan, FAILED, **changes)


def test_an_answer_by_key_that_is_not_clear_excuses_a_decline(plan: Plan) -> None:
    """Nobody knows whether the refused loan stands."""
    ops = with_pair(plan, FAILED, DECLINED)
    key = ops[pair(plan)[0]].key
    answers = builders.ledger(ops).by_key | {key: None}

    assert "false_decline" not in judged_pair(plan, FAILED, by_key=answers)


def test_two_declines_are_one_too_many(plan: Plan) -> None:
    """Each loan was within the limit, and nothing was taken from it."""
    verdict = verdict_of(plan, with_pair(plan, DECLINED, DECLINED))

    assert codes(verdict) == {"false_decline": "fail"}
    assert verdict.findings[0].evidence["count"] == 1


def test_a_declined_loan_in_the_ledger_takes_nothing(plan: Plan) -> None:
    """A row that keeps a decline is no loan."""
    ops = with_pair(plan, GRANTED, DECLINED)
    kept = builders.entry(ops[pair(plan)[1]], status="declined", disbursements=0)
    kept = replace(kept, ledger_balance_fen=0)
    rows = (*builders.ledger(ops).entries, kept)

    assert codes(verdict_of(plan, ops, entries=rows)) == {}


@pytest.mark.parametrize(
    ("code", "changes"),
    [("unbalanced", {"ledger_balance_fen": 0}), ("duplicated", {"disbursements": 2})],
)
@pytest.mark.parametrize(("says_ok", "told"), [(True, True), (False, False), (None, False)])
def test_a_target_that_calls_a_broken_ledger_sound_is_contradicted(
    plan: Plan, code: str, changes: dict[str, Any], says_ok: bool | None, told: bool
) -> None:
    """The finding says that the target's own word and its own listing disagree."""
    rows = list(builders.ledger(operations(plan)).entries)
    rows[5] = replace(rows[5], **changes)
    verdict = verdict_of(plan, operations(plan), entries=tuple(rows), says_ok=says_ok)
    (finding,) = [f for f in verdict.findings if f.code == code]

    assert (SAYS_OTHERWISE in finding.message) is told
    assert finding.evidence["target_says_ok"] is says_ok
