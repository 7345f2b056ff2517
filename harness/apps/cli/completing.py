"""What the shell may complete a word to. Nothing here starts anything, and nothing can fail.

A completion that raises would print a traceback into someone's half-typed command.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import typer

from harness.plan.fault_registry import specs
from harness.plan.planted_defects import DEFECTS, SERVICES
from harness.plan.run_options import SHOWN_OPTIONS
from harness.run.scenario_path import MARK, classes_in

_SHOWN_MAX = 30


def services(incomplete: str) -> list[str]:
    """Client settings of the reference service."""
    return _those(SERVICES, incomplete)


def defects(incomplete: str) -> list[str]:
    """Names of planted defects; the last of several, separated by commas."""
    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in _those(DEFECTS, last)]


def scenarios(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of the scenarios, or the values of the option of a run that stands before."""
    said = ctx.params.get("scenario") or []
    words = [said] if isinstance(said, str) else list(said)
    words += ctx.args if isinstance(said, str) else []
    before = str(words[-1]) if words else ""
    if before == "--defect":
        return defects(incomplete)
    for option in SHOWN_OPTIONS:
        if before in option.words and option.type.placeholder:
            return _those(option.type.choices, incomplete)
    if MARK in incomplete:
        return _those(_classes_of(incomplete.rpartition(MARK)[0]), incomplete)
    return _those((path.stem for path in _listed(Path("scenarios"), "[!_]*.py")), incomplete)


def _classes_of(name: str) -> list[str]:
    """The scenarios of a file, or of one under ``./scenarios``, each with its class."""
    paths = (Path(name), Path("scenarios") / name, Path("scenarios") / f"{name}.py")
    return [f"{name}{MARK}{each}" for path in paths for each in classes_in(path)]


def faults(incomplete: str) -> list[str]:
    """Every fault that ships, as far as its first parenthesis."""
    return _those((f"{name}(" for name in specs()), incomplete)


def codes(incomplete: str) -> list[tuple[str, str]]:
    """Everything that `lendchaos explain` knows, with its meaning."""
    from harness.verdict.catalogue import CATALOGUE  # noqa: PLC0415  # only where it is asked for

    return [(code, row.title) for code, row in CATALOGUE.items() if code.startswith(incomplete)]


def commands(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of the commands."""
    top: Any = ctx.find_root().command
    return _those(top.list_commands(ctx), incomplete)


def runs(incomplete: str) -> list[str]:
    """Run directories under ``./runs``, the newest first; none of another place."""
    return _newest(Path("runs"), "plan.json", incomplete)


def sessions(incomplete: str) -> list[str]:
    """Sessions of game days under ``./gamedays``, the newest first."""
    return _newest(Path("gamedays"), "plan.yaml", incomplete)


def _newest(folder: Path, holds: str, incomplete: str) -> list[str]:
    """Folders that hold a file of this name."""
    found = [path for path in _listed(folder, "*") if (path / holds).is_file()]
    return _those((str(path) for path in sorted(found, key=_age)[:_SHOWN_MAX]), incomplete)


def _age(run: Path) -> float:
    try:
        return -run.stat().st_mtime
    except OSError:
        return 0.0


def _those(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _listed(folder: Path, pattern: str) -> list[Path]:
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []
