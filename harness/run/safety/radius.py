"""The blast radius: what each fault of a plan may touch, and what none of them does. Pure.

A fault touches what it names and needs (`requires` of its specification) and nothing else; the
addresses are those of the stack, where there is one.
"""

from collections.abc import Iterable
from urllib.parse import urlsplit

from harness.history.run_facts import BlastRadius
from harness.plan.fault_specs import AnyFault
from harness.plan.plan import Plan
from harness.stack import Stack, StackSettings
from harness.stack.state import BUREAU, DATABASE, EDGE
from harness.target.interface import Target

_REPLICAS = "replicas"


def radius_of(
    plan: Plan, stack: Stack | None, host: str | None = None, target: Target | None = None
) -> BlastRadius:
    """What the faults of a plan touch on this stack; without one, what they will touch on the local
    stack or in front of ``host``, which is what the ``target`` says of itself, if it does.
    """
    everything = _everything(plan, stack, host, target)
    touched: dict[str, tuple[str, ...]] = {}
    met: set[str] = set()
    for planned in plan.faults:
        names = _names(planned.spec, everything)
        met |= names
        touched[planned.name] = tuple(
            _touched(planned.spec, name, everything.get(name, "")) for name in sorted(names)
        )
    rest = [name for name in everything if name not in met and name != "database"]
    return BlastRadius(touched, tuple(in_words(name, everything[name]) for name in rest))


def parts_of(
    plan: Plan, stack: Stack | None, host: str | None = None, target: Target | None = None
) -> set[str]:
    """What faults of the plan can have of this target, once it is up, as `requires` names it."""
    if stack is not None:
        return set(stack.capabilities)
    parts = set(_everything(plan, stack, host, target))
    return parts if host is not None else {*parts, f"process:{_REPLICAS}"}


def _names(spec: AnyFault, everything: Iterable[str]) -> set[str]:
    """The parts of a stack that a fault needs, as `_everything` calls them."""
    if spec.requires != f"process:{_REPLICAS}":
        return {spec.requires}
    return {part for part in everything if part.startswith("process:replica-")}


def _everything(
    plan: Plan, stack: Stack | None, host: str | None, target: Target | None
) -> dict[str, str]:
    """Every part of a stack and where it is: links, processes, the database."""
    if stack is not None:
        return _everything_of(stack)
    if host is not None:
        found = {f"link:{EDGE}": f"this machine → {host}"}
        if target is not None:
            parts = target.parts
            found |= {f"link:{n}": f"this machine → {k.upstream}" for n, k in parts.links.items()}
            found |= {"database": parts.database_address} if parts.database_address else {}
        return found
    # All of it on this machine, at ports that are chosen when the stack comes up.
    way = "packets" if plan.settings.namespaces else "link"
    replicas = (f"replica-{number}" for number in range(1, StackSettings().replicas + 1))
    links = (f"link:{EDGE}", f"{way}:{DATABASE}", f"{way}:{BUREAU}")
    processes = (f"process:{name}" for name in ("postgres", BUREAU, *replicas))
    return dict.fromkeys((*links, *processes, "database"), "")


def _everything_of(stack: Stack) -> dict[str, str]:
    found = {
        f"link:{link.name}": f"{link.listen} → {link.upstream}" for link in stack.links.values()
    }
    found |= {f"packets:{name}": wire.address for name, wire in stack.wires.items()}
    service, database = urlsplit(stack.service_url).netloc, urlsplit(stack.database_url or "")
    for capability in sorted(stack.capabilities):
        kind, _, name = capability.partition(":")
        if kind == "process" and name != _REPLICAS:
            beside = stack.beyond(name) or ""
            found[capability] = service if name.startswith("replica-") else beside
    if stack.database_url is not None:
        where = f"{database.hostname}:{database.port}"
        found |= {"database": where}
        found |= {"process:postgres": where} if stack.settings is not None else {}
    if "toxiproxy" in stack.processes:
        found["process:toxiproxy"] = urlsplit(stack.toxiproxy_api).netloc
    return found


def _touched(spec: AnyFault, name: str, where: str) -> str:
    if name != "database":
        return in_words(name, where)
    return f"{spec.target} in the service's database" + (f" ({where})" if where else "")


def in_words(name: str, where: str = "") -> str:
    """A part of a stack, and where it is, for people."""
    plain = name.replace("packets:", "packets on the link ").replace(":", " ", 1)
    return f"{plain} ({where})" if where else plain
