"""What `lendchaos run` leaves on standard output: Locust's words, a verdict or one document."""

import json
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path
from typing import IO, Any, Self

from harness import series
from harness.cli.app import has_colours, is_quiet, show_json, wants_json, width, write_result
from harness.errors import UsageError
from harness.headless import Ended, asks_only
from harness.shrink import Shrunk, to_json

RUN_SCHEMA = "lendchaos.run/1"
_STDERR = 2


@dataclass(frozen=True, slots=True)
class LocustOutput:
    """Where Locust writes. ``fileno`` None is our own output; ``kept`` is what nobody may need."""

    fileno: int | None = None
    kept: IO[bytes] | None = None

    def __enter__(self) -> Self:
        """For the time of one run."""
        return self

    def __exit__(self, *_: object) -> None:
        """Forget what was kept."""
        if self.kept is not None:
            self.kept.close()

    def tell(self, end: Ended) -> None:
        """Of what was kept, what matters: the verdict, or all of it where there is none."""
        if self.kept is None:
            return
        verdict = end.read_verdict()
        if verdict is None:
            self.kept.seek(0)
            sys.stderr.write(self.kept.read().decode("utf-8", "replace"))
            sys.stderr.flush()
            if end.last.get("verdict") and not wants_json():  # the disk did not take it
                write_result(f"{end.last['verdict'].upper()}  {end.last['sentence']}\n")
        elif not wants_json():
            from harness.report import terminal  # noqa: PLC0415  # not while Locust waits for us

            path = str(end.last["report"])
            sys.stdout.write(terminal.render(verdict, path, width=width(), color=has_colours()))
            sys.stdout.flush()


def locust_output(options: list[str]) -> LocustOutput:
    """Ours; with ``--json`` standard error, with ``--quiet`` nowhere until it is known to matter.

    Raises:
        UsageError: a document was asked for of what has no result.
    """
    if asked := asks_only(options):
        if wants_json():
            raise UsageError(f"--json tells how runs ended, and {min(asked)} runs nothing")
        return LocustOutput()
    if is_quiet():
        kept = tempfile.TemporaryFile()  # noqa: SIM115  # closed by the context
        return LocustOutput(kept.fileno(), kept)
    return LocustOutput(_STDERR if wants_json() else None)


def show_runs(exit_code: int, paths: list[Path], ends: list[Ended]) -> None:
    """The document of `run --json`: one entry for each scenario that was run."""
    body = {
        "exit_code": int(exit_code),
        "scenarios": [_body(path, end) for path, end in zip(paths, ends, strict=False)],
        "not_run": [path.stem for path in paths[len(ends) :]],
    }
    show_json(RUN_SCHEMA, body)


def _body(path: Path, end: Ended) -> dict[str, Any]:
    """How a scenario ended; what there is none of is null."""
    told = end.last.get("report")
    report = None if told is None else str(told)
    several = end.series is not None
    return {
        "scenario": path.stem,
        "verdict": end.last.get("verdict"),
        "exit_code": int(end.exit_code),
        "sentence": end.last.get("sentence"),
        "report": None if several else report,
        "run_directory": None if end.directory is None else str(end.directory),
        "series_file": report if several else None,
        "series": json.loads(series.to_json(end.series)) if end.series is not None else None,
    }


def show_shrunk(exit_code: int, path: str, found: Shrunk) -> None:
    """The document of `run --shrink --json`: the same figures as the file, where there is one."""
    shrunk = json.loads(to_json(found))
    body = {"exit_code": int(exit_code), "scenarios": [], "not_run": []}
    show_json(RUN_SCHEMA, {**body, "shrink_file": path or None, "shrink": shrunk})
