"""Opinion, as types: exactly what ``verdict.json`` holds.

Other programs rely on these names and units for the whole of schema version 1; more may be added.
None means "not measurable", and then `Verdict.findings` says why. Seconds count from ``zero_utc``,
the planned start of the first arrival after the warm-up.
"""

import json
from dataclasses import dataclass, field
from enum import StrEnum
from functools import cache
from typing import TYPE_CHECKING, Any

from harness.core.documents import json_of
from harness.core.exit_codes import ExitCode
from harness.core.foreign_text import printable_json
from harness.core.numbers import (
    Count,
    Fen,
    Figure,
    Length,
    Milliseconds,
    Seconds,
    Share,
    Shift,
    Whole,
)
from harness.verdict.figures import (
    Borrow,
    ClosedLoop,
    Health,
    LogIn,
    Phase,
    Retries,
    SentLoad,
    WorstWindow,
)
from harness.verdict.visible import Visible

if TYPE_CHECKING:
    from pydantic import TypeAdapter

SCHEMA = "lendchaos.verdict/1"


class Judgement(StrEnum):
    """Of a run and of an objective. Merged: fail beats inconclusive beats pass."""

    PASS = "pass"  # noqa: S105  # not a password
    INCONCLUSIVE = "inconclusive"
    FAIL = "fail"


class Severity(StrEnum):
    """What a finding does to the verdict; a note does nothing."""

    FAIL = "fail"
    INCONCLUSIVE = "inconclusive"
    NOTE = "note"


@dataclass(frozen=True, slots=True)
class Overlap:
    """Another fault that was at work at the same time, and from when to when both were."""

    fault: str
    start_s: Seconds
    end_s: Seconds


@dataclass(frozen=True, slots=True)
class Requests:
    """Borrow requests that met something, in ``seconds`` of it, and how many of them failed."""

    seconds: Seconds
    operations: Count
    failed: Count


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault as it was done; ``bit`` None means that nothing shows whether it took effect.

    With ``overlaps``, ``alone`` are the requests that this fault and no other can have touched,
    ``together`` those planned while others were at work, too: of these no one can say which fault
    made them fail. Both None where nothing overlaps.
    """

    name: str
    link_or_target: str
    injected_s: Seconds | None
    healed_s: Seconds | None
    bit: bool | None
    proof: list[str]
    expects_impact: bool = True
    description: str = ""
    overlaps: list[Overlap] = field(default_factory=list)
    alone: Requests | None = None
    together: Requests | None = None
    recovers_with: list[str] = field(default_factory=list)
    """All faults of its group, itself too: their recovery is one, from the last heal of them."""
    ended_by: str | None = None
    """``plan``, ``order``, ``work``, ``target`` or ``nobody``; None where it is not known."""
    recovered_s: Seconds | None = None
    """End of the last impairment of its group, seconds after the group's last heal (may be <= 0);
    None when nothing was impaired, or no recovery was seen."""


@dataclass(frozen=True, slots=True)
class Episode:
    """A maximal stretch of impaired borrowing.

    Without ``onset_s_low`` it may have been there before the first request. Without ``recovered_s``
    no recovery was seen; until ``recovered_s_low`` it surely lasted.
    """

    class_: str
    onset_s: Seconds
    onset_s_low: Seconds | None
    onset_s_high: Seconds | None
    recovered_s: Seconds | None
    recovered_s_low: Seconds | None
    recovered_s_high: Seconds | None
    confirmed: bool
    failed: Count
    operations: Count = 0
    """Failed or not, to the end of the load if it outlasted; of an outage, while it surely did."""
    affected_borrowers: Count = 0
    in_flight: Count = 0
    """Operations under way at the onset; each is counted once, by what became of it."""
    queued: Count = 0
    """Operations begun while nothing was answered, and answered all the same, after a wait."""
    last_failure_s: Seconds | None = None
    served_after: Count = 0
    """When its last failure met the service; of no recovery, how many were served after it."""


@dataclass(frozen=True, slots=True)
class Crossing:
    """When the share of failures fell below ``failed_share`` for good, seconds after the last heal.

    ``resolvable`` is False when the run has too few operations before the fault to tell such a
    share from none: then the numbers mean little.
    """

    failed_share: Share
    from_heal_s: Seconds | None
    from_heal_s_low: Seconds | None
    from_heal_s_high: Seconds | None
    confirmed: bool
    resolvable: bool


@dataclass(frozen=True, slots=True)
class Recovery:
    """From the last heal of the faults (and their first injection) to borrowing as before."""

    from_heal_s: Seconds | None = None
    from_heal_s_low: Seconds | None = None
    from_heal_s_high: Seconds | None = None
    from_injection_s: Seconds | None = None
    first_failure_s: Seconds | None = None
    """First failed operation after the injection, seconds after it."""
    first_success_s: Seconds | None = None
    """First approved or referred operation planned after the heal, seconds after it."""
    confirmed: bool = False
    crossings: list[Crossing] = field(default_factory=list)
    """The same at several shares of failures: half of the service back, recovered, strictly so."""
    censored: bool = False
    """None was seen before the load ended, or the next fault came; it surely took longer than
    ``from_heal_s_low``."""
    observed_s: Seconds | None = None
    """From the last heal to the end of the load or the next fault: as long as it was watched."""
    answering_again_s: Seconds | None = None
    """First good answer after the outage, seconds after the heal; before ``from_heal_s`` when
    requests had queued and were served late, as the queue's head is answered first."""
    last_failure_start_s: Seconds | None = None
    """Planned start of the last failed or late operation of the impairment, after the heal."""
    last_impact_end_s: Seconds | None = None
    """When the last borrower was done suffering (a timeout ran out), seconds after the heal."""
    latency: "LatencyRecovery | None" = None
    faults: list[str] = field(default_factory=list)
    """The faults after whose last heal it counts: of several groups, the one that decides."""
    next_faults: list[str] = field(default_factory=list)
    """The faults that came before a recovery was seen; what cured it is not known."""


