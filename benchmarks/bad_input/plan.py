"""Which bad inputs there are: kinds by weight, each case by a seed and its number alone."""

import random
from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace

from benchmarks.bad_input import faults, options, scenario_files, stored, surroundings, yaml_files
from benchmarks.bad_input.case import Case
from benchmarks.bad_input.inventory import Parameter

COUNT_DEFAULT = 1200
"""Enough for every option of every command, and every damage of every file of a run."""
Make = Callable[[random.Random, int, Sequence[Parameter]], Case]
"""Makes the case of a turn: what is to be met in turn is taken by it, the rest by chance."""
KINDS: tuple[tuple[Make, int], ...] = (
    (options.option, 24),
    (stored.runs, 18),
    (scenario_files.scenario_files, 10),
    (faults.faults, 8),
    (yaml_files.resilience, 8),
    (stored.states, 8),
    (options.words, 6),
    (yaml_files.game_days, 6),
    (stored.sessions, 6),
    (surroundings.variables, 6),
    (surroundings.outputs, 5),
    (stored.histories, 4),
    (surroundings.streams, 4),
    (surroundings.places, 4),
    (surroundings.configuration, 4),
    (surroundings.hard_places, 3),
)
_BLOCK = sum(weight for _, weight in KINDS)


def cases(seed: int, count: int, known: Sequence[Parameter]) -> Iterator[Case]:
    """The first ``count`` cases of a seed, numbered from 0."""
    return (case_of(seed, number, known) for number in range(count))


def case_of(seed: int, number: int, known: Sequence[Parameter]) -> Case:
    """One case, which no other number or count has a part in."""
    block, place = divmod(number, _BLOCK)
    order = list(range(_BLOCK))
    random.Random(_BLOCK).shuffle(order)
    make, weight, turn = _at(order[place])
    # Seeds begin at different places of what is taken in turn.
    begin = random.Random(f"{seed}:{make.__name__}").randrange(10**6)
    chance = random.Random(f"{seed}:{number}")
    return replace(make(chance, begin + block * weight + turn, known), number=number)


def _at(place: int) -> tuple[Make, int, int]:
    """Which kind has this place of a block, its weight, and how many of it come before."""
    for make, weight in KINDS:
        if place < weight:
            return make, weight, place
        place -= weight
    raise IndexError(place)
