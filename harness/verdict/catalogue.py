"""The catalogue of codes: what each code means that this program can write down, or end with.

Reports, `lendchaos explain`, gates, schemas and the tests of the documentation read it. The rows of
findings are in `catalogue_findings` and `catalogue_evidence`; all others are here: objectives, stop
conditions, lines of a gate, exit codes.
"""

from dataclasses import replace
from functools import partial

from harness.core.exit_codes import ExitCode
from harness.plan.objectives import KINDS, MEANINGS
from harness.plan.stop_conditions import STOP_MEANINGS
from harness.verdict.catalogue_evidence import EVIDENCE, NOTES
from harness.verdict.catalogue_findings import OF_ANSWERS, OF_LOANS, OF_RUNS
from harness.verdict.catalogue_row import CatalogueRow, EntryKind
from harness.verdict.types import Severity

BOUND = (
    "Met when the upper end of its 95 % interval is within the limit, missed when the lower end is"
    " over it, else not decided."
)
SHARE = (
    "Missed when the lower end of its 95 % interval is over the limit; met when the observed share"
    " is within it on enough requests, else not decided."
)
PERCENTILE = (
    "Missed when surely more than 1 % of the answers took longer; met when the observed percentile"
    " is within the limit, on 100 answers or more; else not decided."
)
COUNT = "What was counted in this run is compared with the limit as it is."
_UNITS = {
    "seconds": "seconds",
    "milliseconds": "milliseconds",
    "share": "a share from 0 to 1, in resilience.yaml per cent",
    "count": "a whole number",
    "ratio": "a number from 1 on",
}

_objective = partial(
    CatalogueRow,
    kind=EntryKind.OBJECTIVE,
    effect="Missed, it fails the run; not decided, it leaves it open.",
    docs="docs/objectives.md",
)
_stop = partial(
    CatalogueRow,
    kind=EntryKind.STOP,
    effect="Ends the run at once, healed, with the finding `safety_stop` and exit code 4.",
    docs="docs/safety.md",
)
_check = partial(CatalogueRow, kind=EntryKind.CHECK, docs="docs/objectives.md")
_exit = partial(
    CatalogueRow,
    kind=EntryKind.EXIT,
    severity=None,
    effect="The exit code of the process; of several runs the worst one's.",
    docs="docs/commands.md",
)

