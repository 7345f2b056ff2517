"""Lenders that lie, each in one way, and some that only look as if they did.

    python -m benchmarks.scripted_target --log target.jsonl --lie shared_id

What a lender told its borrowers and what its audit lists are kept apart, and a lie makes them
differ. Every lender, the honest one too, has a bad moment: of the borrows `BAD_MOMENT` by number
it refuses every other one. All speak the contract without a fault, and say of themselves that every
invariant holds.
"""

import time
import uuid
import zlib
from typing import Any

from benchmarks.scripted_ledger import PAGE_MAX, UNAVAILABLE, Account, Answer, Lender, problem

BAD_MOMENT = range(240, 300)
"""After a baseline of 6 s and a warm-up of half a second at 30 a second, for two seconds."""
ONE_IN = 5
LATE_SECONDS = 3.0
"""So long after the last borrow of all a late lender books."""
BATCH_SECONDS = 2.0
BUSY_SECONDS = 0.3

Row = dict[str, Any]


class Honest(Lender):
    """Lists what it told; what it refused is not there."""

    def __init__(self) -> None:
        super().__init__()
        self.rows: list[Row] = []
        self.by_key_only: list[Row] = []
        self.asked = 0
        self.asked_at = 0.0

    # --- what a lie changes ------------------------------------------------------------------

    def lent(self, row: Row) -> None:
        """A loan or a review, as it was told."""
        self.book(row)

    def declined(self, row: Row) -> None:
        """A business decline; the row is what a loan would have been."""
        del row

    def refuse(self, row: Row) -> Answer:
        """The answer to a borrow of the bad moment, and what comes of it."""
        del row
        return UNAVAILABLE

    def turn(self) -> None:
        """Before anything is listed."""

    # --- what all do -------------------------------------------------------------------------

    def book(self, row: Row) -> Row:
        """Put a row at the end of the listing."""
        listed = {**row, "cursor": len(self.rows) + 1}
        self.rows.append(listed)
        return listed

    @property
    def is_over(self) -> bool:
        """Whether nobody has asked for a loan for a while."""
        return self.asked > 0 and time.monotonic() - self.asked_at > LATE_SECONDS

    def _decide(self, account: Account, key: str, amount_fen: Any) -> Answer:
        self.asked += 1
        self.asked_at = time.monotonic()
        row = _row(account, key, amount_fen)
        if self.asked in BAD_MOMENT and self.asked % 2:
            return self.refuse(row)
        before = len(self.loans)
        answer = super()._decide(account, key, amount_fen)
        if len(self.loans) > before:
            self.lent(self.loans[-1].entry)
        else:
            self.declined(row)
        return answer

    def by_key(self, account: Account, key: str) -> Answer:
        """This account's loans with that key, those that the audit leaves out as well."""
        fields = ("loan_id", "status", "principal_fen")
        found = {
            row["loan_id"]: {name: row[name] for name in fields}
            for row in (*self.rows, *self.by_key_only)
            if (row["idempotency_key"], row["account_id"]) == (key, account.account_id)
        }
        return 200, {"loans": list(found.values())}

    def listing(self, after: int, limit: int) -> list[dict[str, Any]]:
        """A page of what this lender shows its auditor."""
        self.turn()
        return self.rows[after : after + min(limit, PAGE_MAX)]


def _row(account: Account, key: str, amount_fen: int) -> Row:
    """A loan that is paid out."""
    return {
        "cursor": 0,
        "loan_id": str(uuid.uuid4()),
        "account_id": account.account_id,
        "idempotency_key": key,
        "principal_fen": amount_fen,
        "status": "disbursed",
        "created_at": "2026-01-01T00:00:00Z",
        "disbursements": 1,
        "ledger_balance_fen": amount_fen,
    }


def _unpaid(row: Row, status: str) -> Row:
    return {**row, "status": status, "disbursements": 0, "ledger_balance_fen": 0}


