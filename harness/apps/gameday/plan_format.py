"""The plan of a game day as a YAML file, read strictly: whole, or not at all.

Everything that is wrong is told at once, each with its line and column and with what would be
valid. Nothing is started or written before a plan was read to its end.
"""

import re
import shlex
import unicodedata
from collections.abc import Iterable, Iterator
from pathlib import Path
from typing import Any

from harness.apps.gameday.day_plan import GameDayPlan, GameDayStep
from harness.apps.gameday.mistakes import choices
from harness.core.errors import UsageError
from harness.core.located import Document, Problem, parse, refuse
from harness.core.located import Path as Keys
from harness.core.text_file import text_of
from harness.plan import resilience
from harness.plan.options import ALL_OPTIONS, Use
from harness.plan.resilience_format import seconds
from harness.run.runner import find_scenario, known_scenarios

PLAN_KEYS = (
    *("version", "title", "hypothesis", "abort_word", "roles", "host", "allow_targets"),
    *("objectives", "options", "steps"),
)
STEP_KEYS = (
    *("name", "scenario", "expect", "at", "for", "options"),
    *("hand_pulled", "pull", "pull_after", "restore", "restore_after"),
)
FOR_ALL_STEPS = tuple(each.name for each in ALL_OPTIONS if Use.DAY in each.uses)
"""Options of the one stack that all steps use."""
OPTIONS = tuple(each.name for each in ALL_OPTIONS if each.uses & (Use.STEP | Use.DAY))
ABORT_WORD_LETTERS = (2, 20)
NAME_LETTERS_MAX = 60
_WORD = re.compile(r"[^\W\d_]+")
_TAKEN = ("go", "no", "note", "pause", "pulled", "restored", "resume", "skip", "yes")
"""Words that mean something else in a game day."""


def read_plan(path: Path, *, scenarios: bool = True) -> GameDayPlan:
    """Read one plan.

    With ``scenarios`` False nothing outside the file is looked at: neither whether its scenarios
    are there nor its file of objectives.

    Raises:
        UsageError: it cannot be read, or something in it is wrong; everything is named.
    """
    text = text_of(path, "plan")
    document = parse(text)
    reader = _Reader(document)
    plan = None
    if isinstance(document.data, dict):
        plan = reader.plan(document.data, text)
        if scenarios:
            reader.look_around(plan)
    elif document.data is not None:
        reader.wrong((), f"a plan has keys: {', '.join(PLAN_KEYS)}")
    if plan is None or document.problems:
        refuse(path, document.problems)
    if scenarios and plan.objectives is not None:
        resilience.read(Path(plan.objectives), [Path(s.scenario).stem for s in plan.steps])
    return plan


def _without_marks(word: str) -> str:
    """The letters alone: vowels of Hindi and Thai are marks on them."""
    return "".join(c for c in word if not unicodedata.category(c).startswith("M"))


