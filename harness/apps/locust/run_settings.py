"""The command line of a run, and the settings that follow from it.

All values stay text until they are read here. So the start form of the web UI and the command line
are read alike, and all mistakes are reported together.
"""

import argparse
import math
import os
import random
from collections.abc import Iterable, Mapping
from dataclasses import fields, replace
from typing import Any

from harness.core import durations
from harness.core.errors import UsageError
from harness.plan.fault_text import parse_fault
from harness.plan.objectives import Resilience
from harness.plan.options import (
    LOCUST_OPTIONS,
    RATE_DEFAULT,
    RUN_OPTIONS,
    SWITCH,
    RunOption,
    Use,
    brief,
    option,
)
from harness.plan.placement import Choice, chosen
from harness.plan.scenario import (
    PHASE_SECONDS_MIN,
    RECOVERY_MARGIN_SECONDS,
    Scenario,
    Settings,
    at_least,
    check,
)
from harness.plan.stop_conditions import StopConditions

SPAWN_RATE_MAX = 100
"""Locust warns above it; its users are only the rate's face."""
_SETTINGS = {field.name for field in fields(Settings)} - {"rate"}
_STOP = "stop_"


def add_options(parser: Any) -> None:
    """Add our options to Locust's parser, and keep its web UI on this machine by default."""
    for each in RUN_OPTIONS:
        details = {**each.parsing, "help": each.help or argparse.SUPPRESS}
        if each.type is not SWITCH:
            details["metavar"] = each.type.placeholder
        if each.type.choices and not each.type.must_be:
            details["choices"] = each.type.choices
        parser.add_argument(each.word, include_in_web_ui=Use.FORM in each.uses, **details)
    parser.set_defaults(
        state_dir=os.environ.get("LENDCHAOS_STATE") or "./.lendchaos",
        # Locust's own defaults listen on every interface, its workers' socket without a password.
        web_host="127.0.0.1",
        master_bind_host="127.0.0.1",
    )
    for action in getattr(parser, "_actions", ()):
        _describe(action)


def _describe(action: Any) -> None:
    """Say what an option of Locust's means here, where Locust itself does not say it."""
    for each in LOCUST_OPTIONS:
        if each.word in action.option_strings and not action.help.startswith(each.help):
            action.help = each.help
            action.metavar = None if each.type.choices else each.type.placeholder or None
    if action.dest == "run_time":
        action.type = run_time


def run_time(text: str) -> float:
    """The length of the whole load in seconds; Locust's own reader knows no milliseconds.

    Raises:
        ArgumentTypeError: it is none.
    """
    try:
        return float(durations.seconds(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{brief(text)} {error}") from error


def rate_from(options: Any) -> int:
    """Arrivals a second: ``--rate`` or ``-u``, which are two words for one thing.

    Where one is given on the command line, the other in a file or a variable does not count.

    Raises:
        UsageError: they disagree, or the rate is not a whole number.
    """
    given, users = options.rate, options.num_users
    elsewhere = {one.name for one in options.set_elsewhere} & {"rate", "num_users"}
    if None not in (given, users) and len(elsewhere) == 1:
        given, users = (None, users) if elsewhere == {"rate"} else (given, None)
    if given is None:
        return RATE_DEFAULT if users is None else int(users)
    rate = int(option("rate").read(given))
    if users not in (None, rate):
        raise UsageError(
            f"-u {users} and --rate {rate} disagree: one Locust user is one arrival"
            " a second, so give one of them"
        )
    return rate


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


def settings_from(
    options: Mapping[str, Any],
    rate: int,
    run_time_s: float | None,
    scenario: Scenario,
    file: Resilience | None = None,
) -> Settings:
    """The settings that the options ask for, checked together with the scenario and the ``file``
    that says what must hold.

    ``run_time_s`` is the length of the whole load; it stretches or shortens what comes after the
    faults.

    Raises:
        UsageError: naming everything that is wrong, and what would be valid.
    """
    asked = [one for one in RUN_OPTIONS if one.setting in _SETTINGS]
    # An empty field of the start form asks for no seed, either.
    values, wrong = _read(asked, {**options, "seed": options.get("seed") or None})
    values.setdefault("seed", random.SystemRandom().getrandbits(31))
    # What could not be read is in `wrong`; its default keeps the other checks meaningful.
    settings = Settings(
        rate=rate,
        choice=Choice(
            only=_names(options.get("only_faults")), without=_names(options.get("without_fault"))
        ),
        added_faults=tuple(options.get("inject") or ()),
        **values,
    )
    if run_time_s is not None:
        settings = _stretch(settings, run_time_s, scenario, wrong, file)
    wrong += check(scenario, settings, file)
    if wrong:
        raise UsageError("; ".join(wrong))
    return settings


def stop_from(options: Mapping[str, Any]) -> StopConditions:
    """The stop conditions of the command line; what is not named there is left to others.

    Raises:
        UsageError: naming everything that is wrong, and what would be valid.
    """
    values, wrong = _read((one for one in RUN_OPTIONS if one.field.startswith(_STOP)), options)
    if wrong:
        raise UsageError("; ".join(wrong))
    return StopConditions(**{name.removeprefix(_STOP): value for name, value in values.items()})


def _read(asked: Iterable[RunOption], given: Mapping[str, Any]) -> tuple[dict[str, Any], list[str]]:
    """The values that are given, by the names of settings, and what is wrong with the others."""
    values: dict[str, Any] = {}
    wrong: list[str] = []
    for each in asked:
        if given.get(each.field) is None:
            continue
        try:
            values[each.setting] = each.read(given[each.field])
        except UsageError as error:
            wrong.append(str(error))
    return values, wrong


def _names(texts: list[str] | None) -> tuple[str, ...]:
    return tuple(dict.fromkeys(word.strip() for text in texts or () for word in text.split(",")))


def _stretch(
    settings: Settings,
    run_time_s: float,
    scenario: Scenario,
    wrong: list[str],
    file: Resilience | None,
) -> Settings:
    """The same settings with a recovery that makes the whole load last ``run_time_s``."""
    before_s = settings.load_s - settings.recovery_s
    has_faults = bool(chosen(scenario.faults, settings.choice))
    least_s = (
        settings.request_timeout_s + RECOVERY_MARGIN_SECONDS if has_faults else PHASE_SECONDS_MIN
    )
    if run_time_s < before_s + least_s:
        wrong.append(
            f"-t {run_time_s:g}s is too short: the phases need {before_s + least_s:g}s,"
            f" {least_s:g}s of it for the recovery, so it must be at least"
            f" {at_least(before_s + least_s)}"
            + ("" if has_faults else _shorter(settings, run_time_s, file))
        )
        return settings
    return replace(settings, recovery_s=run_time_s - before_s)


def _shorter(settings: Settings, run_time_s: float, file: Resilience | None) -> str:
    """Which shorter phases would do where nothing is broken: no time for a fault is needed."""
    least_s = max(PHASE_SECONDS_MIN, file.steady_state.min_baseline_s if file else 0.0)
    baseline_s, spare_s = settings.baseline_s, run_time_s - settings.warm_up_s
    text = "; as nothing is broken, --fault 0s would do"
    if baseline_s + PHASE_SECONDS_MIN > spare_s:
        # Three quarters for what is normal, and the rest to look.
        baseline_s = max(least_s, math.floor(7.5 * spare_s) / 10)
        text += f" with --baseline {at_least(baseline_s)}"
    return text if spare_s - baseline_s >= PHASE_SECONDS_MIN else ""
