"""Scenarios that are run once for all who ask what came of them, on one stack of a session.

What the pytest plugin is made of, without pytest: what a scenario will be judged by is known before
it runs, its run (or series) happens when the first question is asked, and each check is judged
over all its runs.
"""

import json
import os
import tempfile
from collections.abc import Collection
from contextlib import ExitStack
from dataclasses import dataclass, field
from pathlib import Path

from harness.core.errors import HarnessError, UsageError
from harness.core.exit_codes import ExitCode
from harness.core.foreign_text import clean_lines
from harness.core.forwarding import is_interrupted
from harness.core.said import last_words
from harness.plan.options import RUN_OPTIONS
from harness.report import words
from harness.report.run_checks import CheckKind, GateCheck, checks_of, cut_message, names_of
from harness.run.given import given
from harness.run.runner import (
    RunResult,
    Show,
    Tell,
    asks_only,
    dry_run,
    run_scenario,
    run_series,
    shared_stack,
)
from harness.stack import Stack, load_state
from harness.verdict.types import Judgement, Verdict, Weight

PREVIEW_SCHEMA = "lendchaos.preview/1"
LAST_BYTES = 8_192
"""Of what a run wrote, where it ended without a verdict."""
SET_ELSEWHERE = {each.word: each.pytest for each in RUN_OPTIONS if each.pytest}
"""Options of Locust that have one of ours, by which they are given instead."""

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


@dataclass(frozen=True, slots=True)
class JudgedRun:
    """One run of a scenario. ``verdict`` is None where it has none, or none to go by: ``why``."""

    number: int
    directory: Path | None
    verdict: Verdict | None
    why: str = ""


@dataclass(frozen=True, slots=True)
class GateOutcome:
    """All runs of a scenario; ``missing`` says why some of those asked were not made."""

    asked: GateOrder
    runs: tuple[JudgedRun, ...]
    missing: str = ""


@dataclass(frozen=True, slots=True)
class GateResult:
    """One check over all runs: a line for people, figures for programs, where to read more.

    ``meaning`` is what must hold, in words.
    """

    verdict: Judgement
    message: str
    meaning: str
    properties: tuple[Property, ...] = ()
    reports: tuple[Path, ...] = ()


# --- before anything runs ------------------------------------------------------------------------


def require_runnable(options: Collection[str]) -> None:
    """Options of Locust's that can be given for a run.

    Raises:
        UsageError: one of them is set by an option of ours, or with it nothing would be run.
    """
    for option in options:
        name = option.partition("=")[0]
        if name in SET_ELSEWHERE:
            raise UsageError(
                f"{name} is no option of the run: give {SET_ELSEWHERE[name]} to pytest"
            )
        if asks_only([name]):
            raise UsageError(f"with {name} nothing would be run: leave it out")


def ask(path: Path, options: list[str], runs: int) -> GateOrder:
    """What a scenario will be judged by, told by a dry run: Locust must not be imported here.

    Raises:
        UsageError, HarnessError: as `dry_run`.
    """
    try:
        said = dry_run(path, ["--json", *options], later=True)
    except UsageError as error:
        raise UsageError(f"{path} cannot be run: {words.clean(str(error))}") from error
    return GateOrder(path, runs, tuple(_preview(said, path)["objectives"]))


def _preview(text: str, path: Path) -> dict[str, dict[str, object]]:
    """The JSON of a dry run; a scenario file may have written something of its own before it."""
    begin = text.find(f'{{\n  "schema": "{PREVIEW_SCHEMA}"')
    if begin < 0:
        raise UsageError(f"{path} has no scenario: it needs a class that is a harness.Borrower")
    body: dict[str, dict[str, object]] = json.JSONDecoder().raw_decode(text[begin:])[0]
    return body


# --- running -------------------------------------------------------------------------------------


