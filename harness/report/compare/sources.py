"""Which runs are meant: by a run directory, a series, or a label of the history."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from harness.core.errors import UsageError
from harness.report import words
from harness.report.archive import History, Stored, is_file_name, place_in, read_json, read_run
from harness.report.compare.comparison import left_out, same
from harness.verdict import series

SERIES_FILE = "series.json"


@dataclass(slots=True)
class FoundRuns:
    """Runs, and what is to be said of how they were chosen."""

    runs: list[Stored] = field(default_factory=list)
    notes: list[str] = field(default_factory=list)

    def add(self, runs: Iterable[Stored]) -> None:
        """Take runs; one that is there already is not counted twice."""
        for stored in runs:
            if _identity(stored) in map(_identity, self.runs):
                self.notes.append(f"{stored.verdict.run_id} is named twice and counted once")
            else:
                self.runs.append(stored)


@dataclass(frozen=True, slots=True)
class AskedRuns:
    """Where to look, and how much of a label to take: its newest ``last`` runs."""

    history: History | None
    scenario: str | None
    last: int

    def of_label(self, name: str) -> History | None:
        """The history, if it has this label: a bare word is one first, ``./main`` is a folder."""
        known = self.history is not None and name in self.history.labels()
        return self.history if known else None


def find_these(names: Sequence[str], asked: AskedRuns) -> FoundRuns:
    """All runs that are named, each once however often it is named. UsageError if a name stands for
    nothing, or something cannot be read.
    """
    found = FoundRuns()
    for name in names:
        if history := asked.of_label(name):
            runs = history.read(name, asked.scenario)
            found.add(_newest(name, runs, asked.last, found.notes))
        else:
            found.add(_at(name, asked, found.notes))
    return found


def find_baseline(names: Sequence[str], these: Sequence[Stored], asked: AskedRuns) -> FoundRuns:
    """The runs to compare with; of a label those of the same scenario and conditions, if any.
    UsageError as `find_these`.
    """
    found = FoundRuns()
    known = {_identity(stored) for stored in these}
    scenarios = sorted({stored.verdict.scenario for stored in these})
    for name in names:
        if history := asked.of_label(name):
            runs = [s for scenario in scenarios for s in history.read(name, scenario)]
            if not runs:
                found.notes.append(f"{name} has no run of {' and '.join(scenarios)} yet")
            others = [s for s in runs if _identity(s) not in known]
            chosen = _alike(name, others, these, found.notes)
            found.add(_newest(name, chosen, asked.last, found.notes))
        else:
            found.add(_at(name, asked, found.notes))
    twice = [s.verdict.run_id for s in found.runs if _identity(s) in known]
    if twice:
        ids = ", ".join(twice)
        found.notes.append(f"left out of the baseline, as it is compared with it: {ids}")
        found.runs = [s for s in found.runs if _identity(s) not in known]
    return found


def _identity(stored: Stored) -> tuple[str, str]:
    return stored.verdict.scenario, stored.verdict.run_id


def _newest(name: str, runs: list[Stored], last: int, notes: list[str]) -> list[Stored]:
    if len(runs) > last:
        notes.append(f"of {name} the newest {last} of {len(runs)} runs are taken (--last)")
    return runs[-last:]


def _alike(
    name: str, runs: list[Stored], these: Sequence[Stored], notes: list[str]
) -> list[Stored]:
    """Those of the same conditions; all where there is none, which the comparison reports."""
    models = [stored for stored in these if not left_out(stored)]
    alike = [s for s in runs if all(same(s, model) for model in models)]
    if not alike:
        return runs
    if len(alike) < len(runs):
        other = words.plural(len(runs) - len(alike), "run")
        notes.append(f"{other} of {name} under other conditions are not taken")
    return alike


def _at(name: str, asked: AskedRuns, notes: list[str]) -> list[Stored]:
    """The runs of a folder: a run directory or a series."""
    path = Path(name)
    if not path.exists():
        if asked.history is None:
            how = "to name a label of a history, give --history DIR"
            raise UsageError(f"there is no run {name}; {how}")
        labels = ", ".join(asked.history.labels()) or "none"
        what = f"the history has no such label; it has: {labels}"
        raise UsageError(f"there is no run {name}, and {what}")
    if path.is_file() and path.name != SERIES_FILE:
        raise UsageError(f"{path} is a file: name its run directory")
    file = path if path.is_file() else path / SERIES_FILE
    runs = _of_series(file, notes) if file.is_file() else [read_run(path)]
    return [s for s in runs if asked.scenario in (None, s.verdict.scenario)]


def _of_series(file: Path, notes: list[str]) -> list[Stored]:
    """All runs of a series, which lie beside its folder."""
    text, body = read_json(file, series.SCHEMA)
    runs = body.get("runs")
    if not isinstance(runs, list):
        raise UsageError(f"{place_in(file, text, 'runs')}: runs must be a list")
    found = []
    for number, run in enumerate(runs):
        if not isinstance(run, dict):
            raise UsageError(f"{place_in(file, text, 'runs', number)}: a run must be an object")
        folder = run.get("directory")
        if folder is None:
            notes.append(f"run {number + 1} of {file.parent.name} ended without a verdict")
        elif isinstance(folder, str) and is_file_name(folder):
            found.append(read_run(file.absolute().parent.parent / folder))
        else:
            where = place_in(file, text, "runs", number, "directory")
            raise UsageError(f"{where}: {folder!r} is no name of a folder beside the series")
    return found
