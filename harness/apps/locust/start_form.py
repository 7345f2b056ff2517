"""What the start form of Locust's page says of a run, and what it is refused for."""

from argparse import Namespace
from collections.abc import Mapping
from contextlib import suppress
from typing import Any

from harness.apps.locust.locustfile import Locustfile
from harness.apps.locust.planning import require_sense, resilience_for
from harness.apps.locust.run_settings import settings_from
from harness.core.errors import HarnessError, UsageError
from harness.plan.scenario import faults_of


def announced(locustfile: Locustfile, options: Any) -> list[str]:
    """The hypothesis, and what is broken when, with the lengths that are preset."""
    try:
        file = resilience_for(locustfile, options)
        settings = settings_from(
            vars(options), int(options.num_users), None, locustfile.scenario, file
        )
    except (UsageError, HarnessError) as error:
        return [f"A run cannot be started so: {error}"]
    text = locustfile.hypothesis
    lines = [text if "Hypothesis: " in text else f"Hypothesis: {text}"] if text else []
    faults = faults_of(locustfile.scenario, settings)
    for fault in faults:
        when = f"from {fault.inject_s:g} s to {fault.heal_s:g} s after the warm-up, as preset"
        if settings.explore:
            when = "at a random time"
        lines.append(f"Planned fault {fault.name}: {fault.spec.description}, {when}")
    return lines if faults else [*lines, "Planned faults: none"]


def objection(
    form: Mapping[str, str], locustfile: Locustfile, options: Any, run_time_s: float | None
) -> str | None:
    """Why no run can be planned with what was filled in; None where one can.

    What Locust itself refuses is left to it. ``form`` has its fields by the names of options.
    """
    filled = {name: text for name, text in form.items() if name in vars(options)}
    with suppress(KeyError, ValueError):
        rate = int(form["user_count"])
        try:
            require_sense(locustfile, Namespace(**{**vars(options), **filled}), rate, run_time_s)
        except (UsageError, HarnessError) as error:
            return str(error)
    return None
