"""The format of ``resilience.yaml`` as types, from which its JSON Schema is made."""

import json
import re
from collections.abc import Callable
from contextlib import suppress
from decimal import Decimal
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, WithJsonSchema, create_model
from pydantic_core import PydanticCustomError

from harness.core import durations
from harness.core.yaml_models import VERSION_HINT, Section, VersionOne, one_of, shown, wrong
from harness.plan.objectives import (
    COUNT_MAX,
    FAILED_SHARE_MAX,
    INVARIANTS,
    KINDS,
    MEANINGS,
    RUNS_MAX,
    Kind,
    OnInconclusive,
    SteadyState,
    bounds,
)
from harness.plan.stop_conditions import OFF, STOP_KINDS, STOP_MEANINGS, StopKind, most

_NUMBER = r"(0|[1-9][0-9]{0,8})(\.[0-9]{1,9})?"
SHARE = re.compile(rf"(?P<number>{_NUMBER}) ?%")
STARTED_SHARE_LEAST = 0.5


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


def share(value: Any) -> float:
    """A share in per cent, as a number from 0 to 1."""
    return _share(value, 0.0, 1.0)


def _share(value: Any, least: float, most: float) -> float:
    found = SHARE.fullmatch(value) if isinstance(value, str) else None
    if found is None:
        per_cent = f"{100 * value:g}%" if isinstance(value, int | float) else ""
        hint = _meant(lambda text: _share(text, least, most), value, per_cent, "{:g}%")
        raise wrong(f"{shown(value)} must be a share with its per cent sign, like 0.5%{hint}")
    number = Decimal(found["number"]) / 100
    if not least <= number <= most:
        raise wrong(f"{shown(value)} must be from {100 * least:g}% to {100 * most:g}%")
    return float(number)


def count(least: int, most: int) -> Callable[[Any], int]:
    """A reader of whole numbers without a unit."""

    def read(value: Any) -> int:
        if isinstance(value, bool) or not isinstance(value, int) or not least <= value <= most:
            raise wrong(f"{shown(value)} must be a whole number from {least} to {most}")
        return value

    return read


def ratio(value: Any) -> float:
    """A number without a unit."""
    least, most = bounds("ratio")
    number = isinstance(value, int | float) and not isinstance(value, bool)
    if not number or not least <= value <= most:
        raise wrong(f"{shown(value)} must be a number from {least:g} to {most:g}")
    return float(value)


def _share_within(least: float, most: float) -> Callable[[Any], float]:
    return lambda value: _share(value, least, most)


def _text(pattern: re.Pattern[str], *examples: str) -> dict[str, Any]:
    # JSON Schema knows no named groups.
    plain = re.sub(r"\?P<\w+>", "", pattern.pattern)
    return {"type": "string", "pattern": f"^{plain}$", "examples": list(examples)}


DURATION: dict[str, Any] = {
    "anyOf": [
        {"type": "string", "pattern": durations.pattern()},
        {"type": "number", "minimum": 0, "maximum": bounds("seconds")[1]},
    ],
    "examples": ["10s", "2m"],
}
"""In JSON Schema."""
_UP_TO_ALL = re.compile(r"(100(\.0{1,9})?|[1-9]?[0-9](\.[0-9]{1,9})?) ?%")
_COUNT = {"type": "integer", "minimum": 0, "maximum": COUNT_MAX}
_RATIO = {"type": "number", "minimum": bounds("ratio")[0], "maximum": bounds("ratio")[1]}
_READERS: dict[Kind, tuple[Callable[[Any], Any], dict[str, Any]]] = {
    "seconds": (seconds, DURATION),
    "milliseconds": (
        milliseconds,
        {"type": "string", "pattern": durations.pattern(unit=True), "examples": ["250ms", "1s"]},
    ),
    "share": (share, _text(_UP_TO_ALL, "0.5%")),
    "count": (count(0, COUNT_MAX), _COUNT),
    "ratio": (ratio, _RATIO),
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
        """What is told of a key that is not known; some say what no limit can allow."""
        if key.removesuffix("_max").removesuffix("_share") in INVARIANTS:
            return f"{key} is not set here: none is ever allowed, in any run, so there is no limit"
        return super().unknown(key)


def _limits() -> type[_Section]:
    """One key for each field of `Objectives`, in the unit of its kind."""
    made: dict[str, Any] = {}
    for name, kind in KINDS.items():
        reader, schema = _READERS[kind]
        annotated = Annotated[Any, BeforeValidator(reader), WithJsonSchema(schema)]
        made[name] = (annotated, Field(default=None, description=MEANINGS[name]))
    doc = "Limits on measured values. What must never happen to money holds without being named."
    return create_model("Objectives", __base__=_Section, __doc__=doc, **made)


Limits = _limits()


_WORDS = {"on": True, "off": False}
"""Truth values in YAML 1.1, as it is read here; words in YAML 1.2, as editors read it."""


def _known(value: Any) -> Any:
    return _WORDS.get(value, value) if isinstance(value, str) else value


def _switch(value: Any) -> bool:
    value = _known(value)
    if not isinstance(value, bool):
        raise wrong(f"{shown(value)} must be on or off")
    return value


def _budget(kind: StopKind) -> Callable[[Any], Any]:
    def read(value: Any) -> Any:
        value = _known(value)
        if value is False:
            return OFF
        if isinstance(value, bool) or not isinstance(value, int) or not 0 <= value <= most(kind):
            raise wrong(f"{shown(value)} must be a whole number from 0 to {most(kind)}, or off")
        return value

    return read


def _stop() -> type[_Section]:
    """One key for each field of `StopConditions`."""
    made: dict[str, Any] = {}
    for name, kind in STOP_KINDS.items():
        reader: Callable[[Any], Any] = _switch
        schema: dict[str, Any] = {"enum": [True, False, *_WORDS]}
        if kind != "switch":
            number = {"type": "integer", "minimum": 0, "maximum": most(kind)}
            reader, schema = _budget(kind), {"anyOf": [number, {"enum": [False, "off"]}]}
        annotated = Annotated[Any, BeforeValidator(reader), WithJsonSchema(schema)]
        made[name] = (annotated, Field(default=None, description=STOP_MEANINGS[name]))
    doc = "What ends a run at once: harm beyond what its scenario accepts."
    return create_model("Stop", __base__=_Section, __doc__=doc, **made)


Stop = _stop()


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
        BeforeValidator(_share_within(0.0001, FAILED_SHARE_MAX)),
        WithJsonSchema(_text(_UP_TO_ALL, "2.5%", "0.5%")),
    ] = Field(
        default=FAILED_SHARE_MAX,
        description="what the upper bound of its share of failures must stay under; 2.5% at most",
    )
    min_started: Annotated[
        float,
        BeforeValidator(_share_within(STARTED_SHARE_LEAST, 1.0)),
        WithJsonSchema(_text(_UP_TO_ALL, "98%")),
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
