"""The watch over a run: what it reads, when it trips, and that it trips once."""

import time
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import HarnessError, PutOffError
from harness.history.event_tail import EventTail
from harness.history.event_writer import EventWriter
from harness.history.events import FaultFact, Operation, Outcome, SafetyStop
from harness.history.ledger_facts import LedgerEntry
from harness.history.run_directory import RunDirectory
from harness.plan.plan import Plan
from harness.plan.stop_conditions import StopConditions
from harness.run.safety import watch as watch_module
from harness.run.safety.watch import LedgerTail, SafetyWatch
from harness.target.ledger import PAGE_ENTRIES, Ledger, unclear
from tests import builders
from tests.builders import CUT, account_of, entry, failed, operation, plan_of

WAIT_SECONDS = 5.0


def plan_with(stop: StopConditions, **settings: Any) -> Plan:
    """A partition from 8 s to 13 s with 5 s to recover, watched for these conditions only."""
    return replace(plan_of(CUT, **{"recovery_s": 30.0, **settings}), stop=stop)


@dataclass
class FakeLedger:
    """A listing of which the test decides what is in it."""

    entries: list[LedgerEntry] = field(default_factory=list)
    asked: list[int | str] = field(default_factory=list)
    broken: bool = False
    puts_off_s: float | None = None
    at_once: int = PAGE_ENTRIES

    def page(self, after: int | str, seconds: float) -> list[LedgerEntry]:
        """What is behind the cursor."""
        assert seconds < 5
        self.asked.append(after)
        if self.puts_off_s is not None:
            raise PutOffError("busy", self.puts_off_s)
        if self.broken:
            raise HarnessError("no answer")
        return [e for e in self.entries if int(e.cursor) > int(after)][: self.at_once]


@dataclass
class Watched:
    """A watch under way and everything that feeds it."""

    plan: Plan
    watch: SafetyWatch
    ledger: FakeLedger
    writers: list[EventWriter]
    stops: list[SafetyStop]

    def write(self, *operations: Operation, worker: int = 0) -> None:
        """What a load process writes down and flushes."""
        for one in operations:
            self.writers[worker].operation(one)
        self.writers[worker].flush()

    def wait(self, seconds: float = WAIT_SECONDS) -> SafetyStop | None:
        """The stop, once there is one."""
        deadline = time.monotonic() + seconds
        while not self.stops and time.monotonic() < deadline:
            time.sleep(0.01)
        return self.stops[0] if self.stops else None


@pytest.fixture
def begin(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Any]:
    """Starts a watch over a new run directory; ends it afterwards."""
    monkeypatch.setattr(watch_module, "ASK_EVERY_SECONDS", 0.05)
    begun: list[Watched] = []

    def start(plan: Plan, *, broken: bool = False, faults: Sequence[FaultFact] = ()) -> Watched:
        run = RunDirectory.create(tmp_path, plan)
        ledger, stops = FakeLedger(broken=broken), []
        accounts = frozenset(account_of(b.index) for b in plan.borrowers)
        tail = LedgerTail(ledger, 0, accounts)  # type: ignore[arg-type]
        watch = SafetyWatch(run, plan, tail, stops.append, lambda: faults)
        clock = builders.status(plan).clock
        assert clock is not None
        writers = [EventWriter(run, f"load-{number}") for number in range(2)]
        watch.start(clock)
        begun.append(Watched(plan, watch, ledger, writers, stops))
        return begun[-1]

    yield start
    for watched in begun:
        watched.watch.stop()
        for writer in watched.writers:
            writer.close()


def between(plan: Plan, start_s: float, end_s: float) -> list[int]:
    """Arrivals planned in this time."""
    return [a.index for a in plan.arrivals if start_s <= a.at_s < end_s]


def test_a_budget_trips_with_the_first_failure_beyond(begin: Any) -> None:
    """Failures of all load processes count together, also those of the warm-up."""
    watched = begin(plan_with(StopConditions(failed_budget=5)))
    plan = watched.plan
    watched.write(*(failed(plan, n) for n in range(3)))
    watched.write(*(failed(plan, n) for n in range(3, 5)), *(operation(plan, n) for n in (5, 6)))
    assert watched.wait(0.3) is None
    watched.write(failed(plan, 7, outcome=Outcome.INDETERMINATE), worker=1)
    stop = watched.wait()

    assert stop is not None
    assert (stop.condition, stop.observed, stop.limit) == ("failed_budget", 6, 5)
    assert "6 borrow requests had failed, 5 were allowed" in stop.text
    watched.write(*(failed(plan, n) for n in range(8, 20)))
    time.sleep(0.3)
    assert watched.stops == [stop]


