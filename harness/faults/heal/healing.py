"""The one way to heal: used by the conductor, the guardian, the supervisor's deadline, `lendchaos
heal`, `up`, `down` and the next run.

Any number of them may heal the same fault at the same time: every injector's heal can be repeated,
and the journal says who did it first.
"""

import contextlib
import logging
import threading
import time
from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace

from harness.core.errors import HarnessError, ProxyApiHangs, UsageError
from harness.faults.base import Injector
from harness.faults.heal.proxy_restart import restart_proxy
from harness.faults.registry import injector_for, load_announced
from harness.history.events import Proof
from harness.history.journal import NEXT_RUN, Journal, OpenFault
from harness.history.journal_row import JournalRow
from harness.plan.fault import PlannedFault
from harness.stack.state import Stack

HEAL_TRIES = 3
_PAUSE_SECONDS = 0.1
"""Before the second try, and twice as long before each further one."""
HEALED_SECONDS_MAX = 15.0
"""How long after a heal its canary may take to answer; a replica starts in about two seconds."""
SECOND_LOOK_SECONDS = 0.3
"""A dying conductor's last order may still be on its way to Toxiproxy when we look first."""

_log = logging.getLogger(__name__)


@dataclass(frozen=True, slots=True)
class HealResult:
    """What came of healing one fault; instants are monotonic nanoseconds.

    ``healed_ns`` is the instant of healing as the fault defines it, None when every try failed;
    ``proof`` the canary after it, where one was asked for; ``left`` says what could not be removed.
    """

    fault: str
    by: str
    tries: int
    called_ns: int
    returned_ns: int | None = None
    healed_ns: int | None = None
    error: str = ""
    second_way: str = ""
    """What was done when Toxiproxy's control API hung; empty when it did not."""
    proof: Proof | None = None
    left: str = ""

    @property
    def gone(self) -> bool:
        """Healed, shown to be healed, and nothing left behind."""
        proven = self.proof is not None and self.proof.holds
        return self.healed_ns is not None and proven and not self.left

    def __str__(self) -> str:
        """One line for people."""
        if self.healed_ns is None:
            return f"{self.fault} is NOT healed, after {self.tries} tries: {self.error}"
        tries = f" at try {self.tries}" if self.tries > 1 else ""
        told = f"; {self.proof.text}" if self.proof else ""
        left = f"; left behind: {self.left}" if self.left else ""
        way = f"; {self.second_way}" if self.second_way else ""
        return f"{self.fault} healed{tries}{way}{told}{left}"


def heal_fault(
    planned: PlannedFault,
    stack: Stack,
    journal: Journal,
    *,
    injector: Injector | None = None,
    failed: Callable[[str], None] = lambda _: None,
) -> HealResult:
    """Heal one fault, with a few tries, each announced in the ``journal`` before it is made.

    ``injector`` is the one that injected it, if it lives; else one that undoes what it finds.
    ``failed`` gets a line for every try that failed. Never raises: that it failed is the result.
    """
    called_ns = time.monotonic_ns()
    name, error, way = planned.name, "", ""
    for attempt in range(1, HEAL_TRIES + 1):
        if attempt > 1:
            time.sleep(0.0 if way else _PAUSE_SECONDS * 2 ** (attempt - 2))
        try:
            _note(journal, "healing", fault=name, tries=attempt)
            injector = injector or injector_for(planned, stack)
            healed_ns = injector.heal()
        except Exception as reason:  # noqa: BLE001  # whatever it was, it is tried again
            _log.exception("heal of %s by %s, try %d", name, journal.by, attempt)
            error = str(reason) or type(reason).__name__
            _note(journal, "heal_failed", fault=name, tries=attempt, text=error)
            failed(f"heal, try {attempt}: {error}")
            if isinstance(reason, ProxyApiHangs):
                way = _second_way(name, stack, journal, error) or way
        else:
            returned_ns = time.monotonic_ns()
            _note(journal, "healed", fault=name, tries=attempt, healed_ns=healed_ns)
            return HealResult(
                name, journal.by, attempt, called_ns, returned_ns, healed_ns, second_way=way
            )
    return HealResult(name, journal.by, HEAL_TRIES, called_ns, error=error, second_way=way)


def _second_way(fault: str, stack: Stack, journal: Journal, reason: str) -> str:
    """Replace Toxiproxy; what was done, or nothing where that failed, too."""
    try:
        return restart_proxy(stack, journal, fault, reason)
    except Exception as error:  # noqa: BLE001  # told; the tries that are left are still made
        _log.exception("second way to heal %s by %s", fault, journal.by)
        _note(journal, "heal_failed", fault=fault, text=f"the second way failed: {error}")
        return ""


