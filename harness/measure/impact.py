"""Whether each fault took effect: what control plane, canary and borrowers say of it."""

from dataclasses import dataclass

import numpy as np

from harness.events import Facts, FaultFact, Proof
from harness.measure.baseline import baseline_mask
from harness.measure.intervals import Share, larger_in_first, more_in_first
from harness.measure.samples import Samples, Timeline, healed_ns
from harness.plan import Plan, PlannedFault
from harness.verdict import Fault

FAILED_P_MAX = 0.01
WAIT_P_MAX = 0.001
WAIT_SHIFT_FACTOR = 1.0
WAIT_SHIFT_SECONDS = 0.01
"""Smaller shifts of the median wait are what a busy machine does to itself."""


@dataclass(frozen=True, slots=True)
class Impact:
    """One fault with its evidence; ``missing`` names what there is no proof of."""

    fault: Fault
    kind: str
    injected: bool
    healed: bool
    missing: tuple[str, ...]
    error: str | None


@dataclass(frozen=True, slots=True)
class Run:
    """What the effect of a fault is read from."""

    plan: Plan
    facts: Facts
    samples: Samples
    timeline: Timeline


def impacts_of(run: Run) -> list[Impact]:
    """Every planned fault, done or not."""
    known = {fact.name: fact for fact in run.facts.faults}
    return [_impact(planned, known.get(planned.name), run) for planned in run.plan.faults]


def _impact(planned: PlannedFault, fact: FaultFact | None, run: Run) -> Impact:
    clock = run.facts.status.clock
    if fact is None or fact.inject_called_ns is None or clock is None:
        return Impact(
            fault=_fault(planned, None, None, None, []),
            kind=planned.spec.kind,
            injected=False,
            healed=True,
            missing=("it was never injected",),
            error=fact.error if fact else None,
        )
    injected_s = clock.seconds(fact.inject_called_ns)
    heal_ns = healed_ns(fact)
    healed_s = None if heal_ns is None else clock.seconds(heal_ns)
    proofs = {proof.kind: proof for proof in fact.proofs}  # the last of a kind is the truth
    missing = [_WANTED[kind] for kind in _WANTED if not _holds(proofs.get(kind))]
    texts = [proof.text for proof in fact.proofs]
    noticed, seen = _clients_view(run, injected_s, healed_s)
    texts.append(seen)
    if planned.spec.expects_impact and not noticed:
        missing.append(f"a borrower who noticed ({seen})")
    bit: bool | None = not missing
    if missing and run.facts.status.interrupted:
        bit = None  # cut short: what is missing may only have had no time to show
    return Impact(
        fault=_fault(planned, injected_s, healed_s, bit, texts),
        kind=planned.spec.kind,
        injected=True,
        healed=healed_s is not None and _holds(proofs.get("healed")),
        missing=tuple(missing),
        error=fact.error,
    )


_WANTED = {
    "control_plane": "a read-back that shows it in place",
    "canary": "a canary that met it",
}


def _holds(proof: Proof | None) -> bool:
    return proof is not None and proof.holds


def _fault(
    planned: PlannedFault,
    injected_s: float | None,
    healed_s: float | None,
    bit: bool | None,
    texts: list[str],
) -> Fault:
    return Fault(
        name=planned.name,
        link_or_target=planned.spec.target,
        injected_s=injected_s,
        healed_s=healed_s,
        bit=bit,
        proof=texts,
        expects_impact=planned.spec.expects_impact,
        description=planned.spec.description,
    )


def _clients_view(run: Run, injected_s: float, healed_s: float | None) -> tuple[bool, str]:
    """Whether borrowers fared worse under the fault than before it, and the numbers."""
    samples = run.samples
    before = baseline_mask(run.plan, samples, run.timeline)
    during = samples.times_s >= injected_s
    if healed_s is not None:
        during &= samples.times_s <= healed_s
    failed = Share(int(samples.failed[during].sum()), int(during.sum()))
    normal = Share(int(samples.failed[before].sum()), int(before.sum()))
    chance = more_in_first(failed, normal)
    text = (
        f"borrowers: {failed.part} of {failed.whole} requests failed under it,"
        f" {normal.part} of {normal.whole} before"
    )
    if chance < FAILED_P_MAX:
        return True, text
    waits_s = samples.wait_s[during & samples.answered]
    normal_s = samples.wait_s[before & samples.answered]
    if len(waits_s) and len(normal_s):
        median_s, usual_s = float(np.median(waits_s)), float(np.median(normal_s))
        text += f"; median wait {median_s * 1e3:.0f} ms, {usual_s * 1e3:.0f} ms before"
        shift_s = max(WAIT_SHIFT_FACTOR * usual_s, WAIT_SHIFT_SECONDS)
        if median_s - usual_s >= shift_s and larger_in_first(waits_s, normal_s) < WAIT_P_MAX:
            return True, text
    return False, text
