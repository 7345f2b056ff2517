"""Figures and codes in words, for people who have never seen the project.

Pure. None always becomes `NOT_MEASURED`, never a zero and never a blank.
"""

import re
from datetime import datetime

from harness.core import foreign_text
from harness.verdict import units
from harness.verdict.required import RULES
from harness.verdict.types import Finding, Judgement, Verdict, Weight

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
clean = foreign_text.clean
NOT_MEASURED, NOT_SEEN, AT_ONCE = units.NOT_MEASURED, units.NOT_SEEN, units.AT_ONCE
count, plural, share, milliseconds = units.count, units.plural, units.share, units.milliseconds
seconds, seconds_within, seconds_beside = units.seconds, units.seconds_within, units.seconds_beside
limit, limit_of, limit_seconds = units.limit, units.limit_of, units.limit_seconds
interval, more_than, yuan = units.interval, units.more_than, units.yuan
observed, observed_unit, from_heal = units.observed, units.observed_unit, units.from_heal
START = "the start of measuring"
_NAMES_MAX = 3
SMALL_P = "A small p is unlikely to be chance."
CHANCE_MAX = 0.001
"""What chance alone makes rarer than this is taken for no accident, as the checks do."""

VERDICT = {
    Judgement.PASS: "PASS",
    Judgement.FAIL: "FAIL",
    Judgement.INCONCLUSIVE: "INCONCLUSIVE",
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
    "slow": "slow: answers came late",
}
_FINDINGS = {
    "outage": "Borrowing was down",
    "degraded": "Some borrowers could not borrow",
    "slow": "Answers came late",
    "not_recovered": "Borrowing was not seen to recover",
    "attributed_to_fault": "Another fault explains a late recovery",
    "lost": "Loans that borrowers were told they had are missing from the ledger",
    "duplicated": "A borrower asked once and was lent money more than once",
    "phantom": "Money was lent or reserved although the borrower was refused",
    "corrupt": "A loan was booked otherwise than asked for or told",
    "orphan": "The ledger holds loans that no request asked for",
    "unbalanced": "A loan's ledger balance differs from its principal",
    "invariant_violated": "The target reports that one of its own rules is broken",
    "false_decline": "A borrower who was entitled to a loan was refused",
    "decision_drift": "The mix of approvals and declines moved away from the baseline",
    "failures_in_a_row": "A few requests in a row failed, too few to call it an outage",
    "borrowers_shut_out": "Some borrowers fail every time, the others hardly at all",
    "herd": "The load came back all at once after the heal",
    "no_evidence": "There is too little to judge",
    "evidence_damaged": "The stored run is damaged or not complete",
    "remark": "A remark",
    "internal_check_error": "Internal error in lendchaos: please report it",
    "grey_failure": "Health checks stayed green while borrowing failed",
    "invalid_answer": "Successful answers broke the agreed format",
    "replay_unstable": "Repeating a request gave a different answer",
    "fault_did_not_bite": "Nothing shows that the fault took effect",
    "not_healed": "A fault could not be undone",
    "unclean_recovery": "Something was left behind after the fault",
    "foreign_change": "Something else changed the stack during the run",
    "ended_early": "A fault was over before its plan, as it may be",
    "lock_held": "Another session held a lock during a heal",
    "healed_otherwise": "A fault was healed by another process, or not at the first try",
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
    "recovery_seconds_max": "Recovery time after the fault",
    "failed_share_max": "Failed requests in the measured window",
    "failed_outside_fault_share_max": "Failed requests outside the fault and its recovery",
    "indeterminate_share_max": "Requests with unknown outcome while a fault was active",
    "impaired_episodes_max": "Outages and degraded stretches",
    "latency_ms_p99_max": "99th percentile of latency outside the fault",
    "latency_recovery_seconds_max": "Latency back to normal after the fault",
    "grey_failure_seconds_max": "Health check green while borrowing fails",
    "lost_service_seconds_max": "Lost service",
    "attempts_per_operation_max": "Attempts for each request while a fault was active",
    "affected_borrowers_share_max": "Borrowers affected",
    "slow_episodes_max": "Stretches of slow answers",
    "decision_shift_share_max": "Shift in the mix of decisions",
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


def episode(class_: str, failed: int) -> str:
    """What kind of stretch it was; only of one in which nothing failed is said that all worked."""
    if class_ == "slow" and not failed:
        return "slow: borrowing worked, but answers came late"
    return EPISODE.get(class_, spaced(class_))


def meaning(verdict: Verdict) -> str:
    """The verdict in a few words: what was not met, or what to change."""
    if verdict.verdict is Judgement.PASS:
        return "All objectives met." if verdict.objectives else "All that is required held."
    if verdict.verdict is Judgement.INCONCLUSIVE:
        return "Not enough evidence."  # what to change stands in the sentence
    found = [one for one in verdict.findings if one.verdict is Weight.FAIL]
    names = dict.fromkeys(clean(_rule(one)) for one in found)
    shown = [cut(name, 80) for name in names][:_NAMES_MAX]
    more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return f"Not met: {', '.join(shown)}{more}." if shown else "At least one requirement not met."


def _rule(found: Finding) -> str:
    """The objective or the rule that a finding says is broken, as in the table of objectives."""
    known, identifier = RULES.get(found.code), found.evidence.get("id")
    name = known.name if known else found.code
    name = objective(str(identifier)) if identifier else name
    return f"{name[:1].lower()}{name[1:]}"


def objective(identifier: str) -> str:
    """What an objective asks for, in one phrase."""
    name = identifier if identifier in _OBJECTIVES else identifier.removesuffix("_max")
    return _OBJECTIVES.get(name, spaced(name))


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
        return "p < 0.0001"
    return f"p = {p:.2f}" if p >= 0.01 else f"p = {p:.2g}"  # noqa: PLR2004  # two digits


def unbroken(text: str) -> str:
    """With each number and its unit on one line, however narrow that is."""
    return re.sub(r"(?<=\d) (?=(?:%|ms|s)(?!\w))", "\N{NO-BREAK SPACE}", text)


def length(duration: float) -> str:
    """The length of a window, which is a round number of seconds."""
    return f"{duration:g} s"


def between(low: float | None, high: float | None) -> str:
    """Both ends of the interval of an instant, in words; an end that is not known is said so."""
    if low is not None and high is not None:
        return f"between {seconds_within(low, low, high)} and {seconds_within(high, low, high)}"
    return interval(low, high, seconds, "later").replace("less", "earlier")


def at(instant_s: float | None) -> str:
    """An instant relative to the start of measuring."""
    if instant_s is None:
        return NOT_MEASURED
    if instant_s < 0:
        return f"{seconds(-instant_s)} before {START}"
    return f"{seconds(instant_s)} after {START}"


def date(zero_utc: str | None) -> str:
    """The wall-clock start of measuring, for people."""
    if zero_utc is None:
        return "measuring never started"
    try:
        # Python reads at most microseconds, the verdict has nanoseconds: whole seconds will do.
        instant = datetime.fromisoformat(zero_utc[:19])
    except ValueError:
        return clean(zero_utc)
    return f"{day(instant)}, {instant:%H:%M:%S} UTC"


def day(instant: datetime) -> str:
    """The date, for people: in English, whatever locale code of a user has set."""
    return f"{instant.day} {_MONTHS[instant.month - 1]} {instant.year}"
