"""The options of a run. Each is declared here, and nowhere else.

Locust's parser, `lendchaos run --help`, shell completion, the plan of a game day, the pytest
plugin and the comparison of runs read this table. An option that is named like a field of
`harness.plan.plan.Settings` sets it.
"""

from collections.abc import Callable
from dataclasses import KW_ONLY, dataclass, replace
from enum import Flag, auto
from functools import partial
from typing import Any, Self

from harness.core import durations
from harness.core.errors import UsageError
from harness.core.numbers import decimal, whole
from harness.plan.planted_defects import SERVICES
from harness.plan.stop_conditions import OFF, STOP_KINDS, STOP_MEANINGS, most

RATE_DEFAULT = 50
LETTERS_MAX = 60
"""Of a value that an error repeats."""
GROUPS = "Load", "Target", "Faults", "Limits and safety", "Output"
"""What an option is about; in the order of the help."""
LOAD, TARGET, FAULTS, LIMITS, OUTPUT = GROUPS


class Use(Flag):
    """Where an option counts besides the command line of a run."""

    NOWHERE = 0
    FORM = auto()
    """It has a field in the start form of Locust's page."""
    OUTSIDE = auto()
    """The process that starts the run reads it, too."""
    STEP = auto()
    """The plan of a game day may set it, for one step or for all."""
    DAY = auto()
    """The plan of a game day may set it, but only for all steps together."""
    CONDITION = auto()
    """Two runs are compared only where both have the same."""
    TESTED = auto()
    """It is part of what a run tests, in which compared runs may differ."""
    STATED = auto()
    """The scenario states it; the default counts where it states nothing."""


@dataclass(frozen=True, slots=True)
class ValueType:
    """What an option takes: its placeholder, how its text is read, and what the text must be.

    ``read`` raises ValueError. ``choices`` are words that it takes; without ``must_be`` the parser
    refuses all others. ``unit`` is that of the value.
    """

    placeholder: str
    read: Callable[[Any], Any] = str
    must_be: str = ""
    unit: str = ""
    choices: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class RunOption:
    """One option. Without a ``help`` it is shown nowhere.

    ``default`` is the text that counts where none is given; ``default_text`` says it in other
    words. ``pytest`` is the option of pytest that stands for it there. Only Locust's own options
    have a ``short`` word, or a ``variable`` of the environment.
    """

    name: str
    type: ValueType
    default: str | None = None
    _: KW_ONLY
    group: str
    help: str = ""
    default_text: str = ""
    uses: Use = Use.NOWHERE
    repeatable: bool = False
    pytest: str = ""
    short: str = ""
    variable: str = ""

    def with_help(self, text: str, **more: Any) -> Self:
        """The same, with what it is for."""
        return replace(self, help=text, **more)

    @property
    def word(self) -> str:
        """What it is called on the command line: ``--warm-up``."""
        return f"--{self.name}"

    @property
    def words(self) -> tuple[str, ...]:
        """All that it is called there, the shortest first."""
        return (self.short, self.word) if self.short else (self.word,)

    @property
    def field(self) -> str:
        """What a parser calls it: ``warm_up``."""
        return self.name.replace("-", "_")

    @property
    def setting(self) -> str:
        """What the settings of a run call it, if they have it: ``warm_up_s``."""
        return f"{self.field}_{self.type.unit}" if self.type.unit else self.field

    @property
    def shown_default(self) -> str:
        """The default in words; empty where there is none."""
        return self.default_text or self.default or ""

    @property
    def sentence(self) -> str:
        """Its help with a capital and a full stop."""
        return f"{self.help[:1].upper()}{self.help[1:]}."

    @property
    def parsing(self) -> dict[str, Any]:
        """What `argparse` needs to know to read it."""
        if self.type is SWITCH:
            return {"action": "store_true"}
        if self.repeatable:
            return {"action": "append", "default": []}
        return {"default": None if Use.STATED in self.uses else self.default}

    def read(self, given: Any) -> Any:
        """The value that was given, in the unit of its type; `UsageError` says what is valid."""
        try:
            return self.type.read(given if self.type is SWITCH else str(given))
        except ValueError:
            said = f"{self.word} {brief(given)} must be {self.type.must_be}"
            raise UsageError(said) from None


def brief(value: Any) -> str:
    """What was given, as far as one line has room for it."""
    text = str(value)
    return text if len(text) <= LETTERS_MAX else f"{text[:LETTERS_MAX]}…"


def option(name: str) -> RunOption:
    """The option of that name."""
    return next(each for each in ALL_OPTIONS if each.name == name)


