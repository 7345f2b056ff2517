"""The quick calibration on the estimators as they are, and on planted defects."""

from collections.abc import Callable, Sequence
from dataclasses import replace

import pytest

from benchmarks import in_flight, measure, whole
from benchmarks.all_sections import SECTIONS
from benchmarks.calibration import Aim
from benchmarks.scoring import Span
from benchmarks.section_tables import aims_of
from benchmarks.sections import chosen, repeat_rows
from harness.verdict.types import Episode

REPEATS = measure.QUICK.repeats


def quick(section: str) -> list[Aim]:
    """The aims of the quick rows of one section, repeated in this process."""
    rows = chosen([one for one in SECTIONS if one.name == section], quick=True)
    for _ in repeat_rows(rows, REPEATS, 1, processes=1):
        pass
    return aims_of(rows, quick=True)


def spans(change: Callable[[Span], Span]) -> Callable[..., list[Span]]:
    """What reads the spans of episodes, but changes each of them."""
    honest = in_flight.spans_of

    def planted(episodes: Sequence[Episode], *, slow: bool) -> list[Span]:
        return [change(span) for span in honest(episodes, slow=slow)]

    return planted


def halved(span: Span) -> Span:
    """Both intervals half as wide, around the same estimates."""

    def half(at_s: float, ends: tuple[float | None, float | None]) -> tuple[float, float]:
        low, high = (at_s if end is None else at_s + (end - at_s) / 2 for end in ends)
        return low, high

    return replace(
        span,
        onset=half(span.onset_s, span.onset),
        recovered=half(span.recovered_s or 0.0, span.recovered),
    )


def late(span: Span) -> Span:
    """An onset dated by the answer, as if the service decided when it is sent."""
    low, high = span.onset
    moved = (None if low is None else low + 0.1, None if high is None else high + 0.1)
    return replace(span, onset_s=span.onset_s + 0.1, onset=moved)


def test_the_estimators_as_they_are_meet_the_quick_aims() -> None:
    """Every quick row of edges met in flight reaches its limits, or misses them by chance."""
    assert [aim.what for aim in quick("edges") if not aim.met] == []


@pytest.mark.parametrize("change", [halved, late])
def test_a_planted_defect_is_refused(
    change: Callable[[Span], Span], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Intervals half as wide, or an edge that is dated late: not all aims are met."""
    monkeypatch.setattr(in_flight, "spans_of", spans(change))

    assert any("interval holds" in aim.what for aim in quick("edges") if not aim.met)


def test_a_fast_way_that_differs_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """An episode that only the fast way finds, or dates otherwise by 2 µs: not equal."""
    honest = whole.episodes_of

    def planted(*arrays: object) -> list[Episode]:
        first, *rest = honest(*arrays)
        return [replace(first, onset_s=first.onset_s + 2e-6), *rest]

    assert all(aim.met for aim in quick("whole"))
    monkeypatch.setattr(whole, "episodes_of", planted)
    assert not all(aim.met for aim in quick("whole"))


def test_the_quick_rows_are_few_and_fixed() -> None:
    """One or a few of every section, and no more than a quick calibration has time for."""
    rows = chosen([*SECTIONS, measure.PACED], quick=True)

    assert {row.section.name for row in rows} == {one.name for one in (*SECTIONS, measure.PACED)}
    assert 12 <= len(rows) <= 18
