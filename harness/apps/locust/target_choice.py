"""Which target a run is on: the local stack, a service that speaks our contract, or a class of the
user's, named by the command line or by the scenario.
"""

from dataclasses import dataclass
from typing import Any

from harness.apps.locust.locustfile import Locustfile
from harness.core.started_in import STARTED_IN
from harness.core.user_module import UserReference
from harness.target.interface import Target
from harness.target.loading import loaded, require_alone, target_reference


@dataclass(frozen=True, slots=True)
class ChosenTarget:
    """One target; ``source`` says what it is, and who says so.

    ``host`` is None for the local stack. ``target`` is the class that ``reference`` names; without
    one, our contract is spoken.
    """

    host: str | None
    source: str
    reference: UserReference | None = None
    target: Target | None = None


def named_target(locustfile: Locustfile, options: Any) -> UserReference | None:
    """The class that ``--target`` names, else the scenario; None for neither, UsageError where it
    names none. A module is looked for in the current folder and in the scenario's: for
    ``--target`` in this order, for a scenario the other way round.
    """
    folder, named = locustfile.folder, locustfile.scenario.target
    if options.target is not None:
        return target_reference(options.target, STARTED_IN, folder)
    return target_reference(named, folder, STARTED_IN) if named else None


def require_target(reference: UserReference | None, host: str | None) -> str | None:
    """The address of the class that a reference names, which ``host`` replaces; UsageError, in one
    line, where there is no such class, it has no address, or its module brings Locust or gevent.
    """
    if reference is None:
        return None
    require_alone(reference)
    return loaded(reference, host).url


def chosen_target(
    environment: Any, class_host: str | None, reference: UserReference | None
) -> ChosenTarget:
    """Form, command line or environment, then the class of the borrower, then that of the target;
    else the local stack.
    """
    host = environment.host or None
    if host is not None:
        known = environment.parsed_options.set_elsewhere
        has_page = getattr(environment, "web_ui", None) is not None
        found = [f"{o.key} in {o.place}" for o in known if (o.name, o.value) == ("host", host)]
        source = found[0] if found else "the Host field" if has_page else "--host"
    else:
        host, source = class_host, "the class attribute host"
    target = None if reference is None else loaded(reference, host)
    if target is not None:
        source = source if host is not None else "its class"
        told = f"{target.url}, from {source}, as {reference} says"
        return ChosenTarget(target.url, told, reference, target)
    return ChosenTarget(host, "the local stack" if host is None else f"{host}, from {source}")
