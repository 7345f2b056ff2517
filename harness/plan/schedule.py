"""Which faults of a scenario a run has, and when each one is active. Pure.

A fault keeps its name and its time, whichever others are left out: so a run with fewer faults is
the same run, but for those.
"""

import itertools
import random
from collections import Counter
from collections.abc import Iterable, Iterator
from dataclasses import dataclass

from harness.plan.fault import LASTS_SECONDS, FaultSpec, PlannedFault, planned
from harness.plan.fault_registry import require_sound
from harness.plan.layout import Need, StackLayout, Thing
from harness.plan.run_options import brief

EXPLORED_SECONDS_MIN = 1.0
"""A fault at a random time lasts at least this long: to be proven, and noticed."""
EXPLORED_PHASE_SECONDS_MIN = 2.0
DRAWS_MAX = 1000
NAMED_MAX = 5
"""Of the names that are unknown."""
NONE = "none"
"""In place of names: no fault at all."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which of a scenario's faults are wanted, by name.

    ``only`` none means all of them; the word `NONE` in it means no fault at all.
    """

    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


def named(faults: Iterable[FaultSpec]) -> dict[str, FaultSpec]:
    """The faults of a scenario by name: their own, or their number in it and their kind."""
    return dict(zip(_names(faults := tuple(faults)), faults, strict=True))


def _names(faults: Iterable[FaultSpec]) -> list[str]:
    return [spec.name or f"{number}-{spec.kind}" for number, spec in enumerate(faults, start=1)]


def wrong_names(faults: Iterable[FaultSpec]) -> Iterator[str]:
    """Every name that means no single fault, each with what to do."""
    faults = tuple(faults)
    for name, count in Counter(_names(faults)).items():
        if count > 1:
            automatic = "; a fault without a name is called by its number and kind"
            given = sum(spec.name == name for spec in faults)
            yield f"two faults are named {name}{automatic if given < count else ''}"
        if name.lower() == NONE:
            yield f"a fault cannot be named {name}: --only-faults {NONE} means no fault at all"


def chosen(faults: Iterable[FaultSpec], choice: Choice) -> dict[str, FaultSpec]:
    """Those that are wanted, in the order of the scenario."""
    return {
        name: spec
        for name, spec in named(faults).items()
        if (not choice.only or name in choice.only) and name not in choice.without
    }


def wrong_choice(faults: Iterable[FaultSpec], choice: Choice) -> list[str]:
    """The names that no fault of the scenario has, the first few; what would be valid."""
    known = named(faults)
    listed = ", ".join(known) or "no faults"
    found = []
    only, without = (choice.only, {*known, NONE}), (choice.without, set(known))
    for option, (names, valid) in {"--only-faults": only, "--without-fault": without}.items():
        if wrong := [
            brief(name) or repr(name) for name in dict.fromkeys(names) if name not in valid
        ]:
            more = f" and {len(wrong) - NAMED_MAX:,} more" if len(wrong) > NAMED_MAX else ""
            first = ", ".join(wrong[:NAMED_MAX])
            found.append(f"{option} {first}{more}: the scenario has {listed}")
    return found


def natural_s(faults: Iterable[FaultSpec]) -> float:
    """Length of the fault phase as the scenario states it: to the end of the last fault.

    As long as one fault lasts where there is none: then it is only looked for as long.
    """
    return max((spec.at_s + spec.lasts_s for spec in faults), default=LASTS_SECONDS)


def scheduled(
    faults: dict[str, FaultSpec],
    baseline_s: float,
    fault_s: float,
    explore_seed: int | None,
    layout: StackLayout,
) -> tuple[PlannedFault, ...]:
    """Each fault at its time; with ``explore_seed`` at a random time, for a random length.

    The fault phase lasts from ``baseline_s`` for ``fault_s`` seconds. Where that is not the length
    that the scenario states, all times in it are scaled. No fault leaves it, so that baseline and
    recovery stay as long as they were asked to be. The same seed and scenario give the same times;
    faults that cannot be active together are not drawn to be, if there is room.
    """
    for spec in faults.values():
        require_sound(spec)
    scale = fault_s / natural_s(faults.values())
    if explore_seed is None:
        return tuple(
            planned(
                name,
                spec,
                baseline_s + round(spec.at_s * scale, 9),
                baseline_s + round((spec.at_s + spec.lasts_s) * scale, 9),
                layout,
            )
            for name, spec in faults.items()
        )
    for draw in range(DRAWS_MAX):
        found = []
        for name, spec in faults.items():
            chance = random.Random(f"{explore_seed}/{draw}/{name}")  # reproducible on purpose  # noqa: S311  # reproducible on purpose
            inject_s, heal_s = _at_random(fault_s, chance)
            found.append(planned(name, spec, baseline_s + inject_s, baseline_s + heal_s, layout))
        if not conflicts(found, layout):
            break
    return tuple(found)


def _at_random(fault_s: float, chance: random.Random) -> tuple[float, float]:
    """Begin and end in the fault phase, to the millisecond."""
    least_s = min(EXPLORED_SECONDS_MIN, fault_s)
    length_s = round(chance.uniform(least_s, fault_s), 3)
    start_s = round(chance.uniform(0.0, fault_s - length_s), 3)
    return start_s, start_s + length_s


def conflicts(faults: Iterable[PlannedFault], layout: StackLayout) -> list[str]:
    """Every two faults that overlap although the heal of one would end the other as well."""
    return [
        f"{one.name} and {two.name} overlap, and both switch {shared}: the heal of one"
        " would end the other; let them follow each other"
        for one, two in itertools.combinations(faults, 2)
        if one.inject_s < two.heal_s and two.inject_s < one.heal_s
        if (shared := _shared_switch(one, two, layout))
    ]


def _shared_switch(one: PlannedFault, two: PlannedFault, layout: StackLayout) -> str:
    """What both switch, in words; empty for nothing."""
    for mine, theirs in itertools.product(one.switches, two.switches):
        if mine.what is not theirs.what:
            continue
        if mine.what is Thing.PROCESS:
            if set(_parts(mine, layout)) & set(_parts(theirs, layout)):
                return theirs.name
        elif mine.name == theirs.name:
            is_link = mine.what is Thing.LINK
            return f"the proxy of link {mine.name}" if is_link else f"{mine}"
    return ""


def _parts(need: Need, layout: StackLayout) -> tuple[str, ...]:
    return layout.meant(need.name)


def timeline_text(faults: Iterable[PlannedFault]) -> str:
    """When every fault is active, in one line; in the order of their injection."""
    in_order = sorted(faults, key=lambda fault: fault.inject_s)
    listed = [f"{f.name} from {f.inject_s:.3f} s to {f.heal_s:.3f} s" for f in in_order]
    return ", ".join(listed) or "no fault"
