"""What the types of the documents do not say: enumerations, keys, formats, some bounds."""

import re
from typing import Any

from harness.apps.gameday.session_store import ENDED
from harness.core.exit_codes import ExitCode
from harness.history.fault_facts import EndedBy
from harness.plan.objectives import KINDS, MEANINGS, bounds
from harness.plan.population import POPULATIONS
from harness.plan.scenario import (
    DAY_SECONDS,
    LEDGER_SETTLE_SECONDS_MAX,
    RATE_MAX,
    SEED_MAX,
    TERM_DAYS_MAX,
)
from harness.plan.stop_conditions import STOP_KINDS, STOP_MEANINGS, most
from harness.report.compare.compared_figures import FIGURES
from harness.verdict.catalogue import FINDINGS, MONEY
from harness.verdict.types import Judgement

_UTC = r"^\d{4}-\d{2}-\d{2}T\d{2}:\d{2}:\d{2}(\.\d{1,9})?Z$"
_ADDRESS = {"pattern": r"^\S+:\d{1,5}$"}
"""Host and port."""
_SHA256 = {"pattern": "^[0-9a-f]{64}$"}
FORMATS: dict[str, dict[str, Any]] = {
    "_utc": {"format": "date-time", "pattern": _UTC},
    "_url": {"format": "uri", "pattern": r"^https?://[^/\s]+"},
}
"""By the end of a name; many programs read a format as a remark, so there is a pattern, too."""


NAMES = ("run_id", "scenario", "stack_id", "directory", "file")
"""Texts that are never empty."""


def _one_of(*words: str) -> dict[str, Any]:
    return {"enum": list(words)}


_CODES = tuple(sorted(FINDINGS))
_PHASES = ("warm-up", "baseline", "fault", "recovery", "observation")
_AFTER_WARM_UP = _PHASES[1:]
_FAILURE = {"pattern": f"^({'|'.join(_CODES)})(:[a-z0-9_]+)?$"}
_DECISIONS = ("approved", "referred", *(f"declined_{c}" for c in ("credit", "policy", "behaviour")))
_ENDED = (*ENDED, "")
TEXTS: dict[str, dict[str, Any]] = {
    "Episode.class": _one_of("outage", "degraded", "slow"),
    "Finding.code": _one_of(*_CODES),
    "ObjectiveResult.id": _one_of(*KINDS),
    "Phase.name": _one_of(*_PHASES),
    "PlannedPhase.name": _one_of(*_PHASES),
    "Fault.ended_by": _one_of(*EndedBy),
    "DecisionShare.kind": _one_of(*_DECISIONS),
    "Settings.population": _one_of(*POPULATIONS),
    "SeriesRun.findings": _one_of(*_CODES),
    "SelfTestRun.failed_by": _one_of(*_CODES),
    "ShrinkTrial.codes": _FAILURE,
    "Shrunk.failure": _FAILURE,
    "FigureBody.name": _one_of(*(figure.name for figure in FIGURES)),
    "ComparisonDocument.regressions": _one_of(*(figure.name for figure in FIGURES)),
    "Try.ended": _one_of(*_ENDED),
    "Try.said_verdict": _one_of(*Judgement),
    "Event.verdict": _one_of(*Judgement),
    "StackStatus.kind": _one_of("local", "attached"),
    "UpDocument.kind": _one_of("local", "attached"),
    "HealedStack.kind": _one_of("local", "attached"),
    "StackLink.listen": _ADDRESS,
    "StackLink.upstream": _ADDRESS,
    "WireStatus.address": _ADDRESS,
    "FileChecksum.sha256": _SHA256,
    "Health.path": {"pattern": "^/"},
    "PlannedBorrower.phone": {"pattern": r"^\d{1,15}$"},
    "Entry.docs": {"pattern": r"^docs/\w+\.md$"},
}
"""Plain texts that are one of few, or of one form."""

