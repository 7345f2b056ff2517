"""What a scenario file and the command line state of a run, and whether it can be run at all.

All durations are seconds.
"""

import math
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field, fields, is_dataclass
from typing import Any, Literal, get_type_hints

from pydantic import TypeAdapter, ValidationError

from harness.core.http_times import RETRY_AFTER_SECONDS_MAX
from harness.core.numbers import INTEGER_MAX
from harness.plan.fault_specs import AnyFault, FaultSpec
from harness.plan.objectives import Objectives, Resilience, wrong_values
from harness.plan.placement import (
    EXPLORED_PHASE_SECONDS_MIN,
    Choice,
    PlannedFault,
    chosen,
    conflicts,
    named,
    placed,
    wrong_choice,
)
from harness.plan.planted_defects import SERVICES, wrong_defects
from harness.plan.population import POPULATIONS
from harness.plan.stop_conditions import StopConditions, wrong_conditions

RATE_MAX = 2000
"""Arrivals a second: what one load process was measured to send on time; plan for half of it."""
PHASE_SECONDS_MIN = 0.5
DAY_SECONDS = 24 * 3600.0
SEED_MAX = 2**62
RECOVERY_MARGIN_SECONDS = 1.0
"""Beyond one request timeout, the least time after the heal in which recovery can show itself."""
LEDGER_SETTLE_SECONDS_MAX = 300.0
NEAR_LIMIT_SHARE_MAX = 0.4
_LIKE = '[Partition("database")]'


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A hypothesis, the faults that test it and the objectives that must hold.

    ``credit_line_share`` of the borrowers who hold a live session read their credit line before
    they borrow; the others have it on their screen already and press "borrow" at once, so that
    the borrow itself is the first request to meet a fault.

    ``near_limit_share`` of the arrivals of a mixed population come in pairs: a borrower whose limit
    covers one loan asks for two at the same moment, which no check outside a lock survives.
    ``stop`` ends a run at once; the file and the defaults decide the rest. With ``watches``,
    somebody else is about to break something.
    ``faults`` may be anything that yields them; they are read here and now, and kept as a tuple.
    """

    faults: Iterable[AnyFault] = ()
    objectives: Objectives | None = None
    stop: StopConditions | None = None
    credit_line_share: float = 1.0
    near_limit_share: float = 0.02
    watches: bool = False

    def __post_init__(self) -> None:
        """Read the faults while they are there: a generator yields them only once."""
        if isinstance(self.faults, Iterable):
            object.__setattr__(self, "faults", tuple(self.faults))


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the command line can change of a run. Durations in seconds, ``rate`` in arrivals/s."""

    rate: int = 50
    warm_up_s: float = 2.0
    baseline_s: float = 8.0
    fault_s: float = 5.0
    recovery_s: float = 15.0
    request_timeout_s: float = 2.0
    ledger_settle_s: float = 10.0
    """For how long the ledger is watched after it has come to rest."""
    population: str = "mixed"
    log_in_share: float = 0.3
    retries: int = 0
    seed: int = 1
    service: Literal["tuned", "naive"] = "tuned"
    defect: str = ""
    """Bugs planted in the local stack's service; empty: those of the stack that is up, if any."""
    namespaces: bool = False
    """The local stack in network namespaces; where one is up already, it may have them anyway."""
    explore: bool = False
    """Whether the faults stand at random places of the fault phase, drawn by the seed."""
    choice: Choice = field(default_factory=Choice)
    """Which of the scenario's faults are wanted."""
    added_faults: tuple[str, ...] = ()
    """Faults that the command line added to those of the scenario, as they were written."""

    @property
    def load_s(self) -> float:
        """Length of the whole load."""
        return self.warm_up_s + self.baseline_s + self.fault_s + self.recovery_s

    @property
    def drain_s(self) -> float:
        """Longest time an arrival can be under way after the load: its deadlines and its waits.

        The second is what waits that no answer asked for may add up to.
        """
        asked_s = RETRY_AFTER_SECONDS_MAX if self.retries else 0.0
        return (3 + self.retries) * self.request_timeout_s + 1.0 + asked_s


def faults_of(scenario: Scenario, settings: Settings) -> tuple[PlannedFault, ...]:
    """Every fault that is wanted, where it stands on the timeline with all the others; `placed`."""
    seed = settings.seed if settings.explore else None
    every = placed(named(scenario.faults), settings.baseline_s, settings.fault_s, seed)
    wanted = chosen(scenario.faults, settings.choice)
    return tuple(fault for fault in every if fault.name in wanted)


# --- what cannot be run ---------------------------------------------------------------------------


def check(scenario: Scenario, settings: Settings, file: Resilience | None = None) -> list[str]:
    """Every reason why this scenario cannot be run so, each saying what would be valid."""
    if wrong := wrong_types(scenario):
        return wrong  # nothing else could be told from it
    found = [*wrong_load(settings), *_check_phases(scenario, settings)]
    found += wrong_choice(scenario.faults, settings.choice)
    found += conflicts(faults_of(scenario, settings))
    found += [*wrong_values(scenario.objectives), *wrong_conditions(scenario.stop)]
    if file and settings.baseline_s < (least_s := file.steady_state.min_baseline_s):
        found.append(
            f"baseline {settings.baseline_s:g}s is shorter than min_baseline in {file.name}:"
            f" it must be at least {at_least(least_s)}"
        )
    if not 0 <= scenario.credit_line_share <= 1:
        found.append(f"credit_line_share {scenario.credit_line_share:g} must be from 0 to 1")
    if not 0 <= scenario.near_limit_share <= NEAR_LIMIT_SHARE_MAX:
        found.append(
            f"near_limit_share {scenario.near_limit_share:g} must be from 0 to"
            f" {NEAR_LIMIT_SHARE_MAX:g}"
        )
    for fault in scenario.faults:
        found += [f"{type(fault).__name__}: {problem}" for problem in fault.problems]
        start, end = fault.shares
        if not 0 <= start < end <= 1:
            found.append(
                f"{type(fault).__name__}: during={fault.during} must be two rising shares in 0..1"
            )
    return found