_OBJECTIVES = {
    "recovery_seconds_max": _objective(
        title="Recovery time after the fault",
        decided=BOUND,
        causes="Pools and breakers that notice late; slow restarts; back-off that has grown.",
        more="See in the report when the first and when half of the requests were served again.",
    ),
    "failed_share_max": _objective(
        title="Failed requests in the measured window",
        decided=SHARE,
        causes="The fault lasted longer, or reached further, than the limit allows for.",
        more="Compare with failed_by_phase: it says where the failures are.",
    ),
    "failed_outside_fault_share_max": _objective(
        title="Failed requests outside the fault and its recovery",
        decided=f"{SHARE} Each stretch outside the faults is held against it by itself, too.",
        causes="Failures for which no fault accounts: another trouble, or an aftermath.",
        more="See the episodes in the report; what began outside a fault has its own finding.",
    ),
    "indeterminate_share_max": _objective(
        title="Requests with unknown outcome while a fault was active",
        decided=SHARE,
        causes="The service tries beyond the borrower's deadline; connections are reset.",
        more="Answer before the client's deadline, with `outcome: not_applied` where that is sure.",
        advice="raise the rate or lengthen the fault",
    ),
    "impaired_episodes_max": _objective(
        title="Outages and degraded stretches",
        decided=f"{COUNT} Not decided while nothing shows that the last one was over.",
        causes="An outage or brownout, by a fault or by accident; one that flaps counts again.",
        more="See the findings `outage` and `degraded`.",
    ),
    "latency_ms_p99_max": _objective(
        title="99th percentile of latency outside the fault",
        decided=f"{PERCENTILE} Each stretch outside the faults is held against it by itself, too.",
        causes="Queues, cold caches, garbage collection; on a small machine the load itself.",
        more="See the timeline of waits. What is missed by late starts alone is left open.",
    ),
    "latency_recovery_seconds_max": _objective(
        title="Latency back to normal after the fault",
        decided=BOUND,
        causes="A backlog that drains slowly; caches that are cold after a restart.",
        more="See the stretch of slow answers after the heal in the report.",
    ),
    "grey_failure_seconds_max": _objective(
        title="Health check green while borrowing fails",
        decided=BOUND,
        causes="A health check that does not look at what borrowing needs.",
        more="See the finding `grey_failure`.",
        advice="make the health check answer during the fault",
    ),
    "lost_service_seconds_max": _objective(
        title="Lost service",
        decided=SHARE,
        causes="A long outage, or a long brownout: ten seconds of half the failures count as five.",
        more="It weighs length and depth together; `recovery_seconds_max` bounds the length alone.",
    ),
    "attempts_per_operation_max": _objective(
        title="Attempts for each request while a fault was active",
        decided=COUNT,
        causes="Clients retry while nothing can be served, and add to the load.",
        more="Fewer retries, later, with jitter; see the finding `herd`.",
        advice="raise the rate or lengthen the fault",
    ),
    "affected_borrowers_share_max": _objective(
        title="Borrowers affected",
        decided=SHARE,
        causes="The fault reached everybody, or borrowers come back so often that each meets it.",
        more="See whether the same borrowers fail again and again: `borrowers_shut_out`.",
    ),
    "slow_episodes_max": _objective(
        title="Stretches of slow answers",
        decided=COUNT,
        causes="Answers came late for a while; see the finding `slow`.",
        more="Compare its time with the faults and with the target's own metrics.",
    ),
    "decision_shift_share_max": _objective(
        title="Shift in the mix of decisions",
        decided=f"{BOUND} The kind of decision that moved the most decides.",
        causes="A source of risk data was missing and a default stood in.",
        more="See the finding `decision_drift`: it names the kind of decision.",
        advice="raise the rate or lengthen the baseline",
    ),
}
OBJECTIVES = {
    name: replace(
        row, decided=f"{MEANINGS[name].capitalize()}. Unit: {_UNITS[KINDS[name]]}. {row.decided}"
    )
    for name, row in _OBJECTIVES.items()
}

STOPS = {
    "failed_budget": _stop(
        title=STOP_MEANINGS["failed_budget"].capitalize(),
        decided="Failed borrow requests of all phases are counted as they come, ten times a second."
        " Off on the local stack; elsewhere as many as the scenario accepts by plan.",
        causes="The fault reached further than planned, or something else is broken.",
        more="See when the budget was spent: `--dry-run` prints what it is.",
    ),
    "failed_surge": _stop(
        title=STOP_MEANINGS["failed_surge"].capitalize(),
        decided="A CUSUM on each answer outside the faults and their time to recover: at 50/s it"
        " finds 10 % of failures in some 3 s, a total outage in 0.3 s. On where a target other than"
        " the local stack is broken.",
        causes="Borrowing failed where no fault accounts for it.",
        more="Find out what else happened; the target may need help now.",
    ),
    "double_disbursement": _stop(
        title=STOP_MEANINGS["double_disbursement"].capitalize(),
        decided="The target's audit listing is read once a second under load. On by default.",
        causes="A retry or a replay paid out again; see `duplicated`.",
        more="The message names the loan; look it up in the target's ledger.",
        is_money=True,
    ),
    "principal_at_risk_fen": _stop(
        title=STOP_MEANINGS["principal_at_risk_fen"].capitalize(),
        decided="Principal that was paid out without an acknowledgement, or twice, by the same"
        " listing as `double_disbursement`. Off unless it is set.",
        causes="Answers are lost after the commit while borrowers wait in vain.",
        more="Reconcile first: the borrower may still learn of what is unacknowledged.",
        is_money=True,
    ),
    "watch_failed": _stop(
        title="The watch over the stop conditions itself failed",
        severity=Severity.INCONCLUSIVE,
        effect="Ends the run at once, healed, with exit code 4; the verdict is inconclusive.",
        decided="An error in the watch ends the run, which could do any harm without it.",
        causes="A bug in lendchaos, or files of the run that cannot be read.",
        more="Keep the run directory and report it with conductor.log.",
    ),
}

