"""Checks of what borrowers met: money, answers, impairments, objectives."""

from collections import Counter, defaultdict
from collections.abc import Iterator

from harness.events import Outcome, Step
from harness.judge.case import EXAMPLES_MAX, Case, fail, inconclusive, note, plural
from harness.judge.evidence import sent_late
from harness.judge.limits import over_limit, refused_for_nothing
from harness.judge.objectives import outlasted
from harness.measure import THETA, impaired
from harness.verdict import Episode, Finding, Judgement, Weight

CONTRADICTION = "; the target says that all its invariants hold, its own listing shows otherwise"
SELF_CHECKABLE = ("duplicated", "unbalanced")
"""What a target sees in its own ledger, without knowing what borrowers were told."""

OF_LATENCY = ("latency_ms_p99_max", "latency_recovery_seconds_max", "slow_episodes_max")
"""Objectives whose figures a late load makes worse: waits count from planned starts."""

_MONEY = {
    "lost": "acknowledged to the borrower, absent from the ledger",
    "duplicated": "asked for once, in the ledger or paid out more than once",
    "phantom": "refused to the borrower, yet paid out",
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
            )


def invariant_violated(case: Case) -> Iterator[Finding]:
    """The target's own rules, and that nobody is lent to who must be declined."""
    violations = list(case.facts.ledger.violations)
    wrongly = [o for o in case.facts.operations if o.wrongly_approved]
    reasons = []
    if violations:
        reasons.append(f"the target names {plural(len(violations), 'violation')}: {violations[0]}")
    if wrongly:
        classes = ", ".join(sorted({o.account_class for o in wrongly}))
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
            examples=[o.key for o in wrongly[:EXAMPLES_MAX]]
            + [key for one in beyond for key in one.keys][:EXAMPLES_MAX],
            target_says_ok=case.facts.ledger.says_ok,
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
        kinds = Counter(f"{a.step} {a.status}" for a in broken)
        yield fail(
            "invalid_answer",
            f"{plural(len(broken), 'successful answer')} broke the agreed format"
            f" ({', '.join(kinds)})",
            count=len(broken),
            kinds=dict(kinds),
            examples=[a.key for a in broken if a.key][:EXAMPLES_MAX],
        )


def replay_unstable(case: Case) -> Iterator[Finding]:
    """Repeating a borrow under its key must name the same loan again."""
    loans: dict[str, set[str]] = defaultdict(set)
    for attempt in case.facts.attempts:
        granted = attempt.outcome in (Outcome.APPROVED, Outcome.REFERRED)
        if attempt.step is Step.BORROW and granted and attempt.key and attempt.loan_id:
            loans[attempt.key].add(attempt.loan_id)
    unstable = [key for key, found in loans.items() if len(found) > 1]
    if unstable:
        yield fail(
            "replay_unstable",
            f"{plural(len(unstable), 'request')} got another loan when repeated under its key",
            count=len(unstable),
            examples=unstable[:EXAMPLES_MAX],
        )


def episodes(case: Case) -> Iterator[Finding]:
    """Impairments: expected under a fault of ours, a failure anywhere else."""
    allowed = case.plan.objectives.impaired_episodes_max or 0
    tolerated = len(impaired(case.measured.episodes)) <= allowed
    for episode in case.measured.episodes:
        weight = Weight.FAIL
        if episode.class_ == "slow" or tolerated or _is_expected(case, episode):
            weight = Weight.NOTE
        unaccounted = "" if weight is Weight.NOTE else ", which no fault of ours accounts for"
        if unaccounted and case.spoilt:
            unaccounted += f"; but {case.spoilt}"
        until = "the end of the load"
        if episode.recovered_s is not None:
            until = f"{episode.recovered_s:.1f} s"
        yield Finding(
            episode.class_,
            case.unless_spoilt(weight),
            f"borrowing was {_STATE[episode.class_]} from {episode.onset_s:.1f} s to {until}"
            f" ({plural(episode.failed, 'request')} failed){_at_work(case, episode)}" + unaccounted,
            {
                "onset_s": episode.onset_s,
                "recovered_s": episode.recovered_s,
                "failed": episode.failed,
            },
        )


