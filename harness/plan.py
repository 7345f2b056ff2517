"""Intent: what should happen, as frozen specifications.

A scenario file builds a `Scenario`; `expand` turns it, with `Settings` and a seed, into a `Plan`:
the exact arrivals and fault times of one run. Nothing here has an effect. All money is integer
fen, all durations are seconds, and times in a plan count from zero, the end of the warm-up.
"""

import random
import uuid
from dataclasses import dataclass, field, replace
from enum import StrEnum
from typing import Literal

from harness.errors import UsageError
from harness.events import Decline
from harness.fault_specs import AnyFault

RATE_MAX = 2000
"""Arrivals a second: what one load process was measured to send on time; plan for half of it."""
RECOVERY_MARGIN_SECONDS = 1.0
"""Beyond one request timeout, the least time after the heal in which recovery can show itself."""
REVIEW_AMOUNT_FEN = 2_500_000
"""An amount that the reference service sends to manual review."""
LIMIT_FEN = 100_000_000_000
"""Credit limit of synthetic borrowers: never binds, so that no decline comes from the load
itself."""


# --- borrowers -----------------------------------------------------------------------------------


class AccountClass(StrEnum):
    """Kinds of synthetic borrower, each with a known ground truth."""

    GOOD = "good"
    LOW_SCORE = "low_score"
    BLOCKED_REGION = "blocked_region"
    OVERDUE = "overdue"
    ISOLATED = "isolated"

    @property
    def expected_decline(self) -> Decline | None:
        """The business cause for which this borrower must be declined; None for none."""
        return _EXPECTED_DECLINE[self]


_EXPECTED_DECLINE = {
    AccountClass.GOOD: None,
    AccountClass.LOW_SCORE: Decline.CREDIT,
    AccountClass.BLOCKED_REGION: Decline.POLICY,
    AccountClass.OVERDUE: Decline.BEHAVIOUR,
    AccountClass.ISOLATED: Decline.BEHAVIOUR,
}

_POPULATIONS: dict[str, dict[AccountClass, float]] = {
    "good": {AccountClass.GOOD: 1.0},
    "mixed": {
        AccountClass.GOOD: 0.88,
        AccountClass.LOW_SCORE: 0.03,
        AccountClass.BLOCKED_REGION: 0.03,
        AccountClass.OVERDUE: 0.03,
        AccountClass.ISOLATED: 0.03,
    },
}
_REVIEW_SHARE = 0.05  # of a mixed population's borrows, large enough for manual review


@dataclass(frozen=True, slots=True)
class Borrower:
    """A synthetic borrower; ``index`` is its place in the plan, ``phone`` is fresh for every
    run.
    """

    index: int
    phone: str
    account_class: AccountClass


@dataclass(frozen=True, slots=True)
class Arrival:
    """One intended start of a borrower's journey, ``at_s`` seconds after zero (warm-up:
    negative).
    """

    index: int
    at_s: float
    borrower: int
    logs_in: bool
    amount_fen: int
    key: str
    reads_credit_line: bool = True


# --- scenario, settings, plan ------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """A fault with its place on the timeline, seconds after zero."""

    name: str
    spec: AnyFault
    inject_s: float
    heal_s: float


@dataclass(frozen=True, slots=True, kw_only=True)
class Objectives:
    """Bounds on measured values; None means "not judged". Money invariants always hold, unnamed.

    ``recovery_seconds_max`` bounds the upper end of the interval from heal to recovery.
    ``failed_outside_fault_share_max`` leaves out the time from the first injection to the last heal
    plus ``recovery_seconds_max`` (10 s where that is not set), and what was under way when the
    fault came. ``failed_share_max`` bounds the whole measured window.
    ``indeterminate_share_max`` is taken of the operations planned while a fault was active (of the
    whole window, without a fault). ``impaired_episodes_max`` counts outage and degraded episodes.
    ``latency_ms_p99_max`` counts answered operations outside the fault, from the planned start.
    """

    recovery_seconds_max: float | None = None
    failed_share_max: float | None = None
    failed_outside_fault_share_max: float | None = None
    indeterminate_share_max: float | None = None
    impaired_episodes_max: int | None = None
    latency_ms_p99_max: float | None = None


DEFAULT_OBJECTIVES_WITH_FAULT = Objectives(
    recovery_seconds_max=10.0, failed_outside_fault_share_max=0.005
)
DEFAULT_OBJECTIVES_WITHOUT_FAULT = Objectives(impaired_episodes_max=0, failed_share_max=0.005)