CHECKS = {
    "other_findings": _check(
        title="Nothing else fails the run",
        effect="Red when a finding fails the run that is neither an objective nor an invariant.",
        decided="All such findings together are one line of a gate; its message has their codes.",
        causes="An outage that no fault accounts for, borrowers who are shut out, a safety stop.",
        more="`lendchaos explain` with the code in the message.",
    ),
    "evidence": _check(
        title="There is evidence enough for a verdict",
        severity=Severity.INCONCLUSIVE,
        effect="An error, not a failure, when a finding leaves the run open.",
        decided="All such findings together are one line of a gate; its message has their codes.",
        causes="A load that was sent late, a baseline that is not steady, a ledger not read.",
        more="`lendchaos explain` with the code in the message.",
    ),
}

EXITS = {
    str(ExitCode.PASS): _exit(
        title="Pass: every objective met, every invariant held, all of it with evidence",
        decided="No finding fails the run or leaves it open; a command without a verdict worked.",
        causes="Nothing to do.",
        more="Keep the run directory: it can be judged again without running it.",
    ),
    str(ExitCode.FAIL): _exit(
        title="Fail: an objective missed or an invariant broken",
        decided="At least one finding has the verdict fail; fail beats inconclusive. Where"
        " resilience.yaml says `on_inconclusive: fail`, an open run ends like this, too.",
        causes="See the findings: each has its code.",
        more="`lendchaos explain` with the code of the finding.",
    ),
    str(ExitCode.USAGE): _exit(
        title="Usage error: the message says how to fix it",
        decided="Found before anything was started or changed: a wrong option, a scenario that does"
        " not exist, a file with mistakes, a target that lacks what the scenario breaks.",
        causes="A typing error, or a file of another version.",
        more="Do what the message says; it names files with line and column.",
    ),
    str(ExitCode.INCONCLUSIVE): _exit(
        title="Inconclusive: the run or its surroundings do not allow a verdict",
        decided="Nothing failed for sure, and something keeps the run from passing: too little"
        " evidence, a program that is missing, a target that is down, a run that holds the stack.",
        causes="See the findings, or the error line.",
        more="`lendchaos doctor` says what the machine lacks, `lendchaos explain` what codes mean.",
    ),
    str(ExitCode.SAFETY_STOP): _exit(
        title="Stopped for safety: a stop condition tripped, everything was healed at once",
        decided="The run did more harm than it was allowed to; the finding `safety_stop` says how.",
        causes="See the stop condition's own entry.",
        more="Look at the target before anything is run again.",
    ),
    str(ExitCode.INTERNAL): _exit(
        title="A bug in lendchaos",
        decided="lendchaos raised an exception that it does not expect; everything was healed.",
        causes="A case that lendchaos does not handle.",
        more="Report the line, with the run directory if there is one.",
    ),
    str(ExitCode.INTERRUPTED): _exit(
        title="Interrupted; everything was healed",
        decided="The verdict of such a run is fail if an invariant broke, else inconclusive.",
        causes="Ctrl-C, a signal, a closed terminal, an abort; the reader of its output went away.",
        more="Run it again; `lendchaos status` shows what is up.",
    ),
}

FINDINGS: dict[str, CatalogueRow] = {**OF_LOANS, **OF_ANSWERS, **OF_RUNS, **EVIDENCE, **NOTES}
"""Every code that a finding of a verdict can have."""
CATALOGUE: dict[str, CatalogueRow] = {**FINDINGS, **OBJECTIVES, **STOPS, **CHECKS, **EXITS}
"""Every code, in the order in which they are listed."""

LOANS = tuple(OF_LOANS)
"""What can be wrong with a loan, the worst first."""
MONEY = tuple(code for code, row in FINDINGS.items() if row.is_money)
"""Findings about money, the worst first."""
MONEY_STOPS = tuple(code for code, row in STOPS.items() if row.is_money)
"""Stop conditions about money."""
RULES: dict[str, CatalogueRow] = {
    code: FINDINGS[code] for code in (*MONEY, *FINDINGS) if FINDINGS[code].rule
}
"""What is required of every run, by the code of the finding that says that it is broken or not
decided: money first, then the worst."""
ASKED: dict[str, str] = {
    code: row.requires or row.title
    for code, row in CATALOGUE.items()
    if row.kind in (EntryKind.OBJECTIVE, EntryKind.INVARIANT, EntryKind.CHECK)
}
"""What each line of a gate asks for."""
