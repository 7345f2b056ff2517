"""Whether PostgreSQL is clean once everything is healed: answering again is not the same.

Asked around the proxies. What stood there before the run, or goes away by itself within a few
seconds, is not held against it.
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

import psycopg
from psycopg import sql

from harness.core.errors import HarnessError
from harness.faults.probes import own_session
from harness.history.events import Proof
from harness.stack.state import Stack

CLEAN_SECONDS_MAX = 4.0
"""A backend may still be rolling back, or just be noticing that its client is gone."""
WAITING_SECONDS_MIN = 1.0
LAG_BYTES_MAX = 16 * 1024 * 1024
"""One segment of write-ahead log."""
_APPLICATION = "lendchaos-audit"


@dataclass(frozen=True, slots=True)
class Question:
    """One thing that must not be there; its query gives one row of text for each that is."""

    kind: str
    none: str
    some: str
    query: str


QUESTIONS = (
    Question(
        "locks",
        "no one waits for a lock",
        "still waiting for a lock",
        """SELECT format('%s on %s (session %s)', l.mode,
                  coalesce(l.relation::regclass::text, l.locktype),
                  coalesce(nullif(a.application_name, ''), a.pid::text))
           FROM pg_locks l JOIN pg_stat_activity a USING (pid)
           WHERE NOT l.granted AND l.waitstart < now() - {waiting} * interval '1 second'""",
    ),
    Question(
        "advisory_locks",
        "no idle session holds an advisory lock",
        "advisory locks held by idle sessions",
        """SELECT format('%s/%s (session %s)', l.classid, l.objid, a.pid)
           FROM pg_locks l JOIN pg_stat_activity a USING (pid)
           WHERE l.locktype = 'advisory' AND l.granted AND a.state = 'idle'""",
    ),
    Question(
        "our_sessions",
        "no session of lendchaos is left",
        "sessions of lendchaos",
        """SELECT format('%s (%s)', application_name, state) FROM pg_stat_activity
           WHERE application_name LIKE 'lendchaos-%' AND application_name <> {application}""",
    ),
    Question(
        "idle_in_transaction",
        "no transaction is left open",
        "transactions left open by idle sessions",
        """SELECT format('session %s (%s), since %s', pid,
                  coalesce(nullif(application_name, ''), 'unnamed'),
                  to_char(xact_start AT TIME ZONE 'UTC', 'YYYY-MM-DD"T"HH24:MI:SS.MS"Z"'))
           FROM pg_stat_activity
           WHERE state LIKE 'idle in transaction%'
             AND xact_start < now() - {open_for} * interval '1 second'""",
    ),
    Question(
        "invalid_indexes",
        "every index is valid",
        "invalid indexes",
        "SELECT indexrelid::regclass::text FROM pg_index WHERE NOT indisvalid",
    ),
    Question(
        "prepared",
        "no prepared transaction is left",
        "prepared transactions",
        "SELECT gid FROM pg_prepared_xacts",
    ),
    Question(
        "replication",
        "no replication slot or standby is behind",
        "replication that is behind",
        """SELECT format('slot %s is not used', slot_name) FROM pg_replication_slots
           WHERE NOT active
           UNION ALL
           SELECT format('standby %s is %s, %s bytes behind', application_name, state,
                  pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn))
           FROM pg_stat_replication
           WHERE state <> 'streaming'
              OR pg_wal_lsn_diff(pg_current_wal_lsn(), replay_lsn) > {lag}""",
    ),
)


def leftovers(stack: Stack, open_for_s: float = WAITING_SECONDS_MIN) -> dict[str, list[str]]:
    """What is there that should not be, by kind of question; none without the stack's database.

    A transaction counts once it was open for ``open_for_s``. `HarnessError`: no answer.
    """
    if stack.database_url is None:
        return {}
    values = {
        "waiting": sql.Literal(WAITING_SECONDS_MIN),
        "open_for": sql.Literal(open_for_s),
        "application": sql.Literal(_APPLICATION),
        "lag": sql.Literal(LAG_BYTES_MAX),
    }
    try:
        with own_session(stack.database_url, _APPLICATION) as connection:
            return {
                q.kind: [row[0] for row in connection.execute(sql.SQL(q.query).format(**values))]
                for q in QUESTIONS
            }
    except psycopg.Error as error:
        raise HarnessError(f"the database could not be audited: {error}") from error


def told(found: dict[str, list[str]]) -> tuple[str, ...]:
    """What was found, in words, one for each kind of question that found anything."""
    return tuple(f"{q.some}: {', '.join(found[q.kind])}" for q in QUESTIONS if found.get(q.kind))


def audit(
    stack: Stack,
    before: dict[str, list[str]],
    load_ended_ns: int | None = None,
    progress: Callable[[str], None] = lambda _: None,
) -> tuple[Proof, ...]:
    """Ask until the database is clean, for a few seconds at most; one proof for each question.

    ``before`` is what was there before the run; ``load_ended_ns`` is when its load ended: only
    transactions older than that are left over. No proofs without the stack's database.
    """
    if stack.database_url is None:
        return ()
    deadline = time.monotonic() + CLEAN_SECONDS_MAX
    while True:
        now_ns = time.monotonic_ns()
        quiet_s = (now_ns - (load_ended_ns or now_ns)) / 1e9
        try:
            found = leftovers(stack, max(WAITING_SECONDS_MIN, quiet_s))
        except HarnessError as error:
            proofs: tuple[Proof, ...] = (Proof("database", holds=False, text=str(error)),)
        else:
            proofs = tuple(_proof(q, found[q.kind], before.get(q.kind, [])) for q in QUESTIONS)
        if all(proof.holds for proof in proofs) or time.monotonic() > deadline:
            return proofs
        progress("waiting for the database to be clean")
        time.sleep(0.2)


def _proof(question: Question, found: list[str], before: list[str]) -> Proof:
    new = [text for text in found if text not in before]
    text = f"{question.some}: {', '.join(new)}" if new else question.none
    return Proof(question.kind, not new, text)
