"""The command line of a run, and the settings that follow from it.

Every option stays text until `settings_from` reads it, so that the web UI's start form and the
command line are read alike, and everything that is wrong is told at once.
"""

import argparse
import math
import os
import random
from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from harness.apps.locust.fault_options import add_fault_options, fault_settings
from harness.apps.locust.option_groups import OptionGroup, add
from harness.core import durations
from harness.core.digits import decimal, whole
from harness.core.errors import UsageError
from harness.plan.objectives import Resilience
from harness.plan.placement import chosen
from harness.plan.plan import (
    PHASE_SECONDS_MIN,
    RECOVERY_MARGIN_SECONDS,
    Scenario,
    Settings,
    at_least,
    check,
)
from harness.plan.resilience import FILE_NAME
from harness.plan.stop_conditions import OFF, STOP_KINDS, STOP_MEANINGS, StopConditions, most

RATE_DEFAULT = 50
SPAWN_RATE_MAX = 100
"""Locust warns above it; its users are only the rate's face."""
CONDUCTOR_MODULE = "harness.run.conductor"
STATE_DIR_VARIABLE = "LENDCHAOS_STATE"
LETTERS_MAX = 60
_TIME, _NUMBER = "TIME", "N"
_IN_WEB_UI: dict[str, tuple[str | None, str, str]] = {
    "warm_up": (
        "2s",
        _TIME,
        "load before anything is measured; like 500ms, 2s or 1m, a number alone is seconds",
    ),
    "baseline": ("8s", _TIME, "load without a fault, to know what is normal"),
    "fault": ("5s", _TIME, "how long the faults last"),
    "recovery": ("15s", _TIME, "load after the last fault is healed"),
    "population": ("mixed", "mixed|good", "borrowers of every class, or good ones only"),
    "log_in_share": ("0.3", "SHARE", "share of journeys that begin with a log-in, from 0 to 1"),
    "request_timeout": (
        *("2s", _TIME),
        "deadline of a request: connecting, sending and reading together",
    ),
    "retries": (
        *("0", _NUMBER),
        "further tries of a borrow that failed, with its key; Retry-After is obeyed",
    ),
    "service": ("tuned", "tuned|naive", "client settings of the local stack's service"),
    "ledger_settle": ("10s", _TIME, "how long the ledger is watched after it has come to rest"),
    "seed": (None, _NUMBER, "of arrivals and borrowers; random and printed, if not given"),
}
"""By option, in the order of the start form: its default, its placeholder and what it is."""
_DURATIONS = ("warm_up", "baseline", "fault", "recovery", "request_timeout", "ledger_settle")
_ONLY_ON_COMMAND_LINE: dict[str, tuple[OptionGroup, str, dict[str, Any]]] = {
    "--rate": (
        *(OptionGroup.LOAD, str(RATE_DEFAULT)),
        {"metavar": _NUMBER, "help": "arrivals a second; the same as -u"},
    ),
    "--allow-target": (
        *(OptionGroup.SAFETY, "none but this machine"),
        {
            "action": "append",
            "default": [],
            "metavar": "HOST",
            "help": "a foreign host that may be loaded and disturbed; repeatable",
        },
    ),
    "--objectives": (
        *(OptionGroup.SAFETY, f"./{FILE_NAME}, if there is one"),
        {"metavar": "FILE", "help": "limits that must hold (docs/objectives.md)"},
    ),
    "--defect": (
        *(OptionGroup.TARGET, "none"),
        {
            "default": "",
            "metavar": "NAME",
            "help": "a bug to plant in the local stack's service (docs/defects.md)",
        },
    ),
    "--dry-run": (
        *(OptionGroup.SAFETY, ""),
        {
            "action": "store_true",
            "help": "tell what would be done, faults and what they touch included, and do nothing;"
            " with --json for programs",
        },
    ),
    "--namespaces": (
        *(OptionGroup.TARGET, ""),
        {
            "action": "store_true",
            "help": "local stack in network namespaces, where packets can be lost (root, Linux)",
        },
    ),
    "--runs-dir": (
        *(OptionGroup.OUTPUT, ""),
        {"default": "runs", "metavar": "DIR", "help": "where runs are written down"},
    ),
    # For tests of the pipe to the conductor alone.
    "--conductor-module": (
        *(OptionGroup.OUTPUT, ""),
        {"default": CONDUCTOR_MODULE, "help": argparse.SUPPRESS},
    ),
}
OF_LOCUST = {
    "host": (OptionGroup.TARGET, "URL", "the local stack", "a service that already runs"),
    "num_users": (
        OptionGroup.LOAD,
        _NUMBER,
        "--rate",
        "the same as --rate: a user is one arrival a second",
    ),
    "run_time": (
        *(OptionGroup.LOAD, _TIME, "all phases"),
        "length of the whole load; the recovery becomes longer or shorter",
    ),
    "processes": (
        OptionGroup.LOAD,
        _NUMBER,
        "1",
        "processes that send the load; -1 is one for each core",
    ),
    "config": (
        *(OptionGroup.LOAD, "FILE", "locust.conf and others"),
        "a file of Locust's with options",
    ),
    "loglevel": (OptionGroup.OUTPUT, None, "WARNING", "how much Locust's log tells"),
    "logfile": (OptionGroup.OUTPUT, "FILE", "standard error", "where Locust's log goes"),
    "otel": (
        OptionGroup.OUTPUT,
        None,
        "",
        "export Locust's requests by OpenTelemetry, if it is installed",
    ),
}
"""What some of Locust's own options mean here: group, placeholder, default, help."""


