"""The seam to a lending system: what to send to it, and what its answers mean.

A `Target` opens no connection for it: the harness sends, with one deadline, and writes down what
came back. Set-up, trial, load, health and ledger ask the same target, and nothing that it did not
declare is ever requested. `harness.target.contract` is our own contract as such a class.
"""

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace
from typing import Any, ClassVar

from harness.core.errors import UsageError
from harness.core.http_messages import Reply, merged
from harness.core.http_times import lifetime_s
from harness.core.money import YUAN, Currency, whole_minor
from harness.history.events import GRANTED, Outcome, Step
from harness.history.ledger_facts import KeyedLoan
from harness.plan.lender_profile import LenderProfile
from harness.plan.population import AccountClass
from harness.plan.target_parts import Link, Program, TargetParts
from harness.target.answers import Answers, json_in, text_at, value_at
from harness.target.classification import (
    CREDIT_LINE_IMPOSSIBLE,
    CREDIT_LINE_TOO_LOW,
    INVALID_ANSWER,
    Answer,
    Classification,
    GroundTruth,
    fits_header,
)
from harness.target.ledger import Ledger
from harness.target.request import (
    BorrowerAccount,
    Header,
    LoanRequest,
    NewAccount,
    OpenedSession,
    Request,
)
from harness.target.target_rules import METHODS, wrong_attributes
from harness.target.user_methods import UserCodeError, guard


