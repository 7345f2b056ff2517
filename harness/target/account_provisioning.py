"""Account provisioning: borrowers with a known ground truth, registered, tried and logged in.

All of it is done before the load, with the steps that the load takes. Admin calls go to the service
itself, never through the edge link. The password is made up for each run and lives in memory only.
"""

import secrets
import time
import uuid
from collections.abc import Callable, Iterable, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace

from harness.core.errors import HarnessError
from harness.core.http_calls import Http, Patience
from harness.core.http_messages import Reply
from harness.history.events import Outcome, Step
from harness.plan.decline import Decline
from harness.plan.lender_profile import LenderProfile
from harness.plan.plan import Plan
from harness.plan.population import AccountClass, PlannedBorrower, trials_of
from harness.target.classification import (
    NO_TRUTH,
    Answer,
    Classification,
    GroundTruth,
    is_false_decline,
)
from harness.target.declared import steps_of
from harness.target.interface import Target
from harness.target.request import (
    TERM_DAYS,
    BorrowerAccount,
    LoanRequest,
    NewAccount,
    Request,
)
from harness.target.transport import call
from harness.target.user_methods import UNREADABLE, with_place

REGISTER_BATCH = 50
"""A target that hashes passwords strongly takes a tenth of a second for each."""
LOG_INS_AT_ONCE = 4
"""Strong password hashing makes a log-in expensive; more at once would only queue."""
PUT_OFF_SECONDS_MAX = 300.0
"""For which a target may put off the calls of one set-up, the waits of all of them added up."""
TRIALS_OF_A_CLASS = 3
"""A target on which some borrowers cannot log in still shows how it treats the others."""
REFUSED_SHARE_MAX = 0.5
"""Beyond it the target does not know our borrowers at all, and there is nothing to measure."""


@dataclass(frozen=True, slots=True)
class ProvisionedBorrower:
    """A borrower that the target knows and that holds a live session.

    ``token`` is empty where the target has no sessions, and for one who was refused at log-in,
    registered as they are; ``declined`` tells that they must be, for the cause that was told.
    """

    index: int
    account_id: str
    phone: str
    password: str = field(repr=False)
    token: str = field(repr=False)
    expires_ns: int | None = None
    """When the session ends by the lifetime told (monotonic); None if none was told."""
    declined: bool = False

    def as_seen(self, token: str | None = None) -> BorrowerAccount:
        """As the steps of the target see them; with another session, if one is given."""
        token = self.token if token is None else token
        return BorrowerAccount(self.phone, self.account_id, self.password, token)