@dataclass(slots=True)
class Bench:
    """Where the runs of one session happen. ``options`` are Locust's, for each of them."""

    options: list[str]
    state_dir: Path
    runs_dir: Path
    tell: Tell
    show: Show
    _open: ExitStack = field(default_factory=ExitStack)
    _shared: bool = False
    _outcomes: dict[Path, GateOutcome] = field(default_factory=dict)
    _ended_by: str = ""

    def _all(self, more: Collection[str] = ()) -> list[str]:
        places = ["--state-dir", str(self.state_dir), "--runs-dir", str(self.runs_dir)]
        return [*self.options, *more, *places]

    def stack(self) -> Stack:
        """The local stack of this session: the one that is up, else started now and ended by
        `close`.

        Raises:
            UsageError: the runs go to another target.
            HarnessError: it did not come up.
        """
        if host := given(self.options).host:
            raise UsageError(f"there is no local stack: the target is {host}")
        self._share()
        stack = load_state(self.state_dir.absolute())
        if stack is None:
            raise HarnessError(f"the stack in {self.state_dir} is gone: somebody took it down")
        return stack

    def _share(self) -> None:
        if not self._shared:
            self._open.enter_context(shared_stack(self._all(), self.tell))
            self._shared = True

    def close(self) -> None:
        """Take down what was started here."""
        self._open.close()
        self._shared = False

    def run(self, path: Path, more: Collection[str] = ()) -> RunResult:
        """One run, whatever came of it; ``more`` options win over those of the session.

        Raises:
            KeyboardInterrupt: it was interrupted, and so is everything.
            UsageError, HarnessError: it could not be started.
        """
        require_runnable(more)
        return self._run(path, self._all(more))[0]

    def _run(self, path: Path, options: list[str]) -> tuple[RunResult, str]:
        """How it ended, and its last words."""
        if self._ended_by:
            raise HarnessError(self._ended_by)
        self._share()
        with tempfile.TemporaryFile() as output:
            end = run_scenario(path, options, self.show, self.tell, output=output.fileno())
            output.seek(max(0, output.seek(0, os.SEEK_END) - LAST_BYTES))
            said = words.clean(last_words(output.read().decode("utf-8", errors="replace")))
        if end.exit_code == ExitCode.INTERRUPTED or is_interrupted():
            raise KeyboardInterrupt
        if end.exit_code == ExitCode.SAFETY_STOP:
            self._ended_by = f"nothing more is run: {path.stem} was stopped for safety"
        return end, said

    def outcome(self, asked: GateOrder) -> GateOutcome:
        """What came of a scenario; it is run when this is asked for the first time.

        Raises:
            KeyboardInterrupt: it was interrupted, and so is everything.
        """
        if asked.path not in self._outcomes:
            self._outcomes[asked.path] = self._made(asked)
        return self._outcomes[asked.path]

    def not_passed(self) -> list[str]:
        """One line for each scenario that was run for its items and did not pass."""
        said = {path: not_passed(outcome) for path, outcome in self._outcomes.items()}
        return [f"{path.stem} did not pass: {text}" for path, text in said.items() if text]

    def _made(self, asked: GateOrder) -> GateOutcome:
        runs: list[JudgedRun] = []

        def run_one(path: Path, options: list[str]) -> RunResult:
            end, said = self._run(path, options)
            runs.append(_judged(len(runs) + 1, end, said))
            return end

        try:
            if asked.runs == 1:
                self.tell(f"{asked.path.stem}: one run")
                run_one(asked.path, self._all())
                return GateOutcome(asked, tuple(runs))
            end, _ = run_series(asked.path, self._all(), asked.runs, run_one, self.tell)
        except (HarnessError, UsageError) as error:
            return GateOutcome(asked, tuple(runs), str(error))
        stopped = end.series.stopped if end.series is not None else None
        return GateOutcome(asked, tuple(runs), stopped or "")


def _judged(number: int, end: RunResult, said: str) -> JudgedRun:
    try:
        verdict = end.read_verdict()
    except UsageError as error:
        return JudgedRun(number, end.directory, None, str(error))
    if verdict is None:
        why = f"it ended without a verdict (exit code {end.exit_code}): {said}"
        return JudgedRun(number, None, None, why)
    if verdict.exit_code != end.exit_code:
        why = f"its verdict says {verdict.verdict}, but it ended with exit code {end.exit_code}"
        return JudgedRun(number, end.directory, None, why)
    return JudgedRun(number, end.directory, verdict)


# --- what came of it -----------------------------------------------------------------------------


