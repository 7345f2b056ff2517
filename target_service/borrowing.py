"""The story of one borrow, and of one repayment: what happens in which order, and why."""

import hashlib
import uuid
from dataclasses import dataclass, replace
from typing import Any

from target_service import problems, repository, rules
from target_service.database import Transaction
from target_service.problems import Problem, ProblemError
from target_service.repository import Decided, NewLoan
from target_service.rules import Applicant, Policy, ScoreSource
from target_service.scoring import Asked

# 0.05 % a day, within the legal maximum of 24 % a year.
RATE_PPM_DAY = 500


@dataclass(frozen=True, slots=True)
class Caller:
    """Who asks, with which key, and under which id the answer can be traced."""

    token_hash: bytes
    key: str
    trace_id: str


@dataclass(frozen=True, slots=True)
class BorrowRequest:
    """What a borrower asks for; money in fen."""

    amount_fen: int
    term_days: int
    method: str

    @property
    def fingerprint(self) -> bytes:
        """Equal for equal requests; a key may only be used again with an equal one."""
        return _fingerprint("borrow", self.amount_fen, self.term_days, self.method)


@dataclass(frozen=True, slots=True)
class Terms:
    """The lender's own numbers. ``score_max_age_s`` bounds what stands in for the bureau."""

    review_above_fen: int
    score_max_age_s: float = 0.0


@dataclass(frozen=True, slots=True)
class Answer:
    """What the borrower reads, now or when the key is replayed."""

    status: int
    body: dict[str, Any]
    account_id: str
    loan_id: str | None = None
    replayed: bool = False
    score_source: str | None = None


def _fingerprint(*parts: object) -> bytes:
    return hashlib.sha256("\n".join(str(part) for part in parts).encode()).digest()


async def borrow(
    transaction: Transaction,
    caller: Caller,
    request: BorrowRequest,
    terms: Terms,
    asked: Asked | None = None,
) -> Answer:
    """One READ COMMITTED transaction from claiming the key to COMMIT.

    A decline commits too: it is as repeatable as a loan. ``asked`` is what became of asking the
    credit bureau; None where there is none to ask.

    Raises:
        ProblemError: 401, or a key that belongs to another request.
    """
    opening = await repository.open_borrow(
        transaction, caller.token_hash, caller.key, request.fingerprint
    )
    if opening.applicant is None:
        raise ProblemError(problems.TOKEN_INVALID)
    applicant, account_id = opening.applicant, opening.applicant.account_id
    if not opening.key_is_new:
        return await _replay(transaction, account_id, caller.key, request.fingerprint)
    if asked is not None:
        applicant = rules.settle(applicant, asked.score, terms.score_max_age_s)
    refused = rules.reason_to_decline(applicant, opening.policy)
    if refused is None and not await repository.reserve_credit(
        transaction, account_id, request.amount_fen
    ):
        refused = problems.CREDIT_LIMIT_EXCEEDED
    if refused is not None:
        answer = await _decline(
            transaction,
            caller=caller,
            request=request,
            policy=opening.policy,
            applicant=applicant,
            refused=refused,
        )
    else:
        answer = await _lend(
            transaction,
            caller=caller,
            request=request,
            policy=opening.policy,
            applicant=applicant,
            review=_reason_to_review(applicant, request, terms),
        )
    return replace(answer, score_source=applicant.score_source)


def _reason_to_review(applicant: Applicant, request: BorrowRequest, terms: Terms) -> str | None:
    """Why a person has to look at it before money moves; the name of their queue."""
    if applicant.score_source is ScoreSource.NONE:
        return "score_unavailable"
    return "large_amount" if request.amount_fen > terms.review_above_fen else None


async def _replay(
    transaction: Transaction, account_id: str, key: str, fingerprint: bytes
) -> Answer:
    stored = await repository.count_replay(transaction, account_id, key)
    if stored.request_fp != fingerprint:
        raise ProblemError(problems.KEY_REUSE_MISMATCH)
    if stored.state != "done":
        raise ProblemError(problems.IN_PROGRESS)
    await transaction.commit()
    return Answer(stored.status, stored.body, account_id, stored.body.get("loan_id"), replayed=True)


async def _decline(
    transaction: Transaction,
    *,
    caller: Caller,
    request: BorrowRequest,
    policy: Policy,
    applicant: Applicant,
    refused: Problem,
) -> Answer:
    body = refused.body(caller.trace_id)
    decided = Decided(
        applicant=applicant,
        key=caller.key,
        outcome="declined",
        code=refused.code,
        policy_version=policy.version,
        amount_fen=request.amount_fen,
        status=refused.status,
        body=body,
    )
    await repository.store_decision(transaction, decided, loan=None)
    await transaction.commit()
    return Answer(refused.status, body, applicant.account_id)


async def _lend(
    transaction: Transaction,
    *,
    caller: Caller,
    request: BorrowRequest,
    policy: Policy,
    applicant: Applicant,
    review: str | None,
) -> Answer:
    disburse = review is None
    loan = NewLoan(
        loan_id=uuid.uuid4(),
        account_id=applicant.account_id,
        key=caller.key,
        principal_fen=request.amount_fen,
        term_days=request.term_days,
        rate_ppm_day=RATE_PPM_DAY,
        method=request.method,
        disburse=disburse,
        queue=review or "",
    )
    body: dict[str, Any] = {"loan_id": str(loan.loan_id), "status": "under_review"}
    if disburse:
        body |= {"status": "disbursed", "principal_fen": loan.principal_fen}
    decided = Decided(
        applicant=applicant,
        key=caller.key,
        outcome="approved" if disburse else "referred",
        code=review or "within_rules",
        policy_version=policy.version,
        amount_fen=request.amount_fen,
        status=201 if disburse else 202,
        body=body,
    )
    await repository.store_decision(transaction, decided, loan)
    await transaction.commit()
    return Answer(decided.status, body, loan.account_id, str(loan.loan_id))


async def repay(
    transaction: Transaction, caller: Caller, loan_id: uuid.UUID, amount_fen: int
) -> Answer:
    """Takes a repayment of principal; the same key again repeats the receipt.

    Raises:
        ProblemError: 401, unknown loan, overpayment, or a key that belongs to another request.
    """
    fingerprint = _fingerprint("repay", loan_id, amount_fen)
    key_is_new, account_id = await repository.claim_key(
        transaction, caller.token_hash, caller.key, fingerprint
    )
    if account_id is None:
        raise ProblemError(problems.TOKEN_INVALID)
    if not key_is_new:
        return await _replay(transaction, account_id, caller.key, fingerprint)
    outstanding_fen = await repository.lock_outstanding(transaction, account_id, loan_id)
    if outstanding_fen is None:
        raise ProblemError(problems.LOAN_NOT_FOUND)
    if amount_fen > outstanding_fen:
        raise ProblemError(problems.OVERPAYMENT, f"Outstanding: {outstanding_fen} fen")
    receipt_no = await repository.insert_repayment(
        transaction, account_id, loan_id, caller.key, amount_fen
    )
    body = {"receipt_no": receipt_no, "outstanding_fen": outstanding_fen - amount_fen}
    if amount_fen == outstanding_fen:
        await repository.close_loan(transaction, loan_id)
    await repository.store_answer(
        transaction, account_id=account_id, key=caller.key, status=201, body=body, loan_id=loan_id
    )
    await transaction.commit()
    return Answer(201, body, account_id, str(loan_id))
