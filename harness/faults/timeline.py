"""Walks the faults of one run: each injected, read back, proven, healed and verified on its own.

One thread a fault, so that proving one never delays another. Whatever happens, every fault that was
announced is healed before `FaultTimeline.finish` returns.
"""

import logging
import threading
import time
from collections.abc import Callable
from dataclasses import dataclass, field, replace

from harness.errors import HarnessError
from harness.events import CLEAN_UP_FAILED, FaultFact, Proof
from harness.faults.base import Injector
from harness.faults.injectors import injector_for
from harness.faults.undo import UndoFile
from harness.plan import PlannedFault
from harness.stack.state import Stack

HEALED_SECONDS_MAX = 15.0
"""How long after a heal its canary may take to answer; a replica starts in about two seconds."""
HEAL_TRIES = 3

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class _Run:
    """What the faults of one run share."""

    stack: Stack
    undo: UndoFile
    record: Callable[[FaultFact], None]
    tell: Callable[[str, str], None]
    stop: threading.Event = field(default_factory=threading.Event)
    lock: threading.Lock = field(default_factory=threading.Lock)


class FaultTimeline:
    """The faults of one run on one stack.

    ``record`` is called with every new state of a fault's `FaultFact`; ``tell`` with a fault's name
    and ``injected`` or ``healed``. Both are called from several threads.
    """

    def __init__(
        self,
        stack: Stack,
        faults: tuple[PlannedFault, ...],
        record: Callable[[FaultFact], None],
        tell: Callable[[str, str], None],
    ) -> None:
        self._run = _Run(stack, UndoFile(stack.state_dir), record, tell)
        self._one_fault = [_OneFault(self._run, planned) for planned in faults]
        self._threads: list[threading.Thread] = []

    def check(self) -> None:
        """Make sure that every fault can be had, and that its canary is well.

        Raises:
            UsageError: the stack lacks what a fault needs.
            HarnessError: a canary is unwell before anything was broken.
        """
        for fault in self._one_fault:
            proof = fault.injector.ready()
            if not proof.holds:
                raise HarnessError(f"{fault.planned.name} cannot be proven, {proof.text}")

    def start(self, zero_ns: int) -> None:
        """Begin to walk; ``zero_ns`` is the instant that the plan's times count from."""
        for fault in self._one_fault:
            thread = threading.Thread(target=fault.walk, args=(zero_ns,), name=fault.planned.name)
            self._threads.append(thread)
            thread.start()

    def heal_now(self) -> None:
        """Heal at once whatever is active and inject nothing more; returns before it is done."""
        self._run.stop.set()

    def finish(self) -> None:
        """Heal, wait for every proof, and clean up what had to wait for the end of the load."""
        self.heal_now()
        for thread in self._threads:
            thread.join()
        for fault in self._one_fault:
            fault.clean_up()


class _OneFault:
    """The walk of one fault."""

    def __init__(self, run: _Run, planned: PlannedFault) -> None:
        self._run = run
        self.planned = planned
        self.injector: Injector = injector_for(planned, run.stack)
        self._fact = FaultFact(
            name=planned.name,
            kind=planned.spec.kind,
            link_or_target=planned.spec.target,
            expects_impact=planned.spec.expects_impact,
        )
        self._announced = False

    def _note(self, *proofs: Proof, **changes: int | str) -> None:
        """Write down what changed. ``changes`` are fields of `FaultFact`."""
        known = (*self._fact.proofs, *proofs)
        self._fact = replace(self._fact, proofs=known, **changes)  # type: ignore[arg-type]
        with self._run.lock:
            try:
                self._run.record(self._fact)
            except OSError:
                # A full disk must not keep a fault alive; what is unwritten is also unproven.
                _log.exception("%s could not be written down", self.planned.name)

    def walk(self, zero_ns: int) -> None:
        """Wait, inject, prove, wait, heal, verify."""
        if self._wait_until(zero_ns + round(self.planned.inject_s * 1e9)):
            self._note()
            return
        try:
            self._inject()
            self._wait_until(zero_ns + round(self.planned.heal_s * 1e9))
        except HarnessError as error:
            self._note(error=f"injection: {error}")
        except Exception as error:  # noqa: BLE001  # our bug: the fault must still be healed
            _log.exception("fault %s", self.planned.name)
            self._note(error=f"injection, our bug: {error!r}")
        self._heal()

    def _wait_until(self, at_ns: int) -> bool:
        """Wait for an instant; True when everything is to be healed at once instead."""
        left_s = (at_ns - time.monotonic_ns()) / 1e9
        return self._run.stop.wait(max(0.0, left_s))

    def _inject(self) -> None:
        self._run.undo.intend(self._run.stack.stack_id, self.planned)
        self._announced = True
        self._note(inject_called_ns=time.monotonic_ns())
        self.injector.inject()
        self._note(inject_returned_ns=time.monotonic_ns())
        self._run.tell(self.planned.name, "injected")
        self._note(self.injector.read_back(), self.injector.canary())

    def _heal(self) -> None:
        called_ns = time.monotonic_ns()
        for attempt in range(1, HEAL_TRIES + 1):
            try:
                healed_ns = self.injector.heal()
            except Exception as error:  # noqa: BLE001  # whatever it was, it is tried again
                _log.exception("heal of %s", self.planned.name)
                self._note(error=f"heal, try {attempt}: {error}")
            else:
                returned_ns = time.monotonic_ns()
                self._note(
                    heal_called_ns=called_ns, heal_returned_ns=returned_ns, healed_ns=healed_ns
                )
                self._run.tell(self.planned.name, "healed")
                self._verify()
                return

    def _verify(self) -> None:
        """Wait for the canary; the last look is the proof, whichever way it turns out."""
        deadline = time.monotonic() + HEALED_SECONDS_MAX
        while True:
            try:
                proof = self.injector.healed()
            except Exception as error:  # noqa: BLE001  # no proof is an answer too
                proof = Proof("healed", holds=False, text=f"after: {error}")
            if proof.holds or time.monotonic() > deadline:
                self._note(proof)
                return
            time.sleep(0.05)

    def clean_up(self) -> None:
        """Remove what is left for after the load, then mark the fault as undone."""
        if not self._announced:
            return
        try:
            self.injector.clean_up()
        except Exception as error:  # noqa: BLE001  # told in the report; the run is still judged
            _log.exception("clean-up of %s", self.planned.name)
            self._note(error=f"{CLEAN_UP_FAILED}{error}")
            return
        if self._fact.heal_returned_ns is not None:
            self._run.undo.undone(self._run.stack.stack_id, self.planned.name)
