"""The public API of a scenario file: `Scenario`, `Load`, `Objectives`, `StopConditions`, `Role`,
`Borrower` and `harness.faults`. What a target's module
imports is `Target` and `harness.target`, what tests import `harness.testing`.

Exports are lazy: `Borrower` brings Locust, which patches the standard library at import and must
not come along when only a stored run is judged. A public name stands in both lists below.
"""

from typing import TYPE_CHECKING

from harness.core import missing_modules, started_in  # noqa: F401  # before all else

if TYPE_CHECKING:
    from harness import faults as faults
    from harness.apps.locust.borrower import Borrower as Borrower
    from harness.plan.layout import Role as Role
    from harness.plan.objectives import Objectives as Objectives
    from harness.plan.scenario import Load as Load
    from harness.plan.scenario import Scenario as Scenario
    from harness.plan.stop_conditions import StopConditions as StopConditions
    from harness.target.interface import Target as Target
else:  # a type checker that saw this `__getattr__` would take any name for one of ours
    from harness.core.lazy_names import lazy_names

    __getattr__, __dir__, __all__ = lazy_names(
        __name__,
        {
            "Borrower": "harness.apps.locust.borrower",
            "Load": "harness.plan.scenario",
            "Objectives": "harness.plan.objectives",
            "Role": "harness.plan.layout",
            "Scenario": "harness.plan.scenario",
            "StopConditions": "harness.plan.stop_conditions",
            "Target": "harness.target.interface",
            "faults": "harness.faults",
        },
    )
