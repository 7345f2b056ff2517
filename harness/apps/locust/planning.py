"""From the command line, or the start form of Locust's page, and a scenario file to the plan of one
run, checked before it begins.

All values stay text until they are read here. So the start form and the command line are read
alike, and all mistakes are reported together.
"""

import argparse
import json
import math
import os
import random
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

from harness.apps.locust.controller import require_places
from harness.apps.locust.locustfile import Locustfile
from harness.apps.locust.target_choice import ChosenTarget
from harness.core import durations
from harness.core.errors import HarnessError, UsageError
from harness.core.numbers import decimal_text
from harness.core.started_in import STARTED_IN
from harness.core.user_module import reference_of
from harness.faults.registry import WHAT, load_own, require_alone
from harness.plan import resilience
from harness.plan.fault_text import parse_fault
from harness.plan.objectives import Resilience, overridden
from harness.plan.plan import Plan, Scenario, Settings, expand
from harness.plan.run_options import (
    LOCUST_OPTIONS,
    RUN_OPTIONS,
    SWITCH,
    RunOption,
    Use,
    brief,
    option,
)
from harness.plan.scenario import (
    PHASE_SECONDS_MIN,
    RECOVERY_MARGIN_SECONDS,
    at_least,
    check,
    faults_of,
    settings_of,
)
from harness.plan.schedule import Choice, natural_s, timeline_text
from harness.plan.schedule import chosen as chosen_faults
from harness.plan.stop_conditions import StopConditions
from harness.run.progress_messages import GAME_DAY_VARIABLE
from harness.run.safety.feasible import layout_for, require_feasible, require_set_up

LATER_VARIABLE = "LENDCHAOS_RUNS_LATER"
SPAWN_RATE_MAX = 100
"""Locust warns above it; its users are only the rate's face."""
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
    # What an option of Locust's means here, where Locust itself does not say it.
    for action in getattr(parser, "_actions", ()):
        for each in LOCUST_OPTIONS:
            if each.word in action.option_strings and not action.help.startswith(each.help):
                action.help = each.help
                action.metavar = None if each.type.choices else each.type.placeholder or None
        if action.dest == "run_time":
            action.type = run_time


def run_time(text: str) -> float:
    """The length of the whole load in seconds, or ArgumentTypeError; Locust's own reader knows no
    milliseconds.
    """
    try:
        return float(durations.seconds(text))
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{brief(text)} {error}") from error


def state(options: Any, scenario: Scenario) -> dict[str, str]:
    """Fill in what the scenario states and no one gave otherwise; the values, by field, for the
    start form to show.
    """
    filled = {}
    stated = {**scenario.load.settings, "fault_s": natural_s(scenario.faults)}
    for each in RUN_OPTIONS:
        fills = Use.STATED in each.uses and each.setting in stated and each.field != "rate"
        if fills and getattr(options, each.field, None) is None:
            filled[each.field] = _as_given(each, stated[each.setting])
    vars(options).update(filled)
    return filled


def _as_given(option: RunOption, value: Any) -> str:
    """A value that a scenario states, as the option would have been given."""
    if option.type.unit:
        return durations.text_of(value)
    return decimal_text(value) if isinstance(value, float) else str(value)


def rate_from(options: Any, stated: int) -> int:
    """Arrivals a second: ``--rate`` or ``-u``, which are two words for one thing, or as ``stated``
    by the scenario.

    Where one is given on the command line, the other in a file or a variable does not count.
    UsageError where they disagree, or the rate is not a whole number.
    """
    given, users = options.rate, options.num_users
    elsewhere = {one.name for one in options.set_elsewhere} & {"rate", "num_users"}
    if None not in (given, users) and len(elsewhere) == 1:
        given, users = (None, users) if elsewhere == {"rate"} else (given, None)
    if given is None:
        return stated if users is None else int(users)
    rate = int(option("rate").read(given))
    if users not in (None, rate):
        raise UsageError(
            f"-u {users} and --rate {rate} disagree: one Locust user is one arrival"
            " a second, so give one of them"
        )
    return rate


