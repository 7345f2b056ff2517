"""The plan of a game day: what it is to do, step by step, and the YAML file that says so.

It is read strictly: whole, or not at all. Everything that is wrong is told at once, each with its
line and column and with what would be valid. Nothing is started or written before a plan was read
to its end.
"""

import re
import shlex
import unicodedata
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field
from pydantic_core import PydanticCustomError

from harness.core.errors import UsageError
from harness.core.files import text_of
from harness.core.yaml_models import (
    VERSION_HINT,
    Document,
    Problem,
    Section,
    VersionOne,
    checked,
    choices,
    parse,
    refuse,
    shown,
    wrong,
    wrong_inside,
)
from harness.plan import resilience
from harness.plan.options import ALL_OPTIONS, Use
from harness.plan.resilience import seconds
from harness.run.given import given
from harness.run.runner import find_scenario, known_scenarios

FOR_ALL_STEPS = tuple(each.name for each in ALL_OPTIONS if Use.DAY in each.uses)
"""Options of the one stack that all steps use."""
OPTIONS = tuple(each.name for each in ALL_OPTIONS if each.uses & (Use.STEP | Use.DAY))
ABORT_WORD_LETTERS = (2, 20)
NAME_LETTERS_MAX = 60
_WORD = re.compile(r"[^\W\d_]+")
_TAKEN = ("go", "no", "note", "pause", "pulled", "restored", "resume", "skip", "yes")
"""Words that mean something else in a game day."""
_COMMAND_WORDS = ("pull", "pull_after", "restore", "restore_after")


