"""Everything that was written down about one run, read from its directory.

An events file is parsed once; a `RunReader` parses it again only where it has changed since.
"""

from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import numpy as np

from harness.history.columns import Attempts, Operations
from harness.history.completion import complete_operations, lent_unwritten
from harness.history.events import FaultFact, HealthAddress, HealthPoll, RunStatus
from harness.history.journal_row import JournalRow
from harness.history.ledger_facts import LedgerReading
from harness.history.manifest import checksum_mismatches, missing_checksums
from harness.history.run_directory import ACCOUNTS_FILE, ARRIVALS_FILE, RunDirectory
from harness.history.stored_files import arrivals_in, read_events
from harness.plan.plan import Plan


@dataclass(frozen=True, slots=True)
class Facts:
    """Everything that was written down about one run, as far as it could be read."""

    status: RunStatus
    operations: Operations
    """One for each planned arrival, in order of arrival."""
    attempts: Attempts
    """By the planned start of their arrival, and by their own start."""
    faults: tuple[FaultFact, ...]
    ledger: LedgerReading
    account_ids: frozenset[str]
    """Accounts of this run's own borrowers; nothing else in the ledger is ours to judge."""
    damage: tuple[str, ...] = ()
    """What could not be read of the run directory."""
    account_of: dict[int, str] = field(default_factory=dict)
    """The account of each borrower of the plan, by index, as far as it is known."""
    health: tuple[HealthPoll, ...] = ()
    """In the order in which they ended; overlapping ones may have begun in another."""
    health_address: HealthAddress | None = None
    """What was asked; None when the health was not polled."""
    journal: tuple[JournalRow, ...] = ()
    """What was announced and healed, by any process, in the order in which it was written down."""


@dataclass(frozen=True, slots=True)
class RunReader:
    """Reads one run, any number of times: what has not changed since is not parsed again."""

    run: RunDirectory
    _parsed: dict[Path, Any] = field(default_factory=dict, init=False, repr=False, compare=False)

    def facts(self, plan: Plan) -> Facts:
        """Everything, folded so that each planned arrival has one operation."""
        run, damage = self.run, list[str]()
        found: dict[str, list[Any]] = defaultdict(list)
        # `read_plan` has them; here their damage is reported.
        arrivals = run.path / ARRIVALS_FILE
        self._once(arrivals, plan, damage, lambda told: arrivals_in(arrivals, plan, told))
        status, span = run.read_spanned_status(plan, damage)
        broken = checksum_mismatches(run.path, status.seals)
        for path in sorted(run.path.glob("events-*.jsonl")):
            if status.seals and path.name not in status.seals:
                continue  # it is not of this run, as `broken` says

            def parse(told: list[str], path: Path = path) -> list[tuple[str, Any]]:
                return read_events(path, plan, span, told)

            for kind, fact in self._once(path, (plan, span), damage, parse):
                found[kind].append(fact)
        attempts, operations = found["attempt"], {o.arrival: o for o in found["operation"]}
        sent: dict[int, list[Any]] = defaultdict(list)
        for borrow in found["sent"]:
            sent[borrow.arrival].append(borrow)
        faults, announced = run.read_faults(damage), run.read_journal(damage)
        # Of a changed file none: loans would seem to go to others.
        unknown = ACCOUNTS_FILE in broken and run.is_whole
        account_of = {} if unknown else run.read_accounts(plan, damage)
        address, polls = run.read_health(damage, span)
        ledger = run.read_unchanged_ledger(damage, broken)
        damage += (*broken.values(), *missing_checksums(status))
        if not status.seals:
            damage += lent_unwritten(plan, operations, attempts, sent, ledger.lent)
        completed = complete_operations(
            plan, status, operations, attempts, sent, damaged=bool(damage)
        )
        tried = Attempts.of(attempts)
        return Facts(
            status=status,
            operations=Operations.of(completed),
            attempts=tried.take(np.lexsort((tried.started_ns, tried.intended_ns))),
            faults=tuple(faults.values()),
            ledger=ledger,
            account_ids=frozenset(account_of.values()),
            damage=tuple(damage),
            account_of=account_of,
            health=polls,
            health_address=address,
            journal=announced,
        )

    def _once(
        self, path: Path, given: Any, damage: list[str], parse: Callable[[list[str]], Any]
    ) -> Any:
        """What ``parse`` makes of a file and what was ``given``, with the damage that it tells."""
        state = (_state(path), given)
        known = self._parsed.get(path)
        if known is None or known[0] != state:
            told: list[str] = []
            known = self._parsed[path] = (state, parse(told), told)
        damage += known[2]
        return known[1]


def read_facts(run: RunDirectory, plan: Plan) -> Facts:
    """Everything that was written down about one run."""
    return RunReader(run).facts(plan)


def _state(path: Path) -> tuple[int, int] | None:
    """What changes when something is appended to a file, or it is written anew."""
    try:
        known = path.stat()
    except OSError:
        return None
    return known.st_size, known.st_mtime_ns
