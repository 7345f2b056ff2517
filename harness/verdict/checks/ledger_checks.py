"""Checks of the ledger as evidence: was it read, whole, and do its two views agree?"""

import math
from collections.abc import Iterator
from typing import Any

from harness.verdict.checks.case import EXAMPLES_MAX, Case, inconclusive, note, plural
from harness.verdict.measure.intervals import upper_bound
from harness.verdict.reconcile import Sample
from harness.verdict.types import Finding


def ledger_unread(case: Case) -> Iterator[Finding]:
    """Without the ledger nobody knows whether a loan was lost."""
    ledger = case.facts.ledger
    if not ledger.read:
        yield inconclusive(
            "ledger_unread",
            "the ledger could not be read, so nothing is known about lost loans"
            + (f": {ledger.error}" if ledger.error else ""),
            source=ledger.source,
            error=ledger.error,
        )


def ledger_incomplete(case: Case) -> Iterator[Finding]:
    """The listing was read, but does not hold everything, or two sources disagree."""
    ledger, reconciled = case.facts.ledger, case.reconciled
    if not ledger.read:
        return
    reasons = [*_about_the_listing(case), *_about_keys(case)]
    if reasons:
        yield inconclusive(
            "ledger_incomplete",
            "the ledger's listing is not complete: " + "; ".join(reasons),
            unlisted=list(reconciled.unlisted[:EXAMPLES_MAX]),
            unclear=list(reconciled.unclear[:EXAMPLES_MAX]),
            unfiltered=list(reconciled.unfiltered[:EXAMPLES_MAX]),
            unlike=list(reconciled.unlike[:EXAMPLES_MAX]),
            repeated=list(reconciled.repeated[:EXAMPLES_MAX]),
            sql_disagrees=list(ledger.sql_disagrees[:EXAMPLES_MAX]),
        )


def _about_the_listing(case: Case) -> Iterator[str]:
    ledger, reconciled = case.facts.ledger, case.reconciled
    if not ledger.complete:
        yield f"it ended early ({ledger.error})" if ledger.error else "it ended early"
    if reconciled.repeated:
        count = plural(len(reconciled.repeated), "loan")
        yield (
            f"it has {count} more than once, in rows that are alike: one row for each payment"
            " can't be told from a listing that repeats itself"
        )
    if ledger.sql_disagrees:
        yield f"the tables say otherwise about {plural(len(ledger.sql_disagrees), 'key')}"
    if not case.facts.account_ids and case.facts.operations:
        yield "which accounts are ours is not known"


def _about_keys(case: Case) -> Iterator[str]:
    """What the target shows, or does not show, when asked for single requests."""
    reconciled, sample = case.reconciled, case.reconciled.sample
    unlisted, unclear = len(reconciled.unlisted), len(reconciled.unclear)
    if unlisted:
        yield f"it lacks loans of {plural(unlisted, 'request')} that the target knows by key"
    if unclear:
        count = plural(unclear, "request")
        yield f"it lacks {count}, and the target gave no clear answer about their keys"
    if sample.unasked and not sample.asked:
        count = plural(sample.unasked, "request")
        yield f"it lacks {count} without a granted loan, and nobody asked for their keys"
    if case.facts.ledger.unsent or reconciled.unfiltered:
        count = plural(len(reconciled.unfiltered), "key")
        yield (
            f"asked for one key, the target shows loans of others ({count}): it ignores the filter"
            " idempotency_key, so that its answers by key show nothing"
        )
    if reconciled.unlike:
        count = plural(len(reconciled.unlike), "request")
        yield f"asked for by key, {count} show otherwise than they are listed"
    if reconciled.mute and not reconciled.further.asked:
        count = plural(len(reconciled.mute), "request")
        yield f"the target gave no clear answer, by key, about any of {count} that it lists"


def ledger_sampled(case: Case) -> Iterator[Finding]:
    """Of some requests only a random sample was asked for by key."""
    sample, further = case.reconciled.sample, case.reconciled.further
    texts = []
    if sample.unasked and sample.asked:
        texts.append(
            f"of {sample.asked + sample.unasked:,} requests without a granted loan that the"
            f" ledger's listing lacks, {sample.asked:,} were asked for by key, {sample.hidden:,} of"
            f" them have a loan: of the others {_at_most(sample)} do, with 95 % confidence"
        )
    if further.unasked and further.asked:
        texts.append(
            f"of {further.asked + further.unasked:,} requests that the ledger's listing has,"
            f" {further.asked:,} were asked for by key, {further.hidden:,} of them have a loan that"
            f" it lacks: of the others {_at_most(further)} do, with 95 % confidence"
        )
    if texts:
        yield note(
            "ledger_sampled",
            "; ".join(texts),
            **_bound(sample, ""),
            **_bound(further, "listed_"),
        )


def _bound(sample: Sample, prefix: str) -> dict[str, Any]:
    share = upper_bound(sample.hidden, sample.asked) if sample.asked else None
    found = {
        "asked": sample.asked,
        "hidden": sample.hidden,
        "unasked": sample.unasked,
        "share_max": share,
        "loans_max": None if share is None else math.ceil(share * sample.unasked),
    }
    return {prefix + name: value for name, value in found.items()}


def _at_most(sample: Sample) -> str:
    share = upper_bound(sample.hidden, sample.asked)
    return f"at most {100 * share:.2g} % ({math.ceil(share * sample.unasked):,})"
