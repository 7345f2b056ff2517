"""Operations and attempts as columns: what comes of rows, and how they are grouped."""

from dataclasses import replace

import numpy as np
import pytest

from harness.history.columns import (
    NONE,
    Attempts,
    Operations,
    Words,
    any_of,
    last_of_each,
    seconds,
)
from harness.history.events import Attempt, Operation, Outcome, Step
from tests.builders import attempt, dropped, failed, operation, plan_of, rows

PLAN = plan_of(rate=1)
OPS = (operation(PLAN, 3), failed(PLAN, 1, blocked_by=Step.LOG_IN), dropped(PLAN, 2))
TRIED = tuple(attempt(op, step, status=200) for op in OPS for step in (Step.LOG_IN, Step.BORROW))


@pytest.mark.parametrize("made", [OPS, TRIED, OPS[:0]])
def test_columns_hold_what_the_rows_held(made: tuple[Operation | Attempt, ...]) -> None:
    """Numbers, marks, words and None, in the order of the rows."""
    columns = Attempts if made is TRIED else Operations

    assert rows(columns.of(made)) == made


def test_a_part_of_the_columns_is_that_part_of_the_rows() -> None:
    """By a mask, or by places and in their order; and one part after the other."""
    known = Operations.of(OPS)

    assert rows(known.take(known.failed)) == OPS[1:]
    assert rows(known.take(np.array([2, 0]))) == (OPS[2], OPS[0])
    assert rows(known.take(known.dropped).with_rows_of(known)) == (OPS[2], *OPS)


def test_nothing_can_iterate_over_rows() -> None:
    """Whoever wants to is told so when it runs; the type checker says it before."""
    for known in (Operations.of(OPS), Attempts.of(TRIED)):
        with pytest.raises(TypeError, match="not iterable"):
            iter(known)  # type: ignore[call-overload]


def test_words_are_told_apart_and_changed() -> None:
    """None is a word of its own; a change leaves the others, and the column it was made of."""
    words = Words.of(["b", None, "a", "b"])
    changed = words.changed(np.array([True, False, False, False]), None)

    assert words.table == (None, "a", "b")
    assert words.are("b", None).tolist() == [True, True, False, True]
    assert words.are("c").tolist() == [False] * 4
    assert words.each(lambda word: len(word or "")).tolist() == [1, 0, 1, 1]
    assert words.within(Words.of(["b", "c"])).tolist() == [0, -1, -1, 0]
    assert changed.texts.tolist() == [None, None, "a", "b"]
    assert words.texts.tolist() == ["b", None, "a", "b"]


def test_a_changed_word_keeps_its_type() -> None:
    """An outcome stays one, and no text that only looks like it."""
    known = Operations.of(OPS).outcome.changed(np.array([True, False, False]), Outcome.REFERRED)

    assert known.texts[0] is Outcome.REFERRED


def test_an_attempt_has_the_place_of_its_operation() -> None:
    """Whatever their order is; one of another arrival has none, nor has any among none."""
    known, tried = Operations.of(OPS), Attempts.of([*TRIED, replace(TRIED[0], arrival=9)])

    assert tried.places_in(known).tolist() == [0, 0, 1, 1, 2, 2, -1]
    assert tried.places_in(known.take(np.array([1, 0]))).tolist() == [1, 1, 0, 0, -1, -1, -1]
    assert tried.places_in(Operations.of(())).tolist() == [-1] * 7


def test_the_last_of_the_highest_rank_is_found() -> None:
    """Of each group; an empty one has none, and what is in no group is left out."""
    place, rank = np.array([1, 1, 1, -1, 3, 3]), np.array([0, 2, 2, 9, 1, 0])

    assert last_of_each(place, rank, 4).tolist() == [-1, 2, -1, 4]
    assert any_of(place, 4).tolist() == [False, True, False, True]


def test_an_instant_that_never_was_is_no_number_of_seconds() -> None:
    """NaN, and nanoseconds of the others to the last digit that a float holds."""
    found = seconds(np.array([NONE, 10**12 + 1, 10**12 - 500_000_000]), 10**12)

    assert np.isnan(found[0])
    assert found[1:].tolist() == [1e-9, -0.5]
