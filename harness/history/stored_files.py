"""What is read back from the files of a run directory, but for what is of another run.

A run directory may come from anybody, and be as old as its schema. What no run can have had is
refused before anything counts with it: a plan is asked what it was asked before its run, and what
`harness.plan.plan.expand` makes of that.
"""

from collections.abc import Iterator
from contextlib import suppress
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from harness.core.documents import json_of
from harness.core.durations import DAY_SECONDS
from harness.core.files import lines_of, read_regular
from harness.core.money import Currency
from harness.core.numbers import NS_MAX
from harness.core.rows import reason_of
from harness.history.events import Attempt, FaultFact, HealthPoll, Operation, RunStatus, Sent
from harness.history.journal_row import JournalRow
from harness.history.ledger_facts import LedgerEntry
from harness.history.stored_faults import as_plan_two
from harness.plan.objectives import wrong_values
from harness.plan.plan import Arrival, Plan
from harness.plan.scenario import wrong_load
from harness.plan.stop_conditions import wrong_conditions

PLAN_SCHEMA = "lendchaos.plan/2"
ARRIVALS_SCHEMA = "lendchaos.arrivals/1"
_PLAN: TypeAdapter[Plan] = TypeAdapter(Plan)
_SHIFT_SECONDS_MAX = 60.0
"""How far an arrival may be outside the phases: zero is moved to the first after the warm-up."""
EVENTS_SCHEMA = "lendchaos.events/1"
UNREADABLE_TOLD_MAX = 100
UNREADABLE_MAX = 100_000
"""Lines that cannot be read: of more, none is reported alone, and nothing is read on."""
BESIDE_SECONDS_MAX = 24 * 3600.0
"""How far from its planned load anything can be that happens in a run."""
Row = tuple[str, Any]
Span = tuple[int, int]
"""From when to when, in monotonic nanoseconds."""

_ROWS: dict[str, TypeAdapter[Any]] = {
    "arrival": TypeAdapter(Arrival),
    "sent": TypeAdapter(Sent),
    "attempt": TypeAdapter(Attempt),
    "operation": TypeAdapter(Operation),
    "fault": TypeAdapter(FaultFact),
    "journal": TypeAdapter(JournalRow),
    "poll": TypeAdapter(HealthPoll),
    "loan": TypeAdapter(LedgerEntry),
}
_INSTANTS = {
    "sent": ("at_ns",),
    "attempt": ("intended_ns", "started_ns", "ended_ns"),
    "operation": ("intended_ns", "started_ns", "ended_ns"),
    "poll": ("at_ns", "ended_ns"),
}
"""Of what happens while the machine does not start anew; a fault may be healed after that."""
_CLEAN_UP = "clean-up: "
"""How the error of a fault begins in an older run, where what was left behind has no field."""


def currency_in(folder: Path) -> Currency | None:
    """What the money of a stored run is counted in; None where its plan cannot be read."""
    with suppress(OSError, ValueError):
        return plan_in(folder / "plan.json").lender.currency
    return None


def plan_in(path: Path) -> Plan:
    """The plan in a file, without its arrivals.

    Raises:
        OSError: the file cannot be read.
        ValueError: it is no plan, is one of another version, or no run can have had it.
    """
    plan = _PLAN.validate_python(as_plan_two(json_of(read_regular(path))))
    if plan.schema != PLAN_SCHEMA:
        raise ValueError(f"schema {plan.schema!r} is not {PLAN_SCHEMA!r}")
    for wrong in _wrong(plan):
        raise ValueError(f"no run can have had it: {wrong}")
    return plan


def arrivals_in(path: Path, plan: Plan, damage: list[str]) -> tuple[Arrival, ...]:
    """The arrivals that were planned, each once; an invalid one is reported and left out."""
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
    yield from plan.lender.wrong()
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


# --- line by line --------------------------------------------------------------------------------


