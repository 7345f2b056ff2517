"""Stored runs in which one number, or anything else, is absurd; and all of them tried in a row.

    python -m tests.absurd [SEED [HOW MANY]]

tries to judge, report and compare them, and prints those on which that raises what is no error for
the user, finds a check of ours broken, or takes long.
"""

import copy
import json
import random
import shutil
import signal
import sys
import tempfile
import traceback
from collections.abc import Iterator
from contextlib import suppress
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from harness.core.errors import HarnessError, UsageError
from harness.history.events import Proof, SafetyStop, Stall
from harness.history.fault_facts import ForeignChange, LockHolder
from harness.history.journal_row import JournalRow
from harness.history.reader import read_facts
from harness.history.run_directory import RunDirectory
from harness.history.run_facts import ErrorRecord
from harness.report import html, terminal_text
from harness.report.archive import read_run
from harness.report.compare.comparison import compare
from harness.report.write_report import figures
from harness.verdict.judge import judge
from harness.verdict.stored_verdict import read_verdict
from tests.builders import CUT, at_ns, during, facts, operations, plan_of
from tests.stored import store

SECONDS_MAX = 30
VALUES: tuple[Any, ...] = (
    *(-1, 0, 1, 5, 60, 1.5, 1e-9, -0.5, 10**9, 10**15, -(10**15), 3 * 10**15, 2**53, 2**62),
    *(9 * 10**18, 10**40, 1e300, float("nan"), float("inf"), float("-inf")),
    *(True, None, "", "x", "y" * 100_000, "\x1b[31m\n::error", "../../x", [], {}, [[]], {"a": 1}),
)
"""What is put in the place of everything in a run; more digits than Python takes are `LONG`."""
LONG = "9" * 5000
_LONG_MARK = 123_454_321


@dataclass(frozen=True)
class Case:
    """One thing that is changed: in a file, in one line of it or in all of a ``kind``."""

    name: str
    path: tuple[str | int, ...]
    value: Any
    line: int | None = None
    kind: str = ""

    def __str__(self) -> str:
        """For people."""
        which = "" if self.line is None else f" line {self.line}" if not self.kind else " all"
        place = ".".join(str(part) for part in self.path)
        return f"{self.name}{which} {self.kind} {place} = {str(self.value)[:20]!r}"


def pristine(root: Path) -> Path:
    """A small run in which there is something of everything, stored under ``root``."""
    lengths = {"warm_up_s": 1.0, "baseline_s": 4.0, "fault_s": 2.0, "recovery_s": 5.0}
    plan = plan_of(CUT, rate=4, log_in_share=0.5, population="mixed", **lengths)
    known = facts(plan, operations(plan, during(4, 6.3)))
    holder = LockHolder(7, "psql", "active", "2026-01-01T00:00:00Z")
    status = replace(
        known.status,
        troubles=(ErrorRecord("Toxiproxy ended", at_ns(1.0), at_ns(1.5)),),
        foreign=(ForeignChange("a toxic of somebody", at_ns(2.0), at_ns(2.5)),),
        stalls=(Stall("load-0", at_ns(7.0), at_ns(7.4)),),
        audit=(Proof("audit", holds=True, text="nothing is left"),),
        safety_stop=SafetyStop("failed_budget", "too many", at_ns(10.0), 100.0, 10.0),
    )
    faults = tuple(replace(fault, held_up_by=(holder,)) for fault in known.faults)
    run = store(root, plan, replace(known, status=status, faults=faults))
    run.write_journal(
        JournalRow(event, at_ns(4.0), 10**18, "boot", fault=faults[0].name, healed_ns=at_ns(6.0))
        for event in ("intent", "healed")
    )
    run.write_status(status)  # without seals: nothing of it is told by them
    return run.path


