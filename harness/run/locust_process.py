"""A scenario run without anybody watching: Locust in a process of its own, once or as a series.

What `lendchaos run`, the pytest plugin, a gate's self-test and a game day share. Nothing here knows
a terminal: the caller gets the progress and shows it.
"""

import os
import re
import select
import signal
import subprocess
import tempfile
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import asdict, replace
from difflib import get_close_matches
from pathlib import Path
from typing import IO, Any

import harness
from harness.core.documents import write_beside
from harness.core.errors import HarnessError, UsageError
from harness.core.exit_codes import ExitCode
from harness.core.foreign_text import clean, clean_lines, last_words
from harness.core.forwarding import Forwarded, forwarded, is_interrupted, listening
from harness.core.own_python import OWN, is_needed, module_command
from harness.core.processes import identify
from harness.plan import resilience
from harness.plan.objectives import RUNS_MAX
from harness.run.given_options import first_seed, given, naming_places
from harness.run.progress_messages import (
    PIPE_VARIABLE,
    PROGRESS,
    TRY_VARIABLE,
    ErrorUpdate,
    Update,
)
from harness.run.result import RunResult
from harness.run.scenario_path import name_of, split, with_class
from harness.stack import StackSettings, down, load_state, up
from harness.verdict import series
from harness.verdict.series import SeriesRun

ASKS_ONLY = frozenset(
    {
        *("--help", "-h", "--version", "-V", "--list", "-l", "--dry-run"),
        *("--show-task-ratio", "--show-task-ratio-json"),
    }
)
"""With these nothing is run, and no verdict is missed."""
_CLUSTER = re.compile("-([hVl]+)")
ALONE_SCENARIO = Path(harness.__file__).parent / "apps" / "locust" / "given_faults.py"
"""The scenario of faults that are given without one."""
NAME_LETTERS_MAX = 255
_RENAMED = {"watch": "observe"}
"""Scenarios that had another name before."""
END_CHECK_MILLISECONDS = 200
ASK_SECONDS_MAX = 120.0
"""For a scenario file to be loaded and a plan to be made of it."""

Tell = Callable[[str], None]
Show = Callable[[Update], None]
RunOne = Callable[[Path, list[str]], RunResult]
"""Runs a scenario file with these options of Locust's, once."""


def asks_only(options: Iterable[str]) -> set[str]:
    """Those of the options with which nothing is run; ``-lV`` is two of them."""
    found: set[str] = set()
    for option in options:
        cluster = _CLUSTER.match(option)
        found |= {f"-{letter}" for letter in cluster[1]} if cluster else {option}
    return found & ASKS_ONLY


def find_scenario(name: str) -> Path:
    """The file of a scenario that is named by its path or by its name under ``./scenarios``.

    ``file.py::Class`` is one of several in a file: see `harness.run.scenario_path`.

    Raises:
        UsageError: there is none; or it has a name under which it cannot be loaded.
    """
    folder, (file, class_name) = Path("scenarios"), split(name)
    for path in (Path(file), folder / file, folder / f"{file}.py"):
        with suppress(OSError):  # longer than a name may be, or a loop of links
            if path.is_file():
                _require_name(path)
                return with_class(path, class_name)
    names = known_scenarios()
    stem = Path(file).stem.lower()[:NAME_LETTERS_MAX]
    near = get_close_matches(stem, names, n=1)
    guess = f": did you mean {near[0]}? There are: " if near else "; there are: "
    if now := _RENAMED.get(stem):
        guess = f": ours is now called {now}. There are: "
    known = ", ".join(names) or "none in ./scenarios"
    raise UsageError(f"no scenario {name[:NAME_LETTERS_MAX]!r}{guess}{known}")


def _require_name(path: Path) -> None:
    if path.suffix != ".py":
        raise UsageError(f"{path} is no scenario file: its name must end in .py")
    if "," in _word_for(path):
        raise UsageError(f"{path} has a comma, which Locust takes for the end of a name: rename it")
    if path.stem in OWN or (is_needed(path.stem) and path.stem != "locust"):
        raise UsageError(
            f"{path} would be taken for the module {path.stem} that is needed here: rename it"
        )


