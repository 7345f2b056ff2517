"""Borrowers with a known ground truth: registered, tried out and logged in before the load.

Admin calls go to the service itself, never through the edge link. The password is made up for each
run and lives in memory only.
"""

import secrets
import time
import uuid
from collections.abc import Callable, Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, replace
from typing import Any

import requests

from harness.errors import HarnessError
from harness.events import Decline
from harness.plan import LIMIT_FEN, AccountClass, Borrower, Plan

REGISTER_BATCH = 50
"""A target that hashes passwords strongly takes a tenth of a second for each."""
LOG_INS_AT_ONCE = 4
"""Strong password hashing makes a log-in expensive; more at once would only queue."""
LOG_IN_PAUSES_SECONDS = (0.2, 0.5, 1.0, 2.0, 4.0)
CALL_TIMEOUT_SECONDS = 30.0
TRIAL_AMOUNT_FEN = 10_000
TERM_DAYS = 30

CATEGORY_OF_DECLINE = {
    Decline.CREDIT: "risk_decline",
    Decline.POLICY: "regulatory_decline",
    Decline.BEHAVIOUR: "behaviour_decline",
}
_SHAPES: dict[AccountClass, dict[str, Any]] = {
    AccountClass.GOOD: {},
    AccountClass.LOW_SCORE: {"score": 300},
    AccountClass.BLOCKED_REGION: {"region": "closed"},
    AccountClass.OVERDUE: {"flags": ["overdue"]},
    AccountClass.ISOLATED: {"flags": ["risk_isolation"]},
}


@dataclass(frozen=True, slots=True)
class SeededBorrower:
    """A borrower that the target knows and that holds a live session."""

    index: int
    account_id: str
    phone: str
    password: str
    token: str


class Seeder:
    """Sets the borrowers of one run up on one target."""

    def __init__(
        self,
        service_url: str,
        edge_url: str,
        admin_token: str,
        progress: Callable[[str], None],
    ) -> None:
        self._service_url = service_url
        self._edge_url = edge_url
        self._admin = {"X-Admin-Token": admin_token}
        self._progress = progress
        self._password = secrets.token_urlsafe(16)
        self._http = requests.Session()
        self._http.trust_env = False  # a proxy from the environment is never on our way
        adapter = requests.adapters.HTTPAdapter(pool_maxsize=LOG_INS_AT_ONCE)
        self._http.mount("http://", adapter)

    def confirm_classes(self, plan: Plan) -> tuple[Plan, list[str]]:
        """Try one throw-away borrower of each class; classes that do not behave become good ones.

        Returns the plan to run and the classes left out.

        Raises:
            HarnessError: a good borrower is declined too, so nothing could be measured.
        """
        wanted = sorted({borrower.account_class for borrower in plan.borrowers})
        phone = plan.borrowers[0].phone[:-5]
        trials = [Borrower(i, f"{phone}{99_990 + i}", c) for i, c in enumerate(wanted)]
        accounts = self._register(trials)
        unlike = [b.account_class for b in trials if not self._behaves(b, accounts)]
        if AccountClass.GOOD in unlike:
            raise HarnessError("the target does not lend to a good borrower; nothing to measure")
        borrowers = tuple(
            replace(b, account_class=AccountClass.GOOD) if b.account_class in unlike else b
            for b in plan.borrowers
        )
        return replace(plan, borrowers=borrowers), [str(c) for c in unlike]

    def _behaves(self, borrower: Borrower, accounts: dict[str, str]) -> bool:
        session = self._open_session(borrower, accounts)
        answer = self._call(
            f"{self._edge_url}/v1/loans",
            json={"amount_fen": TRIAL_AMOUNT_FEN, "term_days": TERM_DAYS, "method": "daily"},
            headers={
                "Authorization": f"Bearer {session.token}",
                "Idempotency-Key": str(uuid.uuid4()),
            },
        )
        expected = borrower.account_class.expected_decline
        if expected is None:
            return answer.status_code in (requests.codes.created, requests.codes.accepted)
        try:
            return bool(answer.json()["category"] == CATEGORY_OF_DECLINE[expected])
        except (ValueError, KeyError, TypeError):
            return False

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
            return list(pool.map(lambda b: self._open_session(b, accounts), plan.borrowers))

    def _register(self, borrowers: Iterable[Borrower]) -> dict[str, str]:
        """Account ids by phone."""
        rows = [
            {
                "phone": borrower.phone,
                "password": self._password,
                "limit_fen": LIMIT_FEN,
                "score": 700,
                "flags": [],
                "region": "open",
                **_SHAPES[borrower.account_class],
            }
            for borrower in borrowers
        ]
        url = f"{self._service_url}/v1/admin/accounts"
        answer = self._call(url, json={"accounts": rows}, headers=self._admin)
        if answer.status_code != requests.codes.created:
            raise HarnessError(
                f"POST /v1/admin/accounts answered {answer.status_code}, 201 was expected:"
                f" {answer.text[:200]}"
            )
        try:
            found = {str(r["phone"]): str(r["account_id"]) for r in answer.json()["accounts"]}
        except (ValueError, KeyError, TypeError) as error:
            raise HarnessError(f"POST /v1/admin/accounts is not as agreed: {error!r}") from error
        if missing := {row["phone"] for row in rows} - set(found):
            raise HarnessError(f"the target did not register {len(missing)} borrowers")
        return found

    def _open_session(self, borrower: Borrower, accounts: dict[str, str]) -> SeededBorrower:
        body = {"phone": borrower.phone, "password": self._password}
        for wait_s in LOG_IN_PAUSES_SECONDS:
            answer = self._call(f"{self._edge_url}/v1/sessions", json=body)
            if answer.status_code != requests.codes.unavailable:
                break
            time.sleep(wait_s)  # busy, not broken: this is set-up, nothing is measured yet
        try:
            token = str(answer.json()["token"])
        except (ValueError, KeyError, TypeError) as error:
            raise HarnessError(
                f"POST /v1/sessions answered {answer.status_code} to a registered borrower,"
                " 201 with a token was expected"
            ) from error
        account_id = accounts[borrower.phone]
        return SeededBorrower(borrower.index, account_id, borrower.phone, self._password, token)

    def _call(self, url: str, **kwargs: Any) -> requests.Response:
        try:
            return self._http.post(url, timeout=CALL_TIMEOUT_SECONDS, **kwargs)
        except requests.RequestException as error:
            raise HarnessError(f"POST {url}: {error}") from error
