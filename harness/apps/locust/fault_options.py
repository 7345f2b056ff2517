"""Which faults a run has and where they stand, as far as the command line can say so."""

import argparse
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from harness.apps.locust.option_groups import OptionGroup, add
from harness.core.errors import UsageError
from harness.plan.fault_text import parse_fault
from harness.plan.placement import Choice
from harness.plan.plan import Scenario

OPTIONS: dict[str, dict[str, Any]] = {
    "--inject": {
        "action": "append",
        "default": [],
        "metavar": "FAULT",
        "help": "a fault beside those of the scenario, as in a scenario file: "
        "'Latency(\"database\", milliseconds=200)'; repeatable (docs/faults.md)",
    },
    "--explore": {
        "action": "store_true",
        "default": False,
        "help": "each fault at a random place of the fault phase, the same for the same --seed",
    },
    "--only-faults": {
        "action": "append",
        "default": [],
        "metavar": "NAMES",
        "help": "leave out all faults but these, like 1-partition,3-kill; none for no fault",
    },
    "--without-fault": {
        "action": "append",
        "default": [],
        "metavar": "NAME",
        "help": "leave out this fault of the scenario; repeatable",
    },
}
_DEFAULTS = {
    "--inject": "no fault more",
    "--only-faults": "all faults of the scenario",
    "--without-fault": "none is left out",
}


def add_fault_options(parser: Any) -> None:
    """Add them to Locust's parser; a start form has no place for them."""
    for option, details in OPTIONS.items():
        add(
            parser,
            OptionGroup.FAULTS,
            option,
            _DEFAULTS.get(option, ""),
            include_in_web_ui=False,
            **details,
        )


def composed(scenario: Scenario, options: argparse.Namespace) -> Scenario:
    """The scenario with the faults that the command line adds to its own.

    Raises:
        UsageError: naming every one that cannot be read.
    """
    added, wrong = [], []
    for text in options.inject:
        try:
            added.append(parse_fault(text))
        except UsageError as error:
            wrong.append(f"--inject {error}")
    if wrong:
        raise UsageError("; ".join(wrong))
    return replace(scenario, faults=[*scenario.faults, *added])


def fault_settings(options: Mapping[str, Any]) -> dict[str, Any]:
    """What of `harness.plan.plan.Settings` these options set."""
    return {
        "explore": bool(options.get("explore")),
        "choice": Choice(
            only=_names(options.get("only_faults")), without=_names(options.get("without_fault"))
        ),
        "added_faults": tuple(options.get("inject") or ()),
    }


def _names(texts: list[str] | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.strip() for text in texts or () for word in text.split(",")))
