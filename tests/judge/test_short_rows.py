"""Failures in a row: too few are told and change nothing, five of five are an outage."""

import pytest

from harness.verdict.judge import judge
from harness.verdict.types import Severity, Verdict
from tests.builders import facts, failed, operation, plan_of


def judged(*places: int) -> Verdict:
    """A run without a fault in which the requests at these places, of 10 a second, fail."""
    plan = plan_of(rate=10, baseline_s=20)
    made = [
        (failed if arrival.index in places else operation)(plan, arrival.index)
        for arrival in plan.arrivals
    ]
    return judge(plan, facts(plan, tuple(made)))


@pytest.mark.parametrize("number", [3, 4])
def test_fewer_than_five_in_a_row_are_told(number: int) -> None:
    """As a note that says how many and when."""
    verdict = judged(*range(250, 250 + number))

    assert verdict.episodes == []
    (row,) = [finding for finding in verdict.findings if finding.code == "failures_in_a_row"]
    assert row.verdict is Severity.NOTE
    assert row.message.startswith(f"{number} of {number} borrow requests failed from 24.")
    assert "too few to call it an outage" in row.message


def last(number: int) -> list[int]:
    """The places of the last requests of such a run."""
    return [arrival.index for arrival in plan_of(rate=10, baseline_s=20).arrivals][-number:]


@pytest.mark.parametrize("places", [last(3), last(4), last(30)[::9]])
def test_fewer_than_five_at_the_very_end_are_undecided(places: list[int]) -> None:
    """No stretch, however few they are among: but nobody knows whether the service died there.

    They are told with that, and not a second time as failures in a row.
    """
    verdict = judged(*places)

    assert verdict.episodes == []
    codes = {finding.code: finding.verdict for finding in verdict.findings}
    assert codes["not_recovered"] is Severity.INCONCLUSIVE
    assert not {"outage", "degraded"} & set(codes)
    assert "failures_in_a_row" not in codes


def test_five_at_the_very_end_are_an_outage() -> None:
    """Which never ended."""
    (episode,) = judged(*last(5)).episodes

    assert (episode.class_, episode.failed, episode.recovered_s) == ("outage", 5, None)


def test_five_in_a_row_are_an_outage() -> None:
    """Half a second of ten requests a second in which nobody was served."""
    verdict = judged(*range(250, 255))

    (episode,) = verdict.episodes
    assert (episode.class_, episode.failed) == ("outage", 5)
    codes = {finding.code: finding.verdict for finding in verdict.findings}
    assert codes["outage"] is Severity.FAIL
    assert "failures_in_a_row" not in codes


def test_scattered_failures_are_no_row() -> None:
    """Four failures with a success between each two of them."""
    verdict = judged(250, 252, 254, 300)

    assert verdict.episodes == []
    assert "failures_in_a_row" not in {finding.code for finding in verdict.findings}


def test_what_such_a_run_can_see_is_in_the_verdict() -> None:
    """Five requests and the gap around them, whatever the service did."""
    seen = judged().visible

    assert seen is not None
    assert seen.outage_s == pytest.approx(0.52)
    assert seen.brownout_share == pytest.approx(0.13, abs=0.03)
