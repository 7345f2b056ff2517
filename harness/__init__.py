"""The public API of a scenario file: `Scenario`, `Objectives`, `StopConditions`, `Borrower`
and `harness.faults`; of a target's module: `Target` and `harness.target`.

Exports are lazy: `Borrower` brings Locust, which patches the standard library at import and must
not come along when only a stored run is judged.
"""

from typing import TYPE_CHECKING, Any

from harness.core import started_in  # noqa: F401  # before anything can change the folder

if TYPE_CHECKING:
    from harness.apps.locust.borrower import Borrower
    from harness.plan.objectives import Objectives
    from harness.plan.plan import Scenario
    from harness.plan.stop_conditions import StopConditions
    from harness.target.interface import Target

__all__ = ["Borrower", "Objectives", "Scenario", "StopConditions", "Target"]

_HOMES = {
    "Borrower": "harness.apps.locust.borrower",
    "Objectives": "harness.plan.objectives",
    "Scenario": "harness.plan.plan",
    "StopConditions": "harness.plan.stop_conditions",
    "Target": "harness.target.interface",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'harness' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415  # lazy on purpose, see above

    return getattr(import_module(_HOMES[name]), name)
