"""Intent: what should happen, as frozen specifications.

A scenario file builds a `Scenario`; `expand` turns it, with `Settings` and a seed, into a `Plan`:
the exact arrivals and fault times of one run. Nothing here has an effect. All money is whole minor
units, all durations are seconds, and times in a plan count from zero, the end of the warm-up.
"""

import math
import random
import uuid
from collections.abc import Iterator
from dataclasses import dataclass, field, replace

from harness.core.errors import UsageError
from harness.core.numbers import Count, Fen, Seconds
from harness.plan.fault import PlannedFault
from harness.plan.layout import StackLayout
from harness.plan.lender_profile import LenderProfile
from harness.plan.objectives import (
    SCENARIO_FILE,
    STEADY_STATE_KEYS,
    Objectives,
    OnInconclusive,
    Resilience,
    SteadyState,
    around,
    effective,
    layer_of,
    merged,
    set_fields,
)
from harness.plan.population import (
    AccountClass,
    PlannedBorrower,
    borrowers_of,
    pair_starts,
    turns_of,
)
from harness.plan.scenario import Load, Scenario, Settings, check, faults_of
from harness.plan.stop_conditions import OFF, StopConditions

__all__ = [
    "Load",
    "Objectives",
    "PlannedBorrower",
    "PlannedFault",
    "Scenario",
    "Settings",
    "SteadyState",
]

_REVIEW_SHARE = 0.05  # of a mixed population's borrows, large enough for manual review
_BETWEEN_PAIRED_SECONDS = 1e-4
RECOVERY_SECONDS_DEFAULT = 10.0
"""How long borrowing may take to come back where a scenario sets no limit."""
ATTACHED_BUDGET_SECONDS_LEAST = 10.0
"""Of failures on a target of someone else, where the scenario itself accepts fewer: enough to see
and measure an outage, too few to be one of its own."""


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
    set, so that judging the stored run again needs no other file. With ``observe``, something is
    to be broken from outside.
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
    observe: bool = False
    term_days: int = 30
    lender: LenderProfile = field(default_factory=LenderProfile)
    schema: str = "lendchaos.plan/2"

    @property
    def load_end_s(self) -> float:
        """End of the last phase with load."""
        return self.phases[-1].end_s

    def phase(self, name: str) -> PlannedPhase | None:
        """The phase of that name, or None."""
        return next((phase for phase in self.phases if phase.name == name), None)


def expand(
    name: str,
    hypothesis: str,
    scenario: Scenario,
    settings: Settings,
    file: Resilience | None = None,
    *,
    layout: StackLayout,
    stop: StopConditions | None = None,
    attached: bool = False,
    lender: LenderProfile | None = None,
) -> Plan:
    """Turn a scenario into the exact plan of one run; ``file`` is the ``resilience.yaml``, if any.

    The same seed gives the same arrival times, borrowers and amounts; run id, keys and phones are
    fresh every time: no second run meets the first one's. ``layout`` is what the target offers to
    faults, and ``lender`` what it says of itself (None: it speaks our own contract); one that is
    ``attached`` is not ours. ``stop`` is the command line's. `UsageError` names all that is wrong.
    """
    lender = (lender or LenderProfile()).with_amounts(scenario.load.amounts)
    if wrong := [*check(scenario, settings, layout, file), *lender.wrong()]:
        raise UsageError("; ".join(wrong))
    run = uuid.uuid4()
    chance = random.Random(settings.seed)  # noqa: S311  # reproducible on purpose
    borrowers = _borrowers(scenario.load, settings, lender, chance, run)
    faults = faults_of(scenario, settings, layout)
    objectives, sources = effective(name, scenario.objectives, file, has_faults=bool(faults))
    plan = Plan(
        run_id=run.hex[:12],
        scenario=name,
        hypothesis=hypothesis,
        settings=settings,
        objectives=objectives,
        objective_sources=sources,
        steady_state=file.steady_state if file else SteadyState(),
        on_inconclusive=file.on_inconclusive if file else "inconclusive",
        phases=_phases(settings, has_faults=bool(faults)),
        faults=faults,
        borrowers=borrowers,
        arrivals=_arrivals(scenario.load, settings, lender, borrowers, chance=chance, run=run),
        observe=scenario.observe,
        term_days=scenario.load.term_days,
        lender=lender,
    )
    layers = [layer_of(stop_defaults(plan, attached=attached), "built-in default")]
    layers += around(layer_of(scenario.stop, SCENARIO_FILE), file.stop_layers(name) if file else [])
    layers += [layer_of(stop, "command line")]
    conditions, stop_sources = merged(layers)
    return replace(plan, stop=StopConditions(**conditions), stop_sources=stop_sources)


