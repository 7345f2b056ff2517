"""Which pairs there are: a planted defect and a scenario that can meet it. Pure."""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field

from benchmarks.defects.acts import ANSWERS, GREEN, LATE, MONEY, PATIENCE, SLOW, Rule

PAIRS_MAX = 75
RATE = 30
REQUEST_TIMEOUT_SECONDS = 2.0
BASELINE_SECONDS = 6.0
"""To bound its share of failures takes 146 requests; here are 180."""
SETTLE_SECONDS = 1.0

SCENARIO = '''"""A planted defect and a scenario that can meet it.

Hypothesis: no borrower is harmed.
"""

from harness import Borrower, Load, Objectives, Scenario
{imports}

class Met(Borrower):
    scenario = Scenario({arguments})
'''

RULES: dict[str, Rule] = {
    "declines_all_when_database_is_slow": ANSWERS,
    "log_in_broken_for_some": ANSWERS,
    "restart_loses_sessions": ANSWERS,
    "success_status_with_error_body": ANSWERS,
    "pool_never_recovers": LATE,
    "slow_forever_after_a_fault": SLOW,
    "retry_storm": PATIENCE,
    "health_green_while_dead": GREEN,
}
"""Of all others every act is harm."""


@dataclass(frozen=True, slots=True, eq=False)
class Trial:
    """A scenario with its options; ``more`` are further arguments of the scenario."""

    name: str
    faults: str = ""
    objectives: Mapping[str, float] = field(default_factory=dict)
    more: str = ""
    fault_s: float = 3.0
    recovery_s: float = 5.0
    options: tuple[str, ...] = ()

    @property
    def limits(self) -> dict[str, float]:
        """What was promised, and how long a borrower waits."""
        return {"request_timeout_s": REQUEST_TIMEOUT_SECONDS, **self.objectives}

    @property
    def source(self) -> str:
        """The scenario file."""
        limits = ", ".join(f"{name}={value:g}" for name, value in self.objectives.items())
        parts = [f"faults=[{self.faults}]", f"objectives=Objectives({limits})", self.more]
        kinds = sorted(set(re.findall(r"(\w+)\(", self.faults)))
        imports = f"from harness.faults import {', '.join(kinds)}\n" if kinds else ""
        arguments = ", ".join(part for part in parts if part)
        return SCENARIO.format(imports=imports, arguments=arguments)


@dataclass(frozen=True, slots=True)
class Pair:
    """A defect, perhaps with its delay, and a trial; the ledger is watched for ``settle_s``."""

    defect: str
    trial: Trial
    settle_s: float = SETTLE_SECONDS

    def __post_init__(self) -> None:
        """Refuses a pair whose harm cannot be said.

        Raises:
            ValueError: the trial lacks an objective that the defect is measured by.
        """
        if missing := [name for name in self.rule.needs if name not in self.trial.limits]:
            raise ValueError(f"{self}: no {', '.join(missing)}, so nothing would be harm")

    @property
    def rule(self) -> Rule:
        """What counts as harm."""
        return RULES.get(self.name, MONEY)

    @property
    def name(self) -> str:
        """The defect without its delay."""
        return self.defect.partition("=")[0]

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.defect} × {self.trial.name}"  # noqa: RUF001  # a pair is a product

    @property
    def options(self) -> list[str]:
        """Of the run, but for its places and seed."""
        trial = self.trial
        return [
            *(f"--rate={RATE}", "--warm-up=500ms", f"--baseline={BASELINE_SECONDS}s"),
            *(
                f"--fault={trial.fault_s if trial.faults else 0}s",
                f"--recovery={trial.recovery_s}s",
            ),
            *(f"--request-timeout={REQUEST_TIMEOUT_SECONDS}s", "--stop-double-disbursement=off"),
            *(f"--ledger-settle={self.settle_s}s", *trial.options),
        ]


BACK_IN_2 = {"recovery_seconds_max": 2.0}
ANSWERED = {**BACK_IN_2, "indeterminate_share_max": 0.1, "latency_ms_p99_max": 500}
CUT = {**ANSWERED, "grey_failure_seconds_max": 1.5}
"""Of a database that is out of reach for longer than a borrower waits."""

