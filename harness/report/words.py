"""Figures and codes in words, for people who have never seen the project.

Pure. None always becomes `NOT_MEASURED`, never a zero and never a blank.
"""

from collections.abc import Callable
from datetime import datetime
from functools import partial

from harness.core import foreign_text
from harness.verdict import Judgement, ObjectiveResult, Weight
from harness.verdict.beside import places_beside
from harness.verdict.spans import decimals

clean = foreign_text.clean
NOT_MEASURED = "not measured"
NOT_SEEN = "not seen"
"""Of an end that may have come before the load ended, and was not seen to."""
START = "the start of measuring"
_LIMIT_DIGITS = 10
CHANCE_MAX = 0.001
"""What chance alone makes rarer than this is taken for no accident, as the checks do."""

VERDICT = {
    Judgement.PASS: "PASS",
    Judgement.FAIL: "FAIL",
    Judgement.INCONCLUSIVE: "INCONCLUSIVE",
}
MEANING = {
    Judgement.PASS: "Everything that was asked held, by the evidence.",
    Judgement.FAIL: "Something that must hold did not.",
    Judgement.INCONCLUSIVE: "The evidence does not decide it.",
}
OBJECTIVE_VERDICT = {
    Judgement.PASS: "met",
    Judgement.FAIL: "missed",
    Judgement.INCONCLUSIVE: "not decided",
}
WEIGHT = {
    Weight.FAIL: "fail",
    Weight.INCONCLUSIVE: "inconclusive",
    Weight.NOTE: "note",
}
EPISODE = {
    "outage": "outage: practically nobody could borrow",
    "degraded": "degraded: some borrowers could not borrow",
    "slow": "slow: borrowing worked, but answers came late",
}
_FINDINGS = {
    "outage": "Borrowing was out",
    "degraded": "Some borrowers could not borrow",
    "slow": "Answers came late",
    "not_recovered": "Nothing shows that borrowing had recovered when the run ended",
    "attributed_to_fault": "A late recovery is put down to another fault that was in place",
    "lost": "Loans that borrowers were told they had are missing from the ledger",
    "duplicated": "A borrower asked once and was lent money more than once",
    "phantom": "Money was lent or reserved although the borrower was refused",
    "corrupt": "A loan in the ledger differs from what the borrower asked for and was told",
    "orphan": "The ledger holds loans that nobody asked for",
    "unbalanced": "A loan's ledger balance differs from its principal",
    "invariant_violated": "The target reports that one of its own rules is broken",
    "false_decline": "Borrowers were refused although they were entitled to a loan",
    "decision_drift": "The mix of approvals and declines moved away from the baseline",
    "failures_in_a_row": "A few requests in a row failed, too few to call it an outage",
    "borrowers_shut_out": "Some borrowers fail every time, the others hardly at all",
    "herd": "The load came back all at once after the heal",
    "no_evidence": "There is next to nothing to judge",
    "evidence_damaged": "The stored run is damaged or not complete",
    "remark": "A remark",
    "internal_check_error": "A check of ours broke",
    "grey_failure": "Health checks stayed green while borrowing failed",
    "invalid_answer": "Successful answers broke the agreed format",
    "replay_unstable": "Repeating a request gave a different answer",
    "fault_did_not_bite": "Nothing shows that the fault took effect",
    "not_healed": "A fault could not be undone",
    "unclean_recovery": "Something was left behind after the fault",
    "foreign_change": "Somebody else had a hand in the stack",
    "ended_early": "A fault was over before its plan, as it may be",
    "lock_held": "A session of somebody else held a lock during a heal",
    "healed_otherwise": "A fault was healed by somebody else, or not at the first try",
    "baseline_not_steady": "Borrowing was not normal in the baseline",
    "load_unfaithful": "The load was not sent as planned",
    "ledger_unread": "The ledger could not be read",
    "ledger_incomplete": "The ledger listing is not complete",
    "ledger_sampled": "Not every request was asked for by key",
    "objective_missed": "An objective was missed",
    "objective_undecided": "There is too little evidence to decide an objective",
    "safety_stop": "The run was stopped by its safety condition",
    "interrupted": "The run was interrupted",
}
_OBJECTIVES = {
    "recovery_seconds_max": "After the heal, borrowing is back to normal in time",
    "failed_share_max": "Few requests fail in the measured window",
    "failed_outside_fault_share_max": "Few requests fail outside the fault and its recovery",
    "indeterminate_share_max": "Under the fault, few borrowers cannot know if they have a loan",
    "impaired_episodes_max": "Few outages and degraded stretches",
    "latency_ms_p99_max": "Outside the fault, 99 % of answers come in time",
    "latency_recovery_seconds_max": "After the heal, answers are as quick as before in time",
    "grey_failure_seconds_max": "Health is hardly ever green while borrowing fails",
    "lost_service_seconds_max": "Little service is lost in all",
    "attempts_per_operation_max": "Under the fault, few requests are tried again",
    "affected_borrowers_share_max": "Few borrowers are affected",
    "slow_episodes_max": "Few stretches of slow answers",
    "decision_shift_share_max": "The mix of decisions stays as it was",
    "lost": "No loan that a borrower was told of is missing from the ledger",
    "duplicated": "Nobody is lent money twice for one request",
    "phantom": "No money is lent to, or reserved for, a borrower who was refused",
    "corrupt": "Every loan is as it was asked for and told",
    "orphan": "The ledger holds no loan that nobody asked for",
    "unbalanced": "Every loan's ledger balance agrees with its principal",
}