def result_of(outcome: GateOutcome, name: str) -> GateResult:
    """One check over all runs of a scenario. Pure.

    Failed if it failed in any run; passed only if it passed in each of those that were asked for.
    """
    asked = outcome.asked
    seen = [(run, _check(run, asked, name)) for run in outcome.runs]
    verdicts = {check.verdict for _, check in seen}
    short = len(seen) < asked.runs
    if Judgement.FAIL in verdicts:
        verdict = Judgement.FAIL
    else:
        open_ = short or not seen or Judgement.INCONCLUSIVE in verdicts
        verdict = Judgement.INCONCLUSIVE if open_ else Judgement.PASS
    said = [_line(run, check, asked) for run, check in seen if check.verdict is verdict]
    if short and verdict is not Judgement.FAIL:
        said.append(_missing(outcome))
    reports = tuple(run.directory / "report.html" for run, _ in seen if run.directory is not None)
    meaning = GateCheck(name, CheckKind.EVIDENCE, verdict, "").meaning
    properties = _properties(outcome, seen, verdict, name)
    return GateResult(
        verdict, cut_message(clean_lines("; ".join(said))), meaning, properties, reports
    )


def not_passed(outcome: GateOutcome, but: Collection[str] = (), known: str = "") -> str:
    """Every check that failed or is open in one line, without those named ``but``; else "".

    What ``known`` says is not said again, nor anything twice. Pure.
    """
    found: dict[str, list[str]] = {}
    for name in outcome.asked.names:
        result = result_of(outcome, name)
        if name not in but and result.verdict is not Judgement.PASS and result.message != known:
            found.setdefault(f"{_WORD[result.verdict]}: {result.message}", []).append(name)
    return "; ".join(f"{', '.join(names)} {said}" for said, names in found.items())


_WORD = {Judgement.FAIL: "failed", Judgement.INCONCLUSIVE: "not decided"}


def _check(run: JudgedRun, asked: GateOrder, name: str) -> GateCheck:
    """What one run says of it."""
    if run.verdict is None:
        return GateCheck(name, CheckKind.EVIDENCE, Judgement.INCONCLUSIVE, run.why)
    found = {check.name: check for check in checks_of(run.verdict)}
    if list(found) != asked.names:
        judged_by = ", ".join(r.id for r in run.verdict.objectives) or "no objective"
        text = f"the scenario changed after it was collected: its run was judged by {judged_by}"
        return GateCheck(name, CheckKind.EVIDENCE, Judgement.INCONCLUSIVE, text)
    return found[name]


def _line(run: JudgedRun, check: GateCheck, asked: GateOrder) -> str:
    return (
        check.message if asked.runs == 1 else f"run {run.number} of {asked.runs}: {check.message}"
    )


def _missing(outcome: GateOutcome) -> str:
    made, asked = len(outcome.runs), outcome.asked.runs
    why = outcome.missing or "nobody knows why"
    return why if asked == 1 else f"only {made} of {asked} runs were made: {why}"


def _properties(
    outcome: GateOutcome, seen: list[tuple[JudgedRun, GateCheck]], verdict: Judgement, name: str
) -> tuple[Property, ...]:
    """The figures of the run that decides (the first that is as bad as all together)."""
    made: dict[str, str | float | None] = {"verdict": str(verdict)}
    deciding = next(((run, check) for run, check in seen if check.verdict is verdict), None)
    if deciding is not None:
        run, check = deciding
        made |= {n: getattr(check, n) for n in ("observed", "low", "high", "limit", "source")}
        made["run"] = run.directory.name if run.directory is not None else None
        made["seed"] = run.verdict.seed if run.verdict is not None else None
    if outcome.asked.runs > 1:
        made["runs"] = f"{len(outcome.runs)} of {outcome.asked.runs}"
        values = [check.observed for _, check in seen]
        made["observed_by_run"] = ", ".join("?" if v is None else f"{v:g}" for v in values)
    found = [(key, value) for key, value in made.items() if value not in (None, "")]
    if name == CheckKind.OTHER:
        found += _notes(outcome)
    return tuple(found)


def _notes(outcome: GateOutcome) -> list[Property]:
    """What was seen and tolerated, by its code, with the run where there are several."""
    several = outcome.asked.runs > 1
    found: dict[str, list[str]] = {}
    for run in outcome.runs:
        for note in run.verdict.findings if run.verdict is not None else ():
            if note.verdict is Weight.NOTE:
                text = (f"run {run.number}: " if several else "") + words.clean(note.message)
                found.setdefault(f"note.{words.clean(note.code)}", []).append(text)
    return [(name, cut_message("; ".join(dict.fromkeys(texts)))) for name, texts in found.items()]