_SECONDS = {"unit": "seconds"}
_PHASE = {"minimum": 0, "maximum": DAY_SECONDS, **_SECONDS}
_SHARE = {"minimum": 0, "maximum": 1, "unit": "a share from 0 to 1"}
_UNITS = {
    "seconds": "seconds",
    "milliseconds": "milliseconds",
    "share": "a share from 0 to 1",
    "count": "a whole number",
    "ratio": "a ratio",
    "fen": "fen, a hundredth of a yuan",
}


def _objective(name: str) -> dict[str, Any]:
    least, largest = bounds(KINDS[name])
    return {"minimum": least, "maximum": largest, "unit": _UNITS[KINDS[name]]}


def _stop(name: str) -> dict[str, Any]:
    kind = STOP_KINDS[name]
    known = {"minimum": 0, "maximum": most(kind), "unit": _UNITS.get(kind, "")}
    return {} if kind == "switch" else known


MORE: dict[str, dict[str, Any]] = {
    **{f"Objectives.{name}": _objective(name) for name in KINDS},
    **{f"StopConditions.{name}": _stop(name) for name in STOP_KINDS},
    **{f"Settings.{name}_s": _PHASE for name in ("warm_up", "baseline", "fault", "recovery")},
    "Plan.term_days": {"minimum": 1, "maximum": TERM_DAYS_MAX, "unit": "days"},
    "Settings.rate": {"minimum": 1, "maximum": RATE_MAX, "unit": "arrivals a second"},
    "Settings.request_timeout_s": {"minimum": 0.1, "maximum": 60, **_SECONDS},
    "Settings.ledger_settle_s": {"minimum": 0, "maximum": LEDGER_SETTLE_SECONDS_MAX, **_SECONDS},
    "Settings.log_in_share": _SHARE,
    "Settings.retries": {"minimum": 0, "maximum": 10, "unit": "a whole number"},
    "Settings.seed": {"minimum": -SEED_MAX, "maximum": SEED_MAX, "unit": "a whole number"},
    "SteadyState.min_baseline_s": _PHASE,
    "SteadyState.failed_share_max": _SHARE,
    "SteadyState.started_share_min": _SHARE,
    "Verdict.exit_code": {"enum": [int(code) for code in ExitCode]},
}
"""Bounds of numbers whose own types have none: what is typed in by people is checked in words."""

_PERCENTILES = tuple(f"{phase}_p{percent}" for phase in _AFTER_WARM_UP for percent in (50, 95, 99))
KEYS: dict[str, tuple[str, ...]] = {
    "Borrow.failed_by_phase": _AFTER_WARM_UP,
    "Borrow.latency_ms": _PERCENTILES,
    "Retries.attempts_per_operation": _AFTER_WARM_UP,
    "Series.median_confidence": ("recovery", "failed share"),
    "Plan.objective_sources": tuple(KINDS),
    "Plan.stop_sources": tuple(STOP_KINDS),
    "PreviewDocument.objective_sources": tuple(KINDS),
    "PreviewDocument.stop_sources": tuple(STOP_KINDS),
    "ShownRun.figures": tuple(figure.name for figure in FIGURES),
    "ShownRun.money": MONEY,
}
"""Objects whose keys are known words."""


def text_of(kind: str, name: str, own: str, words: dict[str, str]) -> str:
    """What a property says, without its unit; "" where nobody has said it."""
    said = words.get(f"{kind}.{name}") or own or words.get(name, "")
    meanings = {"Objectives": MEANINGS, "StopConditions": STOP_MEANINGS}.get(kind, {})
    if name in meanings:
        said = f"Limit, null where none is set: {meanings[name]}"
    end = re.search(r"_(low|high)(_by_worker|_s)?$", name)
    if not said and end:
        which = "Lower" if end[1] == "low" else "Upper"
        said = f"{which} end of the 95 % interval of {name.replace(f'_{end[1]}', '')}"
    text = plain(said).removesuffix(".")
    return f"{text[:1].upper()}{text[1:]}." if text else ""


def plain(said: str) -> str:
    """A text of the code, without its mark-up and with the words of JSON."""
    text = " ".join(said.replace("``", "").split())
    for ours, theirs in (("None", "null"), ("True", "true"), ("False", "false")):
        text = re.sub(rf"\b{ours}\b", theirs, text)
    return text
