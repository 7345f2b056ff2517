"""`Restart`: an orderly restart of a process."""

from dataclasses import dataclass

from harness.faults.process.kill import Kill, KillInjector
from harness.faults.registry import register
from harness.plan.fault import FaultPage, Phrase


@dataclass(frozen=True, slots=True)
class Restart(Kill):
    """An orderly restart: a request to stop, then a start at the heal. ``target`` as for `Kill`."""

    kind = "restart"
    ability = "restart"
    told = "{0.target} asked to stop, and started again at the heal"
    phrase = Phrase("{target} {was} restarted", "restart")
    page = FaultPage(
        effect="the process is asked to stop, and started again at the heal",
        canary="the same",
        heal="it is started",
        example="`lendchaos run --inject 'Restart(\"replicas\")'`",
    )


class RestartInjector(KillInjector):
    """Asked to stop in good order, started again after the set time."""

    done = "asked to stop"

    def _disturb(self) -> dict[str, int]:
        return self._client.shut_down(self._names, self._lasts_s)


register(Restart, RestartInjector)
