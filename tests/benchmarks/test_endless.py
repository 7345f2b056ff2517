"""Tables of troubles without an end or a begin: met as they are, missed with planted defects."""

from typing import Any

import numpy as np
import pytest

from benchmarks import comparisons
from benchmarks.endless import ENDED, ENDLESS, INITIAL, endless
from benchmarks.section_tables import aims_of
from benchmarks.sections import Section, chance_of, chosen, repeat_rows
from harness.verdict.measure import change_point

REPEATS = 40


def missed(section: Section) -> list[str]:
    """The aims that the quick rows of a section miss, beyond chance."""
    rows = chosen([section], quick=True)
    assert rows
    for _ in repeat_rows(rows, REPEATS, 1, processes=1):
        pass
    return [aim.what for aim in aims_of(rows, quick=True) if not aim.met]


@pytest.mark.parametrize("section", [ENDLESS, ENDED, INITIAL], ids=lambda one: one.name)
def test_the_estimators_as_they_are_meet_the_quick_aims(section: Section) -> None:
    """Or miss them by chance."""
    assert missed(section) == []


def test_what_follows_a_heal_is_not_usual_since_a_short_baseline_could_not_rule_it_out() -> None:
    """None of 80 failed before, one in ten does after the outage: that was never usual."""
    cells = ("10%", "a fault", "10/s")
    figures = [endless(chance_of(1, "endless", cells, n), 10, 0.1, 13.0) for n in range(60)]

    stated = sum(bool(one["stated"]) for one in figures)
    assert stated <= 5  # twice as many if the 80 are taken to allow for 4 %


def test_a_recovery_by_the_last_requests_alone_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """One that is stated whenever they went well is none."""

    def stated(over: change_point.Instant, *, confirmed: bool) -> change_point.Instant:
        assert confirmed in (True, False)
        return over

    monkeypatch.setattr(change_point, "to_the_end", stated)

    assert missed(ENDLESS) == ["endless, each row: recoveries stated that never were"]


def test_an_onset_that_is_always_bounded_is_seen(monkeypatch: pytest.MonkeyPatch) -> None:
    """A lower end after the first request holds nothing that was there before."""
    honest = change_point.onset

    def bounded(*data: Any, **more: Any) -> change_point.Instant:
        return honest(*data, **{**more, "first": False})

    monkeypatch.setattr(change_point, "onset", bounded)

    assert "initial, each row: there from the start: an open begin" in missed(INITIAL)


def test_a_service_that_never_recovers_is_worse_and_never_better() -> None:
    """Five runs against five, from their requests on; in most of them the last requests succeed."""
    chance = np.random.default_rng(1)
    before, never = comparisons.Service("well"), comparisons.Service("never", lasting=0.1)
    found = [comparisons.compared(chance, before, never, (5, 5)) for _ in range(4)]
    same = [comparisons.compared(chance, before, before, (5, 5)) for _ in range(4)]

    assert all(one["recovery"] and not one["better"] for one in found)
    assert sum(bool(one["claimed"]) for one in same) <= 1
