"""When a run has to end at once: harm beyond what its scenario accepts. Pure.

The fields of `StopConditions` are the words of scenario files, of ``resilience.yaml`` and, after
``--stop-``, of the command line. They are watched while the load lasts (`harness.run.safety`); the
objectives are judged when it is over.
"""

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any, Literal, Protocol

Off = Literal["off"]
StopKind = Literal["count", "fen", "switch"]

BUDGET_MAX = 10_000_000
FEN_MAX = 10**15
OFF: Off = "off"
RECOVERY_SECONDS_DEFAULT = 10.0
"""How long borrowing may take to come back where a scenario sets no limit."""
ATTACHED_BUDGET_SECONDS_LEAST = 10.0
"""Of failures on a target of somebody else, where the scenario itself accepts fewer: enough to see
and measure an outage, too few to be one of its own."""


@dataclass(frozen=True, slots=True, kw_only=True)
class StopConditions:
    """What ends a run at once, with exit code 4; None means that a default decides.

    ``failed_budget`` is the number of failed borrow requests, all phases together, that may not be
    exceeded. ``failed_surge`` ends the run when borrowing fails where the scenario expects it to
    work: before its faults, or after the time that it allows for recovery.
    ``double_disbursement`` ends it when a loan of this run is paid out twice, as the target's own
    ledger says while the load lasts. ``principal_at_risk_fen`` may not be exceeded by the principal
    that was paid out without an acknowledgement, or twice.
    """

    failed_budget: int | Off | None = None
    failed_surge: bool | None = None
    double_disbursement: bool | None = None
    principal_at_risk_fen: int | Off | None = None


STOP_KINDS: dict[str, StopKind] = {
    "failed_budget": "count",
    "failed_surge": "switch",
    "double_disbursement": "switch",
    "principal_at_risk_fen": "fen",
}
"""What each condition is set to: a number, of requests or of fen, or on and off."""
STOPS_FOR_FAILURES = ("failed_budget", "failed_surge", "principal_at_risk_fen")
"""Those of them that borrowers without an answer trip, whoever is to blame for it."""
STOP_MEANINGS: dict[str, str] = {
    "failed_budget": "failed borrow requests, all phases together, that may not be exceeded",
    "failed_surge": "stop when borrowing fails outside the faults and their time to recover",
    "double_disbursement": "stop when the target's ledger shows a loan that was paid out twice",
    "principal_at_risk_fen": "fen paid out unacknowledged, or twice, that may not be exceeded",
}


class StopPlan(Protocol):
    """What the defaults need of a plan."""

    @property
    def scenario(self) -> str:
        """Its name."""

    @property
    def settings(self) -> Any:
        """Its rate and its request timeout."""

    @property
    def objectives(self) -> Any:
        """Its limit of recovery."""

    @property
    def faults(self) -> Sequence[Any]:
        """When each is injected and healed, and whether borrowers should notice it."""

    @property
    def load_end_s(self) -> float:
        """When its last arrival is due, seconds after zero."""


class Layered(Protocol):
    """A file that sets conditions."""

    def stop_layers(self, scenario: str) -> list[tuple[StopConditions | None, dict[str, str]]]:
        """Those for one scenario, the weaker first, with the place of each."""


def set_conditions(stop: StopConditions | None) -> dict[str, Any]:
    """The conditions that are set, by name, in the order of the fields."""
    if stop is None:
        return {}
    values = {name: getattr(stop, name) for name in STOP_KINDS}
    return {name: value for name, value in values.items() if value is not None}


def most(kind: StopKind) -> int:
    """The largest number that a condition of this kind takes."""
    return FEN_MAX if kind == "fen" else BUDGET_MAX


def wrong_conditions(stop: StopConditions | None) -> list[str]:
    """Every value that cannot be, each with what would be valid."""
    found = []
    for name, value in set_conditions(stop).items():
        kind = STOP_KINDS[name]
        if kind == "switch":
            if not isinstance(value, bool):
                found.append(f"stop {name} {value!r} must be True or False")
            continue
        number = isinstance(value, int) and not isinstance(value, bool)
        if value != OFF and not (number and 0 <= value <= most(kind)):
            found.append(
                f"stop {name} {value!r} must be a whole number from 0 to {most(kind)}, or 'off'"
            )
    return found


