"""What is called slow, and what is not."""

import pytest

from harness.measure import measure
from harness.verdict import Episode
from tests.builders import plan_of
from tests.measure.stuttering import Pauses, every_second, stuttering


def slow_of(
    rate: int, pauses: Pauses, took_s: float, slower_s: float = 0.0, line_s: float = 0.0
) -> list[Episode]:
    """The slow stretches of a run in which answers take longer from 14 s to 18 s."""
    plan = plan_of(rate=rate)
    known = stuttering(
        plan, pauses, lambda at_s: took_s + (slower_s if 14 <= at_s < 18 else 0.0), line_s
    )
    return [e for e in measure(plan, known).episodes if e.class_ == "slow"]


@pytest.mark.parametrize("rate", [10, 50, 200])
@pytest.mark.parametrize(("took_s", "line_s"), [(0.0055, 0.0), (0.06, 0.0), (0.06, 0.06)])
@pytest.mark.parametrize("pauses", [[(15.0, 15.28)], every_second(0.15), every_second(0.28)])
def test_a_load_machine_that_stutters_makes_no_target_slow(
    pauses: Pauses, took_s: float, line_s: float, rate: int
) -> None:
    """Neither what was sent late nor what was read late."""
    assert slow_of(rate, pauses, took_s, line_s=line_s) == []


@pytest.mark.parametrize("rate", [10, 50, 200])
@pytest.mark.parametrize("pauses", [[], every_second(0.15), every_second(0.28)])
def test_a_slow_target_is_found_all_the_same(pauses: Pauses, rate: int) -> None:
    """Three tenths of a second more for four seconds, on a machine that stutters."""
    (slow,) = slow_of(rate, pauses, 0.0055, slower_s=0.3)

    assert slow.onset_s == pytest.approx(14.0, abs=0.3 + 1 / rate)
    assert slow.recovered_s == pytest.approx(18.0, abs=0.3 + 1 / rate)
