"""The run directory: plan, arrivals, events, faults, ledger, verdict.

Append-only while the run lasts and readable whatever cut it short. Line-delimited JSON throughout;
the first line of every such file names its schema. Secrets (passwords, tokens) are never written
here.

    plan.json        intent, without the arrivals
    arrivals.jsonl   every planned arrival
    events-*.jsonl   one file for each load process
    accounts.json    borrower index -> account id
    faults.jsonl     what was injected, healed, proven
    status.json      how the run as a whole went
    ledger.jsonl     the ledger as read
    verdict.json, report.html
"""

import contextlib
import dataclasses
import json
import os
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any, TextIO

from pydantic import TypeAdapter, ValidationError

from harness import verdict as verdict_types
from harness.errors import UsageError
from harness.events import (
    Attempt,
    Ending,
    Facts,
    FaultFact,
    LedgerEntry,
    LedgerReading,
    Operation,
    Outcome,
    RunStatus,
    Sent,
    Step,
    settle,
)
from harness.plan import Arrival, Plan
from harness.verdict import Verdict

EVENTS_SCHEMA = "lendchaos.events/1"
ARRIVALS_SCHEMA = "lendchaos.arrivals/1"
FAULTS_SCHEMA = "lendchaos.faults/1"
LEDGER_SCHEMA = "lendchaos.ledger/1"

_PLAN: TypeAdapter[Plan] = TypeAdapter(Plan)
_STATUS: TypeAdapter[RunStatus] = TypeAdapter(RunStatus)
_READING: TypeAdapter[LedgerReading] = TypeAdapter(LedgerReading)
_ROWS: dict[str, TypeAdapter[Any]] = {
    "arrival": TypeAdapter(Arrival),
    "sent": TypeAdapter(Sent),
    "attempt": TypeAdapter(Attempt),
    "operation": TypeAdapter(Operation),
    "fault": TypeAdapter(FaultFact),
    "loan": TypeAdapter(LedgerEntry),
}
UNREAD = LedgerReading(read=False, complete=False, source="none", error="the run ended before it")


def _plain(fact: Any) -> dict[str, Any]:
    """A flat dataclass as a dictionary; `dataclasses.asdict` copies deeply, which costs too
    much.
    """
    return {name: getattr(fact, name) for name in fact.__dataclass_fields__}


def _replace_file(path: Path, text: str) -> None:
    """Write whole or not at all: a reader never sees half a file."""
    temporary = path.with_suffix(path.suffix + ".part")
    temporary.write_text(text, encoding="utf-8")
    temporary.replace(path)


class RowWriter:
    """Appends rows to one file; `flush` gives them to the kernel, where they survive our death."""

    def __init__(self, path: Path, schema: str, **header: str) -> None:
        self._file: TextIO = path.open("a", encoding="utf-8")
        self._file.write(json.dumps({"schema": schema, **header}) + "\n")
        self._file.flush()

    def write(self, kind: str, fact: Any) -> None:
        """Append one fact as ``{kind: {...}}``."""
        self._file.write(json.dumps({kind: _plain(fact)}, default=_plain) + "\n")

    def flush(self) -> None:
        """Hand what was written to the kernel."""
        self._file.flush()

    def close(self) -> None:
        """Flush and close; any number of times."""
        self._file.close()


class EventWriter(RowWriter):
    """The history of one load process."""

    def __init__(self, run: "RunDirectory", worker: str) -> None:
        safe = "".join(c if c.isalnum() or c in "-_" else "_" for c in worker)
        super().__init__(run.path / f"events-{safe}.jsonl", EVENTS_SCHEMA, worker=worker)

    def sent(self, fact: Sent) -> None:
        """Write down a borrow and flush, before it leaves."""
        self.write("sent", fact)
        self.flush()

    def attempt(self, fact: Attempt) -> None:
        """Write down one finished attempt."""
        self.write("attempt", fact)

    def operation(self, fact: Operation) -> None:
        """Write down one finished operation."""
        self.write("operation", fact)


