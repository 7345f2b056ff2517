"""Opinion, as types: exactly what ``verdict.json`` holds.

Other programs rely on these names and units for the whole of schema version 1; more may be added.
None means "not measurable", and then `Verdict.findings` says why. Seconds count from ``zero_utc``,
the planned start of the first arrival after the warm-up.
"""

import json
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING

from harness.core.documents import json_of
from harness.core.exit_codes import ExitCode
from harness.core.foreign_text import printable_json
from harness.core.numbers import Count, Whole
from harness.verdict.ends import Judgement, Weight
from harness.verdict.figures import (
    Affected,
    Borrow,
    ClosedLoop,
    Crossing,
    DecisionShare,
    Declined,
    Episode,
    Fault,
    Finding,
    Health,
    LatencyRecovery,
    Load,
    LogIn,
    ObjectiveResult,
    Overlap,
    Phase,
    Reconciliation,
    Recovery,
    Requests,
    Retries,
    Window,
    WorstWindow,
)
from harness.verdict.visible import Visible

if TYPE_CHECKING:
    from pydantic import TypeAdapter

__all__ = [
    "SCHEMA",
    "Affected",
    "Borrow",
    "ClosedLoop",
    "Crossing",
    "DecisionShare",
    "Declined",
    "Episode",
    "Fault",
    "Finding",
    "Health",
    "Judgement",
    "LatencyRecovery",
    "Load",
    "LogIn",
    "ObjectiveResult",
    "Overlap",
    "Phase",
    "Reconciliation",
    "Recovery",
    "Requests",
    "Retries",
    "Verdict",
    "Visible",
    "Weight",
    "Window",
    "WorstWindow",
    "from_json",
    "to_json",
]

SCHEMA = "lendchaos.verdict/1"
_CUT_SHORT = (ExitCode.SAFETY_STOP, ExitCode.INTERRUPTED)
_ENDS = {
    Judgement.PASS: (ExitCode.PASS, *_CUT_SHORT),
    Judgement.FAIL: (ExitCode.FAIL, *_CUT_SHORT),
    # A plan may ask for an inconclusive run to end as one that failed.
    Judgement.INCONCLUSIVE: (ExitCode.INCONCLUSIVE, ExitCode.FAIL, *_CUT_SHORT),
}
"""The exit codes that go with each verdict."""


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


@cache
def _adapter() -> "TypeAdapter[Verdict]":
    """Made at its first use: most of who needs a type of ours reads and writes no verdict."""
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
