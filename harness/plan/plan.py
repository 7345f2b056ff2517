"""Intent: what should happen, as frozen specifications.

A scenario file builds a `Scenario`; `expand` turns it, with `Settings` and a seed, into a `Plan`:
the exact arrivals and fault times of one run. Nothing here has an effect. All money is integer
fen, all durations are seconds, and times in a plan count from zero, the end of the warm-up.
"""

import math
import random
import uuid
from dataclasses import dataclass, field, replace
from typing import Literal

from harness.core.errors import UsageError
from harness.core.http_times import RETRY_AFTER_SECONDS_MAX
from harness.core.numbers import Count, Fen, Seconds
from harness.plan.objectives import (
    DEFAULT_OBJECTIVES_WITH_FAULT,
    DEFAULT_OBJECTIVES_WITHOUT_FAULT,
    Objectives,
    OnInconclusive,
    Resilience,
    SteadyState,
    effective,
    wrong_values,
)
from harness.plan.placement import (
    EXPLORED_PHASE_SECONDS_MIN,
    Choice,
    PlannedFault,
    chosen,
    conflicts,
    planned_faults,
    wrong_choice,
)
from harness.plan.planted import SERVICES, wrong_defects
from harness.plan.population import (
    NEAR_LIMIT_AMOUNTS_FEN,
    POPULATIONS,
    AccountClass,
    PlannedBorrower,
    borrowers_of,
    pair_starts,
    turns_of,
)
from harness.plan.scenario import Scenario, wrong_types
from harness.plan.stop_conditions import StopConditions, effective_stop, wrong_conditions

__all__ = [
    "DEFAULT_OBJECTIVES_WITHOUT_FAULT",
    "DEFAULT_OBJECTIVES_WITH_FAULT",
    "RATE_MAX",
    "RECOVERY_MARGIN_SECONDS",
    "REVIEW_AMOUNT_FEN",
    "AccountClass",
    "Arrival",
    "Objectives",
    "Plan",
    "PlannedBorrower",
    "PlannedFault",
    "PlannedPhase",
    "Scenario",
    "Settings",
    "SteadyState",
    "check",
    "expand",
]

RATE_MAX = 2000
"""Arrivals a second: what one load process was measured to send on time; plan for half of it."""
PHASE_SECONDS_MIN = 0.5
DAY_SECONDS = 24 * 3600.0
SEED_MAX = 2**62
RECOVERY_MARGIN_SECONDS = 1.0
"""Beyond one request timeout, the least time after the heal in which recovery can show itself."""
BETWEEN_PAIRED_SECONDS = 1e-4
LEDGER_SETTLE_SECONDS_MAX = 300.0
NEAR_LIMIT_SHARE_MAX = 0.4
REVIEW_AMOUNT_FEN = 2_500_000
"""An amount that the reference service sends to manual review."""
_REVIEW_SHARE = 0.05  # of a mixed population's borrows, large enough for manual review


@dataclass(frozen=True, slots=True)
class Arrival:
    """One intended start of a borrower's journey, ``at_s`` seconds after zero (warm-up: < 0)."""

    index: Count
    at_s: Seconds
    borrower: Count
    logs_in: bool
    amount_fen: Fen
    key: str
    reads_credit_line: bool = True


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
        """Longest time an arrival can be under way after the load: its deadlines and its waits."""
        asked_s = RETRY_AFTER_SECONDS_MAX if self.retries else 0.0
        return (3 + self.retries) * self.request_timeout_s + 1.0 + asked_s


@dataclass(frozen=True, slots=True)
class PlannedPhase:
    """A named window of a run, seconds after zero."""

    name: str
    start_s: Seconds
    end_s: Seconds


@dataclass(frozen=True, slots=True)
class Plan:
    """One run, exactly: who arrives when, which fault starts and ends when, what must hold.

    ``objective_sources`` and ``stop_sources`` say where each objective and each stop condition was
    set, so that judging the stored run again needs no other file.
    """

    run_id: str
    scenario: str
    hypothesis: str
    settings: Settings
    objectives: Objectives
    phases: tuple[PlannedPhase, ...]
    faults: tuple[PlannedFault, ...]
    borrowers: tuple[PlannedBorrower, ...]
    arrivals: tuple[Arrival, ...]
    objective_sources: dict[str, str] = field(default_factory=dict)
    steady_state: SteadyState = field(default_factory=SteadyState)
    on_inconclusive: OnInconclusive = "inconclusive"
    stop: StopConditions = field(default_factory=StopConditions)
    stop_sources: dict[str, str] = field(default_factory=dict)
    watches: bool = False
    schema: str = "lendchaos.plan/1"

    @property
    def load_end_s(self) -> float:
        """End of the last phase with load."""
        return self.phases[-1].end_s

    def phase(self, name: str) -> PlannedPhase | None:
        """The phase of that name, or None."""
        return next((phase for phase in self.phases if phase.name == name), None)


def check(scenario: Scenario, settings: Settings, file: Resilience | None = None) -> list[str]:
    """Every reason why this scenario cannot be run so, each saying what would be valid."""
    if wrong := wrong_types(scenario):
        return wrong  # nothing else could be told from it
    found = [*wrong_load(settings), *_check_phases(scenario, settings)]
    found += wrong_choice(scenario.faults, settings.choice)
    found += conflicts(faults_of(scenario, settings))
    found += [*wrong_values(scenario.objectives), *wrong_conditions(scenario.stop)]
    least_s = file.steady_state.min_baseline_s if file else 0.0
    if file and settings.baseline_s < least_s:
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