@dataclasses.dataclass(frozen=True, slots=True)
class RunDirectory:
    """One directory under ``runs/``."""

    path: Path

    @classmethod
    def create(cls, root: Path, plan: Plan) -> "RunDirectory":
        """Make the directory, write the whole plan down, and point ``latest`` at it."""
        path = root / f"{plan.scenario}-{plan.run_id}"
        path.mkdir(parents=True)
        run = cls(path.resolve())
        run._write_plan(plan)
        with contextlib.suppress(OSError):  # a convenience: not worth failing a run for
            link = root / f".latest-{plan.run_id}"
            link.symlink_to(path.name)
            link.replace(root / "latest")
        return run

    def _write_plan(self, plan: Plan) -> None:
        body = _PLAN.dump_python(dataclasses.replace(plan, arrivals=()), mode="json")
        _replace_file(self.path / "plan.json", json.dumps(body, indent=1))
        writer = RowWriter(self.path / "arrivals.jsonl", ARRIVALS_SCHEMA)
        for arrival in plan.arrivals:
            writer.write("arrival", arrival)
        writer.close()

    def rewrite_plan(self, plan: Plan) -> None:
        """Replace the plan before the load begins, when the target does not offer all of it."""
        (self.path / "arrivals.jsonl").unlink()
        self._write_plan(plan)

    def read_plan(self) -> Plan:
        """The plan, arrivals included.

        Raises:
            UsageError: no readable plan is here, so this is not a run directory.
        """
        try:
            plan = _PLAN.validate_json((self.path / "plan.json").read_bytes())
        except (OSError, ValidationError) as error:
            raise UsageError(f"{self.path} is not a run directory: {_first_line(error)}") from error
        damage: list[str] = []
        arrivals = tuple(fact for _, fact in self._rows("arrivals.jsonl", damage))
        return dataclasses.replace(plan, arrivals=arrivals)

    def append_fault(self, fact: FaultFact) -> None:
        """Append what is known of a fault now; the last line of a fault is the truth."""
        path = self.path / "faults.jsonl"
        schema = () if path.exists() else (json.dumps({"schema": FAULTS_SCHEMA}),)
        line = json.dumps({"fault": _plain(fact)}, default=_plain)
        with path.open("a", encoding="utf-8") as file:
            file.write("\n".join((*schema, line)) + "\n")
            file.flush()
            os.fsync(file.fileno())

    def write_status(self, status: RunStatus) -> None:
        """Replace the status of the run."""
        _replace_file(self.path / "status.json", _STATUS.dump_json(status, indent=1).decode())

    def write_accounts(self, accounts: dict[int, str]) -> None:
        """Write which account each borrower of the plan was given."""
        _replace_file(self.path / "accounts.json", json.dumps(accounts))

    def write_ledger(self, reading: LedgerReading) -> None:
        """Write the ledger reading: a header with all but the entries, then one loan a line."""
        header = _READING.dump_python(dataclasses.replace(reading, entries=()), mode="json")
        lines = [json.dumps({"schema": LEDGER_SCHEMA, "reading": header})]
        lines += [json.dumps({"loan": _plain(entry)}) for entry in reading.entries]
        _replace_file(self.path / "ledger.jsonl", "\n".join(lines) + "\n")

    def read_verdict(self) -> Verdict:
        """The stored verdict.

        Raises:
            UsageError: there is none that can be read; judging the run makes one.
        """
        try:
            return verdict_types.from_json((self.path / "verdict.json").read_bytes())
        except (OSError, ValueError, KeyError) as error:
            raise UsageError(
                f"{self.path} has no readable verdict.json ({_first_line(error)}):"
                " `lendchaos judge` makes one"
            ) from error

    def write_text(self, name: str, text: str) -> Path:
        """Write one result file (verdict.json, report.html) whole and return its path."""
        _replace_file(self.path / name, text)
        return self.path / name

    # --- reading -----------------------------------------------------------------------------

    def _rows(self, name: str, damage: list[str]) -> Iterator[tuple[str, Any]]:
        """Facts of one file in order; a line that cannot be read is noted, not fatal."""
        path = self.path / name
        if not path.exists():
            return
        with path.open("rb") as file:
            for number, line in enumerate(file, start=1):
                try:
                    row = json.loads(line)
                    if "schema" in row:
                        continue
                    ((kind, body),) = row.items()
                    yield kind, _ROWS[kind].validate_python(body)
                except (ValueError, KeyError, AttributeError) as error:
                    damage.append(f"{name}, line {number} is not readable: {_first_line(error)}")

    def read_facts(self, plan: Plan) -> Facts:
        """Everything that was written down, folded so that each planned arrival has one
        operation.
        """
        damage: list[str] = []
        sent: dict[int, list[Sent]] = {}
        attempts: list[Attempt] = []
        operations: dict[int, Operation] = {}
        for path in sorted(self.path.glob("events-*.jsonl")):
            for kind, fact in self._rows(path.name, damage):
                if kind == "sent":
                    sent.setdefault(fact.arrival, []).append(fact)
                elif kind == "attempt":
                    attempts.append(fact)
                elif kind == "operation":
                    operations[fact.arrival] = fact
        status = self.read_status(damage)
        faults = {fact.name: fact for _, fact in self._rows("faults.jsonl", damage)}
        account_of = self._read_accounts(damage)
        return Facts(
            status=status,
            operations=tuple(complete_operations(plan, status, operations, attempts, sent)),
            attempts=tuple(sorted(attempts, key=lambda a: (a.intended_ns, a.started_ns))),
            faults=tuple(faults.values()),
            ledger=self.read_ledger(damage),
            account_ids=frozenset(account_of.values()),
            damage=tuple(damage),
            account_of=account_of,
        )

    def read_status(self, damage: list[str]) -> RunStatus:
        """The status; an interrupted one of an unknown target where it cannot be read."""
        try:
            return _STATUS.validate_json((self.path / "status.json").read_bytes())
        except (OSError, ValidationError) as error:
            damage.append(f"status.json is not readable: {_first_line(error)}")
            return RunStatus(target="unknown", interrupted=True)

    def read_ledger(self, damage: list[str]) -> LedgerReading:
        """The ledger reading; an unread one where the file is missing or damaged."""
        path = self.path / "ledger.jsonl"
        if not path.exists():
            return UNREAD
        try:
            with path.open(encoding="utf-8") as file:
                reading = _READING.validate_python(json.loads(file.readline())["reading"])
        except (ValueError, KeyError) as error:
            damage.append(f"ledger.jsonl has no readable header: {_first_line(error)}")
            return UNREAD
        before = len(damage)
        entries = tuple(fact for _, fact in self._rows("ledger.jsonl", damage))
        complete = reading.complete and len(damage) == before
        return dataclasses.replace(reading, entries=entries, complete=complete)

    def _read_accounts(self, damage: list[str]) -> dict[int, str]:
        path = self.path / "accounts.json"
        if not path.exists():
            return {}
        try:
            return {int(b): str(a) for b, a in json.loads(path.read_bytes()).items()}
        except (ValueError, AttributeError) as error:
            damage.append(f"accounts.json is not readable: {_first_line(error)}")
            return {}


