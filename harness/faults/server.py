"""Faults of the service's own processes, through the supervisor that owns them."""

import time

from harness.errors import HarnessError
from harness.events import Proof
from harness.fault_specs import Kill
from harness.plan import PlannedFault
from harness.stack import http_probe
from harness.stack.client import StackClient
from harness.stack.state import Stack

CANARY_CONNECTIONS = 12
"""Fresh connections: the kernel spreads them over the replicas that listen, at random."""
CANARY_TIMEOUT_SECONDS = 0.5
READY_SECONDS_MAX = 15.0


class KillInjector:
    """`Kill`: SIGKILL of one replica, or of all; the supervisor restarts after the set time.

    The supervisor holds that time itself, so that what was killed comes back although the harness
    may have died meanwhile.
    """

    def __init__(self, planned: PlannedFault, spec: Kill, stack: Stack) -> None:
        self._target = spec.target
        self._names = stack.replicas if spec.target == "replicas" else (spec.target,)
        self._lasts_s = max(0.0, planned.heal_s - planned.inject_s)
        self._client = StackClient(stack)
        self._health_url = f"{stack.service_url}/healthz"
        self._pids: dict[str, int] = {}

    def ready(self) -> Proof:
        """Every replica to be killed is alive."""
        dead = self._dead()
        text = f"{', '.join(dead)} not alive" if dead else f"{', '.join(self._names)} alive"
        return Proof("canary", not dead, f"before: {text}")

    def _dead(self) -> list[str]:
        alive = {process.name for process in self._client.status() if process.alive}
        return [name for name in self._names if name not in alive]

    def inject(self) -> None:
        """SIGKILL; returns when the processes are gone."""
        self._pids = self._client.kill(self._target, self._lasts_s).pids

    def read_back(self) -> Proof:
        """The supervisor sees them dead, by a signal."""
        states = {process.name: process for process in self._client.status()}
        killed = [
            name
            for name in self._names
            if states[name].pid != self._pids.get(name) or not states[name].alive
        ]
        holds = len(killed) == len(self._names)
        listed = ", ".join(f"{name} (pid {pid})" for name, pid in self._pids.items())
        return Proof("control_plane", holds, f"supervisor: killed {listed}")

    def canary(self) -> Proof:
        """No fresh connection reaches a killed replica."""
        answered = [self._who_answers() for _ in range(CANARY_CONNECTIONS)]
        reached = sorted({name for name in answered if name in self._names})
        refused = answered.count(None)
        text = (
            f"during: of {CANARY_CONNECTIONS} fresh connections {refused} found nobody,"
            f" {len(answered) - refused} another replica"
        )
        if reached:
            text = f"during: {', '.join(reached)} still answers"
        return Proof("canary", not reached, text)

    def _who_answers(self) -> str | None:
        answer = http_probe.get(self._health_url, CANARY_TIMEOUT_SECONDS)
        return None if answer is None else str(answer.field("instance"))

    def heal(self) -> int:
        """Order the restart, now if it was not ordered yet; the instant of the order."""
        return self._client.restart(self._target)

    def healed(self) -> Proof:
        """The replicas answer again, each by its own name."""
        started = time.monotonic()
        try:
            self._client.wait_ready(self._target, READY_SECONDS_MAX)
        except HarnessError as error:
            return Proof("healed", holds=False, text=f"after: {error}")
        seconds = time.monotonic() - started
        text = f"after: {self._target} ready, waited {seconds:.1f} s for it"
        return Proof("healed", holds=True, text=text)

    def clean_up(self) -> None:
        """Nothing stays behind once restarted."""