def _word_for(path: Path) -> str:
    """A path as Locust takes it: a comma would end it, so one of a folder above us is left out."""
    return os.path.relpath(path) if "," in str(path) else str(path)


def known_scenarios() -> list[str]:
    """Names of the scenarios under ``./scenarios``."""
    return sorted(path.stem for path in Path("scenarios").glob("[!_]*.py"))


def runs_of(paths: list[Path], options: list[str], runs: int | None) -> list[int]:
    """How often to run each scenario: as asked, else what the file of objectives says, else once.
    UsageError where the number is out of range, or the file has mistakes.
    """
    if runs is not None and not 1 <= runs <= RUNS_MAX:
        raise UsageError(f"--runs {runs} must be from 1 to {RUNS_MAX}")
    with naming_places(options):
        found = resilience.find(given(options).objectives)
        file = resilience.read(found, [name_of(path) for path in paths]) if found else None
    return [runs or (file.runs_for(name_of(path)) if file else 1) for path in paths]


@contextmanager
def shared_stack(options: list[str], tell: Tell) -> Iterator[None]:
    """One local stack for several runs, unless they go to another target or one is up already.

    It goes with us, even when we are killed.
    """
    known = given(options)
    if known.host or known.target or load_state(known.state_dir) is not None:
        yield
        return
    settings = StackSettings.asked(known.service, defect=known.defect, namespaces=known.namespaces)
    up(settings, known.state_dir, tell, owner=identify(os.getpid()))
    try:
        yield
    finally:
        down(known.state_dir, tell)


# --- one run -------------------------------------------------------------------------------------


def run_scenario(
    path: Path,
    options: list[str],
    show: Show,
    tell: Tell,
    *,
    output: int | None = None,
    web_port: int | None = None,
    environment: Mapping[str, str] | None = None,
) -> RunResult:
    """Run a scenario file headless, or with Locust's page on ``web_port``, and wait for its end.

    Locust's periodic tables are left out, its warnings are not; what it writes goes to ``output``
    (a file descriptor) or, if None, to where our own output goes. ``show`` is given what the run
    says of itself, ``tell`` what we say. A signal that ends us ends the run in order, which then
    was interrupted; after one, no other run is begun. The run ends itself when we are killed: it
    sees that no one reads any more what it says. What the scenario started may outlive it.
    """
    with listening():
        if is_interrupted():
            return RunResult(ExitCode.INTERRUPTED)
        read_end, write_end = os.pipe()
        variables = {**os.environ, **(environment or {}), PIPE_VARIABLE: str(write_end)}
        if web_port is not None:  # a file or a variable is there for other tests
            variables["LOCUST_HEADLESS"] = "false"
        with os.fdopen(read_end, "rb", buffering=0) as messages, forwarded() as run:
            try:
                process = run.start(
                    _command(path, options, web_port),
                    hears_late=True,
                    env=variables,
                    pass_fds=[write_end],
                    stdout=output,
                    stderr=output,
                )
            finally:
                os.close(write_end)
            last = _follow(_lines_of(messages, process), show, tell, run)
            code = process.wait()
            if code < 0 and not last.keys() - {"error"}:
                last = {**last, "killed_by": signal.Signals(-code).name}
            return RunResult(_honest(code, last, options, run), last)


def try_scenario(path: Path, options: list[str]) -> int:
    """Make one journey of a scenario's borrower, which is shown; the exit code.

    0 if the loan was granted, 1 if it was not; the local stack is up, if that is the target.
    """
    with listening(), forwarded() as run:
        variables = {**os.environ, TRY_VARIABLE: "1"}
        code = run.start(_command(path, options, None), hears_late=True, env=variables).wait()
    if run.signals:
        return ExitCode.INTERRUPTED
    if code < 0:
        raise HarnessError(killed_text(path, signal.Signals(-code).name))
    return code if code in set(ExitCode) else ExitCode.USAGE