def _is_chosen(row: Row) -> bool:
    return row["status"] == "disbursed" and not zlib.crc32(row["loan_id"].encode()) % ONE_IN


class _OneSession(Honest):
    """Tells the truth, and keeps one session for each borrower: a log-in ends those before it."""

    def log_in(self, account: Account | None, password: Any) -> Answer:
        status, body = super().log_in(account, password)
        if token := body.get("token"):
            kept = {t: holder for t, holder in self.sessions.items() if holder is not account}
            self.sessions = {**kept, token: self.sessions[token]}
        return status, body


# --- another status than told --------------------------------------------------------------------


class _OtherStatus(Honest):
    """One paid loan in five stands in another status."""

    status = ""

    def lent(self, row: Row) -> None:
        self.book({**row, "status": self.status} if _is_chosen(row) else row)


class _CancelledSome(_OtherStatus):
    """Told as paid out, cancelled in the ledger."""

    status = "cancelled"


class _DeclinedSome(_OtherStatus):
    """Told as paid out, declined in the ledger."""

    status = "declined"


class _WrittenOffSome(_OtherStatus):
    """Told as paid out, written off at once."""

    status = "written_off"


class _RepaidAll(Honest):
    """Every loan is repaid, although nobody repays."""

    def lent(self, row: Row) -> None:
        paid = row["status"] == "disbursed"
        self.book({**row, "status": "repaid", "ledger_balance_fen": 0} if paid else row)


class _ReferredOtherwise(Honest):
    """Told that a person looks at it, and decided in the ledger."""

    def decided(self, row: Row) -> Row:
        """What the ledger has of it."""
        return {**row, "status": "declined"}

    def lent(self, row: Row) -> None:
        self.book(self.decided(row) if row["status"] == "under_review" else row)


class _ReferredPaid(_ReferredOtherwise):
    """Told that a person looks at it, and paid out."""

    def decided(self, row: Row) -> Row:
        paid = {"disbursements": 1, "ledger_balance_fen": row["principal_fen"]}
        return {**row, "status": "disbursed", **paid}


class _ReferredRepaid(_ReferredOtherwise):
    """Told that a person looks at it, and repaid, although nobody repays."""

    def decided(self, row: Row) -> Row:
        return {**row, "status": "repaid", "disbursements": 1, "ledger_balance_fen": 0}


# --- refused, and there --------------------------------------------------------------------------


class _NotAppliedReserved(Honest):
    """Refused as not applied, and the loan stands to be paid out."""

    def refuse(self, row: Row) -> Answer:
        self.book(_unpaid(row, "approved"))
        return UNAVAILABLE


class _NotAppliedUnderReview(Honest):
    """Refused as not applied, and the loan waits for review."""

    def refuse(self, row: Row) -> Answer:
        self.book(_unpaid(row, "under_review"))
        return UNAVAILABLE


class _DeclinedReserved(Honest):
    """Declined, and the loan stands to be paid out."""

    def declined(self, row: Row) -> None:
        self.book(_unpaid(row, "approved"))


class _HiddenPhantom(Honest):
    """Refused as not applied and paid out; only whoever asks for the key is shown it."""

    def refuse(self, row: Row) -> Answer:
        self.by_key_only.append(row)
        return UNAVAILABLE


class _FailsOpen(Honest):
    """Nobody is told, and everybody is paid, also those who must be declined."""

    def refuse(self, row: Row) -> Answer:
        self.book(row)
        return problem(504, "deadline_exceeded", "availability", "unknown")


# --- the same twice ------------------------------------------------------------------------------


class _SharedId(Honest):
    """Each loan in five is listed, and shown by key, under the id of the one before."""

    def _decide(self, account: Account, key: str, amount_fen: Any) -> Answer:
        status, body = super()._decide(account, key, amount_fen)
        if status == 201 and len(self.rows) > 1 and self.rows[-1]["shared"]:
            body = {**body, "loan_id": self.rows[-1]["loan_id"]}
        return status, body

    def lent(self, row: Row) -> None:
        paid = [other for other in self.rows[-3:] if other["status"] == "disbursed"]
        shared = bool(paid) and _is_chosen(row)
        loan_id = paid[-1]["loan_id"] if shared else row["loan_id"]
        self.book({**row, "loan_id": loan_id, "shared": shared})