def complete_operations(
    plan: Plan,
    status: RunStatus,
    operations: dict[int, Operation],
    attempts: Iterable[Attempt],
    sent: dict[int, list[Sent]],
) -> Iterator[Operation]:
    """One operation for each arrival planned before the load ended, in order of arrival.

    A load process that died leaves arrivals without their last line. What it had sent may have been
    applied; what it had begun failed the borrower; what it never began is dropped.
    """
    by_arrival: dict[int, list[Attempt]] = {}
    for attempt in attempts:
        by_arrival.setdefault(attempt.arrival, []).append(attempt)
    clock = status.clock
    for arrival in plan.arrivals:
        found = operations.get(arrival.index)
        if found is not None:
            yield found
            continue
        if clock is None:
            continue  # the load never began: nothing was due
        intended_ns = clock.zero_ns + round(arrival.at_s * 1e9)
        begun = arrival.index in sent or arrival.index in by_arrival
        late = status.load_ended_ns is not None and intended_ns > status.load_ended_ns
        if late and not begun:
            continue  # withdrawn: the load was ended before it was due
        tried = by_arrival.get(arrival.index, [])
        yield _unended(plan, arrival, intended_ns, tried, sent.get(arrival.index, []))


def _unended(
    plan: Plan, arrival: Arrival, intended_ns: int, tried: list[Attempt], sent: list[Sent]
) -> Operation:
    borrows = [a for a in tried if a.step is Step.BORROW]
    unanswered = len(sent) > len(borrows)
    last = settle(borrows)
    blocked_by = None if sent or borrows or not tried else _blocking_step(arrival, tried)
    started = bool(tried or sent)
    outcome = Outcome.FAILED
    if last is not None and not unanswered:
        outcome = last.outcome
    elif sent:
        outcome = Outcome.INDETERMINATE
    decided = last if last is not None and outcome is last.outcome else None
    account_class = plan.borrowers[arrival.borrower].account_class
    granted = outcome in (Outcome.APPROVED, Outcome.REFERRED)
    return Operation(
        arrival=arrival.index,
        borrower=arrival.borrower,
        account_class=str(account_class),
        key=arrival.key,
        amount_fen=arrival.amount_fen,
        intended_ns=intended_ns,
        outcome=outcome,
        ending=Ending.UNFINISHED if started else Ending.DROPPED,
        started_ns=min((a.started_ns for a in tried), default=sent[0].at_ns if sent else None),
        attempts=max(len(sent), len(borrows)),
        blocked_by=blocked_by,
        decline=decided.decline if decided else None,
        false_declined=bool(decided and decided.false_declined),
        wrongly_approved=granted and account_class.expected_decline is not None,
        code=decided.code if decided else None,
        loan_id=decided.loan_id if decided else None,
        worker=(tried[0].worker if tried else sent[0].worker if sent else None),
    )


def _blocking_step(arrival: Arrival, tried: list[Attempt]) -> Step | None:
    """The step that failed or was under way; None when the borrow itself was next."""
    last = max(tried, key=lambda attempt: attempt.started_ns)
    if last.outcome is not Outcome.OK:
        return last.step
    if last.step is Step.LOG_IN and arrival.reads_credit_line:
        return Step.CREDIT_LINE
    return None


def _first_line(error: Exception) -> str:
    text = str(error).strip().splitlines()
    return text[0] if text else type(error).__name__
