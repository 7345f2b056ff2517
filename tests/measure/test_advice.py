"""How many requests suffice: exact, and true when the advice is followed."""

import numpy as np
import pytest
from numpy.typing import NDArray
from scipy import stats

from harness.verdict.measure.advice import (
    CHANCE_MIN,
    Most,
    advise,
    bounded,
    requests_enough,
    within,
)
from harness.verdict.measure.baseline import too_short_a_baseline
from harness.verdict.measure.intervals import Share, clopper_pearson
from tests.builders import plan_of

LIMIT = 0.025


@pytest.mark.parametrize(
    ("seen", "enough"),
    [(Share(0, 40), 221), (Share(0, 0), 221), (Share(1, 200), 348), (Share(1, 100), 783)],
)
def test_requests_that_bound_a_share(seen: Share, enough: int) -> None:
    """At the share seen; where none was seen, at 0.1 %."""
    assert requests_enough(seen, LIMIT, bounded(LIMIT)) == enough


@pytest.mark.parametrize("seen", [Share(1, 40), Share(2, 40)])
def test_no_number_helps_at_the_limit_or_above(seen: Share) -> None:
    """A share of 2.5 % or more is never bounded by 2.5 %."""
    assert requests_enough(seen, LIMIT, bounded(LIMIT)) is None
    assert advise(seen, LIMIT, bounded(LIMIT)) == "more requests will not help"


def test_a_share_just_below_the_limit_takes_more_than_anybody_sends() -> None:
    """Some number would do, so it is not said that none does."""
    told = advise(Share(24, 1000), LIMIT, bounded(LIMIT))

    assert told == "not even 30,000 requests suffice in 9 of 10 runs, if 2.4 % fail"


def test_more_than_is_any_advice_is_not_advised() -> None:
    """Nor where the last block of numbers that is tried goes beyond it: 31,780 would suffice."""
    assert requests_enough(Share(1, 121), 0.01, bounded(0.01)) is None


def test_a_rule_is_asked_once_however_many_faults_ask_for_advice() -> None:
    """A run of hundreds of faults asks by the same rule after each of them."""
    asked: list[int] = []

    def most(requests: NDArray[np.int64]) -> NDArray[np.int64]:
        asked.append(len(requests))
        return bounded(LIMIT)(requests)

    found = [requests_enough(Share(0, whole), LIMIT, most) for whole in range(5, 105, 5)]

    assert found == [221] * 20
    assert len(asked) == 1


@pytest.mark.parametrize("limit", [0.001, 0.025, 0.3])
def test_bounded_is_the_exact_interval(limit: float) -> None:
    """With one failure more, the upper end of the interval reaches the limit."""
    requests = np.arange(1, 700, 7)

    for whole, part in zip(requests.tolist(), bounded(limit)(requests).tolist(), strict=True):
        assert part < 0 or clopper_pearson(part, whole)[1] < limit
        assert part == whole or clopper_pearson(part + 1, whole)[1] >= limit


@pytest.mark.parametrize(
    ("seen", "limit", "most"),
    [
        (Share(0, 10), LIMIT, bounded(LIMIT)),
        (Share(1, 200), LIMIT, bounded(LIMIT)),
        (Share(0, 10), 0.05, bounded(0.05, 0.05)),
        (Share(0, 10), 0.005, within(0.005, 59)),
        (Share(1, 50), 0.03, within(0.03, 59)),
    ],
)
def test_the_least_number_that_passes_in_nine_of_ten(seen: Share, limit: float, most: Most) -> None:
    """So many do, one request less does not."""
    share = seen.part / seen.whole if seen.part else 0.001
    enough = requests_enough(seen, limit, most)
    assert enough is not None

    requests = np.array([enough - 1, enough])
    passes = stats.binom.cdf(most(requests), requests, share)

    assert passes[1] >= CHANCE_MIN
    assert passes[0] < CHANCE_MIN or enough == seen.whole + 1


def test_a_baseline_that_will_not_do_is_told_before_the_run() -> None:
    """With 100 requests; not with 400."""
    told = "100 requests of the baseline are too few: 221 requests (4.5 s at 50/s) suffice"

    assert too_short_a_baseline(plan_of(baseline_s=2.0)).startswith(told)
    assert not too_short_a_baseline(plan_of())


def test_a_limit_below_what_is_assumed_asks_for_none_at_all() -> None:
    """Where none failed and 0.1 % would be too many, it is for a service without failures."""
    assert requests_enough(Share(0, 5), 0.0, within(0.0, 59)) == 59
    assert "if 0 % fail" in advise(Share(0, 5), 0.0005, within(0.0005, 59))
