"""Pure: what borrowers were told, key by key, against what the ledger holds.

Only loans on this run's own accounts, or under its own keys, are looked at. All phases count, the
warm-up too: money lent then is lent.
"""

from collections import defaultdict
from dataclasses import dataclass, field

from harness.events import Facts, LedgerEntry, Operation, Outcome
from harness.plan import Plan
from harness.verdict import Reconciliation

EXAMPLES_MAX = 20
AT_RISK = ("lost", "duplicated", "phantom", "corrupt", "unbalanced")
REPAID = "repaid"
RESERVED = ("under_review", "approved")
"""Not paid out yet, but taken from the borrower's limit."""
ACKNOWLEDGED = (Outcome.APPROVED, Outcome.REFERRED)


@dataclass(frozen=True, slots=True)
class Reconciled:
    """The reconciliation, and the acknowledged keys that the listing lacks without being lost.

    ``unlisted`` are known to the target when asked for by key; of ``unclear`` it gave no clear
    answer.
    """

    result: Reconciliation
    unlisted: tuple[str, ...] = ()
    unclear: tuple[str, ...] = ()


@dataclass(slots=True)
class _Classes:
    """Keys by class, in order of arrival."""

    keys: dict[str, list[str]] = field(default_factory=lambda: defaultdict(list))

    def add(self, name: str, key: str) -> None:
        self.keys[name].append(key)

    def count(self, name: str) -> int:
        return len(self.keys[name])


def reconcile(plan: Plan, facts: Facts) -> Reconciled:
    """Settle every operation of the run by the ledger; counts are None when it was not read."""
    acknowledged = sum(o.outcome in ACKNOWLEDGED for o in facts.operations)
    if not facts.ledger.read:
        return Reconciled(Reconciliation(ledger_read=False, acknowledged=acknowledged))
    rows = _rows_by_key(facts)
    found = _Classes()
    for operation in facts.operations:
        _settle(operation, rows.get(operation.key, []), facts, found)
    keys = {arrival.key for arrival in plan.arrivals} | {o.key for o in facts.operations}
    for key, entries in rows.items():
        if key not in keys:
            for _ in entries:
                found.add("orphan", key)
    listed = sum(o.outcome in ACKNOWLEDGED and o.key in rows for o in facts.operations)
    at_risk = {key for name in AT_RISK for key in found.keys[name]}
    complete = facts.ledger.complete
    result = Reconciliation(
        ledger_read=True,
        acknowledged=acknowledged,
        in_ledger=listed,
        lost=found.count("lost"),
        duplicated=found.count("duplicated"),
        phantom=found.count("phantom"),
        corrupt=found.count("corrupt"),
        # Where the record is damaged, a loan under a key we do not know may be one of ours.
        orphan=None if facts.damage and found.count("orphan") else found.count("orphan"),
        unbalanced=found.count("unbalanced"),
        committed_unknown=found.count("committed_unknown"),
        # What is absent from an incomplete listing may still be in the ledger.
        not_committed_unknown=found.count("not_committed_unknown") if complete else None,
        examples={
            name: keys[:EXAMPLES_MAX]
            for name, keys in found.keys.items()
            if keys and name not in ("unlisted", "unclear", *(("orphan",) if facts.damage else ()))
        },
        principal_at_risk_fen=sum(o.amount_fen for o in facts.operations if o.key in at_risk),
    )
    return Reconciled(result, tuple(found.keys["unlisted"]), tuple(found.keys["unclear"]))


def is_lent(entry: LedgerEntry) -> bool:
    """Whether a loan was paid out, or stands to be."""
    return entry.disbursements > 0 or entry.status in RESERVED


def _rows_by_key(facts: Facts) -> dict[str, list[LedgerEntry]]:
    """Loans that are ours to judge, by key; a loan that was listed twice counts once."""
    ours = {operation.key for operation in facts.operations}
    rows: dict[str, list[LedgerEntry]] = defaultdict(list)
    seen = set()
    for entry in facts.ledger.entries:
        if entry.idempotency_key not in ours and entry.account_id not in facts.account_ids:
            continue
        listed = (entry.loan_id, entry.idempotency_key, entry.account_id, entry.principal_fen)
        if listed not in seen:
            seen.add(listed)
            rows[entry.idempotency_key].append(entry)
    return dict(rows)


def _settle(
    operation: Operation, entries: list[LedgerEntry], facts: Facts, found: _Classes
) -> None:
    """Put one operation into every class it belongs to."""
    key = operation.key
    paid = sum(entry.disbursements for entry in entries)
    if len(entries) > 1 or any(entry.disbursements > 1 for entry in entries):
        found.add("duplicated", key)
    if operation.outcome in ACKNOWLEDGED and not entries:
        _settle_missing(key, facts, found)
    elif operation.outcome is Outcome.INDETERMINATE:
        applied = paid > 0 or any(entry.status == "under_review" for entry in entries)
        found.add("committed_unknown" if applied else "not_committed_unknown", key)
    elif operation.outcome in (Outcome.DECLINED, Outcome.FAILED) and paid > 0:
        found.add("phantom", key)
    others = operation.loan_id is not None and all(
        entry.loan_id != operation.loan_id for entry in entries
    )
    other_loan = bool(entries) and others and operation.outcome in ACKNOWLEDGED
    if other_loan or any(_differs(operation, entry, facts) for entry in entries):
        found.add("corrupt", key)
    if any(_is_unbalanced(entry) for entry in entries):
        found.add("unbalanced", key)


def _settle_missing(key: str, facts: Facts, found: _Classes) -> None:
    """A loan the borrower was told of and the listing lacks: lost only if the target says so."""
    match facts.ledger.found_by_key.get(key):
        case False:
            found.add("lost", key)
        case True:
            found.add("unlisted", key)
        case None:
            found.add("unclear", key)


def _differs(operation: Operation, entry: LedgerEntry, facts: Facts) -> bool:
    """Whether a loan contradicts what the borrower asked for or was told."""
    account = facts.account_of.get(operation.borrower)
    wrong_account = (
        entry.account_id != account
        if account
        else (bool(facts.account_ids) and entry.account_id not in facts.account_ids)
    )
    promised = operation.outcome is Outcome.APPROVED and entry.disbursements == 0
    wrong_amount = entry.principal_fen != operation.amount_fen
    return wrong_account or promised or wrong_amount


def _is_unbalanced(entry: LedgerEntry) -> bool:
    if entry.status == REPAID:
        return False
    expected_fen = entry.principal_fen if entry.disbursements else 0
    # A loan paid out twice is told as such; its balance is then right at once or twice.
    return entry.ledger_balance_fen != expected_fen
