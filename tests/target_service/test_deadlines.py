"""A database link that swallows every byte: who still answers, when, and what comes after."""

import time
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor

import psycopg
import pytest
import requests

pytestmark = pytest.mark.live

DEADLINE_SECONDS = 0.8
# Scheduling on a busy machine. Who did not keep the deadline would take a second one, or the other.
SLACK_SECONDS = 0.5


@pytest.fixture
def behind_link(start_service, link):
    """Starts a replica that reaches its database through the link."""

    def start(**settings: str):
        return start_service(
            LENDING_DATABASE_URL=f"postgresql://lending@127.0.0.1:{link.port}/postgres",
            LENDING_DEADLINE_MS=str(int(DEADLINE_SECONDS * 1000)),
            LENDING_POOL_SIZE="4",
            **settings,
        )

    return start


def timed(call: Callable[[], requests.Response]) -> tuple[requests.Response, float]:
    """An answer and the seconds it took."""
    started = time.monotonic()
    answer = call()
    return answer, time.monotonic() - started


def test_tuned_answers_every_borrow_within_the_deadline(behind_link, open_borrower, link) -> None:
    """With more requests than connections, each one is told in time that nothing was applied."""
    borrower = open_borrower(behind_link())
    link.cut()
    with ThreadPoolExecutor(12) as threads:
        answers = list(threads.map(lambda _: timed(borrower.borrow), range(24)))
    for answer, seconds in answers:
        assert answer.status_code == 503, answer.text
        assert answer.json()["outcome"] == "not_applied"
        assert seconds < DEADLINE_SECONDS + SLACK_SECONDS


def test_tuned_keeps_the_deadline_of_the_header(behind_link, open_borrower, link) -> None:
    """The caller's own deadline counts instead of the setting."""
    borrower = open_borrower(behind_link())
    link.cut()
    headers = borrower.headers(**{"X-Request-Deadline-Ms": "200"})
    answer, seconds = timed(
        lambda: borrower.service.call("GET", "/v1/credit-line", headers=headers)
    )
    assert answer.json()["code"] == "deadline_exceeded_before_commit"
    assert 0.19 < seconds < 0.2 + SLACK_SECONDS


def test_log_in_and_readiness_end_while_health_stays_fast(behind_link, new_account, link) -> None:
    """Every call that needs the database ends in time; the one that does not is not delayed."""
    service = behind_link()
    wanted = new_account()
    service.admin("POST", "/v1/admin/accounts", json={"accounts": [wanted]})
    link.cut()
    credentials = {"phone": wanted["phone"], "password": wanted["password"]}
    with ThreadPoolExecutor(3) as threads:
        log_in = threads.submit(
            timed, lambda: service.call("POST", "/v1/sessions", json=credentials)
        )
        ready = threads.submit(timed, lambda: service.call("GET", "/readyz"))
        time.sleep(0.1)
        healthy, health_seconds = timed(lambda: service.call("GET", "/healthz"))
    assert healthy.status_code == 200
    assert health_seconds < SLACK_SECONDS
    assert log_in.result()[0].status_code == 503
    assert log_in.result()[1] < DEADLINE_SECONDS + SLACK_SECONDS
    assert ready.result()[0].status_code in {503, 504}
    assert ready.result()[1] < 1 + SLACK_SECONDS


@pytest.mark.parametrize(("seconds_cut", "close_connections"), [(5, True), (2, False)])
def test_tuned_recovers_within_a_second(
    *, behind_link, open_borrower, link, seconds_cut, close_connections
) -> None:
    """After seconds of silence under load, borrowing works again and every pool slot is back."""
    borrower = open_borrower(behind_link())
    link.cut()
    ends_at = time.monotonic() + seconds_cut

    def keep_borrowing(_: int) -> float:
        slowest = 0.0
        while time.monotonic() < ends_at:
            answer, seconds = timed(borrower.borrow)
            assert answer.status_code == 503
            slowest = max(slowest, seconds)
        return slowest

    with ThreadPoolExecutor(8) as threads:
        # A request sent just before the end may finish after it, still into the silent link.
        assert max(threads.map(keep_borrowing, range(8))) < DEADLINE_SECONDS + SLACK_SECONDS
    link.heal(close_connections=close_connections)
    healed_at = time.monotonic()
    while (answer := borrower.borrow(1)).status_code != 201:
        assert time.monotonic() - healed_at < 1 + SLACK_SECONDS, answer.text
    with ThreadPoolExecutor(8) as threads:
        answers = list(threads.map(lambda _: borrower.borrow(1), range(40)))
    assert {answer.status_code for answer in answers} == {201}


def test_requests_survive_connections_cut_while_idle(behind_link, open_borrower, link) -> None:
    """Connections closed while nobody used them cost no borrower an answer."""
    borrower = open_borrower(behind_link())
    link.heal(close_connections=True)
    assert [borrower.borrow(1).status_code for _ in range(8)] == [201] * 8


