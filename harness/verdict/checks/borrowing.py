"""Checks of what borrowers met: money, answers, credit limits, objectives."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import partial

import numpy as np

from harness.core.numbers import NS_MAX
from harness.history.columns import NONE, Attempts, Operations, Words
from harness.history.events import Outcome, Step
from harness.verdict.catalogue import LOANS
from harness.verdict.checks.case import EXAMPLES_MAX, Case, fail, inconclusive, note
from harness.verdict.measure.advice import NoHelp, TooClose
from harness.verdict.money_table import DECISIONS, GRANTED, TOLD, Told, told_by
from harness.verdict.reasons import NOT_DECIDED, about
from harness.verdict.reconcile import AskedLoan
from harness.verdict.types import Finding, Judgement
from harness.verdict.units import plural

_CONTRADICTION = "; the target says that all its invariants hold, its own ledger shows otherwise"
_SELF_CHECKABLE = ("duplicated", "unbalanced")
"""What a target sees in its own ledger, without knowing what borrowers were told."""
_MONEY = {
    "lost": "confirmed to borrowers {are} missing from the ledger",
    "duplicated": "{were} paid out more than once for one request",
    "phantom": "{were} paid out or reserved although the borrower was refused",
    "corrupt": "{were} booked with other data than requested or confirmed",
    "orphan": "on the borrowers' accounts {were} never asked for",
    "unbalanced": "{have} a ledger balance that differs from the principal",
}
_THAN = {
    "amount": "asked for",
    "loan id": "the borrower was told",
    "account": "the borrower's",
    "status or payout": "the borrower was told",
}
_FOR_NOTHING = "refused for an exhausted limit that was untouched"
_Span = tuple[int, int]


def money(case: Case) -> Iterator[Finding]:
    """No loan lost, duplicated, phantom, corrupt, orphan or unbalanced, ever."""
    result, says_ok = case.reconciled.result, case.facts.ledger.says_ok
    for name in LOANS:
        count: int | None = getattr(result, name)
        if count:
            contradicts = name in _SELF_CHECKABLE and says_ok is True
            yield fail(
                name,
                _wrong_loans(case, name, count) + (_CONTRADICTION if contradicts else ""),
                count=count,
                acknowledged=result.acknowledged,
                examples=result.examples.get(name, [])[:EXAMPLES_MAX],
                target_says_ok=says_ok,
                watched_s=result.watched_s,
            )


def _wrong_loans(case: Case, name: str, count: int) -> str:
    """How many of how many loans are wrong, and how."""
    whole = case.reconciled.result.acknowledged
    if name != "lost":
        asked = {request.key for request in case.reconciled.requests}
        whole = len(asked & {loan.key for loan in case.reconciled.loans})
    meaning, differing = _MONEY[name], case.reconciled.differing if name == "corrupt" else {}
    parts = ", ".join(f"{number:,} with another {what}" for what, number in differing.items())
    if list(differing.values()) == [count]:
        (what,) = differing
        meaning, parts = f"{{were}} booked with another {what} than {_THAN[what]}", ""
    are, were, have = ("is", "was", "has") if count == 1 else ("are", "were", "have")
    told = f"{_of_loans(count, whole)} {meaning.format(are=are, were=were, have=have)}"
    return told + (f" ({parts})" if parts else "")


def _of_loans(count: int, whole: int) -> str:
    return plural(count, "loan") if count > whole else f"{count:,} of {plural(whole, 'loan')}"


def invariant_violated(case: Case) -> Iterator[Finding]:
    """The target's own rules, and that no one is lent to who must be declined."""
    ledger, reasons = case.facts.ledger, []
    violations, wrongly, beyond = list(ledger.violations), must_be_declined(case), over_limit(case)
    if violations:
        reasons.append(f"the target names {plural(len(violations), 'violation')}: {violations[0]}")
    if wrongly:
        classes = ", ".join(sorted(set(wrongly.values())))
        number = _of_loans(len(wrongly), len({one.key for one in _lent(case)}))
        reasons.append(f"{number} went to borrowers who must be declined ({classes})")
    if beyond:
        shown = any(_total(one for one in loans if one.listed) > limit for limit, loans in beyond)
        but = _CONTRADICTION if shown and ledger.says_ok is True else ""
        limit_fen, first = beyond[0]
        money = case.plan.lender.currency.text
        reasons.append(
            f"{plural(len(beyond), 'borrower')} got more than their credit limit (the first got"
            f" {money(_total(first))}, with a limit of {money(limit_fen)}){but}"
        )
    if reasons:
        keys = [key for _, loans in beyond for key in dict.fromkeys(one.key for one in loans)]
        yield fail(
            "invariant_violated",
            "; ".join(reasons),
            violations=violations[:20],
            wrongly_approved=len(wrongly),
            over_limit=len(beyond),
            examples=[*list(wrongly)[:EXAMPLES_MAX], *keys[:EXAMPLES_MAX]],
            target_says_ok=ledger.says_ok,
            watched_s=ledger.watched_s,
        )