def _phases(settings: Settings, *, has_faults: bool) -> tuple[PlannedPhase, ...]:
    rest = [("fault", settings.fault_s), ("recovery", settings.recovery_s)]
    if not has_faults:  # nothing is injected, so there is nothing to recover from: one long look
        rest = [("observation", settings.fault_s + settings.recovery_s)]
    lengths = [("warm-up", settings.warm_up_s), ("baseline", settings.baseline_s), *rest]
    phases = []
    start = -settings.warm_up_s
    for name, length in lengths:
        phases.append(PlannedPhase(name, start, start + length))
        start += length
    return tuple(phases)


def _borrowers(
    load: Load,
    settings: Settings,
    lender: LenderProfile,
    chance: random.Random,
    run: uuid.UUID,
) -> tuple[PlannedBorrower, ...]:
    """As many as the rate needs: no one comes again while their last journey may be under way.

    A borrower of a class that the lender does not know becomes a good one.
    """
    count = max(50, round(settings.rate * (settings.drain_s + 1.0)))
    pairs = 0
    if settings.population == "mixed" and AccountClass.NEAR_LIMIT in lender.classes:
        pairs = round(load.near_limit_share * settings.load_s * settings.rate / 2)
    every = borrowers_of(settings.population, count, pairs, chance, run)
    return tuple(
        b if b.account_class in lender.classes else replace(b, account_class=AccountClass.GOOD)
        for b in every
    )


