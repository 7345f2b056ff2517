"""What went wrong in a run although no fault of lendchaos did it.

Processes of the stack that ended or stopped, and what Toxiproxy lacked for connections of its own,
which borrowers met as a broken link. It runs on this machine, so that is a harness error. Only
its log shows it: to a connected client it looks like a connection that the far side closed.
"""

import json
import os
import time
from collections import defaultdict
from collections.abc import Iterable, Iterator
from datetime import datetime
from pathlib import Path
from typing import Any, NamedTuple

from harness.core.shortage import Shortage, in_words, shortage_in, stretches
from harness.history.events import FaultFact
from harness.history.fault_facts import ForeignChange
from harness.history.run_facts import ErrorRecord
from harness.plan.fault import PlannedFault
from harness.stack.parts.toxiproxy import TOXIPROXY
from harness.stack.state import Stack
from harness.stack.supervisor import EVENT_LOG

ORDERS = {"killed": "started", "shut_down": "started", "frozen": "thawed"}
"""What the supervisor does on request only, and what undoes it: events of its log."""
REQUEST_NS = 1_000_000_000
"""Between an order as its log has it and the answer that who asked waits for, at most."""
TICK_SECONDS = 1.0
"""Toxiproxy's log tells whole seconds, rounded down."""


class _Event(NamedTuple):
    """One line of the supervisor's log."""

    at_ns: int
    what: str
    name: str
    exit_code: int | None = None


def unexpected_exits(
    stack: Stack,
    faults: Iterable[PlannedFault],
    since_ns: int,
    ordered: Iterable[ForeignChange] = (),
) -> tuple[str, ...]:
    """Remarks for the report, one for each such end; ``since_ns`` is monotonic.

    Toxiproxy's is not among them: it is ours, and a reason to doubt the whole run. Nor is one that
    someone ``ordered``, as `foreign_orders` tells.
    """
    meant = (name for fault in faults for name in fault.parts or _names(fault.target, stack))
    touched = {*_own_tools(stack), *meant}
    ordered = tuple(ordered)
    return tuple(
        f"{event.name} ended during the run ({_how(event.exit_code)}) and was started again; no"
        " fault of this run did that, so what borrowers saw of it counts as the target's"
        for event in _events(stack, since_ns)
        if event.what == "exited"
        and event.name not in touched
        and not any(_covers(change, event) for change in ordered)
    )


def foreign_orders(
    stack: Stack, facts: Iterable[FaultFact], since_ns: int
) -> tuple[ForeignChange, ...]:
    """What someone had the supervisor take down or freeze that is no fault's doing, and how long.

    Through its socket only: who kills a process by a signal cannot be told from its own end.
    """
    facts, events, tools = tuple(facts), _events(stack, since_ns), _own_tools(stack)
    found = []
    for number, event in enumerate(events):
        undone = ORDERS.get(event.what)
        if undone is None or event.name in tools or _is_ours(event, facts, stack):
            continue
        later = (e.at_ns for e in events[number:] if (e.what, e.name) == (undone, event.name))
        text = f"{event.name} was {event.what.replace('_', ' ')} by the supervisor, by request"
        found.append(ForeignChange(text, event.at_ns - REQUEST_NS, next(later, None), event.name))
    return tuple(found)


def _is_ours(event: _Event, facts: tuple[FaultFact, ...], stack: Stack) -> bool:
    return any(
        event.name in _names(fact.link_or_target, stack)
        and fact.inject_called_ns is not None
        and fact.inject_called_ns <= event.at_ns
        and event.at_ns <= (fact.inject_returned_ns or fact.heal_called_ns or event.at_ns)
        for fact in facts
    )


def _covers(change: ForeignChange, event: _Event) -> bool:
    return change.process == event.name and (
        change.begin_ns <= event.at_ns <= (change.end_ns or event.at_ns)
    )


def _own_tools(stack: Stack) -> frozenset[str]:
    return frozenset(part.name for part in stack.layout.parts if part.ours)


def _names(target: str, stack: Stack) -> tuple[str, ...]:
    return stack.layout.meant(target)


def _events(stack: Stack, since_ns: int) -> list[_Event]:
    """Every line of the supervisor's log since an instant that can be read."""
    try:
        lines = (stack.log_dir / EVENT_LOG).read_bytes().splitlines()
    except OSError:
        return []
    found = []
    for line in lines:
        try:
            row: dict[str, Any] = json.loads(line)
            event = _Event(row["at_ns"], row["event"], row["name"], row.get("exit"))
            if event.at_ns >= since_ns:
                found.append(event)
        except (ValueError, KeyError, TypeError):
            continue
    return found


def _how(code: int | None) -> str:
    """How a process ended, in words."""
    if code is None:
        return "no one knows how"
    return f"signal {-code}" if code < 0 else f"exit code {code}"


class ProxyLog:
    """Toxiproxy's log in ``log_dir`` from now on."""

    def __init__(self, log_dir: Path) -> None:
        self._path = log_dir / f"{TOXIPROXY}.log"
        self._begin = self._path.stat().st_size if self._path.is_file() else 0

    def errors(self, zero_ns: int) -> tuple[ErrorRecord, ...]:
        """Each stretch in which it lacked something; seconds count from ``zero_ns`` (monotonic)."""
        zero_wall_s = time.time() + (zero_ns - time.monotonic_ns()) / 1e9
        lacked: dict[tuple[str, Shortage], list[float]] = defaultdict(list)
        for upstream, shortage, at_wall_s in self._lacked():
            lacked[upstream, shortage].append(at_wall_s - zero_wall_s)
        return tuple(
            ErrorRecord(
                in_words(f"Toxiproxy's link to {upstream}", shortage, begin_s, end_s, count),
                zero_ns + round(begin_s * 1e9),
                zero_ns + round((end_s + TICK_SECONDS) * 1e9),
            )
            for (upstream, shortage), instants_s in lacked.items()
            for begin_s, end_s, count in stretches(instants_s)
        )

    def _lacked(self) -> Iterator[tuple[str, Shortage, float]]:
        """For which far side, what, and when by Unix time."""
        if not self._path.is_file():
            return
        with self._path.open("rb") as log:
            log.seek(self._begin if os.fstat(log.fileno()).st_size >= self._begin else 0)
            for line in log:
                if b'"error":"dial ' not in line and b'"error":"accept ' not in line:
                    continue
                try:
                    row = json.loads(line)
                    shortage = shortage_in(row["error"])
                    at_s = datetime.fromisoformat(row["time"]).timestamp()
                except (ValueError, KeyError, TypeError):
                    continue  # half a line, of a process that was killed
                if shortage is not None:
                    yield str(row.get("upstream", "its far side")), shortage, at_s
