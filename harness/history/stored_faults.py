"""Planned faults as files hold them: those of today, and those of plans before version 2.

Before, a plan held the parameters of a fault alone, and its class knew the rest.
"""

from collections.abc import Mapping
from typing import Any

from pydantic import TypeAdapter

from harness.core.errors import UsageError
from harness.plan.fault import PlannedFault, planned
from harness.plan.fault_registry import spec_of
from harness.plan.layout import StackLayout

_PLANNED: TypeAdapter[PlannedFault] = TypeAdapter(PlannedFault)
_PLAN_ONE = "lendchaos.plan/1"
_NEEDED_THEN = frozenset(
    (
        *("edge", "database", "replicas", "postgres"),
        *("table account", "table idempotency_key", "table loan"),
    )
)
"""What no borrow passed without, as those plans name it."""
_LAYOUT_THEN = StackLayout(roles={"replicas": ("replica-1", "replica-2")})


def dumped_fault(fault: PlannedFault) -> Any:
    """A planned fault as JSON has it."""
    return _PLANNED.dump_python(fault, mode="json")


def planned_fault(found: Any) -> PlannedFault:
    """The planned fault of a plan, or of the row of a journal; ValueError where it is none."""
    return _PLANNED.validate_python(_as_plan_two(found))


def as_plan_two(found: Any) -> Any:
    """A plan as version 2 has it; ValueError where one of its faults is not known here."""
    if not isinstance(found, dict) or found.get("schema") != _PLAN_ONE:
        return found
    faults = found.get("faults")
    rest = {name: value for name, value in found.items() if name not in ("watches", "faults")}
    return {
        **rest,
        "observe": found.get("watches", False),
        "faults": [_as_plan_two(one) for one in faults] if isinstance(faults, list) else faults,
        "schema": "lendchaos.plan/2",
    }


def _as_plan_two(found: Any) -> Any:
    if not isinstance(found, Mapping) or not isinstance(found.get("spec"), Mapping):
        return found
    values = dict(found["spec"])
    values.pop("during", None)
    try:
        spec = spec_of(str(values.pop("kind", "")))(**values)
    except (UsageError, TypeError) as error:
        raise ValueError(str(error)) from error
    name, inject_s, heal_s = found.get("name"), found.get("inject_s"), found.get("heal_s")
    if not (
        isinstance(name, str)
        and isinstance(inject_s, int | float)
        and isinstance(heal_s, int | float)
    ):
        raise ValueError("a planned fault has a name, inject_s and heal_s")  # noqa: TRY004  # a file's
    made = dumped_fault(planned(name, spec, inject_s, heal_s, _LAYOUT_THEN))
    stops = spec.stops_service and spec.target in _NEEDED_THEN
    return {**made, "stops_all_lending": stops}
