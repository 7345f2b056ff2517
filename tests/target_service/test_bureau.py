"""The credit bureau, and the service that asks it: what decides when it is silent, and how soon."""

import json
import os
import signal
import subprocess
import sys
import time
import uuid
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import psycopg
import pytest
import requests

from tests.ports import free_port
from tests.target_service.conftest import START_SECONDS, Link, Service, clean_environment

pytestmark = pytest.mark.live

TOKEN = "token-of-the-bureau"
BEARER = {"Authorization": f"Bearer {TOKEN}"}
PATIENCE_SECONDS = 10.0


@dataclass
class BureauProcess:
    """A bureau that can be killed and started again on the same port and store."""

    store: Path
    port: int = field(default_factory=free_port)
    process: subprocess.Popen[bytes] | None = None

    @property
    def url(self) -> str:
        """Where it answers, around every link."""
        return f"http://127.0.0.1:{self.port}"

    def start(self) -> "BureauProcess":
        """Starts it and waits until it answers."""
        self.process = subprocess.Popen(
            [sys.executable, "-m", "target_service", "bureau"],
            env=clean_environment()
            | {
                "LENDING_PORT": str(self.port),
                "LENDING_STACK_ID": "stack-of-the-tests",
                "LENDING_BUREAU_TOKEN": TOKEN,
                "LENDING_BUREAU_STORE": str(self.store),
            },
            start_new_session=True,
        )
        ends_at = time.monotonic() + START_SECONDS
        while True:
            try:
                requests.get(f"{self.url}/healthz", timeout=1).raise_for_status()
            except requests.RequestException:
                assert self.process.poll() is None
                assert time.monotonic() < ends_at
                time.sleep(0.02)
            else:
                return self

    def kill(self) -> None:
        """SIGKILL: no chance to write anything down."""
        assert self.process is not None
        os.kill(self.process.pid, signal.SIGKILL)
        self.process.wait(5)

    def call(self, method: str, path: str, **arguments: Any) -> requests.Response:
        """One request with the token."""
        return requests.request(method, self.url + path, headers=BEARER, timeout=5, **arguments)

    def set(self, account_id: str, score: int) -> None:
        """Changes a score at the bureau only."""
        answer = self.call("PUT", f"/v1/scores/{account_id}", json={"score": score})
        assert answer.status_code == 200, answer.text

    def score_of(self, account_id: str) -> int | None:
        """What the bureau says of an account; None if it does not know it."""
        answer = self.call("GET", f"/v1/scores/{account_id}")
        return None if answer.status_code == 404 else int(answer.json()["score"])


@pytest.fixture(scope="module")
def bureau(tmp_path_factory: pytest.TempPathFactory) -> Iterator[BureauProcess]:
    """One bureau for the module; a test that kills it starts it again."""
    running = BureauProcess(tmp_path_factory.mktemp("bureau") / "scores.sqlite").start()
    yield running
    running.kill()


@pytest.fixture(scope="module")
def wire(bureau: BureauProcess) -> Iterator[Link]:
    """The way from the services to the bureau."""
    link = Link(bureau.port)
    yield link
    link.close()


@contextmanager
def cut(wire: Link) -> Iterator[None]:
    """The way to the bureau is cut meanwhile."""
    wire.cut()
    try:
        yield
    finally:
        wire.heal(close_connections=True)


@pytest.fixture(scope="module")
def asking(start_service: Callable[..., Service], wire: Link) -> Callable[..., Service]:
    """Starts a replica that asks the bureau through the link."""

    def start(**settings: str) -> Service:
        return start_service(
            LENDING_BUREAU_URL=f"http://127.0.0.1:{wire.port}",
            LENDING_BUREAU_TOKEN=TOKEN,
            **settings,
        )

    return start


@pytest.fixture(scope="module")
def service(asking: Callable[..., Service]) -> Service:
    """A tuned replica that asks the bureau."""
    return asking()


@pytest.fixture(scope="module")
def forgetful(asking: Callable[..., Service]) -> Service:
    """A tuned replica for which no score on file is recent enough."""
    return asking(LENDING_SCORE_MAX_AGE_S="0")


@pytest.fixture(scope="module")
def naive(asking: Callable[..., Service]) -> Service:
    """A replica that waits for the bureau as long as it takes."""
    return asking(LENDING_CLIENT="naive")


def logged(service: Service, key: str) -> dict[str, Any]:
    """The line that the service wrote about the borrow with this key."""
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while time.monotonic() < ends_at:  # it is written right after the answer
        for line in service.log.read_text().splitlines():
            if line.endswith("}") and (found := json.loads(line)).get("idempotency_key") == key:
                return dict(found)
        time.sleep(0.01)
    raise AssertionError(f"no line about {key}")


