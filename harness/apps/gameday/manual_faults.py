"""Whether a manual fault that was said to be injected shows in the borrowers' answers. Pure."""

import math
from collections.abc import Iterable
from itertools import zip_longest

from harness.apps.gameday.session_store import Event, What, after, between, clock
from harness.verdict.types import Episode, Judgement, Verdict

REACH_SECONDS = 10.0
"""How far off what is said may be: people press a key sooner or later than something breaks."""


def injections(events: Iterable[Event]) -> list[tuple[Event, Event | None]]:
    """Each time that a fault was said to be injected, with what was said of it next: restored, or
    injected once more; None for nothing.
    """
    said = [event for event in events if event.what in (What.INJECTED, What.RESTORED)]
    return [(e, later) for e, later in zip_longest(said, said[1:]) if e.what is What.INJECTED]


def shown(injected: Event, later: Event | None, verdict: Verdict) -> list[Episode]:
    """What the answers show of it: stretches that were out, degraded or slow from then on."""
    lasts_s = None if later is None else between(injected.at_utc, later.at_utc)
    latest_s = math.inf if lasts_s is None else lasts_s + REACH_SECONDS
    found = []
    for episode in verdict.episodes:
        late_s = between(injected.at_utc, after(verdict.zero_utc, episode.onset_s))
        if late_s is not None and -REACH_SECONDS <= late_s <= latest_s:
            found.append(episode)
    return found


def unseen(events: Iterable[Event], verdict: Verdict) -> str:
    """Why a step with a manual fault shows nothing; empty where it shows each, or none was said to
    be injected.
    """
    for injected, later in injections(events):
        if not shown(injected, later, verdict):
            said = f"the manual fault was said to be injected at {clock(injected.at_utc)} UTC"
            return f"{said}, and nothing in the borrowers' answers shows it"
    return ""


def judged(verdict: Verdict, why: str) -> tuple[Judgement, str]:
    """What a run came to, and its sentence. ``why`` says that a manual fault left no trace: with
    one, nothing passes.
    """
    if not why:
        return verdict.verdict, verdict.sentence
    passed = verdict.verdict is Judgement.PASS
    outcome = Judgement.INCONCLUSIVE if passed else verdict.verdict
    return outcome, f"{why[0].upper()}{why[1:]}. {verdict.sentence}"
