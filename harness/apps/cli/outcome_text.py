"""What `lendchaos run` leaves on standard output: Locust's words, a verdict or one document."""

import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from harness.apps.cli.console import manner, show_json, verdict_text, write_now, write_result
from harness.core.errors import UsageError
from harness.core.numbers import Exit
from harness.run.locust_process import ALONE_SCENARIO, asks_only
from harness.run.result import RunResult
from harness.run.scenario_path import file_of, name_of
from harness.run.shrink import Shrunk
from harness.verdict.series import Series
from harness.verdict.types import Judgement


@dataclass(frozen=True, slots=True, kw_only=True)
class ScenarioEnd:
    """How one scenario ended; what there is none of is None.

    ``file`` is its path as it was given, None where faults were given without a scenario. A series
    has ``series_file`` and ``series`` in place of ``report`` and ``run_directory``.
    """

    scenario: str
    file: str | None
    verdict: Judgement | None
    exit_code: Exit
    sentence: str | None
    report: str | None
    run_directory: str | None
    series_file: str | None
    series: Series | None


@dataclass(frozen=True, slots=True, kw_only=True)
class RunDocument:
    """What `lendchaos run --json` prints; ``not_run`` is what an early end left out.

    With ``--shrink`` there are no ``scenarios``, but ``shrink`` and, where it could be written,
    its file. A file that is refused stands alone in ``scenarios``.
    """

    exit_code: Exit
    scenarios: tuple[ScenarioEnd, ...] = ()
    not_run: tuple[str, ...] = ()
    not_run_files: tuple[str | None, ...] = ()
    shrink_file: str | None = None
    shrink: Shrunk | None = None
    schema: str = "lendchaos.run/1"


@dataclass(frozen=True, slots=True)
class LocustOutput:
    """Where Locust writes. ``fileno`` None is our own output; ``kept`` is what no one may need."""

    fileno: int | None = None
    kept: IO[bytes] | None = None

    def tell(self, end: RunResult) -> None:
        """Of what was kept, what matters: the verdict, or all of it where there is none."""
        if self.kept is None:
            return
        if end.verdict is None:
            self.kept.seek(0)
            write_now(self.kept.read().decode("utf-8", "replace"), stderr=True)
            if end.last.get("verdict") and not manner.json:  # the disk did not take it
                write_result(f"{end.last['verdict'].upper()}  {end.last['sentence']}\n")
        elif not manner.json:
            write_now(verdict_text(end.details, str(end.last["report"])))


@contextmanager
def locust_output(options: list[str]) -> Iterator[LocustOutput]:
    """Ours; with ``--json`` standard error, with ``--quiet`` nowhere until it is known to matter.
    UsageError where a document was asked for of what has no result.
    """
    if asked := asks_only(options):
        if manner.json:
            raise UsageError(f"--json tells how runs ended, and {min(asked)} runs nothing")
        yield LocustOutput()
    elif manner.quiet:
        with tempfile.TemporaryFile() as kept:
            yield LocustOutput(kept.fileno(), kept)
    else:
        yield LocustOutput(2 if manner.json else None)  # standard error


def show_runs(exit_code: int, paths: list[Path], ends: list[RunResult]) -> None:
    """The document of `run --json`: one entry for each scenario that was run."""
    left_out = paths[len(ends) :]
    show_json(
        RunDocument(
            exit_code=int(exit_code),
            scenarios=tuple(_end(path, end) for path, end in zip(paths, ends, strict=False)),
            not_run=tuple(name_of(path) for path in left_out),
            not_run_files=tuple(_file(path) for path in left_out),
        )
    )


def _end(path: Path, end: RunResult) -> ScenarioEnd:
    told = end.last.get("report")
    report = None if told is None else str(told)
    several = end.series is not None
    return ScenarioEnd(
        scenario=name_of(path),
        file=_file(path),
        verdict=end.last.get("verdict"),
        exit_code=int(end.exit_code),
        sentence=end.last.get("sentence"),
        report=None if several else report,
        run_directory=None if end.path is None else str(end.path),
        series_file=report if several else None,
        series=end.series,
    )


def _file(path: Path) -> str | None:
    return None if path == ALONE_SCENARIO else file_of(path).as_posix()


def show_shrunk(exit_code: int, path: str, found: Shrunk) -> None:
    """The document of `run --shrink --json`: the same figures as the file, where there is one."""
    show_json(RunDocument(exit_code=int(exit_code), shrink_file=path or None, shrink=found))