def test_what_the_load_process_dropped_is_no_failure(begin: Any) -> None:
    """Evidence lost, never the target's failure."""
    watched = begin(plan_with(StopConditions(failed_budget=0)))
    watched.write(*(builders.dropped(watched.plan, n) for n in range(10)))

    assert watched.wait(0.3) is None


@pytest.mark.parametrize(
    ("start_s", "end_s", "trips"),
    [(0.0, 1.0, True), (8.0, 13.0, False), (8.0, 24.0, False), (26.0, 27.0, True)],
    ids=["before the fault", "under it", "while it may recover", "after it should have"],
)
def test_a_surge_counts_where_borrowing_should_work(
    start_s: float, end_s: float, trips: bool, begin: Any
) -> None:
    """Never in the window of a planned fault, nor in the time that its scenario allows after it."""
    watched = begin(plan_with(StopConditions(failed_surge=True)))
    plan = watched.plan
    watched.write(*(failed(plan, n) for n in between(plan, start_s, end_s)))
    stop = watched.wait(WAIT_SECONDS if trips else 0.3)

    assert (stop is not None) is trips
    if stop is not None:
        assert stop.condition == "failed_surge"
        assert stop.text == (
            "13 of 13 borrow requests failed where the scenario expects borrowing to work (as bad"
            " as 13.0 failures in a row, limit 12.5)"
        )


@pytest.mark.parametrize(
    ("healed_s", "noticed", "trips"),
    [(4.0, True, False), (None, True, False), (4.0, False, True)],
    ids=["injected early by hand", "and not healed yet", "which no one was to notice"],
)
def test_a_fault_counts_as_it_really_was(
    healed_s: float | None, noticed: bool, trips: bool, begin: Any
) -> None:
    """Not only as it was planned: what we break before its time is no surge."""
    plan = plan_with(StopConditions(failed_surge=True))
    healed_ns = None if healed_s is None else builders.at_ns(healed_s)
    early = builders.fault_fact(
        plan.faults[0],
        inject_called_ns=builders.at_ns(2.0),
        healed_ns=healed_ns,
        expects_impact=noticed,
    )
    watched = begin(plan, faults=[early])
    watched.write(*(failed(plan, n) for n in between(plan, 3.0, 5.0)))

    assert (watched.wait(WAIT_SECONDS if trips else 0.3) is not None) is trips


def test_what_was_under_way_when_the_fault_came_may_have_met_it(begin: Any) -> None:
    """Planned before, ended after: no surge before the fault."""
    watched = begin(plan_with(StopConditions(failed_surge=True)))
    plan = watched.plan
    late = {"ended_ns": builders.at_ns(8.5)}
    watched.write(*(failed(plan, n, **late) for n in between(plan, 7.0, 8.0)))

    assert watched.wait(0.3) is None


def test_a_loan_paid_out_later_once_more_is_found(begin: Any) -> None:
    """The newest loans are read again: the second payment came after the first reading."""
    watched = begin(plan_with(StopConditions(double_disbursement=True)))
    one, two = (operation(watched.plan, n) for n in (3, 4))
    watched.ledger.entries = [entry(one)]
    time.sleep(0.2)
    watched.ledger.entries = [entry(one), entry(two)]
    assert watched.wait(0.3) is None
    watched.ledger.entries = [entry(one, disbursements=2), entry(two)]
    stop = watched.wait()

    assert stop is not None
    assert stop.condition == "double_disbursement"
    assert one.key in stop.text


def test_principal_at_risk_is_summed_against_what_borrowers_were_told(begin: Any) -> None:
    """A loan that is in the ledger counts once its borrower has ended without being told."""
    plan = plan_with(StopConditions(principal_at_risk_fen=0))
    watched = begin(plan)
    told, not_told = (operation(plan, n) for n in (3, 4))
    watched.ledger.entries = [entry(told), entry(not_told)]
    watched.write(told)
    assert watched.wait(0.4) is None
    watched.write(failed(plan, 4, outcome=Outcome.INDETERMINATE))
    stop = watched.wait()

    assert stop is not None
    assert (stop.condition, stop.observed) == ("principal_at_risk_fen", not_told.amount_fen)


def test_a_ledger_that_does_not_answer_is_asked_ever_more_seldom(begin: Any) -> None:
    """Each try would wait in the target's own connections; and the report says what was missed."""
    watched = begin(plan_with(StopConditions(double_disbursement=True)), broken=True)
    time.sleep(1.0)

    assert len(watched.ledger.asked) <= 5
    assert "payments were not watched" in watched.watch.notes[0]
    assert watched.stops == []


