"""What an edge is dated by: attempts, and when they reached the service."""

from typing import Any

import numpy as np
import pytest
from numpy.typing import NDArray

from harness.history.columns import Attempts, Operations
from harness.history.events import Attempt, Outcome, Step
from harness.history.reader import Facts
from harness.verdict.measure.evidence import (
    STEPS,
    USUAL,
    Fate,
    TryTable,
    evidence_from,
    evidence_of,
    met,
)
from harness.verdict.measure.measurement import measure
from tests.builders import (
    at_ns,
    attempt,
    facts,
    failed,
    operation,
    operations,
    plan_of,
    rows,
    status,
)

PLAN = plan_of()
CLOCK = status(PLAN).clock
BORROW, LOG_IN = STEPS.index(Step.BORROW), STEPS.index(Step.LOG_IN)


def tried(
    index: int, step: Step, outcome: Outcome, start_s: float, took_s: float, **changes: Any
) -> Attempt:
    """One attempt at an instant of its own."""
    began, ended = at_ns(start_s), at_ns(start_s + took_s)
    op = operation(PLAN, index)
    return attempt(op, step, outcome=outcome, started_ns=began, ended_ns=ended, **changes)


def between(readings_s: NDArray[np.float64]) -> tuple[float, float]:
    """The early and the late reading of one attempt."""
    return round(float(readings_s[0]), 6), round(float(readings_s[1]), 6)


def test_a_request_meets_the_service_between_its_start_and_its_end() -> None:
    """A good attempt of 20 ms shows the service up somewhere in these 20 ms."""
    assert CLOCK is not None
    found = evidence_of(
        Operations.of([operation(PLAN, 0)]),
        Attempts.of([tried(0, Step.BORROW, Outcome.APPROVED, 1.0, 0.02)]),
        CLOCK,
    )

    assert between(found.up_s[0, BORROW]) == (1.0, 1.02)
    assert np.isnan(found.up_s[0, LOG_IN]).all()
    assert np.isnan(found.down_last_s[0]).all()


@pytest.mark.parametrize(
    ("error", "early_s", "late_s"),
    [
        (None, 2.0, 2.1),  # answered: no later than a usual answer of its step
        ("timeout", 2.0, 2.1),
        ("reset", 7.0, 7.0),
        ("end_of_file", 7.0, 7.0),
        ("refused", 2.0, 2.0),
    ],
)
def test_a_failure_is_dated_by_what_it_shows(
    error: str | None, early_s: float, late_s: float
) -> None:
    """A connection that broke did so at its end, one that was refused at its start."""
    assert CLOCK is not None
    ops = (operation(PLAN, 0), failed(PLAN, 1))
    rows = [
        tried(0, Step.BORROW, Outcome.APPROVED, 1.0, 0.1),
        tried(1, Step.BORROW, Outcome.INDETERMINATE, 2.0, 5.0, error=error),
    ]

    found = evidence_of(Operations.of(ops), Attempts.of(rows), CLOCK)

    assert between(found.down_first_s[1]) == between(found.down_last_s[1]) == (early_s, late_s)


def test_a_repeated_borrow_shows_up_only_after_its_failure() -> None:
    """What was answered before a failure of the same journey is no sign of the recovery."""
    assert CLOCK is not None
    rows = [
        tried(0, Step.LOG_IN, Outcome.OK, 1.0, 0.0),
        tried(0, Step.BORROW, Outcome.FAILED, 1.1, 0.0),
        tried(0, Step.BORROW, Outcome.APPROVED, 1.2, 0.0),
    ]

    found = evidence_of(Operations.of([operation(PLAN, 0)]), Attempts.of(rows), CLOCK)

    assert np.isnan(found.up_s[0, LOG_IN]).all()
    assert between(found.up_s[0, BORROW]) == (1.2, 1.2)
    assert between(found.down_last_s[0]) == (1.1, 1.1)
    assert between(found.was_up_s[0, LOG_IN]) == (1.0, 1.0)


