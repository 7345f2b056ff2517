"""The very end of a run: chance, or a service that died."""

import numpy as np
import pytest

from harness.verdict.measure.outside_stretches import Tail, tail_of


def end(*tail: int, before: int = 300) -> Tail | None:
    """Of so many good requests followed by these; 1 failed."""
    return tail_of(np.array([0] * before + list(tail), dtype=bool))


@pytest.mark.parametrize(
    "tail", [(1, 1), (1, 1, 1), (1, 0, 1, 1), (1, 0, 1, 0, 1), (0, 1, 0, 1, 0, 1, 0), (1, 1, 1, 0)]
)
def test_an_end_that_chance_hardly_brings(tail: tuple[int, ...]) -> None:
    """All of the last ones, every other one, or all but one."""
    found = end(*tail)

    assert found is not None
    assert found.failed == sum(tail)
    assert found.chance < 0.001


@pytest.mark.parametrize("tail", [(), (0, 0), (1,), (1, 0), (1, 0, 1), (1, 1, 0), (1, 1, 0, 0, 0)])
def test_an_end_that_chance_may_bring(tail: tuple[int, ...]) -> None:
    """One stray failure, or two that are not the last."""
    assert end(*tail) is None


def test_a_run_of_one_or_of_no_request_ends_by_chance() -> None:
    """Nothing can be said of so few."""
    assert tail_of(np.array([], dtype=bool)) is None
    assert tail_of(np.array([True])) is None


@pytest.mark.parametrize("share", [0.0, 0.001, 0.005, 0.01])
def test_a_service_that_is_well_hardly_ends_so(share: float) -> None:
    """In 100,000 ends of runs, with shares of failures that leave a baseline steady."""
    chance = np.random.default_rng(1)
    ends = chance.random((100_000, 20)) < share
    told = sum(tail_of(failed) is not None for failed in ends if failed.sum() > 1)

    assert told / len(ends) <= 0.0005


def test_more_failures_never_make_an_end_likelier() -> None:
    """Whatever else of the run fails as well."""
    chance = np.random.default_rng(2)
    for _ in range(500):
        failed = chance.random(60) < chance.choice([0.02, 0.1, 0.5])
        more = failed | (chance.random(60) < 0.1)
        if tail_of(failed) is not None:
            assert tail_of(more) is not None


def test_five_failures_may_tell_what_the_last_four_do_not() -> None:
    """So that a search which finds no stretch among them does not hide it."""
    four = [int(back in (59, 55, 40, 20)) for back in range(59, 0, -1)]

    assert end(*four) is None
    found = end(1, *four)
    assert found is not None
    assert (found.failed, found.requests) == (5, 60)
