"""Walks the faults of one run: each injected, read back, proven, healed and verified on its own.

One thread a fault, so that neither proving nor healing one ever delays another. Whatever happens,
every fault that was announced is healed before `FaultTimeline.finish` returns, or told as not
healed. Someone else may heal meanwhile (the guardian at a deadline, `lendchaos heal` from another
terminal): the journal tells, and the fault's record says who did it and when.
"""

import logging
import threading
import time
from collections.abc import Callable
from pathlib import Path

from harness.core.errors import HarnessError, UsageError
from harness.faults.audit import audit, leftovers, told
from harness.faults.base import Gone
from harness.faults.fault_walk import OneFault, Surroundings
from harness.faults.foreign_sessions import (
    LockWatch,
    OwnSessions,
    StrangerWatch,
    ours_of,
    remove_strangers,
)
from harness.faults.heal.proxy_restart import ProxyWatch
from harness.faults.overlap import ActiveFaults
from harness.faults.unplanned import ProxyLog
from harness.history.events import FaultFact, Proof
from harness.history.fault_facts import EndedBy, ForeignChange
from harness.history.journal import CONDUCTOR, Journal
from harness.history.journal_row import JournalRow
from harness.history.run_facts import ErrorRecord
from harness.plan.fault import PlannedFault
from harness.plan.layout import Thing
from harness.stack.state import Stack

READY_SECONDS_MAX = 10.0
"""How long a canary may take to be well before the injection: a busy machine is no broken link."""
LOOK_SECONDS = 0.2
"""Between two looks into the journal for what others have written there."""

_log = logging.getLogger(__name__)


