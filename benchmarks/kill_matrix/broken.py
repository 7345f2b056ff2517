"""What is broken on a stack right now, asked of the processes themselves and not of the harness."""

import contextlib
import json
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psycopg

from harness.core import http_calls
from harness.core.connections import connect
from harness.core.processes import identify
from harness.faults.probes import link_canaries
from harness.history.journal import Journal
from harness.stack import Stack
from harness.stack.state import read_state

_ASK_SECONDS = 1.0
_MOMENT_SECONDS = 0.25
_PROBE_COLUMN = "lendchaos_probe"


def broken(stack: Stack) -> list[str]:
    """Everything that a fault, or a strike, still keeps from working."""
    return look(stack)[1]


def look(stack: Stack) -> tuple[int, list[str]]:
    """What is broken, and the monotonic instant at which it surely was.

    What can be read at once comes first: a silent canary takes its time to be silent.
    """
    found = [*_proxies(stack), *_processes(stack)]
    at_ns = time.monotonic_ns()
    if not found:
        found = [*_canaries(stack), *_locks(stack)]
    return at_ns, found


def _proxies(stack: Stack) -> Iterator[str]:
    answer = http_calls.get(f"{stack.toxiproxy_api}/proxies", _ASK_SECONDS)
    if answer is None:
        yield "Toxiproxy does not answer"
        return
    proxies: dict[str, Any] = json.loads(answer.body)
    for name, link in stack.links.items():
        proxy = proxies.get(name, {"enabled": False, "toxics": (), "upstream": ""})
        if proxy["toxics"]:
            yield f"toxics on {name}: {', '.join(toxic['name'] for toxic in proxy['toxics'])}"
        if not proxy["enabled"] or proxy["upstream"] != link.upstream:
            yield f"proxy {name} is disabled or leads elsewhere"


def _processes(stack: Stack) -> Iterator[str]:
    current = read_state(stack.state_dir)
    for name, process in (current or stack).processes.items():
        if identify(process.pid) != process:
            yield f"{name} is dead"
        elif any(_stopped(pid) for pid in (process.pid, *_children(process.pid))):
            yield f"{name} is stopped"


def _children(pid: int) -> Iterator[int]:
    # The process, or a thread of it, may end while it is being read.
    with contextlib.suppress(OSError):
        for thread in Path(f"/proc/{pid}/task").iterdir():
            with contextlib.suppress(OSError):
                yield from map(int, (thread / "children").read_text().split())


def _stopped(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] == "T"
    except OSError:
        return False


def _canaries(stack: Stack) -> Iterator[str]:
    for name, answers in link_canaries(stack):
        if not answers:
            yield f"link {name} carries no canary"


def _locks(stack: Stack) -> Iterator[str]:
    """Who of ours holds or waits, as the migration faults do.

    For longer than the clean-up takes after the load, which removes a column in a moment.
    """
    try:
        with connect(stack.database_url or "", connect_timeout=2) as connection:
            connection.execute("SET statement_timeout = 1000")
            waiting = connection.execute(
                "SELECT count(*) FROM pg_stat_activity WHERE application_name LIKE 'lendchaos-_-%%'"
                " AND (wait_event_type = 'Lock' OR state LIKE 'idle in transaction%%')"
                " AND clock_timestamp() - xact_start > make_interval(secs => %s)",
                [_MOMENT_SECONDS],
            ).fetchone()
    except psycopg.Error as error:
        yield f"PostgreSQL: {str(error).splitlines()[0]}"
        return
    if waiting != (0,):
        yield f"{waiting and waiting[0]} sessions of a fault hold or wait for locks"


def left_behind(stack: Stack) -> list[str]:
    """What must be gone once a run is over: open rows of the journal, columns of a fault."""
    found = [
        f"the journal holds {fault.name} open"
        for fault in Journal(stack.state_dir, stack.stack_id).open_faults()
    ]
    try:
        with connect(stack.database_url or "", connect_timeout=5) as connection:
            columns = connection.execute(
                "SELECT table_name FROM information_schema.columns WHERE column_name = %s",
                (_PROBE_COLUMN,),
            ).fetchall()
    except psycopg.Error as error:
        return [*found, f"PostgreSQL: {str(error).splitlines()[0]}"]
    return found + [f"table {name} still has the fault's column" for (name,) in columns]
