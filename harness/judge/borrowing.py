"""Checks of what borrowers met: money, answers, impairments, objectives."""

from collections import Counter, defaultdict
from collections.abc import Callable, Iterator

from harness.events import Step
from harness.judge.case import EXAMPLES_MAX, Case, fail, note, plural
from harness.judge.limits import must_be_declined, over_limit, refused_for_nothing
from harness.told import DECISIONS, GRANTED, Told, told_by
from harness.verdict import Finding, Judgement, ObjectiveResult, Weight
from harness.verdict.beside import places_beside
from harness.verdict.spans import decimals

CONTRADICTION = "; the target says that all its invariants hold, its own ledger shows otherwise"
SELF_CHECKABLE = ("duplicated", "unbalanced")
"""What a target sees in its own ledger, without knowing what borrowers were told."""

_DIGITS = 4
_MONEY = {
    "lost": "acknowledged to the borrower, absent from the ledger",
    "duplicated": "asked for once, in the ledger or paid out more than once",
    "phantom": "refused to the borrower, yet paid out or reserved",
    "corrupt": "in the ledger otherwise than asked for and answered",
    "orphan": "on our borrowers' accounts, asked for by nobody",
    "unbalanced": "with a ledger balance that differs from the principal",
}


def money(case: Case) -> Iterator[Finding]:
    """No loan lost, duplicated, phantom, corrupt, orphan or unbalanced, ever."""
    result = case.reconciled.result
    for name, meaning in _MONEY.items():
        count: int | None = getattr(result, name)
        if count:
            contradicts = name in SELF_CHECKABLE and case.facts.ledger.says_ok is True
            yield fail(
                name,
                f"{plural(count, 'loan')} {meaning}{CONTRADICTION if contradicts else ''}",
                count=count,
                acknowledged=result.acknowledged,
                examples=result.examples.get(name, [])[:EXAMPLES_MAX],
                target_says_ok=case.facts.ledger.says_ok,
                watched_s=result.watched_s,
            )


def invariant_violated(case: Case) -> Iterator[Finding]:
    """The target's own rules, and that nobody is lent to who must be declined."""
    violations = list(case.facts.ledger.violations)
    wrongly = must_be_declined(case)
    reasons = []
    if violations:
        reasons.append(f"the target names {plural(len(violations), 'violation')}: {violations[0]}")
    if wrongly:
        classes = ", ".join(sorted(set(wrongly.values())))
        reasons.append(
            f"{plural(len(wrongly), 'loan')} went to borrowers who must be declined ({classes})"
        )
    beyond = over_limit(case)
    if beyond:
        shown = any(one.listed_fen > one.limit_fen for one in beyond)
        contradicts = shown and case.facts.ledger.says_ok is True
        reasons.append(
            f"{plural(len(beyond), 'borrower')} got more than their credit limit, the first"
            f" {beyond[0].lent_fen:,} of {beyond[0].limit_fen:,} fen"
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
    refused = [a for a in case.facts.attempts if a.false_declined]
    borrows = [o for o in case.facts.operations if o.false_declined]
    for_nothing = refused_for_nothing(case)
    borrows += for_nothing
    if not refused and not borrows:
        return
    kinds = Counter(f"{a.step} {a.status} {a.code}" for a in refused)
    if for_nothing:
        kinds["borrow for a limit that nothing was taken from"] = len(for_nothing)
    common = ", ".join(f"{kind} ({count})" for kind, count in kinds.most_common(3))
    count = len({a.arrival for a in refused} | {o.arrival for o in borrows})
    yield fail(
        "false_decline",
        f"{plural(count, 'borrower journey', 'borrower journeys')} met a refusal that contradicts"
        f" what is true of the borrower{': ' + common if common else ''}",
        count=count,
        kinds=dict(kinds),
        classes=dict(Counter(o.account_class for o in borrows)),
        examples=[o.key for o in borrows[:EXAMPLES_MAX]],
    )


def invalid_answer(case: Case) -> Iterator[Finding]:
    """A success that breaks the contract."""
    broken = [a for a in case.facts.attempts if a.invalid_answer]
    if broken:
        kinds = Counter(f"{a.step} {a.status} {a.code}" for a in broken)
        yield fail(
            "invalid_answer",
            f"{plural(len(broken), 'successful answer')} broke the contract ({', '.join(kinds)})",
            count=len(broken),
            kinds=dict(kinds),
            examples=[a.key for a in broken if a.key][:EXAMPLES_MAX],
        )


def replay_unstable(case: Case) -> Iterator[Finding]:
    """Repeating a borrow under its key must bring the same decision, and name the same loan."""
    decisions: dict[str, set[Told]] = defaultdict(set)
    loans: dict[str, set[str]] = defaultdict(set)
    for attempt in case.facts.attempts:
        if attempt.step is not Step.BORROW or not attempt.key:
            continue
        told = told_by(attempt)
        if told in DECISIONS:
            decisions[attempt.key].add(told)
        if told in GRANTED and attempt.loan_id:
            loans[attempt.key].add(attempt.loan_id)
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
        yield Finding(
            "objective_missed" if missed else "objective_undecided",
            Weight.FAIL if missed and not spoilt else Weight.INCONCLUSIVE,
            f"{result.id} {'is missed' if missed else 'is not decided'}: observed"
            f" {told_beside(result)}"
            + (f"; {result.reason}" if result.reason else "")
            + (f"; but {spoilt}" if spoilt else ""),
            {
                "id": result.id,
                "observed": result.observed,
                "low": result.low,
                "high": result.high,
                "limit": result.limit,
                "source": result.source,
            },
        )


def told_beside(result: ObjectiveResult) -> str:
    """What was observed, its interval and the limit: each figure on its side of the limit."""
    unseen = "nothing" if result.low is None else "no end"
    values = (result.observed, result.low, result.high)
    if "seconds" in result.id:  # no more decimals than their interval is worth
        places = places_beside(result.limit, values, decimals(result.low, result.high))
        texts = [None if v is None else f"{round(v, places) + 0.0:.{places}f}" for v in values]
    else:
        digits = places_beside(result.limit, values, _DIGITS, lambda v, d: float(f"{v:.{d}g}"))
        texts = [None if v is None else f"{v:.{digits}g}" for v in values]
    observed, low, high = texts
    interval = f", 95 % interval {low or 'open'} to {high or 'open'}" if low or high else ""
    return f"{observed or unseen}{interval}, limit {result.limit:g}"


def _misses(objective: str) -> Callable[[Case], bool]:
    """Whether a run misses this objective."""

    def fails(case: Case) -> bool:
        return any(r.id == objective and r.verdict is Judgement.FAIL for r in case.objectives)

    return fails


def remarks(case: Case) -> Iterator[Finding]:
    """What the run itself remarked."""
    for text in case.facts.status.notes:
        yield note("remark", text)
