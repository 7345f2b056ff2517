"""What is done for a run whose conductor died: healed, written down, taken down, judged."""

import contextlib
import logging
import subprocess
import sys
import time
from dataclasses import replace
from pathlib import Path

from harness.core.errors import HarnessError, UsageError
from harness.core.locks import locked
from harness.core.own_python import module_command
from harness.core.processes import CODE_FOLDER, is_alive
from harness.faults.audit import audit
from harness.faults.base import not_begun
from harness.faults.heal.guardian_protocol import GuardedRun
from harness.faults.heal.healing import heal_open
from harness.faults.heal.proxy_restart import SECOND_WAY
from harness.faults.probes import link_canaries, wait_for
from harness.history.events import FaultFact, Proof
from harness.history.fault_facts import EndedBy
from harness.history.journal import HEAL_COMMAND, Journal, first_heal
from harness.history.journal_row import JournalRow
from harness.history.run_directory import RunDirectory
from harness.history.run_facts import ErrorRecord
from harness.plan.fault import PlannedFault
from harness.plan.plan import Plan
from harness.stack import Stack, down, load_state
from harness.stack.folder import RUN_LOCK

LOCK_SECONDS_MAX = 1.0
"""For the kernel to give back the lock of a process that is just dying."""
HEAL_ROUNDS = 5
AGAIN_SECONDS = 2.0
"""Between two rounds of healing what could not be healed."""
LOAD_END_MARGIN_SECONDS = 3.0
"""Beyond its drain, for a load process to end that has seen its conductor die."""
JUDGE_SECONDS_MAX = 120.0

_log = logging.getLogger("lendchaos.guardian")


def stack_in(run: GuardedRun) -> Stack | None:
    """The stack that the run used, if it is still up."""
    if run.state_dir is None:
        return None
    try:
        stack = load_state(run.state_dir)
    except (HarnessError, UsageError) as error:
        _log.error("%s", error)  # the environment's, told in one line
        return None
    return stack if stack is not None and run.stack_id in ("", stack.stack_id) else None


def heal_run(run: GuardedRun, by: str) -> bool:
    """Heal everything that is left of a run, in several rounds; whether nothing is left."""
    for attempt in range(HEAL_ROUNDS):
        if attempt:
            time.sleep(AGAIN_SECONDS)
        stack = stack_in(run)
        if stack is None or not Journal(stack.state_dir, stack.stack_id).open_faults(run.run_id):
            return True
        if _used_by_another(stack.state_dir):
            _log.warning("another run has begun on this stack: it heals what it found")
            return True
        results = heal_open(stack, by, run.run_id)
        for result in results:
            _log.warning("%s", result)
        if all(result.gone for result in results):
            return True
    return False


def take_over(run: GuardedRun, by: str) -> bool:
    """Heal, complete the record, take down what the run brought up, judge; each in bounded time.

    Returns whether nothing is left broken.
    """
    died_ns = time.monotonic_ns()
    healed = heal_run(run, by)
    stack = stack_in(run)
    if stack is not None:
        for name, answers in link_canaries(stack):
            _log.info("link %s %s", name, "answers" if answers else "does NOT answer")
    directory = RunDirectory(run.run_dir)
    plan = _plan(directory)
    # A load process that lost its conductor drains and ends by itself, within a bound.
    drain_s = 0.0 if plan is None else plan.settings.drain_s
    wait_for(lambda: not is_alive(run.load), drain_s + LOAD_END_MARGIN_SECONDS)
    if plan is not None and run.state_dir is not None:
        rows = Journal(run.state_dir, "").rows(run.run_id)
        found = () if stack is None else audit(stack, {}, died_ns)
        complete_record(directory, plan, rows, died_ns, by=by, found=found)
    if run.state_dir is not None:
        with contextlib.suppress(OSError):
            Journal(run.state_dir, run.stack_id, run.run_id, by).write("over")
        if run.owns_stack:
            _take_down(run.state_dir)
    if plan is not None and not (run.run_dir / "verdict.json").exists():
        _judge(run.run_dir)
    return healed


# --- the record ----------------------------------------------------------------------------------


