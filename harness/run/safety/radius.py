"""The blast radius: what each fault of a plan may touch, and what none of them does. Pure.

A fault touches what it needs and nothing else; the addresses are those of the stack, where there is
one.
"""

from harness.history.run_facts import BlastRadius
from harness.plan.fault import PlannedFault
from harness.plan.layout import Need, StackLayout, Thing
from harness.plan.plan import Plan


def radius_of(plan: Plan, layout: StackLayout) -> BlastRadius:
    """What the faults of a plan touch on a target of that ``layout``.

    Of a role that means one of several processes, all are listed as candidates.
    """
    everything = _everything(layout)
    touched: dict[str, tuple[str, ...]] = {}
    met: set[Need] = set()
    for planned in plan.faults:
        names = _met(planned, layout)
        met |= names
        said = tuple(_touched(planned, need, everything.get(need, "")) for need in sorted(names))
        if layout.is_one_of(planned.target):
            said = (f"one of {', '.join(said)}",)
        touched[planned.name] = said
    rest = [need for need in everything if need not in met and need.what is not Thing.DATABASE]
    return BlastRadius(touched, tuple(in_words(need, everything[need]) for need in rest))


def _met(planned: PlannedFault, layout: StackLayout) -> set[Need]:
    """What a fault needs, roles as the processes that may hold them."""
    found: set[Need] = set()
    for need in planned.needs:
        if need.what is Thing.PROCESS:
            parts = layout.meant(need.name)
            found |= {Need(Thing.PROCESS, part) for part in parts}
        elif need.what is Thing.TABLE:
            found.add(Need(Thing.DATABASE))
        else:
            found.add(Need(need.what, need.name))
    return found


def _everything(layout: StackLayout) -> dict[Need, str]:
    """Every part of a target, and where it is; empty where that is not known yet."""
    kinds = {False: Thing.LINK, True: Thing.PACKETS}
    found = {Need(kinds[link.is_wire], link.name): link.where for link in layout.links}
    found |= {
        Need(Thing.PROCESS, part.name): part.address for part in layout.parts if not part.ours
    }
    if layout.database:
        found[Need(Thing.DATABASE)] = layout.database_at
    return found


def _touched(planned: PlannedFault, need: Need, where: str) -> str:
    if need.what is not Thing.DATABASE:
        return in_words(need, where)
    return f"{planned.target} in the service's database" + (f" ({where})" if where else "")


def in_words(need: Need, where: str = "") -> str:
    """A part of a target, and where it is, for people."""
    return f"{need} ({where})" if where else f"{need}"
