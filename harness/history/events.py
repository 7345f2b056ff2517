"""Fact: what did happen, as frozen records.

Everything here is written down while a run happens and only read afterwards. No opinion, no effect
and no import but the standard library and one of its kind. Instants are ``time.monotonic_ns()`` of
the one host that runs the load, so that they compare across its processes; money is integer fen.
"""

from collections.abc import Iterable
from dataclasses import dataclass, field
from enum import StrEnum

from harness.core.numbers import Count, Fen, Figure, Length, Nanoseconds, PerSecond, Whole
from harness.core.rows import comparable
from harness.history.fault_facts import EndedBy, ForeignChange, LockHolder
from harness.history.run_facts import BlastRadius, ErrorRecord, RunEndedBy
from harness.plan.decline import Decline


class Step(StrEnum):
    """One step of a borrower's journey."""

    LOG_IN = "log_in"
    CREDIT_LINE = "credit_line"
    BORROW = "borrow"


class Outcome(StrEnum):
    """What one attempt, or one whole operation, came to."""

    OK = "ok"
    """A step before the borrow was answered as it should be."""
    APPROVED = "approved"
    REFERRED = "referred"
    """Accepted for manual review."""
    DECLINED = "declined"
    """A business decline that agrees with ground truth."""
    FAILED = "failed"
    """Ended without the answer the borrower was entitled to, and surely not applied."""
    INDETERMINATE = "indeterminate"
    """Failed for the borrower, and may or may not have been applied; the ledger settles it."""


GRANTED = (Outcome.APPROVED, Outcome.REFERRED)
ANSWERED = (*GRANTED, Outcome.DECLINED)
"""What a borrower may be entitled to."""
RIGHT_BEFORE_BORROW = (Outcome.OK, Outcome.DECLINED)


class Ending(StrEnum):
    """How the load generator came to the end of an arrival."""

    FINISHED = "finished"
    UNFINISHED = "unfinished"
    """Started, and still under way when the drain was over."""
    DROPPED = "dropped"
    """Never started by the load generator: evidence lost, never a failure of the target."""
    BROKEN = "broken"
    """Ended by a mistake in a step of the scenario: never a failure of the target, either."""


@dataclass(frozen=True, slots=True)
class Sent:
    """Written and flushed before a borrow leaves, so that no crash can hide a request."""

    arrival: Count
    attempt: Count
    key: str
    amount_fen: Fen
    at_ns: Nanoseconds
    worker: str


@dataclass(frozen=True, slots=True)
class Attempt:
    """One HTTP try of one step.

    ``intended_ns`` is the arrival's planned start for every step of its journey; ``sent`` says
    whether any byte of the request may have left; ``error`` names a transport failure
    (``refused``, ``reset``, ``end_of_file``, ``timeout``, ``malformed``, ``other``, or a code of
    `harness.core.shortage`); ``code`` is the problem body's code.
    """

    arrival: Count
    step: Step
    attempt: Count
    intended_ns: Nanoseconds
    started_ns: Nanoseconds
    ended_ns: Nanoseconds
    outcome: Outcome
    worker: str
    status: Whole | None = None
    code: str | None = None
    error: str | None = None
    decline: Decline | None = None
    false_declined: bool = False
    invalid_answer: bool = False
    sent: bool = True
    replayed: bool = False
    connection_reused: bool = False
    key: str | None = None
    amount_fen: Fen | None = None
    loan_id: str | None = None

    def __post_init__(self) -> None:
        """Write the loan's identifier as it is compared."""
        if self.loan_id is not None:
            object.__setattr__(self, "loan_id", comparable(self.loan_id))


@dataclass(frozen=True, slots=True)
class Operation:
    """One planned arrival, which is exactly one borrow operation, whatever became of it.

    ``blocked_by`` is the step that failed before a borrow could be sent (then ``attempts`` is 0).
    ``started_ns`` and ``ended_ns`` are None for a dropped arrival, ``ended_ns`` for an unfinished
    or a broken one.
    """

    arrival: Count
    borrower: Count
    account_class: str
    key: str
    amount_fen: Fen
    intended_ns: Nanoseconds
    outcome: Outcome
    ending: Ending = Ending.FINISHED
    started_ns: Nanoseconds | None = None
    ended_ns: Nanoseconds | None = None
    attempts: Count = 0
    blocked_by: Step | None = None
    decline: Decline | None = None
    false_declined: bool = False
    wrongly_approved: bool = False
    code: str | None = None
    loan_id: str | None = None
    worker: str | None = None

    @property
    def failed(self) -> bool:
        """True when the borrower did not get the answer they were entitled to."""
        return self.outcome in (Outcome.FAILED, Outcome.INDETERMINATE)


def is_decision(attempt: Attempt) -> bool:
    """Whether a borrow was answered by a loan, a review or a decline, right or wrong."""
    return attempt.outcome in ANSWERED or attempt.decline is not None


def settle(attempts: Iterable[Attempt], declined: Attempt | None = None) -> Attempt | None:
    """Fold the borrow attempts of one operation into the one that says what the borrower was told.

    The last loan, review or decline, right or wrong; without one, the last attempt that may have
    been applied, for no refusal undoes it; else an earlier step that ``declined`` the borrower
    rightly; else the last refusal. None without attempts.
    """
    decision = unknown = last = None
    for attempt in attempts:
        last = attempt
        if is_decision(attempt):
            decision = attempt
        elif attempt.outcome is Outcome.INDETERMINATE:
            unknown = attempt
    return decision or unknown or declined or last


