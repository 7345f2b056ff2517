"""What the locustfile at hand says: its one borrower, its scenario, name and hypothesis."""

import sys
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.apps.locust.progress import tell_error
from harness.core.errors import UsageError
from harness.core.exit_codes import ExitCode
from harness.load.exception_text import message_of, place_of, place_of_class
from harness.plan.plan import Scenario
from harness.plan.scenario import wrong_types


@dataclass(frozen=True, slots=True)
class Locustfile:
    """A scenario file as it was loaded."""

    borrower: Any
    scenario: Scenario
    name: str
    hypothesis: str


def read_locustfile(environment: Any, borrower_class: type) -> Locustfile | None:
    """The scenario of this Locust environment, None where no borrower of ours is used; UsageError
    for a second borrower or kind of user, a load shape, or no scenario.
    """
    classes = environment.user_classes
    borrowers = [c for c in classes if issubclass(c, borrower_class)]
    if not borrowers:
        return None
    if len(classes) > 1:
        names = ", ".join(sorted(f"{c.__name__} in {place_of_class(c)}" for c in classes))
        raise UsageError(
            f"the locustfile has {len(classes)} user classes ({names}): a run has exactly one"
            " scenario, so name one of them behind all options, as in --seed=1"
            f" {borrowers[0].__name__}"
        )
    if environment.shape_class is not None:
        raise UsageError(
            f"the load shape {type(environment.shape_class).__name__} cannot be used: arrivals are"
            " planned before the run, so use --rate and the lengths of the phases"
        )
    options = environment.parsed_options
    if options.meaningless:
        raise UsageError("; ".join(options.meaningless))
    (borrower,) = borrowers
    scenario = _scenario_of(borrower)
    named = _named_file(environment, borrower)
    return Locustfile(
        borrower=borrower,
        scenario=scenario,
        name=Path(getattr(named, "__file__", None) or named.__name__).stem,
        hypothesis=hypothesis_of(named.__doc__ or _inherited(borrower, borrower_class)),
    )


def _scenario_of(borrower: Any) -> Scenario:
    where, scenario = f"{place_of_class(borrower)}: ", getattr(borrower, "scenario", None)
    if not isinstance(scenario, Scenario):
        name = borrower.__name__
        raise UsageError(
            f"{where}{name} has no scenario: set `scenario = Scenario(faults=[...])` in it"
        )
    wrong = wrong_types(scenario)
    if not isinstance(borrower.host, str | None):
        wrong.append(f"host {borrower.host!r} must be text, like 'http://127.0.0.1:8000'")
    if wrong:
        raise UsageError(where + "; ".join(wrong))
    return scenario


def require_user(found: Locustfile | None, environment: Any) -> Locustfile:
    """The locustfile, or UsageError where no user of it can be made: Locust would wait in vain."""
    if found is None:
        raise UsageError("choose the scenario's user class: no other user takes part in a run")
    try:
        found.borrower(environment)
    except (Exception, SystemExit) as error:
        name, place = found.borrower.__name__, place_of(error)
        raise UsageError(
            f"{name} cannot be made: its constructor raised, in {place}, {message_of(error)}"
        ) from error
    return found


def refuse_single_user(borrower_class: type, environment: Any, **_: Any) -> None:
    """At its start: `run_single_user` has neither a target nor borrowers to send anything for."""
    if any(issubclass(each, borrower_class) for each in environment.user_classes):
        tell_error(
            "run_single_user cannot run a scenario, whose load is planned as a whole:"
            " use `lendchaos run FILE --rate 1`, or debug `python -m locust -f FILE --headless`"
        )
        sys.exit(int(ExitCode.USAGE))


def _named_file(environment: Any, borrower: type) -> ModuleType:
    """The file that was given to Locust, which may have its borrower from another one."""
    for path in getattr(environment, "parsed_locustfiles", None) or ():
        stem = Path(path).stem
        # Locust loads a file under its name, but for one that would hide Locust itself.
        module = sys.modules.get("locustfile" if stem == "locust" else stem)
        if module is not None and any(value is borrower for value in vars(module).values()):
            return module
    name = borrower.__module__  # of a module that a file may have loaded past Python's list
    return sys.modules.get(name) or ModuleType(name)


def _inherited(borrower: type, borrower_class: type) -> str | None:
    """The docstring of the file that the borrower comes from, where the named one has none."""
    for ancestor in borrower.__mro__[: borrower.__mro__.index(borrower_class)]:
        module = sys.modules.get(ancestor.__module__)
        if module is not None and module.__doc__:
            return module.__doc__
    return None


def hypothesis_of(docstring: str | None) -> str:
    """All of the docstring on one line: what it says before its hypothesis is needed to read it."""
    return " ".join((docstring or "").split())