class _RelistedLate(Honest):
    """Some are listed once more, when all is over, with a second payout."""

    def turn(self) -> None:
        if self.is_over:
            once = {row["loan_id"] for row in self.rows if row["disbursements"] == 2}
            for row in [row for row in self.rows if _is_chosen(row)]:
                if row["loan_id"] not in once:
                    self.book({**row, "disbursements": 2})


class _RowForEachPayout(Honest):
    """A loan that is paid out twice is listed twice, each time with one payout."""

    def lent(self, row: Row) -> None:
        self.book(row)
        if _is_chosen(row):
            self.book(row)


class _NegativePayouts(Honest):
    """Some payouts are fewer than none."""

    def lent(self, row: Row) -> None:
        self.book({**row, "disbursements": -1} if _is_chosen(row) else row)


# --- after the load ------------------------------------------------------------------------------


class _LateDouble(Honest):
    """Some are paid out again when all is over."""

    def turn(self) -> None:
        if self.is_over:
            for row in self.rows:
                row["disbursements"] = 2 if _is_chosen(row) else row["disbursements"]


class _NotAppliedPaidLater(Honest):
    """Refused as not applied, and paid out when all is over."""

    def __init__(self) -> None:
        super().__init__()
        self.waiting: list[Row] = []

    def refuse(self, row: Row) -> Answer:
        self.waiting.append(row)
        return UNAVAILABLE

    def turn(self) -> None:
        while self.is_over and self.waiting:
            self.book(self.waiting.pop())


# --- no lies -------------------------------------------------------------------------------------


class _LateBatches(Honest):
    """Lists loans in batches, some seconds late; whoever asks for a key is shown it at once."""

    def __init__(self) -> None:
        super().__init__()
        self.batch_at = 0.0

    def lent(self, row: Row) -> None:
        self.by_key_only.append(row)

    def turn(self) -> None:
        now = time.monotonic()
        if now >= self.batch_at:
            self.batch_at = now + BATCH_SECONDS
            for row in self.by_key_only:
                self.book(row)
            self.by_key_only.clear()


class _Busy(Honest):
    """Lends to others all the time."""

    def __init__(self) -> None:
        super().__init__()
        self.lent_at = 0.0

    def turn(self) -> None:
        if time.monotonic() - self.lent_at < BUSY_SECONDS:
            return
        self.lent_at = time.monotonic()
        stranger = Account(str(uuid.uuid4()), "", "", 0, 0, (), "")
        self.book(_row(stranger, str(uuid.uuid4()), 100_000))


LENDERS: dict[str, type[Honest]] = {
    "honest": Honest,
    "late_batches": _LateBatches,
    "busy": _Busy,
    "one_session": _OneSession,
    "cancelled_some": _CancelledSome,
    "declined_some": _DeclinedSome,
    "written_off_some": _WrittenOffSome,
    "repaid_all": _RepaidAll,
    "referred_declined": _ReferredOtherwise,
    "referred_paid": _ReferredPaid,
    "referred_repaid": _ReferredRepaid,
    "notapplied_reserved": _NotAppliedReserved,
    "notapplied_under_review": _NotAppliedUnderReview,
    "declined_reserved": _DeclinedReserved,
    "hidden_phantom": _HiddenPhantom,
    "fails_open": _FailsOpen,
    "shared_id": _SharedId,
    "relisted_late": _RelistedLate,
    "row_for_each_payout": _RowForEachPayout,
    "negative_payouts": _NegativePayouts,
    "late_double": _LateDouble,
    "notapplied_paidlater": _NotAppliedPaidLater,
}
"""The first four tell the truth."""