def locust_command(path: Path) -> list[str]:
    """Locust on a scenario file, which ends with 2 and one line where that cannot be loaded."""
    return [*module_command("harness.apps.locust"), "-f", _word_for(path)]


def dry_run(path: Path, options: list[str], *, later: bool = False) -> str:
    """What a run of a scenario file would do, told by ``--dry-run``; ``later``: not to be now.

    In a process of its own: Locust patches what it is imported into, and the file is the user's.

    Raises:
        UsageError: it cannot be run with these options; the message is the dry run's.
        HarnessError: something else is not as it must be, say a state file.
    """
    variables = {"PYTHONDONTWRITEBYTECODE": "1", "LENDCHAOS_RUNS_LATER": "1" if later else ""}
    # Files, and no pipes: what the scenario starts when it is imported may hold those open.
    with (
        tempfile.TemporaryFile() as plan,
        tempfile.TemporaryFile() as words,
        tempfile.TemporaryFile() as messages,
    ):
        variables[PIPE_VARIABLE] = str(messages.fileno())
        try:
            code = subprocess.run(
                [*locust_command(path), "--dry-run", *options],
                stdin=subprocess.DEVNULL,
                stdout=plan,
                stderr=words,
                timeout=ASK_SECONDS_MAX,
                check=False,
                env={**os.environ, **variables},
                pass_fds=[messages.fileno()],
            ).returncode
        except subprocess.TimeoutExpired as error:
            raise UsageError(
                f"{path} does not come to say what it would do in {ASK_SECONDS_MAX:g} s: what it"
                " does when it is imported must be quick"
            ) from error
        said, written, told = (_text_in(file) for file in (plan, words, messages))
    if code < 0:
        raise HarnessError(killed_text(path, signal.Signals(-code).name))
    if code != ExitCode.PASS:
        kind = HarnessError if code == ExitCode.INCONCLUSIVE else UsageError
        messages_told = [PROGRESS.decode(line) for line in told.splitlines()]
        errors = [each.text for each in messages_told if isinstance(each, ErrorUpdate)]
        raise kind(clean_lines(errors[-1]) if errors else last_words(written))
    return said


def _text_in(file: IO[bytes]) -> str:
    file.seek(0)
    return file.read().decode("utf-8", "replace")


def killed_text(path: Path, name: str) -> str:
    """Of a process that said nothing; ``name`` is that of the signal."""
    return f"{path} was ended by {name} while it was loaded (too little memory, or a crash)"


def _command(path: Path, options: list[str], web_port: int | None) -> list[str]:
    """What runs a scenario once and then ends."""
    command = [*locust_command(path), "--only-summary"]
    page = ["--autostart", "--autoquit=0", f"--web-port={web_port}"]
    command += ["--headless"] if web_port is None else page
    if given(options).loglevel is None:
        command += ["--loglevel", "WARNING"]
    return [*command, *options]


def _lines_of(pipe: IO[bytes], process: "subprocess.Popen[bytes]") -> Iterator[bytes]:
    """All that a process says until it has ended, even if another process holds the pipe."""
    poller, pending = select.poll(), b""
    poller.register(pipe, select.POLLIN)
    while True:
        has_ended = process.poll() is not None
        if poller.poll(0 if has_ended else END_CHECK_MILLISECONDS):
            if not (received := pipe.read(65_536)):
                break
            *whole, pending = (pending + received).split(b"\n")
            yield from whole
        elif has_ended:
            break
    if pending:
        yield pending