def composed(scenario: Scenario, options: argparse.Namespace, folder: Path) -> Scenario:
    """The scenario with the faults of the command line; UsageError names all that are none."""
    folders = (STARTED_IN, folder)
    load_own(reference_of(text, WHAT, folders) for text in options.fault_module)
    added, wrong = [], []
    for text in options.inject:
        try:
            added.append(parse_fault(text))
        except UsageError as error:
            wrong.append(f"--inject {error}")
    if wrong:
        raise UsageError("; ".join(wrong))
    whole = replace(scenario, faults=[*scenario.faults, *added])
    for kind in dict.fromkeys(map(type, whole.faults)):
        require_alone(kind)
    return whole


def settings_from(
    options: Mapping[str, Any],
    rate: int,
    run_time_s: float | None,
    scenario: Scenario,
    file: Resilience | None = None,
) -> Settings:
    """The settings that the options and the scenario ask for, checked together with the ``file``
    that says what must hold.

    ``run_time_s`` is the length of the whole load; it stretches or shortens what comes after the
    faults. UsageError names everything that is wrong, and what would be valid.
    """
    known = {field.name for field in fields(Settings)} - {"rate"}
    asked = [one for one in RUN_OPTIONS if one.setting in known]
    # An empty field of the start form asks for no seed, either.
    values, wrong = _read(asked, {**options, "seed": options.get("seed") or None})
    values.setdefault("seed", random.SystemRandom().getrandbits(31))
    # What could not be read is in `wrong`; its default keeps the other checks meaningful.
    settings = settings_of(
        scenario,
        rate=rate,
        choice=Choice(
            only=_names(options.get("only_faults")), without=_names(options.get("without_fault"))
        ),
        added_faults=tuple(options.get("inject") or ()),
        **values,
    )
    if run_time_s is not None:
        settings = _stretch(settings, run_time_s, scenario, wrong, file)
    wrong += check(
        scenario, settings, layout_for(settings, None, options.get("host") or None), file
    )
    if wrong:
        raise UsageError("; ".join(wrong))
    return settings


