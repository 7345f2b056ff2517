"""What must hold: limits on measured values, and where each of them came from. Pure.

The fields of `Objectives` are the words of ``resilience.yaml`` and of every message. That money is
neither lost, nor lent twice, nor lent to someone who was refused is no objective: it always holds.
"""

import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field, fields
from typing import Any, ClassVar, Literal

from harness.plan.checked import CheckedClass
from harness.plan.stop_conditions import STOP_KINDS, StopConditions

OnInconclusive = Literal["fail", "inconclusive"]
Kind = Literal["seconds", "milliseconds", "share", "count", "ratio"]
Layer = tuple[dict[str, Any], dict[str, str]]
"""Values that are set somewhere, and the place of each, by name."""

SECONDS_MAX = 24 * 3600.0
COUNT_MAX = 1000
RATIO_MAX = 1000.0
RUNS_MAX = 1000
FAILED_SHARE_MAX = 0.025
"""Of a steady baseline: half of the share at which borrowing counts as impaired, so that the two
can be told apart."""


def _limit(kind: Kind, meaning: str) -> Any:
    """A bound that is not judged unless it is set; ``kind`` gives its unit."""
    return field(default=None, metadata={"kind": kind, "meaning": meaning})


@dataclass(frozen=True, slots=True, kw_only=True)
class Objectives(metaclass=CheckedClass):
    """Bounds on measured values; None means "not judged". Money invariants always hold, unnamed.

    ``recovery_seconds_max`` bounds the upper end of the interval from heal to recovery.
    ``failed_outside_fault_share_max`` leaves out the time from each injection to its heal plus
    ``recovery_seconds_max`` (10 s where that is not set), and what was under way when the fault
    came. ``failed_share_max`` bounds the whole measured window.
    ``indeterminate_share_max`` is taken of the operations planned while a fault was active (of the
    whole window, without a fault). ``impaired_episodes_max`` counts outage and degraded episodes,
    ``slow_episodes_max`` those in which answers only came late. ``latency_ms_p99_max`` counts
    answered operations outside the fault, from the planned start; ``latency_recovery_seconds_max``
    bounds the time from each heal to answers as fast as before. ``grey_failure_seconds_max``
    bounds the time in which the target called itself healthy while borrowing failed.
    ``attempts_per_operation_max`` is taken under the fault. ``decision_shift_share_max`` bounds how
    far the share of any kind of decision may move from the baseline.
    """

    recovery_seconds_max: float | None = _limit(
        "seconds", "from each heal to borrowing as before, upper end of its interval"
    )
    failed_share_max: float | None = _limit(
        "share", "of borrow requests that fail, in the whole measured window"
    )
    failed_outside_fault_share_max: float | None = _limit(
        "share", "of borrow requests that fail outside the fault and its time to recover"
    )
    indeterminate_share_max: float | None = _limit(
        "share", "of borrow requests under the fault whose outcome the borrower never learns"
    )
    impaired_episodes_max: int | None = _limit("count", "outages and degraded stretches")
    latency_ms_p99_max: float | None = _limit(
        "milliseconds", "99th percentile of the wait for an answer, outside the fault"
    )
    latency_recovery_seconds_max: float | None = _limit(
        "seconds", "from each heal to answers as fast as before, upper end of its interval"
    )
    grey_failure_seconds_max: float | None = _limit(
        "seconds", "in which the health address was green while borrowing failed"
    )
    lost_service_seconds_max: float | None = _limit(
        "seconds", "failed borrow requests of the measured window over arrivals a second"
    )
    attempts_per_operation_max: float | None = _limit(
        "ratio", "borrow attempts for each borrow request, under the fault"
    )
    affected_borrowers_share_max: float | None = _limit(
        "share", "of borrowers with at least one failed borrow request"
    )
    slow_episodes_max: int | None = _limit("count", "stretches in which answers came late")
    decision_shift_share_max: float | None = _limit(
        "share", "by which any kind of decision may become more or less frequent, as a difference"
    )

    CHECKS_TYPES: ClassVar[bool] = True

    @property
    def problems(self) -> list[str]:
        """Every limit that can be no limit, each with what would be valid."""
        return wrong_values(self)


