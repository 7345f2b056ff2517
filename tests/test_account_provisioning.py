"""Borrowers are tried out and logged in before the load, on targets that treat them variously."""

import json
import threading
import time
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from typing import Any

import pytest

from harness.core.errors import HarnessError
from harness.plan.plan import Plan, Scenario, Settings, expand
from harness.plan.population import LIMIT_FEN, AccountClass
from harness.plan.scenario import Load
from harness.target.account_provisioning import AccountProvisioner
from harness.target.contract import Contract
from tests.builders import LOCAL


@dataclass
class Target:
    """A lender in memory; ``refuses`` are the ends of phones whose log-in is broken."""

    refuses: tuple[str, ...] = ()
    refusal: tuple[int, dict[str, Any]] = (401, {"code": "invalid_credentials"})
    enforces_limits: bool = True
    knows_scores: bool = True
    busy_answers: int = 0
    put_off: list[tuple[str, int, dict[str, str]]] = field(default_factory=list)
    """Paths, each put off once, with this status and these headers."""
    declines_with_429: bool = False
    declines_at: str = "/v1/loans"
    """The step at which whoever must be declined is so."""
    credit_line_status: int = 200
    interim: bytes = b""
    repeats: bool = False
    redirects_to: str = ""
    numbers: str = ""
    """The identifier that is shown as a number."""
    expires_at: str | None = None
    asked: int = 0
    url: str = ""
    accounts: dict[str, dict[str, Any]] = field(default_factory=dict)
    used_fen: dict[str, int] = field(default_factory=dict)

    def answer(self, path: str, body: dict[str, Any], token: str) -> tuple[int, dict[str, Any]]:
        """Route one POST."""
        self.asked += 1
        if self.repeats or self.redirects_to:
            return 307 if self.redirects_to else 422, {"detail": [{"input": body}]}
        if self.busy_answers:
            self.busy_answers -= 1
            return 503, {"code": "unavailable"}
        if path == "/v1/admin/accounts":
            self.accounts |= {account["phone"]: account for account in body["accounts"]}
            rows = [{"phone": a["phone"], "account_id": a["phone"]} for a in body["accounts"]]
            if self.numbers == "account_id":
                rows = [{**row, "account_id": 1000 + at} for at, row in enumerate(rows)]
            return 201, {"accounts": rows}
        phone = body.get("phone", token)
        if path == "/v1/sessions" and phone.endswith(self.refuses):
            return self.refusal
        return self.serve(path, body, self.accounts[phone])

    def serve(
        self, path: str, body: dict[str, Any], account: dict[str, Any]
    ) -> tuple[int, dict[str, Any]]:
        """One step of a borrower."""
        declined = self.decline(account)
        if declined is not None and path in (self.declines_at, "/v1/loans"):
            return declined
        if path == "/v1/sessions":
            told = {} if self.expires_at is None else {"expires_at": self.expires_at}
            return 201, {"token": account["phone"], **told}
        if path == "/v1/credit-line":
            return self.credit_line_status, {}
        return self.lend(account, body["amount_fen"])

    def decline(self, account: dict[str, Any]) -> tuple[int, dict[str, Any]] | None:
        """Why this borrower gets no loan at all."""
        if account["region"] == "closed":
            return 451, {"category": "regulatory_decline"}
        if account["flags"]:
            status = 429 if self.declines_with_429 else 403
            return status, {"category": "behaviour_decline"}
        if self.knows_scores and account["score"] < 550:
            return 403, {"category": "risk_decline"}
        return None

    def lend(self, account: dict[str, Any], amount_fen: int) -> tuple[int, dict[str, Any]]:
        """Decide on one loan."""
        used_fen = self.used_fen.get(account["phone"], 0) + amount_fen
        if self.enforces_limits and used_fen > account["limit_fen"]:
            return 422, {"category": "risk_decline"}
        self.used_fen[account["phone"]] = used_fen
        return 201, {"loan_id": 1000 if self.numbers == "loan_id" else "loan"}


@pytest.fixture
def target() -> Iterator[Target]:
    """The lender behind a real HTTP server."""
    lender = Target()

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            body = json.loads(self.rfile.read(int(self.headers.get("Content-Length", 0))) or b"{}")
            token = (self.headers["Authorization"] or "").removeprefix("Bearer ")
            self.wfile.write(lender.interim)
            put_off = next((row for row in lender.put_off if row[0] == self.path), None)
            if put_off:
                lender.put_off.remove(put_off)
                status, answer = put_off[1], {}
            else:
                status, answer = lender.answer(self.path, body, token)
            content = json.dumps(answer).encode()
            self.send_response(status)
            for name, value in put_off[2].items() if put_off else ():
                self.send_header(name, value)
            if lender.redirects_to:
                self.send_header("Location", lender.redirects_to + self.path)
            self.send_header("Content-Length", str(len(content)))
            self.end_headers()
            self.wfile.write(content)

        do_GET = do_POST  # noqa: N815  # the name that the standard library asks for

        def log_message(self, *_: Any) -> None:
            """Say nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    threading.Thread(target=server.serve_forever, args=(0.01,)).start()
    lender.url = f"http://127.0.0.1:{server.server_port}"
    yield lender
    server.shutdown()
    server.server_close()


@pytest.fixture
def provisioner(target: Target) -> AccountProvisioner:
    """Sets up borrowers on this lender."""
    return AccountProvisioner(Contract(target.url, "secret"), target.url, lambda _: None)


@pytest.fixture
def plan() -> Plan:
    """A short run with every class."""
    settings = Settings(rate=10, baseline_s=10.0, recovery_s=10.0, fault_s=0.0)
    return expand("a", "", Scenario(load=Load(near_limit_share=0.1)), settings, layout=LOCAL)


def classes(plan: Plan) -> set[AccountClass]:
    """Classes of the plan's borrowers."""
    return {borrower.account_class for borrower in plan.borrowers}