# --- what options take ---------------------------------------------------------------------------


def _seconds(text: str) -> float:
    return float(durations.seconds(text))


def _one_of(*words: str) -> ValueType:
    return ValueType("|".join(words), choices=words)


def _on_or_off(text: str) -> bool:
    if text not in ("on", OFF):
        raise ValueError(text)
    return text == "on"


def _count_or_off(highest: int) -> ValueType:
    def read(text: str) -> int | str:
        if text == OFF:
            return OFF
        if not text.isalnum() or (number := whole(text)) > highest:  # no sign, either
            raise ValueError(text)
        return number

    return ValueType("N|off", read, f"a whole number from 0 to {highest}, or off", choices=(OFF,))


DURATION = ValueType("TIME", _seconds, durations.VALID, unit="s")
WHOLE = ValueType("N", whole, "a whole number")
RATE = ValueType("N", whole, "a whole number of arrivals a second")
SEED = ValueType("N", whole, "a whole number of at most 18 digits")
SHARE = ValueType("SHARE", decimal, "0 to 1")
FILE, DIRECTORY, HOST, URL = map(ValueType, ("FILE", "DIR", "HOST", "URL"))
LOG_LEVEL = _one_of("DEBUG", "INFO", "WARNING", "ERROR", "CRITICAL")
NAME, NAMES, FAULT = map(ValueType, ("NAME", "NAMES", "FAULT"))
CLASS = ValueType("MODULE:CLASS")
SWITCH = ValueType("", bool)
ON_OR_OFF = ValueType("on|off", _on_or_off, "on or off", choices=("on", OFF))


def _stop(name: str) -> RunOption:
    """The option of one stop condition."""
    kind = STOP_KINDS[name]
    return RunOption(
        "stop-" + name.replace("_", "-"),
        ON_OR_OFF if kind == "switch" else _count_or_off(most(kind)),
        group=LIMITS,
        default_text="as the scenario or its file says",
        uses=Use.STEP,
    ).with_help(f"{STOP_MEANINGS[name]} (docs/safety.md)")


# --- the table -----------------------------------------------------------------------------------

_OF_STACK = Use.OUTSIDE | Use.DAY | Use.TESTED
_IN_PLAN = Use.FORM | Use.STEP
_load = partial(RunOption, group=LOAD, uses=_IN_PLAN | Use.STATED | Use.CONDITION)
_stack = partial(RunOption, group=TARGET, uses=_OF_STACK)
_fault = partial(RunOption, group=FAULTS, uses=Use.STEP)
_limit = partial(RunOption, group=LIMITS)
_output = partial(RunOption, group=OUTPUT)

