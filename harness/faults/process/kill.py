"""`Kill`: SIGKILL of a process, restarted at the heal."""

from dataclasses import dataclass

from harness.faults.base import Gone
from harness.faults.process.process_fault import LOOK_PROBES, ProcessFault, ProcessInjector, listed
from harness.faults.registry import register
from harness.history.fault_facts import EndedBy
from harness.plan.fault import FaultPage, Phrase
from harness.plan.layout import Need
from harness.stack.supervisor_messages import ProcessStatus


@dataclass(frozen=True, slots=True)
class Kill(ProcessFault):
    """SIGKILL of a process, restarted at the heal.

    ``target`` is the name of a process, or a role, as `ProcessFault` lists them.
    """

    kind = "kill"
    ability = "kill"
    told = "SIGKILL of {0.target}; the supervisor restarts on order"
    phrase = Phrase("{target} {was} killed and down")
    page = FaultPage(
        effect="SIGKILL",
        canary="none of the killed processes answers a fresh connection",
        heal="the supervisor restarts it, on command or at the fault's deadline",
        example="scenario `server_failure`, or `lendchaos run --inject 'Kill(\"postgres\")'`",
    )

    @property
    def rests_on(self) -> tuple[Need, ...]:
        """That the process is down."""
        return self.takes_away

    @property
    def resets(self) -> tuple[Need, ...]:
        """The process as a whole: another one runs after it."""
        return self.takes_away


class KillInjector(ProcessInjector):
    """SIGKILL; the supervisor restarts after the set time."""

    done = "killed"

    def _disturb(self) -> dict[str, int]:
        return self._client.kill(self._names, self._lasts_s)

    def _is_disturbed(self, process: ProcessStatus) -> bool:
        return self._pids.get(process.name) != process.pid or not process.alive

    def gone(self) -> Gone | None:
        """Whether one of them runs again before its time, and who started it.

        It is the target's own doing only if the supervisor started it by itself. A heal writes into
        the journal before it asks for a start; another request, or another time that was set for
        it, is someone's who has no part in the run.
        """
        back = [state for state in self._states().values() if state.alive]
        early = [state for state in back if state.ordered_ns < self._due_ns]
        if not early:
            # What is down by the supervisor's word may have been started by somebody else.
            silent, how = (True, "") if back else self._probe.silent(LOOK_PROBES)
            text = f"{how}, and the supervisor did not start it"
            return None if silent else Gone(EndedBy.NOBODY, text)
        first = min(early, key=lambda state: state.ordered_ns)
        told = listed((state.name, state.pid) for state in early)
        if all(state.started_by == "supervisor" for state in early):
            text = f"the supervisor started {told} again"
            return Gone(EndedBy.TARGET, text, first.ordered_ns)
        text = f"someone had the supervisor start {told} again, by a {first.started_by}"
        return Gone(EndedBy.NOBODY, text, first.ordered_ns)

    def heal(self) -> int:
        """Order the restart, now if it was not ordered yet; the instant of the order."""
        return self._client.restart(self._names)


register(Kill, KillInjector)