class Target:
    """One lending system. Subclass it, in a module without Locust and gevent; docs/targets.md.

    Only ``url`` and `borrow` are needed. A step that a class does not define is left out of every
    journey; what it does not declare is not asked, and its absence costs what it would have proven.

    What set-up reads of an answer, it reads leniently: it goes on with what it can use, and the
    load measures how well the target keeps to what was agreed. `account_ids`, `session`, `loans`
    and `grants` may raise ValueError, KeyError, IndexError or TypeError where an answer has nothing
    of the kind. Anything else that a method raises, or returns instead of what it must, is a
    mistake in the class, and ends the run with the place of it.
    """

    url: str = ""
    """The service itself, not through a link: ``http://host:port``."""
    prefix: str = ""
    """What every path of a `Request` begins with."""
    health: str | None = None
    """Path that tells whether it lives, with a 2xx; the first question of canaries."""
    ready: str | None = None
    """Path that tells whether it can serve; preferred to ``health`` for the health polls."""
    currency: Currency = YUAN
    decimal: bool = False
    """Whether it writes money as decimals ("12.34", 12.34) and not in whole minor units."""
    amounts: tuple[int, int] = (100_00, 5_000_00)
    """The least and the most that borrowers ask for, in minor units."""
    unit: int = 1
    """Amounts are multiples of it, in minor units."""
    review_from: int | None = None
    """An amount that is sent to manual review, in minor units; None where none is known to be."""
    classes: Collection[str] = ("good",)
    """The ground truths that `accounts` tells it, of `harness.plan.population.AccountClass`."""
    links: ClassVar[Mapping[str, Link]] = {}
    """What stands behind each further link, by the link's name; ``edge`` is always there."""
    processes: ClassVar[Mapping[str, Program | type]] = {}
    database: str | None = None
    """Its PostgreSQL, around every link, as a role that may see all sessions."""
    replayed: Header = Header("Idempotency-Replayed", "true")
    """What tells that an answer repeats an earlier one to the same key."""
    token: str = "token"  # noqa: S105  # a field's name, not a token
    """Field of the answer to a log-in; fields are written like ``data.items[0].id``."""
    expires_at: str = "expires_at"
    """Field with the end of the session, RFC 3339; without one, no end is known."""
    available: str = ""
    """Field of the credit line with what may be borrowed; "" where that is not looked at."""
    answers: Answers = Answers()
    ledger: Ledger | None = None
    """How its ledger is read, around every link; None leaves all questions of money undecided."""

    def __init_subclass__(cls, **more: Any) -> None:
        """Have mistakes in the methods of a user's class told with their place."""
        super().__init_subclass__(**more)
        guard(cls, METHODS, UserCodeError)

    def __init__(self, url: str | None = None) -> None:
        """``url`` wins over that of the class; UsageError where the class cannot be a target."""
        self.is_checked = True
        for name in ("url", "ledger"):
            if isinstance(getattr(type(self), name), property):
                text = f"{name} must be no property; set self.{name} before super().__init__(url)"
                raise UsageError(f"{type(self).__name__}: {text}")
        given: Any = url or self.url
        self.url = given.rstrip("/") if isinstance(given, str) else given
        if wrong := list(self._wrong()):
            raise UsageError(f"{type(self).__name__}: {'; '.join(wrong)}")
        self.ledger = None if self.ledger is None else self.ledger.of(self)

    # --- set-up, at the service itself -----------------------------------------------------------

    def accounts(self, wanted: Sequence[NewAccount]) -> Sequence[Request]:  # noqa: ARG002
        """Register borrowers, in this order; to send it again must change nothing. None needed for
        a lender that takes them from a pool.
        """
        return ()

    def account_ids(
        self,
        wanted: Sequence[NewAccount],
        replies: Sequence[Reply],  # noqa: ARG002
    ) -> Mapping[str, str]:
        """The account ids by name, as the ledger has them; unless told otherwise, the names."""
        return {account.name: account.name for account in wanted}

    # --- the steps of a borrower -----------------------------------------------------------------

    def headers(self, account: BorrowerAccount) -> Mapping[str, str]:  # noqa: ARG002
        """What every step of this borrower sends, like who they are; no token before a log-in."""
        return {}

    def log_in(self, account: BorrowerAccount) -> Request:
        """Open a session. A lender without sessions leaves it out."""
        raise NotImplementedError

    def credit_line(self, account: BorrowerAccount) -> Request:
        """Read the limit, as an app does before it offers a loan."""
        raise NotImplementedError

    def borrow(self, ask: LoanRequest) -> Request:
        """Ask for a loan: the one request that moves money. A retry is made of the same ``ask``."""
        raise NotImplementedError

    def find_by_key(self, account: BorrowerAccount, key: str) -> Request:
        """Ask for the loans of a borrower under one key; without it, the ledger is asked."""
        raise NotImplementedError

    # --- what its answers mean -------------------------------------------------------------------

    def session(self, reply: Reply) -> OpenedSession:
        """The session that a log-in of set-up opened."""
        body = json_in(reply.body)
        token = text_at(body, self.token)
        if token is None:
            raise ValueError(f"no {self.token}")
        return OpenedSession(token, self._lifetime_s(body, reply.headers))

    def grants(self, reply: Reply, ask: LoanRequest) -> bool:
        """Whether a borrow of set-up was granted."""
        truth = GroundTruth(amount_fen=ask.amount)
        return self.classify(Step.BORROW, Answer.of(reply), truth).outcome in GRANTED

    def classify(self, step: Step, answer: Answer, truth: GroundTruth) -> Classification:
        """What the answer to one step of a borrower means, by what is true of the borrower."""
        if step is Step.BORROW:
            return self.answers.of_borrow(answer, truth, self.minor)
        judged = self.answers.of_step(answer, truth)
        if judged.outcome is not Outcome.OK:
            return judged
        body = json_in(answer.body)
        if step is Step.CREDIT_LINE:
            return self._credit_line_of(body, truth)
        token = text_at(body, self.token)
        if token is None or not fits_header(token):
            return Classification(Outcome.FAILED, code=INVALID_ANSWER, invalid_answer=True)
        lives_s = self._lifetime_s(body, answer.headers)
        return Classification(Outcome.OK, token=token, lifetime_s=lives_s)

    def loans(self, reply: Reply) -> tuple[KeyedLoan, ...]:
        """The loans that `find_by_key` found, none where the target clearly has none."""
        raise NotImplementedError

    # --- what the harness asks of every target ---------------------------------------------------

    def offers(self, step: Step) -> bool:
        """Whether it has this step."""
        return self._defines(step.value)

    @property
    def finds_by_key(self) -> bool:
        """Whether a borrower can ask for their loans by key."""
        return self._defines("find_by_key")

    @property
    def health_paths(self) -> tuple[str, ...]:
        """Paths that show its health, the one to prefer first; none where there is none."""
        return tuple(path for path in (self.ready, self.health) if path is not None)

    @property
    def profile(self) -> LenderProfile:
        """What a plan has to know of it."""
        return LenderProfile(
            name=type(self).__name__,
            currency=self.currency,
            amounts=self.amounts,
            unit=self.unit,
            review_from=self.review_from,
            logs_in=self.offers(Step.LOG_IN),
            reads_credit_line=self.offers(Step.CREDIT_LINE),
            classes=tuple(each for each in AccountClass if each in self.classes),
        )

    @property
    def parts(self) -> TargetParts:
        """What a stack in front of it has to know of it."""
        return TargetParts(
            health=self.health or self.ready,
            links=self.links,
            processes=self.processes,
            database=self.database,
            read_at=() if self.ledger is None else tuple(self.ledger.addresses),
        )

    def minor(self, shown: Any) -> int:
        """An amount as it writes it, in minor units; ValueError where it is none."""
        return self.currency.minor(shown) if self.decimal else whole_minor(shown)

    def addressed(self, request: Request, account: BorrowerAccount | None = None) -> Request:
        """A request as it is sent: with the prefix, and the headers of the account, if any."""
        common = {} if account is None else self.headers(account)
        headers = merged(common, request.headers, request.key_header)
        return replace(request, path=self.prefix + request.path, headers=headers)

    def _defines(self, name: str) -> bool:
        own, base = getattr(type(self), name, None), getattr(Target, name)
        return own is not None and own is not base

    def _wrong(self) -> list[str]:
        """Everything that makes it no target, each with what would be valid."""
        found = list(wrong_attributes(self, Target))
        if not self._defines("borrow"):
            found.append("it has no borrow(ask), which every target needs")
        if self._defines("find_by_key") and not self._defines("loans"):
            found.append(
                "it has find_by_key(account, key) and no loans(reply), which reads its answer"
            )
        # What is made of values of other types would fail elsewhere.
        return found or [*self.profile.wrong(), *self.parts.wrong()]

    def _lifetime_s(self, body: Any, headers: Mapping[str, str]) -> float | None:
        return lifetime_s(value_at(body, self.expires_at), headers) if self.expires_at else None

    def _credit_line_of(self, body: Any, truth: GroundTruth) -> Classification:
        """To be shown less than must be left is to be refused; more is not theirs."""
        if not self.available:
            return Classification(Outcome.OK)
        shown = value_at(body, self.available)
        try:
            available = self.minor(shown)
        except ValueError:
            return Classification(Outcome.FAILED, code=INVALID_ANSWER, invalid_answer=True)
        most = truth.most_credit_fen
        if available < 0 or (most is not None and available > most):
            return Classification(Outcome.FAILED, code=CREDIT_LINE_IMPOSSIBLE, invalid_answer=True)
        if available < truth.least_credit_fen:
            return Classification(Outcome.FAILED, code=CREDIT_LINE_TOO_LOW, false_declined=True)
        return Classification(Outcome.OK)