@dataclass(frozen=True, slots=True)
class Proof:
    """One piece of evidence that a fault took, or did not take, effect.

    ``kind`` is ``control_plane`` (read back), ``canary`` (tried through the link) or ``healed``
    (a canary after the heal); ``ended`` tells how a fault came to its end before it was healed,
    ``second_way`` that Toxiproxy itself was replaced to heal it.
    """

    kind: str
    holds: bool
    text: str


@dataclass(frozen=True, slots=True)
class FaultFact:
    """What was done for one fault. The four instants bracket the true change; None is "never"."""

    name: str
    kind: str
    link_or_target: str
    expects_impact: bool
    inject_called_ns: Nanoseconds | None = None
    inject_returned_ns: Nanoseconds | None = None
    heal_called_ns: Nanoseconds | None = None
    heal_returned_ns: Nanoseconds | None = None
    healed_ns: Nanoseconds | None = None
    """The instant of healing as the fault defines it (a restart ordered, a statement ended)."""
    proofs: tuple[Proof, ...] = ()
    error: str | None = None
    clean_up_error: str | None = None
    """Why the fault, once healed, could not be removed without a trace."""
    healed_by: str = ""
    """Who healed it, in the words of `JournalRow.by`; empty when no one did, or no one knows."""
    heal_tries: Count = 0
    """How often the one who healed it had to try."""
    due_ns: Nanoseconds | None = None
    """When it was to end."""
    late_s: Length = 0.0
    """How long after its time it was injected, though no other fault was waited for."""
    ended_by: EndedBy | None = None
    """Who or what ended it; an end that no one saw is dated by the last look that still saw it."""
    held_up_by: tuple[LockHolder, ...] = ()
    """Sessions of others that kept it from being healed in order."""

    @property
    def last_error(self) -> str | None:
        """What went wrong last, for people."""
        return self.error if self.clean_up_error is None else f"clean-up: {self.clean_up_error}"


@dataclass(frozen=True, slots=True)
class HealthPoll:
    """One question to the target's health address, and what came of it.

    ``ok`` is a 2xx status; anything else is red, no answer too: then ``status`` is None and
    ``error`` says why (the words of `Attempt`).
    """

    at_ns: Nanoseconds
    ended_ns: Nanoseconds
    ok: bool
    status: Whole | None = None
    error: str | None = None


@dataclass(frozen=True, slots=True)
class HealthAddress:
    """Which address of the target was asked for its health, and how often, by plan."""

    path: str
    asked_per_s: PerSecond


@dataclass(frozen=True, slots=True)
class Clock:
    """One wall anchor and one monotonic origin.

    ``zero_ns`` is the planned start of the first arrival after the warm-up, on the monotonic clock.
    """

    zero_ns: Nanoseconds
    anchor_monotonic_ns: Nanoseconds
    anchor_wall_ns: Nanoseconds

    @property
    def zero_wall_ns(self) -> int:
        """Unix time of ``zero_ns`` in nanoseconds."""
        return self.anchor_wall_ns + self.zero_ns - self.anchor_monotonic_ns

    def seconds(self, at_ns: int) -> float:
        """Seconds from zero to a monotonic instant; negative during the warm-up."""
        return (at_ns - self.zero_ns) / 1e9


@dataclass(frozen=True, slots=True)
class FileChecksum:
    """A file of the run directory as it was when the run was over."""

    size: Count
    sha256: str


@dataclass(frozen=True, slots=True)
class Stall:
    """A stretch in which a load process did not run: paused, or starved of processor."""

    worker: str
    begin_ns: Nanoseconds
    end_ns: Nanoseconds


@dataclass(frozen=True, slots=True)
class SafetyStop:
    """The stop condition that ended a run at once.

    ``condition`` is its name in `harness.plan.stop_conditions.StopConditions`, or ``watch_failed``
    where no one could watch any more; ``observed`` went over ``limit``.
    """

    condition: str
    text: str
    at_ns: Nanoseconds
    observed: Figure
    limit: Figure


@dataclass(frozen=True, slots=True)
class RunStatus:
    """How the run as a whole went, apart from the requests themselves.

    ``load_ended_ns`` is when arrivals stopped (planned end, or the interruption); ``notes`` are
    remarks for the reader, ``troubles`` are reasons not to trust the evidence. ``seals`` are of
    every file with evidence, by name; a run that did not come to its end has none. ``known`` is
    False where nothing of this could be read.
    """

    target: str
    clock: Clock | None = None
    load_ended_ns: Nanoseconds | None = None
    drained_ns: Nanoseconds | None = None
    interrupted: bool = False
    broken_off: bool = False
    """Whether the load was ended early because the disk took no more."""
    ended_by: RunEndedBy | None = None
    """What ended the load early; None where nothing did, or no one saw it, and in older runs."""
    workers: tuple[str, ...] = ()
    account_classes: tuple[str, ...] = ()
    """Classes of borrower that the target confirmed before the load."""
    notes: tuple[str, ...] = ()
    troubles: tuple[ErrorRecord, ...] = ()
    seals: dict[str, FileChecksum] = field(default_factory=dict)
    safety_stop: SafetyStop | None = None
    blast_radius: BlastRadius | None = None
    audit: tuple[Proof, ...] = ()
    """What was found in the target's database once everything was healed; empty: not asked."""
    foreign: tuple[ForeignChange, ...] = ()
    """What others changed on the stack's own Toxiproxy while the run went on."""
    stalls: tuple[Stall, ...] = ()
    """When load processes did not run. Of what was due meanwhile they dropped what would have been
    late by more than 0.3 s, and caught up on the rest at one and a half times the planned rate.
    """
    known: bool = True

    @property
    def cut_short(self) -> bool:
        """Whether the run was ended before its planned end, so that much could not show itself."""
        early = self.interrupted or self.broken_off or self.ended_by == "step"
        return early or self.safety_stop is not None
