"""Which faults of a scenario a run has, and where on its timeline each one stands. Pure.

A fault keeps its name, and with chance its place, whichever others are left out: so a run with
fewer faults is the same run, but for those.
"""

import itertools
import random
from collections.abc import Iterable
from dataclasses import dataclass

from harness.core.numbers import Seconds
from harness.plan.fault_specs import (
    AnyFault,
    BlockingMigration,
    CommitLost,
    ProcessFault,
    Refuse,
    Reset,
)
from harness.plan.run_options import brief

EXPLORED_SECONDS_MIN = 1.0
"""A fault at a random place lasts at least this long: to be proven, and noticed."""
EXPLORED_PHASE_SECONDS_MIN = 2.0
DRAWS_MAX = 1000
NAMED_MAX = 5
"""Of the names that are unknown."""
NONE = "none"
"""In place of names: no fault at all."""


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """A fault with its place on the timeline, seconds after zero."""

    name: str
    spec: AnyFault
    inject_s: Seconds
    heal_s: Seconds

    @property
    def lasts_s(self) -> float:
        """Planned seconds from the injection to the heal."""
        return max(0.0, self.heal_s - self.inject_s)

    @property
    def stops_all_lending(self) -> bool:
        """Whether by its nature it leaves nobody served while it is in place."""
        return self.spec.target in self.spec.stops_lending_on


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """Which of a scenario's faults are wanted, by name.

    ``only`` none means all of them; the word `NONE` in it means no fault at all.
    """

    only: tuple[str, ...] = ()
    without: tuple[str, ...] = ()


def named(faults: Iterable[AnyFault]) -> dict[str, AnyFault]:
    """The faults of a scenario by name: their number in it and their kind."""
    return {f"{number}-{spec.kind}": spec for number, spec in enumerate(faults, start=1)}


def chosen(faults: Iterable[AnyFault], choice: Choice) -> dict[str, AnyFault]:
    """Those that are wanted, in the order of the scenario."""
    return {
        name: spec
        for name, spec in named(faults).items()
        if (not choice.only or name in choice.only) and name not in choice.without
    }


def wrong_choice(faults: Iterable[AnyFault], choice: Choice) -> list[str]:
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


def placed(
    faults: dict[str, AnyFault], baseline_s: float, fault_s: float, explore_seed: int | None
) -> tuple[PlannedFault, ...]:
    """Each fault at its ``during``; with ``explore_seed`` at a random place, of a random length.

    The fault phase lasts from ``baseline_s`` for ``fault_s`` seconds, and no fault leaves it, so
    that baseline and recovery stay as long as they were asked to be. The same seed and scenario
    give the same places; what cannot be at work together is not drawn to be, if there is room.
    """
    if explore_seed is None:
        return tuple(
            PlannedFault(name, spec, *(baseline_s + share * fault_s for share in spec.shares))
            for name, spec in faults.items()
        )
    for draw in range(DRAWS_MAX):
        planned = []
        for name, spec in faults.items():
            chance = random.Random(f"{explore_seed}/{draw}/{name}")  # noqa: S311  # reproducible on purpose
            inject_s, heal_s = _at_random(fault_s, chance)
            planned.append(PlannedFault(name, spec, baseline_s + inject_s, baseline_s + heal_s))
        if not conflicts(planned):
            break
    return tuple(planned)


def _at_random(fault_s: float, chance: random.Random) -> tuple[float, float]:
    """Begin and end in the fault phase, to the millisecond."""
    least_s = min(EXPLORED_SECONDS_MIN, fault_s)
    length_s = round(chance.uniform(least_s, fault_s), 3)
    start_s = round(chance.uniform(0.0, fault_s - length_s), 3)
    return start_s, start_s + length_s


def conflicts(faults: Iterable[PlannedFault]) -> list[str]:
    """Every two faults that overlap although the heal of one would end the other as well."""
    return [
        f"{one.name} and {two.name} overlap, and both switch {_switch(two.spec)}: the heal of one"
        " would end the other; let them follow each other"
        for one, two in itertools.combinations(faults, 2)
        if one.inject_s < two.heal_s and two.inject_s < one.heal_s and _same_switch(one, two)
    ]


def _switch(spec: AnyFault) -> str | None:
    """What a fault switches as a whole; None of one that only adds something of its own."""
    match spec:
        case ProcessFault() | BlockingMigration():
            return spec.target
        case Refuse() | Reset() | CommitLost():
            return f"the proxy of link {spec.link}"
    return None


def _same_switch(one: PlannedFault, two: PlannedFault) -> bool:
    switches = {_switch(one.spec), _switch(two.spec)}
    every_replica = "replicas" in switches and all(str(s).startswith("replica") for s in switches)
    return None not in switches and (len(switches) == 1 or every_replica)


def timeline_text(faults: Iterable[PlannedFault]) -> str:
    """Where every fault stands, in one line; in the order of their injection."""
    in_order = sorted(faults, key=lambda fault: fault.inject_s)
    listed = [f"{f.name} from {f.inject_s:.3f} s to {f.heal_s:.3f} s" for f in in_order]
    return ", ".join(listed) or "no fault"