@dataclass(frozen=True, slots=True)
class LatencyRecovery:
    """From the last heal to fewer than 5 % of answers slower than ``limit_ms``.

    The limit is 1.5 times the baseline's 95th percentile, 100 ms at least. All None when answers
    were never slow; ``censored`` when no recovery was seen before the end.
    """

    limit_ms: Milliseconds | None = None
    from_heal_s: Seconds | None = None
    from_heal_s_low: Seconds | None = None
    from_heal_s_high: Seconds | None = None
    confirmed: bool = False
    censored: bool = False


@dataclass(frozen=True, slots=True)
class DecisionShare:
    """One kind of decision among all answered operations, before the fault and from it on.

    ``kind`` is ``approved``, ``referred``, ``declined_credit``, ``declined_policy`` or
    ``declined_behaviour``; ``shift`` is after minus before, with its 95 % interval; ``p`` is the
    two-sided exact chance of such a shift in an unchanged mix.
    """

    kind: str
    before: Share | None
    after: Share | None
    shift: Shift | None
    shift_low: Shift | None
    shift_high: Shift | None
    p: Share | None


@dataclass(frozen=True, slots=True)
class Reconciliation:
    """Borrowers' answers against the ledger; counts of operations, None when it was not read."""

    ledger_read: bool
    acknowledged: Count
    in_ledger: Count | None = None
    lost: Count | None = None
    duplicated: Count | None = None
    phantom: Count | None = None
    corrupt: Count | None = None
    orphan: Count | None = None
    unbalanced: Count | None = None
    committed_unknown: Count | None = None
    not_committed_unknown: Count | None = None
    examples: dict[str, list[str]] = field(default_factory=dict)
    principal_at_risk_fen: Fen | None = None
    watched_s: Length | None = None
    """After it had come to rest; what is booked later is not in these counts."""


@dataclass(frozen=True, slots=True)
class ObjectiveResult:
    """One bound, what was observed, and the interval it was judged on.

    ``reason`` says why it is missed or not decided, ``source`` where the limit was set: a line of
    ``resilience.yaml``, the scenario file, or the built-in default. A share is ``part`` of
    ``whole``; both None of what is no share.
    """

    id: str
    limit: Figure
    observed: Figure | None
    low: Figure | None
    high: Figure | None
    verdict: Judgement
    reason: str = ""
    source: str = ""
    part: Count | None = None
    whole: Count | None = None


@dataclass(frozen=True, slots=True)
class Finding:
    """One check with its evidence."""

    code: str
    verdict: Severity
    message: str
    evidence: dict[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Verdict:
    """The whole of ``verdict.json``."""

    run_id: str
    scenario: str
    hypothesis: str
    seed: Whole
    target: str
    zero_utc: str | None
    verdict: Judgement
    exit_code: int
    sentence: str
    load: SentLoad
    borrow: Borrow
    log_in: LogIn
    phases: list[Phase]
    faults: list[Fault]
    episodes: list[Episode]
    recovery: Recovery
    reconciliation: Reconciliation
    objectives: list[ObjectiveResult]
    findings: list[Finding]
    flaps: Count = 0
    """Outage and degraded episodes beyond the first."""
    worst_windows: list[WorstWindow] = field(default_factory=list)
    retries: Retries | None = None
    decisions: list[DecisionShare] = field(default_factory=list)
    health: Health | None = None
    closed_loop: list[ClosedLoop] = field(default_factory=list)
    visible: Visible | None = None
    """None where nothing was measured."""
    judged_by: str = ""
    """Version of lendchaos that judged; the version that ran it is another matter."""
    schema: str = SCHEMA


_CUT_SHORT = (ExitCode.SAFETY_STOP, ExitCode.INTERRUPTED)
_ENDS = {
    Judgement.PASS: (ExitCode.PASS, *_CUT_SHORT),
    Judgement.FAIL: (ExitCode.FAIL, *_CUT_SHORT),
    # A plan may ask for an inconclusive run to end as one that failed.
    Judgement.INCONCLUSIVE: (ExitCode.INCONCLUSIVE, ExitCode.FAIL, *_CUT_SHORT),
}
"""The exit codes that go with each verdict."""


@cache
def _adapter() -> "TypeAdapter[Verdict]":
    """Made at its first use: most modules that import from here read and write no verdict."""
    from pydantic import TypeAdapter  # noqa: PLC0415

    return TypeAdapter(Verdict)


def to_json(verdict: Verdict) -> str:
    """``verdict.json``: stable order, ``class`` spelled as readers know it, no NaN ever."""
    body = _adapter().dump_python(verdict, mode="json")
    for episode in body["episodes"]:
        episode["class"] = episode.pop("class_")
    ordered = {"schema": body.pop("schema"), **body}
    text = json.dumps(ordered, indent=2, ensure_ascii=False, allow_nan=False)
    return printable_json(text) + "\n"


def from_json(text: str | bytes) -> Verdict:
    """Read ``verdict.json`` back.

    Raises:
        ValueError: it is not one, or not of this schema version.
    """
    body = json_of(text)
    if body.get("schema") != SCHEMA:
        raise ValueError(f"schema {body.get('schema')!r} is not {SCHEMA!r}")
    for episode in body["episodes"]:
        episode["class_"] = episode.pop("class")
    verdict = _adapter().validate_python(body)
    if verdict.exit_code not in _ENDS[verdict.verdict]:
        raise ValueError(f"exit_code {verdict.exit_code} is not of a run that is {verdict.verdict}")
    return verdict
