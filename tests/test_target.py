"""A lender that speaks nothing of our contract is driven by one class, without any other edit."""

import json
import threading
import time
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path
from typing import Any
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
from harness.plan.plan import Plan, Scenario, Settings, expand
from harness.plan.population import AccountClass
from harness.target.account_provisioning import AccountProvisioner, ProvisionedBorrower
from harness.target.answers import Answers, approved, declined
from harness.target.classification import Classification
from harness.target.health import HealthPoller
from harness.target.interface import Target
from harness.target.ledger import Ledger
from harness.target.ledger_watch import LedgerSource
from harness.target.read_ledger import read_ledger
from harness.target.request import BorrowerAccount, LoanRequest, NewAccount, Request
from harness.target.transport import Transport
from tests.audit import hurry
from tests.builders import LOCAL, plan_of, rows

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


class Adapter(Target):
    """The one class."""

    health = "/alive"
    classes = ("good", "low_score")
    token = "pass"
    answers = Answers(
        [
            (200, approved(loan="no", principal="sum")),
            ((400, "why", "NO_FUNDS"), declined("credit")),
        ]
    )

    def __init__(self, lender: Lender) -> None:
        super().__init__(lender.url)
        self.ledger = Book(lender)

    def accounts(self, wanted: Sequence[NewAccount]) -> Sequence[Request]:
        """The only truth that it can be told is poverty."""
        poor = {a.name: a.account_class is AccountClass.LOW_SCORE for a in wanted}
        return [Request("PUT", "/members", poor)]

    def account_ids(
        self, wanted: Sequence[NewAccount], replies: Sequence[Reply]
    ) -> Mapping[str, str]:
        """Pairs."""
        assert wanted
        return dict(replies[0].json())

    def headers(self, account: BorrowerAccount) -> Mapping[str, str]:
        """A pass that never ends."""
        return {"X-Pass": account.token} if account.token else {}

    def log_in(self, account: BorrowerAccount) -> Request:
        """Without a password."""
        assert account.password
        return Request("POST", "/door", {"phone": account.name})

    def credit_line(self, account: BorrowerAccount) -> Request:
        """A read."""
        assert account.token
        return Request("GET", "/line")

    def borrow(self, ask: LoanRequest) -> Request:
        """A deal."""
        return Request("POST", "/deals", {"ref": ask.key, "sum": ask.amount})

    def find_by_key(self, account: BorrowerAccount, key: str) -> Request:
        """Deals of one reference."""
        assert account.token
        return Request("GET", "/deals", query={"ref": key})

    def loans(self, reply: Reply) -> tuple[KeyedLoan, ...]:
        """All that was found."""
        return tuple(KeyedLoan(deal["no"], "disbursed", deal["sum"]) for deal in reply.json())


class Steps:
    """What a borrower does at any target."""

    def log_in(self, journey: Journey) -> Classification:
        """Open a session."""
        account = journey.account.as_seen(logged_in=False)
        return journey.ask(Step.LOG_IN, journey.target.log_in(account))

    def read_credit_line(self, journey: Journey) -> Classification:
        """Read the limit."""
        return journey.ask(Step.CREDIT_LINE, journey.target.credit_line(journey.account.as_seen()))

    def borrow(self, journey: Journey) -> Classification:
        """Ask for a loan."""
        loan = LoanRequest(
            journey.account.as_seen(), journey.arrival.key, journey.arrival.amount_fen
        )
        return journey.ask(Step.BORROW, journey.target.borrow(loan))


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
        steps=Steps(),
        target=target,
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


def planned(target: Target) -> Plan:
    """A short mixed run, made for this target."""
    settings = Settings(
        rate=2, warm_up_s=1.0, ledger_settle_s=0.2, population="mixed", log_in_share=0.5
    )
    return expand("test", "It holds.", Scenario(), settings, lender=target.profile, layout=LOCAL)


def test_a_foreign_lender_is_set_up_loaded_and_read(
    lender: Lender, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its adapter alone, which is asked for no request that it did not declare."""
    hurry(monkeypatch)
    target = Adapter(lender)
    wanted = planned(target)
    provisioner = AccountProvisioner(target, lender.url, lambda _: None)
    plan, unlike = provisioner.confirm_classes(wanted)
    borrowers = provisioner.provision(plan)
    assert target.ledger is not None
    cursor = target.ledger.cursor()
    facts = loaded(tmp_path, target, plan, borrowers)
    reading = read_ledger(LedgerSource(target, cursor), plan, facts, borrowers)

    assert unlike == []
    assert {"good", "low_score"} == {str(b.account_class) for b in wanted.borrowers}
    came_to = {(o.account_class, o.outcome) for o in rows(facts.operations)}
    assert came_to == {("good", Outcome.APPROVED), ("low_score", Outcome.DECLINED)}
    approved = {o.key for o in rows(facts.operations) if o.outcome is Outcome.APPROVED}
    assert approved
    assert (reading.read, reading.complete, reading.says_ok) == (True, True, None)
    assert reading.lent == approved
    assert (reading.unsent, None in reading.by_key.values()) == ((), False)
    steps = {"PUT /members", "POST /door", "GET /line", "POST /deals", "GET /deals"}
    assert set(lender.asked) == steps


@pytest.mark.parametrize("paths", [("/gone", "/alive"), (None, None)])
def test_health_is_asked_where_the_target_says(
    lender: Lender,
    tmp_path: Path,
    paths: tuple[str | None, str | None],
    monkeypatch: pytest.MonkeyPatch,
    caplog: pytest.LogCaptureFixture,
) -> None:
    """And nowhere, where it says nothing."""
    ready, health = paths
    monkeypatch.setattr(Adapter, "ready", ready)
    monkeypatch.setattr(Adapter, "health", health)
    run = RunDirectory.create(tmp_path, plan_of())
    poller = HealthPoller(run, Adapter(lender), 20.0)
    poller.start()
    time.sleep(0.3)
    poller.stop()
    facts = read_facts(run, run.read_plan())

    assert facts.health_address == (HealthAddress("/alive", 20.0) if health else None)
    assert all(poll.ok for poll in facts.health)
    assert bool(lender.asked) is bool(health)
    assert caplog.text == ""
