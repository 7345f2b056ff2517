"""What was counted in a run: parts of ``verdict.json``; `types` says what they have in common."""

from dataclasses import dataclass, field

from harness.core.numbers import Count, Length, Milliseconds, PerSecond, Rate, Ratio, Seconds, Share


@dataclass(frozen=True, slots=True)
class SentLoad:
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
class Health:
    """What the target said of its own health, asked ``asked_per_s`` times a second.

    ``green_while_failing_s`` are the seconds in which the address answered 200 although borrowing
    was down or degraded; ``red_while_fine_s`` the contrary. ``first_red_s`` dates the detection.
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
