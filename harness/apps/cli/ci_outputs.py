"""What a run leaves for the tools of CI: a JUnit file, a summary, annotations.

They are written whatever becomes of the run, an interruption and a stack that does not start
included: a gate that leaves no file is a silent one.
"""

import errno
import os
import time
from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field, replace
from pathlib import Path
from types import MappingProxyType
from typing import Annotated, Any
from urllib.parse import quote

import typer
from typer.core import TyperCommand

from harness.apps.cli.ci_places import (
    artifacts_page,
    from_checkout,
    in_repository,
    is_address,
    report_address,
)
from harness.apps.cli.console import tell_error
from harness.core import foreign_text
from harness.core.disk import is_writable, nearest
from harness.core.errors import HarnessError, UsageError
from harness.core.exit_codes import ExitCode
from harness.core.files import is_stream, open_regular, real, replace_file
from harness.core.rows import reason_of
from harness.history.run_directory import RunDirectory
from harness.plan.run_options import OUTPUT
from harness.report.suite import GateRun, GateSuite, deciding_run
from harness.run.locust_process import RunOne, asks_only
from harness.run.result import RunResult
from harness.run.scenario_path import file_of, name_of
from harness.verdict.series import Series
from harness.verdict.stored_verdict import EndedRun
from harness.verdict.types import Verdict

STEP_SUMMARY_BYTES_MAX = 2**20
"""Of a longer one GitHub shows nothing, not even what other commands of the step wrote."""
_OURS = (
    b'<?xml version="1.0" encoding="utf-8"?>\n<testsuites name="lendchaos"',
    *(f"### {mark} ".encode() for mark in "🟢🟡🔴"),
    b"| Verdict | Scenario | Runs |",
)
"""How the files begin that are written here."""
_MISTAKE: Any = typer.BadParameter.__base__  # Typer has a Click of its own, which has no name


class ReplacingCommand(TyperCommand):
    """A command that takes away what an earlier one left for CI, before it refuses anything.

    A request that is refused, or a run that is killed, would leave it, and CI would read a pass in
    it. A request for help, or one with which nothing is run, leaves it. A file of someone else
    stays until it is replaced.
    """

    def parse_args(self, ctx: Any, args: list[str]) -> list[str]:
        """As always; the older files go first."""
        parser = self.make_parser(ctx)
        parser.ignore_unknown_options = True
        found: dict[str, Any] = {}
        with suppress(_MISTAKE):  # it is told below
            found, _, _ = parser.parse_args(list(args))
        handed_on = found.get("scenario") or ()  # the argument that takes all words
        if "help" in found or asks_only(handed_on) or ctx.resilient_parsing:
            found = {}
        for name in ("junitxml", "summary"):
            if name in found:
                _remove_old(f"--{name}", Path(found[name]))
        parsed: list[str] = super().parse_args(ctx, args)
        return parsed


def _remove_old(option: str, path: Path) -> None:
    if not os.path.isfile(path) or is_stream(path):  # noqa: PTH113  # never raises
        return  # what is none is refused later
    try:
        with open_regular(path, None, follow=True) as file:
            ours = file.read(200).startswith(_OURS)
        if ours:
            path.unlink()
    except OSError as error:
        raise typer.BadParameter(
            f"{option} {path}: the older file cannot be removed: {reason_of(error)}"
        ) from error


def _file(name: str, text: str) -> Any:
    return typer.Option(name, metavar="FILE", help=text, rich_help_panel=OUTPUT)


JUnitFile = Annotated[
    Path | None,
    _file("--junitxml", "JUnit XML: one suite for each scenario, one case for each check."),
]
SummaryFile = Annotated[
    Path | None, _file("--summary", "The first screen of the report as Markdown.")
]
SummaryPicture = Annotated[
    str | None,
    typer.Option(
        metavar="URL",
        help="Where CI serves the chart, for the summary; {run} is the run directory's name.",
        rich_help_panel=OUTPUT,
    ),
]