@pytest.mark.parametrize(("bound_s", "least", "most"), [(60.0, 1, 2), (0.0, 3, 6)])
def test_a_ledger_that_puts_the_watch_off_is_left_alone(
    begin: Any, monkeypatch: pytest.MonkeyPatch, bound_s: float, least: int, most: int
) -> None:
    """For as long as it asks for, within a bound: beyond it, ever more seldom."""
    monkeypatch.setattr(watch_module, "PUT_OFF_SECONDS_MAX", bound_s, raising=False)
    watched = begin(plan_with(StopConditions(double_disbursement=True)))
    watched.ledger.puts_off_s = 30.0
    time.sleep(1.0)

    assert least <= len(watched.ledger.asked) <= most


def test_nothing_is_asked_of_the_target_where_its_ledger_is_not_needed(begin: Any) -> None:
    """A budget alone reads what we wrote ourselves."""
    watched = begin(plan_with(StopConditions(failed_budget=5, principal_at_risk_fen="off")))
    time.sleep(0.3)

    assert watched.ledger.asked == []
    assert watched.watch.notes == ()


def test_without_its_watch_a_run_ends(begin: Any, monkeypatch: pytest.MonkeyPatch) -> None:
    """A bug of ours must not look like a run without harm."""

    def broken(_: EventTail) -> Iterator[Any]:
        raise ZeroDivisionError

    monkeypatch.setattr(EventTail, "new", broken)
    stop = begin(plan_with(StopConditions(failed_budget=5))).wait()

    assert stop is not None
    assert stop.condition == "watch_failed"


def test_half_a_line_waits_for_its_other_half(tmp_path: Path) -> None:
    """The file is read while it is written."""
    plan = plan_with(StopConditions())
    run = RunDirectory.create(tmp_path, plan)
    tail, whole = EventTail(run.path), tmp_path / "whole.jsonl"
    writer = EventWriter(run, "load-0")
    writer.operation(failed(plan, 0))
    writer.close()
    path = run.path / "events-load-0.jsonl"
    body = path.read_bytes()
    path.write_bytes(body[:-10])
    whole.write_bytes(body)

    assert list(tail.new()) == []
    path.write_bytes(body)
    assert [o.key for o in tail.new()] == [plan.arrivals[0].key]
    assert list(tail.new()) == []


def test_only_the_end_of_the_ledger_is_read_again() -> None:
    """The cursor follows what was listed more than some seconds, or a thousand loans, ago."""
    plan = plan_with(StopConditions())
    known = [entry(operation(plan, n), cursor=n + 1) for n in range(600)]
    ledger = FakeLedger()
    tail = LedgerTail(ledger, 0, frozenset())  # type: ignore[arg-type]
    read = []
    for count in (0, 300, 600, 600):
        ledger.entries = known[:count]
        read.append(len(tail.new()))
    ledger.entries = [*known, *(replace(known[0], cursor=700 + n) for n in range(900))]
    read.append(len(tail.new()))

    assert read == [0, 300, 600, 600, 1500]
    assert len(tail.new()) <= 1000


@pytest.mark.parametrize(("at_once", "there", "read"), [(100, 900, 900), (1, 150, 100)])
def test_a_lender_that_lists_few_at_once_is_read_to_its_end(
    at_once: int, there: int, read: int
) -> None:
    """Page by page until an empty one; one that never ends ends a look."""
    first = operation(plan_with(StopConditions()), 0)
    ledger = FakeLedger([entry(first, cursor=n + 1) for n in range(there)], at_once=at_once)
    tail = LedgerTail(ledger, 0, frozenset())  # type: ignore[arg-type]

    assert len(tail.new()) == read


def test_a_mistake_in_the_users_ledger_is_no_bug_of_the_watch(begin: Any) -> None:
    """It is unread, as one that does not answer."""

    class Wrong(Ledger):
        def page(self, *_: Any) -> list[LedgerEntry]:
            raise KeyError("loans")

    watched = begin(plan_with(StopConditions(double_disbursement=True)))
    watched.watch._ledger.ledger = Wrong()  # type: ignore[abstract]

    assert watched.wait(0.5) is None
    assert watched.watch.notes or watched.watch._ledger.answered


def test_a_row_whose_money_is_not_clear_ends_no_watch(begin: Any) -> None:
    """Nor does one of another client; the others count."""
    watched = begin(plan_with(StopConditions(double_disbursement=True)))
    one, two = (operation(watched.plan, n) for n in (3, 4))
    watched.ledger.entries = [unclear(entry(two), "no money"), entry(one, disbursements=2)]
    stop = watched.wait()

    assert stop is not None
    assert one.key in stop.text
