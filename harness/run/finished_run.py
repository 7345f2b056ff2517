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
from harness.history.events import Clock, Ending, Facts, Outcome
from harness.history.run_directory import RunDirectory
from harness.plan.plan import Plan
from harness.report import words
from harness.run.result import RunResult
from harness.verdict.stored_verdict import EndedRun, read_verdict
from harness.verdict.types import Judgement, Verdict, Weight

REPORT_FILE = "report.html"
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
        rows = [
            {
                "arrival": a.arrival,
                "step": str(a.step),
                "attempt": a.attempt,
                "intended_s": clock.seconds(a.intended_ns),
                "started_s": clock.seconds(a.started_ns),
                "ended_s": clock.seconds(a.ended_ns),
                "wait_s": (a.ended_ns - a.intended_ns) / 1e9,
                "outcome": str(a.outcome),
                "status": a.status,
                "code": a.code,
                "error": a.error,
                "decline": _text(a.decline),
                "sent": a.sent,
                "replayed": a.replayed,
                "key": a.key,
                "amount_fen": a.amount_fen,
                "loan_id": a.loan_id,
                "worker": a.worker,
            }
            for a in facts.attempts
        ]
        return _frame(rows)

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
        rows = [
            {
                "arrival": o.arrival,
                "borrower": o.borrower,
                "account_class": o.account_class,
                "intended_s": clock.seconds(o.intended_ns),
                "started_s": None if o.started_ns is None else clock.seconds(o.started_ns),
                "ended_s": None if o.ended_ns is None else clock.seconds(o.ended_ns),
                "wait_s": None if o.ended_ns is None else (o.ended_ns - o.intended_ns) / 1e9,
                "outcome": str(o.outcome),
                "failed": o.failed and o.ending is not Ending.DROPPED,
                "ending": str(o.ending),
                "attempts": o.attempts,
                "blocked_by": _text(o.blocked_by),
                "code": o.code,
                "decline": _text(o.decline),
                "key": o.key,
                "amount_fen": o.amount_fen,
                "loan_id": o.loan_id,
                "worker": o.worker,
            }
            for o in sorted(facts.operations, key=lambda o: o.intended_ns)
        ]
        return _frame(rows)

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
        place = np.array(
            [(o.intended_ns - clock.zero_ns) // step_ns for o in facts.operations], dtype=np.int64
        )
        first = int(place.min(initial=-_windows(-plan.phases[0].start_s, step_s)))
        count = int((place + 1).max(initial=max(1, _windows(end_s, step_s)))) - first
        if count > WINDOWS_MAX:
            raise UsageError(
                f"windows of {length} would be {count:,} of them: at most {WINDOWS_MAX:,}"
            )
        gone = np.array([o.ending is Ending.DROPPED for o in facts.operations], dtype=bool)
        bad = np.array([o.failed for o in facts.operations], dtype=bool) & ~gone
        unknown = np.array([o.outcome is Outcome.INDETERMINATE for o in facts.operations], bool)
        picked = {"arrivals": gone | ~gone, "dropped": gone, "failed": bad}
        picked["indeterminate"] = unknown & ~gone
        columns = {
            name: np.bincount(place[which] - first, minlength=count).astype(np.int64)
            for name, which in picked.items()
        }
        return pd.DataFrame({"start_s": np.arange(first, first + count) * step_s, **columns})

    def _facts(self) -> tuple[Plan, Facts, Clock]:
        """Everything written down, whole.

        Raises:
            HarnessError: something of it is missing, so that figures made of it would be wrong.
        """
        directory = RunDirectory(self.path)
        plan = directory.read_plan()
        facts = directory.read_facts(plan)
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
    raise AssertionError("\n  ".join([*lines, f"report: {run.path / REPORT_FILE}"]))


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


def _frame(rows: list[dict[str, Any]]) -> pd.DataFrame:
    """Rows as a frame whose columns have the same types whatever is in them."""
    frame = pd.DataFrame(rows)
    return frame.astype({column: _TYPE_OF[column] for column in frame.columns})


def _text(word: object) -> str | None:
    return None if word is None else str(word)


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