def _follow(messages: Iterable[bytes], show: Show, tell: Tell, run: Forwarded) -> dict[str, Any]:
    """Show what a run says until it says no more; its last words."""
    last: dict[str, Any] = {}
    told = False
    for line in messages:
        if run.signals and not told:  # not by the handler: it may have come in mid-line
            tell("interrupted: healing, draining and judging")
            told = True
        message = PROGRESS.decode(line)
        if isinstance(message, ErrorUpdate):  # it stands on standard error already
            last["error"] = message.text
            continue
        last = asdict(message)
        show(replace(message, text=clean(message.text)))  # may be what a target said
    return last


def _honest(code: int, last: dict[str, Any], options: list[str], run: Forwarded) -> int:
    """The exit code of a run; 0 only where there is a verdict that says pass, 1 only with one.

    A Locust that was killed gives none; before it said a word, that is no bug of lendchaos. One
    that got its signal before it could handle it died of that, with nothing touched. Where the
    scenario's own code ended the process with 0 in spite of its verdict, that counts. What Locust
    or Python ends with says that nothing could be run, or that a run came to no verdict. Told to
    end, in whatever phase, a run is no pass: what waits for it must not go on.
    """
    if run.signals and (code == ExitCode.PASS or not last.get("verdict")):
        return ExitCode.INTERRUPTED
    if code < 0:
        return ExitCode.INCONCLUSIVE if "killed_by" in last else ExitCode.INTERNAL
    if not last.get("verdict") and (code == ExitCode.FAIL or code not in set(ExitCode)):
        return ExitCode.INCONCLUSIVE if last.get("phase") else ExitCode.USAGE
    if code == ExitCode.FAIL and last["verdict"] != "fail" and last.get("exit_code") != code:
        return ExitCode.INCONCLUSIVE  # Locust's own report could not be written, say
    if code != ExitCode.PASS or asks_only(options) or last.get("verdict") == "pass":
        return code
    return int(last.get("exit_code") or ExitCode.INTERNAL)


# --- a series ------------------------------------------------------------------------------------


def run_series(
    path: Path,
    options: list[str],
    runs: int,
    run_one: RunOne,
    tell: Tell,
    *,
    warn: Tell | None = None,
) -> RunResult:
    """All runs of one scenario, until they are done, or have failed beyond repair.

    Its report is ``series.json``: none if no run came to a verdict, or where it could not be
    written; then ``warn`` (by default ``tell``) gets the reason.
    """
    name, seed_of_first = name_of(path), first_seed(options)
    done: list[SeriesRun] = []
    stopped: str | None = None
    while len(done) < runs and stopped is None:
        number, seed = len(done) + 1, seed_of_first + len(done)
        tell(f"{name}: run {number} of {runs}, seed {seed}")
        end = run_one(path, [*options, "--seed", str(seed)])
        if end.verdict is None or end.path is None:
            done.append(SeriesRun(number, seed, end.exit_code))
        else:
            done.append(series.run_of(number, seed, end.exit_code, end.path.name, end.details))
            stopped = series.stop_reason(end.details)
        if end.exit_code in (ExitCode.INTERRUPTED, ExitCode.USAGE):
            stopped = "interrupted" if end.exit_code == ExitCode.INTERRUPTED else "it cannot be run"
    if len(done) == runs:
        stopped = None
    whole = series.series_of(name, runs, tuple(done), stopped)
    if not any(run.verdict for run in done):
        return RunResult(whole.exit_code, {}, whole)
    last = {"verdict": str(whole.verdict), "sentence": whole.statement}
    try:
        text = series.to_json(whole)
        last["report"] = str(write_beside(given(options).runs_dir, "series", name, text))
    except OSError as error:  # what the runs came to stands without it
        (warn or tell)(f"{error.filename} was not written: {error.strerror}")
    return RunResult(whole.exit_code, last, whole)


def combined_exit_code(codes: Iterable[int]) -> int:
    """The exit code for several runs: a safety stop first, then a failure, then what is no pass."""
    all_codes = list(codes)
    if ExitCode.SAFETY_STOP in all_codes:
        return ExitCode.SAFETY_STOP
    return ExitCode.FAIL if ExitCode.FAIL in all_codes else max(all_codes)