QUIET = Trial(
    "nothing broken",
    objectives={"impaired_episodes_max": 0, "failed_share_max": 0.005},
    more="load=Load(near_limit_share=0.1)",
    recovery_s=3.0,
)
ANSWERS_LOST = Trial(
    "answers lost",
    'Partition("edge", direction="downstream")',
    {"recovery_seconds_max": 2.5},
    "load=Load(credit_line_share=0)",
    fault_s=1.0,
    recovery_s=4.0,
    options=("--retries=1", "--log-in-share=0"),
)
COMMITS_LOST = Trial(
    "commits lost", "CommitLost()", {"recovery_seconds_max": 5}, options=("--retries=2",)
)
REPLICAS_KILLED = Trial(
    "replicas killed",
    'Kill("replicas")',
    {"recovery_seconds_max": 6},
    fault_s=1.0,
    recovery_s=10.0,
)
REPLICA_KILLED = Trial(
    "one replica killed",
    'Kill("replica-1")',
    {"recovery_seconds_max": 6},
    fault_s=1.0,
    recovery_s=10.0,
)
REPLICAS_RESTARTED = Trial(
    "replicas restarted",
    'Restart("replicas")',
    {"recovery_seconds_max": 6},
    fault_s=1.0,
    recovery_s=10.0,
)
POSTGRES_KILLED = Trial(
    "PostgreSQL killed",
    'Kill("postgres")',
    {**CUT, "recovery_seconds_max": 4},
    "load=Load(credit_line_share=0)",
    fault_s=4.0,
    recovery_s=8.0,
)
DATABASE_CUT = Trial(
    "database cut off",
    'Partition("database")',
    CUT,
    "load=Load(credit_line_share=0)",
    fault_s=5.0,
    recovery_s=6.0,
)
DATABASE_REFUSED = Trial(
    "database refuses",
    'Refuse("database")',
    CUT,
    "load=Load(credit_line_share=0)",
    fault_s=4.0,
)
DATABASE_FLAPS = Trial(
    "database link flaps",
    'Flap("database", period=1, duty=0.5)',
    BACK_IN_2,
    "load=Load(credit_line_share=0)",
    fault_s=4.0,
    recovery_s=6.0,
)
LOANS_LOCKED = Trial(
    "loans locked",
    'BlockingMigration("loan")',
    ANSWERED,  # and not the health: it asks for no loan, and is rightly green
    "load=Load(credit_line_share=0)",
    fault_s=5.0,
    recovery_s=6.0,
)
RISK_DATA_LOCKED = Trial(
    "risk data locked", 'BlockingMigration("risk_flag")', {"recovery_seconds_max": 2.5}
)
RISK_DATA_LOCKED_UNSEEN = Trial(
    "risk data locked, answers lost",
    'BlockingMigration("risk_flag"), Partition("edge", direction="downstream")',
    {"recovery_seconds_max": 2.5},
    "load=Load(credit_line_share=0)",
    fault_s=5.0,
    options=("--log-in-share=0",),
)
PAYOUTS_LOCKED = Trial(
    "payouts locked", 'BlockingMigration("disbursement")', {"recovery_seconds_max": 2.5}
)
BUREAU_CUT = Trial(
    "bureau cut off",
    'Partition("bureau", expects_impact=False)',
    {"failed_share_max": 0.01, "impaired_episodes_max": 0},
)
BUREAU_KILLED = Trial(
    "bureau killed",
    'Kill("bureau", expects_impact=False)',
    {"failed_share_max": 0.01, "impaired_episodes_max": 0},
)
BUREAU_CUT_UNSEEN = Trial(
    "bureau cut off, answers lost",
    'Partition("bureau", expects_impact=False), Partition("edge", direction="downstream")',
    {"recovery_seconds_max": 2.5},
    "load=Load(credit_line_share=0)",
    fault_s=5.0,
    options=("--log-in-share=0",),
)
CURED_BY_THE_NEXT = Trial(
    "cut off, restarted much later",
    'Partition("database", lasts="3.6s"), Restart("replicas", at="20.4s", lasts="1.2s")',
    {**CUT, "recovery_seconds_max": 10},
    "load=Load(credit_line_share=0)",
    fault_s=21.6,
    recovery_s=13.4,
)

_MET: dict[Trial, str] = {
    QUIET: """
        limit_check_outside_lock one_sided_ledger amount_truncated decline_answered_201
        disbursed_though_declined cancelled_after_approval repaid_without_repayment
        declined_keeps_reservation shared_loan_id log_in_broken_for_some
        acknowledge_before_commit
    """,
    ANSWERS_LOST: """
        no_idempotency_check disbursed_though_declined amount_truncated repaid_without_repayment
        declined_keeps_reservation
    """,
    COMMITS_LOST: "no_idempotency_check one_sided_ledger shared_loan_id cancelled_after_approval",
    REPLICAS_KILLED: "acknowledge_before_commit restart_loses_sessions",
    REPLICA_KILLED: "acknowledge_before_commit",
    REPLICAS_RESTARTED: "restart_loses_sessions",
    POSTGRES_KILLED: """
        acknowledge_before_commit declines_all_when_database_is_slow slow_forever_after_a_fault
        success_status_with_error_body health_green_while_dead refused_and_hidden
    """,
    DATABASE_CUT: """
        acknowledge_before_commit declines_all_when_database_is_slow pool_never_recovers
        slow_forever_after_a_fault success_status_with_error_body retry_storm
        health_green_while_dead refused_and_hidden
    """,
    DATABASE_REFUSED: """
        declines_all_when_database_is_slow health_green_while_dead
    """,
    DATABASE_FLAPS: "pool_never_recovers",
    LOANS_LOCKED: """
        declines_all_when_database_is_slow slow_forever_after_a_fault retry_storm
        success_status_with_error_body refused_and_hidden
    """,
    RISK_DATA_LOCKED: "approves_all_when_risk_data_is_missing",
    RISK_DATA_LOCKED_UNSEEN: "approves_all_when_risk_data_is_missing",
    PAYOUTS_LOCKED: "reserved_apart",
    BUREAU_CUT: "bureau_fail_open",
    BUREAU_KILLED: "bureau_fail_open",
    BUREAU_CUT_UNSEEN: "bureau_fail_open",
    CURED_BY_THE_NEXT: "pool_never_recovers health_green_while_dead",
}

# What is booked after the load needs a ledger that is watched until then.
_LATE = (
    Pair("paid_twice_later=3", QUIET, 5.0),
    Pair("paid_twice_later=20", QUIET, 20.0),
    Pair("paid_twice_later=4", REPLICAS_KILLED, 5.0),
    Pair("refused_paid_later=5", DATABASE_CUT, 8.0),
    Pair("refused_paid_later=20", DATABASE_REFUSED, 25.0),
    Pair("refused_paid_later=5", PAYOUTS_LOCKED, 8.0),
)

PAIRS: tuple[Pair, ...] = (
    *(Pair(defect, trial) for trial, defects in _MET.items() for defect in defects.split()),
    *_LATE,
)