def complete_record(
    directory: RunDirectory,
    plan: Plan,
    rows: list[JournalRow],
    died_ns: int,
    *,
    by: str,
    found: tuple[Proof, ...] = (),
) -> None:
    """Write down what the conductor could not: who healed its faults and when, and its own end.

    ``by`` saw it at ``died_ns``, and ``found`` is the state of the database after. A run whose
    evidence is sealed was over; its record stays as it is.
    """
    status = directory.read_status([])
    if status.seals:
        return
    try:
        known = directory.read_faults([])
        for planned in plan.faults:
            if (fact := completed(planned, known.get(planned.name), rows)) is not None:
                directory.append_fault(fact)
        directory.write_journal(rows)
        ended_ns = status.load_ended_ns
        if ended_ns is None and status.clock is not None:
            ended_ns = min(died_ns, status.clock.zero_ns + round(plan.load_end_s * 1e9))
        text = f"the conductor died before the run was over; the {by} ended it"
        directory.write_status(
            replace(
                status,
                interrupted=True,
                load_ended_ns=ended_ns,
                drained_ns=status.drained_ns or ended_ns,
                troubles=(*status.troubles, ErrorRecord(text, died_ns)),
                audit=status.audit or found,
            )
        )
    except OSError:
        _log.exception("the record of %s could not be completed", directory.path)


def completed(
    planned: PlannedFault, fact: FaultFact | None, rows: list[JournalRow]
) -> FaultFact | None:
    """What is known of a fault, with its heal as the journal has it; None if there is no more."""
    mine = [row for row in rows if row.fault == planned.name]
    intents = [row for row in mine if row.event == "intent"]
    if not intents:
        return None
    fact = fact or not_begun(planned)
    made = fact
    if made.inject_called_ns is None:
        made = replace(made, inject_called_ns=intents[-1].at_ns)
    heal = first_heal(rows, planned.name)
    if made.heal_returned_ns is None and heal is not None:
        announced = [r.at_ns for r in mine if (r.event, r.by) == ("healing", heal.by)]
        made = replace(
            made,
            heal_called_ns=announced[0] if announced else heal.at_ns,
            heal_returned_ns=heal.at_ns,
            healed_ns=heal.healed_ns,
            healed_by=heal.by,
            heal_tries=heal.tries,
            ended_by=EndedBy.ORDER if heal.by == HEAL_COMMAND else None,
        )
    ways = [row.text for row in mine if row.event == SECOND_WAY and row.holds]
    told = {proof.text for proof in made.proofs}
    added = tuple(Proof(SECOND_WAY, holds=True, text=way) for way in ways if way not in told)
    made = replace(made, proofs=(*made.proofs, *added))
    looks = [row for row in mine if row.event == "proven"]
    if looks and not any(proof.kind == "healed" for proof in made.proofs):
        proof = Proof("healed", bool(looks[-1].holds), looks[-1].text)
        made = replace(made, proofs=(*made.proofs, proof))
    return None if made == fact else made


def _plan(directory: RunDirectory) -> Plan | None:
    try:
        return directory.read_plan()
    except (HarnessError, UsageError) as error:
        _log.error("%s", error)  # what cannot be read cannot be judged either
        return None


# --- the rest of the run -------------------------------------------------------------------------


def _used_by_another(state_dir: Path) -> bool:
    with locked(state_dir / RUN_LOCK, LOCK_SECONDS_MAX) as is_ours:
        return not is_ours


def _take_down(state_dir: Path) -> None:
    with locked(state_dir / RUN_LOCK, LOCK_SECONDS_MAX) as is_ours:  # as a run holds it
        if is_ours:
            down(state_dir, lambda text: _log.info("%s", text))


def _judge(run_dir: Path) -> None:
    """Judge what there is, in a process of its own: we stay small."""
    command = [*module_command("harness.apps.cli"), "judge", str(run_dir)]
    try:
        subprocess.run(
            command,
            cwd=CODE_FOLDER,
            stdin=subprocess.DEVNULL,
            stdout=sys.stderr,
            stderr=sys.stderr,
            timeout=JUDGE_SECONDS_MAX,
            check=False,
        )
    except (OSError, subprocess.TimeoutExpired):
        _log.exception("the run could not be judged; `lendchaos judge %s` does it", run_dir)