class FaultTimeline:
    """The faults of one run on one stack.

    ``record`` is called with every new state of a fault's `FaultFact`; ``tell`` with its name,
    ``injected``, ``healed`` or ``not healed``, and since when, in monotonic nanoseconds as in its
    fact; ``aborted`` when someone ends the run from outside, with the row of the journal that says
    who. All are called from several threads.
    """

    def __init__(
        self,
        stack: Stack,
        faults: tuple[PlannedFault, ...],
        record: Callable[[FaultFact], None],
        tell: Callable[[str, str, int], None],
        *,
        run_id: str = "",
        run_dir: Path | None = None,
        aborted: Callable[[JournalRow], None] = lambda _: None,
    ) -> None:
        folder = "" if run_dir is None else str(run_dir)
        journal = Journal(stack.state_dir, stack.stack_id, run_id, CONDUCTOR, folder)
        self._journal = journal
        self._strangers = StrangerWatch(stack, self._ours)
        self._locks = LockWatch(stack)
        active = ActiveFaults(faults, stack.layout)
        self._run = Surroundings(
            stack, journal, record, tell, active, self._look_at_proxy, self._strangers
        )
        self._one_fault = {p.name: OneFault(self._run, p) for p in faults}
        self._threads: list[threading.Thread] = []
        self._aborted = aborted
        self._over = threading.Event()
        self._seen = 0
        self._proxy = ProxyWatch(stack)
        self._proxy_log = ProxyLog(stack.log_dir)
        self._zero_ns: int | None = None
        self._proxy_lock = threading.RLock()
        self.errors: list[ErrorRecord] = []
        """That Toxiproxy ended unbidden, or lacked something of this machine: what borrowers saw of
        that is not the target's doing. And mistakes in injectors of the user's. Whole after
        `finish`.
        """
        self._before: dict[str, list[str]] = {}
        self._watcher = threading.Thread(target=self._watch, name="journal", daemon=True)

    def put_right_after(self, progress: Callable[[str], None]) -> tuple[str, ...]:
        """Put things right at the end of a run; a failure to do so is a remark, too."""
        try:
            return self.put_right("after the run", progress)
        except HarnessError as error:
            return (f"what others changed at Toxiproxy is still there: {error}",)

    def put_right(self, when: str, progress: Callable[[str], None]) -> tuple[str, ...]:
        """While no fault is at work, take away what others left at Toxiproxy; a remark for each.

        ``when`` is ``before the load`` or ``after the run``. A fault of this run that could not be
        healed is not theirs: it stays in the undo file, and a finding names it. `HarnessError` if
        something can't be taken away.
        """
        found = remove_strangers(self._run.stack, self._at_work)
        remarks = [f"put right {when}, not ours: {text}" for text in found]
        for remark in remarks:
            progress(remark)
        return tuple(remarks)

    def check(self, progress: Callable[[str], None] = lambda _: None) -> tuple[str, ...]:
        """Make sure that every fault can be had, and that its canary is well.

        Returns a remark for everything in the database that may be in the way of what follows:
        a session that someone left in a transaction holds its locks. `HarnessError` if a canary is
        not healthy before anything was broken.
        """
        self._follow_journal()
        self._before = leftovers(self._run.stack)
        remarks = tuple(f"in the database before the load: {text}" for text in told(self._before))
        for remark in remarks:
            progress(remark)
        deadline = time.monotonic() + READY_SECONDS_MAX
        for fault in self._one_fault.values():
            while not (proof := fault.injector.ready()).holds and time.monotonic() < deadline:
                time.sleep(0.1)
            if not proof.holds:
                raise HarnessError(f"{fault.planned.name} cannot be proven, {proof.text}")
        return remarks

    def start(self, zero_ns: int) -> None:
        """Begin to walk; ``zero_ns`` is the instant that the plan's times count from."""
        self._zero_ns = zero_ns
        self._follow_journal()
        self._strangers.start()
        self._locks.start()
        for fault in self._one_fault.values():
            thread = threading.Thread(target=fault.walk, args=(zero_ns,), name=fault.planned.name)
            self._threads.append(thread)
            thread.start()

    # --- commands ----------------------------------------------------------------------------

    def heal_now(self) -> None:
        """Heal at once whatever is active and inject nothing more; returns before it is done."""
        for fault in self._one_fault.values():
            fault.ask_heal()

    def heal(self, name: str) -> None:
        """Heal one fault at once, or never inject it; `UsageError` if there is none so named."""
        self._fault(name).ask_heal()

    def inject(self, name: str) -> None:
        """Inject one fault now, for as long as planned; `UsageError` if none waits for its time."""
        self._fault(name).ask_inject()

    def _fault(self, name: str) -> OneFault:
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
                except Exception:  # noqa: BLE001  # a mistake of lendchaos must not end the watch
                    _log.exception("reading the journal")

    def _look(self) -> None:
        rows = self.journal_rows()
        new, self._seen = rows[self._seen :], len(rows)
        for row in new:
            if row.event == "abort":
                self.heal_now()
                self._aborted(row)
                self._journal.write("stopping")
            elif row.event == "healed" and row.by != CONDUCTOR and row.fault in self._one_fault:
                self._one_fault[row.fault].healed_by_another()

    def _look_at_proxy(self) -> None:
        """With Toxiproxy its toxics end: what they did is over, and the facts must say so."""
        with self._proxy_lock:
            if (ended := self._proxy.ended(self.journal_rows)) is None:
                return
            self.errors += ended.errors
            for fault in self._one_fault.values():
                if any(need.what is Thing.LINK for need in fault.planned.needs):
                    fault.end_early(Gone(EndedBy.NOBODY, ended.text))

    def _ours(self) -> OwnSessions:
        """What of Toxiproxy's state our own faults may have made."""
        at_work = {name for name, fault in self._one_fault.items() if fault.at_work}
        return ours_of(self.planned, frozenset(at_work))

    def _at_work(self) -> OwnSessions:
        """What faults that are not healed have made there."""
        planned = tuple(fault.planned for fault in self._one_fault.values() if fault.at_work)
        return ours_of(planned, frozenset(p.name for p in planned))

    @property
    def foreign(self) -> tuple[ForeignChange, ...]:
        """What others changed at Toxiproxy, or locked, since the start; whole after `finish`."""
        return (*self._strangers.found, *self._locks.found)

    @property
    def planned(self) -> tuple[PlannedFault, ...]:
        """Every fault, with the processes that it was on once it was injected."""
        return tuple(fault.planned for fault in self._one_fault.values())

    def facts(self) -> list[FaultFact]:
        """What is known of every fault by now."""
        return [fault.fact for fault in self._one_fault.values()]

    def journal_rows(self) -> list[JournalRow]:
        """What was announced and done in this run so far, by any process."""
        return self._run.rows()

    def finish(self) -> None:
        """Heal, wait for every proof, and clean up what had to wait for the end of the load."""
        self.heal_now()
        for thread in self._threads:
            thread.join()
        self._over.set()
        self._strangers.stop()
        self._locks.stop()
        if self._watcher.ident is not None:
            self._watcher.join()
            self._look_at_proxy()  # it may have ended since the last look
        if self._zero_ns is not None:
            self.errors += self._proxy_log.errors(self._zero_ns)
        for fault in self._one_fault.values():
            fault.clean_up()
            mistakes = (f"{text} ({fault.planned.name})" for text in fault.mistakes)
            self.errors += [ErrorRecord(text, of_step=True) for text in mistakes]

    def audit(self, load_ended_ns: int | None) -> tuple[Proof, ...]:
        """Whether the database is clean again; for after `finish`."""
        return audit(self._run.stack, self._before, load_ended_ns)