def cut(text: str, letters: int) -> str:
    """A text of foreign length at a length that leaves room for the others."""
    return text if len(text) <= letters else f"{text[:letters]} … ({len(text):,} letters)"


def spaced(code: str) -> str:
    """A code as words: ``not_recovered`` becomes ``not recovered``."""
    return clean(code).replace("_", " ")


def finding(code: str) -> str:
    """What a finding's code means, in one phrase."""
    return _FINDINGS.get(code, spaced(code))


def objective(identifier: str) -> str:
    """What an objective asks for, in one phrase."""
    name = identifier if identifier in _OBJECTIVES else identifier.removesuffix("_max")
    return _OBJECTIVES.get(name, spaced(name))


def count(number: float | None, limit: float | None = None) -> str:
    """A whole number with separators of thousands; beside a ``limit`` on its side of it."""
    if number is None:
        return NOT_MEASURED
    places = 0 if float(number).is_integer() else places_beside(limit, [number], 1)
    return f"{number:,.{places}f}"


def plural(number: int, one: str, many: str | None = None) -> str:
    """A number with its noun in the right form."""
    return f"{count(number)} {one if number == 1 else many or one + 's'}"


def share(part: float | None, limit: float | None = None) -> str:
    """A share in 0..1 as per cent; more decimals where it is small, or its side of a ``limit``
    would be hidden.
    """
    if part is None:
        return NOT_MEASURED
    if part in (0, 1):
        return f"{part:.0%}".replace("%", " %")
    least = 2 if min(part, 1 - part) < 0.01 else 1  # noqa: PLR2004  # below one per cent
    places = places_beside(None if limit is None else 100 * limit, [100 * part], least)
    return f"{100 * part:.{places}f} %"


def points(shift: float | None) -> str:
    """The difference of two shares, in percentage points, with its sign."""
    return (
        NOT_MEASURED if shift is None else f"{100 * shift:+.1f} pp".replace("-", "\N{MINUS SIGN}")
    )


def chance(p: float | None) -> str:
    """How likely chance alone makes what was seen."""
    if p is None:
        return NOT_MEASURED
    if p < 0.0001:  # noqa: PLR2004  # finer figures mean nothing to anybody
        return "no: less than 1 in 10,000"
    if p < CHANCE_MAX:
        return f"no: 1 in {1 / p:,.0f}"
    return f"may be: {share(p)}"


def length(duration: float) -> str:
    """The length of a window, which is a round number of seconds."""
    return f"{duration:g} s"


def seconds(duration: float | None) -> str:
    """A duration in seconds."""
    return _seconds_at(None, duration)


def seconds_within(duration: float | None, low: float | None, high: float | None) -> str:
    """A duration with no more decimals than its interval is worth."""
    if duration is None or low is None or high is None:
        return seconds(duration)
    return _seconds(duration, decimals(low, high))


def seconds_beside(
    limit: float | None, value: float | None, low: float | None, high: float | None
) -> Callable[[float | None], str]:
    """How a duration and its interval are written: all with so many decimals that each is on its
    side of the ``limit``, and no more than their interval is worth otherwise.
    """
    if low is None or high is None:
        return partial(_seconds_at, limit)
    places = places_beside(limit, (value, low, high), decimals(low, high))
    return lambda one: NOT_MEASURED if one is None else _seconds(one, places)


