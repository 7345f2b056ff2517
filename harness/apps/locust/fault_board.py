"""The faults of a run as they stand: what the page and the tab show, and what may be ordered."""

import time
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from typing import Any

from harness.plan.fault import PlannedFault

EVENTS_MAX = 100
"""What happened, newest last; a flapping link must not fill the page."""
PLANNED, INJECTED, HEALED, CALLED_OFF = "planned", "injected", "healed", "called off"
NEVER_CAME, HEAL_UNSEEN = "not injected", "heal not seen"
_NOT_ACTIVE = (PLANNED, HEALED, CALLED_OFF, NEVER_CAME)
_BAR_CELLS = 28


@dataclass(slots=True)
class ShownFault:
    """One fault; ``ordered`` is what was asked for by hand and is not reported done."""

    planned: PlannedFault
    state: str = PLANNED
    at_ns: dict[str, int] = field(default_factory=dict)
    """When it was injected and healed, by these states."""
    ordered: str | None = None
    by_hand: set[str] = field(default_factory=set)


class FaultBoard:
    """Faults by name, and what happened to them. Instants are monotonic nanoseconds."""

    def __init__(self, faults: tuple[PlannedFault, ...]) -> None:
        self.faults = {planned.name: ShownFault(planned) for planned in faults}
        self.events: list[tuple[int, str]] = []
        self.marks: list[dict[str, Any]] = []
        """Begins and ends of faults for a chart of the clock: ``at`` is UTC, as ISO 8601."""

    def tell(self, name: str, state: str, at_ns: int) -> None:
        """Take over what the conductor says of a fault; one that is not ours is left out."""
        fault = self.faults.get(name)
        if fault is None:
            return
        fault.state, fault.ordered = state, None
        if state in (INJECTED, HEALED):
            ago = timedelta(microseconds=(time.monotonic_ns() - at_ns) / 1000)
            at = (datetime.now(UTC) - ago).isoformat()
            self.marks.append({"at": at, "text": f"{name} {state}", "begins": state == INJECTED})
            del self.marks[:-EVENTS_MAX]
            fault.at_ns[state] = at_ns
        self.note(f"{name} {state}", at_ns)

    def note(self, text: str, at_ns: int | None = None) -> None:
        """Remember that something happened."""
        self.events.append((at_ns or time.monotonic_ns(), text))
        del self.events[:-EVENTS_MAX]

    @property
    def active(self) -> list[str]:
        """Names of the faults that were begun and are not known to be healed."""
        return [n for n, f in self.faults.items() if f.state not in _NOT_ACTIVE]

    def objection(self, do: str, name: str | None) -> str | None:
        """Why this cannot be ordered now; None if it can be. Healing everything always can."""
        if name is None:
            return None if do == "heal" else "Name the fault that is to be injected."
        fault = self.faults.get(name)
        if fault is None:
            return f"This run has no fault {name}."
        if do == "inject" and (fault.state != PLANNED or fault.ordered == "inject"):
            ordered = "being injected" if fault.state == PLANNED else fault.state
            return f"{name} is {ordered}: a fault is injected once in a run."
        if do == "heal" and fault.state in _NOT_ACTIVE and fault.ordered != "inject":
            return f"{name} is {fault.state}: there is nothing to heal."
        return None

    def order(self, do: str, name: str | None) -> None:
        """Remember what was asked for, until it is reported done."""
        for fault in self.faults.values() if name is None else [self.faults[name]]:
            if name is None and fault.state == PLANNED:
                fault.state = CALLED_OFF  # after healing everything, nothing more is injected
            elif name is not None or fault.state not in _NOT_ACTIVE:
                fault.ordered = do
                fault.by_hand.add(do)
        self.note(f"{do} {name or 'all'}: ordered by hand")

    def end(self, *, broken_off: bool = False) -> None:
        """Nothing is injected any more; of a run that broke off, no heal is reported either."""
        for fault in self.faults.values():
            if fault.state == PLANNED:
                fault.state, fault.ordered = NEVER_CAME, None
            elif broken_off and fault.state == INJECTED:
                fault.state, fault.ordered = HEAL_UNSEEN, None

    def shown(self, zero_ns: int | None) -> list[dict[str, Any]]:
        """Every fault for the page; times in seconds after zero."""
        return [
            {
                "name": name,
                "description": fault.planned.description,
                "target": fault.planned.target,
                "state": fault.state,
                "ordered": fault.ordered,
                "by_hand": sorted(fault.by_hand),
                "planned_s": [fault.planned.inject_s, fault.planned.heal_s],
                "injected_s": _seconds(fault.at_ns.get(INJECTED), zero_ns),
                "healed_s": _seconds(fault.at_ns.get(HEALED), zero_ns),
                "can_inject": self.objection("inject", name) is None,
                "can_heal": self.objection("heal", name) is None,
            }
            for name, fault in self.faults.items()
        ]

    def shown_events(self, zero_ns: int | None) -> list[dict[str, Any]]:
        """What happened, newest last."""
        return [{"at_s": _seconds(at_ns, zero_ns), "text": text} for at_ns, text in self.events]

    def rows(self, zero_ns: int | None, start_s: float, end_s: float) -> list[dict[str, str]]:
        """Every fault as a row of the tab, all of it text."""
        now_s = _seconds(time.monotonic_ns(), zero_ns)
        rows = []
        for shown in self.shown(zero_ns):
            state = shown["state"]
            if shown["ordered"] and state != HEALED:
                state = f"{state}, {shown['ordered']} ordered"
            elif state == INJECTED and now_s is not None:
                state = f"ACTIVE for {_unbroken(now_s - (shown['injected_s'] or 0.0))}"
            inject_s, heal_s = shown["planned_s"]
            rows.append(
                {
                    "fault": shown["name"],
                    "target": shown["target"],
                    "state": state,
                    "planned": f"{inject_s:.1f} to {_unbroken(heal_s)}",
                    "injected": _text(shown["injected_s"], "inject" in shown["by_hand"]),
                    "healed": _text(shown["healed_s"], "heal" in shown["by_hand"]),
                    "timeline": _bar(shown, now_s, start_s, end_s),
                }
            )
        return rows


def _seconds(at_ns: int | None, zero_ns: int | None) -> float | None:
    return None if at_ns is None or zero_ns is None else round((at_ns - zero_ns) / 1e9, 3)


def _text(at_s: float | None, by_hand: bool) -> str:
    return "-" if at_s is None else _unbroken(at_s) + (", by hand" if by_hand else "")


def _unbroken(seconds: float) -> str:
    return f"{seconds:.1f}\N{NO-BREAK SPACE}s"


def _bar(shown: dict[str, Any], now_s: float | None, start_s: float, end_s: float) -> str:
    """The fault over the run in characters: light where planned, full where it really was."""
    spans = []
    if shown["injected_s"] is not None:
        spans.append(("█", shown["injected_s"], shown["healed_s"] or now_s or end_s))
    if shown["state"] not in (HEALED, CALLED_OFF):
        spans.append(("░", *shown["planned_s"]))
    width_s = (end_s - start_s) / _BAR_CELLS
    cells = []
    for cell in range(_BAR_CELLS):
        left_s = start_s + cell * width_s
        right_s = left_s + width_s
        marks = [mark for mark, from_s, to_s in spans if from_s < right_s and to_s > left_s]
        is_now = now_s is not None and left_s <= now_s < right_s
        cells.append("▐" if is_now else next(iter(marks), "▁"))
    return "".join(cells)
