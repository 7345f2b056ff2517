"""What the target said of its own health, against what became of borrowing meanwhile."""

from dataclasses import dataclass

import numpy as np

from harness.history.columns import Bools, Floats
from harness.history.reader import Facts
from harness.verdict.figures import Health
from harness.verdict.measure.episodes import impaired
from harness.verdict.measure.samples import MeasuredRun, healed_ns
from harness.verdict.types import Episode

EDGE_LINK = "edge"
"""The way from the load to the target, as a fault names it."""
STALE_SECONDS = 2.0
"""An answer says nothing any more when no newer one has come for so long."""


@dataclass(frozen=True, slots=True)
class States:
    """Stretches of one answer each, rising and disjoint: begin and end in s after zero, and
    whether it was green. All of shape (n,).
    """

    begins_s: Floats
    ends_s: Floats
    green: Bools


def health_of(
    run: MeasuredRun, episodes: list[Episode], telling: list[tuple[float, float]]
) -> Health | None:
    """Seconds of green while borrowing failed (behind the edge) and of red while it did not, and
    when red was seen.

    ``telling`` are the `telling_stretches`. Only what lies between zero and the end of the load
    counts; ``asked`` and ``green`` count every poll, the warm-up's too. None when the health was
    not polled or the load never began. That one side is green while the other is hurt is the mark
    of a grey failure (Huang et al., HotOS 2017).
    """
    address, states, polls = run.facts.health_address, _states(run.facts), run.facts.health
    if address is None or states is None:
        return None
    end_s = run.timeline.load_end_s or 0.0
    failing = failing_stretches(episodes, end_s, surely=False)
    total_red = _common_s(states, green=False, stretches=[(0.0, end_s)])
    seen = (states.begins_s >= 0) & ~states.green
    red_s = states.begins_s[seen]
    return Health(
        path=address.path,
        asked_per_s=address.asked_per_s,
        asked=len(polls),
        green=sum(poll.ok for poll in polls),
        green_while_failing_s=_common_s(states, green=True, stretches=telling),
        red_while_fine_s=total_red - _common_s(states, green=False, stretches=failing),
        first_red_s=float(red_s[0]) if len(red_s) else None,
        last_red_s=float(red_s[-1]) if len(red_s) else None,
    )


def health_known_s(facts: Facts, telling: list[tuple[float, float]]) -> float:
    """Seconds of the telling stretches in which an onlooker had an answer, of either kind."""
    states = _states(facts)
    if states is None:
        return 0.0
    return sum(_common_s(states, green=green, stretches=telling) for green in (True, False))


def _states(facts: Facts) -> States | None:
    clock, polls = facts.status.clock, facts.health
    if clock is None or not polls:
        return None
    return states_of(
        np.array([clock.seconds(poll.at_ns) for poll in polls]),
        np.array([clock.seconds(poll.ended_ns) for poll in polls]),
        np.array([poll.ok for poll in polls], dtype=bool),
    )


def states_of(asked_s: Floats, ended_s: Floats, green: Bools) -> States:
    """What an onlooker took for the target's health, from the polls (each of shape (n,), s).

    An answer counts from when it was in, not from when it was asked for: until a poll has timed
    out, the onlooker goes by the one before. Of polls that overtook each other the one asked last
    counts. An answer holds until the next one, `STALE_SECONDS` at most.
    """
    order = np.lexsort((asked_s, ended_s))
    asked_s, ended_s, green = asked_s[order], ended_s[order], green[order]
    newest = asked_s >= np.maximum.accumulate(asked_s)
    begins_s, green = ended_s[newest], green[newest]
    ends_s = np.minimum(np.append(begins_s[1:], np.inf), begins_s + STALE_SECONDS)
    return States(begins_s, ends_s, green)


def failing_stretches(
    episodes: list[Episode], end_s: float, *, surely: bool
) -> list[tuple[float, float]]:
    """Disjoint stretches, (begin, end) in s, in which borrowing was down or degraded.

    One of which no recovery was seen is taken to last to the end of the load; with ``surely`` only
    as long as it surely did.
    """
    found: list[tuple[float, float]] = []
    for episode in sorted(impaired(episodes), key=lambda episode: episode.onset_s):
        begin_s = max(episode.onset_s, 0.0)
        stop_s = end_s if episode.recovered_s is None else min(episode.recovered_s, end_s)
        if surely and episode.recovered_s is None and episode.recovered_s_low is not None:
            stop_s = min(episode.recovered_s_low, end_s)
        if found and begin_s <= found[-1][1]:
            begin_s, stop_s = found[-1][0], max(found.pop()[1], stop_s)
        if stop_s > begin_s:
            found.append((begin_s, stop_s))
    return found


def telling_stretches(run: MeasuredRun, episodes: list[Episode]) -> list[tuple[float, float]]:
    """The failing stretches in which a target that is honest of its health surely says red.

    Health is asked around the edge, so a fault there is none of the target's: its time, and that
    allowed to recover from it, are left out.
    """
    clock = run.facts.status.clock
    found = failing_stretches(episodes, run.timeline.load_end_s or 0.0, surely=True)
    for fault in run.facts.faults:
        if clock is None or fault.link_or_target != EDGE_LINK or fault.inject_called_ns is None:
            continue
        begin_s, heal_ns = clock.seconds(fault.inject_called_ns), healed_ns(fault)
        end_s = np.inf if heal_ns is None else clock.seconds(heal_ns) + run.timeline.allowed_s
        parts = [
            part
            for start_s, stop_s in found
            for part in ((start_s, min(stop_s, begin_s)), (max(start_s, end_s), stop_s))
        ]
        found = [(start_s, stop_s) for start_s, stop_s in parts if start_s < stop_s]
    return found


def _common_s(states: States, *, green: bool, stretches: list[tuple[float, float]]) -> float:
    """Seconds in which that answer held, of these disjoint stretches."""
    chosen = states.green == green
    begins_s, ends_s = states.begins_s[chosen], states.ends_s[chosen]
    total = 0.0
    for begin_s, end_s in stretches:
        common = np.minimum(ends_s, end_s) - np.maximum(begins_s, begin_s)
        total += float(np.maximum(common, 0.0).sum())
    return total
