"""Walks the faults of one run: each injected, read back, proven, healed and verified on its own.

One thread a fault, so that neither proving nor healing one ever delays another. Whatever happens,
every fault that was announced is healed before `FaultTimeline.finish` returns, or told as not
healed. Somebody else may heal meanwhile (the guardian at a deadline, `lendchaos heal` from another
terminal): the journal tells, and the fault's record says who did it and when.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path

from harness.errors import HarnessError, UsageError
from harness.events import CLEAN_UP_FAILED, FaultFact, Proof
from harness.faults.audit import audit, leftovers
from harness.faults.base import ActsByItself, Injector
from harness.faults.healing import heal_fault, healed_elsewhere, prove_healed
from harness.faults.injectors import injector_for
from harness.faults.journal import CONDUCTOR, DEADLINE_MARGIN_SECONDS, Journal
from harness.faults.overlap import AtWork, OwnProof
from harness.faults.second_way import SECOND_WAY, ProxyWatch
from harness.journal_row import JournalRow
from harness.plan import PlannedFault
from harness.stack.state import Stack

READY_SECONDS_MAX = 10.0
"""How long a canary may take to be well before the injection: a busy machine is no broken link."""
LOOK_SECONDS = 0.2
"""Between two looks into the journal for what others have written there."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Run:
    """What the faults of one run share."""

    stack: Stack
    run_id: str
    journal: Journal
    record: Callable[[FaultFact], None]
    tell: Callable[[str, str], None]
    at_work: AtWork
    lock: threading.Lock = field(default_factory=threading.Lock)


class FaultTimeline:
    """The faults of one run on one stack.

    ``record`` is called with every new state of a fault's `FaultFact`; ``tell`` with a fault's name
    and ``injected``, ``healed`` or ``not healed``; ``aborted`` when somebody ends the run from
    outside, with the row of the journal that says who. All are called from several threads.
    """

    def __init__(
        self,
        stack: Stack,
        faults: tuple[PlannedFault, ...],
        record: Callable[[FaultFact], None],
        tell: Callable[[str, str], None],
        *,
        run_id: str = "",
        run_dir: Path | None = None,
        aborted: Callable[[JournalRow], None] = lambda _: None,
    ) -> None:
        folder = "" if run_dir is None else str(run_dir)
        self._journal = Journal(stack.state_dir, stack.stack_id, run_id, CONDUCTOR, folder)
        self._run = _Run(stack, run_id, self._journal, record, tell, AtWork(faults))
        self._one_fault = {p.name: _OneFault(self._run, p) for p in faults}
        self._threads: list[threading.Thread] = []
        self._aborted = aborted
        self._over = threading.Event()
        self._seen = 0
        self._proxy = ProxyWatch(stack)
        self.troubles: list[str] = []
        """That Toxiproxy ended unbidden, so that what borrowers saw is not the target's doing."""
        self._before: dict[str, list[str]] = {}
        self._watcher = threading.Thread(target=self._watch, name="journal", daemon=True)

    def check(self) -> None:
        """Make sure that every fault can be had, and that its canary is well.

        Raises:
            UsageError: the stack lacks what a fault needs.
            HarnessError: a canary is unwell before anything was broken.
        """
        self._follow_journal()
        self._before = leftovers(self._run.stack)
        deadline = time.monotonic() + READY_SECONDS_MAX
        for fault in self._one_fault.values():
            while not (proof := fault.injector.ready()).holds and time.monotonic() < deadline:
                time.sleep(0.1)
            if not proof.holds:
                raise HarnessError(f"{fault.planned.name} cannot be proven, {proof.text}")

    def start(self, zero_ns: int) -> None:
        """Begin to walk; ``zero_ns`` is the instant that the plan's times count from."""
        self._follow_journal()
        for fault in self._one_fault.values():
            thread = threading.Thread(target=fault.walk, args=(zero_ns,), name=fault.planned.name)
            self._threads.append(thread)
            thread.start()

    # --- commands ----------------------------------------------------------------------------

    def heal_now(self) -> None:
        """Heal at once whatever is active and inject nothing more; returns before it is done."""
        for fault in self._one_fault.values():
            fault.ask_heal()

    def heal(self, name: str | None = None) -> None:
        """Heal one fault at once, or all; one that was not injected yet never will be.

        Raises:
            UsageError: there is no such fault.
        """
        if name is None:
            self.heal_now()
        else:
            self._fault(name).ask_heal()

    def inject(self, name: str) -> None:
        """Inject one fault now instead of at its time; it lasts as long as planned.

        Raises:
            UsageError: there is no such fault, or it is not waiting for its time.
        """
        self._fault(name).ask_inject()

    def _fault(self, name: str) -> "_OneFault":
        try:
            return self._one_fault[name]
        except KeyError:
            known = ", ".join(self._one_fault) or "none"
            raise UsageError(f"no fault {name!r} in this run; there are: {known}") from None

    # --- what others do ----------------------------------------------------------------------

    def _follow_journal(self) -> None:
        if self._watcher.ident is None:
            self._watcher.start()

    def _watch(self) -> None:
        """Follow the journal until the run is over."""
        size = 0
        while not self._over.wait(LOOK_SECONDS):
            self._look_at_proxy()
            if self._journal.size() != size:
                size = self._journal.size()
                try:
                    self._look()
                except Exception:  # noqa: BLE001  # our bug must not end the watch
                    _log.exception("reading the journal")

    def _look(self) -> None:
        rows = self._journal.rows(self._run.run_id)
        new, self._seen = rows[self._seen :], len(rows)
        for row in new:
            if row.event == "abort":
                self.heal_now()
                self._aborted(row)
                self._journal.write("stopping")
            elif row.event == "healed" and row.by != CONDUCTOR and row.fault in self._one_fault:
                self._one_fault[row.fault].healed_by_another()

    def _look_at_proxy(self) -> None:
        """With Toxiproxy its toxics end: what they did is over, and has to be told so."""
        if (ended := self._proxy.ended(self.journal_rows)) is not None:
            self.troubles += ended.troubles
        for fault in self._one_fault.values():
            fault.look(ended.text if ended is not None else "")

    def facts(self) -> list[FaultFact]:
        """What is known of every fault by now."""
        return [fault.fact for fault in self._one_fault.values()]

    def journal_rows(self) -> list[JournalRow]:
        """What was announced and done in this run so far, by whomever."""
        return self._journal.rows(self._run.run_id)

    def finish(self) -> None:
        """Heal, wait for every proof, and clean up what had to wait for the end of the load."""
        self.heal_now()
        for thread in self._threads:
            thread.join()
        self._over.set()
        if self._watcher.ident is not None:
            self._watcher.join()
            self._look_at_proxy()  # it may have ended since the last look
        for fault in self._one_fault.values():
            fault.clean_up()

    def audit(self, load_ended_ns: int | None) -> tuple[Proof, ...]:
        """Whether the database is clean again; for after `finish`."""
        return audit(self._run.stack, self._before, load_ended_ns)


