"""The same run as a closed loop, against the arithmetic of one that hangs."""

from dataclasses import replace

import numpy as np
import pytest

from harness.history.events import Ending, Outcome
from harness.verdict.figures import ClosedLoop
from harness.verdict.judge import judge
from harness.verdict.measure.closed_loop import Observed, replay, users_enough
from harness.verdict.measure.measurement import measure
from tests.builders import CUT, during, facts, operations, plan_of, with_rows

RATE, END_S, TIMEOUT_S, WAIT_S = 200.0, 180.0, 5.0, 0.012
OUT_S = (60.0, 80.0)


def black_hole(seed: int = 1) -> Observed:
    """Arrivals at chance times; for 20 s every one of them waits for its timeout in vain."""
    chance = np.random.default_rng(seed)
    times_s = np.sort(chance.uniform(0, END_S, int(RATE * END_S)))
    failed = (times_s >= OUT_S[0]) & (times_s < OUT_S[1])
    return Observed(times_s, np.where(failed, TIMEOUT_S, WAIT_S), failed)


@pytest.mark.parametrize("seed", [1, 2, 3])
def test_a_small_closed_loop_hides_nearly_every_failure(seed: int) -> None:
    """Each of 10 users fails once in 5 s and is gone meanwhile: 40 failures of some 4,000."""
    seen = black_hole(seed)

    found = [replay(users, RATE, END_S, seen) for users in (10, 50, 200)]

    assert int(seen.failed.sum()) == pytest.approx(4000, abs=200)
    assert [loop.failed for loop in found] == pytest.approx([40, 200, 800], abs=3)
    # They did keep to the rate while nothing hung: only the outage is missing.
    expected = [RATE * (END_S - 20) + loop.failed for loop in found]
    assert [loop.operations for loop in found] == pytest.approx(expected, rel=0.01)


def test_enough_users_see_what_the_open_loop_sees() -> None:
    """From rate x (timeout + wait) users on, nobody is late for their next turn."""
    seen = black_hole()

    users = users_enough(RATE, TIMEOUT_S, seen.holds_s)
    loop = replay(users, RATE, END_S, seen)
    fewer = replay(users // 2, RATE, END_S, seen)

    assert users == 1003
    assert loop.operations == pytest.approx(RATE * END_S, abs=2)
    assert loop.failed == pytest.approx(int(seen.failed.sum()), rel=0.03)
    assert fewer.failed == pytest.approx(loop.failed / 2, rel=0.03)


def test_longer_journeys_need_more_users() -> None:
    """Two tries of five seconds each keep a user for ten."""
    assert users_enough(RATE, TIMEOUT_S, np.array([WAIT_S, WAIT_S, 10.1, np.inf])) == 2020
    assert users_enough(RATE, TIMEOUT_S, np.array([])) == 1010


def test_a_request_that_never_ended_takes_its_user_along() -> None:
    """One endless wait, and a loop of one user is over."""
    times_s = np.arange(0, 10, 0.1)
    holds_s = np.full(100, 0.01)
    holds_s[30] = np.inf

    assert replay(1, 10, 10.0, Observed(times_s, holds_s, times_s < 0)) == ClosedLoop(1, 31, 0)


def test_it_stands_in_the_verdict() -> None:
    """10, 50 and enough users beside the borrowers who really failed; the same every time."""
    plan = plan_of(CUT)
    cut = operations(plan, during(8, 13))
    hanging = tuple(
        replace(op, ended_ns=op.intended_ns + 2 * 10**9, outcome=Outcome.INDETERMINATE)
        if op.failed
        else op
        for op in cut
    )
    known = facts(plan, hanging)

    found = measure(plan, known).closed_loop

    assert judge(plan, known).closed_loop == measure(plan, known).closed_loop == found
    assert [loop.users for loop in found] == [10, 50, 101]
    assert found[0].failed == pytest.approx(30, abs=1)
    assert found[2].failed == pytest.approx(250, abs=3)


def test_unfinished_operations_do_not_break_it() -> None:
    """An arrival that never ended holds a user, and its length is not taken for the longest."""
    plan = plan_of()
    ops = operations(plan)
    last = replace(ops[-1], ended_ns=None, ending=Ending.UNFINISHED, outcome=Outcome.INDETERMINATE)

    found = measure(plan, facts(plan, (*ops[:-1], last))).closed_loop

    assert [loop.users for loop in found] == [10, 50, 101]


def test_a_low_rate_needs_few_users() -> None:
    """Sizes beyond the one that is enough would say nothing more."""
    plan = plan_of(rate=4.0)

    assert [loop.users for loop in measure(plan, facts(plan)).closed_loop] == [9]


def test_without_a_load_there_is_nothing_to_replay() -> None:
    """An interrupted set-up has no closed loop either."""
    plan = plan_of()
    known = facts(plan)
    nothing = with_rows(known, operations=(), status=replace(known.status, clock=None))

    assert measure(plan, nothing).closed_loop == []


@pytest.mark.parametrize("rate", [3, 7, 50, 130])
def test_users_who_keep_to_the_rate_send_no_more_than_it(rate: int) -> None:
    """In a run in which all fail, such a test sees no more failures than there were requests."""
    plan = plan_of(rate=rate)
    (fewest, *_) = measure(plan, facts(plan, operations(plan, lambda _: True))).closed_loop

    assert fewest.operations == fewest.failed == rate * plan.load_end_s