@dataclass(frozen=True, slots=True, kw_only=True)
class GameDayStep:
    """One run of one scenario, under supervision.

    ``scenario`` is a name under ``./scenarios`` or a path. ``options`` are those of ``locust -f``,
    as words. ``expect`` says, in the planner's words, what should be seen. A step with a
    ``manual_fault`` breaks nothing itself: the text says what somebody is to break by hand while
    the scenario only watches. ``at_s`` is when it should begin and ``length_s`` how long it is
    planned to take, in seconds after the session's start; both None where nothing was planned.
    ``inject`` and ``restore`` are commands that stand in for the hand where nobody is there, each
    so many seconds after the load began. ``place`` is line and column in the file.
    """

    name: str
    scenario: str
    expect: str = ""
    manual_fault: str | None = None
    options: tuple[str, ...] = ()
    at_s: float | None = None
    length_s: float | None = None
    inject: tuple[str, ...] = ()
    restore: tuple[str, ...] = ()
    inject_after_s: float | None = None
    restore_after_s: float | None = None
    place: tuple[int, int] = (1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class GameDayPlan:
    """A whole game day.

    ``abort_word`` is what anybody says, or types, to end a step at once. ``roles`` maps a role to
    who holds it. ``host`` is the target; None is the local stack. ``options`` hold for all steps.
    ``objectives`` is the path of a ``resilience.yaml``; None for the one in the folder, if there is
    one. ``source`` is the file's text, as it was read: it is kept with the session.
    """

    title: str
    abort_word: str
    hypothesis: str
    steps: tuple[GameDayStep, ...]
    roles: Mapping[str, str] = field(default_factory=dict)
    host: str | None = None
    allow_targets: tuple[str, ...] = ()
    objectives: str | None = None
    options: tuple[str, ...] = ()
    source: str = ""

    def options_of(self, step: GameDayStep, seed: int | None = None) -> list[str]:
        """The words for Locust that both the day and the step ask for; the step has the last.

        ``seed`` is that of the whole day: steps that name none of their own count up from it.
        """
        words = [*self.options, *step.options]
        if self.host is not None:
            words.append(f"--host={self.host}")
        words += [f"--allow-target={host}" for host in self.allow_targets]
        if self.objectives is not None:
            words.append(f"--objectives={self.objectives}")
        if seed is not None and given(words).seed is None:
            words += ["--seed", str(seed + self.steps.index(step))]
        return words


def read_plan(path: Path, *, scenarios: bool = True) -> GameDayPlan:
    """Read one plan.

    With ``scenarios`` False nothing outside the file is looked at: neither whether its scenarios
    are there nor its file of objectives.

    Raises:
        UsageError: it cannot be read, or something in it is wrong; everything is named.
    """
    text = text_of(path, "plan")
    document = parse(text)
    day = checked(_Day, document)
    document.problems += _broken_rules(document, scenarios=scenarios)
    if day is None or document.problems:
        refuse(path, document.problems)
    places = (document.place(("steps", number)) for number in range(len(day.steps)))
    steps = [GameDayStep(**dict(s), place=at) for s, at in zip(day.steps, places, strict=True)]
    values = {name: value for name, value in day if name != "version"}
    plan = GameDayPlan(**{**values, "steps": tuple(steps), "source": text})
    if scenarios and plan.objectives is not None:
        resilience.read(Path(plan.objectives), [Path(s.scenario).stem for s in plan.steps])
    return plan


# --- values --------------------------------------------------------------------------------------


def _text(value: Any) -> str:
    if not isinstance(value, str) or not value.strip():
        raise wrong(f"{shown(value)} must be text; put it in quotes if it looks otherwise")
    return value.strip()


def _name(value: Any) -> str:
    name = _text(value)
    if len(name) > NAME_LETTERS_MAX or "\n" in name:
        raise wrong(f"{shown(value)} must be one line of at most {NAME_LETTERS_MAX} letters")
    return name


def _length(value: Any) -> float:
    length_s = seconds(value)
    if length_s == 0:
        raise wrong(f"{shown(value)} must be more than no time, like 5m")
    return length_s


def _command(value: Any) -> tuple[str, ...]:
    text = _text(value)
    try:
        return tuple(shlex.split(text))
    except ValueError as error:
        raise wrong(f"{shown(value)} is no command: {error}") from error


def _abort_word(word: Any) -> str:
    least, most = ABORT_WORD_LETTERS
    # Vowels of Hindi and Thai are marks on letters.
    letters = [c for c in f"{word}" if not unicodedata.category(c).startswith("M")]
    if not isinstance(word, str) or not _WORD.fullmatch("".join(letters)):
        raise wrong(f"{shown(word)} must be one word of letters, like `halt`")
    if not least <= len(word) <= most:
        raise wrong(f"{shown(word)} must have {least} to {most} letters")
    if word.casefold() in _TAKEN:
        raise wrong(f"{shown(word)} means something else here: {', '.join(_TAKEN)} are taken")
    return word


def _options(found: Any, *, within_step: bool = False) -> tuple[str, ...]:
    """Words for Locust: a list of ``--rate=30``, or a section with ``rate: 30``."""
    if not isinstance(found, dict | list):
        raise wrong("it must be a section like `rate: 30`, or a list like [--rate=30]")
    items: Iterable[tuple[Any, Any]]
    items = found.items() if isinstance(found, dict) else enumerate(found)
    words: list[str] = []
    mistakes: list[tuple[str | int, PydanticCustomError]] = []
    for place, value in items:
        try:
            words.append(_option(place, value, within_step=within_step))
        except PydanticCustomError as error:
            mistakes.append((place, error))
    if mistakes:
        raise wrong_inside(mistakes)
    return tuple(words)


def _option(place: str | int, value: Any, *, within_step: bool) -> str:
    """One of these words; ``place`` is its key in the section, or its number in the list."""
    if isinstance(place, str):
        name = place.removeprefix("--").replace("_", "-")
    elif isinstance(value, str) and value.startswith("--"):
        name = value.removeprefix("--").partition("=")[0]
    else:
        said = "an option begins with --, and has its value behind a =, like --rate=30"
        raise wrong(said, at_key=True)
    if name not in OPTIONS:
        said = f"the option {name!r} cannot be given here{choices(name, OPTIONS)}"
        raise wrong(said, at_key=True)
    if within_step and name in FOR_ALL_STEPS:
        said = f"{name} belongs to the options of the whole plan: all steps use one stack"
        raise wrong(said, at_key=True)
    if isinstance(place, int):
        return str(value)
    if name.startswith("stop-") and isinstance(value, bool):
        value = "on" if value else "off"  # words in YAML 1.2, truth values as it is read here
    if isinstance(value, dict | list) or value is None or value is False:
        raise wrong("it needs one value, or true for an option without one")
    return f"--{name}" if value is True else f"--{name}={value}"


# --- the format ----------------------------------------------------------------------------------

_Text = Annotated[str, BeforeValidator(_text)]
# None is what they are where they are left out: nothing else makes it of what stands there.
_OrNone = Annotated[str | None, BeforeValidator(_text)]
_Seconds = Annotated[float | None, BeforeValidator(seconds)]
_Command = Annotated[tuple[str, ...], BeforeValidator(_command)]


class _Step(Section):
    """What a file says of a step, by the names of `GameDayStep`."""

    name: Annotated[str, BeforeValidator(_name)]
    scenario: _Text
    expect: _Text = ""
    at_s: _Seconds = Field(None, alias="at")
    length_s: Annotated[float | None, BeforeValidator(_length)] = Field(None, alias="for")
    options: Annotated[tuple[str, ...], BeforeValidator(partial(_options, within_step=True))] = ()
    manual_fault: _OrNone = Field(None, alias="hand_pulled")
    inject: _Command = Field((), alias="pull")
    inject_after_s: _Seconds = Field(None, alias="pull_after")
    restore: _Command = ()
    restore_after_s: _Seconds = Field(None, alias="restore_after")


class _Day(Section):
    """What a file says, by the names of `GameDayPlan`."""

    HINTS: ClassVar = {
        "version": VERSION_HINT,
        "abort_word": "the one word that ends a step at once, like `halt`",
        "roles": "each role, and who holds it",
        "steps": "each with a name and a scenario",
    }

    version: VersionOne
    title: _Text
    hypothesis: _Text
    abort_word: Annotated[str, BeforeValidator(_abort_word)]
    roles: dict[str, _Text] = Field(default_factory=dict)
    host: _OrNone = None
    allow_targets: tuple[_Text, ...] = ()
    objectives: _OrNone = None
    options: Annotated[tuple[str, ...], BeforeValidator(_options)] = ()
    steps: list[_Step]


PLAN_KEYS = tuple(_Day.known_keys())
STEP_KEYS = tuple(_Step.known_keys())


# --- what keys and steps ask of each other -------------------------------------------------------


def _broken_rules(document: Document, *, scenarios: bool) -> Iterator[Problem]:
    """What is wrong between keys and between steps; also where something else is wrong."""
    found = document.data.get("steps") if isinstance(document.data, dict) else None
    steps = found if isinstance(found, list) else []
    if found == []:
        said = "steps are missing: each has a name and a scenario"
        yield Problem(*document.place(("steps",)), said)
    lines: dict[str, int] = {}
    before, free_s = "", 0.0
    for at, step in ((("steps", n), step) for n, step in enumerate(steps)):
        if not isinstance(step, dict):
            continue  # told already
        for key, said in _wrong_together(step):
            yield Problem(*document.keys[(*at, key)], said)
        if scenarios and (said := _no_scenario(step.get("scenario"))):
            yield Problem(*document.place((*at, "scenario")), said)
        line, name = document.place(at)[0], str(step.get("name", "")).strip()
        if name in lines:
            said = f"the name {name!r} is taken by the step in line {lines[name]}"
            yield Problem(*document.place((*at, "name")), said)
        if name:
            lines.setdefault(name, line)
        begins_s, length_s = _seconds_in(step, "at"), _seconds_in(step, "for")
        if begins_s is None or length_s is None:
            continue
        if begins_s < free_s:
            said = f"{name!r} would begin at {begins_s:g}s, but {before} takes until {free_s:g}s"
            yield Problem(*document.place((*at, "at")), f"{said}: steps must not overlap")
        before, free_s = f"{name!r} (line {line})", begins_s + length_s


def _wrong_together(step: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """Keys of one step that need others, or are wrong beside them."""
    for one, other in (("at", "for"), ("for", "at")):
        if one in step and other not in step:
            yield one, f"{one} needs {other}: when it begins, and how long it takes"
    commands = [word for word in _COMMAND_WORDS if word in step]
    if "hand_pulled" not in step:
        yield from ((word, f"{word} is for steps with hand_pulled") for word in commands)
    if commands and len(commands) < len(_COMMAND_WORDS):
        said = "pull, pull_after, restore and restore_after come together, or none of them"
        yield commands[0], said
    pull_s, restore_s = _seconds_in(step, "pull_after"), _seconds_in(step, "restore_after")
    if pull_s is not None and restore_s is not None and restore_s <= pull_s:
        yield "restore_after", "restore_after must be later than pull_after"


def _seconds_in(step: dict[str, Any], key: str) -> float | None:
    try:
        return seconds(step[key])
    except (KeyError, ValueError):
        return None


def _no_scenario(name: Any) -> str:
    """That there is no such scenario; empty where there is, or where no name stands."""
    if not isinstance(name, str) or not name.strip():
        return ""
    try:
        find_scenario(name.strip())
    except UsageError:
        known = known_scenarios()
        there = choices(name.strip(), known) if known else "; none is in ./scenarios"
        return f"there is no scenario {name.strip()!r}{there}"
    return ""
