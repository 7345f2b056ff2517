"""Which runs are meant: by a run directory, a series, or a label of the history."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.core.errors import UsageError
from harness.report import words
from harness.report.archive import (
    History,
    Stored,
    check_schema,
    is_file_name,
    is_label,
    place_in,
    read_json,
    read_run,
)
from harness.report.compare.likeness import left_out, same
from harness.verdict import series

SERIES_FILE = "series.json"


@dataclass(slots=True)
class FoundRuns:
    """Runs, and what is to be said of how they were chosen."""

    runs: list[Stored] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class AskedRuns:
    """Where to look, and how much of a label to take: its newest ``last`` runs."""

    history: History | None
    scenario: str | None
    last: int


def find_these(names: Sequence[str], asked: AskedRuns) -> FoundRuns:
    """All runs that are named, each once however often it is named.

    Raises:
        UsageError: a name stands for nothing, or something cannot be read.
    """
    found = FoundRuns()
    for name in names:
        if _is_label(name, asked.history):
            runs = _of_label(name, asked, asked.scenario)
            _take(found, _newest(name, runs, asked.last, found.notes))
        else:
            _take(found, _at(name, asked, found.notes))
    return found


def find_baseline(names: Sequence[str], these: Sequence[Stored], asked: AskedRuns) -> FoundRuns:
    """The runs to compare with; of a label those of the same scenario and conditions, if any.

    Raises:
        UsageError: a name stands for nothing, or something cannot be read.
    """
    found = FoundRuns()
    known = {_identity(stored) for stored in these}
    scenarios = {stored.verdict.scenario for stored in these}
    for name in names:
        if _is_label(name, asked.history):
            runs = [s for scenario in sorted(scenarios) for s in _of_label(name, asked, scenario)]
            if not runs:
                found.notes.append(f"{name} has no run of {' and '.join(sorted(scenarios))} yet")
            others = [s for s in runs if _identity(s) not in known]
            chosen = _alike(name, others, these, found.notes)
            _take(found, _newest(name, chosen, asked.last, found.notes))
        else:
            _take(found, _at(name, asked, found.notes))
    twice = [s for s in found.runs if _identity(s) in known]
    if twice:
        ids = ", ".join(s.verdict.run_id for s in twice)
        found.notes.append(f"left out of the baseline, as it is compared with it: {ids}")
        found.runs = [s for s in found.runs if _identity(s) not in known]
    return found


def _identity(stored: Stored) -> tuple[str, str]:
    return stored.verdict.scenario, stored.verdict.run_id


def _is_label(name: str, history: History | None) -> bool:
    """A bare word is a label first; ``./main`` is always a folder."""
    return history is not None and is_label(name) and name in history.labels()


def _of_label(name: str, asked: AskedRuns, scenario: str | None) -> list[Stored]:
    assert asked.history is not None  # noqa: S101  # for the type checker; `_is_label` asked
    return asked.history.read(name, scenario)


def _newest(name: str, runs: list[Stored], last: int, notes: list[str]) -> list[Stored]:
    if len(runs) > last:
        notes.append(f"of {name} the newest {last} of {len(runs)} runs are taken (--last)")
    return runs[-last:]


def _alike(
    name: str, runs: list[Stored], these: Sequence[Stored], notes: list[str]
) -> list[Stored]:
    """Those of the same conditions; all of them where there is none, which is told later."""
    models = [stored for stored in these if not left_out(stored)]
    alike = [s for s in runs if all(same(s, model) for model in models)]
    if not alike:
        return runs
    if len(alike) < len(runs):
        other = words.plural(len(runs) - len(alike), "run")
        notes.append(f"{other} of {name} under other conditions are not taken")
    return alike


def _take(found: FoundRuns, runs: Iterable[Stored]) -> None:
    """Add runs; one that is there already is not counted twice."""
    for stored in runs:
        if any(_identity(stored) == _identity(s) for s in found.runs):
            found.notes.append(f"{stored.verdict.run_id} is named twice and counted once")
        else:
            found.runs.append(stored)


def _at(name: str, asked: AskedRuns, notes: list[str]) -> list[Stored]:
    """The runs of a folder: a run directory or a series."""
    path = Path(name)
    if not path.exists():
        raise UsageError(_nothing(name, asked.history))
    if path.is_file() and path.name != SERIES_FILE:
        raise UsageError(f"{path} is a file: name its run directory")
    file = path if path.is_file() else path / SERIES_FILE
    runs = _of_series(file, notes) if file.is_file() else [read_run(path)]
    return [s for s in runs if asked.scenario in (None, s.verdict.scenario)]


def _nothing(name: str, history: History | None) -> str:
    if history is None:
        return f"there is no run {name}; to name a label of a history, give --history DIR"
    labels = ", ".join(history.labels()) or "none"
    return f"there is no run {name}, and the history has no such label; it has: {labels}"


def _of_series(file: Path, notes: list[str]) -> list[Stored]:
    """All runs of a series, which lie beside its folder."""
    text, body = read_json(file)
    check_schema(file, text, body, series.SCHEMA)
    runs = body.get("runs")
    if not isinstance(runs, list):
        raise UsageError(f"{place_in(file, text, 'runs')}: runs must be a list")
    found = []
    for number, run in enumerate(runs):
        where = place_in(file, text, "runs", number) if not isinstance(run, dict) else ""
        if where:
            raise UsageError(f"{where}: a run must be an object")
        folder = run.get("directory")
        if folder is None:
            notes.append(f"run {number + 1} of {file.parent.name} ended without a verdict")
        elif isinstance(folder, str) and is_file_name(folder):
            found.append(read_run(file.absolute().parent.parent / folder))
        else:
            where = place_in(file, text, "runs", number, "directory")
            raise UsageError(f"{where}: {folder!r} is no name of a folder beside the series")
    return found