def read_rows(
    path: Path, schema: str, kinds: tuple[str, ...], damage: list[str], span: Span | None = None
) -> Iterator[Row]:
    """Facts of one file in order; a line that cannot be read is noted, not fatal.

    No fact may be outside the ``span`` of the run, if that is known.
    """
    unreadable = 0
    try:
        for number, line in enumerate(lines_of(path), start=1):
            try:
                found = _fact(line, schema, kinds, span)
            except ValueError as error:
                unreadable += 1
                if unreadable <= UNREADABLE_TOLD_MAX:
                    damage.append(f"{path.name}, line {number} is not readable: {reason_of(error)}")
                if unreadable == UNREADABLE_MAX:
                    break
                continue
            if found is not None:
                yield found
    except FileNotFoundError:
        return
    except OSError as error:
        damage.append(f"{path.name} cannot be read: {reason_of(error)}")
    if unreadable > UNREADABLE_TOLD_MAX:
        rest = ", and is not read further" if unreadable == UNREADABLE_MAX else ""
        damage.append(f"{path.name} has {unreadable:,} lines that are not readable{rest}")


def read_events(path: Path, plan: Plan, span: Span | None, damage: list[str]) -> list[Row]:
    """What one load process wrote; nothing of a file that is of another run.

    Keys are made of the run's id, so no arrival has the key of another run. A single line with one
    is left out.
    """
    keys = {arrival.index: arrival.key for arrival in plan.arrivals}
    kinds = ("sent", "attempt", "operation")
    rows = list(read_rows(path, EVENTS_SCHEMA, kinds, damage, span))
    known = [row for row in rows if row[0] != "operation" or row[1].borrower < len(plan.borrowers)]
    if len(known) < len(rows):
        damage.append(f"{path.name} has operations of no one in the plan: they are left out")
    rows = known
    keyed = [fact for _, fact in rows if fact.key is not None and fact.arrival in keys]
    foreign = sum(fact.key != keys[fact.arrival] for fact in keyed)
    of_run = _run_of(path)
    if of_run not in ("", plan.run_id) or (foreign and foreign == len(keyed)):
        damage.append(f"{path.name} is of another run{of_run and f', {of_run}'}: it is left out")
        return []
    if not foreign:
        return rows
    damage.append(f"{path.name} has {foreign:,} lines of another run: they are left out")
    return [row for row in rows if row[1].key in (None, keys.get(row[1].arrival, row[1].key))]


def _run_of(path: Path) -> str:
    """The run that the first line names; "" in files that are older than that."""
    try:
        return str(json_of(next(lines_of(path), b""))["run_id"])
    except (OSError, ValueError, LookupError, TypeError):
        return ""


def span_of(plan: Plan, status: RunStatus) -> Span | None:
    """When anything of a run can have happened; None where its load never began. ValueError where
    no run can have had its clock, or its end.
    """
    clock = status.clock
    if clock is None:
        return None
    if not clock.anchor_wall_ns >= 0 or not 0 <= clock.zero_wall_ns <= NS_MAX:
        raise ValueError("its clock is not of a year in which there are runs")
    begin_s = plan.phases[0].start_s - BESIDE_SECONDS_MAX
    end_s = plan.load_end_s + BESIDE_SECONDS_MAX
    span = clock.zero_ns + round(begin_s * 1e9), clock.zero_ns + round(end_s * 1e9)
    for name in ("load_ended_ns", "drained_ns"):
        _require_within(span, name, getattr(status, name))
    for stall in status.stalls:
        _require_within(span, "stall", stall.begin_ns)
        _require_within(span, "stall", stall.end_ns)
    return span


def _require_within(span: Span, name: str, at_ns: int | None) -> None:
    if at_ns is not None and not span[0] <= at_ns <= span[1]:
        raise ValueError(f"its {name} is more than a day from the load that was planned")


def _fact(line: bytes, schema: str, kinds: tuple[str, ...], span: Span | None = None) -> Row | None:
    """The fact of one line; None for a header. ValueError where it is none, or outside the span."""
    row = json_of(line)
    if not isinstance(row, dict):
        raise ValueError("it is no object")  # noqa: TRY004  # a line is read or it is not
    if "schema" in row:
        if row["schema"] != schema:
            raise ValueError(f"schema {row['schema']!r} is not {schema!r}")
        return None
    kind = next(iter(row), "")
    if len(row) != 1 or kind not in kinds:
        raise ValueError(f"it is none of {', '.join(kinds)}")
    fact = _ROWS[kind].validate_python(row[kind])
    if isinstance(fact, FaultFact) and (fact.error or "").startswith(_CLEAN_UP):
        left = (fact.error or "").removeprefix(_CLEAN_UP)
        fact = replace(fact, error=None, clean_up_error=left)
    if span is not None:
        for name in _INSTANTS[kind]:
            _require_within(span, name, getattr(fact, name))
    return kind, fact
