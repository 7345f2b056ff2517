"""A run that is over, for people who write tests of their own: its verdict and its history.

Frames are made from what is written down, anew at each call: call once and keep what you get.
Instants are seconds after zero, the planned start of the first arrival after the warm-up (warm-up:
negative); durations are seconds, money is fen.
"""

from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from harness.core import durations
from harness.core.errors import HarnessError, UsageError
from harness.core.files import real
from harness.history.columns import NONE, Attempts, Operations, Words, seconds
from harness.history.events import Clock, Outcome
from harness.history.reader import Facts, read_facts
from harness.history.run_directory import RunDirectory
from harness.plan.plan import Plan
from harness.report import words
from harness.run.result import RunResult
from harness.verdict.stored_verdict import EndedRun, read_verdict
from harness.verdict.types import Judgement, Verdict, Weight

WINDOWS_MAX = 1_000_000
"""More would be a mistake in the unit."""


@dataclass(frozen=True, slots=True)
class FinishedRun(EndedRun):
    """One run directory with a verdict. ``exit_code`` is what its process ended with."""

    path: Path
    verdict: Verdict

    @classmethod
    def of(cls, ended: RunResult) -> "FinishedRun":
        """The run that has just ended.

        Raises:
            HarnessError: it ended without a verdict.
        """
        if ended.verdict is None or ended.path is None:
            raise HarnessError(f"the run ended without a verdict (exit code {ended.exit_code})")
        return cls(real(ended.path), ended.exit_code, ended.verdict)

    @classmethod
    def read(cls, path: str | Path) -> "FinishedRun":
        """A stored run, for example ``runs/latest``.

        Raises:
            UsageError: there is no verdict that can be read.
            HarnessError: it passed, and its record is damaged since.
        """
        verdict = read_verdict(RunDirectory(Path(path)))
        return cls(real(Path(path)), verdict.exit_code, verdict)

    @property
    def passed(self) -> bool:
        """Whether everything held, with evidence, and the process agreed."""
        return self.verdict.verdict is Judgement.PASS and self.exit_code == 0

    @property
    def sentence(self) -> str:
        """What the report says first."""
        return self.verdict.sentence

    @property
    def reasons(self) -> list[str]:
        """Every finding that counts, in the order of the verdict."""
        found = [f for f in self.verdict.findings if f.verdict is not Weight.NOTE]
        return [words.clean(f"{f.code}: {f.message}") for f in found]

    def events(self) -> pd.DataFrame:
        """One row for each HTTP try of each step, by planned start: what servers felt.

        Columns: ``arrival``, ``step`` (log_in, credit_line, borrow), ``attempt``, ``intended_s``,
        ``started_s``, ``ended_s``, ``wait_s`` (from the planned start), ``outcome``, ``status`` (of
        HTTP), ``code`` (of the problem), ``error`` (of the transport), ``decline``, ``sent``,
        ``replayed``, ``key``, ``amount_fen``, ``loan_id``, ``worker``.

        Raises:
            HarnessError: the run is damaged, or its load never started.
        """
        _, facts, clock = self._facts()
        return _frame(facts.attempts, _ATTEMPT_COLUMNS, clock)

    def operations(self) -> pd.DataFrame:
        """One row for each planned arrival, whatever became of it: what borrowers felt.

        Columns: ``arrival``, ``borrower``, ``account_class``, ``intended_s``, ``started_s``,
        ``ended_s``, ``wait_s`` (NaN without an end), ``outcome``, ``failed``, ``ending``
        (finished, unfinished, dropped: never sent, so no failure of the target), ``attempts``,
        ``blocked_by``, ``code``, ``decline``, ``key``, ``amount_fen``, ``loan_id``, ``worker``.

        Raises:
            HarnessError: as `events`.
        """
        _, facts, clock = self._facts()
        order = np.argsort(facts.operations.intended_ns, kind="stable")
        return _frame(facts.operations.take(order), _OPERATION_COLUMNS, clock)

    def windows(self, length: str | float | timedelta) -> pd.DataFrame:
        """Borrow operations by planned start, in windows of ``length``.

        It is a text like "100ms", "1s" or "1m", a number of seconds, or a `timedelta`.

        One row for each window from the begin of the warm-up to the end of the load (further, where
        something was planned there), empty ones too; zero is always an edge. Columns: ``start_s``,
        ``arrivals`` (planned), ``dropped`` (of them, never sent), ``failed`` and, part of them,
        ``indeterminate`` (of those sent).

        Raises:
            UsageError: this is no length of a window.
            HarnessError: as `events`.
        """
        step_s = _window_s(length)
        plan, facts, clock = self._facts()
        ended_ns = facts.status.load_ended_ns
        end_s = plan.load_end_s if ended_ns is None else clock.seconds(ended_ns)
        # By the nanosecond: a float at an edge could fall on its wrong side.
        step_ns = round(step_s * 1e9)
        due = facts.operations
        place = (due.intended_ns - clock.zero_ns) // step_ns
        first = int(place.min(initial=-_windows(-plan.phases[0].start_s, step_s)))
        count = int((place + 1).max(initial=max(1, _windows(end_s, step_s)))) - first
        if count > WINDOWS_MAX:
            raise UsageError(
                f"windows of {length} would be {count:,} of them: at most {WINDOWS_MAX:,}"
            )
        gone, unknown = due.dropped, due.outcome.are(Outcome.INDETERMINATE)
        picked = {"arrivals": gone | ~gone, "dropped": gone, "failed": due.failed & ~gone}
        picked["indeterminate"] = unknown & ~gone
        columns = {
            name: np.bincount(place[which] - first, minlength=count).astype(np.int64)
            for name, which in picked.items()
        }
        return pd.DataFrame({"start_s": np.arange(first, first + count) * step_s, **columns})

    def _facts(self) -> tuple[Plan, Facts, Clock]:
        """Everything written down, whole: figures made of less would be wrong."""
        directory = RunDirectory(self.path)
        plan = directory.read_plan()
        facts = read_facts(directory, plan)
        if facts.damage:
            raise HarnessError(f"the record of {self.path.name} is damaged: {facts.damage[0]}")
        if facts.status.clock is None:
            raise HarnessError(f"the load of {self.path.name} never started: there is no history")
        return plan, facts, facts.status.clock


