"""The little world of one case: a home, a temporary folder, a working folder with scenarios and
runs; and what is new, changed or gone in it afterwards.
"""

import os
import shutil
import stat
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from fnmatch import fnmatch
from pathlib import Path

from harness.apps.gameday import render_record
from harness.report.archive import open_history, read_run
from harness.verdict import series

ROOT = Path(__file__).resolve().parents[2]
WORK = "work"
VICTIM = "home/precious"
"""What foreign files name as theirs to delete or to overwrite."""
BYSTANDER = f"{VICTIM}/process.json"
"""A process that no case may end, for them to name."""
RUN, SERIES, SESSION, HISTORY = "runs/stored-1", "runs/series-1", "session", "history"
NOWHERE = "/nonexistent"
_IGNORED = ("*/__pycache__", "*/__pycache__/*")
"""What Python itself writes beside any file that is imported."""
_KEPT = ("PATH", "LANG", "LC_ALL", "LC_CTYPE", "PYTHONPATH", "SSL_CERT_FILE", "VIRTUAL_ENV")

Seen = Mapping[str, tuple[object, ...]]


@dataclass(frozen=True, slots=True)
class Sandbox:
    """The folders of one case; ``said`` holds its standard streams."""

    root: Path

    @property
    def work(self) -> Path:
        """Where the case is started."""
        return self.root / WORK

    @property
    def said(self) -> Path:
        """Beside what is compared."""
        return self.root.with_name(f"{self.root.name}.said")

    def environment(self, more: Mapping[str, str | None]) -> dict[str, str]:
        """That of every case, in which no stack can start, and what this one adds or takes away."""
        home = str(self.root / "home")
        fixed = {
            "HOME": home,
            "TMPDIR": str(self.root / "tmp"),
            "XDG_CACHE_HOME": f"{home}/.cache",
            "XDG_CONFIG_HOME": f"{home}/.config",
            "XDG_DATA_HOME": f"{home}/.local/share",
            "XDG_STATE_HOME": f"{home}/.local/state",
            "TOXIPROXY_SERVER": f"{NOWHERE}/toxiproxy-server",
            "PG_BIN_DIR": NOWHERE,
            "OPENBLAS_NUM_THREADS": "1",
        }
        kept = {name: os.environ[name] for name in _KEPT if name in os.environ}
        every: dict[str, str | None] = {**kept, **fixed, **more}
        return {name: value for name, value in every.items() if value is not None}

    def remove(self) -> None:
        """Leave nothing of it, locked folders included."""
        for folder in (self.root, self.said):
            for path, _, _ in os.walk(folder):
                os.chmod(path, 0o700)  # noqa: PTH101  # a path of any bytes
            shutil.rmtree(folder, ignore_errors=True)


def template(folder: Path) -> Path:
    """What every world is a copy of: scenarios, a run that passed, a series of it, a session, past
    verdicts.
    """
    from tests.gameday.stored_days import run_of, small_day  # noqa: PLC0415  # brings much

    work = folder / WORK
    for name in (VICTIM, "tmp", f"{WORK}/scenarios", f"{WORK}/runs"):
        (folder / name).mkdir(parents=True)
    (folder / VICTIM / "letter.txt").write_text("precious\n")
    for name in ("baseline.py", "network_partition.py"):
        shutil.copy(ROOT / "scenarios" / name, work / "scenarios" / name)
    session = small_day(work / SESSION)
    render_record.write(session, lambda _: None)
    shutil.copytree(run_of(session), work / RUN)
    (work / "runs" / "latest").symlink_to(Path(RUN).name)
    verdict = read_run(work / RUN).verdict
    one = series.run_of(1, 1, verdict.exit_code, Path(RUN).name, verdict)
    (work / SERIES).mkdir()
    body = series.to_json(series.series_of(verdict.scenario, 1, (one,), None))
    (work / SERIES / "series.json").write_text(body)
    past = open_history(work / HISTORY, create=True)
    past.save("main", read_run(work / RUN))
    return folder


def make(root: Path, template_of_all: Path) -> Sandbox:
    """A new one, like the template."""
    shutil.copytree(template_of_all, root, symlinks=True)
    sandbox = Sandbox(root)
    sandbox.said.mkdir()
    return sandbox


def look(root: Path) -> Seen:
    """Everything below a folder: its kind, size, time of the last change, and where links lead."""
    found: dict[str, tuple[object, ...]] = {}
    for folder, folders, files in os.walk(root):
        for name in (*folders, *files):
            path = os.path.join(folder, name)  # noqa: PTH118  # names of any bytes
            try:
                about = os.lstat(path)
            except OSError:
                continue
            is_folder = stat.S_ISDIR(about.st_mode)
            link = os.readlink(path) if stat.S_ISLNK(about.st_mode) else ""  # noqa: PTH115
            change = (0, 0) if is_folder else (about.st_size, about.st_mtime_ns)
            found[os.path.relpath(path, root)] = (about.st_mode, *change, link)
    return found


def differences(before: Seen, after: Seen, may_write: Iterable[str]) -> list[str]:
    """What is new, changed or gone but for what the case may write, with one word each."""
    places = (p.replace("~", "home", 1) if p[:1] == "~" else f"{WORK}/{p}" for p in may_write)
    allowed = [*_IGNORED, *places]

    def counts(name: str) -> bool:
        return not any(fnmatch(name, pattern) for pattern in allowed)

    new = [f"new {name}" for name in sorted(after.keys() - before.keys()) if counts(name)]
    gone = [f"gone {name}" for name in sorted(before.keys() - after.keys()) if counts(name)]
    both = sorted(before.keys() & after.keys())
    changed = [f"changed {n}" for n in both if before[n] != after[n] and counts(n)]
    return [*new, *gone, *changed]
