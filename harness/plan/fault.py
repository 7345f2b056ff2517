"""What every fault says of itself, and the plain data that is planned from it.

A fault is a frozen dataclass in a file of its own under `harness.faults`, beside what injects it.
Planning turns it into a `PlannedFault`: nothing that reads a plan, a journal or a verdict knows the
classes of faults. Nothing here has an effect.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field, fields
from datetime import timedelta
from typing import Any, ClassVar, Literal, NamedTuple

from harness.core import durations
from harness.core.numbers import Seconds
from harness.core.places import place_of_function
from harness.plan.checked import CheckedClass, shown
from harness.plan.layout import Need, StackLayout

Direction = Literal["both", "upstream", "downstream"]
"""``upstream``: requests, towards the far side; ``downstream``: answers, back from it."""
Duration = float | str | timedelta
"""A number of seconds, or a text like ``200ms``, ``5s`` or ``1m``."""

LASTS_SECONDS = 5.0
NAME_LETTERS_MAX = 60
OWN_FIELDS = ("at", "lasts", "expects_impact", "name")
"""What every fault has, whatever it breaks."""


class FaultPage(NamedTuple):
    """What the catalogue (docs/faults.md) says of a fault: what really happens, what its canary
    sees, how it heals, and a command line that tries it.
    """

    effect: str
    canary: str
    heal: str
    example: str


class Phrase(NamedTuple):
    """How a sentence names a fault, with ``{target}`` and ``{was}`` (was, were): what it did,
    and its end where several faults have to be told apart; empty: the heal.
    """

    did: str
    ended: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class FaultSpec(metaclass=CheckedClass):
    """What every fault has.

    ``at`` is when it is injected, counted from the end of the baseline, and ``lasts`` how long it
    is active; durations. ``expects_impact`` is False for a fault that borrowers should not notice.
    ``name`` is what reports call it; its number and kind where it is empty.
    """

    at: Duration = 0.0
    lasts: Duration = LASTS_SECONDS
    expects_impact: bool = True
    name: str = ""

    RENAMED: ClassVar[dict[str, str]] = {
        "during": "say when it begins and how long it lasts, as in at='1s', lasts='3s' (seconds"
        " after the baseline; of a fault phase of 5s, during=(0.2, 0.8) was at='1s', lasts='3s')"
    }
    kind: ClassVar[str]
    """The word for it in plans, journals and verdicts; unique, and never changed."""
    told: ClassVar[str] = ""
    """Its `description`, with fields of the fault in braces."""
    phrase: ClassVar[Phrase] = Phrase("{target} {was} disturbed")
    page: ClassVar[FaultPage] = FaultPage("", "", "", "")
    stops_service: ClassVar[bool] = False
    """Whether no one who needs its target is served as long as it is in place, whatever the state
    of the service. False where it only may: then the run has to show what it did."""

    @property
    def at_s(self) -> float:
        """Seconds from the end of the baseline to its injection."""
        return durations.seconds(self.at)

    @property
    def lasts_s(self) -> float:
        """Seconds from its injection to its heal."""
        return durations.seconds(self.lasts)

    @property
    def target(self) -> str:
        """What it is on, as reports name it."""
        raise NotImplementedError

    @property
    def needs(self) -> tuple[Need, ...]:
        """What a target must offer for it."""
        raise NotImplementedError

    @property
    def takes_away(self) -> tuple[Need, ...]:
        """What others cannot use, or not as usual, while it is active."""
        return self.needs

    @property
    def canary_needs(self) -> tuple[Need, ...]:
        """What has to be well for its canary to be answered without it."""
        return self.takes_away

    @property
    def rests_on(self) -> tuple[Need, ...]:
        """What it changed, and what would end it if it were changed back."""
        return ()

    @property
    def resets(self) -> tuple[Need, ...]:
        """What its injection or its heal changes as a whole, ending any fault that rests on it."""
        return ()

    @property
    def switches(self) -> tuple[Need, ...]:
        """What two faults cannot have at the same time: the heal of one would end the other."""
        return self.resets

    def objections(self) -> list[str]:
        """What is wrong with its own fields, each with what would be valid.

        The values have the right types. (A dataclass with slots cannot call ``super()``.)
        """
        return []

    @property
    def problems(self) -> list[str]:
        """Every value that is not valid, each with what would be."""
        said: Any = self.objections()
        # An empty text objects to nothing: what is left over of such a fault is healed.
        is_list = isinstance(said, Iterable) and not (isinstance(said, str) and said)
        found = [*said] if is_list else []
        if not is_list or not all(isinstance(one, str) for one in found):
            where = place_of_function(type(self).objections)
            must = "must return a list of texts, an empty one where all is well"
            return [f"objections {must}, not {shown(said)} ({where})"]
        for name, least in (("at", 0.0), ("lasts", 0.001)):
            try:
                value_s = durations.seconds(getattr(self, name))
            except ValueError as error:
                found.append(f"{name} {shown(getattr(self, name))} {error}")
                continue
            if not least <= value_s <= durations.DAY_SECONDS:
                found.append(f"{name} {value_s:g}s must be from {least:g}s to 24h")
        if self.name and not _is_name(self.name):
            found.append(
                f"name {self.name!r} must be at most {NAME_LETTERS_MAX} letters, digits, - or _, as"
                " files and toxics are called after it"
            )
        return found

    @property
    def description(self) -> str:
        """One line for the report."""
        return self.told.format(self)

    @property
    def parameters(self) -> dict[str, Any]:
        """The values of its own fields, by name."""
        own = [f.name for f in fields(self) if f.name not in OWN_FIELDS]
        return {name: getattr(self, name) for name in own}


def _is_name(text: str) -> bool:
    return (
        len(text) <= NAME_LETTERS_MAX
        and text.isascii()
        and text.replace("-", "").replace("_", "").isalnum()
    )  # the message says it


@dataclass(frozen=True, slots=True)
class PlannedFault:
    """A fault as a plan holds it: plain data, with its place on the timeline in seconds after zero.

    The fields are those of `FaultSpec`, as they were when it was planned. ``stops_all_lending`` is
    whether by its nature it leaves no one served while it is in place. ``parts`` are the processes
    that were meant, once the fault is about to be injected.
    """

    name: str
    kind: str
    target: str
    inject_s: Seconds
    heal_s: Seconds
    parameters: Mapping[str, Any] = field(default_factory=dict)
    description: str = ""
    phrase: Phrase = FaultSpec.phrase
    expects_impact: bool = True
    stops_all_lending: bool = False
    needs: tuple[Need, ...] = ()
    takes_away: tuple[Need, ...] = ()
    canary_needs: tuple[Need, ...] = ()
    rests_on: tuple[Need, ...] = ()
    resets: tuple[Need, ...] = ()
    switches: tuple[Need, ...] = ()
    parts: tuple[str, ...] = ()

    @property
    def lasts_s(self) -> float:
        """Planned seconds from the injection to the heal."""
        return max(0.0, self.heal_s - self.inject_s)


def planned(
    name: str, spec: FaultSpec, inject_s: float, heal_s: float, layout: StackLayout
) -> PlannedFault:
    """A fault at its place on the timeline of a run against a target of that ``layout``."""
    stops = spec.stops_service and any(map(layout.is_needed, spec.takes_away))
    several = len(layout.candidates(spec.target)) > 1 and not layout.is_one_of(spec.target)
    did = spec.phrase.did.replace("{was}", "were" if several else "was")
    return PlannedFault(
        name=name,
        kind=spec.kind,
        target=spec.target,
        inject_s=inject_s,
        heal_s=heal_s,
        parameters=spec.parameters,
        description=spec.description,
        phrase=Phrase(did, spec.phrase.ended),
        expects_impact=spec.expects_impact,
        stops_all_lending=stops,
        needs=spec.needs,
        takes_away=spec.takes_away,
        canary_needs=spec.canary_needs,
        rests_on=spec.rests_on,
        resets=spec.resets,
        switches=spec.switches,
    )
