"""Borrowers with a known ground truth: registered, tried out and logged in before the load.

Admin calls go to the service itself, never through the edge link. The password is made up for each
run and lives in memory only.
"""

import json
import secrets
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from http import HTTPStatus
from typing import Any

from harness.core.errors import HarnessError
from harness.core.http_calls import Http, Patience, Reply
from harness.core.http_times import lifetime_s
from harness.core.ids import comparable
from harness.plan.decline import Decline
from harness.plan.plan import Plan
from harness.plan.population import NEAR_LIMIT_AMOUNTS_FEN, AccountClass, PlannedBorrower, trials_of
from harness.target.refusals import decline_of, is_false_decline

REGISTER_BATCH = 50
"""A target that hashes passwords strongly takes a tenth of a second for each."""
LOG_INS_AT_ONCE = 4
"""Strong password hashing makes a log-in expensive; more at once would only queue."""
PUT_OFF_SECONDS_MAX = 300.0
"""For which a target may put off the calls of one set-up, the waits of all of them added up."""
TRIAL_AMOUNT_FEN = 10_000
TERM_DAYS = 30
TRIALS_OF_A_CLASS = 3
"""A target on which some borrowers cannot log in still shows how it treats the others."""
REFUSED_SHARE_MAX = 0.5
"""Beyond it the target does not know our borrowers at all, and there is nothing to measure."""

_SHAPES: dict[AccountClass, dict[str, Any]] = {
    AccountClass.GOOD: {},
    AccountClass.LOW_SCORE: {"score": 300},
    AccountClass.BLOCKED_REGION: {"region": "closed"},
    AccountClass.OVERDUE: {"flags": ["overdue"]},
    AccountClass.ISOLATED: {"flags": ["risk_isolation"]},
    AccountClass.NEAR_LIMIT: {},
}


@dataclass(frozen=True, slots=True)
class SeededBorrower:
    """A borrower that the target knows and that holds a live session.

    ``token`` is empty for one who was refused at log-in, registered as they are; ``declined`` tells
    that they must be, for the cause that was told.
    """

    index: int
    account_id: str
    phone: str
    password: str = field(repr=False)
    token: str = field(repr=False)
    expires_ns: int | None = None
    """When the session ends by the lifetime told (monotonic); None if none was told."""
    declined: bool = False


