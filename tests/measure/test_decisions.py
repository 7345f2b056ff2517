"""The mix of decisions on both sides, with its shift."""

from dataclasses import replace

import numpy as np
import pytest

from harness.history.events import Outcome
from harness.plan.decline import Decline
from harness.verdict.measure.counts import KINDS
from harness.verdict.measure.intervals import Share, newcombe, wilson
from harness.verdict.measure.measurement import measure
from harness.verdict.types import DecisionShare
from tests import builders
from tests.builders import CUT, at_ns, cut_run, facts, operations, plan_of


def by_kind(found: list[DecisionShare]) -> dict[str, DecisionShare]:
    """The entries by their kind, all five."""
    assert tuple(decision.kind for decision in found) == KINDS
    return {decision.kind: decision for decision in found}


def test_an_unchanged_mix_does_not_shift() -> None:
    """A mixed population through an outage: no kind moves, and all shares add up to one."""
    plan = plan_of(CUT, population="mixed")
    found = by_kind(measure(*cut_run(plan)).decisions)

    assert sum(d.before or 0.0 for d in found.values()) == pytest.approx(1)
    assert sum(d.after or 0.0 for d in found.values()) == pytest.approx(1)
    assert min(d.p or 0.0 for d in found.values()) > 0.05
    assert all(
        (d.shift_low or 0.0) < (d.shift or 0.0) < (d.shift_high or 0.0) for d in found.values()
    )


def test_what_failed_is_no_decision() -> None:
    """A false decline under the outage is a failure of its own, not a change of the mix."""
    plan, known = cut_run()
    ops = tuple(
        replace(o, decline=Decline.CREDIT, false_declined=True) if o.failed else o
        for o in builders.rows(known.operations)
    )
    found = by_kind(measure(plan, facts(plan, ops)).decisions)

    assert found["approved"].after == 1.0
    assert found["declined_credit"].after == 0.0


def test_declines_of_one_cause_show_as_that_cause() -> None:
    """Every tenth borrow from the injection on is declined by policy."""
    plan = plan_of(CUT)
    ops = tuple(
        replace(o, outcome=Outcome.DECLINED, decline=Decline.POLICY)
        if o.arrival % 10 == 0 and o.intended_ns > at_ns(8.0)
        else o
        for o in operations(plan)
    )
    found = by_kind(measure(plan, facts(plan, ops)).decisions)

    assert found["declined_policy"].shift == pytest.approx(0.1, abs=0.005)
    assert (found["declined_policy"].shift_low or 0.0) > 0.05
    assert (found["declined_policy"].p or 1.0) < 1e-6
    assert (found["declined_credit"].p, found["declined_credit"].shift) == (1.0, 0.0)


def test_nothing_answered_is_nothing_known() -> None:
    """Without an answer after the injection there is no shift to speak of."""
    plan = plan_of(CUT)
    found = by_kind(measure(plan, facts(plan, operations(plan, lambda at_s: at_s >= 8))).decisions)

    assert found["approved"].before == 1.0
    assert (found["approved"].after, found["approved"].shift, found["approved"].p) == (
        *(None, None, None),
    )
    assert measure(plan, facts(plan, (builders.operation(plan, 0),))).decisions[0].p is None


def test_newcombe_agrees_with_its_paper() -> None:
    """The worked examples of Newcombe 1998, table II, method 10."""
    examples = [
        ((56, 70), (48, 80), (0.0524, 0.3339)),
        ((9, 10), (3, 10), (0.1705, 0.8090)),
        ((10, 10), (0, 20), (0.6791, 1.0)),
        ((5, 56), (0, 29), (-0.0381, 0.1926)),
    ]
    for (a, m), (b, n), expected in examples:
        low, high = newcombe(before=Share(b, n), after=Share(a, m))
        assert (round(low, 4), round(high, 4)) == expected


def test_the_interval_holds_its_level() -> None:
    """At shares as small as those of declines, about 95 in 100 intervals hold the true shift."""
    chance = np.random.default_rng(3)
    held = 0
    for _ in range(2000):
        before, after = chance.binomial(400, 0.03), chance.binomial(900, 0.05)
        low, high = newcombe(Share(int(before), 400), Share(int(after), 900))
        held += low <= 0.02 <= high

    assert 0.94 < held / 2000 < 0.98


def test_wilson_at_the_ends() -> None:
    """None of ten: from nothing to 27.8 %."""
    assert wilson(Share(0, 10)) == pytest.approx((0.0, 0.2775), abs=1e-4)
    assert wilson(Share(10, 10)) == pytest.approx((0.7225, 1.0), abs=1e-4)
