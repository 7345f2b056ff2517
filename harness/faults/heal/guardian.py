"""Heals when no one else does; a process of its own, started before the first injection.

`python -m harness.faults.heal.guardian RUN` holds a pipe to the conductor. When it closes without
the word that all is in order (SIGKILL, out of memory), everything that the journal announced is
healed at once, the record of the run is completed, a stack that the run itself brought up is taken
down, and what there is gets judged. A fault whose deadline passes is healed also while the
conductor still lives (stopped, or hung).

`python -m harness.faults.heal.guardian --once --state-dir DIR` does the same once. The
supervisor of the stack starts it when conductor and guardian are both gone, or both stopped.
"""

import argparse
import logging
import os
import select
import signal
import sys
import threading
import time
from collections.abc import Iterable
from dataclasses import dataclass, field
from pathlib import Path

from harness.core import foreign_text
from harness.core.connections import forget_libpq_variables
from harness.core.errors import HarnessError, UsageError
from harness.core.processes import ProcessRef, is_alive
from harness.core.user_module import UserReference
from harness.faults.heal import guardian_protocol as protocol
from harness.faults.heal.healing import heal_all
from harness.faults.heal.takeover import heal_run, stack_in, take_over
from harness.faults.registry import load_all
from harness.history.journal import DEADLINE, GUARDIAN, SUPERVISOR, Journal, OpenFault
from harness.stack import load_state
from harness.stack.state import Stack

TICK_SECONDS = 0.2
AGAIN_SECONDS = 2.0
"""Before another try at a fault that could not be healed."""

_log = logging.getLogger("lendchaos.guardian")


class LateHeals:
    """Heals whose deadline passed, each in a thread: none waits until another is shown to help."""

    def __init__(self) -> None:
        self._under_way: dict[tuple[str, str], threading.Thread] = {}

    @property
    def busy(self) -> bool:
        """Whether one of them is under way."""
        return any(thread.is_alive() for thread in self._under_way.values())

    def begin(self, stack: Stack, late: Iterable[OpenFault]) -> None:
        """Begin to heal what is not being healed; what could not be is begun again a while later.

        The conductor may only be stopped: what waits for the end of the load is left to it.
        """
        for fault in late:
            key, args = (fault.intent.run, fault.name), (stack, fault)
            if key not in self._under_way or not self._under_way[key].is_alive():
                self._under_way[key] = threading.Thread(target=_heal_late, args=args, daemon=True)
                self._under_way[key].start()


def _heal_late(stack: Stack, fault: OpenFault) -> None:
    for result in heal_all(stack, DEADLINE, [fault], clean_up=False):
        _log.warning("its deadline passed: %s", result)
        if result.healed_ns is None:
            time.sleep(AGAIN_SECONDS)


@dataclass(slots=True)
class GuardianWatch:
    """What the guardian watches: one run, and the stack that it uses once it has one."""

    run: protocol.GuardedRun
    in_order: bool = False
    _size: int = field(default=0, init=False)
    _heals: LateHeals = field(default_factory=LateHeals, init=False)
    _deadlines: bool = field(default=False, init=False)

    def hear(self, line: bytes) -> None:
        """Take one message of the conductor."""
        match protocol.TO_GUARDIAN.decode(line):
            case protocol.GuardedRun() as told:
                self.run = told
            case protocol.RunInOrder():
                self.in_order = True

    def heal_overdue(self) -> None:
        """Heal what should have been healed by now."""
        run = self.run
        if run.state_dir is None or not run.stack_id:
            return
        journal = Journal(run.state_dir, run.stack_id)
        if journal.size() == self._size and not self._deadlines:
            return
        self._size = journal.size()
        found = [fault for fault in journal.open_faults(run.run_id) if not fault.healed]
        self._deadlines = bool(found)
        late = [fault for fault in found if fault.overdue()]
        stack = stack_in(run) if late else None
        if stack is not None:
            self._heals.begin(stack, late)


def main() -> int:
    """Watch one run, or look once; 0 when nothing is left broken."""
    forget_libpq_variables()
    parser = argparse.ArgumentParser(
        prog="python -m harness.faults.heal.guardian", description=__doc__
    )
    parser.add_argument("run", type=Path, nargs="?")
    parser.add_argument("--once", action="store_true")
    parser.add_argument("--state-dir", type=Path)
    parser.add_argument("--fault-module", nargs=2, action="append", default=[])
    options = parser.parse_args()
    foreign_text.guard(sys.stderr)
    logging.basicConfig(level=logging.INFO, format="%(asctime)s %(name)s %(message)s")
    # Whatever ends a run must not end the one who heals after it; we end by ourselves.
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        signal.signal(number, signal.SIG_IGN)
    try:
        load_all(UserReference(name, "", folder) for name, folder in options.fault_module)
        if options.once:
            return int(not look_once(options.state_dir.absolute()))
        nothing_yet = protocol.GuardedRun(
            run_dir=options.run.absolute(),
            run_id="",
            state_dir=None,
            stack_id="",
            owns_stack=False,
            load=None,
        )
        return int(not guard(GuardianWatch(nothing_yet)))
    except (HarnessError, UsageError) as error:
        _log.error("%s", error)  # the environment's, told in one line
        return error.exit_code


def guard(watch: GuardianWatch) -> bool:
    """Watch a run to its end; whether nothing of it is left broken."""
    os.write(1, protocol.FROM_GUARDIAN.encode(protocol.GuardianReady()))
    pending = b""
    while True:
        readable, _, _ = select.select([0], [], [], TICK_SECONDS)
        if readable:
            received = os.read(0, 65_536)
            if not received:
                break
            *whole, pending = (pending + received).split(b"\n")
            for line in whole:
                watch.hear(line)
        try:
            watch.heal_overdue()
        except Exception:  # noqa: BLE001  # nothing that goes wrong here may end the watch
            _log.exception("looking for overdue faults")
    if watch.in_order:
        return heal_run(watch.run, GUARDIAN)
    _log.warning("the conductor is gone: healing what it left")
    return take_over(watch.run, GUARDIAN)


def look_once(state_dir: Path) -> bool:
    """For a stack whose run no one looks after any more; whether nothing is left broken."""
    stack = load_state(state_dir)
    if stack is None:
        return True
    row = Journal(state_dir, stack.stack_id).run_under_way()
    if row is not None and not any(is_alive(_process(r)) for r in (row.conductor, row.guardian)):
        dead = protocol.GuardedRun(
            run_dir=Path(row.run_dir),
            run_id=row.run,
            state_dir=state_dir,
            stack_id=stack.stack_id,
            owns_stack=row.owns_stack,
            load=_process(row.load),
        )
        return take_over(dead, SUPERVISOR)
    return heal_what_is_late(stack)


def _process(reference: tuple[int, int] | None) -> ProcessRef | None:
    """A process as the journal names it."""
    return None if reference is None else ProcessRef(*reference)


def heal_what_is_late(stack: Stack) -> bool:
    """Heal once what is overdue, and what gets so meanwhile; whether all of it is healed."""
    journal, heals = Journal(stack.state_dir, stack.stack_id), LateHeals()
    tried: set[tuple[str, str]] = set()
    while True:
        busy = heals.busy  # asked first: what ends meanwhile is written down by then
        late = {(f.intent.run, f.name): f for f in journal.open_faults() if f.overdue()}
        new = [fault for key, fault in late.items() if key not in tried]
        if not busy and not new:
            return not late
        heals.begin(stack, new)
        tried |= late.keys()
        time.sleep(TICK_SECONDS)


if __name__ == "__main__":
    sys.exit(main())
