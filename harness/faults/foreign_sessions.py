"""What somebody else changed on the stack's own Toxiproxy: toxics, proxies, links that are off.

Whoever is on the machine can reach its control interface. What they leave there is met by every
borrower, and looks like the target's doing.
"""

from collections.abc import Callable
from dataclasses import dataclass

from harness.core.processes import ProcessRef, is_alive, is_stopped
from harness.faults.change_watch import ChangeWatch
from harness.faults.heal.proxy_restart import running_proxy
from harness.faults.network import OURS, toxic_names
from harness.faults.proxy_control import Proxy, ProxyControl, Toxic
from harness.plan.fault_specs import CommitLost, Refuse
from harness.plan.plan import PlannedFault
from harness.stack.state import Link, Stack

STOPPED = "Toxiproxy was stopped by a signal"


@dataclass(frozen=True, slots=True)
class Stranger:
    """One thing that is not as the stack has it: a toxic on a link, a proxy, or the link itself."""

    proxy: str
    toxic: Toxic | None = None
    link: Link | None = None
    """The link that has to be as it was; None with neither: a proxy that is not the stack's."""
    text: str = ""

    @property
    def has_our_name(self) -> bool:
        """Whether a fault of some run made it, be it that no journal knows of that any more."""
        return self.toxic is not None and self.toxic.name.startswith(OURS)


@dataclass(frozen=True, slots=True)
class OwnSessions:
    """What the faults of a run may have changed: names of toxics, and links that are switched."""

    toxics: frozenset[str] = frozenset()
    links: frozenset[str] = frozenset()

    def __or__(self, other: "OwnSessions") -> "OwnSessions":
        """What either may have."""
        return OwnSessions(self.toxics | other.toxics, self.links | other.links)


def ours_of(plan: tuple[PlannedFault, ...], at_work: frozenset[str]) -> OwnSessions:
    """What faults of a plan may have changed, of which those named are at work."""
    names = {name for planned in plan for name in toxic_names(planned.name)}
    switches = (Refuse, CommitLost)
    specs = [planned.spec for planned in plan if planned.name in at_work]
    return OwnSessions(
        frozenset(names), frozenset(s.link for s in specs if isinstance(s, switches))
    )


def strangers(stack: Stack, ours: Callable[[], OwnSessions] = OwnSessions) -> tuple[Stranger, ...]:
    """What is neither the stack's nor a fault's.

    Raises:
        HarnessError: Toxiproxy does not say.
    """
    before = ours()
    found = ProxyControl(stack.toxiproxy_api).proxies()
    known = before | ours()  # what was ours before or after may have been so when it was read
    seen = [stranger for proxy in found.values() for stranger in _on(proxy, stack, known)]
    missing = stack.links.keys() - found.keys()
    seen += [Stranger(name, None, stack.links[name], f"link {name} is gone") for name in missing]
    return tuple(seen)


def _on(proxy: Proxy, stack: Stack, known: OwnSessions) -> list[Stranger]:
    link = stack.links.get(proxy.name)
    if link is None:
        where = f"from {proxy.listen} to {proxy.upstream}"
        return [Stranger(proxy.name, text=f"a proxy {proxy.name} leads {where}")]
    seen = [
        Stranger(proxy.name, toxic, text=f"{_told(toxic)} is on link {proxy.name}")
        for toxic in proxy.toxics
        if toxic.name not in known.toxics
    ]
    if proxy.name in known.links:
        return seen
    if (proxy.listen, proxy.upstream) != (link.listen, link.upstream):
        where = f"from {proxy.listen} to {proxy.upstream}"
        seen.append(Stranger(proxy.name, None, link, f"link {proxy.name} leads {where}"))
    elif not proxy.enabled:
        seen.append(Stranger(proxy.name, None, link, f"link {proxy.name} is disabled"))
    return seen


def _told(toxic: Toxic) -> str:
    values = "".join(f", {name} {value}" for name, value in sorted(toxic.attributes.items()))
    share = "" if toxic.toxicity == 1 else f", toxicity {toxic.toxicity:g}"
    return f"toxic {toxic.name} ({toxic.kind} {toxic.stream}{values}{share})"


def remove_strangers(
    stack: Stack,
    ours: Callable[[], OwnSessions] = OwnSessions,
    wanted: Callable[[Stranger], bool] = lambda _: True,
) -> list[str]:
    """Make the stack's Toxiproxy as the stack has it, but for what is ours; what was not so.

    Only what is ``wanted`` goes.

    Raises:
        HarnessError: something could not be removed.
    """
    control = ProxyControl(stack.toxiproxy_api)
    found = [stranger for stranger in strangers(stack, ours) if wanted(stranger)]
    for stranger in found:
        if stranger.toxic is not None:
            control.remove_toxic(stranger.proxy, stranger.toxic.name)
        elif stranger.link is not None:
            control.lay(stranger.link)
        else:
            control.remove_proxy(stranger.proxy)
    return [stranger.text for stranger in found]


class StrangerWatch(ChangeWatch):
    """Notes what others change at Toxiproxy; `put_right` is for a fault that ends on a link."""

    def __init__(self, stack: Stack, ours: Callable[[], OwnSessions]) -> None:
        super().__init__("strangers", self._seen)
        self._stack = stack
        self._ours = ours
        self._process: ProcessRef | None = None

    def put_right(self, name: str) -> None:
        """Lay a link as the stack has it, where others removed, switched or led it elsewhere.

        Raises:
            HarnessError: it can't be laid.
        """
        seen = [s for s in strangers(self._stack, self._ours) if s.proxy == name and s.link]
        for stranger in seen:
            self.saw(stranger.text)
            ProxyControl(self._stack.toxiproxy_api).lay(self._stack.links[name])

    def _seen(self) -> set[str]:
        if self._is_stopped():  # it would not answer, and nothing passes through its links
            return {STOPPED, *(change.text for change in self.found if change.end_ns is None)}
        return {stranger.text for stranger in strangers(self._stack, self._ours)}

    def _is_stopped(self) -> bool:
        if not is_alive(self._process):
            self._process = running_proxy(self._stack.state_dir)
        return self._process is not None and is_stopped(self._process.pid)