INVARIANTS = (
    *("lost", "duplicated", "phantom", "corrupt", "orphan", "unbalanced"),
    *("invariant_violated", "false_decline", "invalid_answer", "replay_unstable"),
)
"""What must hold in every phase, even of a run that was cut short, money first; no limit to set."""
KINDS: dict[str, Kind] = {f.name: f.metadata["kind"] for f in fields(Objectives)}
"""The unit of each objective."""
MEANINGS: dict[str, str] = {f.name: f.metadata["meaning"] for f in fields(Objectives)}

SCENARIO_FILE = "scenario file"
"""Where a limit was set, in the words of a plan's sources."""
NEED_A_FAULT = frozenset(
    ("recovery_seconds_max", "latency_recovery_seconds_max", "attempts_per_operation_max")
)
"""Nothing can be said of these where nothing is injected and healed."""


@dataclass(frozen=True, slots=True, kw_only=True)
class SteadyState:
    """What the baseline must be, for anything to be compared with it.

    ``min_baseline_s`` is its least length in seconds, ``failed_share_max`` what the upper bound of
    its share of failures must stay under, ``started_share_min`` how much of its planned load must
    have been started.
    """

    min_baseline_s: float = 0.0
    failed_share_max: float = FAILED_SHARE_MAX
    started_share_min: float = 0.98


STEADY_STATE_KEYS = {
    "min_baseline": "min_baseline_s",
    "max_bad": "failed_share_max",
    "min_started": "started_share_min",
}
"""The words of ``resilience.yaml`` and the fields they set."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Resilience:
    """What one ``resilience.yaml`` asks for. ``places`` names the line of each limit.

    Keys of ``places`` are the words on the way to a limit, joined by dots; values are like
    ``resilience.yaml:7``.
    """

    name: str
    objectives: Objectives = field(default_factory=Objectives)
    scenarios: dict[str, Objectives] = field(default_factory=dict)
    steady_state: SteadyState = field(default_factory=SteadyState)
    runs: int = 1
    runs_of: dict[str, int] = field(default_factory=dict)
    on_inconclusive: OnInconclusive = "inconclusive"
    stop: StopConditions = field(default_factory=StopConditions)
    stop_of: dict[str, StopConditions] = field(default_factory=dict)
    places: dict[str, str] = field(default_factory=dict)

    def limit_layers(self, scenario: str, *, has_faults: bool) -> list[Layer]:
        """Its limits for one scenario, the weaker first; without faults not `NEED_A_FAULT`."""
        everywhere = set_fields(self.objectives)
        if not has_faults:
            everywhere = {n: value for n, value in everywhere.items() if n not in NEED_A_FAULT}
        own = set_fields(self.scenarios.get(scenario))
        return self._layers("objectives", scenario, everywhere, own)

    def stop_layers(self, scenario: str) -> list[Layer]:
        """Its stop conditions for one scenario, the weaker first."""
        own = set_fields(self.stop_of.get(scenario))
        return self._layers("stop", scenario, set_fields(self.stop), own)

    def _layers(
        self, section: str, scenario: str, everywhere: dict[str, Any], own: dict[str, Any]
    ) -> list[Layer]:
        paths = {section: everywhere, f"scenarios.{scenario}.{section}": own}
        return [
            (values, {name: self.places.get(f"{path}.{name}", self.name) for name in values})
            for path, values in paths.items()
        ]

    def runs_for(self, scenario: str) -> int:
        """How many runs of a scenario make a series."""
        return self.runs_of.get(scenario, self.runs)


def set_fields(limits: Objectives | StopConditions | None) -> dict[str, Any]:
    """The limits or conditions that are set, by name, in the order of the fields."""
    values = {} if limits is None else {f.name: getattr(limits, f.name) for f in fields(limits)}
    return {name: value for name, value in values.items() if value is not None}


def merged(layers: Iterable[Layer]) -> Layer:
    """What counts and, in the order of the fields, where it came from; the later the stronger."""
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for layer, origin in layers:
        values |= layer
        sources |= origin
    return values, {name: sources[name] for name in (*KINDS, *STOP_KINDS) if name in sources}


def layer_of(limits: Objectives | StopConditions | None, source: str) -> Layer:
    """What is set in one place."""
    values = set_fields(limits)
    return values, dict.fromkeys(values, source)


def effective(
    scenario: str, own: Objectives | None, file: Resilience | None, *, has_faults: bool
) -> tuple[Objectives, dict[str, str]]:
    """The limits that count, and where each came from.

    The later the stronger: defaults, what the file sets for all, the scenario's own, what the file
    sets for this scenario. A scenario with objectives of its own takes the place of the built-in
    defaults as a whole; what the file sets stays in force beside them. What it sets for every
    scenario does not reach those to which it cannot apply: `NEED_A_FAULT`.
    """
    default = DEFAULT_OBJECTIVES_WITH_FAULT if has_faults else DEFAULT_OBJECTIVES_WITHOUT_FAULT
    layers = [layer_of(default if own is None else None, "built-in default")]
    of_file = file.limit_layers(scenario, has_faults=has_faults) if file else []
    values, sources = merged([*layers, *around(layer_of(own, SCENARIO_FILE), of_file)])
    return Objectives(**values), sources


def around(own: Layer, of_file: Sequence[Layer]) -> list[Layer]:
    """The scenario's own between what the file sets for all, which is weaker, and for it."""
    return [*of_file[:1], own, *of_file[1:]]


