"""What the locustfile at hand says: its one borrower, its scenario, name and hypothesis."""

import inspect
import sys
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from harness.errors import UsageError
from harness.plan import Scenario


@dataclass(frozen=True, slots=True)
class Locustfile:
    """A scenario file as it was loaded. ``host`` is the class attribute, before any run."""

    borrower: Any
    scenario: Scenario
    name: str
    hypothesis: str
    host: str | None


def read_locustfile(environment: Any, borrower_class: type) -> Locustfile | None:
    """The scenario of this Locust environment; None where no borrower of ours is used.

    Raises:
        UsageError: more than one borrower, another kind of user beside it, a load shape, or no
            scenario.
    """
    classes = environment.user_classes
    borrowers = [c for c in classes if issubclass(c, borrower_class)]
    if not borrowers:
        return None
    if len(classes) > 1:
        names = ", ".join(sorted(c.__name__ for c in classes))
        raise UsageError(
            f"the locustfile has {len(classes)} user classes ({names}): a run has exactly one"
            " scenario, so name one of them at the end of the command line"
        )
    if environment.shape_class is not None:
        raise UsageError(
            f"the load shape {type(environment.shape_class).__name__} cannot be used: arrivals are"
            " planned before the run, so use --rate and the lengths of the phases"
        )
    (borrower,) = borrowers
    scenario = getattr(borrower, "scenario", None)
    if not isinstance(scenario, Scenario):
        raise UsageError(
            f"{borrower.__name__} has no scenario: set `scenario = Scenario(faults=[...])` in it"
        )
    module = sys.modules[borrower.__module__]
    return Locustfile(
        borrower=borrower,
        scenario=scenario,
        name=Path(inspect.getfile(borrower)).stem,
        hypothesis=hypothesis_of(module.__doc__),
        host=borrower.host,
    )


def hypothesis_of(docstring: str | None) -> str:
    """The text after "Hypothesis:", or all of it, on one line."""
    text = docstring or ""
    _, found, after = text.partition("Hypothesis:")
    return " ".join((after if found else text).split())
