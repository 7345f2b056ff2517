"""Outages too short for a share of their own are told apart; one brownout stays one."""

from dataclasses import replace

import numpy as np
import pytest

from harness.history.events import Outcome
from harness.history.reader import Facts
from harness.plan.plan import Plan
from harness.verdict.measure.evidence import Evidence
from harness.verdict.measure.measurement import measure
from harness.verdict.measure.search import RequestCounts, impaired_stretches, orders, told_apart
from tests.builders import at_ns, attempt, facts, failed, operations, plan_of
from tests.measure.test_false_alarms import found_in, planned


@pytest.mark.parametrize(
    ("rate", "length_s", "gap_s"), [(33, 0.2, 6.3), (33, 0.2, 3.0), (10, 0.6, 6.0), (5, 1.4, 8.0)]
)
@pytest.mark.parametrize("seed", range(3))
def test_four_short_outages_are_four(rate: int, length_s: float, gap_s: float, seed: int) -> None:
    """Each with its own edges, and hardly any of the good answers between them."""
    plan = plan_of(
        rate=rate, warm_up_s=2, baseline_s=8, fault_s=0, recovery_s=8 + 4 * gap_s, seed=seed
    )
    begins_s = [10 + number * gap_s for number in range(4)]
    ops = operations(plan, lambda at_s: any(b <= at_s < b + length_s for b in begins_s))

    episodes = measure(plan, facts(plan, ops)).episodes

    assert [episode.class_ for episode in episodes] == ["outage"] * 4
    for episode, begin_s in zip(episodes, begins_s, strict=True):
        assert episode.failed >= episode.operations - 1
        assert episode.onset_s == pytest.approx(begin_s, abs=1.1 / rate)
        assert episode.recovered_s == pytest.approx(begin_s + length_s, abs=1.1 / rate)


@pytest.mark.parametrize(("good", "stretches"), [(4, 1), (6, 2), (25, 2)])
@pytest.mark.parametrize("length", [5, 8, 25])
def test_outages_with_six_good_answers_between_them_are_two(
    length: int, good: int, stretches: int
) -> None:
    """Fewer may be those that one outage let pass."""
    bad = np.zeros(2000, dtype=bool)
    bad[1000 : 1000 + 2 * length + good] = True
    bad[1000 + length : 1000 + length + good] = False
    times_s = np.arange(2000) / 10

    requests = RequestCounts(times_s, bad, Evidence.at(times_s))

    assert len(impaired_stretches(requests, 200.0, 0.002)) == stretches


@pytest.mark.parametrize("share", [0.3, 0.5, 0.7, 0.9])
@pytest.mark.parametrize("rate", [5, 20])
def test_a_brownout_with_failures_in_a_row_stays_one(rate: int, share: float) -> None:
    """Where so many fail, five do in a row by chance alone, and others fail between the rows."""
    for seed in range(40):
        chance = np.random.default_rng(seed)
        times_s = planned(rate, 120, chance)
        inside = (times_s >= 60) & (times_s < 72)
        bad = chance.random(len(times_s)) < np.where(inside, share, 0.001)

        assert len(found_in(times_s, bad, 40, 120)) == 1


def test_an_outage_that_goes_over_into_a_ramp_stays_one_trouble() -> None:
    """What fails beside the row is more than comes by chance."""
    bad = np.zeros(600, dtype=bool)
    bad[300:306] = bad[308:311] = bad[314:316] = True
    times_s = np.arange(600) / 10
    requests = RequestCounts(times_s, bad, Evidence.at(times_s))

    (found,) = impaired_stretches(requests, 60.0, 0.002)

    ways = orders(times_s, bad, requests.evidence)
    assert told_apart(times_s, bad, [found.parts], ways) == [found.parts]
    assert found.parts[-1].stop_s == times_s[315]


def test_who_waited_for_the_end_of_a_stall_is_no_breath_in_it() -> None:
    """Sent in the stall and answered after it: the last to come, who are refused, are of it too."""
    plan = plan_of(rate=30, warm_up_s=1, baseline_s=6, fault_s=0, recovery_s=9)
    ops = []
    for op in operations(plan):
        at_s = plan.arrivals[op.arrival].at_s
        if 6.8 <= at_s < 7.9:  # their time is over before the stall is
            lost = {"outcome": Outcome.INDETERMINATE, "ended_ns": at_ns(at_s + 2.0)}
            ops.append(failed(plan, op.arrival, **lost))
        elif 7.9 <= at_s < 9.6:
            ops.append(replace(op, ended_ns=at_ns(9.9 + (at_s - 7.9) / 10)))
        elif 9.6 <= at_s < 9.9:
            ops.append(failed(plan, op.arrival, ended_ns=at_ns(9.9)))
        else:
            ops.append(op)
    timed_out = {"error": "timeout"}
    rows = tuple(
        attempt(op, **(timed_out if op.outcome is Outcome.INDETERMINATE else {})) for op in ops
    )

    assert measure(plan, facts(plan, tuple(ops), attempts=rows)).flaps == 0


def stalled(refused_s: float, refused: int, drained_s: float, seed: int) -> tuple[Plan, Facts]:
    """Stopped from 6.8 s to 9.8 s: the first ones time out, the others are answered after it.

    The queue is answered over ``drained_s``. So many that come from ``refused_s`` on are refused.
    """
    plan = plan_of(rate=30, warm_up_s=1, baseline_s=6, fault_s=0, recovery_s=9, seed=seed)
    planned_s = {a.index: a.at_s for a in plan.arrivals}
    full = [index for index, at_s in planned_s.items() if at_s >= refused_s][:refused]
    ops, rows = [], []
    for op in operations(plan):
        at_s, error = planned_s[op.arrival], None
        ended_s = 9.8 + drained_s * (at_s - 7.8) / 2 if 7.8 <= at_s < 9.8 else at_s + 0.02
        made = replace(op, ended_ns=at_ns(ended_s))
        if 6.8 <= at_s < 7.8:
            error = "timeout"
            lost = {"outcome": Outcome.INDETERMINATE, "ended_ns": at_ns(at_s + 2)}
            made = failed(plan, op.arrival, **lost)
        elif op.arrival in full:
            made = failed(plan, op.arrival, ended_ns=at_ns(max(9.82, at_s + 0.01)))
        ops.append(made)
        rows.append(attempt(made, error=error))
    return plan, facts(plan, tuple(ops), attempts=tuple(rows))


@pytest.mark.parametrize("seed", range(3))
@pytest.mark.parametrize("refused", [5, 6, 8])
@pytest.mark.parametrize("drained_s", [0.05, 0.3])
def test_one_stall_is_one_trouble_where_none_was_served_in_it(
    drained_s: float, refused: int, seed: int
) -> None:
    """Its queue is answered late, and the last to come are refused: nobody was well in between."""
    measured = measure(*stalled(9.55, refused, drained_s, seed))
    first, *more = [episode for episode in measured.episodes if episode.class_ != "slow"]
    last = more[-1] if more else first

    assert measured.flaps == 0
    assert first.onset_s == pytest.approx(6.8, abs=0.1)
    assert last.recovered_s == pytest.approx(9.8, abs=0.1)
    assert first.failed + sum(episode.failed for episode in more) >= 25 + refused


@pytest.mark.parametrize("seed", range(3))
def test_who_is_refused_once_others_were_served_is_a_relapse(seed: int) -> None:
    """What came, and was answered, in between says that the stall was over."""
    measured = measure(*stalled(10.6, 8, 0.05, seed))

    assert measured.flaps == 1
