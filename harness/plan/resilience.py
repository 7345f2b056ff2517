"""``resilience.yaml``: what a service must withstand, read strictly into `Objectives`.

A file is taken whole or not at all: everything that is wrong with it is told at once, each with its
line and column and with what would be valid.
"""

import difflib
from collections.abc import Iterable
from pathlib import Path
from typing import Any

from pydantic import BaseModel, ValidationError

from harness.core.located import Document, Problem, parse, refuse
from harness.core.text_file import text_of
from harness.plan.objectives import (
    INVARIANTS,
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
    problems = list(document.problems)
    checked: ResilienceFile | None = None
    if document.data is not None:
        try:
            checked = ResilienceFile.model_validate(document.data)
        except ValidationError as error:
            problems += _told(error, document)
        problems += _unknown_scenarios(document, path, running)
    if problems or checked is None:
        refuse(path, problems)
    return _resilience(checked, document, path.name)


# --- what is wrong -------------------------------------------------------------------------------


def _told(error: ValidationError, document: Document) -> list[Problem]:
    found = []
    for detail in error.errors():
        path = tuple(detail["loc"])
        line, column = document.place(path)
        match detail["type"]:
            case "extra_forbidden":
                line, column = document.keys.get(path, (line, column))
                text = _unknown_key(str(path[-1]), _keys_at(path[:-1]))
            case "missing":
                text = f"{path[-1]} is missing: begin with `version: 1`"
            case "model_type" | "dict_type":
                text = _no_section(path, document)
            case _:
                text = f"{path[-1]}: {detail['msg']}"
        found.append(Problem(line, column, text))
    return found


def _unknown_key(key: str, known: list[str]) -> str:
    if key.removesuffix("_max").removesuffix("_share") in INVARIANTS:
        return f"{key} is not set here: none is ever allowed, in any run, so there is no limit"
    meant = _meant(key, known)
    return f"{key!r} is not known here" + (meant or f"; valid are: {', '.join(known)}")


def _meant(word: str, known: Iterable[str]) -> str:
    close = difflib.get_close_matches(word, list(known), n=1, cutoff=0.6)
    return f", did you mean {close[0]}?" if close else ""


def _keys_at(path: tuple[int | str, ...]) -> list[str]:
    """The keys that a section of the format has."""
    model: type[BaseModel] = ResilienceFile
    names = list(path)
    if names[:1] == [SCENARIOS]:
        from_name = ResilienceFile.model_fields[SCENARIOS].annotation
        model, names = from_name.__args__[1], names[2:]  # type: ignore[union-attr]
    for name in names:
        model = model.model_fields[str(name)].annotation  # type: ignore[assignment]
    return list(model.model_fields)


def _no_section(path: tuple[int | str, ...], document: Document) -> str:
    value = document.data
    for name in path:
        value = value[name]
    name = str(path[-1]) if path else "the file"
    known = "names of scenarios" if path == (SCENARIOS,) else ", ".join(_keys_at(path))
    if value is None:
        return f"{name} has nothing in it: leave it out, or give it some of {known}"
    return f"{name} must be a section with keys: {known}"


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
            f"there is no scenario {name!r}"
            + (_meant(name, sorted(known)) or f"; there are: {', '.join(sorted(known))}"),
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
