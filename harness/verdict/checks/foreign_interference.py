"""Checks of what was not ours: what others changed, or held, and what ended a fault early."""

from collections.abc import Iterator
from dataclasses import asdict

from harness.history.events import Clock
from harness.history.fault_facts import ForeignChange
from harness.verdict.checks.case import Case, inconclusive, note
from harness.verdict.types import Finding


def foreign_change(case: Case) -> Iterator[Finding]:
    """Somebody else changed the way to the target, or held a lock that it waited for.

    Where the run waits for such a thing, it is a note.
    """
    status = case.facts.status
    if not status.foreign or status.clock is None:
        return
    changes = [_dated(change, status.clock) for change in status.foreign]
    told = "; ".join(
        f"{change['text']} from {change['begin_s']:.1f} s to "
        + ("the end" if change["end_s"] is None else f"{change['end_s']:.1f} s")
        for change in changes
    )
    if case.plan.watches:
        message = f"what somebody else broke: {told}"
        yield note("foreign_change", message, changes=changes)
    else:
        message = f"somebody else had a hand in the stack during the run: {told}"
        yield inconclusive("foreign_change", message, changes=changes)


def _dated(change: ForeignChange, clock: Clock) -> dict[str, str | float | None]:
    """With its instants in seconds after zero; the end None for what was there to the end."""
    end_s = None if change.end_ns is None else clock.seconds(change.end_ns)
    return {"text": change.text, "begin_s": clock.seconds(change.begin_ns), "end_s": end_s}


def ended_early(case: Case) -> Iterator[Finding]:
    """A fault whose own work was done, or that the target itself ended, before its plan."""
    for impact in case.measured.impacts:
        if impact.early_s and impact.how and not impact.cut_off:
            yield note(
                "ended_early",
                f"fault {impact.fault.name} ended {impact.early_s:.1f} s before its plan, at"
                f" {impact.fault.healed_s:.1f} s ({impact.how})",
                fault=impact.fault.name,
                early_s=impact.early_s,
                ended_by=impact.fault.ended_by,
            )


def lock_held(case: Case) -> Iterator[Finding]:
    """A session of somebody else kept a fault from ending in order; it ended all the same."""
    for fact in case.facts.faults:
        if fact.held_up_by:
            yield note(
                "lock_held",
                f"when fault {fact.name} was healed, what it had to do could not be done and was"
                f" cancelled: {'; '.join(map(str, fact.held_up_by))} held the lock",
                fault=fact.name,
                sessions=[asdict(session) for session in fact.held_up_by],
            )
