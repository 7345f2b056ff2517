"""The run directory: plan, arrivals, events, faults, ledger, verdict.

Append-only while the run lasts and readable whatever cut it short. Line-delimited JSON throughout;
the first line of every such file names its schema. Secrets (passwords, tokens) are never written
here.

    plan.json        intent, without the arrivals
    arrivals.jsonl   every planned arrival
    events-*.jsonl   one file for each load process
    accounts.json    borrower index -> account id
    faults.jsonl     what was injected, healed, proven
    journal.jsonl    this run's rows of the stack's journal
    health.jsonl     what the target said of its own health
    status.json      how the run as a whole went
    ledger.jsonl     the ledger as read
    verdict.json, report.html
"""

import contextlib
import io
import json
import os
from collections.abc import Iterable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from harness.core.documents import json_of
from harness.core.errors import HarnessError, UsageError
from harness.core.files import lines_of, open_append, put_in_place, read_regular, real, replace_file
from harness.core.rows import plain, reason_of
from harness.history.events import FaultFact, HealthAddress, HealthPoll, RunStatus
from harness.history.journal_row import JOURNAL_FILE, JOURNAL_SCHEMA, JournalRow
from harness.history.ledger_facts import LedgerReading
from harness.history.manifest import STATUS_FILE, checksums_of
from harness.history.stored_files import (
    ARRIVALS_SCHEMA,
    Span,
    arrivals_in,
    plan_in,
    read_rows,
    span_of,
)
from harness.plan.plan import Plan

ACCOUNTS_FILE = "accounts.json"
LATEST = "latest"
"""The link to the newest run, beside it."""
FAULTS_SCHEMA = "lendchaos.faults/1"
HEALTH_SCHEMA = "lendchaos.health/1"
HEALTH_FILE = "health.jsonl"
LEDGER_SCHEMA = "lendchaos.ledger/1"
ARRIVALS_FILE = "arrivals.jsonl"
LEDGER_FILE = "ledger.jsonl"

_PLAN: TypeAdapter[Plan] = TypeAdapter(Plan)
_STATUS: TypeAdapter[RunStatus] = TypeAdapter(RunStatus)
_ADDRESS: TypeAdapter[HealthAddress] = TypeAdapter(HealthAddress)
_READING: TypeAdapter[LedgerReading] = TypeAdapter(LedgerReading)
UNREAD = LedgerReading(read=False, complete=False, source="none", error="the run ended before it")
UNKNOWN = RunStatus(target="unknown", interrupted=True, known=False)


class RowWriter:
    """Appends rows to one file; `flush` gives them to the kernel, where they survive our death."""

    def __init__(self, path: Path, schema: str, **header: Any) -> None:
        self._file = io.TextIOWrapper(open_append(path), encoding="utf-8")
        self._file.write(json.dumps({"schema": schema, **header}) + "\n")
        self._file.flush()

    def write(self, kind: str, fact: Any) -> None:
        """Append one fact as ``{kind: {...}}``."""
        self._file.write(json.dumps({kind: plain(fact)}, default=plain) + "\n")

    def flush(self) -> None:
        """Hand what was written to the kernel."""
        self._file.flush()

    def close(self) -> None:
        """Flush and close; any number of times."""
        self._file.close()


