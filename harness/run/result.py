"""How a run, or a series of runs, ended: what `run_scenario`, `run_series` and `chaos_run` return.

Tests assert on it. A figure that was not measured raises `NotMeasuredError` and says why: no
assertion passes on what no one knows.
"""

from dataclasses import dataclass, field
from datetime import timedelta
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any, Self

from harness.core.errors import HarnessError, NotMeasuredError, UsageError
from harness.core.files import real
from harness.core.foreign_text import clean, clean_lines, last_words
from harness.history.run_directory import RunDirectory
from harness.run import run_figures
from harness.verdict.catalogue import FINDINGS
from harness.verdict.series import Series
from harness.verdict.stored_verdict import EndedRun, read_verdict
from harness.verdict.types import Finding, Judgement, Severity, Verdict

if TYPE_CHECKING:
    import pandas as pd

    from harness.history.events import Clock
    from harness.history.reader import Facts
    from harness.plan.plan import Plan

_HEAVIEST_FIRST = (Severity.FAIL, Severity.INCONCLUSIVE, Severity.NOTE)


@dataclass(frozen=True, repr=False)  # without slots: what was read is kept
class RunResult:
    """How one run, or one series, ended; ``last`` is the last thing that a run said.

    ``series`` is None for a single run. What a run came to is in its verdict: `verdict` is None
    where it came to none, and then everything that is read from it raises `NotMeasuredError`.
    """

    exit_code: int
    last: dict[str, Any] = field(default_factory=dict)
    series: Series | None = None

    @classmethod
    def read(cls, path: str | Path) -> Self:
        """A stored run, for example ``runs/latest``.

        Raises:
            UsageError: there is no verdict that can be read.
            HarnessError: it passed, and its record is damaged since.
        """
        folder = real(Path(path))
        verdict = read_verdict(RunDirectory(folder))
        said = {"verdict": str(verdict.verdict), "sentence": verdict.sentence}
        return cls(verdict.exit_code, {**said, "report": str(folder / "report.html")})

    def __repr__(self) -> str:
        """What pytest shows of it where an assertion fails."""
        said = clean(str(self.last.get("sentence") or self.last.get("error") or ""))
        verdict = str(self.last.get("verdict") or "no verdict")
        where = str(self.last.get("report") or self.last.get("run_dir") or "")
        known = filter(None, (verdict, f"exit code {self.exit_code}", said, where))
        return f"<{type(self).__name__}: {'; '.join(known)}>"

    # --- where it lies -----------------------------------------------------------------------

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

    @property
    def report(self) -> Path:
        """The page of the run, ``report.html``; its folder is the run directory."""
        return self._directory().path / "report.html"

    # --- what it came to ---------------------------------------------------------------------

    @property
    def verdict(self) -> Judgement | None:
        """``pass``, ``fail`` or ``inconclusive``; None when it ended without a verdict, or that is
        not there any more. It compares equal to its text: ``run.verdict == "pass"``.
        """
        if self.series is not None:
            return self.series.verdict
        return None if self._stored is None else self._stored.verdict

    @property
    def passed(self) -> bool:
        """Whether everything held, with evidence, and the process agreed."""
        return self.verdict is Judgement.PASS and self.exit_code == 0

    @property
    def details(self) -> Verdict:
        """The whole of ``verdict.json``, typed; None in it means that it was not measured."""
        if self._stored is None:
            raise NotMeasuredError(self._without_verdict())
        return self._stored

    @property
    def sentence(self) -> str:
        """What the report says first."""
        return self.details.sentence

    @property
    def reasons(self) -> list[str]:
        """Every finding that counts, in the order of the verdict."""
        found = [f for f in self.details.findings if f.verdict is not Severity.NOTE]
        return [clean(f"{f.code}: {f.message}") for f in found]

    def finding(self, code: str) -> Finding | None:
        """The finding with this code, or None; of several the first of those that weigh most.

        Raises:
            UsageError: no finding is called so; `lendchaos explain` lists the codes.
        """
        found = [one for one in self.details.findings if one.code == code]
        if not found and code not in FINDINGS:
            from harness.core.yaml_models import choices  # noqa: PLC0415  # brings pydantic

            raise UsageError(f"no finding is called {code!r}{choices(str(code), FINDINGS)}")
        return min(found, key=lambda one: _HEAVIEST_FIRST.index(one.verdict), default=None)

    @cached_property
    def _stored(self) -> Verdict | None:
        try:
            return None if self.path is None else read_verdict(RunDirectory(self.path))
        except (HarnessError, UsageError):
            return None

    def _without_verdict(self) -> str:
        if self.series is not None:
            return "a series of runs has no figures of its own: ask its runs"
        error = self.last.get("error")
        why = f": {clean_lines(str(error))}" if error else ""
        return f"the run ended without a verdict (exit code {self.exit_code}){why}"

    def why(self, written: str) -> str:
        """Why it has no verdict: the error that it told, else the last line of all it wrote."""
        error = self.last.get("error")
        return last_words(written) if error is None else clean_lines(str(error))

    @property
    def ended(self) -> EndedRun:
        """The run, for those who judge and show it."""
        why = str(self.last.get("error", "")) if self._stored is None else ""
        return EndedRun(self.path, self.exit_code, self._stored, why)

    # --- figures -----------------------------------------------------------------------------

    @property
    def failed_share(self) -> float:
        """Share (0 to 1) of borrow requests that failed, from the first injection to the end of
        the load; without a fault, after the baseline.
        """
        return run_figures.failed_share(self.details)

    @property
    def recovery_seconds(self) -> float:
        """Seconds from the last heal to borrowing as before; of several faults the one that
        decides. 0.0 where borrowing was never impaired, or was as before when the heal was
        confirmed.
        """
        return run_figures.recovery_seconds(self.details)

    @property
    def lost(self) -> int:
        """Loans that were acknowledged to borrowers and that the ledger lacks."""
        return run_figures.loans(self.details, "lost")

    @property
    def duplicated(self) -> int:
        """Requests for which money was lent more than once."""
        return run_figures.loans(self.details, "duplicated")

    @property
    def phantom(self) -> int:
        """Requests that were refused or never sent, and for which money was lent or reserved."""
        return run_figures.loans(self.details, "phantom")

    @property
    def corrupt(self) -> int:
        """Loans that were booked with other data than requested or confirmed."""
        return run_figures.loans(self.details, "corrupt")

    @property
    def principal_at_risk(self) -> int:
        """Principal of all loans that are wrong in the ledger, in minor units of the currency."""
        return run_figures.loans(self.details, "principal_at_risk_fen")

    @property
    def unknown(self) -> int:
        """Borrow requests after the warm-up whose outcome the borrower never learned."""
        return run_figures.unknown(self.details)

    @property
    def lost_service_seconds(self) -> float:
        """Seconds: failed borrow requests (as in `failed_share`) over planned arrivals a second."""
        return run_figures.lost_service_seconds(self.details)

    @cached_property
    def latency_ms_p99(self) -> float:
        """99th percentile of the wait for an answer to a borrow request, in milliseconds from its
        planned start, outside the faults and their time to recover, as `latency_ms_p99_max` has it.
        """
        run_figures.require_whole(self.details, "latency_ms_p99")
        plan, facts, _ = self._history()
        return run_figures.latency_ms_p99(plan, facts)

    # --- history -----------------------------------------------------------------------------

    def events(self) -> "pd.DataFrame":
        """One row for each HTTP try of each step, by planned start: what servers felt.

        Columns: ``arrival``, ``step`` (log_in, credit_line, borrow), ``attempt``, ``intended_s``,
        ``started_s``, ``ended_s``, ``wait_s`` (from the planned start), ``outcome``, ``status`` (of
        HTTP), ``code`` (of the problem), ``error`` (of the transport), ``decline``, ``sent``,
        ``replayed``, ``key``, ``amount_fen``, ``loan_id``, ``worker``.

        Raises:
            HarnessError: the run is damaged, or its load never started.
        """
        from harness.run import run_frames  # noqa: PLC0415  # brings pandas

        _, facts, clock = self._history()
        return run_frames.events(facts, clock)

    def operations(self) -> "pd.DataFrame":
        """One row for each planned arrival, whatever became of it: what borrowers felt.

        Columns: ``arrival``, ``borrower``, ``account_class``, ``intended_s``, ``started_s``,
        ``ended_s``, ``wait_s`` (NaN without an end), ``outcome``, ``failed``, ``ending``
        (finished, unfinished, dropped: never sent, so no failure of the target), ``attempts``,
        ``blocked_by``, ``code``, ``decline``, ``key``, ``amount_fen``, ``loan_id``, ``worker``.

        Raises:
            HarnessError: as `events`.
        """
        from harness.run import run_frames  # noqa: PLC0415  # as above

        _, facts, clock = self._history()
        return run_frames.operations(facts, clock)

    def windows(self, length: str | float | timedelta) -> "pd.DataFrame":
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
        from harness.run import run_frames  # noqa: PLC0415  # as above

        return run_frames.windows(*self._history(), length)

    @property
    def plan(self) -> "Plan":
        """What was planned: arrivals, faults, limits."""
        return self._directory().read_plan()

    def _directory(self) -> RunDirectory:
        if self.path is None:
            raise NotMeasuredError(self._without_verdict())
        return RunDirectory(self.path)

    def _history(self) -> "tuple[Plan, Facts, Clock]":
        """Everything written down, whole: figures made of less would be wrong."""
        from harness.history.reader import read_facts  # noqa: PLC0415  # brings numpy

        directory = self._directory()
        plan = directory.read_plan()
        facts = read_facts(directory, plan)
        if facts.damage:
            raise HarnessError(f"the record of {directory.path.name} is damaged: {facts.damage[0]}")
        if facts.status.clock is None:
            name = directory.path.name
            raise HarnessError(f"the load of {name} never started: there is no history")
        return plan, facts, facts.status.clock


def assert_passed(run: RunResult) -> None:
    """Fail a test with the report's sentence and all reasons, unless the run passed.

    A run that decides nothing is no pass.
    """
    __tracebackhide__ = True
    if run.passed:
        return
    found = run.details
    lines = [f"{found.verdict.upper()}: {clean(run.sentence)}", *run.reasons]
    if run.exit_code != found.exit_code:
        lines.append(f"its process ended with exit code {run.exit_code}")
    raise AssertionError("\n  ".join([*lines, f"report: {run.report}"]))
