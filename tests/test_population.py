"""Phones: no two borrowers of a run share one, nor with whoever is tried out before it."""

import random
import uuid

import pytest

from harness.plan.population import AccountClass, borrowers_of, trials_of


@pytest.mark.parametrize("count", [1, 1_000, 99_990, 100_010])
def test_no_phone_is_used_twice(count: int) -> None:
    """Also where there are more borrowers than five digits can tell apart; none is too long."""
    run = uuid.UUID(int=2**128 - 1)
    borrowers = borrowers_of("good", count, 5, random.Random(1), run)
    trials = trials_of(borrowers, [AccountClass.GOOD, AccountClass.OVERDUE] * 9)

    phones = [b.phone for b in (*borrowers, *trials)]
    assert len(set(phones)) == len(phones) == count + 5 + 18
    assert {len(phone) for phone in phones} == {15}


def test_every_run_has_its_own() -> None:
    """Whoever was registered by a run before is never met again."""
    runs = [uuid.UUID(int=number) for number in range(50)]
    made = [borrowers_of("good", 2, 0, random.Random(1), run) for run in runs]
    trials = [trials_of(borrowers, [AccountClass.GOOD]) for borrowers in made]

    phones = [b.phone for borrowers in (*made, *trials) for b in borrowers]
    assert len(set(phones)) == 3 * len(runs)