@dataclass(frozen=True, slots=True, kw_only=True)
class Scenario:
    """A hypothesis, the faults that test it and the objectives that must hold.

    ``credit_line_share`` of the borrowers who hold a live session read their credit line before
    they borrow; the others have it on their screen already and press "borrow" at once, so that
    the borrow itself is the first request to meet a fault.
    """

    faults: list[AnyFault] = field(default_factory=list)
    objectives: Objectives | None = None
    credit_line_share: float = 1.0


@dataclass(frozen=True, slots=True, kw_only=True)
class Settings:
    """What the command line can change of a run. Durations in seconds, ``rate`` in arrivals/s."""

    rate: int = 50
    warm_up_s: float = 2.0
    baseline_s: float = 8.0
    fault_s: float = 5.0
    recovery_s: float = 15.0
    request_timeout_s: float = 2.0
    population: str = "mixed"
    log_in_share: float = 0.3
    retries: int = 0
    seed: int = 1
    service: Literal["tuned", "naive"] = "tuned"

    @property
    def load_s(self) -> float:
        """Length of the whole load."""
        return self.warm_up_s + self.baseline_s + self.fault_s + self.recovery_s

    @property
    def drain_s(self) -> float:
        """Longest time an arrival can still be under way after the load: the sum of its
        deadlines.
        """
        return (3 + self.retries) * self.request_timeout_s + 1.0


@dataclass(frozen=True, slots=True)
class PlannedPhase:
    """A named window of a run, seconds after zero."""

    name: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Plan:
    """One run, exactly: who arrives when, which fault starts and ends when, what must hold."""

    run_id: str
    scenario: str
    hypothesis: str
    settings: Settings
    objectives: Objectives
    phases: tuple[PlannedPhase, ...]
    faults: tuple[PlannedFault, ...]
    borrowers: tuple[Borrower, ...]
    arrivals: tuple[Arrival, ...]
    schema: str = "lendchaos.plan/1"

    @property
    def load_end_s(self) -> float:
        """End of the last phase with load."""
        return self.phases[-1].end_s

    def phase(self, name: str) -> PlannedPhase | None:
        """The phase of that name, or None."""
        return next((phase for phase in self.phases if phase.name == name), None)


def check(scenario: Scenario, settings: Settings) -> list[str]:
    """Every reason why this scenario cannot be run with these settings, each saying what would
    be.
    """
    found = [*_check_load(settings), *_check_phases(scenario, settings)]
    if not 0 <= scenario.credit_line_share <= 1:
        found.append(f"credit_line_share {scenario.credit_line_share:g} must be from 0 to 1")
    for fault in scenario.faults:
        start, end = fault.during
        if not 0 <= start < end <= 1:
            found.append(
                f"{type(fault).__name__}: during={fault.during} must be two rising shares in 0..1"
            )
    return found


def _check_load(settings: Settings) -> list[str]:
    found = []
    if not 1 <= settings.rate <= RATE_MAX:
        found.append(f"rate {settings.rate} must be from 1 to {RATE_MAX} arrivals a second")
    if not 0.1 <= settings.request_timeout_s <= 60:  # noqa: PLR2004  # the message says it
        found.append(f"request timeout {settings.request_timeout_s:g}s must be from 0.1s to 60s")
    if not 0 <= settings.log_in_share <= 1:
        found.append(f"log-in share {settings.log_in_share:g} must be from 0 to 1")
    if not 0 <= settings.retries <= 10:  # noqa: PLR2004  # more would only amplify an outage
        found.append(f"retries {settings.retries} must be from 0 to 10")
    if settings.population not in _POPULATIONS:
        found.append(f"population {settings.population!r} must be one of {', '.join(_POPULATIONS)}")
    if settings.service not in ("tuned", "naive"):
        found.append(f"service {settings.service!r} must be one of tuned, naive")
    return found


def _check_phases(scenario: Scenario, settings: Settings) -> list[str]:
    found = []
    for name in ("warm_up", "baseline", "fault", "recovery"):
        length = getattr(settings, f"{name}_s")
        least = 0.0 if name == "warm_up" or (name == "fault" and not scenario.faults) else 0.5
        if not least <= length <= 24 * 3600:
            found.append(f"{name.replace('_', '-')} {length:g}s must be from {least:g}s to 24h")
    least = settings.request_timeout_s + RECOVERY_MARGIN_SECONDS
    if scenario.faults and settings.recovery_s < least:
        found.append(
            f"recovery {settings.recovery_s:g}s is too short to heal and confirm: it must be"
            f" at least {least:g}s (request timeout + {RECOVERY_MARGIN_SECONDS:g}s)"
        )
    return found


