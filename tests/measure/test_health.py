"""What the target said of its health, against what became of borrowing."""

from dataclasses import replace

import numpy as np
import pytest

from harness.faults import Partition
from harness.history.events import HealthAddress, HealthPoll
from harness.history.reader import Facts
from harness.stack.state import EDGE
from harness.verdict.figures import Health
from harness.verdict.measure.health_checks import failing_stretches, states_of
from harness.verdict.measure.measurement import measure
from harness.verdict.types import Episode
from tests.builders import at_ns, cut_run, during, over, plan_of, polls

READY = HealthAddress("/readyz", 5.0)


def seen(known: Facts, health: tuple[HealthPoll, ...]) -> Health:
    """The figures of a run with these polls, under an outage from 8.0 s to 13.3 s."""
    plan = cut_run()[0]
    found = measure(plan, replace(known, health=health, health_address=READY)).health
    assert found is not None
    return found


def test_green_all_along_is_green_through_the_whole_outage() -> None:
    """The process answers, the database is gone: every second of the outage counts."""
    plan, known = cut_run()
    found = seen(known, polls(plan))

    assert found.green_while_failing_s == pytest.approx(5.3, abs=0.05)
    assert (found.red_while_fine_s, found.first_red_s, found.last_red_s) == (0, None, None)
    assert (found.path, found.asked_per_s) == ("/readyz", 5.0)
    assert found.asked == found.green == len(polls(plan))


@pytest.mark.parametrize(("until_s", "grey_s"), [(13.3, 0.0), (23.0, 0.0), (27.0, 4.0)])
def test_a_fault_on_the_edge_makes_no_health_grey(until_s: float, grey_s: float) -> None:
    """Health is asked around it; what is out once the time to recover is over counts again."""
    plan, known = cut_run(plan_of(Partition(EDGE)), end_s=until_s)
    found = measure(plan, replace(known, health=polls(plan), health_address=READY))
    assert found.health is not None

    assert found.health.green_while_failing_s == pytest.approx(grey_s, abs=0.1)
    assert found.failing_s == pytest.approx(grey_s, abs=0.1)
    assert found.health_known_s == pytest.approx(grey_s, abs=0.25)


def test_the_other_end_of_a_cut_edge_counts() -> None:
    """The database is cut from 8 s to 11 s, the edge from 11 s to 13 s: only the first is grey."""
    cuts = (over(0, 0.6, Partition("database")), over(0.6, 1, Partition(EDGE)))
    plan, known = cut_run(plan_of(*cuts))

    assert seen(known, polls(plan)).green_while_failing_s == pytest.approx(3.0, abs=0.1)


def test_what_nobody_asked_is_not_known() -> None:
    """Polls that end at 7.0 s say something until 9.0 s, no more."""
    plan, known = cut_run()
    ended = tuple(poll for poll in polls(plan) if poll.at_ns < at_ns(7.0))
    found = [
        measure(plan, replace(known, health=health, health_address=READY)).health_known_s
        for health in (polls(plan), ended, ())
    ]

    assert found == [pytest.approx(s, abs=0.25) for s in (5.3, 1.0, 0.0)]


def test_a_late_detection_counts_until_it() -> None:
    """Red from 9.2 s to 14.0 s: green for the first 1.2 s, red for 0.7 s of recovered service."""
    plan, known = cut_run()
    found = seen(known, polls(plan, during(9.2, 14.0)))

    assert found.green_while_failing_s == pytest.approx(1.21, abs=0.05)
    assert found.red_while_fine_s == pytest.approx(0.71, abs=0.05)
    assert found.first_red_s == pytest.approx(9.21)
    assert found.last_red_s == pytest.approx(13.81)


def test_a_poll_counts_from_its_answer() -> None:
    """Until a poll has timed out an onlooker goes by the one before."""
    plan, known = cut_run()
    hung = tuple(
        replace(p, ok=False, status=None, error="timeout", ended_ns=p.at_ns + 10**9)
        if at_ns(8.0) <= p.at_ns < at_ns(13.0)
        else p
        for p in polls(plan)
    )
    found = seen(known, hung)

    assert found.first_red_s == pytest.approx(9.0)
    assert found.green_while_failing_s == pytest.approx(1.0 + 0.3, abs=0.05)


def test_of_overtaking_polls_the_one_asked_last_counts() -> None:
    """A timeout that comes in after a newer, green answer changes nothing any more."""
    states = states_of(
        np.array([0.0, 0.2, 0.4]), np.array([0.01, 1.2, 0.41]), np.array([True, False, True])
    )

    assert states.green.tolist() == [True, True]
    assert states.begins_s == pytest.approx([0.01, 0.41])


def test_old_answers_say_nothing() -> None:
    """After two seconds without a new answer nobody knows."""
    states = states_of(np.array([0.0, 5.0]), np.array([0.1, 5.1]), np.array([True, True]))

    assert states.ends_s == pytest.approx([2.1, 7.1])


def test_without_polls_there_is_no_health() -> None:
    """A run that was not polled, or whose load never began, says so by None."""
    plan, known = cut_run()
    polled = replace(known, health=polls(plan), health_address=READY)

    assert measure(plan, known).health is None
    assert measure(plan, replace(polled, health=())).health is None
    assert measure(plan, replace(polled, status=replace(known.status, clock=None))).health is None


def test_stretches_of_failing_are_disjoint() -> None:
    """Episodes that touch or overlap are counted once, slow ones not at all."""

    def episode(class_: str, onset_s: float, recovered_s: float | None) -> Episode:
        return Episode(
            *(class_, onset_s, None, None, recovered_s, 28.0, None), confirmed=True, failed=1
        )

    found = [
        episode("degraded", 4.0, 6.0),
        episode("outage", 2.0, 5.0),
        episode("slow", 8.0, 9.0),
        episode("outage", 20.0, None),
    ]

    assert failing_stretches(found, 30.0, surely=False) == [(2.0, 6.0), (20.0, 30.0)]
    assert failing_stretches(found, 30.0, surely=True) == [(2.0, 6.0), (20.0, 28.0)]
