"""`Latency`: everything on a link takes longer."""

import math
import statistics
import time
from dataclasses import dataclass

from harness.faults.network.link_fault import LinkFault, LinkInjector
from harness.faults.proxy_control import STREAMS
from harness.faults.registry import register
from harness.history.events import Proof
from harness.plan.fault import Direction, FaultPage, Phrase, PlannedFault
from harness.stack.state import Stack

MILLISECONDS_MAX = 60_000
_ROUND_TRIPS_SECONDS_MAX = 3.0
_NOISE_SHARE = 0.1
_DELAY_SHOWN_MS_MIN = 50.0


@dataclass(frozen=True, slots=True)
class Latency(LinkFault):
    """Everything on a link takes longer, by ``milliseconds`` give or take ``jitter`` milliseconds.

    The delay is added once for each piece of data in that direction; ``both`` adds it each way.
    """

    milliseconds: int
    jitter: int = 0
    direction: Direction = "downstream"
    kind = "latency"
    phrase = Phrase("the {target} link was slow to answer", "end of the delay")
    page = FaultPage(
        effect="every piece of data takes longer, give or take the jitter",
        canary="each of a few first answers takes longer by that much",
        heal="the toxics are removed",
        example=(
            'scenario `slow_database`, or `lendchaos run --inject \'Latency("database", '
            "milliseconds=200)'`"
        ),
    )

    def objections(self) -> list[str]:
        """A delay out of bounds, or jitter beyond it."""
        delay, jitter = self.milliseconds, self.jitter
        if not 1 <= delay <= MILLISECONDS_MAX:
            return [f"milliseconds {delay} must be a whole number from 1 to {MILLISECONDS_MAX}"]
        if not 0 <= jitter <= delay:
            return [f"jitter {jitter} must be a whole number from 0 to milliseconds ({delay})"]
        return []

    @property
    def description(self) -> str:
        """One line for the report."""
        more = f" ± {self.jitter}" if self.jitter else ""
        which = {"both": " each way", "upstream": " up", "downstream": " back"}[self.direction]
        return f"{self.milliseconds}{more} ms more on the link {self.link},{which}"


class LatencyInjector(LinkInjector):
    """Every piece of data on a link is held back for a while."""

    kind = "latency"

    def __init__(self, planned: PlannedFault, spec: Latency, stack: Stack) -> None:
        streams = STREAMS[spec.direction]
        delay = {"latency": spec.milliseconds, "jitter": spec.jitter}
        super().__init__(planned, spec, stack, streams, **delay)
        ways = len(streams)
        self._least_ms = ways * (spec.milliseconds - spec.jitter) * (1 - _NOISE_SHARE)
        # Drawn evenly from -jitter to +jitter: the mean of five falls below this once in thousands.
        self._mean_ms = ways * (spec.milliseconds - 0.8 * spec.jitter) * (1 - _NOISE_SHARE)
        self._before_ms = 0.0

    def ready(self) -> Proof:
        """The far side answers through the link; how fast is what the delay is measured against."""
        proof = super().ready()
        self._before_ms = min(self._round_trips_ms(), default=0.0)
        return Proof("canary", proof.holds, f"{proof.text}, in {self._before_ms:.1f} ms")

    def canary(self) -> Proof:
        """Every first answer takes longer, by what was promised.

        Silence for longer than the promised delay, or than we can wait, is a delay as well.
        """
        added = [ms - self._before_ms for ms in self._round_trips_ms()]
        if not added:
            waited = f"no first answer within {_ROUND_TRIPS_SECONDS_MAX:g} s"
            slow = self._least_ms >= _ROUND_TRIPS_SECONDS_MAX * 1000 * (1 - _NOISE_SHARE)
            return Proof("canary", slow, f"during: {waited} on {self._link.name}")
        least, mean = min(added), statistics.fmean(added)
        text = f"during: a first answer on {self._link.name} takes {mean:.0f} ms longer"
        text += f" ({least:.0f} to {max(added):.0f} ms in {len(added)} tries)"
        return Proof("canary", least >= self._least_ms and mean >= self._mean_ms, text)

    def healed(self) -> Proof:
        """No toxic of this fault is left, and an answer takes less than half of the promised delay.

        The delay is not looked at where it would not show, or where another fault is at work.
        """
        proof = super().healed()
        found = self._round_trips_ms(tries=3)
        added = min(found) - self._before_ms if found else math.inf
        alone = not self._control.proxy(self._link.name).toxics
        fast = added < max(self._mean_ms / 2, _DELAY_SHOWN_MS_MIN) or not alone
        text = f"{proof.text}, {max(added, 0.0):.0f} ms later than before" if found else proof.text
        return Proof("healed", proof.holds and fast, text)

    def _round_trips_ms(self, tries: int = 5) -> list[float]:
        """Some round trips in a bounded time, in milliseconds; those that were answered."""
        deadline = time.monotonic() + _ROUND_TRIPS_SECONDS_MAX
        found = []
        for _ in range(tries):
            left = deadline - time.monotonic()
            if left <= 0:
                break
            if (seconds := self._probe.round_trip_seconds(left)) is not None:
                found.append(seconds * 1000)
        return found


register(Latency, LatencyInjector)