def expand(
    name: str,
    hypothesis: str,
    scenario: Scenario,
    settings: Settings,
    file: Resilience | None = None,
    *,
    stop: StopConditions | None = None,
    attached: bool = False,
) -> Plan:
    """Turn a scenario into the exact plan of one run; ``file`` is the ``resilience.yaml``, if any.

    The same seed gives the same arrival times, borrowers and amounts; run id, keys and phones are
    fresh every time: no second run meets the first one's. ``stop`` is the command line's, and an
    ``attached`` target is not ours.

    Raises:
        UsageError: naming everything that is wrong, not only the first.
    """
    if wrong := check(scenario, settings, file):
        raise UsageError("; ".join(wrong))
    run = uuid.uuid4()
    chance = random.Random(settings.seed)  # noqa: S311  # reproducible on purpose
    borrowers = _borrowers(scenario, settings, chance, run)
    faults = faults_of(scenario, settings)
    limits = effective(name, scenario.objectives, file, has_faults=bool(faults))
    plan = Plan(
        run_id=run.hex[:12],
        scenario=name,
        hypothesis=hypothesis,
        settings=settings,
        objectives=limits.objectives,
        objective_sources=limits.sources,
        steady_state=file.steady_state if file else SteadyState(),
        on_inconclusive=file.on_inconclusive if file else "inconclusive",
        phases=_phases(settings, has_faults=bool(faults)),
        faults=faults,
        borrowers=borrowers,
        arrivals=_arrivals(scenario, settings, borrowers, chance, run),
    )
    own = {"scenario file": scenario.stop, "command line": stop}
    conditions, sources = effective_stop(plan, file, own, attached=attached)
    return replace(plan, stop=conditions, stop_sources=sources)


def _phases(settings: Settings, *, has_faults: bool) -> tuple[PlannedPhase, ...]:
    lengths = [("warm-up", settings.warm_up_s), ("baseline", settings.baseline_s)]
    if has_faults:
        lengths += [("fault", settings.fault_s), ("recovery", settings.recovery_s)]
    else:
        # Nothing is injected, so there is nothing to recover from: one long look.
        lengths += [("observation", settings.fault_s + settings.recovery_s)]
    phases = []
    start = -settings.warm_up_s
    for name, length in lengths:
        phases.append(PlannedPhase(name, start, start + length))
        start += length
    return tuple(phases)


def faults_of(scenario: Scenario, settings: Settings) -> tuple[PlannedFault, ...]:
    """Every fault of a run where it stands on the timeline."""
    lengths_s = settings.baseline_s, settings.fault_s
    seed = settings.seed if settings.explore else None
    return planned_faults(scenario.faults, settings.choice, *lengths_s, seed)


def _borrowers(
    scenario: Scenario, settings: Settings, chance: random.Random, run: uuid.UUID
) -> tuple[PlannedBorrower, ...]:
    """As many as the rate needs: nobody comes again while their last journey may be under way."""
    count = max(50, round(settings.rate * (settings.drain_s + 1.0)))
    pairs = 0
    if settings.population == "mixed":
        pairs = round(scenario.near_limit_share * settings.load_s * settings.rate / 2)
    return borrowers_of(settings.population, count, pairs, chance, run)


def _arrivals(
    scenario: Scenario,
    settings: Settings,
    borrowers: tuple[PlannedBorrower, ...],
    chance: random.Random,
    run: uuid.UUID,
) -> tuple[Arrival, ...]:
    """Jittered-constant spacing: one arrival in every slot of 1/rate, at a uniform place in it.

    Finer edges than Poisson arrivals, without locking in step with a periodic fault.
    """
    total = round(settings.load_s * settings.rate)
    near = [b.index for b in borrowers if b.account_class is AccountClass.NEAR_LIMIT]
    # Chance of their own: with or without pairs, the other arrivals are the same.
    pairs = random.Random(f"{settings.seed}/pairs")  # noqa: S311  # reproducible on purpose
    firsts = dict(zip(pair_starts(total, len(near), pairs), near, strict=True))
    # Nearly a second of arrivals: the spare second between two journeys of one borrower allows it.
    block = max(1, round(0.9 * settings.rate))
    turns = turns_of(borrowers, block, random.Random(f"{settings.seed}/turns"))  # noqa: S311  # as above
    arrivals: list[Arrival] = []
    for index in range(total):
        # To the fen, so that none can be cut off unnoticed.
        amount_fen = 100 * chance.randint(100, 5000) - index % 100
        if settings.population == "mixed" and chance.random() < _REVIEW_SHARE:
            amount_fen = REVIEW_AMOUNT_FEN
        logs_in = chance.random() < settings.log_in_share
        at_s = (index + chance.random()) / settings.rate - settings.warm_up_s
        reads = logs_in or chance.random() < scenario.credit_line_share
        borrower = firsts.get(index, firsts.get(index - 1))
        if borrower is None:
            borrower = next(turns)
        else:
            # Both press "borrow" at once: any other step would take them apart. Only where every
            # journey is to begin with a log-in do theirs.
            logs_in, reads = settings.log_in_share == 1, False
            amount_fen = pairs.randint(*NEAR_LIMIT_AMOUNTS_FEN)
            if index not in firsts:
                at_s = arrivals[-1].at_s + BETWEEN_PAIRED_SECONDS
        arrivals.append(
            Arrival(
                index=index,
                at_s=at_s,
                borrower=borrower,
                logs_in=logs_in,
                reads_credit_line=reads,
                amount_fen=amount_fen,
                key=str(uuid.uuid5(run, str(index))),
            )
        )
    return _from_zero(arrivals)


def _from_zero(arrivals: list[Arrival]) -> tuple[Arrival, ...]:
    """Zero is by definition the planned start of the first arrival after the warm-up."""
    shift_s = min((a.at_s for a in arrivals if a.at_s >= 0), default=0.0)
    return tuple(replace(a, at_s=a.at_s - shift_s) for a in arrivals)
