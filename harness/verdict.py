"""Opinion, as types: exactly what ``verdict.json`` holds.

Other programs rely on these names and units for the whole of schema version 1; more may be added.
None means "not measurable", and then `Verdict.findings` says why. Seconds count from ``zero_utc``,
the planned start of the first arrival after the warm-up.
"""

import json
from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any

from pydantic import TypeAdapter

SCHEMA = "lendchaos.verdict/1"


class ExitCode(IntEnum):
    """What a process of ours ends with."""

    PASS = 0
    FAIL = 1
    USAGE = 2
    INCONCLUSIVE = 3
    SAFETY_STOP = 4
    INTERNAL = 70
    INTERRUPTED = 130


class Judgement(StrEnum):
    """Of a run and of an objective. Merged: fail beats inconclusive beats pass."""

    PASS = "pass"  # noqa: S105  # not a password
    INCONCLUSIVE = "inconclusive"
    FAIL = "fail"


class Weight(StrEnum):
    """What a finding does to the verdict; a note does nothing."""

    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Load:
    """How faithfully the load was sent. Rates in arrivals/s; the whole load, warm-up included."""

    rate_asked: float
    rate_achieved: float | None
    arrivals: int
    warm_up_arrivals: int
    dropped: int
    unfinished: int
    send_lag_ms_p99: float | None
    request_timeout_s: float


@dataclass(frozen=True, slots=True)
class Declined:
    """Declines that agree with ground truth, by business cause."""

    credit: int = 0
    policy: int = 0
    behaviour: int = 0


@dataclass(frozen=True, slots=True)
class Window:
    """The one window that shares refer to: first injection, or end of the baseline, to end of
    load.
    """

    start_s: float | None
    end_s: float | None
    operations: int
    failed: int


@dataclass(frozen=True, slots=True)
class Borrow:
    """Borrow operations of all phases after the warm-up, by what became of them."""

    operations: int
    attempts: int
    approved: int
    referred: int
    declined: Declined
    false_declined: int
    failed: int
    indeterminate: int
    blocked: int
    invalid_answers: int
    wrongly_approved: int
    window: Window
    failed_share: float | None
    failed_share_low: float | None
    failed_share_high: float | None
    failed_by_phase: dict[str, int]
    affected_borrowers: int
    borrowers: int
    lost_service_seconds: float | None
    latency_ms: dict[str, float | None]
    """p50, p95, p99 of answered operations, from the planned start; baseline, fault and after."""


@dataclass(frozen=True, slots=True)
class LogIn:
    """Log-ins of all phases after the warm-up."""

    operations: int
    failed: int
    false_declined: int
    affected_borrowers: int


@dataclass(frozen=True, slots=True)
class Phase:
    """A phase as it was run."""

    name: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault as it was done; ``bit`` None means that nothing shows whether it took effect."""

    name: str
    link_or_target: str
    injected_s: float | None
    healed_s: float | None
    bit: bool | None
    proof: list[str]
    expects_impact: bool = True
    description: str = ""


@dataclass(frozen=True, slots=True)
class Episode:
    """A maximal stretch of impaired borrowing; ends are None when it outlasted the run."""

    class_: str
    onset_s: float
    onset_s_low: float | None
    onset_s_high: float | None
    recovered_s: float | None
    recovered_s_low: float | None
    recovered_s_high: float | None
    confirmed: bool
    failed: int


@dataclass(frozen=True, slots=True)
class Crossing:
    """When the share of failures fell below ``failed_share`` for good, seconds after the last heal.

    ``resolvable`` is False when the run has too few operations before the fault to tell such a
    share from none: then the numbers mean little.
    """

    failed_share: float
    from_heal_s: float | None
    from_heal_s_low: float | None
    from_heal_s_high: float | None
    confirmed: bool
    resolvable: bool


@dataclass(frozen=True, slots=True)
class Recovery:
    """From the last heal (and the first injection) to borrowing as before."""

    from_heal_s: float | None = None
    from_heal_s_low: float | None = None
    from_heal_s_high: float | None = None
    from_injection_s: float | None = None
    first_failure_s: float | None = None
    """First failed operation after the injection, seconds after it."""
    first_success_s: float | None = None
    """First approved or referred operation planned after the heal, seconds after it."""
    confirmed: bool = False
    crossings: list[Crossing] = field(default_factory=list)
    """The same at several shares of failures: half of the service back, recovered, strictly so."""


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Borrowers' answers against the ledger; counts of operations, None when it was not read."""

    ledger_read: bool
    acknowledged: int
    in_ledger: int | None = None
    lost: int | None = None
    duplicated: int | None = None
    phantom: int | None = None
    corrupt: int | None = None
    orphan: int | None = None
    unbalanced: int | None = None
    committed_unknown: int | None = None
    not_committed_unknown: int | None = None
    examples: dict[str, list[str]] = field(default_factory=dict)
    principal_at_risk_fen: int | None = None


@dataclass(frozen=True, slots=True)
class ObjectiveResult:
    """One bound, what was observed, and the interval it was judged on."""

    id: str
    limit: float
    observed: float | None
    low: float | None
    high: float | None
    verdict: Judgement


@dataclass(frozen=True, slots=True)
class Finding:
    """One check with its evidence."""

    code: str
    verdict: Weight
    message: str
    evidence: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The whole of ``verdict.json``."""

    run_id: str
    scenario: str
    hypothesis: str
    seed: int
    target: str
    zero_utc: str | None
    verdict: Judgement
    exit_code: int
    sentence: str
    load: Load
    borrow: Borrow
    log_in: LogIn
    phases: list[Phase]
    faults: list[Fault]
    episodes: list[Episode]
    recovery: Recovery
    reconciliation: Reconciliation
    objectives: list[ObjectiveResult]
    findings: list[Finding]
    schema: str = SCHEMA


_VERDICT: TypeAdapter[Verdict] = TypeAdapter(Verdict)


def to_json(verdict: Verdict) -> str:
    """``verdict.json``: stable order, ``class`` spelled as readers know it, no NaN ever."""
    body = _VERDICT.dump_python(verdict, mode="json")
    for episode in body["episodes"]:
        episode["class"] = episode.pop("class_")
    ordered = {"schema": body.pop("schema"), **body}
    return json.dumps(ordered, indent=2, ensure_ascii=False, allow_nan=False) + "\n"


def from_json(text: str | bytes) -> Verdict:
    """Read ``verdict.json`` back.

    Raises:
        ValueError: it is not one, or not of this schema version.
    """
    body = json.loads(text)
    if body.get("schema") != SCHEMA:
        raise ValueError(f"schema {body.get('schema')!r} is not {SCHEMA!r}")
    for episode in body["episodes"]:
        episode["class_"] = episode.pop("class")
    return _VERDICT.validate_python(body)


def json_schema() -> dict[str, Any]:
    """The JSON Schema of ``verdict.json``, made from these types."""
    schema = _VERDICT.json_schema()
    episode = schema["$defs"]["Episode"]
    episode["properties"]["class"] = episode["properties"].pop("class_") | {"title": "Class"}
    episode["required"] = ["class" if n == "class_" else n for n in episode["required"]]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **schema}


def schema_text() -> str:
    """`json_schema` as the published file ``docs/verdict.schema.json`` holds it."""
    return json.dumps(json_schema(), indent=2, ensure_ascii=False) + "\n"
