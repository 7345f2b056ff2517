"""What lies in the folder of a session: its hashes, and its runs judged again. Only reads."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from harness import report
from harness.apps.gameday.day_record import PAGE_FILE, PRINT_FILE, RECORD_FILE
from harness.apps.gameday.session import RUNS_FOLDER
from harness.core.documents import json_of
from harness.core.errors import HarnessError, UsageError
from harness.core.files import read_regular, real
from harness.history.events import Seal
from harness.history.manifest import seal_of
from harness.history.reader import Facts, read_facts
from harness.history.run_directory import RunDirectory
from harness.plan.plan import Plan
from harness.verdict.judge import judge
from harness.verdict.types import Verdict

VERDICT_FILE = "verdict.json"
_OF_A_RUN = ("plan.json", "status.json", "arrivals.jsonl")
_OF_THE_RECORD = frozenset((RECORD_FILE, PAGE_FILE, PRINT_FILE))
_PASSING = (".part", ".lock", ".sock", ".pid")
"""Files with such names come and go while a program works; they are no evidence."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class JudgedStep:
    """A stored run as it is judged now. ``kept`` is its ``verdict.json``, None without one."""

    plan: Plan
    facts: Facts
    verdict: Verdict
    kept: bytes | None

    @property
    def figures(self) -> str:
        """What its ``verdict.json`` should be."""
        return report.figures(self.verdict)

    @property
    def as_kept(self) -> bool:
        """Whether judging it again gives what it kept, byte for byte but for who judged."""
        try:
            kept_by = str(json_of(self.kept or b"{}")["judged_by"])
        except (ValueError, LookupError, TypeError):
            return False
        same_judge = replace(self.verdict, judged_by=kept_by)
        return self.kept == report.figures(same_judge).encode()


@dataclass(frozen=True, slots=True)
class NotJudged:
    """A stored run that cannot be judged, and why."""

    reason: str


Runs = dict[str, JudgedStep | NotJudged]
"""By the name of their folder below ``runs/``."""


def hashes(session: Path) -> dict[str, Seal]:
    """Size and SHA-256 of every file of a session, by its path in it.

    Left out are what a record writes, links, hidden files and those that only live while a program
    works.

    Raises:
        HarnessError: a file cannot be read.
    """
    found = {}
    for folder, folders, names in os.walk(session):
        if Path(folder) == session / RUNS_FOLDER:
            folders[:] = [path.name for path in _runs_in(Path(folder))]
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for name in names:
            path = Path(folder) / name
            key = path.relative_to(session).as_posix()
            if _is_raw(path) and key not in _OF_THE_RECORD:
                found[key] = _seal(path)
    return dict(sorted(found.items()))


def _is_raw(path: Path) -> bool:
    passing = path.name.startswith(".") or path.name.endswith(_PASSING)
    return not passing and not path.is_symlink() and path.is_file()


def _seal(path: Path) -> Seal:
    try:
        return seal_of(path)
    except OSError as error:
        raise HarnessError(f"{path} cannot be read: {error.strerror}") from error


def runs_of(session: Path, tell: Tell) -> Runs:
    """Every run below ``runs/``, judged again."""
    folder = session / RUNS_FOLDER
    if not folder.is_dir():
        return {}
    runs: Runs = {}
    for path in _runs_in(folder):
        # A series, which has no plan, is no run.
        if any((path / name).exists() for name in _OF_A_RUN):
            tell(f"judging {RUNS_FOLDER}/{path.name}")
            runs[path.name] = judged(path)
    return runs


def _runs_in(folder: Path) -> list[Path]:
    """Folders of runs. ``latest`` is a link to one, which a copy may have made a folder of."""
    return [
        path
        for path in sorted(folder.iterdir())
        if path.is_dir() and not path.is_symlink() and path.name != "latest" and path.name[0] != "."
    ]


def judged(path: Path) -> JudgedStep | NotJudged:
    """One stored run, by its own objectives."""
    directory = RunDirectory(real(path))
    try:
        plan = directory.read_plan()
        facts = read_facts(directory, plan)
    except (UsageError, HarnessError) as error:
        return NotJudged(_without_path(str(error), path))
    try:
        verdict = judge(plan, facts)
    except Exception:
        if not facts.damage:
            raise
        return NotJudged(f"its evidence is damaged and contradicts itself: {facts.damage[0]}")
    return JudgedStep(plan, facts, verdict, _kept(path))


def _kept(path: Path) -> bytes | None:
    try:
        return read_regular(path / VERDICT_FILE)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HarnessError(f"{path / VERDICT_FILE} cannot be read: {error.strerror}") from error


def _without_path(text: str, path: Path) -> str:
    """The same words wherever the session lies."""
    return text.replace(str(real(path)), path.name)
