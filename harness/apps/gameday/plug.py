"""Whether a plug that was said to be pulled shows in the borrowers' answers. Pure."""

import math
from collections.abc import Iterable
from itertools import zip_longest

from harness.apps.gameday import instants
from harness.apps.gameday.session import Event, What
from harness.verdict.types import Episode, Verdict

REACH_SECONDS = 10.0
"""How far off what is said may be: people press a key sooner or later than a plug is out."""


def said_pulled(events: Iterable[Event]) -> list[tuple[Event, Event | None]]:
    """Each time that a plug was said to be pulled, with what was said of it next: back, or pulled
    once more; None for nothing.
    """
    said = [event for event in events if event.what in (What.PULLED, What.RESTORED)]
    return [(e, after) for e, after in zip_longest(said, said[1:]) if e.what is What.PULLED]


def shown(pulled: Event, after: Event | None, verdict: Verdict) -> list[Episode]:
    """What the answers show of it: stretches that were out, degraded or slow from then on."""
    lasts_s = None if after is None else instants.between(pulled.at_utc, after.at_utc)
    latest_s = math.inf if lasts_s is None else lasts_s + REACH_SECONDS
    found = []
    for episode in verdict.episodes:
        onset_utc = instants.after(verdict.zero_utc, episode.onset_s)
        late_s = None if onset_utc is None else instants.between(pulled.at_utc, onset_utc)
        if late_s is not None and -REACH_SECONDS <= late_s <= latest_s:
            found.append(episode)
    return found


def unseen(events: Iterable[Event], verdict: Verdict) -> str:
    """Why a step with a hand-pulled plug shows nothing; empty where it shows each, or none was
    said to be pulled.
    """
    for pulled, after in said_pulled(events):
        if not shown(pulled, after, verdict):
            at_utc = instants.clock(pulled.at_utc)
            said = f"the plug was said to be pulled at {at_utc} UTC"
            return f"{said}, and nothing in the borrowers' answers shows it"
    return ""
