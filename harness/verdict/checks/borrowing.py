"""Checks of what borrowers met: money, answers, impairments, objectives."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator
from typing import Any

import numpy as np

from harness.history.columns import NONE, Attempts
from harness.history.events import Step
from harness.verdict.catalogue import LOANS
from harness.verdict.checks.case import EXAMPLES_MAX, Case, fail, note, plural
from harness.verdict.checks.credit_limits import (
    loans_lent,
    must_be_declined,
    over_limit,
    refused_for_nothing,
)
from harness.verdict.measure.advice import NoHelp
from harness.verdict.money_table import DECISIONS, GRANTED, TOLD, Told, told_by
from harness.verdict.reasons import NOT_DECIDED, about
from harness.verdict.types import Finding, Judgement, Weight
from harness.verdict.units import yuan

CONTRADICTION = "; the target says that all its invariants hold, its own ledger shows otherwise"
SELF_CHECKABLE = ("duplicated", "unbalanced")
"""What a target sees in its own ledger, without knowing what borrowers were told."""

_MONEY = {
    "lost": "confirmed to borrowers {are} missing from the ledger",
    "duplicated": "{were} paid out more than once for one request",
    "phantom": "{were} paid out or reserved although the borrower was refused",
    "corrupt": "{were} booked otherwise than asked for or told",
    "orphan": "on the borrowers' accounts {were} never asked for",
    "unbalanced": "{have} a ledger balance that differs from the principal",
}
_THAN = {
    "amount": "asked for",
    "loan id": "the borrower was told",
    "account": "the borrower's",
    "status or payout": "the borrower was told",
}
_FOR_NOTHING = "borrow for a limit that nothing was taken from"


def money(case: Case) -> Iterator[Finding]:
    """No loan lost, duplicated, phantom, corrupt, orphan or unbalanced, ever."""
    result = case.reconciled.result
    for name in LOANS:
        count: int | None = getattr(result, name)
        if count:
            contradicts = name in SELF_CHECKABLE and case.facts.ledger.says_ok is True
            yield fail(
                name,
                _wrong_loans(case, name, count) + (CONTRADICTION if contradicts else ""),
                count=count,
                acknowledged=result.acknowledged,
                examples=result.examples.get(name, [])[:EXAMPLES_MAX],
                target_says_ok=case.facts.ledger.says_ok,
                watched_s=result.watched_s,
            )


def _wrong_loans(case: Case, name: str, count: int) -> str:
    """How many of how many loans are wrong, and how."""
    asked = {request.key for request in case.reconciled.requests}
    booked = len(asked & {loan.key for loan in case.reconciled.loans})
    number = _of_loans(count, case.reconciled.result.acknowledged if name == "lost" else booked)
    meaning = _MONEY[name]
    differing = dict(case.reconciled.differing) if name == "corrupt" else {}
    if len(differing) == 1 and count in differing.values():
        (what,) = differing
        meaning = f"{{were}} booked with another {what} than {_THAN[what]}"
        differing = {}
    are, were, have = ("is", "was", "has") if count == 1 else ("are", "were", "have")
    parts = ", ".join(f"{number:,} with another {what}" for what, number in differing.items())
    with_others = f" ({parts})" if parts else ""
    return f"{number} {meaning.format(are=are, were=were, have=have)}{with_others}"


def _of_loans(count: int, whole: int) -> str:
    return plural(count, "loan") if count > whole else f"{count:,} of {plural(whole, 'loan')}"


def invariant_violated(case: Case) -> Iterator[Finding]:
    """The target's own rules, and that nobody is lent to who must be declined."""
    violations = list(case.facts.ledger.violations)
    wrongly = must_be_declined(case)
    reasons = []
    if violations:
        reasons.append(f"the target names {plural(len(violations), 'violation')}: {violations[0]}")
    if wrongly:
        classes = ", ".join(sorted(set(wrongly.values())))
        number = _of_loans(len(wrongly), loans_lent(case))
        reasons.append(f"{number} went to borrowers who must be declined ({classes})")
    beyond = over_limit(case)
    if beyond:
        shown = any(one.listed_fen > one.limit_fen for one in beyond)
        contradicts = shown and case.facts.ledger.says_ok is True
        reasons.append(
            f"{plural(len(beyond), 'borrower')} got more than their credit limit (the first got"
            f" {yuan(beyond[0].lent_fen)}, with a limit of {yuan(beyond[0].limit_fen)})"
            + (CONTRADICTION if contradicts else "")
        )
    if reasons:
        yield fail(
            "invariant_violated",
            "; ".join(reasons),
            violations=violations[:20],
            wrongly_approved=len(wrongly),
            over_limit=len(beyond),
            examples=list(wrongly)[:EXAMPLES_MAX]
            + [key for one in beyond for key in one.keys][:EXAMPLES_MAX],
            target_says_ok=case.facts.ledger.says_ok,
            watched_s=case.facts.ledger.watched_s,
        )


