"""``resilience.yaml``, what a service must withstand: its format as types, from which its JSON
Schema is made, and how it is read, strictly, into `Resilience`.

A file is taken whole or not at all: everything that is wrong with it is reported at once, each with
its line and column and with what would be valid.
"""

import json
import re
from collections.abc import Callable, Iterable, Mapping
from contextlib import suppress
from decimal import Decimal
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, WithJsonSchema, create_model
from pydantic_core import PydanticCustomError

from harness.core import durations
from harness.core.files import text_of
from harness.core.yaml_models import (
    VERSION_HINT,
    Document,
    Problem,
    Section,
    VersionOne,
    checked,
    choices,
    one_of,
    parse,
    refuse,
    shown,
    wrong,
)
from harness.plan.objectives import (
    COUNT_MAX,
    FAILED_SHARE_MAX,
    INVARIANTS,
    KINDS,
    MEANINGS,
    RUNS_MAX,
    STEADY_STATE_KEYS,
    Kind,
    Objectives,
    OnInconclusive,
    Resilience,
    SteadyState,
    bounds,
)
from harness.plan.stop_conditions import (
    OFF,
    STOP_KINDS,
    STOP_MEANINGS,
    StopConditions,
    StopKind,
    most,
)

FILE_NAME = "resilience.yaml"
SCENARIOS = "scenarios"
_SHARE = re.compile(r"((?:0|[1-9][0-9]{0,8})(?:\.[0-9]{1,9})?) ?%")


def _meant(read: Callable[[Any], Any], value: Any, *forms: str) -> str:
    """What a number without its unit may stand for, as far as that would be taken."""
    found = []
    for form in forms if isinstance(value, int | float) and not isinstance(value, bool) else ():
        text = form.format(value)
        with suppress(PydanticCustomError):
            read(text)
            found.append(text)
    return f"; did you mean {' or '.join(found)}?" if found else ""


def seconds(value: Any) -> float:
    """A duration, in seconds; a number alone is seconds."""
    return _duration(value, durations.seconds, 1)


def milliseconds(value: Any) -> float:
    """A duration with its unit, in milliseconds."""
    return _duration(value, durations.milliseconds, 1000, "{:g}ms")


def _duration(
    value: Any, read: Callable[[Any], float], of_a_second: int, *meant_forms: str
) -> float:
    try:
        number = read(value)
    except ValueError as error:
        hint = _meant(milliseconds, value, *meant_forms)
        raise wrong(f"{shown(value)} {error}{hint}") from error
    if number > bounds("seconds")[1] * of_a_second:
        raise wrong(f"{shown(value)} must be from 0s to 24h")
    return number


def share(least: float, most: float) -> Callable[[Any], float]:
    """A reader of shares in per cent, as a number from 0 to 1."""

    def read_share(value: Any) -> float:
        found = _SHARE.fullmatch(value) if isinstance(value, str) else None
        if found is None:
            per_cent = f"{100 * value:g}%" if isinstance(value, int | float) else ""
            hint = _meant(read_share, value, per_cent, "{:g}%")
            raise wrong(f"{shown(value)} must be a share with its per cent sign, like 0.5%{hint}")
        number = Decimal(found[1]) / 100
        if not least <= number <= most:
            raise wrong(f"{shown(value)} must be from {100 * least:g}% to {100 * most:g}%")
        return float(number)

    return read_share


