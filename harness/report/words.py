"""Figures and codes in words, for people who have never seen the project.

Pure. None always becomes `NOT_MEASURED`, never a zero and never a blank.
"""

import re
from datetime import datetime

from harness.core import foreign_text
from harness.verdict import units
from harness.verdict.catalogue import ASKED, FINDINGS, RULES
from harness.verdict.types import Episode, Finding, Judgement, Severity, Verdict

_MONTHS = (
    "January", "February", "March", "April", "May", "June", "July", "August", "September",
    "October", "November", "December",
)  # fmt: skip
clean = foreign_text.clean
NOT_MEASURED, NOT_SEEN, AT_ONCE = units.NOT_MEASURED, units.NOT_SEEN, units.AT_ONCE
count, plural, share, milliseconds = units.count, units.plural, units.share, units.milliseconds
seconds, seconds_within, seconds_beside = units.seconds, units.seconds_within, units.seconds_beside
limit, limit_of, limit_seconds = units.limit, units.limit_of, units.limit_seconds
interval, more_than, money = units.interval, units.more_than, units.money
observed, observed_unit, from_heal = units.observed, units.observed_unit, units.from_heal
START = "the start of measuring"
_NAMES_MAX = 3
SMALL_P = "A small p is unlikely to be chance."
CHANCE_MAX = 0.001
"""What chance alone makes rarer than this is taken for no accident, as the checks do."""

WORST_FIRST = (Judgement.FAIL, Judgement.INCONCLUSIVE, Judgement.PASS)
VERDICT = {one: one.upper() for one in Judgement}
OBJECTIVE_VERDICT = dict(zip(WORST_FIRST, ("missed", "not decided", "met"), strict=True))
EPISODE = {
    "outage": "outage: practically no one could borrow",
    "degraded": "degraded: some borrowers could not borrow",
    "slow": "slow: answers came late",
}


def cut(text: str, letters: int) -> str:
    """A text of foreign length at a length that leaves room for the others."""
    return text if len(text) <= letters else f"{text[:letters]} … ({len(text):,} letters)"


def one_line(text: str) -> str:
    """A foreign text without ends of lines, nor more than one space between words."""
    return " ".join(clean(text).split())


def spaced(code: str) -> str:
    """A code as words: ``not_recovered`` becomes ``not recovered``."""
    return clean(code).replace("_", " ")


def finding(code: str) -> str:
    """What a finding's code means, in one phrase."""
    known = FINDINGS.get(code)
    return known.title if known else spaced(code)


def episode(seen: Episode) -> str:
    """What kind of stretch it was; only of one in which nothing failed is said that all worked."""
    if seen.class_ == "slow" and not seen.failed:
        return "slow: borrowing worked, but answers came late"
    return EPISODE.get(seen.class_, spaced(seen.class_))


def injected(verdict: Verdict) -> bool:
    """Whether any fault was."""
    return any(fault.injected_s is not None for fault in verdict.faults)


def meaning(verdict: Verdict) -> str:
    """The verdict in a few words: what was not met, or what to change."""
    if verdict.verdict is Judgement.PASS:
        return "All objectives met." if verdict.objectives else "All that is required held."
    if verdict.verdict is Judgement.INCONCLUSIVE:
        return "Not enough evidence."  # what to change stands in the sentence
    found = [one for one in verdict.findings if one.verdict is Severity.FAIL]
    names = dict.fromkeys(clean(_rule(one)) for one in found)
    shown = [cut(name, 80) for name in names][:_NAMES_MAX]
    more = f" and {len(names) - len(shown)} more" if len(names) > len(shown) else ""
    return f"Not met: {', '.join(shown)}{more}." if shown else "At least one requirement not met."


def _rule(found: Finding) -> str:
    """The objective or the rule that a finding says is broken, as in the table of objectives."""
    known, identifier = RULES.get(found.code), found.evidence.get("id")
    name = known.rule if known else found.code
    name = objective(str(identifier)) if identifier else name
    return f"{name[:1].lower()}{name[1:]}"


def objective(identifier: str) -> str:
    """What an objective, or a line of a gate, asks for, in one phrase."""
    name = identifier if identifier in ASKED else identifier.removesuffix("_max")
    return ASKED.get(name, spaced(name))


def points(shift: float | None) -> str:
    """The difference of two shares, in percentage points, with its sign."""
    said = NOT_MEASURED if shift is None else f"{100 * shift:+.1f} pp"
    return said.replace("-", "\N{MINUS SIGN}")


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
    """Both ends of the interval of an instant, in words, which say which end is not known."""
    if low is not None and high is not None:
        return f"between {seconds_within(low, low, high)} and {seconds_within(high, low, high)}"
    return interval(low, high, seconds, "later").replace("less", "earlier")


def at(instant_s: float | None) -> str:
    """An instant relative to the start of measuring."""
    if instant_s is None:
        return NOT_MEASURED
    return f"{seconds(abs(instant_s))} {'before' if instant_s < 0 else 'after'} {START}"


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
