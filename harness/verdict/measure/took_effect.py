"""Whether each fault took effect: what control plane, canary and borrowers say of it."""

from dataclasses import dataclass
from typing import Any

import numpy as np

from harness.history.columns import Bools, any_of
from harness.history.events import FaultFact, Outcome, Proof
from harness.history.fault_facts import EndedBy
from harness.plan.fault import Phrase, PlannedFault
from harness.verdict.measure.intervals import Share, larger_in_first, more_in_first
from harness.verdict.measure.overlapping_faults import (
    FaultSpan,
    Parts,
    alone_s,
    overlap_s,
    parts_of,
    spans_of,
)
from harness.verdict.measure.samples import MeasuredRun, healed_ns
from harness.verdict.types import Fault, Overlap, Requests

FAILED_P_MAX = 0.01
WAIT_P_MAX = 0.001
WAIT_SHIFT_FACTOR = 1.0
WAIT_SHIFT_SECONDS = 0.01
"""Smaller shifts of the median wait are what a busy machine does to itself."""
ENOUGH = 20
"""So many requests of one fault alone show by themselves whether borrowers notice it."""
EARLY_SECONDS_MAX, EARLY_SHARE_MAX = 0.5, 0.1
"""How much before its plan a fault may end, whichever is longer, and still count as planned."""
LATE_SECONDS_MAX, LATE_SHARE_MAX = 1.0, 0.25
"""How much after its plan a fault may begin, whichever is longer: a busy machine's delay."""
ROOM_MAX = 0.5
"""Where the other faults alone fail more than this share, one more can hardly be seen on top."""


@dataclass(frozen=True, slots=True)
class Impact:
    """One fault with its evidence; ``missing`` names what there is no proof of.

    ``early_s`` is how long before its plan it ended, if that is more than may be; ``cut_off`` says
    that this was by no one's order and not due, ``how`` in words how it was seen to end.
    ``late_s`` is how long after its plan it began, if that is more than may be.
    """

    fault: Fault
    kind: str
    phrase: Phrase
    injected: bool
    healed: bool
    missing: tuple[str, ...]
    error: str | None
    early_s: float = 0.0
    cut_off: bool = False
    how: str = ""
    late_s: float = 0.0


def impacts_of(run: MeasuredRun) -> list[Impact]:
    """Every planned fault, done or not."""
    known = {fact.name: fact for fact in run.facts.faults}
    spans = {span.name: span for span in spans_of(run)}
    view = _View(run)
    return [_impact(planned, known.get(planned.name), spans, view) for planned in run.plan.faults]


def _impact(
    planned: PlannedFault, fact: FaultFact | None, spans: dict[str, FaultSpan], view: "_View"
) -> Impact:
    span = spans.get(planned.name)
    if fact is None or span is None:
        return Impact(
            fault=_fault(planned),
            kind=planned.kind,
            phrase=planned.phrase,
            injected=False,
            healed=True,
            missing=("it was never injected",),
            error=fact.last_error if fact else None,
        )
    proofs = {proof.kind: proof for proof in fact.proofs}  # the last of a kind is the truth
    missing = _missing(proofs)
    texts = [proof.text for proof in fact.proofs]
    if audit := view.run.facts.status.audit:
        unclean = [proof.text for proof in audit if not proof.holds]
        texts.append(f"database afterwards: {'; '.join(unclean) or 'clean'}")
    others = [other for name, other in spans.items() if name != planned.name]
    noticed, text, beside = view.of(span, others)
    if planned.expects_impact and not noticed:
        missing.append(f"the clients' view: a borrower who noticed ({text})")
    early_s, late_s = _off_plan_s(planned, fact)
    cut_off = bool(early_s) and fact.ended_by is EndedBy.NOBODY
    bit: bool | None = not missing and not cut_off and not late_s
    if not bit and view.run.facts.status.cut_short:
        bit = None  # cut short: what is missing may only have had no time to show
    return Impact(
        fault=_fault(
            planned,
            injected_s=span.start_s,
            healed_s=span.until_s if span.until_s < np.inf else None,
            bit=bit,
            ended_by=fact.ended_by,
            proof=[*texts, text],
            **beside,
        ),
        kind=planned.kind,
        phrase=planned.phrase,
        injected=True,
        healed=span.until_s < np.inf and _holds(proofs.get("healed")),
        missing=tuple(missing),
        error=fact.last_error,
        early_s=early_s,
        cut_off=cut_off,
        how=proofs["ended"].text if "ended" in proofs else "",
        late_s=late_s,
    )


def _off_plan_s(planned: PlannedFault, fact: FaultFact) -> tuple[float, float]:
    """How many seconds before its plan a fault ended, and how many after its plan it began; 0 where
    that is too little to matter.

    One that begins late ends at its time all the same: it was less of a fault than was planned.
    """
    lasts_s, ended_ns, early_s = planned.lasts_s, healed_ns(fact), 0.0
    if fact.due_ns is not None and ended_ns is not None:
        early_s = (fact.due_ns - ended_ns) / 1e9
    early_max_s = max(EARLY_SECONDS_MAX, EARLY_SHARE_MAX * lasts_s)
    late_max_s = max(LATE_SECONDS_MAX, LATE_SHARE_MAX * lasts_s)
    late_s = fact.late_s if fact.late_s > late_max_s else 0.0
    return early_s if early_s > early_max_s else 0.0, late_s