RUN_OPTIONS = (
    _load("rate", RATE, str(RATE_DEFAULT), uses=Use.STEP | Use.STATED).with_help(
        "arrivals a second; the same as -u"
    ),
    _load("warm-up", DURATION, "2s").with_help(
        "load before anything is measured; like 500ms, 2s or 1m, a number alone is seconds"
    ),
    _load("baseline", DURATION, "8s").with_help("load without a fault, to know what is normal"),
    _load("fault", DURATION, default_text="as the scenario's faults last").with_help(
        "length of the fault phase, to the end of the last fault; scales all their times"
    ),
    _load("recovery", DURATION, "15s").with_help("load after the last fault is healed"),
    _load("population", _one_of("mixed", "good"), "mixed").with_help(
        "borrowers of every class, or good ones only"
    ),
    _load("log-in-share", SHARE, "0.3").with_help(
        "share of journeys that begin with a log-in, from 0 to 1"
    ),
    _load("request-timeout", DURATION, "2s", uses=_IN_PLAN | Use.STATED).with_help(
        "deadline of a request: connecting, sending and reading together"
    ),
    _load("retries", WHOLE, "0").with_help(
        "further tries of a borrow that failed, with its key; Retry-After is honoured"
    ),
    _stack("service", _one_of(*SERVICES), "tuned", uses=Use.FORM | _OF_STACK).with_help(
        "client settings of the local stack's service"
    ),
    RunOption("target", CLASS, group=TARGET, default_text="our own contract").with_help(
        "your class of a lender, like lender:Lender or lender.py (docs/targets.md)",
        uses=Use.OUTSIDE,
    ),
    _load("ledger-settle", DURATION, "10s", uses=_IN_PLAN | Use.STATED).with_help(
        "how long the ledger is watched after it has come to rest"
    ),
    _load("seed", SEED, default_text="random", uses=_IN_PLAN | Use.OUTSIDE).with_help(
        "of arrivals and borrowers; random and printed, if not given"
    ),
    _stack("defect", NAME, "", default_text="none").with_help(
        "a bug to plant in the local stack's service (docs/defects.md)"
    ),
    _stack("namespaces", SWITCH).with_help(
        "local stack in network namespaces, where packets can be lost (root, Linux)"
    ),
    _stack("state-dir", DIRECTORY, default_text="$LENDCHAOS_STATE, else ./.lendchaos").with_help(
        "where the local stack is kept", uses=Use.OUTSIDE, pytest="--chaos-state-dir"
    ),
    _fault("inject", FAULT, default_text="none", repeatable=True).with_help(
        "a fault beside those of the scenario, or without one in `lendchaos run`, as in a scenario"
        " file: 'Latency(\"database\", milliseconds=200)'; repeatable (docs/faults.md)"
    ),
    _fault("fault-module", NAME, default_text="none", repeatable=True).with_help(
        "a module of yours that registers faults of its own, like my_faults; repeatable"
        " (docs/adding_a_fault.md)"
    ),
    _fault("explore", SWITCH, uses=Use.STEP | Use.CONDITION).with_help(
        "each fault at a random place of the fault phase, the same for the same --seed"
    ),
    _fault(
        "only-faults", NAMES, default_text="all faults of the scenario", repeatable=True
    ).with_help("leave out all faults but these, like 1-partition,3-kill; none for no fault"),
    _fault("without-fault", NAME, default_text="none is left out", repeatable=True).with_help(
        "leave out this fault of the scenario; repeatable"
    ),
    _limit("allow-target", HOST, default_text="none but this machine", repeatable=True).with_help(
        "a foreign host that may be loaded and disturbed; repeatable"
    ),
    _limit("objectives", FILE, default_text="./resilience.yaml, if there is one").with_help(
        "YAML file with limits that must hold (docs/objectives.md)",
        uses=Use.OUTSIDE,
        pytest="--objectives",
    ),
    _limit("dry-run", SWITCH).with_help(
        "tell what would be done, faults and what they touch included, and do nothing;"
        " with --json for programs"
    ),
    *map(_stop, STOP_KINDS),
    _output("runs-dir", DIRECTORY, "runs", uses=Use.OUTSIDE, pytest="--chaos-runs-dir").with_help(
        "where runs are written down"
    ),
    # For tests of the pipe to the conductor alone.
    _output("conductor-module", NAME, "harness.run.conductor"),
)

LOCUST_OPTIONS = (
    RunOption("config", FILE, group=LOAD, default_text="locust.conf and others").with_help(
        "a file of Locust's with options"
    ),
    RunOption("users", WHOLE, group=LOAD, default_text="--rate", short="-u").with_help(
        "the same as --rate: a user is one arrival a second"
    ),
    _load("run-time", DURATION, default_text="all phases", uses=Use.STEP, short="-t").with_help(
        "length of the whole load; the recovery becomes longer or shorter"
    ),
    _load("processes", WHOLE, default_text="1", uses=Use.STEP).with_help(
        "processes that send the load; -1 is one for each core"
    ),
    _stack("host", URL, default_text="the local stack").with_help(
        "a service that already runs", uses=Use.OUTSIDE, short="-H", variable="LOCUST_HOST"
    ),
    _output("csv", FILE).with_help("Store request stats to files in CSV format"),
    _output("csv-full-history", SWITCH).with_help(
        "Store each stats entry in CSV format to _stats_history.csv file"
    ),
    _output("html", FILE, uses=Use.OUTSIDE, variable="LOCUST_HTML").with_help(
        "Store HTML report to file path specified"
    ),
    _output("json-file", FILE, uses=Use.OUTSIDE).with_help(
        "Prints the final stats in JSON format to file path specified"
    ),
    _output("loglevel", LOG_LEVEL, default_text="WARNING").with_help(
        "how much Locust's log tells", uses=Use.OUTSIDE, short="-L", variable="LOCUST_LOGLEVEL"
    ),
    _output("logfile", FILE, default_text="standard error").with_help(
        "where Locust's log goes", uses=Use.OUTSIDE, variable="LOCUST_LOGFILE"
    ),
    _output("otel", SWITCH).with_help(
        "export Locust's requests by OpenTelemetry, if it is installed"
    ),
)
"""Locust's own options that mean something for a run; Locust declares them itself."""

ALL_OPTIONS = (*RUN_OPTIONS, *LOCUST_OPTIONS)
SHOWN_OPTIONS = tuple(each for each in ALL_OPTIONS if each.help)
