"""What an edge is dated by: attempts, and when they reached the service."""

import numpy as np
import pytest

from harness.events import Attempt, Facts, Outcome, Step
from harness.measure import measure
from harness.measure.evidence import STEPS, evidence_of, met
from tests.builders import at_ns, attempt, facts, failed, operation, operations, plan_of, status

PLAN = plan_of()
CLOCK = status(PLAN).clock
BORROW, LOG_IN = STEPS.index(Step.BORROW), STEPS.index(Step.LOG_IN)


def tried(index: int, step: Step, outcome: Outcome, start_s: float, took_s: float) -> Attempt:
    """One attempt at an instant of its own."""
    began, ended = at_ns(start_s), at_ns(start_s + took_s)
    op = operation(PLAN, index)
    return attempt(op, step, outcome=outcome, started_ns=began, ended_ns=ended)


def test_a_request_reaches_the_service_half_way() -> None:
    """A good attempt of 20 ms shows the service up 10 ms after it was sent."""
    assert CLOCK is not None
    found = evidence_of(
        (operation(PLAN, 0),), [tried(0, Step.BORROW, Outcome.APPROVED, 1.0, 0.02)], CLOCK
    )

    assert found.up_s[0, BORROW] == pytest.approx(1.01)
    assert np.isnan(found.up_s[0, LOG_IN])
    assert np.isnan(found.down_last_s[0])


def test_a_timeout_counts_when_it_was_sent() -> None:
    """However long its client waited, a failed attempt shows the service down as it arrived."""
    assert CLOCK is not None
    ops = (operation(PLAN, 0), failed(PLAN, 1))
    rows = [
        tried(0, Step.BORROW, Outcome.APPROVED, 1.0, 0.004),
        tried(1, Step.BORROW, Outcome.INDETERMINATE, 2.0, 5.0),
    ]

    found = evidence_of(ops, rows, CLOCK)

    assert found.down_first_s[1] == found.down_last_s[1] == pytest.approx(2.002)


def test_the_way_to_a_slow_service_is_bounded() -> None:
    """An answer that took seconds does not mean that the request was on its way for seconds."""
    assert CLOCK is not None
    slow = [tried(0, Step.BORROW, Outcome.APPROVED, 1.0, 3.0)]

    found = evidence_of((operation(PLAN, 0),), slow, CLOCK)

    assert found.up_s[0, BORROW] == pytest.approx(1.0 + TRAVEL_SECONDS_MAX)


def test_a_repeated_borrow_shows_up_only_after_its_failure() -> None:
    """What was answered before a failure of the same journey is no sign of the recovery."""
    assert CLOCK is not None
    rows = [
        tried(0, Step.LOG_IN, Outcome.OK, 1.0, 0.0),
        tried(0, Step.BORROW, Outcome.FAILED, 1.1, 0.0),
        tried(0, Step.BORROW, Outcome.APPROVED, 1.2, 0.0),
    ]

    found = evidence_of((operation(PLAN, 0),), rows, CLOCK)

    assert np.isnan(found.up_s[0, LOG_IN])
    assert found.up_s[0, BORROW] == pytest.approx(1.2)
    assert found.down_last_s[0] == pytest.approx(1.1)


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
    began = [o.intended_ns for o in run.operations if o.failed]

    assert min(began) < at_ns(10.0)
    (episode,) = measure(PLAN, run).episodes
    assert episode.in_flight >= 1
    assert episode.failed == len(began)


def test_a_step_that_was_never_down_is_no_evidence() -> None:
    """With failures at one step only, good attempts of the others do not count."""
    run = journeys((10.0, 15.0), frozenset({Step.BORROW}))
    assert CLOCK is not None
    found = evidence_of(run.operations, run.attempts, CLOCK)
    times_s = np.array([CLOCK.seconds(o.intended_ns) for o in run.operations])
    bad = np.array([o.failed for o in run.operations])

    seen = met(found, times_s, bad, bad)

    good = ~bad
    assert seen.end_s[good] == pytest.approx(found.up_s[good, BORROW])
