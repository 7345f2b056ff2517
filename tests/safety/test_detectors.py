"""The detectors: how often they cry for nothing, and how late they are."""

import random
from dataclasses import replace

import pytest

from harness.history.ledger_facts import LedgerEntry
from harness.run.safety.detectors import BLIP_FAILURES_LEAST, FailureCusum, Payouts

HOUR_AT_50 = 180_000
PAID = LedgerEntry(1, "loan-1", "ours", "key-1", 10_000, 1, 10_000, "2026-01-01", "disbursed")


def requests_to_alarm(share: float, rate: float, most: int, chance: random.Random) -> int | None:
    """How many requests it takes at a share of failures; None for no alarm among ``most``."""
    cusum = FailureCusum(rate)
    for number in range(1, most + 1):
        if cusum.feed(failed=chance.random() < share):
            return number
    return None


@pytest.mark.parametrize("share", [0.0, 0.005, 0.01, 0.02])
def test_no_false_alarm_in_an_hour(share: float) -> None:
    """At a share of failures that is merely a little worse, an hour passes without an alarm."""
    assert requests_to_alarm(share, 50, HOUR_AT_50, random.Random(1)) is None


def test_false_alarms_of_the_least_threshold() -> None:
    """A thousand runs of half a minute at the rate with the lowest threshold: none."""
    chance = random.Random(2)
    alarms = [requests_to_alarm(0.005, 10, 300, chance) for _ in range(1000)]

    assert alarms == [None] * 1000


def test_isolated_blips_are_forgiven() -> None:
    """A fifth of a second of total failure in every ten seconds, for ten minutes, is no reason."""
    cusum = FailureCusum(50)
    found = [cusum.feed(failed=number % 500 < 10) for number in range(30_000)]

    assert not any(found)


def test_total_failure_is_found_after_the_forgiven_blip() -> None:
    """13 failures in a row at 50 a second, 10 at the lowest rates, 250 at 1000 a second."""
    found = {
        rate: requests_to_alarm(1.0, rate, 1000, random.Random(3)) for rate in (1, 10, 50, 1000)
    }

    assert found == {1: BLIP_FAILURES_LEAST, 10: BLIP_FAILURES_LEAST, 50: 13, 1000: 250}


@pytest.mark.parametrize(("share", "seconds"), [(0.5, 1.5), (0.2, 3.5), (0.1, 8.0)])
def test_detection_delay(share: float, seconds: float) -> None:
    """Half of the requests failing is found in about half a second, a tenth in four."""
    chance = random.Random(4)
    delays = sorted(requests_to_alarm(share, 50, 10_000, chance) or 10_000 for _ in range(200))

    assert delays[190] / 50 < seconds


def test_a_good_stretch_does_not_lend_credit() -> None:
    """Page's sum is cut off at zero: what went well before does not delay the alarm."""
    cusum = FailureCusum(50)
    for _ in range(10_000):
        cusum.feed(failed=False)

    assert cusum.score == 0.0
    assert [cusum.feed(failed=True) for _ in range(13)].index(True) == 12


def payouts(*entries: LedgerEntry) -> tuple[Payouts, list[str]]:
    """What becomes of these entries, read one after the other."""
    seen = Payouts(frozenset({"ours"}))
    doubled = [key for entry in entries for key in seen.feed([entry])]
    return seen, doubled


def test_a_loan_read_again_is_not_paid_out_twice() -> None:
    """The newest entries are read again and again."""
    assert payouts(PAID, PAID, PAID)[1] == []


@pytest.mark.parametrize(
    "second",
    [replace(PAID, loan_id="loan-2"), replace(PAID, disbursements=2)],
    ids=["a second loan", "a second payment"],
)
def test_a_second_payment_is_found(second: LedgerEntry) -> None:
    """Under the same key as another loan, or later on the same one."""
    assert payouts(PAID, second)[1] == ["key-1"]


def test_two_rows_of_which_one_was_paid_are_one_payment() -> None:
    """What was never paid out does no harm yet; the ledger's check after the run still sees it."""
    assert payouts(PAID, replace(PAID, loan_id="loan-2", disbursements=0))[1] == []


def test_loans_of_others_are_not_ours_to_judge() -> None:
    """On a target of somebody else, others borrow as well."""
    theirs = replace(PAID, account_id="theirs", disbursements=2)

    seen, doubled = payouts(theirs)
    assert doubled == []
    assert seen.at_risk_fen({"key-1"}) == 0


@pytest.mark.parametrize(
    ("entries", "not_told", "fen"),
    [
        ([PAID], set(), 0),
        ([PAID], {"key-1"}, 10_000),
        ([PAID, replace(PAID, loan_id="loan-2", principal_fen=700)], set(), 700),
        ([replace(PAID, disbursements=3)], set(), 20_000),
        ([replace(PAID, disbursements=0)], {"key-1"}, 0),
        ([PAID], {"key-2"}, 0),
    ],
)
def test_principal_at_risk(entries: list[LedgerEntry], not_told: set[str], fen: int) -> None:
    """Paid out and not told: all of it; paid out twice: what is beyond the first."""
    seen, _ = payouts(*entries)

    assert seen.at_risk_fen(not_told) == fen