def count(least: int, most: int, more: str = "") -> Callable[[Any], int]:
    """A reader of whole numbers without a unit."""

    def read_count(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise wrong(f"{shown(value)} must be a whole number from {least} to {most}{more}")
        return value

    return read_count


def ratio(value: Any) -> float:
    """A number without a unit."""
    least, most = bounds("ratio")
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not least <= value <= most:
        raise wrong(f"{shown(value)} must be a number from {least:g} to {most:g}")
    return float(value)


def _share_schema(*examples: str) -> dict[str, Any]:
    up_to_all = r"^(100(\.0{1,9})?|[1-9]?[0-9](\.[0-9]{1,9})?) ?%$"
    return {"type": "string", "pattern": up_to_all, "examples": list(examples)}


DURATION: dict[str, Any] = {
    "anyOf": [
        {"type": "string", "pattern": durations.pattern()},
        {"type": "number", "minimum": 0, "maximum": bounds("seconds")[1]},
    ],
    "examples": ["10s", "2m"],
}
"""In JSON Schema."""
_READERS: dict[Kind, tuple[Callable[[Any], Any], dict[str, Any]]] = {
    "seconds": (seconds, DURATION),
    "milliseconds": (
        milliseconds,
        {"type": "string", "pattern": durations.pattern(unit=True), "examples": ["250ms", "1s"]},
    ),
    "share": (share(0.0, 1.0), _share_schema("0.5%")),
    "count": (count(0, COUNT_MAX), {"type": "integer", "minimum": 0, "maximum": COUNT_MAX}),
    "ratio": (
        ratio,
        {"type": "number", "minimum": bounds("ratio")[0], "maximum": bounds("ratio")[1]},
    ),
}

Seconds = Annotated[float, BeforeValidator(seconds), WithJsonSchema(_READERS["seconds"][1])]
Runs = Annotated[
    int,
    BeforeValidator(count(1, RUNS_MAX)),
    WithJsonSchema({"type": "integer", "minimum": 1, "maximum": RUNS_MAX}),
]


class _Section(Section):
    """A part of the file."""

    @classmethod
    def unknown(cls, key: str) -> str:
        """The message for an unknown key; for an invariant, that no limit can allow it."""
        if key.removesuffix("_max").removesuffix("_share") in INVARIANTS:
            return f"{key} is not set here: none is ever allowed, in any run, so there is no limit"
        return super().unknown(key)


def _section(
    name: str, doc: str, keys: Mapping[str, tuple[Callable[[Any], Any], dict[str, Any], str]]
) -> type[_Section]:
    """A part of the file with these keys: how each is read, its JSON Schema, and what it means."""
    made: dict[str, Any] = {
        key: (
            Annotated[Any, BeforeValidator(reader), WithJsonSchema(schema)],
            Field(default=None, description=meaning),
        )
        for key, (reader, schema, meaning) in keys.items()
    }
    return create_model(name, __base__=_Section, __doc__=doc, **made)


Limits = _section(
    "Objectives",
    "Limits on measured values. What must never happen to money holds without being named.",
    {name: (*_READERS[kind], MEANINGS[name]) for name, kind in KINDS.items()},
)

_WORDS = {"on": True, "off": False}
"""Truth values in YAML 1.1, as it is read here; words in YAML 1.2, as editors read it."""


def _known(value: Any) -> Any:
    return _WORDS.get(value, value) if isinstance(value, str) else value


def _switch(value: Any) -> bool:
    value = _known(value)
    if not isinstance(value, bool):
        raise wrong(f"{shown(value)} must be on or off")
    return value


def _budget(most: int) -> Callable[[Any], Any]:
    number = count(0, most, ", or off")

    def read_budget(value: Any) -> Any:
        value = _known(value)
        return OFF if value is False else number(value)

    return read_budget


def _condition(kind: StopKind) -> tuple[Callable[[Any], Any], dict[str, Any]]:
    if kind == "switch":
        return _switch, {"enum": [True, False, *_WORDS]}
    number = {"type": "integer", "minimum": 0, "maximum": most(kind)}
    return _budget(most(kind)), {"anyOf": [number, {"enum": [False, "off"]}]}


Stop = _section(
    "Stop",
    "What ends a run at once: harm beyond what its scenario accepts.",
    {name: (*_condition(kind), STOP_MEANINGS[name]) for name, kind in STOP_KINDS.items()},
)


class Defaults(_Section):
    """How runs are made and what becomes of a run that decides nothing."""

    runs: Runs = Field(default=1, description="runs of each scenario, one after the other")
    on_inconclusive: Annotated[OnInconclusive, BeforeValidator(one_of("fail", "inconclusive"))] = (
        Field(
            default="inconclusive",
            description="exit code of a run that decides nothing: 1 for fail, else 3",
        )
    )


class SteadyStateSection(_Section):
    """What the baseline must be, for anything to be compared with it."""

    min_baseline: Seconds = Field(
        default=SteadyState().min_baseline_s, description="least length of the baseline"
    )
    max_bad: Annotated[
        float,
        BeforeValidator(share(0.0001, FAILED_SHARE_MAX)),
        WithJsonSchema(_share_schema("2.5%", "0.5%")),
    ] = Field(
        default=FAILED_SHARE_MAX,
        description="what the upper bound of its share of failures must stay under; 2.5% at most",
    )
    min_started: Annotated[
        float,
        BeforeValidator(share(0.5, 1.0)),
        WithJsonSchema(_share_schema("98%")),
    ] = Field(
        default=SteadyState().started_share_min,
        description="how much of its planned load must have been started; 50% at least",
    )


class ScenarioSection(_Section):
    """What differs for one scenario, which is the name of its file without .py."""

    objectives: Limits = Field(default_factory=Limits)  # type: ignore[valid-type]
    stop: Stop = Field(default_factory=Stop)  # type: ignore[valid-type]
    runs: Runs = Field(default=0, description="as in defaults")


class ResilienceFile(_Section):
    """What a service must withstand: limits, in how many runs, against what baseline."""

    HINTS: ClassVar = {"version": VERSION_HINT, "scenarios": "names of scenarios"}

    version: VersionOne = Field(description="of this format")
    defaults: Defaults = Field(default_factory=Defaults)
    steady_state: SteadyStateSection = Field(default_factory=SteadyStateSection)
    objectives: Limits = Field(default_factory=Limits)  # type: ignore[valid-type]
    stop: Stop = Field(default_factory=Stop)  # type: ignore[valid-type]
    scenarios: dict[str, ScenarioSection] = Field(default_factory=dict)


def schema_text() -> str:
    """The JSON Schema as the published file ``docs/resilience.schema.json`` holds it.

    Of draft 7, which is what yaml-language-server, and so most editors, read.
    """
    schema = ResilienceFile.model_json_schema(ref_template="#/definitions/{model}")
    schema["definitions"] = schema.pop("$defs")
    for part in (schema, *schema["definitions"].values()):
        for entry in part["properties"].values():
            entry.pop("default", None)  # the format's own units differ from those of the code
            entry.pop("title", None)
    whole = {"$schema": "http://json-schema.org/draft-07/schema#", **schema}
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"


# --- reading -------------------------------------------------------------------------------------


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

    `UsageError` names everything that is wrong with it.
    """
    document = parse(text_of(path, FILE_NAME))
    file = checked(ResilienceFile, document)
    document.problems += _unknown_scenarios(document, path, running)
    if document.problems or file is None:
        refuse(path, document.problems)
    return _resilience(file, document, path.name)


def _unknown_scenarios(document: Document, path: Path, running: Iterable[str]) -> list[Problem]:
    """Names in ``scenarios:`` that no file has; told only where a ``scenarios`` folder is beside.

    A limit under a misspelt name would never count, and no one would notice. Scenario files may
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
        # One of several in a file is called like the file and its class: net.Partition.
        if known.isdisjoint((name, stem := name.partition(".")[0])) and not _lies_below(root, stem)
    ]


def _lies_below(root: Path, name: str) -> bool:
    if not name.replace("-", "_").isidentifier():
        return False
    return any(next(root.glob(f"{folders}{name}.py"), None) for folders in ("", "*/", "*/*/"))


def _resilience(file: ResilienceFile, document: Document, name: str) -> Resilience:
    steady = file.steady_state
    return Resilience(
        name=name,
        objectives=Objectives(**dict(file.objectives)),
        scenarios={
            n: Objectives(**dict(section.objectives)) for n, section in file.scenarios.items()
        },
        steady_state=SteadyState(
            **{name: getattr(steady, key) for key, name in STEADY_STATE_KEYS.items()}
        ),
        runs=file.defaults.runs,
        runs_of={n: section.runs for n, section in file.scenarios.items() if section.runs},
        on_inconclusive=file.defaults.on_inconclusive,
        stop=StopConditions(**dict(file.stop)),
        stop_of={n: StopConditions(**dict(section.stop)) for n, section in file.scenarios.items()},
        places={
            ".".join(str(part) for part in path): f"{name}:{line}"
            for path, (line, _) in document.keys.items()
        },
    )
