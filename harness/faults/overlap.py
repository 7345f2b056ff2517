"""Faults that are at work together: which of them could be mistaken for one another.

A canary that gets no answer shows its fault only if it would have been answered without it. That is
certain for a fault alone. Where another one at work could silence the same canary, the canary is
tried before the injection too; and if it is silent already, it proves nothing until that other one
is gone. The same holds after the heal: while another one may silence the canary, silence is no sign
that the heal has failed.
"""

import threading
import time
from collections.abc import Iterable, Iterator
from dataclasses import replace

from harness.core.errors import HarnessError
from harness.faults.base import Injector
from harness.history.events import Proof
from harness.plan.fault import PlannedFault
from harness.plan.layout import Need, StackLayout, Thing

TURN_SECONDS = 0.05
ENDING_SECONDS = 1.0
"""How long after its end another fault may be what ended one: looks at that one are rarer."""


def _things(fault: PlannedFault, needs: Iterable[Need], layout: StackLayout) -> frozenset[Need]:
    """What these needs mean on a target; parts that answer in one another's place count as one."""
    found = set()
    for need in needs:
        match need.what:
            case Thing.PROCESS:
                groups = layout.groups(_parts(fault, need, layout))
                found |= {Need(Thing.PROCESS, group) for group in groups}
            case Thing.PACKETS:
                found.add(Need(Thing.LINK, need.name))
            case _:
                found.add(Need(need.what, need.name))
    return frozenset(found)


def _parts(fault: PlannedFault, need: Need, layout: StackLayout) -> frozenset[str]:
    """The processes that a need of a fault means; of one that is injected, those it was on."""
    if need.name == fault.target and fault.parts:
        return frozenset(fault.parts)
    return frozenset(layout.meant(need.name))


def _behind(things: Iterable[Need], layout: StackLayout) -> frozenset[Need]:
    """What answers for these things: the far side of a link, the database of a table."""
    found = set()
    for thing in things:
        group = layout.database if thing.what in (Thing.TABLE, Thing.DATABASE) else ""
        if thing.what is Thing.LINK and (link := layout.link(thing.name)) is not None:
            group = link.leads_to
        found |= {Need(Thing.PROCESS, group)} if group else set()
    return frozenset(found)


def can_silence(other: PlannedFault, fault: PlannedFault, layout: StackLayout) -> bool:
    """Whether one active fault may silence the canary of another one."""
    asked = _things(fault, fault.canary_needs, layout)
    return bool(_things(other, other.takes_away, layout) & (asked | _behind(asked, layout)))


def can_end(other: PlannedFault, fault: PlannedFault, layout: StackLayout) -> bool:
    """Whether one fault or its heal ends another, in part at least.

    A migration runs in a database server, and ends with it. A process that two faults have down or
    stopped comes back with the first heal, one that is killed is no longer stopped, and a link that
    two faults switch is switched back by the first heal.
    """
    for reset in other.resets:
        for rest in fault.rests_on:
            same = reset.ability in ("", rest.ability)
            if reset.what is Thing.PROCESS and rest.what in (Thing.PROCESS, Thing.DATABASE):
                servers = {p.name for p in layout.parts if p.group == layout.database}
                is_process = rest.what is Thing.PROCESS
                meant = _parts(fault, rest, layout) if is_process else servers
                if same and _parts(other, reset, layout) & meant:
                    return True
            elif (reset.what, reset.name) == (rest.what, rest.name) and same:
                return True
    return False


