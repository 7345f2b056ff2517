"""Who starts which arrival."""

import pytest

from harness.load.open_loop import intended_ns, own_arrivals
from harness.plan.plan import Scenario, Settings, expand
from harness.plan.scenario import Load
from tests.builders import LOCAL

PLAN = expand(
    "a", "", Scenario(), Settings(rate=20, baseline_s=1.0, fault_s=0, recovery_s=1.0), layout=LOCAL
)


@pytest.mark.parametrize("count", [1, 2, 3, 7])
def test_every_arrival_has_exactly_one_load_process(count: int) -> None:
    """None is left out and none is started twice, however many share the work."""
    shares = [own_arrivals(PLAN.arrivals, index, count) for index in range(count)]

    indices = [arrival.index for share in shares for arrival in share]
    assert sorted(indices) == [arrival.index for arrival in PLAN.arrivals]


@pytest.mark.parametrize("count", [2, 3, 4])
def test_a_borrowers_arrivals_are_one_process_s(count: int) -> None:
    """They share a session as those of one app do; pairs near a limit among them."""
    plan = expand(
        "a",
        "",
        Scenario(load=Load(near_limit_share=0.2)),
        Settings(rate=50, log_in_share=1.0),
        layout=LOCAL,
    )
    shares = [own_arrivals(plan.arrivals, index, count) for index in range(count)]

    borrowers = [{arrival.borrower for arrival in share} for share in shares]
    assert sum(map(len, borrowers)) == len(set.union(*borrowers))
    ends = [round(share[-1].at_s) for share in shares]
    assert max(ends) - min(ends) <= 1
    for second in range(int(plan.load_end_s)):
        sent = [sum(second <= a.at_s < second + 1 for a in share) for share in shares]
        assert max(sent) - min(sent) <= 0.3 * sum(sent)


def test_in_order_of_their_start() -> None:
    """Each process starts its arrivals one after the other."""
    share = own_arrivals(tuple(reversed(PLAN.arrivals)), 1, 2)

    assert [a.at_s for a in share] == sorted(a.at_s for a in share)


def test_warm_up_lies_before_zero() -> None:
    """The planned start on the monotonic clock."""
    assert intended_ns(PLAN.arrivals[0], 10**12) < 10**12 <= intended_ns(PLAN.arrivals[-1], 10**12)
