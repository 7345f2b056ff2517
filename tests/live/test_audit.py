"""The audit of the database after the heal: each leftover is planted for real, and is found."""

import contextlib
import threading
import time
from collections.abc import Iterator
from dataclasses import replace

import psycopg
import pytest

from harness.faults import audit as audit_module
from harness.faults.audit import audit, leftovers
from harness.stack import Stack
from tests.live.conftest import query

pytestmark = pytest.mark.live


@pytest.fixture
def impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is planted does not go away by itself."""
    monkeypatch.setattr(audit_module, "CLEAN_SECONDS_MAX", 0.5)
    monkeypatch.setattr(audit_module, "WAITING_SECONDS_MIN", 0.2)


@contextlib.contextmanager
def connected(stack: Stack, name: str = "somebody") -> Iterator[psycopg.Connection]:
    """A session of its own, around the proxies."""
    assert stack.database_url is not None
    with psycopg.connect(stack.database_url, autocommit=True, application_name=name) as connection:
        yield connection


def unclean(stack: Stack, before: dict[str, list[str]] | None = None) -> dict[str, str]:
    """What does not hold, by kind of question."""
    return {p.kind: p.text for p in audit(stack, before or {}) if not p.holds}


@contextlib.contextmanager
def invalid_index(stack: Stack) -> Iterator[None]:
    """What CREATE INDEX CONCURRENTLY leaves when it fails half-way."""
    with connected(stack) as session:
        session.execute("CREATE TABLE planted (value integer)")
        session.execute("INSERT INTO planted VALUES (1), (1)")
        with pytest.raises(psycopg.errors.UniqueViolation):
            session.execute("CREATE UNIQUE INDEX CONCURRENTLY planted_once ON planted (value)")
        try:
            yield
        finally:
            session.execute("DROP TABLE planted")


@contextlib.contextmanager
def prepared_transaction(stack: Stack) -> Iterator[None]:
    """What a coordinator leaves that dies between the two phases."""
    with connected(stack) as session:
        session.execute("BEGIN")
        session.execute("SELECT txid_current()")
        session.execute("PREPARE TRANSACTION 'planted-prepared'")
        try:
            yield
        finally:
            session.execute("ROLLBACK PREPARED 'planted-prepared'")


def test_a_clean_database_is_told_to_be_clean(stack: Stack) -> None:
    """Every question is asked, and each answer holds."""
    proofs = audit(stack, {})

    assert [proof.kind for proof in proofs] == [q.kind for q in audit_module.QUESTIONS]
    assert all(proof.holds for proof in proofs), proofs


@pytest.mark.usefixtures("impatient")
def test_an_invalid_index_is_found(stack: Stack) -> None:
    """By its name; and not held against a run before which it was there."""
    with invalid_index(stack):
        assert unclean(stack) == {"invalid_indexes": "invalid indexes: planted_once"}
        assert unclean(stack, leftovers(stack)) == {}


@pytest.mark.usefixtures("impatient")
def test_an_orphaned_prepared_transaction_is_found(stack: Stack) -> None:
    """By its name."""
    with prepared_transaction(stack):
        assert unclean(stack)["prepared"] == "prepared transactions: planted-prepared"


@pytest.mark.usefixtures("impatient")
def test_an_open_transaction_is_found(stack: Stack) -> None:
    """An idle session in a transaction, by its name, once it is older than the load's end."""
    with connected(stack, "planted-idle") as holder:
        holder.execute("BEGIN")
        holder.execute("SELECT count(*) FROM loan")
        fresh = unclean(stack)
        time.sleep(0.3)
        found = unclean(stack)
        holder.execute("ROLLBACK")

    assert fresh == {}
    assert "planted-idle" in found["idle_in_transaction"]
    assert unclean(stack) == {}


@pytest.mark.usefixtures("impatient")
def test_sessions_and_advisory_locks_of_ours_are_found(stack: Stack) -> None:
    """A session with our name, and a lock that nobody will ever give back."""
    with connected(stack, "lendchaos-1-blocking_migration") as leaked:
        leaked.execute("SELECT pg_advisory_lock(4711)")
        found = unclean(stack)

    assert "lendchaos-1-blocking_migration" in found["our_sessions"]
    assert "4711" in found["advisory_locks"]


@pytest.mark.usefixtures("impatient")
def test_a_wait_for_a_lock_is_found(stack: Stack) -> None:
    """With the mode and the table that is waited for."""
    with connected(stack, "planted-holds") as holder, connected(stack, "planted-waits") as waits:
        holder.execute("BEGIN")
        holder.execute("LOCK TABLE loan IN ACCESS SHARE MODE")
        change = "BEGIN; LOCK TABLE loan IN ACCESS EXCLUSIVE MODE; COMMIT"
        waiting = threading.Thread(target=waits.execute, args=(change,))
        waiting.start()
        time.sleep(0.5)
        found = unclean(stack)
        holder.execute("ROLLBACK")
        waiting.join()

    assert "AccessExclusiveLock on loan (session planted-waits)" in found["locks"]


@pytest.mark.usefixtures("impatient")
def test_an_unused_replication_slot_is_found(stack: Stack) -> None:
    """It would keep the write-ahead log for ever."""
    query(stack, "SELECT pg_create_physical_replication_slot('planted')")
    try:
        assert unclean(stack) == {
            "replication": "replication that is behind: slot planted is not used"
        }
    finally:
        query(stack, "SELECT pg_drop_replication_slot('planted')")


@pytest.mark.usefixtures("impatient")
def test_a_database_that_does_not_answer_is_no_clean_one(stack: Stack) -> None:
    """No answer is an answer too, and not a good one."""
    deaf = replace(stack, database_url="postgresql://x:y@127.0.0.1:1/lending")

    assert list(unclean(deaf)) == ["database"]