_STATE = {"outage": "out", "degraded": "degraded", "slow": "slow"}


def _at_work(case: Case, episode: Episode) -> str:
    """Which of several faults were at work meanwhile; of one alone it goes without saying."""
    if len(case.measured.impacts) == 1:
        return ""
    end_s = case.measured.timeline.load_end_s or 0.0
    until_s = end_s if episode.recovered_s is None else episode.recovered_s
    met = [
        fault
        for impact in case.measured.impacts
        if (fault := impact.fault).injected_s is not None
        and fault.injected_s <= until_s
        and (end_s if fault.healed_s is None else fault.healed_s) >= episode.onset_s
    ]
    if not met:
        return ""
    names = " and ".join(fault.name for fault in met)
    shared = any(fault.overlaps for fault in met)
    return f", with {names} at work" + (
        "; where they overlap their effects can't be told apart" if shared else ""
    )


def _is_expected(case: Case, episode: Episode) -> bool:
    """Whether it began in the shadow of a fault that borrowers may notice."""
    timeline = case.measured.timeline
    earliest_s = episode.onset_s if episode.onset_s_low is None else episode.onset_s_low
    latest_s = episode.onset_s if episode.onset_s_high is None else episode.onset_s_high
    # What was under way when the fault came met it too: as long as a request may take.
    reach_s = case.plan.settings.request_timeout_s
    for impact in case.measured.impacts:
        fault = impact.fault
        if fault.injected_s is None or not fault.expects_impact:
            continue
        end_s = timeline.load_end_s or 0.0
        if fault.healed_s is not None:
            end_s = fault.healed_s + timeline.allowed_s
        if latest_s >= fault.injected_s - reach_s and earliest_s <= end_s:
            return True
    return False


def not_recovered(case: Case) -> Iterator[Finding]:
    """Borrowing was still impaired when the load ended."""
    timeline = case.measured.timeline
    if not outlasted(case.measured) or timeline.injected_s is None:
        return
    if timeline.healed_s is None or timeline.load_end_s is None:
        yield inconclusive(
            "not_recovered", "borrowing was impaired to the end, and the fault was never healed"
        )
        return
    waited_s = timeline.load_end_s - timeline.healed_s
    late = waited_s > timeline.allowed_s
    message = (
        f"borrowing had not recovered {waited_s:.1f} s after the last heal, when the load ended"
        f" (limit {timeline.allowed_s:g} s)"
    )
    weight = case.unless_spoilt(Weight.FAIL if late else Weight.INCONCLUSIVE)
    evidence = {"waited_s": waited_s, "limit_s": timeline.allowed_s, "theta": THETA}
    yield Finding("not_recovered", weight, message, evidence)


def objectives(case: Case) -> Iterator[Finding]:
    """Every objective met; one that cannot be decided leaves the run undecided."""
    for result in case.objectives:
        if result.verdict is Judgement.PASS:
            continue
        missed = result.verdict is Judgement.FAIL
        spoilt = case.spoilt or (sent_late(case) if result.id in OF_LATENCY else "")
        decided = missed and not spoilt
        observed = "nothing" if result.observed is None else f"{result.observed:.4g}"
        ends = ["open" if end is None else f"{end:.4g}" for end in (result.low, result.high)]
        interval = f", 95 % interval {ends[0]} to {ends[1]}" if ends != ["open", "open"] else ""
        yield Finding(
            "objective_missed" if missed else "objective_undecided",
            Weight.FAIL if decided else Weight.INCONCLUSIVE,
            f"{result.id} {'is missed' if missed else 'is not decided'}: observed {observed}"
            f"{interval}, limit {result.limit:g}"
            + (f"; {result.reason}" if result.reason else "")
            + (f"; but {spoilt}" if missed and spoilt else ""),
            {
                "id": result.id,
                "observed": result.observed,
                "low": result.low,
                "high": result.high,
                "limit": result.limit,
                "source": result.source,
            },
        )


def remarks(case: Case) -> Iterator[Finding]:
    """What the run itself remarked."""
    for text in case.facts.status.notes:
        yield note("remark", text)