class _OneFault:
    """The walk of one fault."""

    def __init__(self, run: _Run, planned: PlannedFault) -> None:
        self._run = run
        self.planned = planned
        self.injector: Injector = injector_for(planned, run.stack)
        self.fact = FaultFact(
            name=planned.name,
            kind=planned.spec.kind,
            link_or_target=planned.spec.target,
            expects_impact=planned.spec.expects_impact,
        )
        self._state = "new"
        self._announced = False
        self._go = threading.Event()
        self._heal_asked = threading.Event()
        self._heal_begun = threading.Event()

    # --- commands ----------------------------------------------------------------------------

    def ask_heal(self) -> None:
        """Heal now, or never inject."""
        self._heal_asked.set()
        self._go.set()

    def ask_inject(self) -> None:
        """Inject now.

        Raises:
            UsageError: it is not waiting for its time.
        """
        if self._state != "waiting" or self._heal_asked.is_set():
            state = {"new": "not begun yet", "waiting": "called off"}.get(self._state, self._state)
            raise UsageError(f"{self.planned.name} cannot be injected: it is {state}")
        self._go.set()

    def healed_by_another(self) -> None:
        """Somebody else healed it; what is ours to let go is let go, and it is verified."""
        if self._state == "injected":
            self.ask_heal()

    def look(self, proxy_ended: str) -> None:
        """If it is no longer what was injected, it ends now, and nothing shows that it lasted."""
        over = proxy_ended if self.planned.spec.requires.startswith("link:") else ""
        over = over or (self.injector.ended() if isinstance(self.injector, ActsByItself) else "")
        if over and self._state == "injected" and not self._heal_asked.is_set():
            self._note(Proof("control_plane", holds=False, text=f"ended early: {over}"))
            self.ask_heal()

    # --- the walk ----------------------------------------------------------------------------

    def _note(self, *proofs: Proof, **changes: int | str | None) -> None:
        """Write down what changed. ``changes`` are fields of `FaultFact`."""
        with self._run.lock:
            known = (*self.fact.proofs, *proofs)
            self.fact = replace(self.fact, proofs=known, **changes)  # type: ignore[arg-type]
            try:
                self._run.record(self.fact)
            except OSError:
                # A full disk must not keep a fault alive; what is unwritten is also unproven.
                _log.exception("%s could not be written down", self.planned.name)

    def walk(self, zero_ns: int) -> None:
        """Wait, inject, prove, wait, heal, verify."""
        self._state = "waiting"
        _wait(self._go, zero_ns + round(self.planned.inject_s * 1e9))
        mine = self._run.at_work.take_turn(self.planned, self._heal_asked)
        if self._heal_asked.is_set() or not mine:
            self._run.at_work.end(self.planned)
            self._note()
            return
        lasts_s = self.planned.heal_s - self.planned.inject_s
        heal_ns = zero_ns + round(self.planned.heal_s * 1e9)
        if self._go.is_set():  # before its time
            heal_ns = time.monotonic_ns() + round(lasts_s * 1e9)
        # Beside the walk: no canary, however long it waits for an answer, delays a heal.
        own = OwnProof(self.planned, self.injector, self._run.at_work)
        name = f"{self.planned.name}-proof"
        proving = threading.Thread(target=self._prove, args=(own,), name=name)
        try:
            own.look_before()
            self._inject(heal_ns)
            proving.start()
            _wait(self._heal_asked, heal_ns)
        except (HarnessError, OSError) as error:
            self._note(error=f"injection: {error}")
        except Exception as error:  # noqa: BLE001  # our bug: the fault must still be healed
            _log.exception("fault %s", self.planned.name)
            self._note(error=f"injection, our bug: {error!r}")
        if self._announced:
            self._heal(proving)
        self._run.at_work.end(self.planned)

    def _inject(self, heal_ns: int) -> None:
        if any(row.event == "abort" for row in self._run.journal.rows(self._run.run_id)):
            raise HarnessError("the run was ended before it")
        self._run.journal.intend(self.planned, heal_ns)
        self._announced = True
        if time.monotonic_ns() > heal_ns + round(DEADLINE_MARGIN_SECONDS * 1e9):
            raise HarnessError("its time had passed: this process was stopped, or too slow")
        if self._heal_asked.is_set():
            raise HarnessError("it was called off before it began")
        self._state = "being injected"
        self._run.at_work.begin(self.planned)
        self._note(inject_called_ns=time.monotonic_ns())
        self.injector.inject()
        self._note(inject_returned_ns=time.monotonic_ns())
        self._state = "injected"
        self._run.journal.write("injected", fault=self.planned.name)
        self._run.tell(self.planned.name, "injected")

    def _prove(self, own: OwnProof) -> None:
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
        rows = partial(self._run.journal.rows, self._run.run_id)
        others = healed_elsewhere(self.planned, self.injector, rows, CONDUCTOR, since_ns)
        result = heal_fault(
            self.planned,
            self._run.stack,
            self._run.journal,
            CONDUCTOR,
            injector=self.injector,
            failed=lambda text: self._note(error=text),
        )
        changes: dict[str, int | str | None] = {
            "heal_called_ns": result.called_ns,
            "heal_returned_ns": result.returned_ns,
            "healed_ns": result.healed_ns,
            "healed_by": result.by,
        }
        if others is not None:
            at_ns = others.healed_ns or others.at_ns
            changes = {
                "heal_called_ns": min(at_ns, others.at_ns),
                "heal_returned_ns": others.at_ns,
                "healed_ns": at_ns,
                "healed_by": others.by,
            }
        if result.second_way:
            self._note(Proof(SECOND_WAY, holds=True, text=result.second_way))
        tries = self.fact.heal_tries + (result.tries if others is None else others.tries)
        if changes["heal_returned_ns"] is None:
            self._state = "not healed"
            self._note(heal_tries=tries)
            self._run.tell(self.planned.name, "not healed")
            return
        self._note(heal_tries=tries, **changes)
        self._run.at_work.heal_done(self.planned)
        self._state = "healed"
        self._run.tell(self.planned.name, "healed")
        if proving is not None and proving.ident is not None:
            proving.join()
        journal, excused = self._run.journal, partial(self._run.at_work.excuses, self.planned)
        self._note(prove_healed(self.injector, self.planned, journal, CONDUCTOR, excused))

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
            self._note(error=f"{CLEAN_UP_FAILED}{error}")
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
