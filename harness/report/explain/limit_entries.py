"""Objectives and stop conditions: what each bounds, and how it is decided."""

from harness.plan.objectives import KINDS, MEANINGS
from harness.plan.stop_conditions import STOP_MEANINGS
from harness.report import words
from harness.report.explain.entry import Entry, EntryKind

_BOUND = (
    "Met when the upper end of its 95 % interval is within the limit, missed when the lower end is"
    " over it, else not decided."
)
_SHARE = (
    "Missed when the lower end of its 95 % interval is over the limit; met when the observed share"
    " is within it on enough requests, else not decided."
)
_COUNT = "What was counted in this run is compared with the limit as it is."
_WEIGHT = "Missed, it fails the run; not decided, it leaves it open."

_CAUSES: dict[str, tuple[str, str, str]] = {
    "recovery_seconds_max": (
        _BOUND,
        (
            "Pools and breakers that notice late that all is well; restarts that take long;"
            " back-off that has grown."
        ),
        "See in the report when the first and when half of the requests were served again.",
    ),
    "failed_share_max": (
        _SHARE,
        "The fault lasted longer, or reached further, than the limit allows for.",
        "Compare with failed_by_phase: it says where the failures are.",
    ),
    "failed_outside_fault_share_max": (
        _SHARE,
        "Failures at a time for which no fault accounts: another trouble, or an aftermath.",
        "See the episodes in the report; what began outside a fault has its own finding.",
    ),
    "indeterminate_share_max": (
        _SHARE,
        (
            "The service still tries when the borrower's deadline is over; connections are reset"
            " without an answer."
        ),
        "Answer before the client's deadline, with `outcome: not_applied` where that is certain.",
    ),
    "impaired_episodes_max": (
        _COUNT,
        "An outage or brownout, by a fault or by accident; one that flaps counts again.",
        "See the findings `outage` and `degraded`.",
    ),
    "latency_ms_p99_max": (
        (
            "Missed when more than 1 % of the answers surely took longer; met when the observed"
            " percentile is within the limit, on 100 answers or more."
        ),
        "Queues, cold caches, garbage collection; on a small machine the load itself.",
        (
            "Look at the timeline of waits; a late start of ours adds to it (send_lag_ms_p99). What"
            " is missed by that alone is left open."
        ),
    ),
    "latency_recovery_seconds_max": (
        _BOUND,
        "A backlog that drains slowly; caches that are cold after a restart.",
        "See the stretch of slow answers after the heal in the report.",
    ),
    "grey_failure_seconds_max": (
        _BOUND,
        "A health check that does not look at what borrowing needs.",
        "See the finding `grey_failure`.",
    ),
    "lost_service_seconds_max": (
        _SHARE,
        "A long outage, or a long brownout: ten seconds of half the failures count as five.",
        "It weighs length and depth together; recovery_seconds_max bounds the length alone.",
    ),
    "attempts_per_operation_max": (
        _COUNT,
        "Clients retry while nothing can be served, and add to the load.",
        "Fewer retries, later, with jitter; see the finding `herd`.",
    ),
    "affected_borrowers_share_max": (
        _SHARE,
        "The fault reached everybody, or borrowers come back so often that each meets it.",
        "See whether the same borrowers fail again and again: `borrowers_shut_out`.",
    ),
    "slow_episodes_max": (
        _COUNT,
        "Answers came late for a while; see the finding `slow`.",
        "Compare its time with the faults and with the target's own metrics.",
    ),
    "decision_shift_share_max": (
        _BOUND,
        "A source of risk data was missing and a default stood in.",
        "See the finding `decision_drift`: it names the kind of decision.",
    ),
}
_UNITS = {
    "seconds": "seconds",
    "milliseconds": "milliseconds",
    "share": "a share from 0 to 1, in resilience.yaml per cent",
    "count": "a whole number",
    "ratio": "a number from 1 on",
}


def _objective(name: str) -> Entry:
    rule, causes, next_step = _CAUSES[name]
    decided = (
        f"{MEANINGS[name][0].upper()}{MEANINGS[name][1:]}. Unit: {_UNITS[KINDS[name]]}. {rule}"
    )
    meaning = words.objective(name)
    docs = "docs/objectives.md"
    return Entry(name, EntryKind.OBJECTIVE, meaning, _WEIGHT, decided, causes, next_step, docs)


OBJECTIVES = tuple(_objective(name) for name in KINDS)

_STOP_WEIGHT = "Ends the run at once, healed, with the finding `safety_stop` and exit code 4."
_STOP_CAUSES: dict[str, tuple[str, str, str]] = {
    "failed_budget": (
        (
            "Failed borrow requests of all phases are counted as they come, ten times a second. Off"
            " on the local stack; elsewhere as many as the scenario accepts by plan."
        ),
        "The fault reached further than planned, or something else is broken.",
        "See when the budget was spent: `--dry-run` prints what it is.",
    ),
    "failed_surge": (
        (
            "A CUSUM on each answer outside the faults and their time to recover: 10 % of failures"
            " are found in some 3 s, a total outage in 0.3 s. On where a foreign target is broken."
        ),
        "Borrowing failed where no fault accounts for it.",
        "Find out what else happened; the target may need help now.",
    ),
    "double_disbursement": (
        (
            "The target's audit listing is read once a second while the load lasts. On by default"
            " everywhere."
        ),
        "A retry or a replay paid out again; see `duplicated`.",
        "The message names the loan; look it up in the target's ledger.",
    ),
    "principal_at_risk_fen": (
        (
            "Principal that was paid out without an acknowledgement, or twice, by the same listing."
            " Off unless it is set."
        ),
        "Answers are lost after the commit while borrowers wait in vain.",
        "Reconcile first: what is unacknowledged may still be known to the borrower later.",
    ),
}


def _stop(name: str) -> Entry:
    decided, causes, next_step = _STOP_CAUSES[name]
    text = STOP_MEANINGS[name]
    meaning = f"{text[0].upper()}{text[1:]}"
    return Entry(
        name, EntryKind.STOP, meaning, _STOP_WEIGHT, decided, causes, next_step, "docs/safety.md"
    )


STOPS = (
    *(_stop(name) for name in STOP_MEANINGS),
    Entry(
        "watch_failed",
        EntryKind.STOP,
        "The watch over the stop conditions itself failed",
        "Ends the run at once, healed, with exit code 4; the verdict is inconclusive.",
        "Whatever goes wrong in the watch ends the run: what nobody watches could do any harm.",
        "A bug of ours, or files of the run that cannot be read.",
        "Keep the run directory and report it with conductor.log.",
        "docs/safety.md",
    ),
)
