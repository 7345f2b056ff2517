"""Facts read back from the files of a run directory, but for those of another run."""

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from harness.core.files import lines_of, read_regular
from harness.events import Attempt, FaultFact, HealthPoll, Operation, Sent
from harness.journal_row import JournalRow
from harness.ledger_facts import LedgerEntry
from harness.plan import Arrival, Plan
from harness.rows import no_number, reason_of

EVENTS_SCHEMA = "lendchaos.events/1"
Row = tuple[str, Any]

_ROWS: dict[str, TypeAdapter[Any]] = {
    "arrival": TypeAdapter(Arrival),
    "sent": TypeAdapter(Sent),
    "attempt": TypeAdapter(Attempt),
    "operation": TypeAdapter(Operation),
    "fault": TypeAdapter(FaultFact),
    "journal": TypeAdapter(JournalRow),
    "poll": TypeAdapter(HealthPoll),
    "loan": TypeAdapter(LedgerEntry),
}


def read_rows(path: Path, schema: str, kinds: tuple[str, ...], damage: list[str]) -> Iterator[Row]:
    """Facts of one file in order; a line that cannot be read is noted, not fatal."""
    try:
        for number, line in enumerate(lines_of(path), start=1):
            try:
                found = _fact(line, schema, kinds)
            except (ValueError, RecursionError) as error:
                damage.append(f"{path.name}, line {number} is not readable: {reason_of(error)}")
            else:
                if found is not None:
                    yield found
    except FileNotFoundError:
        return
    except OSError as error:
        damage.append(f"{path.name} cannot be read: {reason_of(error)}")


def read_events(path: Path, plan: Plan, damage: list[str]) -> list[Row]:
    """What one load process wrote; nothing of a file that is of another run.

    Keys are made of the run's id, so no arrival has the key of another run. A single line with one
    is left out.
    """
    keys = {arrival.index: arrival.key for arrival in plan.arrivals}
    kinds = ("sent", "attempt", "operation")
    rows = list(read_rows(path, EVENTS_SCHEMA, kinds, damage))
    keyed = [fact for _, fact in rows if fact.key is not None and fact.arrival in keys]
    foreign = sum(fact.key != keys[fact.arrival] for fact in keyed)
    of_run = _run_of(path)
    if of_run not in ("", plan.run_id) or (foreign and foreign == len(keyed)):
        damage.append(f"{path.name} is of another run{of_run and f', {of_run}'}: it is left out")
        return []
    if not foreign:
        return rows
    damage.append(f"{path.name} has {foreign:,} lines of another run: they are left out")
    return [row for row in rows if row[1].key in (None, keys.get(row[1].arrival, row[1].key))]


def _run_of(path: Path) -> str:
    """The run that the first line names; "" in files that are older than that."""
    try:
        return str(json.loads(next(lines_of(path), b""))["run_id"])
    except (OSError, ValueError, LookupError, TypeError, RecursionError):
        return ""


def read_accounts(path: Path, run_id: str, damage: list[str]) -> dict[int, str]:
    """Which account each borrower had; nothing of a file that is of another run."""
    try:
        body = json.loads(read_regular(path))
        of_run = body.pop("run_id", run_id)
        if of_run == run_id:
            return {int(borrower): str(account) for borrower, account in body.items()}
        damage.append(f"{path.name} is of another run, {of_run}: it is left out")
    except FileNotFoundError:
        pass
    except (OSError, ValueError, AttributeError, TypeError, RecursionError) as error:
        damage.append(f"{path.name} is not readable: {reason_of(error)}")
    return {}


def _fact(line: bytes, schema: str, kinds: tuple[str, ...]) -> Row | None:
    """The fact of one line; None for a header.

    Raises:
        ValueError: it is none, or not one of these kinds.
    """
    row = json.loads(line, parse_constant=no_number)
    if not isinstance(row, dict):
        raise ValueError("it is no object")  # noqa: TRY004  # a line is read or it is not
    if "schema" in row:
        if row["schema"] != schema:
            raise ValueError(f"schema {row['schema']!r} is not {schema!r}")
        return None
    kind = next(iter(row), "")
    if len(row) != 1 or kind not in kinds:
        raise ValueError(f"it is none of {', '.join(kinds)}")
    return kind, _ROWS[kind].validate_python(row[kind])
