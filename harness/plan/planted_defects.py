"""What the reference service can be asked to be; it checks that itself, too."""

from harness.core.numbers import decimal

SERVICES = ("tuned", "naive")
"""Client settings with which it speaks to its database."""
DEFECTS = (
    *("no_idempotency_check", "acknowledge_before_commit", "limit_check_outside_lock"),
    *("one_sided_ledger", "amount_truncated", "decline_answered_201"),
    *("disbursed_though_declined", "declines_all_when_database_is_slow"),
    *("approves_all_when_risk_data_is_missing", "bureau_fail_open", "log_in_broken_for_some"),
    *("cancelled_after_approval", "repaid_without_repayment", "reserved_apart"),
    *("declined_keeps_reservation", "shared_loan_id", "paid_twice_later"),
    *("refused_paid_later", "refused_and_hidden"),
    *("health_green_while_dead", "pool_never_recovers", "slow_forever_after_a_fault"),
    *("success_status_with_error_body", "retry_storm", "restart_loses_sessions"),
)
"""Bugs that can be planted in it."""
LATE = ("paid_twice_later", "refused_paid_later")
"""Those that act late: ``name=seconds`` says how late."""
DELAY_SECONDS_MAX = 60.0


def wrong_defects(text: str) -> list[str]:
    """Why these names, separated by commas, cannot be planted; nothing if they can."""
    if not text:
        return []
    names = [name.strip() for name in text.split(",")]
    if unknown := [name for name in names if name.partition("=")[0] not in DEFECTS]:
        listed = ", ".join(repr(name[:60]) for name in unknown)
        return [f"no such defect: {listed}; there are: {', '.join(DEFECTS)}"]
    if wrong := [name for name in names if "=" in name and not _is_late(name)]:
        late = " and ".join(LATE)
        valid = f"only {late} take a delay, of 0 to {DELAY_SECONDS_MAX:g} seconds"
        return [f"defect {wrong[0][:60]!r}: {valid}"]
    return []


def _is_late(asked: str) -> bool:
    name, _, text = asked.partition("=")
    try:
        return name in LATE and 0 <= decimal(text) <= DELAY_SECONDS_MAX
    except ValueError:
        return False
