"""The rows of a ledger, merged to one loan for each key and loan id. Pure."""

from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

from harness.history.ledger_facts import KeyedLoan, LedgerEntry
from harness.verdict.money_table import MoneyRow

BOOKED_STATUSES = ("disbursed", "repaid")
"""A loan of such a status was paid out once, where only its status is shown."""


@dataclass(frozen=True, slots=True)
class Loan:
    """One loan under one key, as all its rows say together; money in fen.

    ``account_ids`` and ``principals_fen`` are of every row, in the order of listing; the last one
    counts. ``payouts_min`` is the least that any row shows. ``repeated`` tells that rows are
    identical but for cursor, time and balance. A loan that is not ``listed`` was found by its key
    alone: it has no account and no balance.
    """

    loan_id: str
    key: str
    row: MoneyRow
    principals_fen: tuple[int, ...]
    account_ids: tuple[str, ...] = ()
    payouts_min: int = 0
    balance_fen: int | None = None
    repeated: bool = False
    listed: bool = True

    @property
    def principal_fen(self) -> int:
        """The principal listed last."""
        return self.principals_fen[-1]


def loans_by_key(
    entries: Iterable[LedgerEntry], *, has_status: bool = True
) -> dict[str, list[Loan]]:
    """Merge the rows of each loan: its largest number of payouts, what else was listed last.

    A ledger without a status column (not ``has_status``) is judged by payouts alone.
    """
    rows: dict[tuple[str, str], list[LedgerEntry]] = defaultdict(list)
    for entry in entries:
        rows[entry.idempotency_key, entry.loan_id].append(entry)
    loans: dict[str, list[Loan]] = defaultdict(list)
    for (key, _), listed in rows.items():
        loans[key].append(_merged(listed, has_status=has_status))
    return dict(loans)


def _merged(rows: Sequence[LedgerEntry], *, has_status: bool) -> Loan:
    last = rows[-1]
    shown = Counter((r.account_id, r.principal_fen, r.status, r.disbursements) for r in rows)
    payouts = [row.disbursements for row in rows]
    return Loan(
        loan_id=last.loan_id,
        key=last.idempotency_key,
        row=MoneyRow(last.status if has_status else None, max(payouts)),
        principals_fen=tuple(row.principal_fen for row in rows),
        account_ids=tuple(row.account_id for row in rows),
        payouts_min=min(payouts),
        balance_fen=last.ledger_balance_fen,
        repeated=max(shown.values()) > 1,
    )


def found_alone(key: str, loan: KeyedLoan) -> Loan:
    """A loan that only the question for its key shows, so that its status says whether it was paid.

    The listing lacks it.
    """
    row = MoneyRow(loan.status, int(loan.status in BOOKED_STATUSES))
    return Loan(loan.loan_id, key, row, (loan.principal_fen,), listed=False)
