"""Toxiproxy's control API, hung for real: the deadlock of its issue 558, provoked on purpose.

A client of PostgreSQL asks for far more than the kernel buffers, and does not read. With a toxic on
that stream, Toxiproxy's goroutine of the toxic waits to hand its chunk on, and cannot be
interrupted while it does: taking the toxic out waits for it, holding the lock of all toxics of the
proxy. When the client goes away, the one goroutine that could take the chunk waits for the same
lock: from then on it hangs for ever.
"""

import time
from collections.abc import Iterator
from contextlib import contextmanager

import psycopg
import requests

from harness.stack import Stack

TOXIC = "barely-slow"
STALLED = "lendchaos-test-stalled"
_STALLED_SECONDS_MAX = 10.0
_HANGS_SECONDS = 1.0


def add_toxic(stack: Stack, link: str = "database") -> None:
    """One millisecond of latency on what comes down a link: all that is needed to hang."""
    answer = requests.post(
        f"{stack.toxiproxy_api}/proxies/{link}/toxics",
        json={
            "name": TOXIC,
            "type": "latency",
            "stream": "downstream",
            "attributes": {"latency": 1},
        },
        timeout=3,
    )
    assert answer.ok, answer.text


@contextmanager
def stalled_reader(stack: Stack, link: str = "database") -> Iterator[psycopg.Connection]:
    """A database client that asks for 100 MB through a link, which has a toxic, and reads nothing.

    A toxic that is put on the stream afterwards hangs when it is put on.
    """
    assert stack.database_url is not None
    host, _, port = stack.links[link].listen.rpartition(":")
    with psycopg.connect(
        stack.database_url, host=host, port=port, application_name=STALLED, autocommit=True
    ) as reader:
        reader.pgconn.send_query(b"SELECT repeat('x', 1000000) FROM generate_series(1, 100)")
        _wait_until_stalled(stack)
        yield reader
        reader.pgconn.finish()  # not in order: that would read what was asked for


def _wait_until_stalled(stack: Stack) -> None:
    """Until PostgreSQL waits for its client, whose buffers and Toxiproxy's are full."""
    assert stack.database_url is not None
    deadline = time.monotonic() + _STALLED_SECONDS_MAX
    with psycopg.connect(stack.database_url, autocommit=True) as watcher:
        waits = 0
        while waits < 5:  # not for a moment only
            found = watcher.execute(
                "SELECT wait_event FROM pg_stat_activity WHERE application_name = %s", (STALLED,)
            ).fetchone()
            waits = waits + 1 if found == ("ClientWrite",) else 0
            assert time.monotonic() < deadline, f"the reader does not stall: {found}"
            time.sleep(0.05)


def hangs(stack: Stack, path: str = "/proxies") -> bool:
    """Whether a GET of the control API gets no answer."""
    try:
        requests.get(stack.toxiproxy_api + path, timeout=_HANGS_SECONDS)
    except requests.Timeout:
        return True
    return False


def hang(stack: Stack, link: str = "database") -> None:
    """With a stalled reader on the link: ask for the removal of its toxic, which never ends."""
    try:
        requests.delete(
            f"{stack.toxiproxy_api}/proxies/{link}/toxics/{TOXIC}", timeout=_HANGS_SECONDS
        )
    except requests.Timeout:
        return
    raise AssertionError("Toxiproxy took the toxic out: nothing hangs")