class ActiveFaults:
    """The faults of one run that are at work right now; used by the threads of all of them.

    One is at work from before its injection, until it is shown to be healed.
    """

    def __init__(self, planned: Iterable[PlannedFault], layout: StackLayout) -> None:
        self._layout = layout
        faults = tuple(planned)
        self._take_turns = {
            fault.name
            for fault in faults
            if any(
                other is not fault
                and (can_silence(other, fault, layout) or can_silence(fault, other, layout))
                for other in faults
            )
        }
        self._lock = threading.Lock()
        self._turn = threading.Lock()
        self._whose_turn = ""
        self._injected: dict[str, PlannedFault] = {}
        self._healing: dict[str, PlannedFault] = {}
        self._over: dict[str, tuple[PlannedFault, float]] = {}

    def take_turn(self, fault: PlannedFault, stop: threading.Event) -> bool:
        """Wait until no other injection is being proven that this one could be mistaken for.

        Else of two that begin at one instant neither could be told from the other. False when
        ``stop`` came first.
        """
        if fault.name in self._take_turns:
            while not self._turn.acquire(timeout=TURN_SECONDS):
                if stop.is_set():
                    return False
            self._whose_turn = fault.name
        return True

    def end_turn(self, fault: PlannedFault) -> None:
        """It is proven as far as it can be now; the next one may be injected."""
        if self._whose_turn == fault.name:
            self._whose_turn = ""
            self._turn.release()

    def begin(self, fault: PlannedFault) -> None:
        """It is about to be injected."""
        with self._lock:
            self._injected[fault.name] = fault

    def heal_done(self, fault: PlannedFault) -> None:
        """Its heal was ordered, or given up; it may take a while to show."""
        with self._lock:
            self._healing[fault.name] = self._injected.pop(fault.name, fault)

    def end(self, fault: PlannedFault) -> None:
        """Nothing of it is left, or no one waits for that any longer."""
        self.end_turn(fault)
        with self._lock:
            begun = self._injected.pop(fault.name, None) or self._healing.pop(fault.name, None)
            if begun is not None:
                self._over[fault.name] = (begun, time.monotonic() + ENDING_SECONDS)

    def disturbing(self, fault: PlannedFault) -> tuple[str, ...]:
        """Names of the others that may silence this one's canary right now.

        Another one that is healed but not yet shown to be counts, too, unless that can't be shown
        because of this one: then the two would wait for each other.
        """
        with self._lock:
            healing = {
                name: other
                for name, other in self._healing.items()
                if not can_silence(fault, other, self._layout)
            }
            return self._silencing(fault, self._injected | healing)

    def ending(self, fault: PlannedFault) -> tuple[str, ...]:
        """Names of the others that may just have ended this one."""
        with self._lock:
            now = time.monotonic()
            over = {name: one for name, (one, until) in self._over.items() if now < until}
            others = self._injected | self._healing | over
            others.pop(fault.name, None)
            return tuple(
                name for name, other in others.items() if can_end(other, fault, self._layout)
            )

    def excuses(self, fault: PlannedFault) -> bool:
        """Whether another fault that is not healed yet may silence this one's canary."""
        with self._lock:
            return bool(self._silencing(fault, self._injected))

    def _silencing(self, fault: PlannedFault, others: dict[str, PlannedFault]) -> tuple[str, ...]:
        return tuple(
            name
            for name, other in others.items()
            if name != fault.name and can_silence(other, fault, self._layout)
        )


class IsolatedProof:
    """The proofs that one fault is at work, none of them another fault's."""

    def __init__(self, fault: PlannedFault, injector: Injector, active: ActiveFaults) -> None:
        self._fault = fault
        self._injector = injector
        self._active = active
        self._silent_with: tuple[str, ...] = ()

    def look_before(self) -> None:
        """With others at work that may silence the canary: whether they do."""
        disturbing = self._active.disturbing(self._fault)
        if not disturbing:
            return
        try:
            well = self._injector.ready().holds
        except HarnessError:
            well = False
        self._silent_with = () if well else disturbing

    def proofs(self, over: threading.Event) -> Iterator[Proof]:
        """Read-back and canary, and once more the canary where it could prove nothing yet.

        ``over`` says that nothing can be proven any more.
        """
        try:
            yield self._injector.read_back()
            canary = self._injector.canary()
        finally:
            self._active.end_turn(self._fault)
        if not self._silent_with or not canary.holds:
            yield canary
            return
        why = f"so it was before this injection, with {' and '.join(self._silent_with)} at work"
        text = f"{canary.text}; {why}: no proof of its own"
        yield replace(canary, holds=False, text=text)
        while self._active.disturbing(self._fault):
            if over.wait(TURN_SECONDS):
                return
        yield self._injector.canary()
