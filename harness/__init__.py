"""The public API of a scenario file: `Scenario`, `Load`, `Objectives`, `StopConditions`, `Role`,
`Borrower` and `harness.faults`.

Exports are lazy: `Borrower` brings Locust, which patches the standard library at import and must
not come along when only a stored run is judged.
"""

from typing import TYPE_CHECKING, Any

from harness.core import started_in  # noqa: F401  # before anything can change the folder

if TYPE_CHECKING:
    from harness.apps.locust.borrower import Borrower
    from harness.plan.layout import Role
    from harness.plan.objectives import Objectives
    from harness.plan.scenario import Load, Scenario
    from harness.plan.stop_conditions import StopConditions

__all__ = ["Borrower", "Load", "Objectives", "Role", "Scenario", "StopConditions"]

_HOMES = {
    "Borrower": "harness.apps.locust.borrower",
    "Load": "harness.plan.scenario",
    "Objectives": "harness.plan.objectives",
    "Role": "harness.plan.layout",
    "Scenario": "harness.plan.scenario",
    "StopConditions": "harness.plan.stop_conditions",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'harness' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415  # lazy on purpose, see above

    return getattr(import_module(_HOMES[name]), name)
