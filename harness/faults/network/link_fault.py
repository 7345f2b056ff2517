"""What faults have in common that are on one link, carried out by Toxiproxy."""

import time
from dataclasses import dataclass

from harness.core.errors import HarnessError, ProxyApiHangs
from harness.faults.base import Injector
from harness.faults.probes import CANARY_TIMEOUT_SECONDS, HEALED_TIMEOUT_SECONDS, LinkProbe
from harness.faults.proxy_control import (
    NotThereError,
    Proxy,
    ProxyControl,
    Toxic,
    toxic_names,
)
from harness.history.events import Proof
from harness.plan.fault import Direction, FaultSpec, PlannedFault
from harness.plan.layout import Need, Thing
from harness.stack.state import Stack


@dataclass(frozen=True, slots=True)
class LinkFault(FaultSpec):
    """What every fault has that is on one ``link``, as a rule at its proxy."""

    link: str

    @property
    def target(self) -> str:
        """What it is on, as reports name it."""
        return self.link

    @property
    def needs(self) -> tuple[Need, ...]:
        """The link, with a proxy on it."""
        return (Need(Thing.LINK, self.link),)


@dataclass(frozen=True, slots=True)
class SilentLink(LinkFault):
    """What faults have after which nothing passes on a link, in one ``direction`` or in both."""

    direction: Direction = "both"
    stops_service = True

    @property
    def only(self) -> str:
        """The direction in words; empty for both."""
        return "" if self.direction == "both" else f" ({self.direction} only)"


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
        state += "" if here else f", but on {proxy.listen}, where no one looks for it"
        streams = "missing: " + ", ".join(missing) if missing else "in place"
        streams += f", changed to {'; '.join(changed)}" if changed else ""
        in_place = proxy.enabled and here and not missing and not changed
        return in_place, f"{state}; toxics ({', '.join(self._toxics)}) {streams}"

    def heal(self) -> int:
        """Take back what we did, if it is still there; the instant at which that was done.

        A proxy that someone removed meanwhile is made again: the link is to be as it was.
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
        """Nothing of this fault is left at the proxy and the far side answers."""
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