def stop_from(options: Mapping[str, Any]) -> StopConditions:
    """The stop conditions of the command line, or UsageError with everything that is wrong; what
    is not named there is left to others.
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
    has_faults = bool(chosen_faults(scenario.faults, settings.choice))
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
    """Which shorter phases would do where nothing is injected: no time for a fault is needed."""
    least_s = max(PHASE_SECONDS_MIN, file.steady_state.min_baseline_s if file else 0.0)
    baseline_s, spare_s = settings.baseline_s, run_time_s - settings.warm_up_s
    text = "; as nothing is injected, --fault 0s would do"
    if baseline_s + PHASE_SECONDS_MIN > spare_s:
        # Three quarters for what is normal, and the rest to look.
        baseline_s = max(least_s, math.floor(7.5 * spare_s) / 10)
        text += f" with --baseline {at_least(baseline_s)}"
    return text if spare_s - baseline_s >= PHASE_SECONDS_MIN else ""


# --- the plan ------------------------------------------------------------------------------------


def _settings(
    locustfile: Locustfile, options: Any, rate: int, run_time_s: float | None
) -> tuple[Settings, Resilience | None]:
    """Those that the options ask for, and ``resilience.yaml``, read anew for every run, if any."""
    path = resilience.find(options.objectives, STARTED_IN)
    file = resilience.read(path, [locustfile.name]) if path else None
    return settings_from(vars(options), rate, run_time_s, locustfile.scenario, file), file


def require_sense(
    locustfile: Locustfile, options: Any, rate: int, run_time_s: float | None
) -> None:
    """UsageError, naming everything, for options that no run could be planned with."""
    _settings(locustfile, options, rate, run_time_s)
    stop_from(vars(options))


def planned(
    locustfile: Locustfile,
    options: Any,
    rate: int,
    *,
    run_time_s: float | None,
    chosen: ChosenTarget,
    say: Callable[[str], None],
) -> Plan:
    """The plan of a run; ``say`` prints what is not written in the scenario file.

    UsageError names everything that is wrong, and what would be valid.
    """
    settings, file = _settings(locustfile, options, rate, run_time_s)
    scenario, lender = locustfile.scenario, None
    if chosen.target is not None:
        lender = replace(chosen.target.profile, name=str(chosen.reference))
    plan = expand(
        locustfile.name,
        locustfile.hypothesis,
        scenario,
        settings,
        file,
        layout=layout_for(settings, None, chosen.host, chosen.target),
        stop=stop_from(vars(options)),
        attached=chosen.host is not None,
        lender=lender,
    )
    if file is not None:  # where the limits come from, and which are set in vain
        say(f"objectives: {file.name}")
        for line in overridden(plan.scenario, scenario.objectives, file):
            say(line)
    if settings.explore:
        again = f"again with --explore --seed {settings.seed}"
        say(f"explore: {timeline_text(plan.faults)}; {again}")
    elif settings.choice != Choice() or settings.added_faults:
        say(f"faults: {timeline_text(plan.faults)}")
    # A step of a game day, in which someone injects a fault by hand.
    by_hand = bool(of_game_day("watches").get("watches"))
    return replace(plan, observe=scenario.observe or by_hand)


def of_game_day(*names: str) -> dict[str, Any]:
    """These fields of the game day and its step that this run is; nothing where it is none."""
    try:
        found = json.loads(os.environ.get(GAME_DAY_VARIABLE, "null"))
        return {name: found[name] for name in names}
    except (ValueError, LookupError, TypeError):
        return {}  # no step, or another program's variable


def require_runnable(plan: Plan, options: Any, chosen: ChosenTarget) -> None:
    """Refuse a plan that cannot run on this target, before anything is started.

    A dry run that is asked of a run that is not to begin now, as the briefing of a game day and
    pytest's collection do, looks for nothing that this needs of the machine. UsageError or
    HarnessError, as `require_feasible`, `require_places` and `require_set_up`.
    """
    asks = not options.dry_run  # which opens no connection and starts no program
    state_dir, allowed = STARTED_IN / options.state_dir, options.allow_target
    host, target = chosen.host, chosen.target
    require_feasible(plan, state_dir, host, allowed, look_up=asks, target=target)
    if asks or not os.environ.get(LATER_VARIABLE):
        require_places(options)
        require_set_up(plan, state_dir, host, asks=asks, target=target)


def announced(locustfile: Locustfile, options: Any) -> list[str]:
    """For the start form: the hypothesis, and what is broken when, with the preset lengths."""
    try:
        settings, _ = _settings(locustfile, options, int(options.num_users), None)
    except (UsageError, HarnessError) as error:
        return [f"A run cannot be started so: {error}"]
    text = locustfile.hypothesis
    lines = [text if "Hypothesis: " in text else f"Hypothesis: {text}"] if text else []
    layout = layout_for(settings, None, options.host)
    faults = faults_of(locustfile.scenario, settings, layout)
    for fault in faults:
        when = f"from {fault.inject_s:g} s to {fault.heal_s:g} s after the warm-up, as preset"
        if settings.explore:
            when = "at a random time"
        lines.append(f"Planned fault {fault.name}: {fault.description}, {when}")
    return lines if faults else [*lines, "Planned faults: none"]


def objection(
    form: Mapping[str, str], locustfile: Locustfile, options: Any, run_time_s: float | None
) -> str | None:
    """Why no run can be planned with what was filled in the start form; None where one can.

    What Locust itself refuses is left to it. ``form`` has its fields by the names of options.
    """
    filled = {name: text for name, text in form.items() if name in vars(options)}
    with suppress(KeyError, ValueError):
        rate = int(form["user_count"])
        filled_in = argparse.Namespace(**{**vars(options), **filled})
        try:
            require_sense(locustfile, filled_in, rate, run_time_s)
        except (UsageError, HarnessError) as error:
            return str(error)
    return None
