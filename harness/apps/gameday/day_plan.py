"""The plan of a game day: what it is to do, step by step, and the YAML file that says so.

It is read strictly: whole, or not at all. All mistakes are reported at once, each with its
line and column and with what would be valid. Nothing is started or written before a plan was read
to its end.
"""

import shlex
import unicodedata
from collections.abc import Iterator
from dataclasses import MISSING, dataclass, field, fields
from functools import partial
from pathlib import Path
from typing import Annotated, Any, ClassVar

from pydantic import BeforeValidator, Field, create_model

from harness.core.errors import UsageError
from harness.core.files import text_of
from harness.core.numbers import decimal_text
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
)
from harness.plan import resilience
from harness.plan.resilience import seconds
from harness.plan.run_options import ALL_OPTIONS, Use
from harness.run.given_options import given
from harness.run.locust_process import find_scenario
from harness.run.scenario_path import name_of

FOR_ALL_STEPS = tuple(each.name for each in ALL_OPTIONS if Use.DAY in each.uses)
"""Options of the one stack that all steps use."""
OPTIONS = tuple(each.name for each in ALL_OPTIONS if each.uses & (Use.STEP | Use.DAY))
_REPEATABLE = tuple(each.name for each in ALL_OPTIONS if each.repeatable)
ABORT_WORD_LETTERS = (2, 20)
NAME_LETTERS_MAX = 60
_TAKEN = ("go", "no", "note", "pause", "pulled", "restored", "resume", "skip", "yes")
"""Words that mean something else in a game day."""
_COMMAND_WORDS = ("pull", "pull_after", "restore", "restore_after")


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
    if not isinstance(word, str) or {unicodedata.category(c)[0] for c in word} - {"L", "M"}:
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
    words = [_word(*item) for item in found.items()] if isinstance(found, dict) else found
    if not all(isinstance(word, str) and word.startswith("--") for word in words):
        raise wrong("an option begins with --, and has its value behind a =, like --rate=30")
    known = [each for each in OPTIONS if not (within_step and each in FOR_ALL_STEPS)]
    names = [word.removeprefix("--").partition("=")[0] for word in words]
    strange = [name for name in names if name not in known]
    if strange:
        said = (
            f"{name} belongs to the options of the whole plan: all steps use one stack"
            if name in OPTIONS
            else f"there is no option {name!r} here{choices(name, known)}"
            for name in strange
        )
        raise wrong("; ".join(said))
    twice = [name for name in dict.fromkeys(names) if names.count(name) > 1]
    if once := [name for name in twice if name not in _REPEATABLE]:
        raise wrong(f"given twice, and one value counts: {', '.join(once)}; leave one of them out")
    return tuple(words)


def _word(name: str, value: Any) -> str:
    """An option of a section, as Locust takes it."""
    name = name.removeprefix("--").replace("_", "-")
    if name.startswith("stop-") and isinstance(value, bool):
        value = "on" if value else "off"  # words in YAML 1.2, truth values as it is read here
    if isinstance(value, float):
        value = decimal_text(value)
    if isinstance(value, dict | list) or value is None or value is False:
        raise wrong(f"{name} needs one value, or true for an option without one")
    return f"--{name}" if value is True else f"--{name}={value}"


# --- the format ----------------------------------------------------------------------------------

_Text = Annotated[str, BeforeValidator(_text)]
# None is what they are where they are left out: nothing else makes it of what stands there.
_OrNone = Annotated[str | None, BeforeValidator(_text)]
_Seconds = Annotated[float | None, BeforeValidator(seconds)]
_Command = Annotated[tuple[str, ...], BeforeValidator(_command)]
_StepOptions = Annotated[tuple[str, ...], BeforeValidator(partial(_options, within_step=True))]