def effective_stop(
    plan: StopPlan,
    file: Layered | None,
    own: Mapping[str, StopConditions | None],
    *,
    attached: bool,
) -> tuple[StopConditions, dict[str, str]]:
    """What counts for a run, and where each condition came from; what comes later is the stronger.

    Defaults first, then the ``file``, then what is the run's ``own``, by its source. ``attached``
    says that the target is not our own stack; it decides about the defaults.
    """
    layers: list[tuple[StopConditions | None, dict[str, str]]]
    layers = [(defaults(plan, attached=attached), {})]
    layers += file.stop_layers(plan.scenario) if file else []
    values: dict[str, Any] = {}
    sources: dict[str, str] = {}
    for stop, places in layers:
        for name, value in set_conditions(stop).items():
            values[name], sources[name] = value, places.get(name, "built-in default")
    for source, conditions in own.items():
        found = set_conditions(conditions)
        values |= found
        sources |= dict.fromkeys(found, source)
    return StopConditions(**values), sources


def defaults(plan: StopPlan, *, attached: bool) -> StopConditions:
    """What holds unless something else is asked for.

    A loan paid out twice ends every run: it is never part of an experiment. The rest is off on the
    local stack, which is there to be broken. A target of somebody else gets a budget: as many
    failures as its scenario accepts by plan, every request of its windows failing, and none beyond.
    If the scenario breaks something, failures outside the windows end it, too.
    """
    common = StopConditions(
        failed_budget=OFF,
        failed_surge=False,
        double_disbursement=True,
        principal_at_risk_fen=OFF,
    )
    if not attached:
        return common
    windows = accepted(plan)
    accepted_s = sum(max(0.0, min(end_s, plan.load_end_s) - start_s) for start_s, end_s in windows)
    return replace(
        common,
        failed_budget=math.ceil(
            plan.settings.rate * max(accepted_s, ATTACHED_BUDGET_SECONDS_LEAST)
        ),
        failed_surge=bool(windows),
    )


def allowance_s(plan: StopPlan) -> float:
    """For how long after a heal borrowing may fail by plan, requests under way included, in s."""
    limit_s = plan.objectives.recovery_seconds_max
    recovery_s = RECOVERY_SECONDS_DEFAULT if limit_s is None else limit_s
    return float(recovery_s + plan.settings.request_timeout_s)


def accepted(plan: StopPlan) -> list[tuple[float, float]]:
    """When borrowing may fail by plan, in seconds: from each injection to the end of the time
    allowed for recovery and of the requests planned in it.

    Faults that borrowers should not notice are left out: failures under them are not accepted.
    """
    more_s = allowance_s(plan)
    found: list[tuple[float, float]] = []
    noticed = [fault for fault in plan.faults if fault.spec.expects_impact]
    for fault in sorted(noticed, key=lambda fault: fault.inject_s):
        start_s, end_s = fault.inject_s, fault.heal_s + more_s
        if found and start_s <= found[-1][1]:
            start_s, end_s = found[-1][0], max(found.pop()[1], end_s)
        found.append((start_s, end_s))
    return found


def in_words(stop: StopConditions) -> list[str]:
    """What is watched, a line for each condition that is on."""
    said = []
    if isinstance(stop.failed_budget, int):
        said.append(f"more than {stop.failed_budget:,} failed borrow requests")
    if stop.failed_surge:
        said.append("borrowing fails outside the faults and their time to recover")
    if stop.double_disbursement:
        said.append("a loan is paid out twice")
    if isinstance(stop.principal_at_risk_fen, int):
        yuan = stop.principal_at_risk_fen / 100
        said.append(f"more than {yuan:,.2f} yuan paid out unacknowledged, or twice")
    return said
