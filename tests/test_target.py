"""A lender that speaks nothing of our contract is driven by one class, without any other edit."""

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any, ClassVar
from urllib.parse import parse_qs, urlsplit

import pytest

from harness.core.http_calls import NO_PATIENCE, Patience, Reply
from harness.history.event_writer import EventWriter
from harness.history.events import HealthAddress, Outcome, Step
from harness.history.ledger_facts import KeyedLoan, LedgerEntry
from harness.history.reader import Facts, read_facts
from harness.history.run_directory import RunDirectory
from harness.load.journey import Journey, Journeys
from harness.load.sessions import Account, BorrowerSession
from harness.plan.decline import Decline
from harness.plan.plan import Plan
from harness.plan.population import AccountClass
from harness.target.account_provisioning import AccountProvisioner, ProvisionedBorrower
from harness.target.classification import Answer, Classification, GroundTruth
from harness.target.health import HealthPoller
from harness.target.interface import (
    Ledger,
    LoanRequest,
    NewAccount,
    OpenedSession,
    Request,
    Target,
)
from harness.target.ledger_watch import LedgerSource
from harness.target.read_ledger import read_ledger
from harness.target.transport import Transport
from tests.audit import hurry
from tests.builders import plan_of, rows

Deal = dict[str, Any]


@dataclass
class Lender:
    """Lends to its members, but for the poor ones; members have a pass and no password."""

    url: str = ""
    deals: list[Deal] = field(default_factory=list)
    poor: set[str] = field(default_factory=set)
    asked: list[str] = field(default_factory=list)

    def answer(self, method: str, path: str, body: dict[str, Any], member: str) -> tuple[int, Any]:
        """Route one request."""
        parts = urlsplit(path)
        asked = f"{method} {parts.path}"
        self.asked.append(asked)
        if asked == "PUT /members":
            self.poor |= {phone for phone, is_poor in body.items() if is_poor}
            return 200, [[phone, f"member-{phone}"] for phone in body]
        if asked == "POST /door":
            return 200, {"pass": body["phone"]}
        if asked == "GET /deals":
            (ref,) = parse_qs(parts.query)["ref"]
            return 200, [deal for deal in self.deals if deal["ref"] == ref]
        if asked == "POST /deals":
            if member in self.poor:
                return 400, {"why": "NO_FUNDS"}
            self.deals.append({"no": str(len(self.deals) + 1), "member": member, **body})
            return 200, self.deals[-1]
        return (200, {}) if asked in ("GET /line", "GET /alive") else (404, {})


@dataclass(frozen=True)
class Book(Ledger):
    """Reads the ledger as by SQL: no request is made for it."""

    lender: Lender

    def page(
        self, after: int | str, seconds: float | None = None, patience: Patience = NO_PATIENCE
    ) -> list[LedgerEntry]:
        """All at once."""
        assert seconds is None
        assert patience
        return [
            LedgerEntry(
                cursor=number,
                loan_id=deal["no"],
                account_id=f"member-{deal['member']}",
                idempotency_key=deal["ref"],
                principal_fen=deal["sum"],
                disbursements=1,
                ledger_balance_fen=deal["sum"],
                created_at="",
            )
            for number, deal in enumerate(self.lender.deals, 1)
            if number > int(after)
        ]

    def invariants(self, patience: Patience) -> tuple[bool, tuple[str, ...]]:
        """It has none."""
        return bool(patience), ()

    def rows(self, accounts: frozenset[str]) -> list[LedgerEntry] | None:
        """No second source."""
        assert accounts


@dataclass(frozen=True)
class Adapter:
    """The one class, a `Target`."""

    lender: Lender
    health: ClassVar[tuple[str, ...]] = ("/alive",)

    @property
    def url(self) -> str:
        """Where it listens."""
        return self.lender.url

    @property
    def ledger(self) -> Book:
        """Its book."""
        return Book(self.lender)

    def create_accounts(self, accounts: Sequence[NewAccount]) -> Request:
        """The only truth that it can be told is poverty."""
        poor = {a.phone: a.account_class is AccountClass.LOW_SCORE for a in accounts}
        return Request("PUT", "/members", poor)

    def account_ids(self, reply: Reply) -> Mapping[str, str]:
        """Pairs."""
        return dict(reply.json())

    def log_in(self, phone: str, password: str) -> Request:
        """Without a password."""
        assert password
        return Request("POST", "/door", {"phone": phone})

    def session(self, reply: Reply) -> OpenedSession:
        """A pass that never ends."""
        return OpenedSession(reply.json()["pass"])

    def credit_line(self, token: str) -> Request:
        """A read."""
        return Request("GET", "/line", headers={"X-Pass": token})

    def borrow(self, token: str, loan: LoanRequest) -> Request:
        """A deal."""
        body = {"ref": loan.key, "sum": loan.amount_fen}
        return Request("POST", "/deals", body, {"X-Pass": token})

    def grants(self, reply: Reply) -> bool:
        """By its status."""
        return reply.status == 200

    def classify(self, step: Step, answer: Answer, truth: GroundTruth) -> Classification:
        """Any 200 is good, and poverty is a decline."""
        if answer.status == 200:
            if step is Step.BORROW:
                return Classification(Outcome.APPROVED, loan_id=answer.payload["no"])
            return Classification(Outcome.OK, token=answer.payload.get("pass"))
        if answer.payload.get("why") != "NO_FUNDS":
            return Classification(Outcome.FAILED)
        right = truth.expected_decline is Decline.CREDIT
        outcome = Outcome.DECLINED if right else Outcome.FAILED
        return Classification(outcome, "NO_FUNDS", Decline.CREDIT, false_declined=not right)

    def find_by_key(self, token: str, key: str) -> Request:
        """Deals of one reference."""
        return Request("GET", "/deals", headers={"X-Pass": token}, query={"ref": key})

    def loans(self, reply: Reply) -> tuple[KeyedLoan, ...]:
        """All that was found."""
        return tuple(KeyedLoan(deal["no"], "disbursed", deal["sum"]) for deal in reply.json())