def borrow(borrower: Any) -> tuple[requests.Response, dict[str, Any], float]:
    """A borrow: its answer, its line in the log, and the seconds it took."""
    key, started = str(uuid.uuid4()), time.monotonic()
    answer = borrower.borrow(key=key)
    return answer, logged(borrower.service, key), time.monotonic() - started


def until_asked_again(borrower: Any) -> None:
    """Borrows until the bureau answers: the breaker of a replica closes again by itself."""
    ends_at = time.monotonic() + PATIENCE_SECONDS
    while borrow(borrower)[1]["score_source"] != "bureau":
        assert time.monotonic() < ends_at
        time.sleep(0.1)


def test_the_bureau_decides_not_the_file(service, open_borrower, bureau, migrated_url) -> None:
    """A score that changed at the bureau alone declines the next borrow and is put on file."""
    borrower = open_borrower(service)
    until_asked_again(borrower)
    bureau.set(borrower.account_id, 300)

    answer, line, _ = borrow(borrower)

    assert (answer.status_code, answer.json()["category"]) == (403, "risk_decline")
    assert line["score_source"] == "bureau"
    assert line["bureau_tries"] >= 1
    with psycopg.connect(migrated_url) as connection:
        filed = connection.execute(
            "SELECT score, tier, reason FROM credit_score WHERE account_id = %s"
            " ORDER BY effective_at",
            (borrower.account_id,),
        ).fetchall()
    assert filed == [(700, "A", "opening"), (300, "D", "bureau")]


def test_accounts_reach_the_bureau_and_are_left_when_known(service, new_account, bureau) -> None:
    """Opening tells the bureau the score; the same again changes nothing there either."""
    wanted = {"accounts": [new_account(score=640)]}
    opened = service.admin("POST", "/v1/admin/accounts", json=wanted)
    account_id = opened.json()["accounts"][0]["account_id"]
    assert bureau.score_of(account_id) == 640

    bureau.set(account_id, 710)
    assert service.admin("POST", "/v1/admin/accounts", json=wanted).json() == opened.json()

    assert bureau.score_of(account_id) == 710


def test_a_recent_score_on_file_stands_in(service, open_borrower, wire) -> None:
    """Good borrowers are served and bad ones declined as before, in a part of their time."""
    good, bad = open_borrower(service), open_borrower(service, score=300)
    until_asked_again(good)
    with cut(wire):
        answer, line, seconds = borrow(good)
        declined, bad_line, _ = borrow(bad)

    assert answer.status_code == 201
    assert (line["score_source"], line["bureau_tries"]) == ("file", 2)
    assert seconds < 1.0
    assert declined.json()["code"] == "score_below_minimum"
    assert bad_line["score_source"] == "file"


def test_a_dead_bureau_is_soon_left_alone_and_found_again(service, open_borrower, wire) -> None:
    """After a few failures nobody waits for it any more; when it is back, it is asked again."""
    borrower = open_borrower(service)
    until_asked_again(borrower)
    with cut(wire):
        lines = [borrow(borrower)[1] for _ in range(8)]

    assert {line["score_source"] for line in lines} == {"file"}
    assert lines[0]["bureau_tries"] > 0
    assert 0 in {line["bureau_tries"] for line in lines}
    until_asked_again(borrower)


def test_without_a_recent_score_a_person_decides(
    forgetful, open_borrower, wire, migrated_url
) -> None:
    """Nobody is lent to and nobody is refused for a score that is not known."""
    borrowers = {
        name: open_borrower(forgetful, **changes)
        for name, changes in {
            "good": {},
            "low": {"score": 300},
            "overdue": {"flags": ["overdue"]},
            "closed": {"region": "closed"},
            "poor": {"limit_fen": 1},
        }.items()
    }
    until_asked_again(borrowers["good"])
    with cut(wire):
        answers = {name: borrow(borrower) for name, borrower in borrowers.items()}

    told = {name: (answer.status_code, answer.json()) for name, (answer, _, _) in answers.items()}
    assert {name: status for name, (status, _) in told.items()} == {
        "good": 202,
        "low": 202,
        "overdue": 403,
        "closed": 451,
        "poor": 422,
    }
    assert {line["score_source"] for _, line, _ in answers.values()} == {"none"}
    with psycopg.connect(migrated_url) as connection:
        rows = connection.execute(
            "SELECT queue, count(disbursement) FROM review_task"
            " LEFT JOIN disbursement USING (loan_id) WHERE review_task.loan_id = ANY(%s)"
            " GROUP BY queue",
            ([told["good"][1]["loan_id"], told["low"][1]["loan_id"]],),
        ).fetchall()
    assert rows == [("score_unavailable", 0)]


def test_a_replay_tells_the_same_while_the_bureau_is_silent(service, open_borrower, wire) -> None:
    """What was decided once is not decided again."""
    borrower, key = open_borrower(service), str(uuid.uuid4())
    first = borrower.borrow(key=key)
    with cut(wire):
        again = borrower.borrow(key=key)

    assert (again.status_code, again.content) == (first.status_code, first.content)
    assert again.headers["Idempotency-Replayed"] == "true"


