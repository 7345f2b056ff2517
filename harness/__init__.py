"""The public API of a scenario file: `Scenario`, `Objectives`, `StopConditions`, `Borrower`
and `harness.faults`.

Exports are lazy: `Borrower` brings Locust, which patches the standard library at import and must
not come along when only a stored run is judged.
"""

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.load.borrower import Borrower
    from harness.objectives import Objectives
    from harness.plan import Scenario
    from harness.stop_conditions import StopConditions

__all__ = ["Borrower", "Objectives", "Scenario", "StopConditions"]

_HOMES = {
    "Borrower": "harness.load.borrower",
    "Objectives": "harness.objectives",
    "Scenario": "harness.plan",
    "StopConditions": "harness.stop_conditions",
}


def _current_folder() -> Path:
    try:
        return Path.cwd()
    except OSError:  # it was deleted
        return Path()


STARTED_IN = _current_folder()
"""What the user names is relative to it, wherever a scenario file goes while it is loaded."""


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'harness' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415  # lazy on purpose, see above

    return getattr(import_module(_HOMES[name]), name)
