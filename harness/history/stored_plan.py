"""A plan as it is read back: what no run can have had is refused before anything counts with it.

A run directory may come from anybody, and be as old as its schema: so what is asked of a plan here
is what was asked of it before its run, and what `harness.plan.plan.expand` makes of that.
"""

from collections.abc import Iterator
from itertools import pairwise
from pathlib import Path

from pydantic import TypeAdapter

from harness.core.documents import json_of
from harness.core.files import read_regular
from harness.history.stored_rows import read_rows
from harness.plan.objectives import wrong_values
from harness.plan.plan import Arrival, Plan
from harness.plan.scenario import DAY_SECONDS, wrong_load
from harness.plan.stop_conditions import wrong_conditions

PLAN_SCHEMA = "lendchaos.plan/1"
ARRIVALS_SCHEMA = "lendchaos.arrivals/1"
_PLAN: TypeAdapter[Plan] = TypeAdapter(Plan)
_SHIFT_SECONDS_MAX = 60.0
"""How far an arrival may be outside the phases: zero is moved to the first after the warm-up."""


def plan_in(path: Path) -> Plan:
    """The plan in a file, without its arrivals.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no plan, is one of another version, or no run can have had it.
    """
    plan = _PLAN.validate_python(json_of(read_regular(path)))
    if plan.schema != PLAN_SCHEMA:
        raise ValueError(f"schema {plan.schema!r} is not {PLAN_SCHEMA!r}")
    for wrong in _wrong(plan):
        raise ValueError(f"no run can have had it: {wrong}")
    return plan


def arrivals_in(path: Path, plan: Plan, damage: list[str]) -> tuple[Arrival, ...]:
    """The arrivals that were planned, each once; what cannot be one is told and left out."""
    found: dict[int, Arrival] = {}
    rows = 0
    begin_s = plan.phases[0].start_s - _SHIFT_SECONDS_MAX
    for _, arrival in read_rows(path, ARRIVALS_SCHEMA, ("arrival",), damage):
        rows += 1
        due = begin_s <= arrival.at_s <= plan.load_end_s + _SHIFT_SECONDS_MAX
        if due and arrival.borrower < len(plan.borrowers):
            found.setdefault(arrival.index, arrival)
    if len(found) < rows:
        damage.append(f"{path.name} has lines that this plan cannot have: {rows - len(found):,}")
    elif len(found) != (expected := round(plan.settings.load_s * plan.settings.rate)):
        damage.append(f"the plan has {len(found)} arrivals, {expected} were expected")
    return tuple(found.values())


def _wrong(plan: Plan) -> Iterator[str]:
    yield from wrong_load(plan.settings)
    for name in ("warm_up_s", "baseline_s", "fault_s", "recovery_s"):
        length_s = getattr(plan.settings, name)
        if not 0 <= length_s <= DAY_SECONDS:
            yield f"its {name} is {length_s:g}"
    yield from wrong_values(plan.objectives)
    yield from wrong_conditions(plan.stop)
    steady = plan.steady_state
    if not 0 <= steady.min_baseline_s <= DAY_SECONDS:
        yield f"its min_baseline_s is {steady.min_baseline_s:g}"
    if not 0 < steady.failed_share_max < 1 or not 0 <= steady.started_share_min <= 1:
        yield "its steady state is held to shares that are none"
    yield from _wrong_phases(plan)
    if [borrower.index for borrower in plan.borrowers] != list(range(len(plan.borrowers))):
        yield "its borrowers are not numbered from 0"
    for fault in plan.faults:
        yield from fault.spec.problems
        if not fault.inject_s <= fault.heal_s <= plan.load_end_s:
            yield f"fault {fault.name} ends before it begins, or after the load"
    if len({fault.name for fault in plan.faults}) < len(plan.faults):
        yield "two of its faults have one name"


def _wrong_phases(plan: Plan) -> Iterator[str]:
    if not plan.phases:
        yield "it has no phases"
        return
    for phase in plan.phases:
        if not 0 <= phase.end_s - phase.start_s <= 2 * DAY_SECONDS:
            yield f"phase {phase.name} is from {phase.start_s:g} s to {phase.end_s:g} s"
    for one, two in pairwise(plan.phases):
        if abs(two.start_s - one.end_s) > 1e-6:  # noqa: PLR2004  # a rounding error
            yield f"phase {two.name} does not begin where {one.name} ends"
    if abs(plan.phases[0].start_s + plan.settings.warm_up_s) > 1e-6:  # noqa: PLR2004  # as above
        yield "its warm-up does not end at zero"