def false_decline(case: Case) -> Iterator[Finding]:
    """A borrower who is entitled to a loan, or to log in, was refused."""
    operations = case.facts.operations
    refused = case.facts.attempts.take(case.facts.attempts.false_declined)
    for_nothing = _refused_for_nothing(case)
    borrows = operations.take(operations.false_declined).with_rows_of(for_nothing)
    if not len(refused) and not len(borrows):
        return
    kinds = _kinds(refused)
    if len(for_nothing):
        kinds[_FOR_NOTHING] = len(for_nothing)
    common = ", ".join(f"{kind} ({count})" for kind, count in kinds.most_common(3))
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
        names = ("id", "observed", "low", "high", "limit", "source")
        evidence = {name: getattr(result, name) for name in names}
        if result.verdict is Judgement.FAIL:
            missed = fail("objective_missed", about(result), **evidence)
            yield case.weighed(missed, partial(_misses, result.id))
        elif result.verdict is Judgement.INCONCLUSIVE:
            evidence["more_helps"] = not isinstance(result.reason, NoHelp)
            if "recovery" in result.id:
                evidence["recoveries"] = len(case.measured.recoveries)
            if isinstance(result.reason, TooClose):
                evidence["faults_too_close"] = True
            yield inconclusive("objective_undecided", NOT_DECIDED + about(result), **evidence)


def _misses(objective: str, case: Case) -> bool:
    return any(r.id == objective and r.verdict is Judgement.FAIL for r in case.objectives)


def remarks(case: Case) -> Iterator[Finding]:
    """What the run itself remarked."""
    for text in case.facts.status.notes:
        yield note("remark", text)


# --- what was lent to each borrower, and may be: our own sum, whatever the target says of it ------


@dataclass(frozen=True, slots=True)
class _Lent:
    """One loan and who owes it: ``listed`` in the ledger, or only acknowledged."""

    borrower: int
    key: str
    fen: int
    listed: bool


def must_be_declined(case: Case) -> dict[str, str]:
    """Keys of loans for borrowers who must be declined, with the class of the borrower.

    A loan counts that was paid out or reserved, whatever the borrower was told, and one that was
    acknowledged to the borrower, whatever became of it.
    """
    classes = {one.key: case.plan.borrowers[one.borrower].account_class for one in _lent(case)}
    return {key: str(known) for key, known in classes.items() if known.expected_decline is not None}


def over_limit(case: Case) -> list[tuple[int, list[_Lent]]]:
    """The limit, in fen, and the loans of every borrower to whom more was lent than that.

    What is in the ledger and what the borrower was told both count; an operation of unknown
    outcome counts only if the ledger has it.
    """
    by_borrower: dict[int, list[_Lent]] = defaultdict(list)
    for one in _lent(case):
        by_borrower[one.borrower].append(one)
    limited = [
        (case.plan.lender.limit_of(case.plan.borrowers[borrower].account_class), loans)
        for borrower, loans in sorted(by_borrower.items())
    ]
    return [(limit_fen, loans) for limit_fen, loans in limited if _total(loans) > limit_fen]


