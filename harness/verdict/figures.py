"""The parts of ``verdict.json``, as types; `types` says what they have in common."""

from dataclasses import dataclass, field
from typing import Any

from harness.core.numbers import (
    Count,
    Fen,
    Figure,
    Length,
    Milliseconds,
    PerSecond,
    Rate,
    Ratio,
    Seconds,
    Share,
    Shift,
)
from harness.verdict.ends import Judgement, Weight


@dataclass(frozen=True, slots=True)
class Load:
    """How faithfully the load was sent. Rates in arrivals/s; the whole load, warm-up included."""

    rate_asked: Rate
    rate_achieved: Rate | None
    arrivals: Count
    warm_up_arrivals: Count
    dropped: Count
    unfinished: Count
    send_lag_ms_p99: Milliseconds | None
    request_timeout_s: Length


@dataclass(frozen=True, slots=True)
class Declined:
    """Declines that agree with ground truth, by business cause."""

    credit: Count = 0
    policy: Count = 0
    behaviour: Count = 0


@dataclass(frozen=True, slots=True)
class Window:
    """What shares refer to: from the first injection, or the baseline's end, to the load's end."""

    start_s: Seconds | None
    end_s: Seconds | None
    operations: Count
    failed: Count


@dataclass(frozen=True, slots=True)
class Borrow:
    """Borrow operations of all phases after the warm-up, by what became of them."""

    operations: Count
    attempts: Count
    approved: Count
    referred: Count
    declined: Declined
    false_declined: Count
    failed: Count
    indeterminate: Count
    blocked: Count
    invalid_answers: Count
    wrongly_approved: Count
    window: Window
    failed_share: Share | None
    failed_share_low: Share | None
    failed_share_high: Share | None
    failed_by_phase: dict[str, Count]
    affected_borrowers: Count
    borrowers: Count
    lost_service_seconds: Length | None
    latency_ms: dict[str, Milliseconds | None]
    """p50, p95, p99 of answered operations, from the planned start; baseline, fault and after."""
    failed_share_low_by_worker: Share | None = None
    failed_share_high_by_worker: Share | None = None
    """The same interval by bootstrap over load workers; None with fewer than two of them."""
    affected: "Affected | None" = None


@dataclass(frozen=True, slots=True)
class Affected:
    """Who failed: all of the borrowers a little, or some of them again and again.

    ``shut_out`` are borrowers of whom every try failed from some moment on, twice or more, beyond
    what chance gives at the same share of failures at the same times; ``shut_out_p`` is the chance
    of so many repeated failures if they had hit borrowers at random.
    """

    borrowers: Count
    affected: Count
    affected_share: Share | None
    affected_share_low: Share | None
    affected_share_high: Share | None
    shut_out: Count
    shut_out_p: Share | None


@dataclass(frozen=True, slots=True)
class LogIn:
    """Log-ins of all phases after the warm-up."""

    operations: Count
    failed: Count
    false_declined: Count
    affected_borrowers: Count
    affected: Affected | None = None
    renewed: Count = 0
    """Requests in a session that was over, asked again in a new one: no refusal."""


@dataclass(frozen=True, slots=True)
class Phase:
    """A phase as it was run."""

    name: str
    start_s: Seconds
    end_s: Seconds


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
    ``together`` those planned while others were at work, too: of these nobody can say which fault
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
class WorstWindow:
    """The ``window_s`` seconds with the largest share of failures; ``start_s`` is their begin."""

    window_s: Length
    start_s: Seconds
    operations: Count
    failed: Count


@dataclass(frozen=True, slots=True)
class Retries:
    """Borrow attempts for each operation that sent one, and the herd after a heal.

    ``herd_peak`` is the largest number of attempts of any step begun within one second, from the
    last heal to ten seconds after, over the baseline's mean in a second; None without a heal.
    """

    attempts_per_operation: dict[str, Ratio | None] = field(default_factory=dict)
    """By phase: baseline, fault, recovery."""
    herd_peak: Ratio | None = None
    herd_peak_at_s: Seconds | None = None


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
class Health:
    """What the target said of its own health, asked ``asked_per_s`` times a second.

    ``green_while_failing_s`` are the seconds in which the address answered 200 although borrowing
    was out or degraded; ``red_while_fine_s`` the contrary. ``first_red_s`` dates the detection.
    """

    path: str
    asked_per_s: PerSecond
    asked: Count
    green: Count
    green_while_failing_s: Seconds | None
    red_while_fine_s: Seconds | None
    first_red_s: Seconds | None
    last_red_s: Seconds | None


@dataclass(frozen=True, slots=True)
class ClosedLoop:
    """What a closed-loop test of ``users`` would have recorded in the same run.

    Each user waits for its answer before it sends again, aiming at the same rate together.
    """

    users: Count
    operations: Count
    failed: Count


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
    verdict: Weight
    message: str
    evidence: dict[str, Any] = field(default_factory=dict)