def at_least(seconds: float) -> str:
    """A length of time that is no shorter, to the millisecond, as an option takes it."""
    return f"{math.ceil(1000 * seconds - 1e-6) / 1000:.3f}".rstrip("0").rstrip(".") + "s"


def wrong_load(settings: Settings) -> list[str]:
    """What of a load cannot be, whatever its phases are, each with what would be valid."""
    found = []
    if not 1 <= settings.rate <= RATE_MAX:
        found.append(f"rate {settings.rate} must be from 1 to {RATE_MAX} arrivals a second")
    if not 0.1 <= settings.request_timeout_s <= 60:  # noqa: PLR2004  # the message says it
        found.append(f"request timeout {settings.request_timeout_s:g}s must be from 0.1s to 60s")
    if not 0 <= settings.ledger_settle_s <= LEDGER_SETTLE_SECONDS_MAX:
        found.append(f"ledger settle {settings.ledger_settle_s:g}s must be from 0s to 5m")
    if not 0 <= settings.log_in_share <= 1:
        found.append(f"log-in share {settings.log_in_share:g} must be from 0 to 1")
    if not 0 <= settings.retries <= 10:  # noqa: PLR2004  # more would only amplify an outage
        found.append(f"retries {settings.retries} must be from 0 to 10")
    if not -SEED_MAX <= settings.seed <= SEED_MAX:
        found.append(f"seed {settings.seed} must be from {-SEED_MAX} to {SEED_MAX}")
    if settings.population not in POPULATIONS:
        found.append(f"population {settings.population!r} must be one of {', '.join(POPULATIONS)}")
    if settings.service not in SERVICES:
        found.append(f"service {settings.service!r} must be one of {', '.join(SERVICES)}")
    return [*found, *wrong_defects(settings.defect)]


def _check_phases(scenario: Scenario, settings: Settings) -> list[str]:
    found = []
    faults = chosen(scenario.faults, settings.choice)
    for name in ("warm_up", "baseline", "fault", "recovery"):
        length = getattr(settings, f"{name}_s")
        least = 0.0 if name == "warm_up" or (name == "fault" and not faults) else PHASE_SECONDS_MIN
        if not least <= length <= DAY_SECONDS:
            found.append(f"{name.replace('_', '-')} {length:g}s must be from {least:g}s to 24h")
    least = settings.request_timeout_s + RECOVERY_MARGIN_SECONDS
    if settings.explore and faults and settings.fault_s < EXPLORED_PHASE_SECONDS_MIN:
        found.append(
            f"fault {settings.fault_s:g}s leaves no room to explore: with --explore it must be at"
            f" least {EXPLORED_PHASE_SECONDS_MIN:g}s"
        )
    if faults and settings.recovery_s < least:
        found.append(
            f"recovery {settings.recovery_s:g}s is too short to heal and confirm: it must be"
            f" at least {at_least(least)} (request timeout + {RECOVERY_MARGIN_SECONDS:g}s)"
        )
    return found


def wrong_types(scenario: Scenario) -> list[str]:
    """Every field that is not what it is for, each with what would be valid."""
    if found := [f"{name} has more than 18 digits" for name in _absurd("", scenario)]:
        return found  # to show such a number can fail
    for name, kind in (("objectives", Objectives), ("stop", StopConditions)):
        value = getattr(scenario, name)
        if value is not None and not isinstance(value, kind):
            found.append(f"{name} {value!r} must be {kind.__name__}(...)")
    for name in ("credit_line_share", "near_limit_share"):
        value = getattr(scenario, name)
        if isinstance(value, bool) or not isinstance(value, int | float):
            found.append(f"{name} {value!r} must be a number")
    if not isinstance(scenario.watches, bool):
        found.append(f"watches {scenario.watches!r} must be True or False")
    if not isinstance(scenario.faults, tuple):
        return [*found, f"faults {scenario.faults!r} must be a list, like {_LIKE}"]
    return [*found, *(problem for fault in scenario.faults for problem in _no_fault(fault))]


def _absurd(name: str, value: Any) -> Iterator[str]:
    """Names of the whole numbers in it that are too large to be meant."""
    if isinstance(value, int) and abs(value) >= INTEGER_MAX:
        yield name
    elif isinstance(value, list | tuple):
        for one in value:
            yield from _absurd(name or type(one).__name__, one)
    elif is_dataclass(value) and not isinstance(value, type):
        kind = "" if isinstance(value, Scenario) else f"{type(value).__name__}: "
        for one in fields(value):
            yield from _absurd(f"{kind}{one.name}", getattr(value, one.name))


def _no_fault(fault: Any) -> list[str]:
    """Why this is none; nothing if it is one and all its parameters have the right types."""
    if not isinstance(fault, FaultSpec):
        text = f"the class {fault.__name__}" if isinstance(fault, type) else repr(fault)
        return [f"faults: {text} is no fault; write them like {_LIKE}"]
    found = []
    for name, hint in get_type_hints(type(fault)).items():
        value = getattr(fault, name)
        try:
            # A list of two is as good as a tuple.
            TypeAdapter(hint).validate_python(
                tuple(value) if isinstance(value, list) else value, strict=True
            )
        except ValidationError as error:
            text = error.errors()[0]["msg"]
            found.append(f"{type(fault).__name__}: {name} {value!r}: {text[0].lower()}{text[1:]}")
    return found
