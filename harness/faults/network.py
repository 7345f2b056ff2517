"""Network faults on a link, carried out by Toxiproxy.

A partition is a `timeout` toxic of 0 on one or both streams: bytes vanish, connects and FIN still
pass, and removing it closes the connections it held, so that a heal is followed by a short burst of
errors that belongs to the recovery.
"""

import math
import statistics
import time

from harness.core.errors import HarnessError, ProxyApiHangs
from harness.faults.base import Injector
from harness.faults.probes import CANARY_TIMEOUT_SECONDS, HEALED_TIMEOUT_SECONDS, LinkProbe
from harness.faults.proxy_control import STREAMS, NotThereError, Proxy, ProxyControl, Toxic
from harness.history.events import Proof
from harness.plan.fault_specs import Flap, Latency, LinkFault, Partition, Throttle
from harness.plan.plan import PlannedFault
from harness.stack.state import Stack

_ROUND_TRIPS_SECONDS_MAX = 3.0
_NOISE_SHARE = 0.1
_DELAY_SHOWN_MS_MIN = 50.0
_RATE_EXCESS_MAX = 1.25
"""A throttled connection may be faster than its rate by the first piece, which is never delayed."""
_RATE_FREE_MIN = 2.0
_RATE_TRIES = 3
"""What a link can carry is the best that it was seen to: a busy machine holds any try up."""
OURS = "lendchaos-"
"""What the name of every toxic of a fault begins with."""


def toxic_names(fault: str, streams: tuple[str, ...] = STREAMS["both"]) -> list[str]:
    """The names that the toxics of a fault have, so that whoever heals it finds them."""
    return [f"{OURS}{fault}-{stream}" for stream in streams]


class LinkInjector(Injector):
    """What faults have in common that are toxics on one link.

    ``kind`` and ``attributes`` are Toxiproxy's, ``streams`` those of its two that get the toxic.
    """

    kind = ""

    def __init__(
        self,
        planned: PlannedFault,
        spec: LinkFault,
        stack: Stack,
        streams: tuple[str, ...] = (),
        **attributes: int,
    ) -> None:
        self._link = stack.links[spec.link]
        self._toxics = dict(zip(streams, toxic_names(planned.name, streams), strict=True))
        self._names = set(self._toxics.values())
        self._attributes = attributes
        self._control = ProxyControl(stack.toxiproxy_api)
        self._probe = LinkProbe(self._link, stack)

    def ready(self) -> Proof:
        """The far side answers through the link."""
        well = self._probe.answers(HEALED_TIMEOUT_SECONDS)
        return Proof("canary", well, f"before: {self._answer_text(answers=well)}")

    def inject(self) -> None:
        """Add our toxics, one for each stream."""
        for stream, toxic in self._toxics.items():
            self._control.add_toxic(self._link.name, toxic, self.kind, stream, **self._attributes)

    def read_back(self) -> Proof:
        """Whether the proxy is as this fault leaves it."""
        proxy = self._control.find(self._link.name)
        if proxy is None:
            return Proof("control_plane", holds=False, text=f"there is no proxy {self._link.name}")
        holds, text = self._in_place(proxy)
        return Proof("control_plane", holds, f"proxy {self._link.name} is {text}")

    def _in_place(self, proxy: Proxy) -> tuple[bool, str]:
        """Whether it is enabled (a disabled one takes toxics and does nothing) and holds ours."""
        wanted = [
            Toxic(name, self.kind, stream, 1.0, self._attributes)
            for stream, name in self._toxics.items()
        ]
        missing = [toxic.name for toxic in wanted if proxy.toxic(toxic.name) is None]
        changed = [str(t) for t in proxy.toxics if t.name in self._names and t not in wanted]
        state = "enabled" if proxy.enabled else "disabled, so its toxics do nothing"
        here = proxy.listen == self._link.listen
        state += "" if here else f", but on {proxy.listen}, where nobody looks for it"
        streams = "missing: " + ", ".join(missing) if missing else "in place"
        streams += f", changed to {'; '.join(changed)}" if changed else ""
        in_place = proxy.enabled and here and not missing and not changed
        return in_place, f"{state}; toxics ({', '.join(self._toxics)}) {streams}"

    def heal(self) -> int:
        """Take back what we did, if it is still there; the instant at which that was done.

        A proxy that somebody removed meanwhile is made again: the link is to be as it was.
        """
        try:
            self._take_back()
        except NotThereError:
            if self._control.find(self._link.name) is None:
                self._control.lay(self._link)
        return time.monotonic_ns()

    def _take_back(self) -> None:
        """Remove our toxics, all of them even if one is refused."""
        failure: HarnessError | None = None
        for toxic in self._toxics.values():
            try:
                self._control.remove_toxic(self._link.name, toxic)
            except ProxyApiHangs:
                raise  # the next call would hang as well, and something else can be done meanwhile
            except HarnessError as error:
                failure = failure or error
        if failure is not None:
            raise failure

    def healed(self) -> Proof:
        """Nothing of ours is left at the proxy and the far side answers."""
        undone, state = self._undone(self._control.proxy(self._link.name))
        answers = self._probe.answers(HEALED_TIMEOUT_SECONDS)
        text = self._answer_text(answers=answers, seconds=HEALED_TIMEOUT_SECONDS)
        return Proof("healed", undone and answers, f"after: {state}; {text}")

    def _undone(self, proxy: Proxy) -> tuple[bool, str]:
        left = sorted({toxic.name for toxic in proxy.toxics} & self._names)
        return not left, f"toxics left: {', '.join(left)}" if left else "no toxic left"

    def _answer_text(self, *, answers: bool, seconds: float = CANARY_TIMEOUT_SECONDS) -> str:
        verb = "answers" if answers else f"does not answer within {seconds:g} s"
        return f"the far side of {self._link.name} {verb} through the link"


class PartitionInjector(LinkInjector):
    """`Partition`: bytes vanish on a link."""

    kind = "timeout"

    def __init__(self, planned: PlannedFault, spec: Partition | Flap, stack: Stack) -> None:
        super().__init__(planned, spec, stack, STREAMS[spec.direction], timeout=0)

    def canary(self) -> Proof:
        """Nothing answers through the link."""
        answers = not self._probe.is_cut()
        return Proof("canary", not answers, f"during: {self._answer_text(answers=answers)}")


class RefuseInjector(LinkInjector):
    """`Refuse`: the proxy is disabled, which ends its connections and its listening."""

    def inject(self) -> None:
        """Disable the proxy."""
        self._control.set_enabled(self._link.name, enabled=False)

    def _in_place(self, proxy: Proxy) -> tuple[bool, str]:
        return not proxy.enabled, "enabled" if proxy.enabled else "disabled"

    def canary(self) -> Proof:
        """A new connection is refused."""
        refuses = self._probe.refuses()
        verb = "is refused" if refuses else "is accepted"
        return Proof("canary", refuses, f"during: a new connection on {self._link.name} {verb}")

    def _take_back(self) -> None:
        self._control.set_enabled(self._link.name, enabled=True)

    def _undone(self, proxy: Proxy) -> tuple[bool, str]:
        return proxy.enabled, f"proxy is {'enabled' if proxy.enabled else 'still disabled'}"


class LatencyInjector(LinkInjector):
    """`Latency`: every piece of data on a link is held back for a while."""

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
        """No toxic of ours is left, and an answer takes less than half of the promised delay.

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


class ThrottleInjector(LinkInjector):
    """`Throttle`: each connection of a link carries little a second."""

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