def _seconds_at(limit: float | None, duration: float | None) -> str:
    if duration is None:
        return NOT_MEASURED
    return _seconds(duration, places_beside(limit, [duration], 2 if abs(duration) < 1 else 1))


def _seconds(duration: float, places: int) -> str:
    written = f"{duration:,.{places}f}"
    return "0.0 s" if not float(written.replace(",", "")) else f"{written} s"


def between(low: float | None, high: float | None) -> str:
    """Both ends of the interval of an instant, in words; an end that is not known is said so."""
    if low is not None and high is not None:
        return f"between {seconds_within(low, low, high)} and {seconds_within(high, low, high)}"
    return interval(low, high, seconds).replace("more", "later").replace("less", "earlier")


def milliseconds(duration: float | None, limit: float | None = None) -> str:
    """A duration given in milliseconds, in the unit that reads best; beside a ``limit`` on its side
    of it.
    """
    if duration is None:
        return NOT_MEASURED
    unit, least = ("ms", 1) if duration < 10 else ("ms", 0)  # noqa: PLR2004
    size = 1.0
    if duration >= 1000:  # noqa: PLR2004  # a second
        unit, least, size = "s", 2, 1000.0
    edge = None if limit is None else limit / size
    return f"{duration / size:,.{places_beside(edge, [duration / size], least)}f} {unit}"


def yuan(fen: int | None) -> str:
    """Money given in fen."""
    return NOT_MEASURED if fen is None else f"{fen / 100:,.2f} yuan"


def at(instant_s: float | None) -> str:
    """An instant relative to the start of measuring."""
    if instant_s is None:
        return NOT_MEASURED
    if instant_s < 0:
        return f"{seconds(-instant_s)} before {START}"
    return f"{seconds(instant_s)} after {START}"


def interval(low: float | None, high: float | None, write: Callable[[float], str]) -> str:
    """Both ends of an interval; an end that is not known is said so."""
    if low is None and high is None:
        return NOT_MEASURED
    if high is None and low is not None:
        return f"{write(low)} or more"
    if low is None and high is not None:
        return f"{write(high)} or less"
    assert low is not None  # noqa: S101  # for the type checker; both are known here
    assert high is not None  # noqa: S101
    return f"{write(low)} to {write(high)}"


def observed(result: ObjectiveResult) -> str:
    """What was observed of an objective, in words where its end was not seen."""
    if result.observed is None and result.low is not None:
        return NOT_SEEN
    return observed_unit(result)(result.observed)


def observed_unit(result: ObjectiveResult) -> Callable[[float | None], str]:
    """How what was observed of an objective is written: no finer than its interval, but so that it
    lies on its side of the limit.
    """
    if "share" in result.id:
        return partial(share, limit=result.limit)
    if "seconds" in result.id:
        return seconds_beside(result.limit, result.observed, result.low, result.high)
    return partial(milliseconds if "_ms" in result.id else count, limit=result.limit)


def limit(result: ObjectiveResult) -> str:
    """The limit of an objective as it was set: it is not rounded."""
    if "share" in result.id:
        return f"{100 * result.limit:.{_LIMIT_DIGITS}g} %"
    if "seconds" in result.id:
        return limit_seconds(result.limit)
    if "_ms" not in result.id:
        return f"{result.limit:,.{_LIMIT_DIGITS}g}"
    small = result.limit < 1000  # noqa: PLR2004  # a second
    return f"{result.limit:.{_LIMIT_DIGITS}g} ms" if small else limit_seconds(result.limit / 1000)


def limit_seconds(limit_s: float) -> str:
    """A limit of time as it was set."""
    return f"{limit_s:,.{_LIMIT_DIGITS}g} s"


def date(zero_utc: str | None) -> str:
    """The wall-clock start of measuring, for people."""
    if zero_utc is None:
        return "measuring never started"
    try:
        # Python reads at most microseconds, the verdict has nanoseconds: whole seconds will do.
        instant = datetime.fromisoformat(zero_utc[:19])
    except ValueError:
        return clean(zero_utc)
    return f"{instant.day} {instant:%B %Y, %H:%M:%S} UTC"
