"""Faults of the stack's own processes, through the supervisor that owns them.

The supervisor holds the length of each fault itself, so that what was killed, stopped or frozen
comes back although the harness may have died meanwhile.
"""

import time

from harness.core.errors import HarnessError
from harness.faults.base import Gone
from harness.faults.process_probe import probe_for
from harness.history.events import Proof
from harness.history.fault_facts import EndedBy
from harness.plan.fault_specs import Freeze, Kill, Restart
from harness.plan.plan import PlannedFault
from harness.stack.client import ProcessStatus, StackClient
from harness.stack.state import Stack

READY_SECONDS_MAX = 15.0
LOOK_PROBES = 2
"""Connections of one look whether what is down answers all the same; the next look has as many."""


class _ProcessFault:
    """What faults of processes have in common: who is meant, and who answers."""

    def __init__(self, planned: PlannedFault, spec: Kill | Freeze | Restart, stack: Stack) -> None:
        self._target = spec.target
        self._names = stack.replicas if spec.target == "replicas" else (spec.target,)
        self._lasts_s = max(0.0, planned.heal_s - planned.inject_s)
        self._client = StackClient(stack)
        self._probe = probe_for(stack, spec.target, self._names)
        self._pids: dict[str, int] = {}
        self._due_ns = 0

    def _begin(self) -> None:
        """Note when it is due to end; the supervisor's own timers, set later, are not earlier."""
        self._due_ns = time.monotonic_ns() + round(self._lasts_s * 1e9)

    def _states(self) -> dict[str, ProcessStatus]:
        """What the supervisor sees of the processes that are meant."""
        found = {process.name: process for process in self._client.status()}
        return {name: found[name] for name in self._names if name in found}

    def ready(self) -> Proof:
        """Every process to be disturbed is alive and at work."""
        states = self._states()
        unwell = [n for n in self._names if n not in states or not _at_work(states[n])]
        text = f"{', '.join(unwell)} not at work" if unwell else f"{', '.join(self._names)} at work"
        return Proof("canary", not unwell, f"before: {text}")

    def canary(self) -> Proof:
        """Nobody who is meant answers a fresh connection."""
        silent, how = self._probe.silent()
        return Proof("canary", silent, f"during: {how}")

    def healed(self) -> Proof:
        """The processes are at work and answer again, each replica by its own name."""
        started = time.monotonic()
        try:
            self._client.wait_ready(self._target, READY_SECONDS_MAX)
            unwell = [name for name, state in self._states().items() if not _at_work(state)]
        except HarnessError as error:
            return Proof("healed", holds=False, text=f"after: {error}")
        seconds = time.monotonic() - started
        if unwell:
            return Proof("healed", holds=False, text=f"after: {', '.join(unwell)} not at work")
        silent, how = self._probe.silent()
        if silent:
            return Proof("healed", holds=False, text=f"after: {how}")
        text = f"after: {self._target} ready, waited {seconds:.1f} s for it"
        return Proof("healed", holds=True, text=text)

    def clean_up(self) -> None:
        """Nothing stays behind once healed."""

    def _listed(self) -> str:
        return ", ".join(f"{name} (pid {pid})" for name, pid in self._pids.items())

    def _gone(self, word: str) -> Proof:
        """The supervisor sees that the processes there were are no more."""
        states = self._states()
        gone = [n for n, state in states.items() if self._pids.get(n) != state.pid or _dead(state)]
        text = f"supervisor: {word} {self._listed()}"
        return Proof("control_plane", len(gone) == len(self._names), text)


def _at_work(process: ProcessStatus) -> bool:
    return process.alive and not process.stopped


def _dead(process: ProcessStatus) -> bool:
    return not process.alive


class KillInjector(_ProcessFault):
    """`Kill`: SIGKILL; the supervisor restarts after the set time."""

    def inject(self) -> None:
        """SIGKILL; returns when the processes are gone."""
        self._begin()
        self._pids = self._client.kill(self._target, self._lasts_s)

    def read_back(self) -> Proof:
        """The supervisor sees them dead, by a signal."""
        return self._gone("killed")

    def gone(self) -> Gone | None:
        """Whether one of them runs again before its time, and who started it.

        It is the target's own doing only if the supervisor started it by itself. A heal writes into
        the journal before it asks for a start; another request, or another time that was set for
        it, is somebody's who has no part in the run.
        """
        back = [state for state in self._states().values() if state.alive]
        early = [state for state in back if state.ordered_ns < self._due_ns]
        if not early:
            return None if back else self._answers_all_the_same()
        first = min(early, key=lambda state: state.ordered_ns)
        told = ", ".join(f"{state.name} (pid {state.pid})" for state in early)
        if all(state.started_by == "supervisor" for state in early):
            text = f"the supervisor started {told} again"
            return Gone(EndedBy.TARGET, text, first.ordered_ns)
        text = f"somebody had the supervisor start {told} again, by a {first.started_by}"
        return Gone(EndedBy.NOBODY, text, first.ordered_ns)

    def _answers_all_the_same(self) -> Gone | None:
        """Whether what is down by the supervisor's word was started by somebody else."""
        silent, how = self._probe.silent(LOOK_PROBES)
        if silent:
            return None
        return Gone(EndedBy.NOBODY, f"{how}, and the supervisor did not start it")

    def heal(self) -> int:
        """Order the restart, now if it was not ordered yet; the instant of the order."""
        return self._client.restart(self._target)


class RestartInjector(KillInjector):
    """`Restart`: asked to stop in good order, started again after the set time."""

    def inject(self) -> None:
        """Ask to stop; returns when the processes are gone."""
        self._begin()
        self._pids = self._client.shut_down(self._target, self._lasts_s)

    def read_back(self) -> Proof:
        """The supervisor sees that they have ended."""
        return self._gone("asked to stop")


class FreezeInjector(_ProcessFault):
    """`Freeze`: SIGSTOP of a process and all its descendants."""

    def inject(self) -> None:
        """Stop them; returns when all stand still."""
        self._begin()
        self._pids = self._client.freeze(self._target, self._lasts_s)

    def read_back(self) -> Proof:
        """The kernel shows them stopped, and still the same processes."""
        states = self._states()
        frozen = [n for n, state in states.items() if state.frozen and state.pid == self._pids[n]]
        text = f"supervisor: stopped {self._listed()}"
        return Proof("control_plane", len(frozen) == len(self._names), text)

    def gone(self) -> Gone | None:
        """Whether one of them goes on before its time, in part at least, or is another process."""
        states = self._states().values()
        going = [s for s in states if not (s.frozen and s.pid == self._pids.get(s.name))]
        early = [state for state in going if state.thawed_ns < self._due_ns]
        if not early:
            return None
        told = ", ".join(f"{state.name} (pid {state.pid})" for state in early)
        asked_ns = min(state.thawed_ns for state in early) or None
        by = ", as somebody asked the supervisor to" if asked_ns else ""
        return Gone(EndedBy.NOBODY, f"no longer stopped: {told}{by}", asked_ns)

    def heal(self) -> int:
        """Let them go on, now if they were not let yet; the instant of that."""
        return self._client.thaw(self._target) or time.monotonic_ns()