def add_options(parser: Any) -> None:
    """Add our options to Locust's parser, and keep its web UI on this machine by default."""
    for option, (group, told, details) in _ONLY_ON_COMMAND_LINE.items():
        add(parser, group, option, told, include_in_web_ui=False, **details)
    for name, (default, metavar, text) in _IN_WEB_UI.items():
        details = {"default": default, "metavar": metavar, "help": text}
        details["choices"] = metavar.split("|") if "|" in metavar else None
        group, told = (
            OptionGroup.TARGET if name == "service" else OptionGroup.LOAD,
            "" if default else "random",
        )
        add(parser, group, "--" + name.replace("_", "-"), told, **details)
    for name, kind in STOP_KINDS.items():
        add(
            *(parser, OptionGroup.SAFETY, "--stop-" + name.replace("_", "-")),
            "as the scenario or its file says",
            metavar="on|off" if kind == "switch" else "N|off",
            help=STOP_MEANINGS[name] + " (docs/safety.md)",
            include_in_web_ui=False,
        )
    add_fault_options(parser)
    add(
        *(parser, OptionGroup.TARGET, "--state-dir", f"${STATE_DIR_VARIABLE}, else ./.lendchaos"),
        default=os.environ.get(STATE_DIR_VARIABLE) or "./.lendchaos",
        metavar="DIR",
        help="where the local stack is kept",
        include_in_web_ui=False,
    )
    # Locust's own defaults listen on every interface, its workers' socket without any password.
    parser.set_defaults(web_host="127.0.0.1", master_bind_host="127.0.0.1")
    for action in getattr(parser, "_actions", ()):
        if action.dest in OF_LOCUST:
            action.group, action.metavar, action.told, action.help = OF_LOCUST[action.dest]
        if action.dest == "run_time":
            action.type = run_time


def run_time(text: str) -> float:
    """The length of the whole load in seconds; Locust's own reader knows no milliseconds.

    Raises:
        ArgumentTypeError: it is none.
    """
    try:
        return _seconds(text)
    except ValueError as error:
        raise argparse.ArgumentTypeError(f"{_brief(text)} {error}") from error


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
    try:
        rate = whole(str(given))
    except ValueError:
        said = f"--rate {_brief(given)} must be a whole number of arrivals a second"
        raise UsageError(said) from None
    if users not in (None, rate):
        raise UsageError(
            f"-u {users} and --rate {rate} disagree: one Locust user is one arrival"
            " a second, so give one of them"
        )
    return rate


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
    wrong: list[str] = []
    values: dict[str, Any] = {"rate": rate}
    for name in _DURATIONS:
        values[f"{name}_s"] = _read(name, options[name], _seconds, durations.VALID, wrong)
    values["log_in_share"] = _read(
        "log_in_share", options["log_in_share"], decimal, "0 to 1", wrong
    )
    values["retries"] = _read("retries", options["retries"], whole, "a whole number", wrong)
    seed = options["seed"]
    values["seed"] = (
        random.SystemRandom().getrandbits(31)
        if seed in (None, "")
        else _read("seed", seed, whole, "a whole number of at most 18 digits", wrong)
    )
    values["population"] = options["population"]
    values["service"] = options["service"]
    values["defect"] = options.get("defect", "")
    values["namespaces"] = bool(options.get("namespaces", False))
    values |= fault_settings(options)
    # What could not be read is told already; its default keeps the other checks meaningful.
    settings = Settings(**{name: value for name, value in values.items() if value is not None})
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
    wrong: list[str] = []
    values: dict[str, Any] = {}
    for name, kind in STOP_KINDS.items():
        text = options.get(f"stop_{name}")
        if text is None:
            continue
        option = "--stop-" + name.replace("_", "-")
        if kind == "switch":
            values[name] = {"on": True, "off": False}.get(text)
            if values[name] is None:
                wrong.append(f"{option} {_brief(text)} must be on or off")
        elif text == OFF:
            values[name] = OFF
        elif (number := _count(text)) is not None and number <= most(kind):
            values[name] = number
        else:
            wrong.append(
                f"{option} {_brief(text)} must be a whole number from 0 to {most(kind)}, or off"
            )
    if wrong:
        raise UsageError("; ".join(wrong))
    return StopConditions(**values)


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


def _read(name: str, text: Any, parse: Any, valid: str, wrong: list[str]) -> Any:
    try:
        return parse(str(text))
    except ValueError:
        wrong.append(f"--{name.replace('_', '-')} {_brief(text)} must be {valid}")
        return None


def _seconds(text: str) -> float:
    return float(durations.seconds(text))


def _count(text: str) -> int | None:
    """A whole number without a sign; None if it is none."""
    try:
        return whole(text) if text.isalnum() else None
    except ValueError:
        return None


def _brief(value: Any) -> str:
    """What was given, as far as one line has room for it."""
    text = str(value)
    return text if len(text) <= LETTERS_MAX else f"{text[:LETTERS_MAX]}…"
