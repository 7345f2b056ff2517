"""From a scenario file and the command line to the plan of one run, checked before it begins."""

import os
from collections.abc import Callable, Iterator
from dataclasses import replace
from typing import Any

from harness.apps.locust.chaos_page import pulled_by_hand
from harness.apps.locust.controller import require_places
from harness.apps.locust.locustfile import Locustfile
from harness.apps.locust.run_settings import settings_from, stop_from
from harness.core.started_in import STARTED_IN
from harness.plan import resilience
from harness.plan.objectives import Resilience, overridden
from harness.plan.placement import Choice, timeline_text
from harness.plan.plan import Plan, Scenario, expand
from harness.run.safety.feasible import require_feasible, require_set_up

LATER_VARIABLE = "LENDCHAOS_RUNS_LATER"


def resilience_for(locustfile: Locustfile, options: Any) -> Resilience | None:
    """What ``resilience.yaml`` asks for, read anew for every run; None without one."""
    path = resilience.find(options.objectives, STARTED_IN)
    return resilience.read(path, [locustfile.name]) if path else None


def target_of(environment: Any, class_host: str | None) -> tuple[str | None, str]:
    """Form, command line or environment, then the class, then the local stack; and in words."""
    host = environment.host or None
    if host is not None:
        known = environment.parsed_options.set_elsewhere
        has_page = getattr(environment, "web_ui", None) is not None
        found = [f"{o.key} in {o.place}" for o in known if (o.name, o.value) == ("host", host)]
        source = found[0] if found else "the Host field" if has_page else "--host"
    else:
        host, source = class_host, "the class attribute host"
    return host, "the local stack" if host is None else f"{host}, from {source}"


def require_sense(
    locustfile: Locustfile, options: Any, rate: int, run_time_s: float | None
) -> None:
    """Refuse options that no run could be planned with, whatever its target.

    Raises:
        UsageError: naming everything that is wrong, and what would be valid.
    """
    file = resilience_for(locustfile, options)
    settings_from(vars(options), rate, run_time_s, locustfile.scenario, file)
    stop_from(vars(options))


def planned(
    locustfile: Locustfile,
    options: Any,
    rate: int,
    *,
    run_time_s: float | None,
    host: str | None,
    say: Callable[[str], None],
) -> Plan:
    """The plan of a run; ``say`` is told what is not written in the scenario file.

    Raises:
        UsageError: naming everything that is wrong, and what would be valid.
    """
    file, scenario = resilience_for(locustfile, options), locustfile.scenario
    settings = settings_from(vars(options), rate, run_time_s, scenario, file)
    plan = expand(
        locustfile.name,
        locustfile.hypothesis,
        scenario,
        settings,
        file,
        stop=stop_from(vars(options)),
        attached=host is not None,
    )
    for line in (*_of_objectives(plan, scenario, file), *_of_faults(plan)):
        say(line)
    return replace(plan, watches=scenario.watches or pulled_by_hand())


def require_runnable(plan: Plan, options: Any, host: str | None) -> None:
    """Refuse, before anything is started, what can't be run on this target.

    A dry run that is asked of a run that is not to begin now, as the briefing of a game day and
    pytest's collection do, looks for nothing that this needs of the machine.

    Raises:
        UsageError, HarnessError: as `require_feasible`, `require_places` and `require_set_up`.
    """
    asks = not options.dry_run  # which opens no connection and starts no program
    state_dir, allowed = STARTED_IN / options.state_dir, options.allow_target
    require_feasible(plan, state_dir, host, allowed, look_up=asks)
    if asks or not os.environ.get(LATER_VARIABLE):
        require_places(options.runs_dir, options.state_dir)
        require_set_up(plan, state_dir, host, asks=asks)


def _of_objectives(plan: Plan, scenario: Scenario, file: Resilience | None) -> Iterator[str]:
    """Where the limits come from, when there is more than one place; what is set in vain."""
    if file is not None:
        yield f"objectives: {file.name}"
        yield from overridden(plan.scenario, scenario.objectives, file)


def _of_faults(plan: Plan) -> Iterator[str]:
    """Where the faults stand, if that is not written in the scenario."""
    settings = plan.settings
    if settings.explore:
        again = f"again with --explore --seed {settings.seed}"
        yield f"explore: {timeline_text(plan.faults)}; {again}"
    elif settings.choice != Choice() or settings.added_faults:
        yield f"faults: {timeline_text(plan.faults)}"
