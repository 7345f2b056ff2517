"""What lies in the folder of a session: its hashes, and its runs judged again. Only reads."""

import os
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from harness.apps.gameday.day_record import RECORD_FILE
from harness.apps.gameday.session_store import RUNS_FOLDER
from harness.core.documents import json_of
from harness.core.errors import HarnessError, UsageError
from harness.core.files import read_regular, real
from harness.history.events import Seal
from harness.history.manifest import seal_of
from harness.history.reader import Facts, read_facts
from harness.history.run_directory import RunDirectory
from harness.plan.plan import Plan
from harness.report.written import figures
from harness.verdict.judge import judge
from harness.verdict.types import Verdict

VERDICT_FILE = "verdict.json"
_OF_A_RUN = ("plan.json", "status.json", "arrivals.jsonl")
_PASSING = (".part", ".lock", ".sock", ".pid")
"""Files with such names come and go while a program works; they are no evidence."""

Tell = Callable[[str], None]


@dataclass(frozen=True, slots=True)
class StoredStep:
    """A stored run as it is judged now. ``trouble`` says why it cannot be, and then the rest is
    None; ``kept`` is its own ``verdict.json``, None without one.
    """

    trouble: str = ""
    plan: Plan | None = None
    facts: Facts | None = None
    verdict: Verdict | None = None
    kept: bytes | None = None

    @property
    def as_kept(self) -> bool:
        """Whether judging it again gives what it kept, byte for byte but for who judged."""
        try:
            kept_by = str(json_of(self.kept or b"{}")["judged_by"])
        except (ValueError, LookupError, TypeError):
            return False
        if self.verdict is None:
            return False
        return self.kept == figures(replace(self.verdict, judged_by=kept_by)).encode()


Runs = dict[str, StoredStep]
"""By the name of their folder below ``runs/``."""


def hashes(session: Path) -> dict[str, Seal]:
    """Size and SHA-256 of every file of a session but ``record.json``, by its path in it.

    Left out are links, hidden files and those that only live while a program
    works.

    Raises:
        HarnessError: a file cannot be read.
    """
    found = {}
    for folder, folders, names in os.walk(session):
        if Path(folder) == session / RUNS_FOLDER:
            folders[:] = [path.name for path in _runs_in(Path(folder))]
        folders[:] = sorted(name for name in folders if not name.startswith("."))
        for path in (Path(folder) / name for name in names):
            key = path.relative_to(session).as_posix()
            passing = path.name.startswith(".") or path.name.endswith(_PASSING)
            if not passing and key != RECORD_FILE and path.is_file() and not path.is_symlink():
                found[key] = seal(path)
    return dict(sorted(found.items()))


def seal(path: Path) -> Seal:
    """Size and SHA-256 of a file.

    Raises:
        HarnessError: it cannot be read.
    """
    try:
        return seal_of(path)
    except OSError as error:
        raise HarnessError(f"{path} cannot be read: {error.strerror}") from error


def runs_of(session: Path, tell: Tell) -> Runs:
    """Every run below ``runs/``, judged again by its own objectives."""
    folder = session / RUNS_FOLDER
    runs: Runs = {}
    for path in _runs_in(folder) if folder.is_dir() else ():
        # A series, which has no plan, is no run.
        if any((path / name).exists() for name in _OF_A_RUN):
            tell(f"judging {RUNS_FOLDER}/{path.name}")
            runs[path.name] = _judged(path)
    return runs


def _runs_in(folder: Path) -> list[Path]:
    """Folders of runs. ``latest`` is a link to one, which a copy may have made a folder of."""
    return [
        path
        for path in sorted(folder.iterdir())
        if path.is_dir() and not path.is_symlink() and path.name != "latest" and path.name[0] != "."
    ]


def _judged(path: Path) -> StoredStep:
    directory = RunDirectory(real(path))
    try:
        plan = directory.read_plan()
        facts = read_facts(directory, plan)
    except (UsageError, HarnessError) as error:
        # The same words wherever the session lies.
        return StoredStep(str(error).replace(str(real(path)), path.name))
    try:
        verdict = judge(plan, facts)
    except Exception:
        if not facts.damage:
            raise
        return StoredStep(f"its evidence is damaged and contradicts itself: {facts.damage[0]}")
    return StoredStep("", plan, facts, verdict, _kept(path / VERDICT_FILE))


def _kept(path: Path) -> bytes | None:
    try:
        return read_regular(path)
    except FileNotFoundError:
        return None
    except OSError as error:
        raise HarnessError(f"{path} cannot be read: {error.strerror}") from error