def assert_passed(run: FinishedRun) -> None:
    """Fail a test with the report's sentence and all reasons, unless the run passed.

    A run that decides nothing is no pass.
    """
    __tracebackhide__ = True
    if run.passed:
        return
    lines = [f"{words.VERDICT[run.verdict.verdict]}: {words.clean(run.sentence)}", *run.reasons]
    if run.exit_code != run.verdict.exit_code:
        lines.append(f"its process ended with exit code {run.exit_code}")
    raise AssertionError("\n  ".join([*lines, f"report: {run.path / 'report.html'}"]))


# --- frames --------------------------------------------------------------------------------------

_TYPES = {
    "int64": ("arrival", "attempt", "attempts", "borrower"),
    "Int64": ("status", "amount_fen"),
    "float64": ("intended_s", "started_s", "ended_s", "wait_s"),
    "bool": ("sent", "replayed", "failed"),
    "category": (
        *("step", "outcome", "error", "decline", "account_class", "ending", "blocked_by"),
    ),
    "string": ("code", "key", "loan_id", "worker"),
}
"""Of every column that a frame may have; ``Int64`` where there may be none."""
_TYPE_OF = {column: dtype for dtype, columns in _TYPES.items() for column in columns}
_ATTEMPT_COLUMNS = (
    *("arrival", "step", "attempt", "intended_s", "started_s", "ended_s", "wait_s", "outcome"),
    *("status", "code", "error", "decline", "sent", "replayed", "key", "amount_fen", "loan_id"),
    "worker",
)
_OPERATION_COLUMNS = (
    *("arrival", "borrower", "account_class", "intended_s", "started_s", "ended_s", "wait_s"),
    *("outcome", "failed", "ending", "attempts", "blocked_by", "code", "decline", "key"),
    *("amount_fen", "loan_id", "worker"),
)


def _frame(known: Operations | Attempts, names: tuple[str, ...], clock: Clock) -> pd.DataFrame:
    """These columns as a frame, in which they have the same types whatever is in them."""
    frame = pd.DataFrame({name: _values(known, name, clock) for name in names})
    return frame.astype({name: _TYPE_OF[name] for name in names})


def _values(known: Operations | Attempts, name: str, clock: Clock) -> Any:
    if name == "wait_s":
        took_s = (known.ended_ns - known.intended_ns) / 1e9
        return np.where(known.ended_ns == NONE, np.nan, took_s)
    if name.endswith("_s"):
        return seconds(getattr(known, name.replace("_s", "_ns")), clock.zero_ns)
    column = getattr(known, name)
    if isinstance(known, Operations) and name == "failed":
        return column & ~known.dropped
    if isinstance(column, Words):
        words = [None if word is None else str(word) for word in column.table]
        return Words(column.codes, tuple(words)).texts
    if _TYPE_OF[name] == "Int64":
        return pd.arrays.IntegerArray(column, column == NONE)
    return column


def _window_s(length: str | float | timedelta) -> float:
    try:
        found = durations.seconds(length)
    except ValueError as error:
        raise UsageError(f"a window's length: {length!r} {error}") from error
    if found <= 0:
        raise UsageError(f"a window's length: {length!r} must be more than nothing, like 100ms, 1s")
    return found


def _windows(span_s: float, step_s: float) -> int:
    """How many windows it takes to cover a span; a rounding error needs none."""
    return int(np.ceil(round(span_s / step_s, 6)))
