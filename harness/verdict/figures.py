"""The parts of ``verdict.json``, as types; `harness.verdict` says what they have in common."""

from dataclasses import dataclass, field
from enum import IntEnum, StrEnum
from typing import Any


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
    """What shares refer to: from the first injection, or the baseline's end, to the load's end."""

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
    failed_share_low_by_worker: float | None = None
    failed_share_high_by_worker: float | None = None
    """The same interval by bootstrap over load workers; None with fewer than two of them."""
    affected: "Affected | None" = None


@dataclass(frozen=True, slots=True)
class Affected:
    """Who failed: all of the borrowers a little, or some of them again and again.

    ``shut_out`` are borrowers of whom every try failed from some moment on, twice or more, beyond
    what chance gives at the same share of failures at the same times; ``shut_out_p`` is the chance
    of so many repeated failures if they had hit borrowers at random.
    """

    borrowers: int
    affected: int
    affected_share: float | None
    affected_share_low: float | None
    affected_share_high: float | None
    shut_out: int
    shut_out_p: float | None


@dataclass(frozen=True, slots=True)
class LogIn:
    """Log-ins of all phases after the warm-up."""

    operations: int
    failed: int
    false_declined: int
    affected_borrowers: int
    affected: Affected | None = None
    renewed: int = 0
    """Requests in a session that was over, asked again in a new one: no refusal."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A phase as it was run."""

    name: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Overlap:
    """Another fault that was at work at the same time, and from when to when both were."""

    fault: str
    start_s: float
    end_s: float


@dataclass(frozen=True, slots=True)
class Requests:
    """Borrow requests that met something, in ``seconds`` of it, and how many of them failed."""

    seconds: float
    operations: int
    failed: int


@dataclass(frozen=True, slots=True)
class Fault:
    """A fault as it was done; ``bit`` None means that nothing shows whether it took effect.

    With ``overlaps``, ``alone`` are the requests that this fault and no other can have touched,
    ``together`` those planned while others were at work, too: of these nobody can say which fault
    made them fail. Both None where nothing overlaps.
    """

    name: str
    link_or_target: str
    injected_s: float | None
    healed_s: float | None
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
    recovered_s: float | None = None
    """End of the last impairment of its group, seconds after the group's last heal (may be <= 0);
    None when nothing was impaired, or no recovery was seen."""


@dataclass(frozen=True, slots=True)
class Episode:
    """A maximal stretch of impaired borrowing.

    Without ``onset_s_low`` it may have been there before the first request. Without ``recovered_s``
    no recovery was seen; until ``recovered_s_low`` it surely lasted.
    """

    class_: str
    onset_s: float
    onset_s_low: float | None
    onset_s_high: float | None
    recovered_s: float | None
    recovered_s_low: float | None
    recovered_s_high: float | None
    confirmed: bool
    failed: int
    operations: int = 0
    """Failed or not, to the end of the load if it outlasted; of an outage, while it surely did."""
    affected_borrowers: int = 0
    in_flight: int = 0
    """Operations under way at the onset; each is counted once, by what became of it."""
    queued: int = 0
    """Operations begun while nothing was answered, and answered all the same, after a wait."""
    last_failure_s: float | None = None
    served_after: int = 0
    """When its last failure met the service; of no recovery, how many were served after it."""


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
    """From the last heal of the faults (and their first injection) to borrowing as before."""

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
    censored: bool = False
    """None was seen before the load ended, or the next fault came; it surely took longer than
    ``from_heal_s_low``."""
    observed_s: float | None = None
    """From the last heal to the end of the load or the next fault: as long as it was watched."""
    answering_again_s: float | None = None
    """First good answer after the outage, seconds after the heal; before ``from_heal_s`` when
    requests had queued and were served late, as the queue's head is answered first."""
    last_failure_start_s: float | None = None
    """Planned start of the last failed or late operation of the impairment, after the heal."""
    last_impact_end_s: float | None = None
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

    limit_ms: float | None = None
    from_heal_s: float | None = None
    from_heal_s_low: float | None = None
    from_heal_s_high: float | None = None
    confirmed: bool = False
    censored: bool = False


@dataclass(frozen=True, slots=True)
class WorstWindow:
    """The ``window_s`` seconds with the largest share of failures; ``start_s`` is their begin."""

    window_s: float
    start_s: float
    operations: int
    failed: int


@dataclass(frozen=True, slots=True)
class Retries:
    """Borrow attempts for each operation that sent one, and the herd after a heal.

    ``herd_peak`` is the largest number of attempts of any step begun within one second, from the
    last heal to ten seconds after, over the baseline's mean in a second; None without a heal.
    """

    attempts_per_operation: dict[str, float | None] = field(default_factory=dict)
    """By phase: baseline, fault, recovery."""
    herd_peak: float | None = None
    herd_peak_at_s: float | None = None


@dataclass(frozen=True, slots=True)
class DecisionShare:
    """One kind of decision among all answered operations, before the fault and from it on.

    ``kind`` is ``approved``, ``referred``, ``declined_credit``, ``declined_policy`` or
    ``declined_behaviour``; ``shift`` is after minus before, with its 95 % interval; ``p`` is the
    two-sided exact chance of such a shift in an unchanged mix.
    """

    kind: str
    before: float | None
    after: float | None
    shift: float | None
    shift_low: float | None
    shift_high: float | None
    p: float | None


@dataclass(frozen=True, slots=True)
class Health:
    """What the target said of its own health, asked ``asked_per_s`` times a second.

    ``green_while_failing_s`` are the seconds in which the address answered 200 although borrowing
    was out or degraded; ``red_while_fine_s`` the contrary. ``first_red_s`` dates the detection.
    """

    path: str
    asked_per_s: float
    asked: int
    green: int
    green_while_failing_s: float | None
    red_while_fine_s: float | None
    first_red_s: float | None
    last_red_s: float | None


@dataclass(frozen=True, slots=True)
class ClosedLoop:
    """What a closed-loop test of ``users`` would have recorded in the same run.

    Each user waits for its answer before it sends again, aiming at the same rate together.
    """

    users: int
    operations: int
    failed: int


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
    watched_s: float | None = None
    """After it had come to rest; what is booked later is not in these counts."""


@dataclass(frozen=True, slots=True)
class ObjectiveResult:
    """One bound, what was observed, and the interval it was judged on.

    ``reason`` says why it is missed or not decided, ``source`` where the limit was set: a line of
    ``resilience.yaml``, the scenario file, or the built-in default.
    """

    id: str
    limit: float
    observed: float | None
    low: float | None
    high: float | None
    verdict: Judgement
    reason: str = ""
    source: str = ""


@dataclass(frozen=True, slots=True)
class Finding:
    """One check with its evidence."""

    code: str
    verdict: Weight
    message: str
    evidence: dict[str, Any] = field(default_factory=dict)