@dataclass(slots=True)
class CiOutputs:
    """Where to write, and the runs so far. Nothing is written where nothing was asked for."""

    junitxml: Path | None = None
    summary: Path | None = None
    picture: str | None = None
    step_summary: Path | None = None
    annotate: bool = False
    _runs: dict[Path, list[GateRun]] = field(default_factory=dict)
    _series: dict[Path, Series | None] = field(default_factory=dict)

    @property
    def wanted(self) -> bool:
        """Whether there is anything to be written."""
        return bool(self.junitxml or self.summary or self.step_summary or self.annotate)

    def noting(self, run_one: RunOne) -> RunOne:
        """The same, and how each run ended is noted, one that was broken off included."""
        if not self.wanted:
            return run_one

        def noted(path: Path, options: list[str]) -> RunResult:
            begun = time.monotonic()
            try:
                end = run_one(path, options)
                ended = end.ended
            except BaseException as error:
                code = getattr(error, "exit_code", ExitCode.INTERNAL)
                if isinstance(error, KeyboardInterrupt):
                    code = ExitCode.INTERRUPTED
                ended = EndedRun(None, int(code))
                raise
            finally:
                runs = self._runs.setdefault(path, [])
                runs.append(GateRun.of(ended, len(runs) + 1, time.monotonic() - begun))
            return end

        return noted

    def note_series(self, path: Path, end: RunResult) -> RunResult:
        """Why runs of a series are missing, and what they say together."""
        self._series[path] = end.series
        return end

    @contextmanager
    def published(self, jobs: Iterable[tuple[Path, int]]) -> Iterator[None]:
        """Write everything on the way out: of each scenario, and how often it was to be run.

        A file that cannot be written is reported, and the verdict's exit code stays.
        """
        why = ""
        try:
            yield
        except BaseException as error:
            why = str(error) if isinstance(error, HarnessError | UsageError) else "interrupted"
            raise
        finally:
            if self.wanted:
                for trouble in publish(self, self._suites(jobs, why)):
                    tell_error(trouble)

    def _suites(self, jobs: Iterable[tuple[Path, int]], why: str) -> list[GateSuite]:
        asked = Counter[Path]()
        for path, times in jobs:  # one that is named twice is one suite
            asked[path] += times
        names = Counter(name_of(path) for path in asked)
        suites = []
        for path, times in asked.items():
            runs, series = tuple(self._runs.get(path, ())), self._series.get(path)
            stopped = (series.stopped if series else None) or why
            suite = GateSuite(
                name=name_of(path) if names[name_of(path)] == 1 else path.as_posix(),
                file=in_repository(file_of(path)),
                asked=times,
                runs=runs,
                stopped="" if len(runs) == times else stopped or "it was ended before",
                statement=series.statement if series else "",
                shown=from_checkout,
            )
            suites.append(_with_picture(suite))
        return suites


def ci_outputs(
    junitxml: Path | None,
    summary: Path | None,
    picture: str | None,
    *,
    unasked: bool = True,
    others: Mapping[str, Path | None] = MappingProxyType({}),
) -> CiOutputs:
    """What is to be written; with ``unasked`` also what GitHub's runner asks for by itself.

    ``others`` are files that someone else will write, by the option that names each.

    Raises:
        UsageError: a file cannot be written where it is wanted, or the address is none.
    """
    for option, path in (("--junitxml", junitxml), ("--summary", summary)):
        if path is not None:
            _check_place(option, path)
    _check_apart({"--junitxml": junitxml, "--summary": summary, **others})
    if picture is not None and not is_address(picture):
        raise UsageError(f"--summary-picture {picture} must be an address like https://host/path")
    step = os.environ.get("GITHUB_STEP_SUMMARY") if unasked else None
    if picture is not None and not (summary or step):
        raise UsageError("--summary-picture goes with --summary only")
    return CiOutputs(
        junitxml=junitxml,
        summary=summary,
        picture=picture,
        step_summary=Path(step) if step else None,
        annotate=unasked and os.environ.get("GITHUB_ACTIONS") == "true",
    )


def _check_place(option: str, path: Path) -> None:
    """Before anything is started: a run of minutes must not end in a name that is a folder.

    Folders are made below the working folder only: elsewhere a missing one is a slip.
    """
    if path.is_dir():
        raise UsageError(f"{option} {path} is a folder; name a file in it, like {path}/report")
    if is_stream(path) or (path.exists() and not path.is_file()):
        raise UsageError(f"{option} {path} is no regular file, and only such a one is written")
    full = Path(os.path.abspath(path))  # noqa: PTH100  # without ".."; a link leads where it does
    folder = path.parent
    if not folder.exists() and not full.is_relative_to(Path.cwd()):
        raise UsageError(f"{option} {path}: there is no folder {folder}")
    folder = nearest(folder)
    if not folder.is_dir():
        raise UsageError(f"{option} {path} lies below {folder}, which is no folder")
    if _is_evidence(path):
        raise UsageError(f"{option} {path} is a file of a run, which is kept as it is")
    if not is_writable(path if path.exists() else folder):
        raise UsageError(f"{option} {path} cannot be written: no permission")


