"""`Refuse`: a link is down."""

from dataclasses import dataclass

from harness.faults.network.link_fault import LinkFault, LinkInjector
from harness.faults.proxy_control import Proxy
from harness.faults.registry import register
from harness.history.events import Proof
from harness.plan.fault import FaultPage, Phrase
from harness.plan.layout import Need, Thing


@dataclass(frozen=True, slots=True)
class Refuse(LinkFault):
    """A link is down: established connections are cut, new ones refused."""

    kind = "refuse"
    told = "connections on the link {0.link} are cut, new ones refused"
    phrase = Phrase("the {target} link refused connections", "end of the refusals")
    page = FaultPage(
        effect="the link is down: open connections are cut, new ones refused",
        canary="connecting is refused",
        heal="the proxy is enabled again",
        example="`lendchaos run --inject 'Refuse(\"database\")'`",
    )
    stops_service = True

    @property
    def rests_on(self) -> tuple[Need, ...]:
        """That the proxy is disabled."""
        return (Need(Thing.LINK, self.link, "enabled"),)

    @property
    def resets(self) -> tuple[Need, ...]:
        """The same: its heal enables the proxy."""
        return self.rests_on


class RefuseInjector(LinkInjector):
    """The proxy is disabled, which ends its connections and its listening."""

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


register(Refuse, RefuseInjector)