def expand(name: str, hypothesis: str, scenario: Scenario, settings: Settings) -> Plan:
    """Turn a scenario into the exact plan of one run.

    The same seed gives the same arrival times, borrowers and amounts; run id, keys and phones are
    fresh every time, so that a second run on the same target never meets the first one's.

    Raises:
        UsageError: naming everything that is wrong, not only the first.
    """
    if wrong := check(scenario, settings):
        raise UsageError("; ".join(wrong))
    run = uuid.uuid4()
    chance = random.Random(settings.seed)  # noqa: S311  # reproducible on purpose
    borrowers = _borrowers(settings, chance, run)
    default = DEFAULT_OBJECTIVES_WITH_FAULT if scenario.faults else DEFAULT_OBJECTIVES_WITHOUT_FAULT
    return Plan(
        run_id=run.hex[:12],
        scenario=name,
        hypothesis=hypothesis,
        settings=settings,
        objectives=scenario.objectives or default,
        phases=_phases(scenario, settings),
        faults=_faults(scenario, settings),
        borrowers=borrowers,
        arrivals=_arrivals(scenario, settings, borrowers, chance, run),
    )


def _phases(scenario: Scenario, settings: Settings) -> tuple[PlannedPhase, ...]:
    lengths = [("warm-up", settings.warm_up_s), ("baseline", settings.baseline_s)]
    if scenario.faults:
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


def _faults(scenario: Scenario, settings: Settings) -> tuple[PlannedFault, ...]:
    planned = []
    for number, spec in enumerate(scenario.faults, start=1):
        start, end = spec.during
        planned.append(
            PlannedFault(
                name=f"{number}-{spec.kind}",
                spec=spec,
                inject_s=settings.baseline_s + start * settings.fault_s,
                heal_s=settings.baseline_s + end * settings.fault_s,
            )
        )
    return tuple(planned)


def _borrowers(settings: Settings, chance: random.Random, run: uuid.UUID) -> tuple[Borrower, ...]:
    """As many as the rate needs: nobody arrives again while their last journey may be under way."""
    count = max(50, round(settings.rate * (settings.drain_s + 1.0)))
    shares = _POPULATIONS[settings.population]
    classes: list[AccountClass] = []
    for account_class, share in shares.items():
        classes += [account_class] * max(1, round(share * count))
    chance.shuffle(classes)
    # 15 digits, the longest number there is: eight of the run's own, five of the borrower's.
    prefix = f"19{run.int % 10**8:08d}"
    return tuple(Borrower(i, f"{prefix}{i:05d}", c) for i, c in enumerate(classes))


def _arrivals(
    scenario: Scenario,
    settings: Settings,
    borrowers: tuple[Borrower, ...],
    chance: random.Random,
    run: uuid.UUID,
) -> tuple[Arrival, ...]:
    """Jittered-constant spacing: one arrival in every slot of 1/rate, at a uniform place in it.

    Finer edges than Poisson arrivals, without locking in step with a periodic fault.
    """
    arrivals = []
    for index in range(round(settings.load_s * settings.rate)):
        borrower = borrowers[index % len(borrowers)]
        amount_fen = 100 * chance.randint(100, 5000)
        if settings.population == "mixed" and chance.random() < _REVIEW_SHARE:
            amount_fen = REVIEW_AMOUNT_FEN
        logs_in = chance.random() < settings.log_in_share
        arrivals.append(
            Arrival(
                index=index,
                at_s=(index + chance.random()) / settings.rate - settings.warm_up_s,
                borrower=borrower.index,
                logs_in=logs_in,
                reads_credit_line=logs_in or chance.random() < scenario.credit_line_share,
                amount_fen=amount_fen,
                key=str(uuid.uuid5(run, str(index))),
            )
        )
    # Zero is by definition the planned start of the first arrival after the warm-up.
    shift_s = min((a.at_s for a in arrivals if a.at_s >= 0), default=0.0)
    return tuple(replace(a, at_s=a.at_s - shift_s) for a in arrivals)