def _is_evidence(path: Path) -> bool:
    """Whether it is a file that a run is judged by, or that judging it makes."""
    in_run = any((path.parent / name).exists() for name in ("plan.json", "status.json"))
    of_run = path.suffix in (".json", ".jsonl") or path.name in ("report.html", "timeline.png")
    return in_run and of_run


def _check_apart(files: dict[str, Path | None]) -> None:
    """The second would take the place of the first."""
    named: dict[Path, str] = {}
    for option, path in files.items():
        if path is not None and (other := named.setdefault(real(path), option)) != option:
            raise UsageError(f"{other} and {option} are one file, {path}: name two")


def _with_picture(suite: GateSuite) -> GateSuite:
    """With the chart of the run that decides, if it has one where CI looks for it."""
    folder = _decides_in(suite)
    if folder is None or not (folder / "timeline.png").is_file():
        return suite
    picture = suite.shown(folder / "timeline.png")
    return suite if Path(picture).is_absolute() else replace(suite, picture=picture)


def _decides_in(suite: GateSuite) -> Path | None:
    """The directory of the run that decides; None where there is none."""
    decides = deciding_run(suite)
    return None if decides is None else decides.path


def publish(outputs: CiOutputs, suites: list[GateSuite]) -> list[str]:
    """Write what is asked for; returns what could not be written, in words."""
    from harness.report.junit import to_xml  # noqa: PLC0415  # not before Locust has started
    from harness.report.markdown import annotations  # noqa: PLC0415

    trouble: list[str] = []
    if outputs.junitxml is not None:
        trouble += _attempt(lambda path: _replace(path, to_xml(suites)), outputs.junitxml)
    text = _summary(outputs, suites) if outputs.summary or outputs.step_summary else ""
    if outputs.summary is not None:
        trouble += _attempt(lambda path: _replace(path, text), outputs.summary)
    if outputs.step_summary is not None and outputs.step_summary != outputs.summary:
        trouble += _attempt(lambda path: _append(path, text), outputs.step_summary)
    if outputs.annotate:
        foreign_text.write_commands(annotations(suites))
    return trouble


def _summary(outputs: CiOutputs, suites: list[GateSuite]) -> str:
    from harness.report import sparkline  # noqa: PLC0415  # brings what draws, and what counts
    from harness.report.markdown import summary  # noqa: PLC0415  # as above

    charts, pictures = {}, {}
    for suite in suites:
        folder = _decides_in(suite)
        if folder is None:
            continue
        charts[suite.name] = sparkline.of_run(RunDirectory(folder))
        if outputs.picture is not None:
            pictures[suite.name] = outputs.picture.replace("{run}", quote(folder.name))
    # One text serves both places: no page of a CI knows the way from a file.
    place = None if outputs.step_summary else outputs.summary
    links = {
        suite.report_of(run): report_address(run.path / "report.html", place)
        for suite in suites
        for run in suite.runs
        if run.path is not None
    }
    return summary(suites, charts, pictures, links, artifacts_page())


def _attempt(write: Callable[[Path], None], path: Path) -> list[str]:
    try:
        write(path)
    except OSError as error:
        return [f"{path} was not written: {reason_of(error)}"]
    return []


def _replace(path: Path, text: str) -> None:
    path.parent.mkdir(parents=True, exist_ok=True)
    replace_file(path, text)


def _append(path: Path, text: str) -> None:
    # Of a FIFO that no process reads it is refused, not waited for.
    flags = os.O_WRONLY | os.O_APPEND | os.O_CREAT | os.O_NONBLOCK | os.O_CLOEXEC
    handle = os.open(path, flags, 0o666)
    with os.fdopen(handle, "ab") as file:
        os.set_blocking(handle, True)
        added = f"{text}\n".encode()
        if os.fstat(handle).st_size + len(added) > STEP_SUMMARY_BYTES_MAX:
            raise OSError(errno.EFBIG, "the step's summary has no room left (GitHub takes 1 MiB)")
        file.write(added)


def publish_stored(outputs: CiOutputs, verdict: Verdict, directory: Path) -> None:
    """The same for a run that is over; HarnessError where something could not be written."""
    if not outputs.wanted:
        return
    seconds = sum(phase.end_s - phase.start_s for phase in verdict.phases)
    run = GateRun.of(EndedRun(directory, verdict.exit_code, verdict), 1, seconds)
    suite = GateSuite(verdict.scenario, "", 1, (run,), shown=from_checkout)
    trouble = publish(outputs, [_with_picture(suite)])
    if trouble:
        raise HarnessError(trouble[0])
