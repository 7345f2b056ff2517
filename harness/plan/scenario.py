"""What a scenario file and the command line state of a run, and whether it can be run at all.

All durations of `Settings` are seconds.
"""

import math
from collections.abc import Iterable
from dataclasses import dataclass, field
from typing import Any, ClassVar, Literal

from harness.core import durations
from harness.core.durations import DAY_SECONDS
from harness.core.errors import UsageError
from harness.core.http_times import RETRY_AFTER_SECONDS_MAX
from harness.plan.checked import CheckedClass, shown
from harness.plan.fault import LASTS_SECONDS, Duration, FaultSpec, PlannedFault
from harness.plan.layout import StackLayout
from harness.plan.objectives import Objectives, Resilience
from harness.plan.planted_defects import SERVICES, wrong_defects
from harness.plan.population import POPULATIONS
from harness.plan.schedule import (
    EXPLORED_PHASE_SECONDS_MIN,
    Choice,
    chosen,
    conflicts,
    named,
    natural_s,
    scheduled,
    wrong_choice,
    wrong_names,
)
from harness.plan.stop_conditions import StopConditions

RATE_MAX = 2000
"""Arrivals a second: what one load process was measured to send on time; plan for half of it."""
PHASE_SECONDS_MIN = 0.5
SEED_MAX = 2**62
RECOVERY_MARGIN_SECONDS = 1.0
"""Beyond one request timeout, the least time after the heal in which recovery can show itself."""
LEDGER_SETTLE_SECONDS_MAX = 300.0
NEAR_LIMIT_SHARE_MAX = 0.4
TERM_DAYS_MAX = 3650
_LIKE = '[Partition("database")]'
_LOAD_OF_SCENARIO = {
    name: f"it belongs to the load, as in load=Load({name}=…)"
    for name in ("credit_line_share", "near_limit_share")
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Load(metaclass=CheckedClass):
    """The borrowing traffic of a scenario. The command line overrides what is stated here.

    ``rate`` is borrow requests a second. The phases ``warm_up``, ``baseline`` and ``recovery`` are
    durations (``"8s"``, ``"500ms"``, a number of seconds, a `timedelta`); the fault phase between
    the last two is as long as the faults last. ``population`` is ``mixed`` (borrowers of every
    class) or ``good``. ``log_in_share`` of the journeys begin with a log-in.

    ``credit_line_share`` of the borrowers who hold a live session read their credit line before
    they borrow; the others have it on their screen already and press "borrow" at once, so that
    the borrow itself is the first request to meet a fault.

    ``near_limit_share`` of the arrivals of a mixed population come in pairs: a borrower whose limit
    covers one loan asks for two at the same moment, which no check outside a lock survives.

    ``amounts`` are the smallest and the largest loan that is asked for, in whole units of the
    currency (None: what the target says), and ``term_days`` is its term in days.
    ``request_timeout`` is the deadline of one request, ``retries`` how many further tries a failed
    borrow has.
    ``ledger_settle`` is how long the ledger is watched once it has come to rest.
    """

    rate: int = 50
    warm_up: Duration = "2s"
    baseline: Duration = "8s"
    recovery: Duration = "15s"
    population: Literal["mixed", "good"] = "mixed"
    log_in_share: float = 0.3
    credit_line_share: float = 1.0
    near_limit_share: float = 0.02
    amounts: tuple[int, int] | None = None
    term_days: int = 30
    request_timeout: Duration = "2s"
    retries: int = 0
    ledger_settle: Duration = "10s"

    RENAMED: ClassVar[dict[str, str]] = {
        "fault": "each fault says how long it lasts, as in Partition('database', lasts='5s')"
    }
    DURATIONS: ClassVar[tuple[str, ...]] = (
        *("warm_up", "baseline", "recovery", "request_timeout", "ledger_settle"),
    )

    @property
    def settings(self) -> dict[str, Any]:
        """What of it `Settings` has, durations in seconds."""
        same = ("rate", "population", "log_in_share", "retries")
        found = {name: getattr(self, name) for name in same}
        lengths = {f"{n}_s": durations.seconds(getattr(self, n)) for n in self.DURATIONS}
        return {**found, **lengths}

    @property
    def problems(self) -> list[str]:
        """Every value that is not valid, each with what would be."""
        found = []
        for name in self.DURATIONS:
            try:
                durations.seconds(getattr(self, name))
            except ValueError as error:
                found.append(f"{name} {shown(getattr(self, name))} {error}")
        if found:
            return found
        found += wrong_load(Settings(**self.settings))
        found += [
            f"{name} {value:g}s must be from {least:g}s to 24h"
            for name, least in (("warm_up", 0.0), ("baseline", 0.5), ("recovery", 0.5))
            if not least <= (value := durations.seconds(getattr(self, name))) <= DAY_SECONDS
        ]
        if not 0 <= self.credit_line_share <= 1:
            found.append(f"credit_line_share {self.credit_line_share:g} must be from 0 to 1")
        if not 0 <= self.near_limit_share <= NEAR_LIMIT_SHARE_MAX:
            found.append(
                f"near_limit_share {self.near_limit_share:g} must be from 0 to"
                f" {NEAR_LIMIT_SHARE_MAX:g}"
            )
        least, most = self.amounts or (1, 1)
        if not 1 <= least <= most:  # what else is wrong, the lender knows
            found.append(f"amounts {self.amounts} must be two rising whole numbers, at least 1")
        if not 1 <= self.term_days <= TERM_DAYS_MAX:
            found.append(f"term_days {self.term_days} must be from 1 to {TERM_DAYS_MAX}")
        return found


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario(metaclass=CheckedClass):
    """A hypothesis, the load, the faults that test it and the objectives that must hold.

    Without a ``hypothesis`` it is the text of the class, or of the file. ``stop`` ends a run at
    once; resilience.yaml and the defaults decide the rest. With ``observe``, something is about to
    be broken from outside. ``target`` names the lender, as in ``lender:Lender``: a module beside
    the scenario and its class; empty for our own contract.
    ``faults`` may be anything that yields them; they are read here and now, and kept as a tuple.
    """

    hypothesis: str = ""
    load: Load = field(default_factory=Load)
    faults: Iterable[FaultSpec] = ()
    objectives: Objectives | None = None
    stop: StopConditions | None = None
    observe: bool = False
    target: str = ""

    RENAMED: ClassVar[dict[str, str]] = {
        "watches": "write observe=True",
        "watch": "write observe=True",
        **_LOAD_OF_SCENARIO,
    }

    def __post_init__(self) -> None:
        """Read the faults while they are there: a generator yields them only once. UsageError where
        they are no list, or the target is no text.
        """
        faults: Any = self.faults
        if not isinstance(faults, Iterable) or isinstance(faults, str | dict):
            like = f"[{faults!r}]" if isinstance(faults, FaultSpec) else _LIKE
            raise UsageError(f"Scenario: faults {shown(faults)} must be a list, like {like}")
        object.__setattr__(self, "faults", tuple(faults))
        target: Any = self.target
        if not isinstance(target, str):
            is_class = isinstance(target, type)
            like = f"{target.__module__}:{target.__name__}" if is_class else "lender:Lender"
            must = f"must be a text by which all processes import it, like {like!r}"
            raise UsageError(f"Scenario: target {shown(target)} {must}")

    @property
    def problems(self) -> list[str]:
        """Every value that is not valid, each with what would be."""
        found = [
            f"faults: {shown(fault)} is no fault; write them like {_LIKE}"
            for fault in self.faults
            if not isinstance(fault, FaultSpec)
        ]
        return found or [*wrong_names(self.faults)]


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the command line can change of a run. Durations in seconds, ``rate`` in arrivals/s."""

    rate: int = 50
    warm_up_s: float = 2.0
    baseline_s: float = 8.0
    fault_s: float = LASTS_SECONDS
    """Of the fault phase; the times of the faults are scaled to it."""
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
    """Whether the faults are at random times of the fault phase, drawn by the seed."""
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


def settings_of(scenario: Scenario, **given: Any) -> Settings:
    """The settings of a scenario, with those that were ``given`` in their place."""
    stated = {**scenario.load.settings, "fault_s": natural_s(scenario.faults)}
    return Settings(**{**stated, **given})


def faults_of(
    scenario: Scenario, settings: Settings, layout: StackLayout
) -> tuple[PlannedFault, ...]:
    """Every fault that is wanted, at its time with all the others; `scheduled`."""
    seed = settings.seed if settings.explore else None
    every = scheduled(named(scenario.faults), settings.baseline_s, settings.fault_s, seed, layout)
    wanted = chosen(scenario.faults, settings.choice)
    return tuple(fault for fault in every if fault.name in wanted)


# --- runs that are refused ------------------------------------------------------------------------


def check(
    scenario: Scenario, settings: Settings, layout: StackLayout, file: Resilience | None = None
) -> list[str]:
    """Every reason why this scenario cannot be run so, each saying what would be valid."""
    found = [*wrong_load(settings), *_check_phases(scenario, settings)]
    found += wrong_choice(scenario.faults, settings.choice)
    found += conflicts(faults_of(scenario, settings, layout), layout)
    if file and settings.baseline_s < (least_s := file.steady_state.min_baseline_s):
        found.append(
            f"baseline {settings.baseline_s:g}s is shorter than min_baseline in {file.name}:"
            f" it must be at least {at_least(least_s)}"
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
