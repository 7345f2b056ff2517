"""Figures that do not show on which machine they were summed."""

from dataclasses import dataclass

from harness.verdict.judge import judge
from harness.verdict.rounding import rounded
from harness.verdict.types import Crossing, Recovery, to_json
from tests.builders import cut_run


@dataclass(frozen=True)
class Part:
    """Something with figures in it."""

    share: float
    name: str
    counts: dict[str, float | int | None]


def test_last_bits_are_gone() -> None:
    """Two sums of the same figures in another order become one."""
    one, other = 0.1 + 0.2 + 0.3, 0.3 + 0.2 + 0.1

    assert one != other
    assert rounded(Part(one, "a", {"b": one})) == rounded(Part(other, "a", {"b": other}))


def test_everything_else_stays() -> None:
    """Whole numbers, words, what is missing, and figures of as many digits as are known."""
    part = Part(0.5123456789, "0.1234567890123", {"a": 3, "b": None, "c": 1e300})

    assert rounded(part) == part
    assert rounded([(1.0, True)]) == [(1.0, True)]


def test_figures_deep_inside_are_rounded() -> None:
    """In lists of parts of parts."""
    crossing = Crossing(0.05, 1 / 3, None, None, confirmed=True, resolvable=True)

    assert rounded(Recovery(crossings=[crossing])).crossings[0].from_heal_s == 0.3333333333


def test_a_verdict_has_no_longer_figures() -> None:
    """No number in verdict.json has more digits than are kept."""
    text = to_json(judge(*cut_run()))
    numbers = [word.strip(",") for word in text.split() if word[:1].isdigit() and "." in word]
    floats = [n for n in numbers if n.replace(".", "").isdigit()]

    assert floats
    assert max(len(n.replace(".", "").lstrip("0")) for n in floats) <= 11
