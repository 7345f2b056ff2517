"""Which faults there are, by kind. A file that defines one registers it when it is imported.

Those that ship are imported as soon as one is asked for, so that most programs never load them; a
user's own come with the scenario.
"""

from importlib import import_module
from typing import Any

from harness.core.errors import UsageError
from harness.plan.fault import FaultSpec, PlannedFault

_SHIPPED = "harness.faults.registry"
"""By name: this room knows that there are faults, and none of them."""
_SPECS: dict[str, type[FaultSpec]] = {}


def _filled() -> dict[str, type[FaultSpec]]:
    import_module(_SHIPPED).load_specs()
    return _SPECS


def add_spec(spec: type[FaultSpec]) -> None:
    """Add a class of faults; ValueError where another one has its kind or its name."""
    for other in _SPECS.values():
        same = (other.__module__, other.__qualname__) == (spec.__module__, spec.__qualname__)
        if not same and (other.kind == spec.kind or other.__name__ == spec.__name__):
            raise ValueError(f"two faults are called {spec.__name__} or {spec.kind}")
    _SPECS[spec.kind] = spec


def specs() -> dict[str, type[FaultSpec]]:
    """Every class of faults that is loaded, by its name, in the order of the alphabet."""
    return {spec.__name__: spec for spec in sorted(_filled().values(), key=lambda s: s.__name__)}


def spec_of(kind: str) -> type[FaultSpec]:
    """The class of faults of a kind; UsageError where none is loaded."""
    if kind not in _filled():
        known = ", ".join(sorted(_SPECS))
        raise UsageError(
            f"no fault of kind {kind!r} is known here; there are {known}. If it is one of your"
            " own, name its module with --fault-module"
        )
    return _SPECS[kind]


def spec_from(planned: PlannedFault) -> FaultSpec:
    """The fault that was planned, to be carried out or undone; UsageError where it is none."""
    values: dict[str, Any] = {**planned.parameters}
    return spec_of(planned.kind)(**values, expects_impact=planned.expects_impact)