class Seeder:
    """Sets the borrowers of one run up on one target."""

    def __init__(
        self,
        service_url: str,
        edge_url: str,
        admin_token: str,
        progress: Callable[[str], None],
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """``check`` is called every second of a long wait, and may raise to end it."""
        self._service_url = service_url
        self._edge_url = edge_url
        self._admin = {"X-Admin-Token": admin_token}
        self._progress = progress
        self._password = secrets.token_urlsafe(16)
        self._http = Http(LOG_INS_AT_ONCE)
        self._patience = Patience(PUT_OFF_SECONDS_MAX, progress, check)

    def confirm_classes(self, plan: Plan) -> tuple[Plan, list[str]]:
        """Try a throw-away borrower of each class; classes that do not behave become good ones.

        Returns the plan to run and the classes left out.

        Raises:
            HarnessError: a good borrower is declined too, so nothing could be measured.
        """
        wanted = sorted({borrower.account_class for borrower in plan.borrowers})
        trials = trials_of(plan.borrowers, [c for c in wanted for _ in range(TRIALS_OF_A_CLASS)])
        accounts = self._register(trials)
        reads = any(arrival.reads_credit_line for arrival in plan.arrivals)
        by_class = {c: [b for b in trials if b.account_class is c] for c in wanted}
        unlike = [c for c in wanted if not self._behaves(by_class[c], accounts, reads=reads)]
        if AccountClass.GOOD in unlike:
            raise HarnessError("the target does not lend to a good borrower; nothing to measure")
        borrowers = tuple(
            replace(b, account_class=AccountClass.GOOD) if b.account_class in unlike else b
            for b in plan.borrowers
        )
        return replace(plan, borrowers=borrowers), [str(c) for c in unlike]

    def _behaves(
        self, trials: list[PlannedBorrower], accounts: dict[str, str], *, reads: bool
    ) -> bool:
        """Whether the first of these borrowers of one class who can log in, or must be declined and
        are so at log-in, is treated rightly.
        """
        sessions = (self._open_session(borrower, accounts) for borrower in trials)
        session = next((s for s in sessions if s.token or s.declined), None)
        if session is None or session.declined:
            return session is not None
        account_class = trials[0].account_class
        if reads and (declined := self._declined_by_credit_line(session)) is not None:
            return declined is account_class.expected_decline
        if account_class is AccountClass.NEAR_LIMIT:
            amount_fen = max(NEAR_LIMIT_AMOUNTS_FEN)
            first = self._decision(session, amount_fen)
            return (first, self._decision(session, amount_fen)) == (None, Decline.CREDIT)
        return self._decision(session, TRIAL_AMOUNT_FEN) is account_class.expected_decline

    def _declined_by_credit_line(self, session: SeededBorrower) -> Decline | None:
        """Whatever else it answers is measured in the run."""
        return _decline(
            self._call(f"{self._edge_url}/v1/credit-line", None, _bearer(session), "GET")
        )

    def _decision(self, session: SeededBorrower, amount_fen: int) -> Decline | str | None:
        """What a borrow came to: None for a loan, a decline, or another answer in words."""
        answer = self._call(
            f"{self._edge_url}/v1/loans",
            {"amount_fen": amount_fen, "term_days": TERM_DAYS, "method": "daily"},
            {**_bearer(session), "Idempotency-Key": str(uuid.uuid4())},
        )
        if answer.status in (HTTPStatus.CREATED, HTTPStatus.ACCEPTED):
            _identifier("/v1/loans", "loan_id", _payload(answer).get("loan_id", ""))
            return None
        return _decline(answer) or f"status {answer.status}"

    def seed(self, plan: Plan) -> list[SeededBorrower]:
        """Register every borrower of the plan and open a session for each.

        Raises:
            HarnessError: the target refuses or does not answer.
        """
        accounts: dict[str, str] = {}
        for start in range(0, len(plan.borrowers), REGISTER_BATCH):
            accounts |= self._register(plan.borrowers[start : start + REGISTER_BATCH])
            self._progress(f"registered {len(accounts)} of {len(plan.borrowers)} borrowers")
        self._progress("opening their sessions")
        with ThreadPoolExecutor(LOG_INS_AT_ONCE, thread_name_prefix="log-in") as pool:
            seeded = list(pool.map(lambda b: self._open_session(b, accounts), plan.borrowers))
        refused = sum(not (borrower.token or borrower.declined) for borrower in seeded)
        if refused > REFUSED_SHARE_MAX * len(seeded):
            raise HarnessError(
                f"POST /v1/sessions refused {refused} of {len(seeded)} registered borrowers;"
                " nothing to measure"
            )
        if refused:
            self._progress(f"{refused} of {len(seeded)} borrowers are refused at log-in")
        return seeded

    def _register(self, borrowers: Iterable[PlannedBorrower]) -> dict[str, str]:
        """Account ids by phone."""
        rows = [
            {
                "phone": borrower.phone,
                "password": self._password,
                "limit_fen": borrower.account_class.limit_fen,
                "score": 700,
                "flags": [],
                "region": "open",
                **_SHAPES[borrower.account_class],
            }
            for borrower in borrowers
        ]
        url = f"{self._service_url}/v1/admin/accounts"
        answer = self._call(url, {"accounts": rows}, self._admin)
        if answer.status != HTTPStatus.CREATED:
            raise HarnessError(
                f"POST /v1/admin/accounts answered {answer.status}, 201 was expected:"
                f" {self._without_secrets(answer.text)[:200]}"
            )
        try:
            shown = {str(r["phone"]): r["account_id"] for r in answer.json()["accounts"]}
        except (ValueError, KeyError, TypeError) as error:
            raise HarnessError(f"POST /v1/admin/accounts is not as agreed: {error!r}") from error
        if missing := {row["phone"] for row in rows} - set(shown):
            raise HarnessError(f"the target did not register {len(missing)} borrowers")
        return {
            phone: _identifier("/v1/admin/accounts", "account_id", given)
            for phone, given in shown.items()
        }

    def _without_secrets(self, text: str) -> str:
        """A target's own words, in which it may repeat what it was sent."""
        for secret in (self._password, *self._admin.values()):
            text = text.replace(secret, "(secret)")
        return text

    def _open_session(self, borrower: PlannedBorrower, accounts: dict[str, str]) -> SeededBorrower:
        body = {"phone": borrower.phone, "password": self._password}
        answer = self._call(f"{self._edge_url}/v1/sessions", body, {})
        came_ns = time.monotonic_ns()
        declined = _decline(answer)
        seeded = SeededBorrower(
            index=borrower.index,
            account_id=accounts[borrower.phone],
            phone=borrower.phone,
            password=self._password,
            token="",
            declined=declined is not None and declined is borrower.account_class.expected_decline,
        )
        if _refuses(answer):
            # Some users who cannot log in are a finding of the run, not the end of it.
            return seeded
        try:
            session = answer.json()
            token = str(session["token"])
            lives_s = lifetime_s(session.get("expires_at"), answer.headers)
        except (ValueError, KeyError, TypeError) as error:
            raise HarnessError(
                f"POST /v1/sessions answered {answer.status} to a registered borrower,"
                " 201 with a token was expected"
            ) from error
        expires_ns = None if lives_s is None else came_ns + round(lives_s * 1e9)
        return replace(seeded, token=token, expires_ns=expires_ns)

    def _call(
        self, url: str, content: Any, headers: Mapping[str, str], method: str = "POST"
    ) -> Reply:
        """One call, made again while the target puts it off: nothing is measured yet. A borrow
        keeps its key, so that it can't become two.
        """
        return self._http.call(
            method,
            url,
            headers=headers,
            content=content,
            patience=self._patience,
            is_final=lambda reply: _decline(reply) is not None,
        )


def _identifier(path: str, name: str, given: Any) -> str:
    """An identifier as it is compared.

    Raises:
        HarnessError: it is no string.
    """
    if not isinstance(given, str):
        raise HarnessError(
            f'POST {path}: {name} is {json.dumps(given)}, a string was expected, as "1001":'
            " identifiers are strings in every call"
        )
    return comparable(given)


def _bearer(session: SeededBorrower) -> dict[str, str]:
    return {"Authorization": f"Bearer {session.token}"}


def _refuses(answer: Reply) -> bool:
    """Whether somebody who is registered was refused in person."""
    return answer.status >= HTTPStatus.BAD_REQUEST and is_false_decline(
        answer.status, _payload(answer)
    )


def _decline(answer: Reply) -> Decline | None:
    """What an answer says of the borrower; None if it is no decline."""
    return decline_of(answer.status, _payload(answer))


def _payload(answer: Reply) -> dict[str, Any]:
    try:
        payload = answer.json()
    except ValueError:
        return {}
    return payload if isinstance(payload, dict) else {}