@dataclass(frozen=True)  # without slots: `KeptRecord` keeps more
class RunDirectory:
    """One directory under ``runs/``."""

    path: Path

    @property
    def is_whole(self) -> bool:
        """Whether the disk took everything that was to be kept."""
        return True

    @classmethod
    def create(cls, root: Path, plan: Plan) -> "RunDirectory":
        """Make the directory, write the whole plan down, and point ``latest`` at it."""
        path = root / f"{plan.scenario}-{plan.run_id}"
        path.mkdir(parents=True)
        run = cls(real(path))
        run._write_plan(plan)
        run._point_latest()
        return run

    def _point_latest(self) -> None:
        """Only a link, or an empty folder, is replaced: anything else may be of worth to others."""
        latest = self.path.parent / LATEST
        link = latest.with_name(f".{LATEST}-{self.run_id}")
        with contextlib.suppress(OSError):  # a convenience: not worth failing a run for
            if latest.is_dir() and not latest.is_symlink():
                latest.rmdir()
            if latest.is_symlink() or not latest.exists():
                link.symlink_to(self.path.name)
                put_in_place(link, latest)
        with contextlib.suppress(OSError):
            link.unlink(missing_ok=True)

    def not_latest(self) -> tuple[str, ...]:
        """That ``latest`` beside it is no link and shows something else, in one line; else none."""
        latest = self.path.parent / LATEST
        if latest.is_symlink() or not latest.exists():
            return ()
        kind = "folder" if latest.is_dir() else "file"
        where = f"{latest.parent.name}/{latest.name}"
        return (f"{where} is a {kind} and no link, so it does not show this run: move it away",)

    @property
    def run_id(self) -> str:
        """As the plan has it; "" where it cannot be read."""
        return self.of_plan().get("run_id", "")

    def of_plan(self) -> dict[str, str]:
        """What the plan names the run and its scenario; without an unreadable name."""
        try:
            body = json_of(read_regular(self.path / "plan.json"))
            return {name: str(body[name]) for name in ("run_id", "scenario") if name in body}
        except (OSError, ValueError, TypeError):
            return {}

    def _write_plan(self, plan: Plan) -> None:
        body = _PLAN.dump_python(replace(plan, arrivals=()), mode="json")
        replace_file(self.path / "plan.json", json.dumps(body, indent=1))
        writer = RowWriter(self.path / ARRIVALS_FILE, ARRIVALS_SCHEMA)
        for arrival in plan.arrivals:
            writer.write("arrival", arrival)
        writer.close()

    def rewrite_plan(self, plan: Plan) -> None:
        """Replace the plan before the load begins, when the target does not offer all of it."""
        (self.path / ARRIVALS_FILE).unlink()
        self._write_plan(plan)

    def read_plan(self) -> Plan:
        """The plan, arrivals included; `reader` reports those that cannot be read.

        Raises:
            UsageError: this is not a run directory.
            HarnessError: it is one, but its plan cannot be read.
        """
        try:
            plan = plan_in(self.path / "plan.json")
        except (OSError, ValueError) as error:
            reason = reason_of(error)
            if any(os.path.lexists(self.path / name) for name in (ARRIVALS_FILE, STATUS_FILE)):
                raise HarnessError(
                    f"plan.json of {self.path} cannot be read, and without it nothing can be"
                    f" judged: {reason}"
                ) from error
            raise UsageError(f"{self.path} is not a run directory: {reason}") from error
        arrivals = arrivals_in(self.path / ARRIVALS_FILE, plan, [])
        return replace(plan, arrivals=arrivals)

    def append_fault(self, fact: FaultFact) -> None:
        """Append what is known of a fault now; the last line of a fault is the truth."""
        path = self.path / "faults.jsonl"
        schema = () if path.exists() else (json.dumps({"schema": FAULTS_SCHEMA}),)
        line = json.dumps({"fault": plain(fact)}, default=plain)
        with open_append(path) as file:
            file.write("\n".join((*schema, line, "")).encode())
            file.flush()
            os.fsync(file.fileno())

    def write_status(self, status: RunStatus) -> None:
        """Replace the status of the run."""
        replace_file(self.path / STATUS_FILE, _STATUS.dump_json(status, indent=1).decode())

    def write_checksums(self) -> None:
        """Note in the status what every file with evidence is like: the run is over."""
        status = self.read_status([])
        self.write_status(replace(status, seals=checksums_of(self.path)))

    def write_journal(self, rows: Iterable[JournalRow]) -> None:
        """Write this run's rows of the journal, without the paths of this machine."""
        lines = [json.dumps({"schema": JOURNAL_SCHEMA})]
        told = (replace(row, run_dir="", module=None) for row in rows)
        lines += [json.dumps({"journal": plain(row)}) for row in told]
        replace_file(self.path / JOURNAL_FILE, "\n".join(lines) + "\n")

    def write_accounts(self, accounts: dict[int, str]) -> None:
        """Write which account each borrower of the plan was given."""
        replace_file(self.path / ACCOUNTS_FILE, json.dumps({"run_id": self.run_id, **accounts}))

    def write_ledger(self, reading: LedgerReading) -> None:
        """Write the ledger reading: a header with all but the entries, then one loan a line."""
        header = _READING.dump_python(replace(reading, entries=()), mode="json")
        lines = [json.dumps({"schema": LEDGER_SCHEMA, "reading": header})]
        lines += [json.dumps({"loan": plain(entry)}) for entry in reading.entries]
        replace_file(self.path / LEDGER_FILE, "\n".join(lines) + "\n")

    def write_result(self, name: str, body: str | bytes) -> Path:
        """Write one result file (verdict.json, report.html) whole and return its path."""
        replace_file(self.path / name, body)
        return self.path / name

    def health_writer(self, address: HealthAddress) -> RowWriter:
        """For what the target says of its own health."""
        return RowWriter(self.path / HEALTH_FILE, HEALTH_SCHEMA, address=plain(address))

    # --- reading -----------------------------------------------------------------------------

    def read_faults(self, damage: list[str]) -> dict[str, FaultFact]:
        """What is known of each fault, by its name: its last line."""
        rows = read_rows(self.path / "faults.jsonl", FAULTS_SCHEMA, ("fault",), damage)
        return {fact.name: fact for _, fact in rows}

    def read_status(self, damage: list[str]) -> RunStatus:
        """The status; an interrupted one of an unknown target where it cannot be read."""
        try:
            return _status(read_regular(self.path / STATUS_FILE))
        except (OSError, ValueError) as error:
            damage.append(f"{STATUS_FILE} is not readable: {reason_of(error)}")
            return UNKNOWN

    def read_spanned_status(self, plan: Plan, damage: list[str]) -> tuple[RunStatus, Span | None]:
        """The status, and when anything of the run can have happened."""
        status = self.read_status(damage)
        try:
            return status, span_of(plan, status)
        except ValueError as error:
            damage.append(f"{STATUS_FILE} is not readable: {reason_of(error)}")
            return UNKNOWN, None

    def read_ledger(self, damage: list[str]) -> LedgerReading:
        """The ledger reading; an unread one where the file is missing or damaged."""
        path = self.path / LEDGER_FILE
        if not path.exists():
            return UNREAD
        try:
            reading = _READING.validate_python(json_of(next(lines_of(path), b""))["reading"])
        except (OSError, ValueError, KeyError, TypeError) as error:
            damage.append(f"ledger.jsonl has no readable header: {reason_of(error)}")
            return UNREAD
        before = len(damage)
        rows = read_rows(path, LEDGER_SCHEMA, ("loan",), damage)
        entries = tuple(fact for _, fact in rows)
        complete = reading.complete and len(damage) == before
        return replace(reading, entries=entries, complete=complete)

    def read_journal(self, damage: list[str]) -> tuple[JournalRow, ...]:
        """This run's rows of the journal."""
        rows = read_rows(self.path / JOURNAL_FILE, JOURNAL_SCHEMA, ("journal",), damage)
        return tuple(row for _, row in rows)

    def read_accounts(self, plan: Plan, damage: list[str]) -> dict[int, str]:
        """The account of each borrower; none of a file of another run, or of other borrowers."""
        try:
            body = json_of(read_regular(self.path / ACCOUNTS_FILE))
            of_run = body.pop("run_id", plan.run_id)
            if of_run != plan.run_id:
                damage.append(f"{ACCOUNTS_FILE} is of another run, {of_run}: it is left out")
                return {}
            accounts = {int(borrower): str(account) for borrower, account in body.items()}
        except FileNotFoundError:
            return {}
        except (OSError, ValueError, AttributeError, TypeError) as error:
            damage.append(f"{ACCOUNTS_FILE} is not readable: {reason_of(error)}")
            return {}
        if accounts.keys() != {borrower.index for borrower in plan.borrowers}:
            damage.append(f"{ACCOUNTS_FILE} has other borrowers than the plan: it is left out")
            return {}
        return accounts

    def read_unchanged_ledger(self, damage: list[str], broken: dict[str, str]) -> LedgerReading:
        """As `read_ledger`; an unread one if it was changed, as that could accuse the target."""
        if LEDGER_FILE in broken:
            return replace(UNREAD, error=broken[LEDGER_FILE])
        return self.read_ledger(damage)

    def read_health(
        self, damage: list[str], span: Span | None
    ) -> tuple[HealthAddress | None, tuple[HealthPoll, ...]]:
        """What the target said of its own health, and at which address."""
        path = self.path / HEALTH_FILE
        polls = tuple(poll for _, poll in read_rows(path, HEALTH_SCHEMA, ("poll",), damage, span))
        try:
            header = json_of(next(lines_of(path), b""))
            return _ADDRESS.validate_python(header["address"]), polls
        except FileNotFoundError:
            pass
        except (OSError, ValueError, KeyError, TypeError) as error:
            damage.append(f"{HEALTH_FILE} has no readable header: {reason_of(error)}")
        return None, ()


def _status(body: bytes) -> RunStatus:
    """The status; in older ones a harness error is its text alone."""
    read = json_of(body)
    if isinstance(read, dict) and isinstance(read.get("troubles"), list):
        told = read["troubles"]
        read["troubles"] = [{"text": one} if isinstance(one, str) else one for one in told]
    return _STATUS.validate_python(read)
