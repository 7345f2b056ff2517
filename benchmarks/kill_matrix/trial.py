"""One trial: a run is started, struck at its moment, and everything is checked afterwards."""

import contextlib
import json
import os
import subprocess
import sys
import threading
import time
from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass, field, replace
from pathlib import Path

from benchmarks.kill_matrix import plan
from benchmarks.kill_matrix.broken import broken, left_behind, look
from benchmarks.kill_matrix.plan import Trial
from benchmarks.kill_matrix.under_attack import ROOT, MissedError, UnderAttack
from harness.core.errors import HarnessError
from harness.core.exit_codes import ExitCode
from harness.history.journal import DEADLINE_MARGIN_SECONDS
from harness.history.reader import read_facts
from harness.history.run_directory import RunDirectory
from harness.stack import Stack, StackSettings, down, up

HEALED_SECONDS_MAX = 3.0
START_SECONDS_MAX = 5.0
"""More for what has to be started again after a heal, or after the strike."""
DEADLINE_GRACE_SECONDS = 4.0
"""Beyond a deadline, for the supervisor to see that nobody is left and to start somebody."""
OVER_SECONDS_MAX = 75.0
_LOOK_SECONDS = 0.05
_EARLY = (plan.BEFORE, plan.INJECTION, plan.AFTER, plan.HEAL)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a trial; ok without ``problems``.

    ``heal_s`` is how long after the strike, or after the planned heal where the run went on,
    something was still seen broken.
    """

    trial: Trial
    heal_s: float
    problems: tuple[str, ...]
    exit_code: int | None = None
    verdict: str = ""
    seconds: float = 0.0
    folder: Path | None = None

    @property
    def ok(self) -> bool:
        """Healed and honest."""
        return not self.problems


def run_trial(
    trial: Trial, state_dir: Path, folder: Path, environment: Mapping[str, str] | None = None
) -> Result:
    """One trial on the stack of ``state_dir``, which is brought up if need be and kept up.

    A stack that is not well afterwards is taken down, so that it spoils no other trial.
    ``environment`` is added to that of the run.
    """
    began = time.monotonic()
    folder.mkdir(parents=True)
    stack = up(StackSettings(), state_dir)
    if wrong := broken(stack):
        down(state_dir)
        stack = up(StackSettings(), state_dir)
        wrong = broken(stack)
    if wrong:
        return Result(trial, 0.0, (f"the stack is not well before: {wrong}",), folder=folder)
    try:
        with UnderAttack(trial, stack, folder, environment or {}) as run:
            result = _disturb(run)
    except MissedError as error:
        result = Result(trial, 0.0, (f"the moment never came: {error}",))
    problems = [*result.problems, *_afterwards(stack)]
    if problems:
        down(state_dir)
    seconds = time.monotonic() - began
    return replace(result, problems=tuple(problems), seconds=seconds, folder=folder)


# --- the run -------------------------------------------------------------------------------------


@dataclass(slots=True)
class _Watch:
    """What was broken last, and when."""

    last_ns: int = 0
    last: list[str] = field(default_factory=list)


@contextlib.contextmanager
def _watching(stack: Stack) -> Iterator[_Watch]:
    """Looks all the time whether something is broken, from a thread of its own.

    Whatever ends that thread early ends the trial: nobody looking would pass for nothing broken.
    """
    watch, over = _Watch(), threading.Event()

    def keep_looking() -> None:
        while not over.is_set():
            seen_ns, found = look(stack)
            if found:
                watch.last_ns, watch.last = seen_ns, found
            time.sleep(_LOOK_SECONDS)

    with ThreadPoolExecutor(1) as pool:
        looking = pool.submit(keep_looking)
        try:
            yield watch
        finally:
            over.set()
        looking.result()


def _disturb(run: UnderAttack) -> Result:
    run.await_moment()
    hit = run.strike()
    struck_ns = time.monotonic_ns()
    problems = [] if hit else ["nothing was hit: no such process"]
    with _watching(run.stack) as watch:
        deadline = time.monotonic() + OVER_SECONDS_MAX
        while run.left() and time.monotonic() < deadline:
            time.sleep(0.1)
        problems += [f"still running: pid {process.pid}" for process in run.left()]
        # For whatever somebody may still break or heal after the last of them.
        time.sleep(0.3)
        while watch.last_ns > time.monotonic_ns() - 5e8 and time.monotonic() < deadline:
            time.sleep(0.1)
    heal_s, late = _heal_seconds(run, watch, struck_ns)
    code = run.process.poll()
    verdict, untold = _judged(run, code)
    problems += [*late, *untold]
    return Result(run.trial, heal_s, tuple(problems), exit_code=code, verdict=verdict)


def _heal_seconds(run: UnderAttack, watch: _Watch, struck_ns: int) -> tuple[float, list[str]]:
    """How long something was broken that should not have been, and whether that was too long."""
    trial = run.trial
    intents = [row for row in run.rows() if row.event == "intent" and row.deadline_ns is not None]
    deadlines = [row.deadline_ns or 0 for row in intents]
    planned_ns = max(deadlines, default=0) - round(DEADLINE_MARGIN_SECONDS * 1e9)
    interrupts = trial.target in plan.ENDS_RUN
    since_ns = struck_ns if interrupts else max(struck_ns, planned_ns)
    limit_s = HEALED_SECONDS_MAX
    starts_anew = trial.target in plan.OF_THE_STACK or "Kill" in trial.faults
    if starts_anew:
        limit_s += START_SECONDS_MAX
    if trial.target == plan.BOTH:
        left_s = (max(deadlines, default=0) - struck_ns) / 1e9
        limit_s = max(limit_s, left_s + DEADLINE_GRACE_SECONDS)
    heal_s = max(0.0, (watch.last_ns - since_ns) / 1e9)
    if heal_s > limit_s:
        return heal_s, [f"broken for {heal_s:.1f} s (limit {limit_s:.1f} s): {watch.last}"]
    return heal_s, []


# --- what is told --------------------------------------------------------------------------------


def _judged(run: UnderAttack, code: int | None) -> tuple[str, list[str]]:
    """The verdict when it is judged again, and what is dishonest about verdict or exit code."""
    folder = run.run_dir
    if folder is None:
        return "", ["there is no run directory"]
    problems = []
    stored = _stored(folder)
    try:
        directory = RunDirectory(folder)
        facts = read_facts(directory, directory.read_plan())
        sealed = bool(facts.status.seals)
    except Exception as error:  # noqa: BLE001  # whatever it is, the directory cannot be read
        return "", [f"the run directory cannot be read: {error!r}"]
    done = subprocess.run(
        [sys.executable, "-m", "harness.apps.cli", "judge", str(folder), "--json"],
        capture_output=True,
        text=True,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        timeout=60,
        check=False,
    )
    for name, text in (("the run", run.output), ("`judge`", done.stdout + done.stderr)):
        if "Traceback" in text or "internal error" in text:
            problems.append(f"{name} ends in a traceback: {text[-1500:]}")
    try:
        verdict = str(json.loads(done.stdout)["verdict"])
    except (ValueError, KeyError):
        return "", [
            *problems,
            f"`judge` gives no verdict ({done.returncode}): {done.stderr[-500:]}",
        ]
    untold = (_untrue(run.trial, verdict, sealed=sealed), _wrong_exit(run.trial, code, stored))
    return verdict, [*problems, *(text for text in untold if text is not None)]


def _stored(folder: Path) -> dict[str, object]:
    try:
        return dict(json.loads((folder / "verdict.json").read_bytes()))
    except (OSError, ValueError):
        return {}


def _untrue(trial: Trial, verdict: str, *, sealed: bool) -> str | None:
    """What is wrong about the verdict."""
    if verdict == "pass" and _loses_evidence(trial, sealed=sealed):
        return "judged as a pass although evidence was lost"
    if verdict == "fail" and trial.target not in plan.OF_THE_TARGET:
        return "judged as a failure of the target, though the strike was at what is ours"
    return None


def _loses_evidence(trial: Trial, *, sealed: bool) -> bool:
    """Whether a run that was struck like this can't have shown what it was to show."""
    if trial.moment == plan.JUDGING:
        return not sealed
    if trial.target == plan.WORKER:
        return trial.signal in (plan.KILL, plan.STOP_KILL)
    return trial.target in (*plan.ENDS_RUN, plan.TOXIPROXY)