_WANTED = {
    "control_plane": "the control plane: a read-back that shows it in place",
    "canary": "the canary: one that met it",
}


def _missing(proofs: dict[str, Proof]) -> list[str]:
    return [
        f"{wanted} ({proofs[kind].text if kind in proofs else 'it was not tried'})"
        for kind, wanted in _WANTED.items()
        if not _holds(proofs.get(kind))
    ]


def _holds(proof: Proof | None) -> bool:
    return proof is not None and proof.holds


def _fault(planned: PlannedFault, **known: Any) -> Fault:
    """The fault of the verdict; what is not ``known`` never happened."""
    nothing: dict[str, Any] = {"injected_s": None, "healed_s": None, "bit": None, "proof": []}
    return Fault(
        name=planned.name,
        link_or_target=planned.target,
        expects_impact=planned.expects_impact,
        description=planned.description,
        **{**nothing, **known},
    )


# --- the clients' view ---------------------------------------------------------------------------


class _View:
    """Whether borrowers fared worse under a fault than without it, and the numbers."""

    def __init__(self, run: MeasuredRun) -> None:
        self.run = run
        self._before = run.before
        # Unknown outcomes that a retry settled are an effect, too, though nothing failed.
        operations, attempts = run.samples.operations, run.facts.attempts
        unknown = attempts.take(attempts.outcome.are(Outcome.INDETERMINATE))
        self._unknown = any_of(unknown.places_in(operations), len(operations))

    def of(self, span: FaultSpan, others: list[FaultSpan]) -> tuple[bool, str, dict[str, Any]]:
        """Whether borrowers noticed one fault, in words too, and what a `Fault` says of others.

        Where others overlap, it is by what can be told apart from them.
        """
        samples = self.run.samples
        end_s = self.run.timeline.load_end_s or 0.0
        shared = [(other, both) for other in others if (both := overlap_s(span, other))]
        if not shared:
            during = samples.between(span.start_s, span.until_s)
            return *self._compare(during, self._before, "under it", "before"), {}
        overlaps = [Overlap(o.name, start_s, min(e_s, end_s)) for o, (start_s, e_s) in shared]
        parts = parts_of(samples, span, others, self.run.plan.settings.request_timeout_s)
        noticed, text = self._told_apart(parts, " and ".join(o.fault for o in overlaps))
        lasted_s = min(span.until_s, end_s) - span.start_s
        own_s = alone_s(span, others, end_s)
        alone = self._requests(parts.alone, own_s)
        together = self._requests(parts.together, lasted_s - own_s)
        return noticed, text, {"overlaps": overlaps, "alone": alone, "together": together}

    def _told_apart(self, parts: Parts, names: str) -> tuple[bool, str]:
        """By what was its own, else by what it added to the others, else only all together."""
        told = []
        enough = int(parts.settled.sum()) >= ENOUGH
        if parts.alone.any():
            noticed, text = self._compare(
                parts.alone, self._before, "with it alone at work", "before"
            )
            told.append(text)
            if noticed:
                return True, text
        without = self._failed(parts.without)
        comparable = (
            min(int(parts.without.sum()), int(parts.together.sum())) >= ENOUGH
            and (without.observed or 0.0) <= ROOM_MAX
        )
        if comparable:
            noticed, text = self._compare(
                parts.together, parts.without, f"together with {names}", "without it"
            )
            told.append(text)
            return noticed, "; ".join(told)
        noticed, text = self._compare(
            parts.together, self._before, f"together with {names}", "before"
        )
        told.append(f"{text}; their effects can't be told apart")
        return noticed and not enough, "; ".join(told)

    def _compare(self, these: Bools, those: Bools, when: str, else_when: str) -> tuple[bool, str]:
        """Whether more of the first failed, had an unknown outcome or waited longer."""
        failed, normal = self._failed(these), self._failed(those)
        text = (
            f"borrowers: {failed.part} of {failed.whole} requests failed {when},"
            f" {normal.part} of {normal.whole} {else_when}"
        )
        if more_in_first(failed, normal) < FAILED_P_MAX:
            return True, text
        unknown, usual = (Share.of(self._unknown, mask) for mask in (these, those))
        if more_in_first(unknown, usual) < FAILED_P_MAX:
            return (
                True,
                f"{text}; {unknown.part} had a try of unknown outcome, {usual.part} {else_when}",
            )
        waited, waits = self._waits(these, those, else_when)
        return waited, text + waits

    def _waits(self, these: Bools, those: Bools, else_when: str) -> tuple[bool, str]:
        samples = self.run.samples
        waits_s = samples.wait_s[these & samples.answered]
        normal_s = samples.wait_s[those & samples.answered]
        if not len(waits_s) or not len(normal_s):
            return False, ""
        median_s, usual_s = float(np.median(waits_s)), float(np.median(normal_s))
        shift_s = max(WAIT_SHIFT_FACTOR * usual_s, WAIT_SHIFT_SECONDS)
        longer = median_s - usual_s >= shift_s
        return (
            longer and larger_in_first(waits_s, normal_s) < WAIT_P_MAX,
            f"; median wait {median_s * 1e3:.0f} ms, {usual_s * 1e3:.0f} ms {else_when}",
        )

    def _failed(self, these: Bools) -> Share:
        return Share.of(self.run.samples.failed, these)

    def _requests(self, these: Bools, seconds: float) -> Requests:
        failed = self._failed(these)
        return Requests(seconds=seconds, operations=failed.whole, failed=failed.part)
