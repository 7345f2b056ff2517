"""Scenarios that are run once for all who ask what came of them, on one stack of a session.

What the pytest plugin is made of, without pytest: what a scenario will be judged by is known before
it runs, its run (or series) happens when the first question is asked, and its runs are a suite like
those of the command line (`harness.report.suite`).
"""

import os
import tempfile
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from pathlib import Path

from harness.core.errors import HarnessError, UsageError
from harness.core.exit_codes import ExitCode
from harness.core.forwarding import is_interrupted
from harness.plan.run_options import RUN_OPTIONS
from harness.report import words
from harness.report.suite import (
    CheckKind,
    GateCase,
    GateRun,
    GateSuite,
    cases_of,
    cut_message,
    names_of,
)
from harness.run.given_options import given
from harness.run.locust_process import (
    Show,
    Tell,
    asks_only,
    dry_run,
    run_scenario,
    run_series,
    shared_stack,
)
from harness.run.option_words import without
from harness.run.preview import read_preview
from harness.run.result import RunResult
from harness.run.scenario_path import file_of, name_of, names_target
from harness.stack import Stack, load_state
from harness.verdict.types import Judgement, Severity

LAST_BYTES = 8_192
"""Of what a run wrote, where it ended without a verdict."""
SET_ELSEWHERE = {each.word: each.pytest for each in RUN_OPTIONS if each.pytest}
"""Options of Locust, and the option of the pytest plugin by which each is given instead."""

Property = tuple[str, str | float]


@dataclass(frozen=True, slots=True)
class GateOrder:
    """A scenario that is to be judged, and by what."""

    path: Path
    runs: int
    objectives: tuple[str, ...]

    @property
    def names(self) -> list[str]:
        """Of everything that must hold."""
        return names_of(self.objectives)

    def suite(self, runs: Collection[GateRun], stopped: str = "", statement: str = "") -> GateSuite:
        """Its runs; a page is named as people of the current folder can use it."""
        return GateSuite(
            name=name_of(self.path),
            file=str(file_of(self.path)),
            asked=self.runs,
            runs=tuple(runs),
            stopped=stopped,
            statement=statement,
            names=tuple(self.names),
            shown=os.path.relpath,
        )


# --- before anything runs ------------------------------------------------------------------------


def require_runnable(options: Collection[str]) -> None:
    """Raise a UsageError if an option is to be given to pytest instead, or runs nothing."""
    for option in options:
        name = option.partition("=")[0]
        if name in SET_ELSEWHERE:
            raise UsageError(
                f"{name} is no option of the run: give {SET_ELSEWHERE[name]} to pytest"
            )
        if asks_only([name]):
            raise UsageError(f"with {name} nothing would be run: leave it out")


def ask(path: Path, options: list[str], runs: int) -> GateOrder:
    """What a scenario will be judged by, told by a dry run, with its errors: Locust must not be
    imported here.
    """
    try:
        said = dry_run(path, ["--json", *options], later=True)
    except UsageError as error:
        raise UsageError(f"{path} cannot be run: {words.clean(str(error))}") from error
    return GateOrder(path, runs, tuple(read_preview(said, path).objectives))


# --- running -------------------------------------------------------------------------------------