def prove_healed(
    injector: Injector, fault: str, journal: Journal, excused: Callable[[], bool] = lambda: False
) -> Proof:
    """Wait for the canary; the last look is the proof, whichever way it turns out.

    While it is ``excused`` (another fault silences it), its silence does not count.
    """
    deadline = time.monotonic() + HEALED_SECONDS_MAX
    while True:
        try:
            proof = injector.healed()
        except Exception as error:  # noqa: BLE001  # no proof is an answer too
            proof = Proof("healed", holds=False, text=f"after: {error}")
        if excused():
            deadline = time.monotonic() + HEALED_SECONDS_MAX
        if proof.holds or time.monotonic() > deadline:
            _note(journal, "proven", fault=fault, holds=proof.holds, text=proof.text)
            return proof
        time.sleep(0.05)


def undo_fault(
    planned: PlannedFault, stack: Stack, journal: Journal, *, clean_up: bool = True
) -> HealResult:
    """Heal what another process injected, show that it is gone, and leave nothing behind.

    Without ``clean_up`` what may only go once the load has ended stays, for those who know when.
    """
    result = heal_fault(planned, stack, journal)
    if result.healed_ns is None:
        return result
    injector = injector_for(planned, stack)
    proof = prove_healed(injector, planned.name, journal)
    time.sleep(SECOND_LOOK_SECONDS)
    if proof.holds and not _still(injector):
        again = heal_fault(planned, stack, journal)
        result = replace(again, tries=result.tries + again.tries, called_ns=result.called_ns)
        proof = prove_healed(injector, planned.name, journal)
    result = replace(result, proof=proof)
    if not clean_up:
        return result
    try:
        injector.clean_up()
    except Exception as error:  # noqa: BLE001  # told; everything else is still healed
        _log.exception("clean-up of %s by %s", planned.name, journal.by)
        return replace(result, left=str(error) or type(error).__name__)
    if result.gone:
        _note(journal, "undone", fault=planned.name)
    return result


def _still(injector: Injector) -> bool:
    """Whether it is still healed, at a second look."""
    with contextlib.suppress(Exception):  # whatever it is, it was not seen to be healed
        return injector.healed().holds
    return False


def healed_elsewhere(
    injector: Injector, fault: str, journal: Journal, since_ns: int
) -> JournalRow | None:
    """The first heal by someone else than the journal's writer, if the fault is gone indeed."""
    try:
        heals = [
            row
            for row in journal.rows(journal.run_id)
            if (row.event, row.fault) == ("healed", fault)
            and row.by != journal.by
            and (row.healed_ns or row.at_ns) >= since_ns
        ]
        # What we kept up meanwhile, not knowing of it, we have to heal ourselves.
        if not heals or injector.read_back().holds:
            return None
    except Exception:  # noqa: BLE001  # not known: then the later instant, ours, is the safe one
        return None
    return heals[0]


def heal_all(
    stack: Stack, by: str, faults: Iterable[OpenFault], *, clean_up: bool = True
) -> list[HealResult]:
    """Undo several faults at the same time; one that hangs does not hold up the others."""
    results: list[HealResult] = []

    def undo(fault: OpenFault) -> None:
        intent = fault.intent
        journal = Journal(stack.state_dir, stack.stack_id, intent.run, by, intent.run_dir)
        unknown = ""
        try:
            load_announced(intent.module)
        except UsageError as error:  # it may be known all the same, as one that was imported before
            unknown = str(error)
        result = undo_fault(fault.planned, stack, journal, clean_up=clean_up)
        failed = bool(unknown) and result.healed_ns is None
        results.append(replace(result, error=unknown) if failed else result)

    threads = [threading.Thread(target=undo, args=(fault,), name=fault.name) for fault in faults]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    return results


def heal_open(
    stack: Stack, by: str, run_id: str | None = None, *, clean_up: bool = True
) -> list[HealResult]:
    """Heal everything that the stack's journal knows of, of one run or of all."""
    found = Journal(stack.state_dir, stack.stack_id).open_faults(run_id)
    return heal_all(stack, by, found, clean_up=clean_up)


def heal_left_over(stack: Stack, by: str = NEXT_RUN) -> list[str]:
    """Heal what earlier runs left on this stack; the names. `HarnessError` if something stays."""
    results = heal_open(stack, by)
    if failures := [str(result) for result in results if not result.gone]:
        raise HarnessError("a fault of an earlier run is not healed: " + "; ".join(failures))
    return [result.fault for result in results]


def _note(journal: Journal, event: str, **fields: object) -> None:
    """Write a step down; a full disk must not keep a fault alive."""
    try:
        journal.write(event, **fields)
    except OSError:
        _log.exception("%s could not be written down", event)
