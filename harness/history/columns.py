"""Operations and attempts as columns: one array for each field of their rows, all of shape (n,).

Numbers are int64, in the units of the rows in `harness.history.events`, and `NONE` where a row has
None; marks are bool, keys and loans are objects (str or None), words of which there are few are
`Words`. Rows cannot be iterated over: masks and grouped counts do the work.
"""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, fields
from typing import Any, Generic, Self, TypeVar

import numpy as np
from numpy.typing import NDArray

from harness.history.events import Ending, Outcome, Step
from harness.plan.decline import Decline

Ints = NDArray[np.int64]
Floats = NDArray[np.float64]
Bools = NDArray[np.bool_]
Texts = NDArray[np.object_]
W = TypeVar("W", bound=str)

NONE = -(2**63)
"""In a column of numbers; no number of a run is so small."""


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Words(Generic[W]):
    """A column of few distinct words, or None: ``codes`` are places in ``table``, which is sorted.

    Any mask or array of places picks a part of it.
    """

    codes: Ints
    table: tuple[W | None, ...]

    @classmethod
    def of(cls, words: Iterable[W | None]) -> "Words[W]":
        """The column of these words."""
        words = list(words)
        table = tuple(sorted(set(words), key=lambda word: (word or "", word is not None)))
        place = {word: code for code, word in enumerate(table)}
        return cls(np.array([place[word] for word in words], dtype=np.int64), table)

    def __getitem__(self, which: Bools | Ints) -> "Words[W]":
        """Those words alone."""
        return Words(self.codes[which], self.table)

    @property
    def texts(self) -> Texts:
        """The words themselves."""
        table = np.empty(len(self.table), dtype=object)
        table[:] = self.table
        return table[self.codes]

    def are(self, *words: W | None) -> Bools:
        """Which are one of these."""
        return np.array([word in words for word in self.table], dtype=bool)[self.codes]

    def each(self, number: Callable[[W | None], int]) -> Ints:
        """The number that stands for each word."""
        return np.array([number(word) for word in self.table], dtype=np.int64)[self.codes]

    def within(self, other: "Words[W]") -> Ints:
        """The codes that another column has for these words; -1 for those that it lacks."""
        place = {word: code for code, word in enumerate(other.table)}
        return self.each(lambda word: place.get(word, -1))

    def changed(self, which: Bools, to: "W | Texts | None") -> "Words[W]":
        """The same column with other words there."""
        texts = self.texts
        texts[which] = to
        return Words.of(texts.tolist())


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class _Columns:
    """``arrival`` is the index of the planned arrival that each row belongs to."""

    arrival: Ints

    @classmethod
    def of(cls, rows: Iterable[Any]) -> Self:
        """The columns of these rows, in their order."""
        rows = list(rows)
        return cls(
            **{f.name: _column(f.type, [getattr(r, f.name) for r in rows]) for f in fields(cls)}
        )

    def __len__(self) -> int:
        """How many rows there are."""
        return len(self.arrival)

    def take(self, which: Bools | Ints) -> Self:
        """Those rows alone: of a mask, or by their places and in that order."""
        return type(self)(**{f.name: getattr(self, f.name)[which] for f in fields(self)})

    def with_rows_of(self, other: Self) -> Self:
        """These rows, and then the others."""
        pairs = {f.name: (getattr(self, f.name), getattr(other, f.name)) for f in fields(self)}
        return type(self)(**{name: _joined(*pair) for name, pair in pairs.items()})


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Operations(_Columns):
    """What became of planned arrivals, each of which is one borrow: the columns of `Operation`."""

    borrower: Ints
    account_class: Words[str]
    key: Texts
    amount_fen: Ints
    intended_ns: Ints
    outcome: Words[Outcome]
    ending: Words[Ending]
    started_ns: Ints
    ended_ns: Ints
    attempts: Ints
    blocked_by: Words[Step]
    decline: Words[Decline]
    false_declined: Bools
    wrongly_approved: Bools
    code: Words[str]
    loan_id: Texts
    worker: Words[str]

    @property
    def failed(self) -> Bools:
        """Whose borrower did not get the answer they were entitled to."""
        return self.outcome.are(Outcome.FAILED, Outcome.INDETERMINATE)

    @property
    def dropped(self) -> Bools:
        """Which say nothing of the target: the load generator never started them, or a mistake in
        a step of the scenario ended them.
        """
        return self.ending.are(Ending.DROPPED, Ending.BROKEN)


@dataclass(frozen=True, slots=True, eq=False, repr=False)
class Attempts(_Columns):
    """HTTP tries of steps: the columns of `Attempt`."""

    step: Words[Step]
    attempt: Ints
    intended_ns: Ints
    started_ns: Ints
    ended_ns: Ints
    outcome: Words[Outcome]
    worker: Words[str]
    status: Ints
    code: Words[str]
    error: Words[str]
    decline: Words[Decline]
    false_declined: Bools
    invalid_answer: Bools
    sent: Bools
    replayed: Bools
    connection_reused: Bools
    key: Texts
    amount_fen: Ints
    loan_id: Texts

    def places_in(self, operations: Operations) -> Ints:
        """The place of each attempt's operation among these; -1 where it is none of them."""
        if not len(operations):
            return np.full(len(self), -1)
        order = np.argsort(operations.arrival, kind="stable")
        known = operations.arrival[order]
        at = np.searchsorted(known, self.arrival, side="right") - 1
        return np.where((at >= 0) & (known[at] == self.arrival), order[at], -1)


def seconds(at_ns: Ints, zero_ns: int) -> Floats:
    """Seconds after zero; NaN where there is no instant."""
    return np.where(at_ns == NONE, np.nan, (at_ns - zero_ns) / 1e9)


def any_of(place: Ints, count: int) -> Bools:
    """Which of ``count`` groups have a member, by the group of each; one of -1 is in none."""
    return np.bincount(place[place >= 0], minlength=count) > 0


def last_of_each(place: Ints, rank: Ints, count: int) -> Ints:
    """Of each of ``count`` groups the last member of the highest rank; -1 for an empty group.

    ``place`` is the group of each member, -1 for none.
    """
    order = np.lexsort((rank, place))  # stable
    order = order[place[order] >= 0]
    found = np.full(count, -1)
    found[place[order]] = order  # of several, the last one stays
    return found


def _column(kind: Any, values: list[Any]) -> Any:
    if kind == Ints:
        return np.array([NONE if value is None else value for value in values], dtype=np.int64)
    if kind == Bools:
        return np.array(values, dtype=bool)
    if kind == Texts:
        return np.array(values, dtype=object)
    return Words.of(values)


def _joined(first: Any, second: Any) -> Any:
    if isinstance(first, Words):
        return Words.of([*first.texts.tolist(), *second.texts.tolist()])
    return np.concatenate((first, second))