class Steps:
    """What a borrower does at any target."""

    def __init__(self, target: Target) -> None:
        self._target = target

    def log_in(self, journey: Journey) -> Classification:
        """Open a session."""
        account = journey.account
        return self._do(Step.LOG_IN, journey, self._target.log_in(account.phone, account.password))

    def read_credit_line(self, journey: Journey) -> Classification:
        """Read the limit."""
        return self._do(Step.CREDIT_LINE, journey, self._target.credit_line(journey.token))

    def borrow(self, journey: Journey) -> Classification:
        """Ask for a loan."""
        loan = LoanRequest(journey.arrival.key, journey.arrival.amount_fen)
        return self._do(Step.BORROW, journey, self._target.borrow(journey.token, loan))

    def _do(self, step: Step, journey: Journey, request: Request) -> Classification:
        answer = journey.send(request.method, request.path, request.body, request.headers)
        return self._target.classify(step, answer, journey.truth)


@pytest.fixture
def lender() -> Iterator[Lender]:
    """It behind a real HTTP server."""
    made = Lender()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            length = int(self.headers.get("Content-Length", 0))
            body = json.loads(self.rfile.read(length) or b"{}")
            member = self.headers.get("X-Pass", "")
            status, answer = made.answer(self.command, self.path, body, member)
            content = json.dumps(answer).encode()
            self.send_response(status)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_PUT = do_POST  # noqa: N815  # the names that the standard library asks for

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,)).start()
    made.url = f"http://127.0.0.1:{server.server_port}"
    yield made
    server.shutdown()
    server.server_close()


def loaded(folder: Path, target: Target, plan: Plan, borrowers: list[ProvisionedBorrower]) -> Facts:
    """What the arrivals of this plan leave on record, one after the other."""
    run = RunDirectory.create(folder, plan)
    run.write_accounts({borrower.index: borrower.account_id for borrower in borrowers})
    events, transport = EventWriter(run, "load-0"), Transport(target.url)
    journeys = Journeys(
        plan=plan,
        steps=Steps(target),
        accounts={b.index: Account(b.phone, "p", BorrowerSession(b.token)) for b in borrowers},
        transport=transport,
        events=events,
        worker="load-0",
        tell_locust=lambda **_: None,
    )
    for arrival in plan.arrivals:
        journeys.perform(arrival, time.monotonic_ns(), time.monotonic_ns())
    events.close()
    transport.close()
    assert journeys.bug is None
    return read_facts(run, plan)


def test_a_foreign_lender_is_set_up_loaded_and_read(
    lender: Lender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its adapter alone, which is asked for no request that it did not declare."""
    hurry(monkeypatch)
    target = Adapter(lender)
    wanted = plan_of(rate=2, ledger_settle_s=0.2, population="mixed")
    provisioner = AccountProvisioner(target, lender.url, lambda _: None)
    plan, unlike = provisioner.confirm_classes(wanted)
    borrowers = provisioner.provision(plan)
    cursor = target.ledger.cursor()
    facts = loaded(tmp_path, target, plan, borrowers)
    reading = read_ledger(LedgerSource(target, cursor), plan, facts, borrowers)

    assert {*unlike, "good", "low_score"} == {str(b.account_class) for b in wanted.borrowers}
    came_to = {(o.account_class, o.outcome) for o in rows(facts.operations)}
    assert came_to == {("good", Outcome.APPROVED), ("low_score", Outcome.DECLINED)}
    approved = {o.key for o in rows(facts.operations) if o.outcome is Outcome.APPROVED}
    assert approved
    assert (reading.read, reading.complete, reading.says_ok) == (True, True, True)
    assert reading.lent == approved
    assert (reading.unsent, None in reading.by_key.values()) == ((), False)
    steps = {"PUT /members", "POST /door", "GET /line", "POST /deals", "GET /deals"}
    assert set(lender.asked) == steps


@pytest.mark.parametrize("paths", [("/gone", "/alive"), ()])
def test_health_is_asked_where_the_target_says(
    lender: Lender,
    tmp_path: Path,
    paths: tuple[str, ...],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """And nowhere, where it says nothing."""
    monkeypatch.setattr(Adapter, "health", paths)
    run = RunDirectory.create(tmp_path, plan_of())
    poller = HealthPoller(run, Adapter(lender), 20.0)
    poller.start()
    time.sleep(0.3)
    poller.stop()
    facts = read_facts(run, run.read_plan())

    assert facts.health_address == (HealthAddress("/alive", 20.0) if paths else None)
    assert all(poll.ok for poll in facts.health)
    assert bool(lender.asked) is bool(paths)
    assert caplog.text == ""