class _Reader:
    """Turns the data of one document into a plan, and tells what is wrong with it."""

    def __init__(self, document: Document) -> None:
        self._document = document

    def wrong(self, at: Keys, text: str, *, key: bool = False) -> None:
        """Tell a mistake, at the place of a value or of a key."""
        keys = self._document.keys
        place = keys[at] if key and at in keys else self._document.place(at)
        self._document.problems.append(Problem(*place, text))

    def plan(self, data: dict[str, Any], source: str) -> GameDayPlan:
        """The whole plan; what is wrong in it is told, and has some harmless value."""
        self._known(data, (), PLAN_KEYS)
        if data.get("version") != 1 or isinstance(data.get("version"), bool):
            self.wrong(("version",), "the version of this format is missing: begin with version: 1")
        steps = tuple(self._steps(data.get("steps")))
        self._apart(steps)
        return GameDayPlan(
            title=self._text(data, (), "title"),
            hypothesis=self._text(data, (), "hypothesis"),
            abort_word=self._abort_word(data),
            steps=steps,
            roles=self._roles(data.get("roles", {})),
            host=self._text(data, (), "host", required=False) or None,
            allow_targets=self._words(data, (), "allow_targets"),
            objectives=self._text(data, (), "objectives", required=False) or None,
            options=self._options(data, (), within_step=False),
            source=source,
        )

    def look_around(self, plan: GameDayPlan) -> None:
        """Whether there are the scenarios that it names."""
        for number, step in enumerate(plan.steps):
            if not step.scenario:
                continue  # told already
            try:
                find_scenario(step.scenario)
            except UsageError:
                known = known_scenarios()
                there = choices(step.scenario, known) if known else "; none is in ./scenarios"
                at = ("steps", number, "scenario")
                self.wrong(at, f"there is no scenario {step.scenario!r}{there}")

    # --- steps -------------------------------------------------------------------------------

    def _steps(self, found: Any) -> Iterator[GameDayStep]:
        if not isinstance(found, list) or not found:
            at: Keys = ("steps",)
            self.wrong(at, "steps are missing: a list, each with a name and a scenario")
            return
        names: dict[str, int] = {}
        for number, data in enumerate(found):
            at = ("steps", number)
            if not isinstance(data, dict):
                self.wrong(at, f"a step has keys: {', '.join(STEP_KEYS)}")
                continue
            step = self._step(data, at)
            if step.name in names and step.name:
                first = names[step.name]
                said = f"the name {step.name!r} is taken by the step in line {first}"
                self.wrong((*at, "name"), said)
            names.setdefault(step.name, step.place[0])
            yield step

    def _step(self, data: dict[str, Any], at: Keys) -> GameDayStep:
        self._known(data, at, STEP_KEYS)
        name = self._text(data, at, "name")
        if len(name) > NAME_LETTERS_MAX or "\n" in name:
            self.wrong((*at, "name"), f"a name is one line of at most {NAME_LETTERS_MAX} letters")
        hand_pulled = self._text(data, at, "hand_pulled", required=False) or None
        begins_s, length_s = self._duration(data, at, "at"), self._duration(data, at, "for")
        for given, missing in (("at", "for"), ("for", "at")):
            if given in data and missing not in data:
                said = f"{given} needs {missing}: when it begins, and how long it takes"
                self.wrong((*at, given), said, key=True)
        if length_s == 0:
            self.wrong((*at, "for"), "a step takes more than no time: for: 5m")
        for word in ("pull", "restore", "pull_after", "restore_after"):
            if word in data and hand_pulled is None:
                self.wrong((*at, word), f"{word} is for steps with hand_pulled", key=True)
        pulls_s = self._duration(data, at, "pull_after")
        restores_s = self._duration(data, at, "restore_after")
        self._hand(data, at, pulls_s, restores_s)
        return GameDayStep(
            name=name,
            scenario=self._text(data, at, "scenario"),
            expect=self._text(data, at, "expect", required=False),
            hand_pulled=hand_pulled,
            options=self._options(data, at, within_step=True),
            at_s=begins_s,
            length_s=length_s,
            pull=self._command(data, at, "pull"),
            restore=self._command(data, at, "restore"),
            pull_after_s=pulls_s,
            restore_after_s=restores_s,
            place=self._document.place(at),
        )

    def _hand(self, data: dict[str, Any], at: Keys, pull_s: Any, restore_s: Any) -> None:
        """Commands that stand in for a hand come as a whole."""
        given = [w for w in ("pull", "pull_after", "restore", "restore_after") if w in data]
        if given and len(given) != 4:  # noqa: PLR2004  # the four words of the line above
            said = "pull, pull_after, restore and restore_after come together, or none of them"
            self.wrong((*at, given[0]), said, key=True)
        elif given and pull_s is not None and restore_s is not None and restore_s <= pull_s:
            self.wrong((*at, "restore_after"), "it must be later than pull_after")

    def _apart(self, steps: Iterable[GameDayStep]) -> None:
        """Steps follow each other: no two at once, and none before the one that stands above."""
        before: GameDayStep | None = None
        for number, step in enumerate(steps):
            if step.at_s is None or step.length_s is None:
                continue
            if before is not None and before.at_s is not None and before.length_s is not None:
                free_s = before.at_s + before.length_s
                if step.at_s < free_s:
                    said = (
                        f"{step.name!r} would begin at {step.at_s:g}s, but {before.name!r} (line"
                        f" {before.place[0]}) takes until {free_s:g}s: steps must not overlap"
                    )
                    self.wrong(("steps", number, "at"), said)
            before = step

    # --- values ------------------------------------------------------------------------------

    def _known(self, data: dict[str, Any], at: Keys, known: Iterable[str]) -> None:
        for key in data:
            if key not in known:
                said = f"{key!r} is not known here{choices(key, known)}"
                self.wrong((*at, key), said, key=True)

    def _text(self, data: dict[str, Any], at: Keys, name: str, *, required: bool = True) -> str:
        if name not in data and not required:
            return ""
        found = data.get(name)
        if isinstance(found, str) and found.strip():
            return found.strip()
        if name in data:
            self.wrong((*at, name), f"{name} must be text; put it in quotes if it looks otherwise")
        else:
            self.wrong(at, f"{name} is missing")
        return ""

    def _abort_word(self, data: dict[str, Any]) -> str:
        least, most = ABORT_WORD_LETTERS
        word = data.get("abort_word")
        if "abort_word" not in data:
            said = "abort_word is missing: the one word that ends a step at once, like `halt`"
            self.wrong((), said)
        elif not isinstance(word, str) or not _WORD.fullmatch(_without_marks(word)):
            self.wrong(("abort_word",), "abort_word must be one word of letters, like `halt`")
        elif not least <= len(word) <= most:
            self.wrong(("abort_word",), f"abort_word must have {least} to {most} letters")
        elif word.casefold() in _TAKEN:
            said = f"{word} means something else here: {', '.join(_TAKEN)} are taken"
            self.wrong(("abort_word",), said)
        return word if isinstance(word, str) else ""

    def _roles(self, found: Any) -> dict[str, str]:
        if not isinstance(found, dict):
            self.wrong(("roles",), "roles must be a section: each role, and who holds it")
            return {}
        for role, who in found.items():
            if not isinstance(who, str) or not who.strip():
                self.wrong(("roles", role), f"who is {role}? Name somebody")
        return {role: str(who) for role, who in found.items()}

    def _words(self, data: dict[str, Any], at: Keys, name: str) -> tuple[str, ...]:
        found = data.get(name, [])
        if isinstance(found, list) and all(isinstance(word, str) and word for word in found):
            return tuple(found)
        self.wrong((*at, name), f"{name} must be a list of words")
        return ()

    def _duration(self, data: dict[str, Any], at: Keys, name: str) -> float | None:
        if name not in data:
            return None
        try:
            return seconds(data[name])
        except ValueError as error:
            self.wrong((*at, name), f"{name}: {error}")
            return None

    def _command(self, data: dict[str, Any], at: Keys, name: str) -> tuple[str, ...]:
        text = self._text(data, at, name, required=False)
        try:
            return tuple(shlex.split(text))
        except ValueError as error:
            self.wrong((*at, name), f"{name} is no command: {error}")
            return ()

    # --- options for Locust --------------------------------------------------------------------

    def _options(self, data: dict[str, Any], at: Keys, *, within_step: bool) -> tuple[str, ...]:
        """Words for Locust: a list of ``--rate=30``, or a section with ``rate: 30``."""
        found = data.get("options", {})
        at = (*at, "options")
        if isinstance(found, list):
            pairs = [self._word(word, (*at, n)) for n, word in enumerate(found)]
        elif isinstance(found, dict):
            pairs = [self._pair(key, value, (*at, key)) for key, value in found.items()]
        else:
            self.wrong(at, "options are a section like `rate: 30`, or a list like [--rate=30]")
            return ()
        for name, _, place in pairs:
            self._check_option(name, place, within_step=within_step)
        return tuple(f"--{name}{value}" for name, value, _ in pairs)

    def _word(self, word: Any, at: Keys) -> tuple[str, str, Keys]:
        if not isinstance(word, str) or not word.startswith("--"):
            self.wrong(at, "an option begins with --, and has its value behind a =, like --rate=30")
            return "rate", "", at
        name, equals, value = word.removeprefix("--").partition("=")
        return name, equals + value, at

    def _pair(self, key: str, value: Any, at: Keys) -> tuple[str, str, Keys]:
        name = key.removeprefix("--").replace("_", "-")
        if name.startswith("stop-") and isinstance(value, bool):
            value = "on" if value else "off"  # words in YAML 1.2, truth values as it is read here
        if isinstance(value, dict | list) or value is None or value is False:
            self.wrong(at, f"{key} needs one value, or true for an option without one")
            value = True
        return name, "" if value is True else f"={value}", at

    def _check_option(self, name: str, at: Keys, *, within_step: bool) -> None:
        if name not in OPTIONS:
            said = f"the option {name!r} cannot be given here{choices(name, OPTIONS)}"
            self.wrong(at, said, key=True)
        elif within_step and name in FOR_ALL_STEPS:
            said = f"{name} belongs to the options of the whole plan: all steps use one stack"
            self.wrong(at, said, key=True)