class AccountProvisioner:
    """Sets the borrowers of one run up on one target."""

    def __init__(
        self,
        target: Target,
        edge_url: str,
        progress: Callable[[str], None],
        check: Callable[[], None] = lambda: None,
    ) -> None:
        """``check`` is called every second of a long wait, and may raise to end it.

        UsageError, before anything is sent, where a step of the target makes no request.
        """
        steps_of(target)
        self._target = target
        self._lender: LenderProfile = target.profile
        self._edge_url = edge_url
        self._progress = progress
        self._password = secrets.token_urlsafe(16)
        self._term_days = TERM_DAYS
        self._http = Http(LOG_INS_AT_ONCE)
        self._patience = Patience(PUT_OFF_SECONDS_MAX, progress, check)

    def confirm_classes(self, plan: Plan) -> tuple[Plan, list[str]]:
        """Try a throw-away borrower of each class; classes that do not behave become good ones.

        The plan to run and the classes left out; HarnessError where a good borrower is declined,
        too, so that nothing could be measured.
        """
        wanted = sorted({borrower.account_class for borrower in plan.borrowers})
        trials = trials_of(plan.borrowers, [c for c in wanted for _ in range(TRIALS_OF_A_CLASS)])
        self._lender, self._term_days = plan.lender, plan.term_days  # their limits are of the plan
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
        self, trials: list[PlannedBorrower], accounts: Mapping[str, str], *, reads: bool
    ) -> bool:
        """Whether the first of these borrowers of one class who can log in, or must be declined and
        are so at log-in, is treated rightly.
        """
        sessions = (self._open_session(borrower, accounts) for borrower in trials)
        logs_in = self._lender.logs_in
        session = next((s for s in sessions if s.token or s.declined or not logs_in), None)
        if session is None or session.declined:
            return session is not None
        account_class = trials[0].account_class
        if reads:  # whatever else it answers is measured in the run
            asked = self._target.credit_line(session.as_seen())
            reply = self._call(self._edge_url, asked, session.as_seen())
            if (declined := self._judged(Step.CREDIT_LINE, reply).decline) is not None:
                return declined is account_class.expected_decline
        if account_class is AccountClass.NEAR_LIMIT:
            amount_fen = self._lender.most
            first = self._decision(session, amount_fen)
            return (first, self._decision(session, amount_fen)) == (None, Decline.CREDIT)
        return self._decision(session, self._lender.trial_amount) is account_class.expected_decline

    def _decision(self, session: ProvisionedBorrower, amount_fen: int) -> Decline | str | None:
        """What a borrow came to: None for a loan, a decline, or another answer in words."""
        account, currency = session.as_seen(), self._lender.currency
        ask = LoanRequest(
            account, str(uuid.uuid4()), amount_fen, self._term_days, currency=currency
        )
        reply = self._call(self._edge_url, self._target.borrow(ask), account)
        try:
            if self._target.grants(reply, ask):
                return None
        except UNREADABLE as error:
            self._progress(f"not known whether a loan was granted: {with_place(error)}")
        return self._judged(Step.BORROW, reply).decline or f"status {reply.status}"

    def provision(self, plan: Plan) -> list[ProvisionedBorrower]:
        """Register every borrower of the plan and open a session for each; HarnessError where the
        target refuses or does not answer.
        """
        self._lender = plan.lender
        accounts: dict[str, str] = {}
        for start in range(0, len(plan.borrowers), REGISTER_BATCH):
            accounts |= self._register(plan.borrowers[start : start + REGISTER_BATCH])
            self._progress(f"registered {len(accounts)} of {len(plan.borrowers)} borrowers")
        if self._lender.logs_in:
            self._progress("opening their sessions")
        with ThreadPoolExecutor(LOG_INS_AT_ONCE, thread_name_prefix="log-in") as pool:
            provisioned = list(pool.map(lambda b: self._open_session(b, accounts), plan.borrowers))
        refused = sum(not (borrower.token or borrower.declined) for borrower in provisioned)
        if not self._lender.logs_in:
            refused = 0
        if refused > REFUSED_SHARE_MAX * len(provisioned):
            log_in = self._target.addressed(self._target.log_in(provisioned[0].as_seen("")))
            raise HarnessError(
                f"{log_in} refused {refused} of {len(provisioned)} registered borrowers;"
                " nothing to measure"
            )
        if refused:
            self._progress(f"{refused} of {len(provisioned)} borrowers are refused at log-in")
        return provisioned

    def _register(self, borrowers: Iterable[PlannedBorrower]) -> Mapping[str, str]:
        """Account ids by phone."""
        limit_of = self._lender.limit_of
        accounts = [
            NewAccount(b.phone, self._password, b.account_class, limit_of(b.account_class))
            for b in borrowers
        ]
        replies = [self._registered(request) for request in self._target.accounts(accounts)]
        try:
            shown = self._target.account_ids(accounts, replies)
        except UNREADABLE as error:
            said = with_place(error)
            raise HarnessError(f"the opened accounts are not as agreed: {said}") from error
        if missing := {account.name for account in accounts} - set(shown):
            raise HarnessError(f"the target did not register {len(missing)} borrowers")
        return shown

    def _registered(self, request: Request) -> Reply:
        """The answer to one registration; HarnessError where it is no success."""
        sent = self._target.addressed(request)
        reply = self._call(self._target.url, request)
        if not request.accepts(reply.status):
            raise HarnessError(
                f"{sent} answered {reply.status}, {request.expected} was expected:"
                f" {self._without_secrets(reply.text, sent)[:200]}"
            )
        return reply

    def _without_secrets(self, text: str, request: Request) -> str:
        """A target's own words, in which it may repeat what it was sent."""
        for secret in filter(None, (self._password, *request.headers.values())):
            text = text.replace(secret, "(secret)")
        return text

    def _open_session(
        self, borrower: PlannedBorrower, accounts: Mapping[str, str]
    ) -> ProvisionedBorrower:
        provisioned = ProvisionedBorrower(
            index=borrower.index,
            account_id=accounts[borrower.phone],
            phone=borrower.phone,
            password=self._password,
            token="",
        )
        if not self._lender.logs_in:
            return provisioned
        account = provisioned.as_seen()
        request = self._target.log_in(account)
        reply = self._call(self._edge_url, request, account)
        came_ns = time.monotonic_ns()
        truth = GroundTruth(expected_decline=borrower.account_class.expected_decline)
        declined = self._judged(Step.LOG_IN, reply, truth).outcome is Outcome.DECLINED
        provisioned = replace(provisioned, declined=declined)
        # Someone who is registered was refused in person, rightly or not, whatever else the rules
        # of the target call it. Some users who cannot log in are a finding of the run, not the end
        # of it.
        refused = is_false_decline(reply.status, {})
        if refused or self._judged(Step.LOG_IN, reply).false_declined:
            return provisioned
        try:
            session = self._target.session(reply)
        except UNREADABLE as error:
            raise HarnessError(
                f"{self._target.addressed(request)} answered {reply.status} to a registered"
                f" borrower, {request.expected} with a token was expected ({with_place(error)})"
            ) from error
        lives_s = session.lifetime_s
        expires_ns = None if lives_s is None else came_ns + round(lives_s * 1e9)
        return replace(provisioned, token=session.token, expires_ns=expires_ns)

    def _call(
        self, base_url: str, request: Request, account: BorrowerAccount | None = None
    ) -> Reply:
        """One call, made again while the target puts it off: nothing is measured yet. A borrow
        keeps its key, so that it can't become two.
        """

        def is_final(reply: Reply) -> bool:
            return self._judged(Step.LOG_IN, reply).decline is not None

        sent = self._target.addressed(request, account)
        return call(self._http, base_url, sent, patience=self._patience, is_final=is_final)

    def _judged(self, step: Step, reply: Reply, truth: GroundTruth = NO_TRUTH) -> Classification:
        """What an answer means, by the rules of the load."""
        return self._target.classify(step, Answer.of(reply), truth)
