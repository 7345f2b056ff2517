"""How a run, or a series of runs, ended: what `run_scenario` and `run_series` return."""

from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any

from harness.core.errors import HarnessError, UsageError
from harness.core.foreign_text import clean_lines, last_words
from harness.history.run_directory import RunDirectory
from harness.verdict.series import Series
from harness.verdict.stored_verdict import EndedRun, read_verdict
from harness.verdict.types import Verdict


@dataclass(frozen=True)  # without slots: what was read is kept
class RunResult:
    """How one run, or one series, ended; ``last`` is the last thing that a run said.

    ``series`` is None for a single run.
    """

    exit_code: int
    last: dict[str, Any] = field(default_factory=dict)
    series: Series | None = None

    @property
    def path(self) -> Path | None:
        """The run directory; None when it ended without a verdict, and for a series."""
        report = self.last.get("report") if self.series is None else None
        return Path(report).parent if report and self.last.get("verdict") else None

    @property
    def kept_in(self) -> Path | None:
        """Where a run lies that came so far as to have a folder, with a verdict or without."""
        run_dir = self.last.get("run_dir")
        return self.path or (Path(run_dir) if run_dir else None)

    @cached_property
    def verdict(self) -> Verdict | None:
        """The verdict of a run; None when it ended without one, or it is not as it was."""
        try:
            return None if self.path is None else read_verdict(RunDirectory(self.path))
        except (HarnessError, UsageError):
            return None

    def why(self, written: str) -> str:
        """Why it has no verdict: the error that it told, else the last line of all it wrote."""
        error = self.last.get("error")
        return last_words(written) if error is None else clean_lines(str(error))

    @property
    def ended(self) -> EndedRun:
        """The run, for those who judge and show it."""
        why = str(self.last.get("error", "")) if self.verdict is None else ""
        return EndedRun(self.path, self.exit_code, self.verdict, why)
