"""Harm that planted defects did, counted from their own log and never from a verdict. Pure.

A defect of the reference service writes a line for each of its acts; see
`target_service.defects_tools`. What makes an act harm is said by a `Rule`: a wrong answer, row or
payout is harm by itself, a wait or a green health only beyond what was promised.
"""

import json
from collections import Counter
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

GREEN_GAP_SECONDS = 2.0
"""Green answers further apart than this are two stretches; health is asked twice a second."""
GREEN_SLACK_SECONDS = 0.5
"""A question in flight at either end may belong to the stretch or not."""


@dataclass(frozen=True, slots=True)
class Act:
    """One act; ``at_s`` is in seconds on the run's clock, ``what`` everything that was told."""

    defect: str
    at_s: float
    what: Mapping[str, Any]


@dataclass(frozen=True, slots=True)
class Circumstances:
    """What a run knows without judging: its times in seconds, and who must be declined.

    ``faults`` are pairs of injection and heal. ``refusable`` holds accounts that must be declined,
    ``refusable_keys`` the keys of their borrows.
    """

    load_end_s: float
    rate: float
    faults: tuple[tuple[float, float], ...]
    refusable: frozenset[str] = frozenset()
    refusable_keys: frozenset[str] = frozenset()

    def is_undisturbed(self, at_s: float, recovery_s: float) -> bool:
        """Whether an instant of the load lies in no fault nor in the time to recover from one."""
        disturbed = any(start <= at_s <= end + recovery_s for start, end in self.faults)
        return 0 <= at_s <= self.load_end_s and not disturbed

    def concerns_refusable(self, what: Mapping[str, Any]) -> bool:
        """Whether an act was done to somebody who must be declined."""
        return what.get("account_id") in self.refusable or what.get("key") in self.refusable_keys


def read_acts(texts: Iterable[str], zero_wall_s: float, loans_of: Mapping[str, int]) -> list[Act]:
    """The acts of all replicas' logs in the order of time, without those that came to nothing.

    ``loans_of`` says how many loans the database has of a key: that decides where the service did
    not know whether its act was committed. A replica that is killed may leave half a line, which
    tells of nothing.
    """
    lines = [line for text in texts for line in map(_parsed, text.splitlines()) if line]
    averted = Counter(
        (line["defect"], line["key"]) for line in lines if line["event"] == "harm_averted"
    )
    acts = []
    for line in sorted(lines, key=lambda line: str(line["ts"])):
        if line["event"] != "harm":
            continue
        who = (line["defect"], line.get("key"))
        if "if_loans" in line:
            loans, wanted = loans_of.get(line["key"], 0), line["if_loans"]
            if loans < wanted or (wanted == 0 and loans):
                continue
        elif averted[who] > 0:
            averted[who] -= 1
            continue
        at_s = datetime.fromisoformat(line["ts"]).timestamp() - zero_wall_s
        acts.append(Act(line["defect"], at_s, line))
    return acts


def _parsed(line: str) -> dict[str, Any] | None:
    try:
        found = json.loads(line)
    except ValueError:
        return None
    return found if isinstance(found, dict) and {"event", "ts"} <= set(found) else None


# --- rules ---------------------------------------------------------------------------------------

Limits = Mapping[str, float]
Count = Callable[[Sequence[Act], Circumstances, Limits], int]


@dataclass(frozen=True, slots=True)
class Rule:
    """When acts are harm. ``needs`` are the objectives without which that cannot be said."""

    says: str
    count: Count
    needs: tuple[str, ...] = ()


def _money(acts: Sequence[Act], around: Circumstances, _: Limits) -> int:
    """Each, whenever; but for what was done unseen to somebody who may borrow."""
    found, last = [], Counter(act.what["shared"] for act in acts if "shared" in act.what)
    for act in acts:
        if act.what.get("unless_good") and not around.concerns_refusable(act.what):
            continue
        if "shared" in act.what and last[act.what["shared"]] < 2:
            continue
        found.append(act)
    return len(found)


def _answers(acts: Sequence[Act], around: Circumstances, _: Limits) -> int:
    """Each that a borrower got under load, but for a decline of somebody who must be declined."""
    return sum(
        1
        for act in acts
        if 0 <= act.at_s <= around.load_end_s
        and not (act.what.get("unless_refusable") and around.concerns_refusable(act.what))
    )


def _late(acts: Sequence[Act], around: Circumstances, limits: Limits) -> int:
    limit_s = limits["recovery_seconds_max"]
    return sum(1 for act in acts if around.is_undisturbed(act.at_s, limit_s))


def _slow(acts: Sequence[Act], around: Circumstances, limits: Limits) -> int:
    """The waits outside the faults and longer than the limit, beyond one borrow in a hundred."""
    limit_s = limits["latency_ms_p99_max"] / 1000
    recovery_s = limits["recovery_seconds_max"]
    late = [
        act
        for act in acts
        if act.what["seconds"] > limit_s and around.is_undisturbed(act.at_s, recovery_s)
    ]
    allowed = round(0.01 * around.rate * around.load_end_s)
    return max(0, len(late) - allowed)


def _patience(acts: Sequence[Act], around: Circumstances, limits: Limits) -> int:
    """Whoever was left waiting longer than anybody waits, beyond the share that may be."""
    left = [act for act in acts if act.what["seconds"] > limits["request_timeout_s"]]
    asked = around.rate * sum(end - start for start, end in around.faults)
    return max(0, len(left) - round(limits["indeterminate_share_max"] * asked))


def _green(acts: Sequence[Act], around: Circumstances, limits: Limits) -> int:
    """Green answers of a replica without a database, of every stretch longer than the limit."""
    times = [act.at_s for act in acts if 0 <= act.at_s <= around.load_end_s]
    limit_s = limits["grey_failure_seconds_max"] + GREEN_SLACK_SECONDS
    stretches: list[list[float]] = []
    for at_s in times:
        if stretches and at_s - stretches[-1][-1] <= GREEN_GAP_SECONDS:
            stretches[-1].append(at_s)
        else:
            stretches.append([at_s])
    return sum(len(s) for s in stretches if s[-1] - s[0] > limit_s)


MONEY = Rule("every wrong answer, row or payout", _money)
ANSWERS = Rule("every wrong answer under load", _answers)
LATE = Rule(
    "every borrow refused later than `recovery_seconds_max` after a heal",
    _late,
    ("recovery_seconds_max",),
)
SLOW = Rule(
    "waits over `latency_ms_p99_max` outside faults, beyond 1 % of borrows",
    _slow,
    ("latency_ms_p99_max", "recovery_seconds_max"),
)
PATIENCE = Rule(
    "borrows kept past 2 s, beyond `indeterminate_share_max` of those under the fault",
    _patience,
    ("indeterminate_share_max", "request_timeout_s"),
)
GREEN = Rule(
    "green health without a database for longer than `grey_failure_seconds_max`",
    _green,
    ("grey_failure_seconds_max",),
)