def overridden(scenario: str, own: Objectives | None, file: Resilience) -> list[str]:
    """Each limit that the file and a scenario's own code set to different values, in a sentence."""
    (everywhere, places), (named, own_places) = file.limit_layers(scenario, has_faults=True)
    found = []
    for name, value in set_fields(own).items():
        here, there = f"{value:g} in the scenario file", "which takes the place of"
        if named.get(name, value) != value:
            found.append(f"{name} is {named[name]:g} in {own_places[name]}, {there} {here}")
        elif name not in named and everywhere.get(name, value) != value:
            found.append(f"{name} is {here}, {there} {everywhere[name]:g} in {places[name]}")
    return found


def wrong_values(objectives: Objectives | None) -> list[str]:
    """Every limit that can be no limit, each with what would be valid."""
    found = []
    for name, value in set_fields(objectives).items():
        kind = KINDS[name]
        low, high = bounds(kind)
        whole = kind != "count" or isinstance(value, int)
        number = isinstance(value, int | float) and not isinstance(value, bool)
        if not (number and whole and math.isfinite(value) and low <= value <= high):
            plain = {"count": "a whole number", "share": "a share", "ratio": "a ratio"}
            what = plain.get(kind, kind)
            found.append(f"{name} {value!r} must be {what} from {low:g} to {high:g}")
    return found


def bounds(kind: Kind) -> tuple[float, float]:
    """The least and the largest value that a limit of this kind may have, both included."""
    return {
        "seconds": (0.0, SECONDS_MAX),
        "milliseconds": (0.0, SECONDS_MAX * 1000),
        "share": (0.0, 1.0),
        "count": (0, COUNT_MAX),
        "ratio": (1.0, RATIO_MAX),
    }[kind]


DEFAULT_OBJECTIVES_WITH_FAULT = Objectives(
    recovery_seconds_max=10.0, failed_outside_fault_share_max=0.005
)
DEFAULT_OBJECTIVES_WITHOUT_FAULT = Objectives(impaired_episodes_max=0, failed_share_max=0.005)