@dataclass(frozen=True, slots=True, kw_only=True)
class GameDayStep:
    """One run of one scenario, under supervision.

    ``scenario`` is a name under ``./scenarios`` or a path. ``options`` are those of ``locust -f``,
    as words. ``expect`` says, in the planner's words, what should be seen. A step with a
    ``manual_fault`` breaks nothing itself: the text says what someone is to break by hand while
    the scenario only watches. ``at_s`` is when it should begin and ``length_s`` how long it is
    planned to take, in seconds after the session's start; both None where nothing was planned.
    ``inject`` and ``restore`` are commands that stand in for the hand where no one is there, each
    so many seconds after the load began. ``place`` is line and column in the file.
    """

    name: Annotated[str, BeforeValidator(_name)]
    scenario: _Text
    expect: _Text = ""
    at_s: Annotated[_Seconds, Field(alias="at")] = None
    length_s: Annotated[float | None, BeforeValidator(_length), Field(alias="for")] = None
    options: _StepOptions = ()
    manual_fault: Annotated[_OrNone, Field(alias="hand_pulled")] = None
    inject: Annotated[_Command, Field(alias="pull")] = ()
    inject_after_s: Annotated[_Seconds, Field(alias="pull_after")] = None
    restore: _Command = ()
    restore_after_s: Annotated[_Seconds, Field(alias="restore_after")] = None
    place: tuple[int, int] = (1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class GameDayPlan:
    """A whole game day.

    ``abort_word`` is what anybody says, or types, to end a step at once. ``roles`` maps a role to
    who holds it. ``host`` is the target; None is the local stack. ``options`` hold for all steps.
    ``objectives`` is the path of a ``resilience.yaml``; None for the one in the folder, if there is
    one. ``source`` is the file's text, as it was read: it is kept with the session.
    """

    title: _Text
    hypothesis: _Text
    abort_word: Annotated[str, BeforeValidator(_abort_word)]
    roles: dict[str, _Text] = field(default_factory=dict)
    host: _OrNone = None
    allow_targets: tuple[_Text, ...] = ()
    objectives: _OrNone = None
    options: Annotated[tuple[str, ...], BeforeValidator(_options)] = ()
    steps: tuple[GameDayStep, ...]
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


class _Head(Section):
    """What is in the file of a day alone."""

    HINTS: ClassVar = {
        "version": VERSION_HINT,
        "abort_word": "the one word that ends a step at once, like `halt`",
        "roles": "each role, and who holds it",
        "steps": "each with a name and a scenario",
    }

    version: VersionOne


def _section(kind: Any, base: type[Section] = Section, **changed: Any) -> Any:
    """What a file says of it, by the names of its fields; ``place`` and ``source`` it does not."""
    own = {f.name: (f.type, ... if f.default is MISSING else f.default) for f in fields(kind)}
    keys = {name: one for name, one in own.items() if name not in ("place", "source")}
    return create_model(kind.__name__, __base__=base, **{**keys, **changed})


_Step = _section(GameDayStep)
_steps = (list.__class_getitem__(_Step), ...)
_Day = _section(GameDayPlan, _Head, roles=(dict[str, _Text], {}), steps=_steps)
PLAN_KEYS = tuple(_Day.known_keys())
STEP_KEYS = tuple(_Step.known_keys())


def read_plan(path: Path, *, scenarios: bool = True) -> GameDayPlan:
    """Read one plan; UsageError where it cannot be read, or with everything that is wrong in it.

    With ``scenarios`` False nothing outside the file is looked at: neither whether its scenarios
    are there nor its file of objectives.
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
        resilience.read(Path(plan.objectives), [name_of(Path(s.scenario)) for s in plan.steps])
    return plan


# --- what keys and steps ask of each other -------------------------------------------------------


def _broken_rules(document: Document, *, scenarios: bool) -> Iterator[Problem]:
    """What is wrong between keys and between steps; also where something else is wrong."""
    found = document.data.get("steps") if isinstance(document.data, dict) else None
    if found == []:
        said = "steps are missing: each has a name and a scenario"
        yield Problem(*document.place(("steps",)), said)
    earlier: list[dict[str, Any]] = []
    for number, step in enumerate(found if isinstance(found, list) else []):
        if isinstance(step, dict):  # else it is told already
            wrong_keys = [*_wrong_together(step), *_wrong_after(earlier, step)]
            if scenarios:
                wrong_keys += _wrong_scenario(step.get("scenario"))
            for key, said in wrong_keys:
                yield Problem(*document.place(("steps", number, key)), said)
            earlier.append(step)


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


def _wrong_after(earlier: list[dict[str, Any]], step: dict[str, Any]) -> Iterator[tuple[str, str]]:
    """What those before it have taken already: its name, or its time."""
    name, begins_s = str(step.get("name", "")).strip(), _seconds_in(step, "at")
    if name and name in [str(one.get("name", "")).strip() for one in earlier]:
        yield "name", f"the name {name!r} is taken by an earlier step"
    times = [(_seconds_in(one, "at"), _seconds_in(one, "for")) for one in earlier]
    free_s = max((at_s + for_s for at_s, for_s in times if at_s is not None and for_s), default=0.0)
    if begins_s is not None and begins_s < free_s:
        said = f"{name!r} would begin at {begins_s:g}s, but those before it take until {free_s:g}s"
        yield "at", f"{said}: steps must not overlap"


def _wrong_scenario(name: Any) -> Iterator[tuple[str, str]]:
    if isinstance(name, str) and name.strip():
        try:
            find_scenario(name.strip())
        except UsageError as error:
            yield "scenario", str(error)


def _seconds_in(step: dict[str, Any], key: str) -> float | None:
    try:
        return seconds(step[key])
    except (KeyError, ValueError):
        return None
