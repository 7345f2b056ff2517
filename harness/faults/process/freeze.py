"""`Freeze`: SIGSTOP of a process, alive and silent until the heal: a grey failure."""

import time
from dataclasses import dataclass

from harness.faults.base import Gone
from harness.faults.process.process_fault import ProcessFault, ProcessInjector, listed
from harness.faults.registry import register
from harness.history.fault_facts import EndedBy
from harness.plan.fault import FaultPage, Phrase
from harness.plan.layout import Need, Thing
from harness.stack.supervisor_messages import ProcessStatus


@dataclass(frozen=True, slots=True)
class Freeze(ProcessFault):
    """SIGSTOP of a process, alive and silent until the heal: a grey failure.

    ``target`` as for `Kill`.
    """

    kind = "freeze"
    ability = "pause"
    told = "SIGSTOP of {0.target}: alive, connections open, silent"
    phrase = Phrase("{target} {was} frozen", "end of the freeze")
    page = FaultPage(
        effect=(
            "SIGSTOP of the process and its children: alive, connections open, silent; if one "
            "replica"
            " is frozen, only borrowers whose kept connections lead to it notice"
        ),
        canary="the same",
        heal="SIGCONT",
        example="`lendchaos run --inject 'Freeze(\"replicas\")'`",
    )

    @property
    def rests_on(self) -> tuple[Need, ...]:
        """That the process stands still."""
        return (Need(Thing.PROCESS, self.target, self.ability),)

    @property
    def resets(self) -> tuple[Need, ...]:
        """The same: its heal lets the process go on."""
        return self.rests_on


class FreezeInjector(ProcessInjector):
    """SIGSTOP of a process and all its descendants."""

    done = "stopped"

    def _disturb(self) -> dict[str, int]:
        return self._client.freeze(self._names, self._lasts_s)

    def _is_disturbed(self, process: ProcessStatus) -> bool:
        """The kernel shows it stopped, and it is still the same process."""
        return process.frozen and process.pid == self._pids[process.name]

    def gone(self) -> Gone | None:
        """Whether one of them goes on before its time, in part at least, or is another process."""
        states = self._states().values()
        going = [s for s in states if not (s.frozen and s.pid == self._pids.get(s.name))]
        early = [state for state in going if state.thawed_ns < self._due_ns]
        if not early:
            return None
        told = listed((state.name, state.pid) for state in early)
        asked_ns = min(state.thawed_ns for state in early) or None
        by = ", as someone asked the supervisor to" if asked_ns else ""
        return Gone(EndedBy.NOBODY, f"no longer stopped: {told}{by}", asked_ns)

    def heal(self) -> int:
        """Let them go on, now if they were not let yet; the instant of that."""
        return self._client.thaw(self._names) or time.monotonic_ns()


register(Freeze, FreezeInjector)
