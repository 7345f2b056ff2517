"""The walk of one fault: injected, proven, looked at, healed and verified, each in its time."""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from typing import Any

from harness.core.errors import HarnessError, UsageError, internal_error
from harness.faults.base import Gone, Injector, not_begun
from harness.faults.foreign_sessions import StrangerWatch
from harness.faults.heal.healing import HealResult, heal_fault, healed_elsewhere, prove_healed
from harness.faults.heal.proxy_restart import SECOND_WAY
from harness.faults.overlap import ActiveFaults, IsolatedProof
from harness.faults.registry import injector_for, module_of
from harness.history.events import FaultFact, Proof
from harness.history.fault_facts import EndedBy
from harness.history.journal import CONDUCTOR, DEADLINE_MARGIN_SECONDS, HEAL_COMMAND, Journal
from harness.history.journal_row import JournalRow
from harness.plan.fault import PlannedFault
from harness.plan.layout import Thing
from harness.stack.roles import resolved
from harness.stack.state import Stack

LOOKS_AT_ONE = 4
STILL_THERE_SECONDS = 0.5
"""Between two looks whether a fault is still at work; an end is dated by the last that saw it."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class Surroundings:
    """What the faults of one run share.

    ``look_at_proxy`` ends those that ended with Toxiproxy; ``strangers`` makes a link as the stack
    has it, where someone else changed it.
    """

    stack: Stack
    journal: Journal
    record: Callable[[FaultFact], None]
    tell: Callable[[str, str, int], None]
    active: ActiveFaults
    look_at_proxy: Callable[[], None]
    strangers: StrangerWatch
    lock: threading.Lock = field(default_factory=threading.Lock)

    def rows(self) -> list[JournalRow]:
        """What was announced and done in this run so far."""
        return self.journal.rows(self.journal.run_id)


class OneFault:
    """The walk of one fault."""

    def __init__(self, run: Surroundings, planned: PlannedFault) -> None:
        self._run = run
        self.planned = planned
        self.injector: Injector = injector_for(planned, run.stack)
        self.fact = not_begun(planned)
        self._state = "new"
        self._announced = False
        self._go = threading.Event()
        self._heal_asked = threading.Event()
        self._heal_begun = threading.Event()
        self._seen_ns = 0
        self._before: tuple[str, ...] = ()
        self._gone: Gone | None = None

    @property
    def at_work(self) -> bool:
        """Whether its injection was begun and its heal is not done."""
        return self.fact.inject_called_ns is not None and self.fact.heal_returned_ns is None

    @property
    def mistakes(self) -> tuple[str, ...]:
        """What its injectors did that they must not, each once."""
        return (*dict.fromkeys((*self._before, *self.injector.mistakes)),)

    # --- commands ----------------------------------------------------------------------------

    def ask_heal(self) -> None:
        """Heal now, or never inject."""
        self._heal_asked.set()
        self._go.set()

    def ask_inject(self) -> None:
        """Inject now; `UsageError` if it is not waiting for its time."""
        if self._state != "waiting" or self._heal_asked.is_set():
            state = {"new": "not begun yet", "waiting": "called off"}.get(self._state, self._state)
            raise UsageError(f"{self.planned.name} cannot be injected: it is {state}")
        self._go.set()

    def healed_by_another(self) -> None:
        """Someone else healed it; what is ours to let go is let go, and it is verified."""
        if self._state == "injected":
            self.ask_heal()

    def end_early(self, gone: Gone) -> None:
        """It is no longer what was injected: it ends now, and what is left of it with it."""
        if self._state != "injected" or self._heal_asked.is_set() or self._others_heal():
            return
        if gone.by is EndedBy.NOBODY and (others := self._run.active.ending(self.planned)):
            gone = replace(gone, by=EndedBy.PLAN, text=f"{' and '.join(others)}: {gone.text}")
        self._gone = gone
        self._note(Proof("ended", holds=gone.by.due, text=f"ended early: {gone.text}"))
        self.ask_heal()

    def _others_heal(self) -> bool:
        """Whether someone else heals it, or has: then the journal says, or is about to, who."""
        mine = [row for row in self._run.rows() if row.fault == self.planned.name]
        return any(row.event in ("healing", "healed") and row.by != CONDUCTOR for row in mine)

    def _keep_looking(self) -> None:
        """Look whether it is still there, until its heal begins; the heal waits for no look."""
        while not self._heal_begun.wait(STILL_THERE_SECONDS):
            looked_ns = time.monotonic_ns()
            try:
                gone = self.injector.gone()
                if gone is not None:
                    self._run.look_at_proxy()  # the better reason, if it is one
                    self.end_early(gone)
            except Exception:  # noqa: BLE001  # seen neither to be there nor to be gone
                _log.exception("looking whether %s is still there", self.planned.name)
                continue
            if gone is None:
                self._seen_ns = looked_ns

    # --- the walk ----------------------------------------------------------------------------

    def _note(self, *proofs: Proof, **changes: Any) -> None:
        """Write down what changed. ``changes`` are fields of `FaultFact`."""
        with self._run.lock:
            known = (*self.fact.proofs, *proofs)
            self.fact = replace(self.fact, proofs=known, **changes)
            try:
                self._run.record(self.fact)
            except OSError:
                # A full disk must not keep a fault alive; what is unwritten is also unproven.
                _log.exception("%s could not be written down", self.planned.name)

    def walk(self, zero_ns: int) -> None:
        """Wait, inject, prove, wait, heal, verify."""
        self._state = "waiting"
        _wait(self._go, zero_ns + round(self.planned.inject_s * 1e9))
        # Before it waits for another's proof, which is as planned.
        late_s = (time.monotonic_ns() - zero_ns) / 1e9 - self.planned.inject_s
        mine = self._run.active.take_turn(self.planned, self._heal_asked)
        if self._heal_asked.is_set() or not mine:
            self._run.active.end(self.planned)
            self._note()
            return
        lasts_s = self.planned.lasts_s
        heal_ns = zero_ns + round(self.planned.heal_s * 1e9)
        if self._go.is_set():  # before its time
            late_s, heal_ns = 0.0, time.monotonic_ns() + round(lasts_s * 1e9)
        name, proving = self.planned.name, None
        try:
            self._choose_parts()
            # Beside the walk: no canary, however long it waits for an answer, delays a heal.
            own = IsolatedProof(self.planned, self.injector, self._run.active)
            proving = threading.Thread(target=self._prove, args=(own,), name=f"{name}-proof")
            looking = threading.Thread(target=self._keep_looking, name=f"{name}-look", daemon=True)
            own.look_before()
            self._inject(max(0.0, late_s), heal_ns)
            proving.start()
            looking.start()
            _wait(self._heal_asked, heal_ns)
        except (HarnessError, UsageError, OSError) as error:
            self._note(error=f"injection: {error}")
        except Exception as error:  # noqa: BLE001  # a mistake of lendchaos: the fault must still be healed
            _log.exception("fault %s", self.planned.name)
            self._note(error=f"injection: {internal_error(error)}")
        if self._announced:
            self._heal(proving)
        self._run.active.end(self.planned)

    def _inject(self, late_s: float, heal_ns: int) -> None:
        if any(row.event == "abort" for row in self._run.rows()):
            raise HarnessError("the run was ended before it")
        self._run.journal.intend(self.planned, heal_ns, module_of(self.planned))
        self._announced = True
        if time.monotonic_ns() > heal_ns + round(DEADLINE_MARGIN_SECONDS * 1e9):
            raise HarnessError("its time had passed: this process was stopped, or too slow")
        if self._heal_asked.is_set():
            raise HarnessError("it was called off before it began")
        self._state = "being injected"
        self._run.active.begin(self.planned)
        called_ns = time.monotonic_ns()
        self._note(inject_called_ns=called_ns, due_ns=heal_ns, late_s=late_s)
        self.injector.inject()
        self._seen_ns = time.monotonic_ns()
        self._note(inject_returned_ns=self._seen_ns)
        self._state = "injected"
        self._run.journal.write("injected", fault=self.planned.name)
        self._run.tell(self.planned.name, "injected", called_ns)

    def _choose_parts(self) -> None:
        """Which processes a role means, now that the fault is about to be injected.

        `HarnessError` where none holds it, or the one that does is not at work, and no other fault
        is the reason.
        """
        stack = self._run.stack
        planned = resolved(self.planned, stack, self._run.journal.run_id)
        if planned.parts == self.planned.parts:
            return
        self.planned, self._before = planned, self.injector.mistakes
        self.injector = injector_for(planned, stack)
        if set(planned.parts) == set(stack.layout.candidates(planned.target)):
            return  # all that it may mean, which were looked at before the load
        # Which of several answers a connection is chance: one that did not is no sign at once.
        looks = (self.injector.ready() for _ in range(LOOKS_AT_ONE))
        ready = next((look for look in looks if look.holds), None) or self.injector.ready()
        if not (ready.holds or self._run.active.ending(planned)):
            raise HarnessError(f"{', '.join(planned.parts)} not at work: {ready.text}")

    def _prove(self, own: IsolatedProof) -> None:
        try:
            for proof in own.proofs(self._heal_begun):
                if self._heal_begun.is_set() and not proof.holds:
                    return  # the heal came first: what is seen now says nothing of the fault
                self._note(proof)
        except Exception as error:  # noqa: BLE001  # without a proof it has not bitten
            if not self._heal_begun.is_set():
                self._note(error=f"proof: {error}")

    def _heal(self, proving: threading.Thread | None = None) -> None:
        self._heal_begun.set()
        self._state = "being healed"
        since_ns = self.fact.inject_returned_ns or self.fact.inject_called_ns or 0
        name, journal = self.planned.name, self._run.journal
        others = healed_elsewhere(self.injector, name, journal, since_ns)
        result = heal_fault(
            self.planned,
            self._run.stack,
            journal,
            injector=self.injector,
            failed=lambda text: self._note(error=text),
        )
        changes = self._how_it_ended(result, others)
        if result.second_way:
            self._note(Proof(SECOND_WAY, holds=True, text=result.second_way))
        tries = self.fact.heal_tries + (result.tries if others is None else others.tries)
        if changes["heal_returned_ns"] is None:
            self._state = "not healed"
            self._note(heal_tries=tries)
            self._run.tell(name, "not healed", time.monotonic_ns())
            return
        self._note(heal_tries=tries, **changes)
        self._put_link_right()
        self._run.active.heal_done(self.planned)
        self._state = "healed"
        self._run.tell(name, "healed", self.fact.healed_ns or time.monotonic_ns())
        if proving is not None and proving.ident is not None:
            proving.join()
        excused = partial(self._run.active.excuses, self.planned)
        self._note(prove_healed(self.injector, name, journal, excused))

    def _put_link_right(self) -> None:
        """Our part is undone; if others changed the link as well, no heal would ever show."""
        for link in (need.name for need in self.planned.needs if need.what is Thing.LINK):
            try:
                self._run.strangers.put_right(link)
            except Exception:  # noqa: BLE001  # the proof that follows tells whether it is healed
                _log.exception("putting the link of %s right", self.planned.name)

    def _how_it_ended(self, result: HealResult, others: JournalRow | None) -> dict[str, Any]:
        """Who or what ended it and when, as fields of `FaultFact`."""
        ordered = EndedBy.ORDER if self._heal_asked.is_set() else EndedBy.PLAN
        changes: dict[str, Any] = {
            "heal_called_ns": result.called_ns,
            "heal_returned_ns": result.returned_ns,
            "healed_ns": result.healed_ns,
            "healed_by": result.by,
            "ended_by": ordered,
            "held_up_by": self.injector.held_up_by,
        }
        if others is not None:
            at_ns = others.healed_ns or others.at_ns
            changes |= {
                "heal_called_ns": min(at_ns, others.at_ns),
                "heal_returned_ns": others.at_ns,
                "healed_ns": at_ns,
                "healed_by": others.by,
                "ended_by": EndedBy.ORDER if others.by == HEAL_COMMAND else EndedBy.PLAN,
            }
        elif self._gone is not None and result.healed_ns is not None:
            changes |= {
                "heal_called_ns": self._seen_ns,
                "healed_ns": self._gone.at_ns or self._seen_ns,
                "healed_by": "",
                "ended_by": self._gone.by,
            }
        return changes

    def clean_up(self) -> None:
        """Remove what is left for after the load, then mark the fault as undone."""
        if not self._announced:
            return
        if self.fact.heal_returned_ns is None:
            self._heal()  # once more, now that the load is over
        try:
            self.injector.clean_up()
        except Exception as error:  # noqa: BLE001  # told in the report; the run is still judged
            _log.exception("clean-up of %s", self.planned.name)
            self._note(clean_up_error=str(error))
            return
        proofs = {proof.kind: proof for proof in self.fact.proofs}
        if self.fact.heal_returned_ns is not None and proofs["healed"].holds:
            try:
                self._run.journal.write("undone", fault=self.planned.name)
            except OSError:
                _log.exception("%s could not be written down", self.planned.name)


def _wait(event: threading.Event, at_ns: int) -> None:
    """Wait for an instant, or for whatever comes before it."""
    event.wait(max(0.0, (at_ns - time.monotonic_ns()) / 1e9))