def test_naive_hangs_past_the_deadline(behind_link, open_borrower, link) -> None:
    """The driver's defaults set no limit: the borrower gives up before the service does."""
    borrower = open_borrower(behind_link(LENDING_CLIENT="naive"))
    link.cut()
    with pytest.raises(requests.Timeout):
        borrower.service.call(
            "GET", "/v1/credit-line", headers=borrower.headers(), timeout=DEADLINE_SECONDS + 1
        )


def test_silence_after_commit_was_sent_is_unknown(
    start_service, open_borrower, migrated_url
) -> None:
    """A COMMIT that is not answered in time is reported as unknown, never as not applied."""
    service = start_service(LENDING_DEADLINE_MS="500")
    borrower = open_borrower(service)
    with psycopg.connect(migrated_url, autocommit=True) as operator:
        # A deferred trigger runs at COMMIT, which is where this makes the time pass.
        operator.execute(
            "CREATE FUNCTION dawdle() RETURNS trigger LANGUAGE plpgsql AS "
            "$$ BEGIN PERFORM pg_sleep(1); RETURN NULL; END $$"
        )
        operator.execute(
            "CREATE CONSTRAINT TRIGGER dawdling AFTER INSERT ON outbox DEFERRABLE "
            "INITIALLY DEFERRED FOR EACH ROW EXECUTE FUNCTION dawdle()"
        )
        try:
            answer = borrower.borrow(1)
        finally:
            operator.execute("DROP TRIGGER dawdling ON outbox")
            operator.execute("DROP FUNCTION dawdle()")
    assert (answer.status_code, answer.json()["outcome"]) == (504, "unknown")
    assert answer.json()["code"] == "deadline_exceeded"


def test_a_commit_the_standby_never_confirmed_is_unknown(service, borrower, migrated_url) -> None:
    """PostgreSQL reports success when the wait for a standby is cancelled; the service does not."""
    waiting = "SELECT pid FROM pg_stat_activity WHERE wait_event = 'SyncRep'"
    with (
        psycopg.connect(migrated_url, autocommit=True) as operator,
        ThreadPoolExecutor(1) as threads,
    ):
        operator.execute("ALTER SYSTEM SET synchronous_standby_names = 'nobody'")
        operator.execute("SELECT pg_reload_conf()")
        try:
            borrowing = threads.submit(borrower.borrow)
            while (row := operator.execute(waiting).fetchone()) is None:
                # The server's processes take the new setting over at their own pace.
                if borrowing.done():
                    borrowing = threads.submit(borrower.borrow)
            operator.execute("SELECT pg_cancel_backend(%s)", [row[0]])
            answer = borrowing.result()
        finally:
            operator.execute("ALTER SYSTEM RESET synchronous_standby_names")
            operator.execute("SELECT pg_reload_conf()")
    assert (answer.status_code, answer.json()["code"]) == (503, "commit_unknown")
    assert answer.json()["outcome"] == "unknown"
    assert service.call("GET", "/readyz").status_code == 200


def test_a_locked_table_is_not_the_borrowers_fault(borrower, migrated_url) -> None:
    """A migration's table lock ends in 503 not_applied, not in 409 in_progress."""
    with psycopg.connect(migrated_url) as migration:
        migration.execute("LOCK TABLE idempotency_key IN ACCESS EXCLUSIVE MODE")
        answer = borrower.borrow(1)
        migration.rollback()
    assert (answer.status_code, answer.json()["code"]) == (503, "lock_timeout")
    assert answer.json()["outcome"] == "not_applied"


def test_a_lock_timeout_spoils_no_connection(start_service, open_borrower, migrated_url) -> None:
    """However often a connection was used before: the statements that the timeout skipped are not
    taken for prepared ones afterwards.
    """
    service = start_service(LENDING_POOL_SIZE="1")
    borrower = open_borrower(service, limit_fen=100_000_000)
    after = []
    for uses in (5, 4, 6, 3):  # the driver prepares what it meets for the sixth time
        with psycopg.connect(migrated_url) as migration:
            migration.execute("LOCK TABLE loan IN ACCESS EXCLUSIVE MODE")
            assert borrower.borrow(1).status_code == 503
            migration.rollback()
        after += [borrower.borrow(100).status_code for _ in range(uses)]

    assert set(after) == {201}


def test_replica_stops_in_time_while_requests_hang(behind_link, open_borrower, link) -> None:
    """SIGTERM ends a naive replica within two seconds and a little although requests hang."""
    service = behind_link(LENDING_CLIENT="naive")
    borrower = open_borrower(service)
    link.cut()
    with ThreadPoolExecutor(1) as threads:
        hanging = threads.submit(borrower.borrow)
        time.sleep(0.2)
        service.process.terminate()
        started = time.monotonic()
        service.process.wait(10)
        assert time.monotonic() - started < 3.5
        assert isinstance(hanging.exception(), requests.ConnectionError) or hanging.result()