def journeys(cut: tuple[float, float], dead: frozenset[Step]) -> Facts:
    """Log-in, then a borrow 30 ms later; the ``dead`` steps fail during the cut."""
    ops, rows = [], []
    for op in operations(PLAN):
        start_s = PLAN.arrivals[op.arrival].at_s
        broken = None
        for step, at_s in ((Step.LOG_IN, start_s), (Step.BORROW, start_s + 0.03)):
            if step in dead and cut[0] <= at_s < cut[1]:
                broken = step
                rows.append(tried(op.arrival, step, Outcome.FAILED, at_s, 0.0))
                break
            good = Outcome.OK if step is Step.LOG_IN else Outcome.APPROVED
            rows.append(tried(op.arrival, step, good, at_s, 0.0))
        blocked = broken if broken is not Step.BORROW else None
        ops.append(failed(PLAN, op.arrival, blocked_by=blocked) if broken else op)
    return facts(PLAN, tuple(ops), attempts=tuple(rows))


@pytest.mark.parametrize(
    "dead", [frozenset({Step.LOG_IN, Step.BORROW}), frozenset({Step.BORROW})], ids=["all", "borrow"]
)
def test_edges_lie_where_the_service_went_down_and_came_back(dead: frozenset[Step]) -> None:
    """Journeys of 30 ms do not move the edges by 30 ms, whichever step the outage hits."""
    run = journeys((10.0, 15.0), dead)

    (episode,) = measure(PLAN, run).episodes

    assert episode.onset_s == pytest.approx(10.0, abs=0.02)
    assert episode.recovered_s == pytest.approx(15.0, abs=0.02)
    assert episode.class_ == "outage"


def test_planned_starts_alone_would_be_late_by_a_journey() -> None:
    """The same run dated by planned starts: a borrow of a journey begun before the cut fails."""
    run = journeys((10.0, 15.0), frozenset({Step.BORROW}))
    began = [o.intended_ns for o in rows(run.operations) if o.failed]

    assert min(began) < at_ns(10.0)
    (episode,) = measure(PLAN, run).episodes
    assert episode.in_flight >= 1
    assert episode.failed == len(began)


def test_a_step_that_was_never_down_is_no_evidence() -> None:
    """With failures at one step only, good attempts of the others do not count."""
    run = journeys((10.0, 15.0), frozenset({Step.BORROW}))
    assert CLOCK is not None
    found = evidence_of(run.operations, run.attempts, CLOCK)
    times_s = np.array([CLOCK.seconds(o.intended_ns) for o in rows(run.operations)])
    bad = np.array([o.failed for o in rows(run.operations)])

    seen = met(found, times_s, bad, bad)

    good = ~bad
    assert seen.end_s[good] == pytest.approx(found.up_s[good, BORROW, 0])


@pytest.mark.parametrize(("before_s", "usual_s"), [(80.0, 0.05), (99.0, 0.6)])
def test_a_hang_is_due_when_the_last_answers_before_it_came(
    before_s: float, usual_s: float
) -> None:
    """Ninety seconds of 50 ms, ten of 600 ms: what hangs then would have taken 600 ms, too."""
    began_s = np.arange(0.0, 100.0, 0.1)
    took_s = np.where(began_s < 90, 0.05, 0.6)
    borrow, good = np.full(len(began_s), BORROW), np.full(len(began_s), Fate.GOOD)
    tries = TryTable(np.arange(len(began_s)), borrow, began_s, began_s + took_s, good)
    evidence = evidence_from(len(began_s), tries)

    assert evidence.takes_s[BORROW, USUAL] == pytest.approx(0.05)
    slower = evidence.slower(before_s)
    assert slower.takes_s[BORROW, USUAL] == pytest.approx(usual_s)
    assert not slower.takes_s[LOG_IN].any()