def _wrong_exit(trial: Trial, code: int | None, stored: dict[str, object]) -> str | None:
    """What is wrong about the exit code of the leading process."""
    told = stored.get("exit_code")
    allowed = {told}
    killed = trial.signal in (plan.KILL, plan.STOP_KILL)
    if trial.target == plan.MASTER and killed:
        allowed = {-9}
    elif trial.target in (plan.MASTER, plan.TERMINAL):
        allowed = {int(ExitCode.INTERRUPTED)} | ({told} if trial.moment == plan.JUDGING else set())
    elif trial.target in (plan.CONDUCTOR, plan.BOTH):
        allowed = {int(ExitCode.INTERNAL)} if killed else {told, int(ExitCode.INTERNAL)}
        if trial.moment == plan.JUDGING:
            allowed |= {told}
    if code not in allowed or (code == ExitCode.PASS and stored.get("verdict") != "pass"):
        return f"exit code {code}, not one of {allowed} (verdict {stored.get('verdict')})"
    return None


# --- afterwards ----------------------------------------------------------------------------------


def _afterwards(stack: Stack) -> list[str]:
    """What is wrong with the stack once the run is over, however patiently it is asked."""
    try:
        revived = up(StackSettings(), stack.state_dir)
        return broken(revived) + left_behind(revived)
    except (HarnessError, OSError) as error:
        return [f"the stack cannot be used again: {error}"]
