"""`Throttle`: a link carries little a second."""

from dataclasses import dataclass

from harness.faults.network.link_fault import LinkFault, LinkInjector
from harness.faults.proxy_control import STREAMS
from harness.faults.registry import register
from harness.history.events import Proof
from harness.plan.fault import Direction, FaultPage, Phrase, PlannedFault
from harness.plan.layout import CARRIES_DATA, Need, Thing
from harness.stack.state import Stack

KILOBYTES_PER_SECOND_MAX = 1_000_000
_RATE_EXCESS_MAX = 1.25
"""A throttled connection may be faster than its rate by the first piece, which is never delayed."""
_RATE_FREE_MIN = 2.0
_RATE_TRIES = 3
"""What a link can carry is the best that it was seen to: a busy machine holds any try up."""


@dataclass(frozen=True, slots=True)
class Throttle(LinkFault):
    """Each connection of a link carries at most ``kilobytes_per_second`` in a direction."""

    kilobytes_per_second: int
    direction: Direction = "both"
    kind = "throttle"
    told = "each connection on the link {0.link} carries {0.kilobytes_per_second} KB/s"
    phrase = Phrase("the {target} link was narrow", "end of the throttling")
    page = FaultPage(
        effect="each connection carries no more than that",
        canary="a transfer takes as long as the rate says",
        heal="the toxics are removed",
        example="`lendchaos run --inject 'Throttle(\"edge\", kilobytes_per_second=1)'`",
    )

    @property
    def needs(self) -> tuple[Need, ...]:
        """A link through which data can be sent and come back."""
        return (Need(Thing.LINK, self.link, CARRIES_DATA),)

    def objections(self) -> list[str]:
        """A rate out of bounds."""
        rate, most = self.kilobytes_per_second, KILOBYTES_PER_SECOND_MAX
        if not 1 <= rate <= most:
            return [f"kilobytes_per_second {rate} must be a whole number from 1 to {most}"]
        return []


class ThrottleInjector(LinkInjector):
    """Each connection of a link carries little a second."""

    kind = "bandwidth"

    def __init__(self, planned: PlannedFault, spec: Throttle, stack: Stack) -> None:
        self._direction, self._promised = spec.direction, spec.kilobytes_per_second
        super().__init__(planned, spec, stack, STREAMS[spec.direction], rate=self._promised)

    def ready(self) -> Proof:
        """The link by itself carries at least twice what it will be throttled to."""
        free, holds = None, False
        for _ in range(_RATE_TRIES):
            free = self._probe.transfer(self._direction, self._promised)
            if holds := free is not None and free >= _RATE_FREE_MIN * self._promised:
                break
        text = f"before: {self._rate_text(free)}"
        if free is not None and not holds:
            text += f", so a throttle to {self._promised} KB/s could not be told from none"
        return Proof("canary", holds, text)

    def canary(self) -> Proof:
        """Data passes no faster than was promised."""
        rate = self._probe.transfer(self._direction, self._promised)
        holds = rate is not None and rate <= _RATE_EXCESS_MAX * self._promised
        return Proof("canary", holds, f"during: {self._rate_text(rate)}")

    def _rate_text(self, rate: float | None) -> str:
        carried = "nothing" if rate is None else f"{rate:.0f} KB/s"
        return f"a connection on {self._link.name} carries {carried}"


register(Throttle, ThrottleInjector)
