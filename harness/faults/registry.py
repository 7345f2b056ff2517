"""From a planned fault to the injector that carries it out.

Each fault is one file below this folder, which calls `register` when it is imported. A process
that heals calls `load_all` at its own start, so that no import can fail during a heal.
"""

import pkgutil
from collections.abc import Callable, Iterable, Iterator
from functools import cache, partial
from importlib import import_module
from typing import Any, TypeVar

from harness.core.errors import UsageError
from harness.core.module_look import look_alone
from harness.core.user_module import UserReference, imported, reference_to
from harness.faults.base import Injector
from harness.faults.guarded import guarded, wrong_injector
from harness.plan.checked import shown
from harness.plan.fault import FaultSpec, PlannedFault
from harness.plan.fault_registry import add_spec, spec_from, spec_of
from harness.plan.layout import TO_DATABASE, Need, StackLayout, Thing
from harness.plan.plan import Plan
from harness.stack.parts.part import Pausable
from harness.stack.state import Stack

WHAT = "fault module"
_NO_FAMILY = "heal"
"""Programs that heal, in a folder beside the families of faults."""
SpecT = TypeVar("SpecT", bound=FaultSpec)
MakeInjector = Callable[[PlannedFault, SpecT, Stack], Injector]
_INJECTORS: dict[str, Callable[[PlannedFault, Any, Stack], Injector]] = {}


def register(spec: type[SpecT], injector: MakeInjector[SpecT]) -> None:
    """Make a fault known: the class that scenario files use, and what carries it out.

    ``injector`` is made of the planned fault, its specification and the stack. UsageError where one
    of the two cannot be what it is to be, or another fault has the same kind or name.
    """
    if wrong := next(_wrong(spec, injector), ""):
        raise UsageError(f"register({_name(spec)}, {_name(injector)}): {wrong}")
    add_spec(spec)
    _INJECTORS[spec.kind] = injector


def _wrong(spec: Any, injector: Any) -> Iterator[str]:
    if not (isinstance(spec, type) and issubclass(spec, FaultSpec)):
        swapped = isinstance(injector, type) and issubclass(injector, FaultSpec)
        yield "write the fault first" if swapped else f"{_name(spec)} is no fault"
    yield from wrong_injector(injector)


@cache
def load_specs() -> None:
    """Import every fault that ships; no driver of a database or a proxy comes along."""
    for family in pkgutil.iter_modules(import_module("harness.faults").__path__):
        if not family.ispkg or family.name == _NO_FAMILY:
            continue
        package = import_module(f"harness.faults.{family.name}")
        for module in pkgutil.iter_modules(package.__path__):
            import_module(f"{package.__name__}.{module.name}")


def load_all(modules: Iterable[UserReference] = ()) -> None:
    """Import everything that a heal may need, and the user's own ``modules``.

    UsageError where one of those cannot be imported, or brings Locust.
    """
    load_specs()
    for driver in ("psycopg", "toxiproxy.api"):
        import_module(driver)
    load_own(modules)


def load_own(modules: Iterable[UserReference]) -> None:
    """Import modules of the user's that register faults; UsageError as `load_all`."""
    for reference in modules:
        imported(reference, WHAT)


def require_alone(kind: type[FaultSpec]) -> None:
    """Refuse, as UsageError, a fault of the user's own whose module the conductor cannot load."""
    if (reference := reference_to(kind)) is not None:
        _look_alone(reference)


@cache
def _look_alone(reference: UserReference) -> None:
    """Once for each module, however many faults are in it: it takes an interpreter."""
    look_alone("harness.core.module_look", reference, WHAT)


def load_announced(module: tuple[str, str] | None) -> None:
    """Import the module of a user's own fault, as the intent of its injection names it.

    For those who heal what another process injected. UsageError as `load_all`.
    """
    if module is not None:
        imported(UserReference(module[0], "", module[1]), WHAT)