def test_naive_leaves_its_borrower_waiting(naive, open_borrower, wire) -> None:
    """It has no limit of its own: the borrower gives up first."""
    borrower = open_borrower(naive)
    assert borrow(borrower)[1]["score_source"] == "bureau"
    with cut(wire), pytest.raises(requests.Timeout):
        naive.call(
            "POST",
            "/v1/loans",
            headers=borrower.headers(str(uuid.uuid4()), **{"X-Request-Deadline-Ms": "300"}),
            json={"amount_fen": 10_000, "term_days": 30, "method": "daily"},
            timeout=1.5,
        )


def test_a_killed_bureau_comes_back_with_its_scores(
    service, naive, open_borrower, new_account, bureau
) -> None:
    """Meanwhile: tuned lends on the file, naive fails, and accounts are opened when it is back."""
    tuned_borrower, naive_borrower = open_borrower(service), open_borrower(naive)
    bureau.set(tuned_borrower.account_id, 600)
    bureau.kill()
    lent, line, _ = borrow(tuned_borrower)
    failed = naive_borrower.borrow().json()
    wanted = {"accounts": [new_account(score=620)]}
    refused = service.admin("POST", "/v1/admin/accounts", json=wanted)
    bureau.start()
    opened = service.admin("POST", "/v1/admin/accounts", json=wanted)

    assert (lent.status_code, line["score_source"]) == (201, "file")
    assert (failed["code"], failed["outcome"]) == ("bureau_unavailable", "not_applied")
    assert (refused.status_code, refused.json()["code"]) == (503, "bureau_not_told")
    assert opened.status_code == 201
    assert bureau.score_of(opened.json()["accounts"][0]["account_id"]) == 620
    assert bureau.score_of(tuned_borrower.account_id) == 600
    until_asked_again(tuned_borrower)
    assert naive_borrower.borrow().status_code == 201


def test_an_invalid_token_is_refused_before_anybody_is_asked(service) -> None:
    """A stranger can make the service ask the bureau for nobody."""
    answer = service.call(
        "POST",
        "/v1/loans",
        headers={"Authorization": "Bearer nobody", "Idempotency-Key": str(uuid.uuid4())},
        json={"amount_fen": 10_000, "term_days": 30, "method": "daily"},
    )

    assert (answer.status_code, answer.json()["code"]) == (401, "token_invalid")


def test_without_a_bureau_the_file_decides_as_ever(start_service, open_borrower) -> None:
    """No bureau is asked, and the log does not pretend that one was."""
    alone = start_service(LENDING_SCORE_MAX_AGE_S="0")
    answer, line, _ = borrow(open_borrower(alone))

    assert answer.status_code == 201
    assert (line["score_source"], line["bureau_tries"]) == (None, None)
    assert borrow(open_borrower(alone, score=549))[0].json()["code"] == "score_below_minimum"


def test_the_bureau_says_who_it_is_and_answers_only_those_it_knows(bureau) -> None:
    """Health is open to all and names the stack; scores need the token."""
    health = requests.get(f"{bureau.url}/healthz", timeout=5).json()
    assert (health["instance"], health["stack_id"]) == ("bureau", "stack-of-the-tests")
    assert requests.get(f"{bureau.url}/v1/scores/x", timeout=5).status_code == 401
    assert bureau.call("GET", "/v1/scores/nobody").status_code == 404
    assert bureau.call("GET", "/nowhere").status_code == 404
    assert bureau.call("DELETE", "/v1/scores/x").status_code == 405


@pytest.mark.parametrize(
    ("body", "status"),
    [
        ("{", 400),
        ("[]", 422),
        ('{"scores": [{"account_id": "a", "score": 1001}]}', 422),
        ('{"scores": [{"account_id": "a", "score": true}]}', 422),
        ('{"scores": [{"account_id": "", "score": 700}]}', 422),
        ('{"scores": [{"account_id": "b", "score": 700}, {"account_id": "a"}]}', 422),
    ],
)
def test_the_bureau_takes_whole_lists_of_real_scores_only(bureau, body: str, status: int) -> None:
    """A wrong row is told, and nothing of its list is kept."""
    assert bureau.call("POST", "/v1/scores", data=body).status_code == status
    assert bureau.score_of("b") is None


def test_a_store_that_cannot_be_used_ends_the_bureau_at_once(run_command, tmp_path) -> None:
    """One line says which, and the code says that it is the environment's fault."""
    finished = run_command(
        "bureau", LENDING_PORT=str(free_port()), LENDING_BUREAU_STORE=str(tmp_path / "no" / "file")
    )

    assert finished.returncode == 3
    (line,) = finished.stderr.splitlines()
    assert "bureau's store" in line