def _arrivals(
    load: Load,
    settings: Settings,
    lender: LenderProfile,
    borrowers: tuple[PlannedBorrower, ...],
    *,
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
    turns = _turns(borrowers, settings)
    arrivals: list[Arrival] = []
    for index in range(total):
        amount_fen = lender.amount(chance, index)
        if settings.population == "mixed" and chance.random() < _REVIEW_SHARE:
            amount_fen = lender.review_from or amount_fen
        logs_in = chance.random() < settings.log_in_share
        at_s = (index + chance.random()) / settings.rate - settings.warm_up_s
        reads = logs_in or chance.random() < load.credit_line_share
        borrower = firsts.get(index, firsts.get(index - 1))
        if borrower is None:
            borrower = next(turns)
        else:
            # Both press "borrow" at once: another step would take them apart, but for a log-in
            # with which every journey begins.
            logs_in, reads = settings.log_in_share == 1, False
            amount_fen = lender.amount_near_limit(pairs)
            if index not in firsts:
                at_s = arrivals[-1].at_s + _BETWEEN_PAIRED_SECONDS
        arrivals.append(
            Arrival(
                index=index,
                at_s=at_s,
                borrower=borrower,
                logs_in=logs_in and lender.logs_in,
                reads_credit_line=reads and lender.reads_credit_line,
                amount_fen=amount_fen,
                key=str(uuid.uuid5(run, str(index))),
            )
        )
    return _from_zero(arrivals)


def _turns(borrowers: tuple[PlannedBorrower, ...], settings: Settings) -> Iterator[int]:
    """Who comes next. In nearly a second of arrivals everybody comes once at most: the spare second
    between two journeys of one borrower allows it.
    """
    chance = random.Random(f"{settings.seed}/turns")  # noqa: S311  # reproducible on purpose
    return turns_of(borrowers, max(1, round(0.9 * settings.rate)), chance)


def _from_zero(arrivals: list[Arrival]) -> tuple[Arrival, ...]:
    """Zero is by definition the planned start of the first arrival after the warm-up."""
    shift_s = min((a.at_s for a in arrivals if a.at_s >= 0), default=0.0)
    return tuple(replace(a, at_s=a.at_s - shift_s) for a in arrivals)


# --- limits and stop conditions ------------------------------------------------------------------


def judged_again(planned: Plan, file: Resilience) -> tuple[Plan, list[str]]:
    """A stored plan by the limits of a file, to judge its run again; and in words what is new.

    Here the file is the last word: what it sets wins over the plan, the rest stays as planned.
    """
    stored = set_fields(planned.objectives)
    origin = {n: planned.objective_sources.get(n, "plan of the run") for n in stored}
    asked = file.limit_layers(planned.scenario, has_faults=bool(planned.faults))
    values, sources = merged([(stored, origin), *asked])
    objectives = Objectives(**values)
    changes = [
        f"{name} is {value:g} ({sources[name]})"
        + (f" and was {stored[name]:g}" if name in stored else " and was not asked for")
        for name, value in set_fields(objectives).items()
        if stored.get(name) != value
    ]
    named = {n for key, n in STEADY_STATE_KEYS.items() if f"steady_state.{key}" in file.places}
    steady_state = replace(
        planned.steady_state, **{name: getattr(file.steady_state, name) for name in named}
    )
    if steady_state != planned.steady_state:
        changes.append("the baseline is held to its steady_state")
    again = replace(
        planned, objectives=objectives, objective_sources=sources, steady_state=steady_state
    )
    if "defaults.on_inconclusive" in file.places:
        again = replace(again, on_inconclusive=file.on_inconclusive)
    return again, changes


def stop_defaults(plan: Plan, *, attached: bool) -> StopConditions:
    """What holds unless something else is asked for; ``attached``: the target is not our own stack.

    A loan paid out twice ends every run: it is never part of an experiment. The rest is off on the
    local stack, which is there to be broken. A target of someone else gets a budget: as many
    failures as its scenario accepts by plan, every request of its windows failing, and none beyond.
    If the scenario breaks something, failures outside the windows end it, too.
    """
    windows = accepted(plan)
    accepted_s = sum(max(0.0, min(end_s, plan.load_end_s) - start_s) for start_s, end_s in windows)
    budget = plan.settings.rate * max(accepted_s, ATTACHED_BUDGET_SECONDS_LEAST)
    return StopConditions(
        failed_budget=math.ceil(budget) if attached else OFF,
        failed_surge=attached and bool(windows),
        double_disbursement=True,
        principal_at_risk_fen=OFF,
    )


def allowance_s(plan: Plan) -> float:
    """For how long after a heal borrowing may fail by plan, requests under way included, in s."""
    limit_s = plan.objectives.recovery_seconds_max
    recovery_s = RECOVERY_SECONDS_DEFAULT if limit_s is None else limit_s
    return float(recovery_s + plan.settings.request_timeout_s)


def accepted(plan: Plan) -> list[tuple[float, float]]:
    """When borrowing may fail by plan, in seconds: from each injection to the end of the time
    allowed for recovery and of the requests planned in it.

    Faults that borrowers should not notice are left out: failures under them are not accepted.
    """
    more_s = allowance_s(plan)
    found: list[tuple[float, float]] = []
    noticed = [fault for fault in plan.faults if fault.expects_impact]
    for fault in sorted(noticed, key=lambda fault: fault.inject_s):
        start_s, end_s = fault.inject_s, fault.heal_s + more_s
        if found and start_s <= found[-1][1]:
            start_s, end_s = found[-1][0], max(found.pop()[1], end_s)
        found.append((start_s, end_s))
    return found