@dataclass(slots=True)
class RunCache:
    """Where the runs of one session happen. ``options`` are Locust's, for each of them."""

    options: list[str]
    state_dir: Path
    runs_dir: Path
    tell: Tell
    show: Show
    _open: ExitStack = field(default_factory=ExitStack)
    _shared: bool = False
    _suites: dict[Path, GateSuite] = field(default_factory=dict)
    _ended_by: str = ""

    def _all(self, more: Collection[str] = (), instead_of: Collection[str] = ()) -> list[str]:
        places = ["--state-dir", str(self.state_dir), "--runs-dir", str(self.runs_dir)]
        return [*without(self.options, instead_of), *more, *places]

    def stack(self) -> Stack:
        """The local stack of this session: the one that is up, else started now and ended by
        `close`. UsageError if the runs go to another target, HarnessError if it does not come up.
        """
        known = given(self.options)
        if host := known.host or known.target:
            raise UsageError(f"there is no local stack: the target is {host}")
        self._share()
        stack = load_state(self.state_dir.absolute())
        if stack is None:
            raise HarnessError(f"the stack in {self.state_dir} is gone: someone took it down")
        return stack

    def _share(self) -> None:
        if not self._shared:
            self._open.enter_context(shared_stack(self._all(), self.tell))
            self._shared = True

    def close(self) -> None:
        """Take down what was started here."""
        self._open.close()
        self._shared = False

    def run(
        self, path: Path, more: Collection[str] = (), instead_of: Collection[str] = ()
    ) -> RunResult:
        """One run, whatever came of it, with ``more`` options ``instead_of`` these of the session.

        Raises:
            KeyboardInterrupt: it was interrupted, and so is everything.
            UsageError, HarnessError: it could not be started.
        """
        require_runnable(more)
        return self._run(path, self._all(more, instead_of))

    def _run(self, path: Path, options: list[str]) -> RunResult:
        """How it ended; where it came to no verdict, with its last words as the error."""
        if self._ended_by:
            raise HarnessError(self._ended_by)
        known = given(options)  # of this run: it may go elsewhere than the others
        if not (known.host or known.target or names_target(path)):
            self._share()
        with tempfile.TemporaryFile() as output:
            end = run_scenario(path, options, self.show, self.tell, output=output.fileno())
            output.seek(max(0, output.seek(0, os.SEEK_END) - LAST_BYTES))
            said = words.clean(end.why(output.read().decode("utf-8", errors="replace")))
        if end.exit_code == ExitCode.INTERRUPTED or is_interrupted():
            raise KeyboardInterrupt
        if end.exit_code == ExitCode.SAFETY_STOP:
            self._ended_by = f"nothing more is run: {name_of(path)} was stopped for safety"
        return end if end.verdict else replace(end, last={"error": said, **end.last})

    def suite(self, asked: GateOrder) -> GateSuite:
        """What came of a scenario; it is run when first asked for, or interrupted as all is."""
        if asked.path not in self._suites:
            self._suites[asked.path] = self._made(asked)
        return self._suites[asked.path]

    @property
    def ran(self) -> set[Path]:
        """The scenarios that were run for their items."""
        return set(self._suites)

    def not_passed(self) -> list[str]:
        """One line for each scenario that was run for its items and did not pass."""
        said = ((suite.name, not_passed(suite)) for suite in self._suites.values())
        return [f"{name} did not pass: {text}" for name, text in said if text]

    def _made(self, asked: GateOrder) -> GateSuite:
        runs: list[GateRun] = []
        stopped = statement = ""

        def run_one(path: Path, options: list[str]) -> RunResult:
            end = self._run(path, options)
            runs.append(GateRun.of(end.ended, len(runs) + 1))
            return end

        try:
            if asked.runs == 1:
                self.tell(f"{name_of(asked.path)}: one run")
                run_one(asked.path, self._all())
            else:
                end = run_series(asked.path, self._all(), asked.runs, run_one, self.tell)
                if end.series is not None:
                    stopped, statement = end.series.stopped or "", end.series.statement
        except (HarnessError, UsageError) as error:
            stopped = str(error)
        return asked.suite(runs, stopped, statement)


# --- what came of it -----------------------------------------------------------------------------


def not_passed(suite: GateSuite, but: Collection[str] = (), known: str = "") -> str:
    """Every check that failed or is open in one line, without those named ``but``; else "".

    What ``known`` says is not said again, nor anything twice. Pure.
    """
    found: dict[str, list[str]] = {}
    for case in cases_of(suite):
        if case.name not in but and case.verdict in _WORD and case.message != known:
            said = f"{_WORD[case.verdict]}: {cut_message(case.message)}"
            found.setdefault(said, []).append(case.name)
    return "; ".join(f"{', '.join(names)} {said}" for said, names in found.items())


_WORD = {Judgement.FAIL: "failed", Judgement.INCONCLUSIVE: "not decided"}


def figures(suite: GateSuite, case: GateCase) -> list[Property]:
    """What programs read of one check: its figures, and the run that decides. Pure."""
    made = case.figures
    for number, check in case.checks:
        run = suite.runs[number - 1]
        if check is case.decides and run.path is not None and run.verdict is not None:
            made["run"], made["seed"] = run.path.name, run.verdict.seed
    if suite.asked > 1:
        seen = {number: check.observed for number, check in case.checks}
        values = [seen.get(run.number) for run in suite.runs]
        made["runs"] = f"{len(suite.runs)} of {suite.asked}"
        made["observed_by_run"] = ", ".join("?" if v is None else f"{v:g}" for v in values)
    found = [(key, value) for key, value in made.items() if value not in (None, "")]
    return [*found, *(_notes(suite) if case.kind is CheckKind.OTHER else ())]


def _notes(suite: GateSuite) -> list[Property]:
    """What was seen and tolerated, by its code, with the run where there are several."""
    found: dict[str, list[str]] = {}
    for run in suite.runs:
        for note in run.verdict.findings if run.verdict is not None else ():
            if note.verdict is Severity.NOTE:
                number = f"run {run.number}: " if suite.asked > 1 else ""
                text = number + words.clean(note.message)
                found.setdefault(f"note.{words.clean(note.code)}", []).append(text)
    return [(name, cut_message("; ".join(dict.fromkeys(texts)))) for name, texts in found.items()]