def _places(body: Any, at: tuple[str | int, ...] = ()) -> Iterator[tuple[str | int, ...]]:
    yield at
    inner = body.items() if isinstance(body, dict) else ()
    inner = enumerate(body[:2]) if isinstance(body, list) else inner
    for key, value in inner:
        yield from _places(value, (*at, key))


def cases(run: Path) -> list[Case]:
    """Every place of every file with every absurd value."""
    found = []
    for file in sorted(run.iterdir()):
        if file.suffix == ".json":
            found += [
                (file.name, place, None, "") for place in _places(json.loads(file.read_bytes()))
            ]
        elif file.suffix == ".jsonl":
            seen = set()
            for number, line in enumerate(file.read_text().splitlines()):
                body = json.loads(line)
                kind = next(iter(body))
                if kind not in seen:
                    found += [(file.name, p, number, k) for p in _places(body) for k in ("", kind)]
                seen.add(kind)
    values = (*VALUES, _LONG_MARK)
    return [Case(n, place, v, line, kind) for n, place, line, kind in found for v in values]


def spoil(run: Path, case: Case) -> None:
    """Change a run so."""
    file = run / case.name
    if case.line is None:
        text = _changed(file.read_text(), case)
    else:
        lines = file.read_text().splitlines()
        for number, line in enumerate(lines):
            if number == case.line or (case.kind and next(iter(json.loads(line))) == case.kind):
                lines[number] = _changed(line, case)
        text = "\n".join(lines) + "\n"
    file.write_text(text.replace(str(_LONG_MARK), LONG))


def _changed(text: str, case: Case) -> str:
    body = {"": copy.deepcopy(json.loads(text))}
    inner: Any = body
    for key in ("", *case.path)[:-1]:
        inner = inner[key] if isinstance(inner, dict) or key < len(inner) else {}
    inner[("", *case.path)[-1]] = case.value
    return json.dumps(body[""])


def use(run: Path) -> None:
    """Judge, report and compare a run; what is told to the user is no error.

    Raises:
        AssertionError: a check of ours broke.
    """
    directory = RunDirectory(run)
    with suppress(HarnessError, UsageError):
        plan = directory.read_plan()
        known = read_facts(directory, plan)
        verdict = judge(plan, known)
        broken = [f.message for f in verdict.findings if f.code == "internal_check_error"]
        assert not broken, broken
        figures(verdict)
        html.render(plan, known, verdict)
        terminal_text.render(verdict, "report.html", width=80, color=False)
        stored = read_verdict(directory)
        html.render(plan, known, stored)
        terminal_text.render(stored, "report.html", width=80, color=False)
    with suppress(HarnessError, UsageError):
        compare([read_run(run)])


def failures(seed: int, count: int) -> Iterator[str]:
    """Try so many of them, each in a copy, and tell what went wrong."""
    with tempfile.TemporaryDirectory() as folder:
        source, copied = pristine(Path(folder) / "source"), Path(folder) / "run"
        every = cases(source)
        chosen = random.Random(seed).sample(every, min(count, len(every)))  # reproducible
        for case in chosen:
            shutil.rmtree(copied, ignore_errors=True)
            shutil.copytree(source, copied)
            spoil(copied, case)
            signal.alarm(SECONDS_MAX)
            try:
                use(copied)
            except Exception as error:  # noqa: BLE001  # that is what is looked for
                place = traceback.extract_tb(error.__traceback__)[-1]
                yield f"{case}: {type(error).__name__}: {error} ({place.filename}:{place.lineno})"
            finally:
                signal.alarm(0)


def _too_long(*_: object) -> None:
    raise TimeoutError


if __name__ == "__main__":
    signal.signal(signal.SIGALRM, _too_long)
    words = [int(word) for word in sys.argv[1:]]
    wrong = 0
    for line in failures(*(words + [1, 10**9][len(words) :])):
        sys.stdout.write(f"{line}\n")
        sys.stdout.flush()
        wrong += 1
    sys.stdout.write(f"{wrong} wrong\n")
