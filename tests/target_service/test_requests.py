"""Requests that are wrong, and who may call what."""

import time
import uuid

import psycopg
import pytest

pytestmark = pytest.mark.live

LOAN = {"amount_fen": 10_000, "term_days": 30, "method": "daily"}


@pytest.mark.parametrize(
    "body",
    [
        LOAN | {"amount_fen": 0},
        LOAN | {"amount_fen": 1.5},
        LOAN | {"amount_fen": "10000"},
        LOAN | {"amount_fen": True},
        LOAN | {"amount_fen": 10**15},
        LOAN | {"term_days": 0},
        LOAN | {"method": "never"},
        LOAN | {"currency": "EUR"},
        {},
        [],
    ],
)
def test_wrong_values_are_a_problem_of_the_client(borrower, body) -> None:
    """422 with every member of a problem and no value repeated from the request."""
    answer = borrower.service.call(
        "POST", "/v1/loans", headers=borrower.headers(str(uuid.uuid4())), json=body
    )
    problem = answer.json()
    assert (answer.status_code, problem["category"]) == (422, "client_error")
    assert problem["code"] == "invalid_request"
    assert answer.headers["Content-Type"] == "application/problem+json"
    assert len(problem) == 9


def test_malformed_json_is_a_problem_of_the_client(borrower) -> None:
    """400 malformed_request."""
    headers = borrower.headers(str(uuid.uuid4()), **{"Content-Type": "application/json"})
    answer = borrower.service.call("POST", "/v1/loans", headers=headers, data="{")
    assert (answer.status_code, answer.json()["code"]) == (400, "malformed_request")


@pytest.mark.parametrize("key", [None, "not-a-uuid"])
def test_borrowing_needs_a_key(borrower, key) -> None:
    """400 when Idempotency-Key is missing or no UUID."""
    answer = borrower.service.call("POST", "/v1/loans", headers=borrower.headers(key), json=LOAN)
    assert (answer.status_code, answer.json()["code"]) == (400, "idempotency_key_missing")


@pytest.mark.parametrize("deadline", ["soon", "-1", "1.5", ""])
def test_a_deadline_is_a_whole_number(borrower, deadline) -> None:
    """400 when X-Request-Deadline-Ms cannot be read."""
    headers = borrower.headers(**{"X-Request-Deadline-Ms": deadline})
    answer = borrower.service.call("GET", "/v1/credit-line", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (400, "invalid_header")


@pytest.mark.parametrize("headers", [{}, {"Authorization": "Bearer made-up"}])
def test_borrowing_needs_a_session(service, headers) -> None:
    """401 without a token and with an unknown one."""
    headers = headers | {"Idempotency-Key": str(uuid.uuid4())}
    answer = service.call("POST", "/v1/loans", headers=headers, json=LOAN)
    assert (answer.status_code, answer.json()["category"]) == (401, "client_error")


@pytest.mark.parametrize(
    ("method", "path", "status", "code"),
    [("GET", "/nowhere", 404, "not_found"), ("PUT", "/v1/loans", 405, "method_not_allowed")],
)
def test_unknown_paths_and_methods_are_problems(service, method, path, status, code) -> None:
    """404 and 405 have a problem body too."""
    answer = service.call(method, path)
    assert (answer.status_code, answer.json()["code"]) == (status, code)


@pytest.mark.parametrize("headers", [{}, {"X-Admin-Token": "wrong"}])
def test_admin_calls_need_the_token(service, headers) -> None:
    """403 without the token or with another."""
    answer = service.call("GET", "/v1/admin/audit/invariants", headers=headers)
    assert (answer.status_code, answer.json()["code"]) == (403, "admin_token_wrong")


def test_without_a_configured_token_admin_calls_are_off(start_service) -> None:
    """403 whatever is sent, an empty token included."""
    service = start_service(LENDING_ADMIN_TOKEN="")
    for headers in ({}, {"X-Admin-Token": ""}):
        answer = service.call("GET", "/v1/admin/audit/loans", headers=headers)
        assert (answer.status_code, answer.json()["code"]) == (403, "admin_disabled")


def test_opening_accounts_again_changes_nothing(service, new_account, migrated_url) -> None:
    """A thousand accounts open quickly; the same again gives the same ids and no new rows."""
    wanted = {"accounts": [new_account(flags=["overdue"]) for _ in range(1000)]}
    first = service.admin("POST", "/v1/admin/accounts", json=wanted)
    assert first.status_code == 201
    assert first.elapsed.total_seconds() < 3
    counting = "SELECT count(*) FROM risk_flag"
    with psycopg.connect(migrated_url, autocommit=True) as reader:
        before = reader.execute(counting).fetchone()
        wanted["accounts"][0]["limit_fen"] = 1
        again = service.admin("POST", "/v1/admin/accounts", json=wanted)
        assert reader.execute(counting).fetchone() == before
    assert again.json() == first.json()
    assert len({account["account_id"] for account in first.json()["accounts"]}) == 1000


def test_a_replica_names_itself(service) -> None:
    """Health, readiness and every header tell which replica of which stack answered."""
    for path in ("/healthz", "/readyz"):
        answer = service.call("GET", path)
        names = {"instance": "replica-1", "stack_id": "stack-of-the-tests"}
        assert answer.json().items() >= names.items()
    refused = service.call("GET", "/nowhere")
    assert refused.headers["X-Instance"] == "replica-1"
    assert refused.headers["X-Stack-Id"] == "stack-of-the-tests"


def test_two_replicas_share_a_port(start_service) -> None:
    """With SO_REUSEPORT both get connections; a process without it is refused and exits 3."""
    first = start_service(LENDING_REUSE_PORT="1", LENDING_INSTANCE="replica-a")
    port = first.url.rpartition(":")[2]
    start_service(LENDING_PORT=port, LENDING_REUSE_PORT="1", LENDING_INSTANCE="replica-b")
    seen, ends_at = set(), time.monotonic() + 8
    while seen != {"replica-a", "replica-b"} and time.monotonic() < ends_at:
        seen.add(first.call("GET", "/healthz").headers["X-Instance"])
    assert seen == {"replica-a", "replica-b"}
    alone = start_service(LENDING_PORT=port, wait=False)
    assert alone.process.wait(10) == 3


def test_openapi_describes_the_contract(service) -> None:
    """The generated document has every path of the contract."""
    paths = service.call("GET", "/openapi.json").json()["paths"]
    assert set(paths) == {
        "/healthz",
        "/readyz",
        "/v1/sessions",
        "/v1/credit-line",
        "/v1/loans",
        "/v1/loans/{loan_id}/repayments",
        "/v1/admin/accounts",
        "/v1/admin/audit/loans",
        "/v1/admin/audit/invariants",
    }


@pytest.mark.live
def test_connections_to_the_database_are_reused(borrower, migrated_url) -> None:
    """Many requests, hardly a new connection: opening one costs more than the borrow itself."""
    counted = "SELECT sessions FROM pg_stat_database WHERE datname = current_database()"
    with psycopg.connect(migrated_url, autocommit=True) as connection:

        def opened() -> int:
            """All connections that were ever opened; the statistics follow within a second."""
            time.sleep(1.5)
            (count,) = connection.execute(counted).fetchone() or (0,)
            return int(count)

        borrower.borrow()
        before = opened()
        for _ in range(40):
            assert borrower.borrow().status_code == 201

        # On a busy machine the pool may grow, since a connection goes back after its answer.
        assert opened() - before <= 8
        assert before > 0
