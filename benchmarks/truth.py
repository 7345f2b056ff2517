"""The shapes of trouble that are measured, and what is true about each of them.

Simulation and scripted target take the same `Stretch`es; the truth is computed from them alone.
"""

import random
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace

from benchmarks.outage_script import Kind, Stretch

RECOVERED_BELOW_SHARE = 0.05
"""Borrowing has recovered when fewer than this share of the requests fail."""
TIMEOUT_SECONDS = 2.0
"""Of the benchmark's clients, in simulation and in reality."""
LOG_IN_SHARE = 0.3
"""Of the arrivals, those that begin with a log-in."""
HARD = ("hard outage",)
"""Shapes for which theory gives the limit of what can be known."""


@dataclass(frozen=True, slots=True)
class Shape:
    """A kind of trouble: its stretches from 0 on; those of one label are one trouble."""

    name: str
    stretches: tuple[Stretch, ...]

    @property
    def length_s(self) -> float:
        """From its first edge to its last."""
        return max(stretch.end_s for stretch in self.stretches)

    @property
    def is_slow(self) -> bool:
        """Whether it only makes answers late."""
        return all(stretch.kind is Kind.SLOW for stretch in self.stretches)

    def at(self, start_s: float, mark: str = "") -> list[Stretch]:
        """The same, begun at ``start_s``; ``mark`` makes its labels its own."""
        return [
            replace(
                stretch,
                start_s=stretch.start_s + start_s,
                end_s=stretch.end_s + start_s,
                label=f"{self.name}/{stretch.label}{mark}",
            )
            for stretch in self.stretches
        ]


@dataclass(frozen=True, slots=True)
class Truth:
    """One trouble as it really was, in seconds on the clock of its script.

    ``recovered_s`` is when the share of failures of new requests fell below
    `RECOVERED_BELOW_SHARE`.
    """

    shape: str
    label: str
    onset_s: float
    recovered_s: float
    kind: Kind

    @property
    def length_s(self) -> float:
        """How long it lasted."""
        return self.recovered_s - self.onset_s


def _shape(name: str, *stretches: Stretch) -> Shape:
    return Shape(name, stretches)


def _ramp(seconds: float) -> Shape:
    return _shape(
        f"ramp of {seconds:g} s",
        Stretch(Kind.REFUSE, 0, 2),
        Stretch(Kind.RAMP, 2, 2 + seconds),
    )


SHAPES = {
    shape.name: shape
    for shape in (
        _shape("hard outage", Stretch(Kind.REFUSE, 0, 3)),
        _shape("black hole", Stretch(Kind.BLACK_HOLE, 0, 3)),
        _shape("stall, then served", Stretch(Kind.STALL, 0, 4)),
        _shape("brownout 50 %", Stretch(Kind.REFUSE, 0, 5, share=0.5)),
        _shape("brownout 20 %", Stretch(Kind.REFUSE, 0, 8, share=0.2)),
        _shape("brownout 5 %", Stretch(Kind.REFUSE, 0, 15, share=0.05)),
        _ramp(0.5),
        _ramp(2),
        _ramp(10),
        _shape(
            "flapping",
            Stretch(Kind.REFUSE, 0, 1.5, label="1"),
            Stretch(Kind.REFUSE, 3.5, 5, label="2"),
            Stretch(Kind.REFUSE, 7, 8.5, label="3"),
        ),
        _shape(
            "late second outage",
            Stretch(Kind.REFUSE, 0, 2, label="1"),
            Stretch(Kind.REFUSE, 12, 14, label="2"),
        ),
        _shape(
            "some users' log-in",
            Stretch(Kind.SILENT, 0, 10, share=0.5, steps=("log_in",)),
        ),
        _shape("slow answers", Stretch(Kind.SLOW, 0, 4, delay_s=0.3)),
    )
}


def hard_outages(
    count: int, chance: random.Random, kinds: Sequence[Kind] = (Kind.REFUSE, Kind.RESET)
) -> list[Stretch]:
    """A series of hard outages from T0 on, of these kinds by turns, at irregular times."""
    stretches, at_s = [], 0.0
    for number in range(count):
        at_s += chance.uniform(1.4, 2.0)
        end_s = at_s + chance.uniform(0.9, 1.4)
        kind = kinds[number % len(kinds)]
        label = f"{HARD[0]}/{number}"
        stretches.append(Stretch(kind, at_s, end_s, label=label))
        at_s = end_s
    return stretches


def one_of_each(names: Iterable[str], gap_s: float, chance: random.Random) -> list[Stretch]:
    """These shapes one after the other from T0 on, ``gap_s`` or a little more between them."""
    stretches, at_s = [], 0.0
    for number, name in enumerate(names):
        at_s += gap_s + chance.random()
        stretches += SHAPES[name].at(at_s, f"#{number}")
        at_s += SHAPES[name].length_s
    return stretches


def truths_of(stretches: Iterable[Stretch]) -> list[Truth]:
    """What is true of each trouble of a script, in order of onset."""
    by_label: dict[str, list[Stretch]] = {}
    for stretch in sorted(stretches, key=lambda s: s.start_s):
        by_label.setdefault(stretch.label, []).append(stretch)
    return [
        Truth(label.split("/")[0], label, found[0].start_s, _recovered_s(found[-1]), found[0].kind)
        for label, found in by_label.items()
    ]


def _recovered_s(last: Stretch) -> float:
    """When new requests succeed again: the last stretch's end, but for two kinds.

    A ramp crosses `RECOVERED_BELOW_SHARE` before its end. Of the requests that a stall holds, the
    last ones are answered within the client's timeout: so new requests succeed one timeout before
    its end.
    """
    if last.kind is Kind.RAMP:
        return last.start_s + (last.end_s - last.start_s) * (1 - RECOVERED_BELOW_SHARE / last.share)
    if last.kind is Kind.STALL:
        return last.end_s - TIMEOUT_SECONDS
    return last.end_s