def test_an_honest_lender_knows_every_class(provisioner: AccountProvisioner, plan: Plan) -> None:
    """All are confirmed, and the plan stays as it was."""
    assert provisioner.confirm_classes(plan) == (plan, [])
    assert classes(plan) == set(AccountClass)


@pytest.mark.parametrize(
    ("attribute", "left_out"), [("enforces_limits", "near_limit"), ("knows_scores", "low_score")]
)
def test_a_class_that_is_treated_otherwise_is_left_out(
    provisioner: AccountProvisioner, target: Target, plan: Plan, attribute: str, left_out: str
) -> None:
    """Its borrowers become good ones, with an ordinary limit."""
    setattr(target, attribute, False)
    offered, unlike = provisioner.confirm_classes(plan)

    assert unlike == [left_out]
    assert classes(plan) - classes(offered) == {AccountClass(left_out)}
    assert len(offered.borrowers) == len(plan.borrowers)


def test_a_target_that_is_busy_for_a_moment_is_asked_again(
    provisioner: AccountProvisioner, target: Target, plan: Plan
) -> None:
    """Nothing is measured yet, so a few 503s end no run and leave no class out."""
    target.busy_answers = 3

    assert provisioner.confirm_classes(plan) == (plan, [])


@pytest.mark.parametrize("path", ["/v1/admin/accounts", "/v1/sessions", "/v1/loans"])
@pytest.mark.parametrize("status", [429, 503])
def test_a_target_that_asks_for_patience_is_given_it(
    provisioner: AccountProvisioner, target: Target, plan: Plan, path: str, status: int
) -> None:
    """Nobody is left out because a registration, a log-in or a borrow had to wait."""
    target.put_off = [(path, status, {"Retry-After": "1"})]
    began_s = time.monotonic()

    assert provisioner.confirm_classes(plan) == (plan, [])
    assert target.put_off == []
    assert time.monotonic() - began_s > 0.9


def test_a_target_that_asks_for_more_patience_than_there_is_ends_the_run(
    provisioner: AccountProvisioner, target: Target, plan: Plan
) -> None:
    """At once, with what it answered."""
    target.put_off = [("/v1/sessions", 429, {"Retry-After": "3600"})]

    with pytest.raises(HarnessError, match="answered 429 to a registered borrower"):
        provisioner.provision(plan)


def test_a_decline_with_429_is_a_decline(
    provisioner: AccountProvisioner, target: Target, plan: Plan
) -> None:
    """It is not asked for again: it says something of the borrower."""
    target.declines_with_429 = True

    assert provisioner.confirm_classes(plan) == (plan, [])


def test_interim_answers_are_skipped(
    provisioner: AccountProvisioner, target: Target, plan: Plan
) -> None:
    """103 Early Hints come before the answer that counts."""
    target.interim = b"HTTP/1.1 103 Early Hints\r\nLink: </a.css>\r\n\r\n"

    assert provisioner.confirm_classes(plan) == (plan, [])
    assert all(borrower.token for borrower in provisioner.provision(plan))


def test_limits_are_registered_by_class(
    provisioner: AccountProvisioner, target: Target, plan: Plan
) -> None:
    """Near the limit it covers one loan; elsewhere it never binds."""
    provisioner.provision(plan)
    limits = {
        target.accounts[borrower.phone]["limit_fen"]: borrower.account_class
        for borrower in plan.borrowers
    }

    near_limit = plan.lender.near_limit
    assert limits.keys() == {LIMIT_FEN, near_limit}
    assert limits[near_limit] is AccountClass.NEAR_LIMIT


def test_borrowers_who_cannot_log_in_take_part(
    provisioner: AccountProvisioner, target: Target, plan: Plan
) -> None:
    """They hold no session; whoever can log in holds one, and the classes are confirmed by them."""
    target.refuses = ("0", "3")  # of the trials of one class in a row, at most two
    _, unlike = provisioner.confirm_classes(plan)
    provisioned = provisioner.provision(plan)

    assert unlike == []
    assert {b.index for b in provisioned if not b.token} == {
        b.index for b in plan.borrowers if b.phone.endswith(target.refuses)
    }


