"""``resilience.yaml``: what a service must withstand, read strictly into `Objectives`.

A file is taken whole or not at all: everything that is wrong with it is told at once, each with its
line and column and with what would be valid.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

from harness.core.files import text_of
from harness.core.yaml_models import Document, Problem, checked, choices, parse, refuse
from harness.plan.objectives import (
    STEADY_STATE_KEYS,
    Objectives,
    Resilience,
    SteadyState,
)
from harness.plan.resilience_format import Limits, ResilienceFile, schema_text
from harness.plan.stop_conditions import STOP_KINDS, StopConditions

__all__ = ["FILE_NAME", "find", "read", "schema_text"]

FILE_NAME = "resilience.yaml"
SCENARIOS = "scenarios"


def find(given: str | Path | None, folder: Path = Path()) -> Path | None:
    """The file to read: the one that was named, else ``resilience.yaml`` where there is one.

    Both are looked for in ``folder``: the current one, unless it may have changed since.
    """
    if given:
        return folder / given
    path = folder / FILE_NAME
    return path if path.exists() or path.is_symlink() else None


def read(path: Path, running: Iterable[str] = ()) -> Resilience:
    """Read one file; ``running`` are the scenarios that are about to be run or judged.

    Raises:
        UsageError: it cannot be read, or something in it is wrong; everything is named.
    """
    document = parse(text_of(path, FILE_NAME))
    file = checked(ResilienceFile, document)
    document.problems += _unknown_scenarios(document, path, running)
    if document.problems or file is None:
        refuse(path, document.problems)
    return _resilience(file, document, path.name)


# --- what is wrong -------------------------------------------------------------------------------


def _unknown_scenarios(document: Document, path: Path, running: Iterable[str]) -> list[Problem]:
    """Names in ``scenarios:`` that no file has; told only where a ``scenarios`` folder is beside.

    A limit under a misspelt name would never count, and nobody would notice. Scenario files may
    also lie elsewhere, up to two folders below.
    """
    root = path.absolute().parent
    section = document.data.get(SCENARIOS) if isinstance(document.data, dict) else None
    if not isinstance(section, dict) or not (root / SCENARIOS).is_dir():
        return []
    there = {p.stem for p in (root / SCENARIOS).glob("[!_]*.py")}
    known = there | set(running)
    return [
        Problem(
            *document.keys[(SCENARIOS, name)],
            f"there is no scenario {name!r}{choices(name, sorted(known))}",
        )
        for name in section
        if name not in known and not _lies_below(root, name)
    ]


def _lies_below(root: Path, name: str) -> bool:
    if not name.replace("-", "_").isidentifier():
        return False
    return any(next(root.glob(f"{folders}{name}.py"), None) for folders in ("", "*/", "*/*/"))


# --- what it says --------------------------------------------------------------------------------


def _resilience(file: ResilienceFile, document: Document, name: str) -> Resilience:
    steady = file.steady_state
    return Resilience(
        name=name,
        objectives=_objectives(file.objectives),
        scenarios={n: _objectives(section.objectives) for n, section in file.scenarios.items()},
        steady_state=SteadyState(
            **{name: getattr(steady, key) for key, name in STEADY_STATE_KEYS.items()}
        ),
        runs=file.defaults.runs,
        runs_of={n: section.runs for n, section in file.scenarios.items() if section.runs},
        on_inconclusive=file.defaults.on_inconclusive,
        stop=_stop(file.stop),
        stop_of={n: _stop(section.stop) for n, section in file.scenarios.items()},
        places={
            ".".join(str(part) for part in path): f"{name}:{line}"
            for path, (line, _) in document.keys.items()
        },
    )


def _objectives(limits: Any) -> Objectives:
    return Objectives(**{name: getattr(limits, name) for name in Limits.model_fields})


def _stop(conditions: Any) -> StopConditions:
    return StopConditions(**{name: getattr(conditions, name) for name in STOP_KINDS})
