"""What the locustfile at hand says: its one borrower, its scenario, name and hypothesis."""

import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from types import ModuleType
from typing import Any

from harness.apps.locust.progress import tell_error
from harness.core.errors import UsageError
from harness.core.exit_codes import ExitCode
from harness.core.started_in import STARTED_IN
from harness.load.exception_text import (
    message_of,
    place_of,
    place_of_class,
    place_of_function,
    short_path,
)
from harness.plan.plan import Scenario
from harness.run.scenario_path import MARK, joined


@dataclass(frozen=True, slots=True)
class Locustfile:
    """A scenario file as it was loaded; ``folder`` is where it lies."""

    borrower: Any
    scenario: Scenario
    name: str
    hypothesis: str
    folder: Path


def read_locustfile(environment: Any, borrower_class: type) -> Locustfile | None:
    """The scenario of this Locust environment, None where no user class is a borrower; UsageError
    for a second borrower, one with tasks, a load shape, no scenario, or other users without a
    fixed number.
    """
    classes = environment.user_classes
    borrowers = [c for c in classes if issubclass(c, borrower_class)]
    if not borrowers:
        return None
    if len(borrowers) > 1:
        raise UsageError(_several(borrowers, environment))
    if wrong := [*_without_number(classes, borrowers), *_tasks_of(borrowers[0], borrower_class)]:
        raise UsageError("; ".join(wrong))
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
    file = Path(getattr(named, "__file__", None) or named.__name__)
    return Locustfile(
        borrower=borrower,
        scenario=scenario,
        name=_name_of(file, borrower, borrower_class, environment),
        hypothesis=scenario.hypothesis
        or hypothesis_of(named.__doc__ or _inherited(borrower, borrower_class)),
        folder=(STARTED_IN / file).parent,
    )


def _several(borrowers: list[Any], environment: Any) -> str:
    """How one of several scenarios of a file is named."""
    names = sorted(f"{each.__name__} in {place_of_class(each)}" for each in borrowers)
    path = next(iter(getattr(environment, "parsed_locustfiles", None) or ()), "FILE")
    first = min(each.__name__ for each in borrowers)
    return (
        f"the locustfile has {len(borrowers)} scenarios ({', '.join(names)}), and a run has one:"
        f" name it, as in `lendchaos run {short_path(path)}{MARK}{first}`, or to `locust` behind"
        f" all options, as in --seed=1 {first}"
    )


def _without_number(classes: list[Any], borrowers: list[Any]) -> Iterator[str]:
    """What is wrong with how many users of each class there are to be."""
    for each in classes:
        number, place = each.fixed_count, f"{place_of_class(each)}: {each.__name__}"
        if each in borrowers and number:
            yield f"{place} has fixed_count {number}, but as many borrow as --rate says"
        elif each not in borrowers and not number:
            yield (
                f"{place} is background load beside the scenario, so it needs a number of users:"
                " set `fixed_count = 1` in it, or more"
            )


def _tasks_of(borrower: Any, borrower_class: Any) -> Iterator[str]:
    """Tasks would be done by as many users as the rate, beside the load that is planned."""
    own = getattr(borrower_class, "tasks", ())
    for task in dict.fromkeys(getattr(borrower, "tasks", ())):
        if task not in own:
            place = place_of_class(task) if isinstance(task, type) else place_of_function(task)
            yield (
                f"{place}: {getattr(task, '__name__', task)} is a task of {borrower.__name__}, and"
                " the load of a scenario is its rate: put it in a user class of its own, with"
                " `fixed_count = 1`, or more"
            )


def _name_of(file: Path, borrower: type, borrower_class: type, environment: Any) -> str:
    """The file's; with that of the class where it was named, or is one of several."""
    known = getattr(environment, "available_user_classes", None) or {}
    several = sum(issubclass(each, borrower_class) for each in known.values()) > 1
    named = getattr(environment.parsed_options, "scenario_class", "")
    return joined(file.stem, named or (borrower.__name__ if several else ""))


def _scenario_of(borrower: Any) -> Scenario:
    where, scenario = f"{place_of_class(borrower)}: ", getattr(borrower, "scenario", None)
    if not isinstance(scenario, Scenario):
        name = borrower.__name__
        raise UsageError(
            f"{where}{name} has no scenario: set `scenario = Scenario(faults=[...])` in it"
        )
    if (days := getattr(borrower, "term_days", None)) is not None:
        stated = f"scenario = Scenario(load=Load(term_days={days!r:.20}))"
        raise UsageError(f"{where}term_days is set in the scenario: `{stated}`")
    for kind in {type(fault) for fault in scenario.faults}:
        if kind.__module__ == borrower.__module__:
            raise UsageError(
                f"{where}the fault {kind.__name__} is defined in the scenario file: put it in a"
                " module of its own beside it, as the processes that heal import it without Locust"
            )
    if not isinstance(borrower.host, str | None):
        wrong = f"host {borrower.host!r} must be text, like 'http://127.0.0.1:8000'"
        raise UsageError(f"{where}{wrong}")
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
            " `lendchaos try FILE` makes one journey and shows every answer; to debug one, use"
            " `python -m locust -f FILE --headless`"
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