@pytest.mark.parametrize(
    "refusal", [(410, {}), (423, {}), (451, {}), (422, {"category": "risk_decline"})]
)
def test_whoever_is_refused_in_person_takes_part(
    provisioner: AccountProvisioner, target: Target, plan: Plan, refusal: tuple[int, dict[str, Any]]
) -> None:
    """By the same rule as in the run, where it is a false decline."""
    target.refuses, target.refusal = ("0",), refusal

    assert any(not borrower.token for borrower in provisioner.provision(plan))


@pytest.mark.parametrize("step", ["/v1/sessions", "/v1/credit-line"])
def test_whoever_must_be_declined_may_be_so_before_the_borrow(
    provisioner: AccountProvisioner, target: Target, plan: Plan, step: str
) -> None:
    """Their class is confirmed, and however many they are, they do not count as refused."""
    target.declines_at = step
    everybody = [replace(b, account_class=AccountClass.OVERDUE) for b in plan.borrowers[:-1]]
    overdue = replace(plan, borrowers=(*everybody, plan.borrowers[-1]))

    assert provisioner.confirm_classes(plan) == (plan, [])
    assert sum(b.declined for b in provisioner.provision(overdue)) == (
        len(everybody) if step == "/v1/sessions" else 0
    )


@pytest.mark.parametrize("step", ["/v1/sessions", "/v1/credit-line"])
def test_a_decline_before_the_borrow_must_name_the_right_cause(
    provisioner: AccountProvisioner,
    target: Target,
    plan: Plan,
    step: str,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """One who is overdue is declined for their region: the target does not know the class."""
    target.declines_at = step
    decline = target.decline
    wrong = (451, {"category": "regulatory_decline"})
    monkeypatch.setattr(target, "decline", lambda a: wrong if a["flags"] else decline(a))

    assert provisioner.confirm_classes(plan)[1] == ["isolated", "overdue"]


def test_a_credit_line_that_fails_ends_no_trial(
    provisioner: AccountProvisioner, target: Target, plan: Plan
) -> None:
    """It says nothing of the borrower, and is measured in the run."""
    target.credit_line_status = 500

    assert provisioner.confirm_classes(plan) == (plan, [])


@pytest.mark.parametrize("status", [400, 409, 422, 500])
def test_a_target_that_answers_something_else_ends_the_run(
    provisioner: AccountProvisioner, target: Target, plan: Plan, status: int
) -> None:
    """It says nothing of the borrower."""
    target.refuses, target.refusal = ("0",), (status, {})

    with pytest.raises(HarnessError, match=f"answered {status}"):
        provisioner.provision(plan)


def test_a_target_that_refuses_most_borrowers_is_refused(
    provisioner: AccountProvisioner, target: Target, plan: Plan
) -> None:
    """Then it is not some of its users who are shut out, but ours who are not known."""
    target.refuses = tuple("012345")

    with pytest.raises(HarnessError, match="nothing to measure"):
        provisioner.provision(plan)


def test_a_target_that_repeats_what_it_was_sent_tells_no_secret(
    provisioner: AccountProvisioner, target: Target, plan: Plan
) -> None:
    """Its own words are in the message, without the password and the admin token in them."""
    target.repeats = True
    with pytest.raises(HarnessError) as caught:
        provisioner.provision(plan)
    line = str(caught.value)

    assert "answered 422" in line
    assert "(secret)" in line
    assert provisioner._password not in line


@pytest.mark.parametrize("name", ["account_id", "loan_id"])
def test_an_identifier_that_is_a_number_ends_the_run_at_once(
    provisioner: AccountProvisioner, target: Target, plan: Plan, name: str
) -> None:
    """One rule for every call, told before the load and not by every row of the audit."""
    target.numbers = name
    with pytest.raises(HarnessError, match=f'{name} is 10[0-9]+, a string was expected, as "1001"'):
        provisioner.confirm_classes(plan)


def test_a_redirect_is_not_followed(
    provisioner: AccountProvisioner, target: Target, plan: Plan
) -> None:
    """It would carry the admin token to whatever the target names."""
    target.redirects_to = target.url
    with pytest.raises(HarnessError, match="answered 307"):
        provisioner.provision(plan)

    assert target.asked == 1


def test_a_borrower_is_shown_without_its_secrets(
    provisioner: AccountProvisioner, plan: Plan
) -> None:
    """In a log, a traceback or a message."""
    (first, *_) = provisioner.provision(plan)

    assert first.password not in repr(first)
    assert f"token='{first.token}'" not in repr(first)


def test_the_end_of_a_session_is_kept(
    provisioner: AccountProvisioner, target: Target, plan: Plan
) -> None:
    """On our own clock, from the lifetime told; a refusal after it is right."""
    target.expires_at = (datetime.now(UTC) + timedelta(seconds=100)).isoformat()
    began_ns = time.monotonic_ns()
    provisioned = provisioner.provision(plan)

    lives_s = [((b.expires_ns or 0) - began_ns) / 1e9 for b in provisioned]
    assert 97 < min(lives_s) <= max(lives_s) < 103

    target.expires_at = "for ever"
    assert {b.expires_ns for b in provisioner.provision(plan)} == {None}