def _total(loans: Iterable[_Lent]) -> int:
    return sum(loan.fen for loan in loans)


def _lent(case: Case) -> list[_Lent]:
    """Every loan once: what was paid out or reserved, and what else was acknowledged.

    One loan id of one borrower is one loan, under however many keys it stands. It is owed by whose
    account it is on; without a known account, by who asked for it.
    """
    of_account = {account: index for index, account in case.facts.account_of.items()}
    of_key = {request.key: request.borrower for request in case.reconciled.requests}
    listed: dict[tuple[int, str], _Lent] = {}
    for loan in case.reconciled.loans:
        account = loan.account_ids[-1] if loan.account_ids else ""
        borrower = of_account.get(account, of_key.get(loan.key))
        if borrower is None or not loan.row.committed:
            continue
        one = _Lent(borrower, loan.key, loan.principal_fen, listed=True)
        if listed.setdefault((borrower, loan.loan_id), one).fen < one.fen:
            listed[borrower, loan.loan_id] = one
    keys = {(one.borrower, one.key) for one in listed.values()}
    told = [
        _Lent(request.borrower, request.key, request.amount_fen, listed=False)
        for request in case.reconciled.requests
        if request.told in GRANTED
        and (request.borrower, request.key) not in keys
        and (request.borrower, request.loan_id) not in listed
    ]
    return [*listed.values(), *told]


def _refused_for_nothing(case: Case) -> Operations:
    """For each borrower near their limit, the first decline for a limit that nothing was taken of.

    The limit covers each of their loans, so that only another request of theirs can excuse a
    decline: one that was granted, may have been, or was under way and may have held the limit.
    """
    lent = {one.borrower for one in _lent(case)}
    spans, requests = _spans(case), defaultdict(list)
    for request in case.reconciled.requests:
        requests[request.borrower].append(request)
    operations = case.facts.operations
    causes = Words.of(borrower.account_class.possible_decline for borrower in case.plan.borrowers)
    same = operations.decline.within(causes) == causes.codes[operations.borrower]
    declined = operations.outcome.are(Outcome.DECLINED) & same & ~operations.decline.are(None)
    found: dict[int, int] = {}
    for place in np.flatnonzero(declined).tolist():
        borrower, key = int(operations.borrower[place]), operations.key[place]
        if borrower in lent or borrower in found:
            continue
        others = [request for request in requests[borrower] if request.key != key]
        span = spans.get(key)
        if not any(_excuses(case, other, span, spans.get(other.key)) for other in others):
            found[borrower] = place
    return operations.take(np.array(list(found.values()), dtype=np.int64))


def _spans(case: Case) -> dict[str, _Span]:
    """From when to when each request was under way (monotonic, ns), all its attempts together."""
    operations = case.facts.operations
    place = case.facts.attempts.places_in(operations)
    borrows = case.facts.attempts.step.are(Step.BORROW) & (place >= 0)
    tried, place = case.facts.attempts.take(borrows), place[borrows]
    begin, end = np.full(len(operations), NS_MAX), np.full(len(operations), -NS_MAX)
    np.minimum.at(begin, place, tried.started_ns)
    np.maximum.at(end, place, tried.ended_ns)
    sent = np.unique(place)
    spans = zip(begin[sent].tolist(), end[sent].tolist(), strict=True)
    return dict(zip(operations.key[sent], spans, strict=True))


def _excuses(case: Case, other: AskedLoan, declined: _Span | None, span: _Span | None) -> bool:
    """Whether another request of a borrower may have held the limit when one was declined."""
    if other.told in (Told.DECLINED, Told.NEVER_SENT):
        return False
    apart = declined and span and (span[1] < declined[0] or declined[1] < span[0])
    if other.told is not Told.REFUSED or not apart:
        return True
    # What was refused holds nothing any more, unless it stands in the ledger all the same.
    ledger = case.facts.ledger
    listed = any(entry.idempotency_key == other.key for entry in ledger.entries)
    absent = ledger.read and ledger.complete and (listed or ledger.by_key.get(other.key) == ())
    return not absent