def module_of(planned: PlannedFault) -> tuple[str, str] | None:
    """The module of a user's own fault and its folder; None for one that ships."""
    found = reference_to(spec_of(planned.kind))
    return None if found is None else (found.module, found.folder)


def modules_of(plan: Plan) -> list[tuple[str, str]]:
    """The modules of the user's own faults in a plan, each once, with their folders."""
    found = (module_of(planned) for planned in plan.faults)
    return list(dict.fromkeys(module for module in found if module is not None))


def injector_for(planned: PlannedFault, stack: Stack) -> Injector:
    """The injector of one planned fault; `UsageError` if the stack has not what it needs."""
    spec = spec_from(planned)  # first, as it finds the fault's file
    if missing := missing_for(planned, stack.layout):
        raise UsageError(missing)
    make = _INJECTORS[planned.kind]
    return guarded(partial(make, planned, spec, stack), _name(make))


def _name(given: Any) -> str:
    return str(getattr(given, "__name__", None) or shown(given))


def missing_for(planned: PlannedFault, layout: StackLayout) -> str:
    """What a target lacks for a fault, in one line that says what it has; empty for nothing."""
    for need in planned.needs:
        if not layout.offers(need):
            what = f"the fault {planned.name} needs {_told(need)}, which this target lacks"
            return f"{what}; {remedy(need, layout)}"
        if asked := _unasked(need, layout):
            return (
                f"the fault {planned.name} needs something to ask {asked[0]}, to see that it is"
                f" broken, and the target declares nothing: set {asked[1]}"
            )
    return ""


def _unasked(need: Need, layout: StackLayout) -> tuple[str, str] | None:
    """What has to be asked for a proof and may not be, and how to declare it; None for nothing."""
    link = layout.link(need.name) if need.what is Thing.LINK else None
    if link is not None and not link.protocol:
        asks = "health" if link.needed else f"asks=... in the link {need.name}"
        return f"through {need.name}", asks
    if need.what is not Thing.PROCESS:
        return None
    for part in filter(None, map(layout.part, layout.candidates(need.name))):
        # Its port is closed once it is killed, and open while it stands still.
        if not part.protocol and need.ability == Pausable.ability:
            return part.name, f"asks=... in the process {part.name}"
    return None


def _told(need: Need) -> str:
    doing = f" that {_DONE[need.ability]}" if need.ability in _DONE else ""
    return f"{need}"[:80] + doing


_DONE = {
    "kill": "can be killed",
    "pause": "can be frozen",
    "restart": "can be restarted",
    TO_DATABASE: "leads to PostgreSQL",
}


def remedy(need: Need, layout: StackLayout) -> str:
    """What would be valid instead."""
    link = layout.link(need.name) if need.what in (Thing.LINK, Thing.PACKETS) else None
    if need.ability == TO_DATABASE and link is not None and not link.is_wire:
        there = [each.name for each in layout.links if layout.leads_to_database(each.name)]
        return f"{need.name} leads elsewhere" + (f": use {' or '.join(there)}" if there else "")
    if need.what is Thing.LINK and link is not None:
        return "in network namespaces there is no proxy on it: leave out --namespaces"
    if need.what is Thing.TABLE and layout.database:
        return f"there are {', '.join(layout.tables)}"
    there = []
    if need.what is Thing.PROCESS:
        able = [p.name for p in layout.parts if not need.ability or need.ability in p.abilities]
        there = sorted({f"process {name}" for name in (*able, *layout.roles)})
    elif need.what in (Thing.LINK, Thing.PACKETS):
        wanted = need.what is Thing.PACKETS
        found = [Need(need.what, each.name) for each in layout.links if each.is_wire is wanted]
        there = sorted(map(str, found))
    if there:
        return f"it has {', '.join(there)}"
    if need.what is Thing.PACKETS and layout.database:
        return "start the stack with --namespaces (`lendchaos down` first, if it is up)"
    return "run it on the local stack, without --host"