def false_decline(case: Case) -> Iterator[Finding]:
    """A borrower who is entitled to a loan, or to log in, was refused."""
    operations = case.facts.operations
    refused = case.facts.attempts.take(case.facts.attempts.false_declined)
    for_nothing = refused_for_nothing(case)
    borrows = operations.take(operations.false_declined).with_rows_of(for_nothing)
    if not len(refused) and not len(borrows):
        return
    kinds = _kinds(refused)
    if len(for_nothing):
        kinds[_FOR_NOTHING] = len(for_nothing)
    common = ", ".join(f"{kind} ({count})" for kind, count in kinds.most_common(3))
    common = common.replace(_FOR_NOTHING, "refused for an exhausted limit that was untouched")
    count = len(np.union1d(refused.arrival, borrows.arrival))
    asked = int((~operations.dropped).sum())
    yield fail(
        "false_decline",
        f"{count:,} of all {plural(asked, 'request')} {'was' if count == 1 else 'were'} refused"
        f" although the borrower was entitled to it{': ' + common if common else ''}",
        count=count,
        kinds=dict(kinds),
        classes=dict(Counter(borrows.account_class.texts.tolist())),
        examples=borrows.key[:EXAMPLES_MAX].tolist(),
    )


def _kinds(attempts: Attempts) -> Counter[str]:
    """How often each step was answered how."""
    status = (None if one == NONE else one for one in attempts.status.tolist())
    answers = zip(attempts.step.texts, status, attempts.code.texts, strict=True)
    return Counter(" ".join(map(str, answer)) for answer in answers)


def invalid_answer(case: Case) -> Iterator[Finding]:
    """A success that breaks the contract."""
    broken = case.facts.attempts.take(case.facts.attempts.invalid_answer)
    if len(broken):
        kinds = _kinds(broken)
        yield fail(
            "invalid_answer",
            f"{plural(len(broken), 'successful answer')} broke the contract ({', '.join(kinds)})",
            count=len(broken),
            kinds=dict(kinds),
            examples=[key for key in broken.key if key][:EXAMPLES_MAX],
        )


def replay_unstable(case: Case) -> Iterator[Finding]:
    """Repeating a borrow under its key must bring the same decision, and name the same loan."""
    borrows = case.facts.attempts.take(case.facts.attempts.step.are(Step.BORROW))
    decisions: dict[str, set[Told]] = defaultdict(set)
    loans: dict[str, set[str]] = defaultdict(set)
    for key, code, loan_id in zip(borrows.key, told_by(borrows), borrows.loan_id, strict=True):
        if key and TOLD[code] in DECISIONS:
            decisions[key].add(TOLD[code])
        if key and TOLD[code] in GRANTED and loan_id:
            loans[key].add(loan_id)
    other_decision = [key for key, found in decisions.items() if len(found) > 1]
    other_loan = [key for key, found in loans.items() if len(found) > 1]
    unstable = list(dict.fromkeys(other_loan + other_decision))
    if unstable:
        yield fail(
            "replay_unstable",
            f"{plural(len(unstable), 'request')} got another loan or another decision when"
            " repeated under its key",
            count=len(unstable),
            other_loan=len(other_loan),
            other_decision=len(other_decision),
            examples=unstable[:EXAMPLES_MAX],
        )


def objectives(case: Case) -> Iterator[Finding]:
    """Every objective met; one that cannot be decided leaves the run undecided."""
    for result in case.objectives:
        if result.verdict is Judgement.PASS:
            continue
        missed = result.verdict is Judgement.FAIL
        spoilt = case.excuse(_misses(result.id)) if missed else ""
        decides: dict[str, Any] = {"more_helps": not isinstance(result.reason, NoHelp)}
        if "recovery" in result.id:
            decides["recoveries"] = len(case.measured.recoveries)
        yield Finding(
            "objective_missed" if missed else "objective_undecided",
            Weight.FAIL if missed and not spoilt else Weight.INCONCLUSIVE,
            ("" if missed else NOT_DECIDED) + about(result) + (f"; but {spoilt}" if spoilt else ""),
            {
                "id": result.id,
                "observed": result.observed,
                "low": result.low,
                "high": result.high,
                "limit": result.limit,
                "source": result.source,
                **({} if missed else decides),
            },
        )


def _misses(objective: str) -> Callable[[Case], bool]:
    """Whether a run misses this objective."""

    def fails(case: Case) -> bool:
        return any(r.id == objective and r.verdict is Judgement.FAIL for r in case.objectives)

    return fails


def remarks(case: Case) -> Iterator[Finding]:
    """What the run itself remarked."""
    for text in case.facts.status.notes:
        yield note("remark", text)
