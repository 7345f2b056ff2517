"""The JSON Schema of a game day's plan, for editors: ``docs/gameday_plan.schema.json``.

Of draft 7, which is what yaml-language-server, and so most editors, read. It is made of the words
of the reader, `harness.apps.gameday.day_plan`, and of the options of a run.
"""

import json
from typing import Any

from harness.apps.gameday.day_plan import (
    _TAKEN,
    ABORT_WORD_LETTERS,
    FOR_ALL_STEPS,
    NAME_LETTERS_MAX,
    OPTIONS,
    PLAN_KEYS,
    STEP_KEYS,
)
from harness.plan.resilience import DURATION as DURATION_SCHEMA
from harness.plan.run_options import DURATION, ON_OR_OFF, SWITCH, RunOption
from harness.plan.run_options import option as option_named
from harness.plan.stop_conditions import STOP_KINDS, most
from tests.schemas.make import DOCS

PATH = DOCS / "gameday_plan.schema.json"
_TEXT = {"type": "string", "pattern": r"\S"}
_WORDS = {"type": "array", "items": {"type": "string", "minLength": 1}}
_LETTER = r"[^\s0-9!-/:-@\[-`{-~]"
_ABORT = rf"^(?!({'|'.join(''.join(f'[{c}{c.upper()}]' for c in w) for w in _TAKEN)})$)"
_DAY: dict[str, tuple[str, dict[str, Any]]] = {
    "version": ("Of this format.", {"type": "integer", "const": 1}),
    "title": ("What the day is called.", _TEXT),
    "hypothesis": ("What the day is to show.", _TEXT),
    "abort_word": (
        "The one word, said or typed, that ends the step under way at once.",
        {
            "type": "string",
            "pattern": _ABORT + _LETTER + "{{{},{}}}$".format(*ABORT_WORD_LETTERS),
            "examples": ["halt"],
        },
    ),
    "roles": (
        "Each role and who holds it; they sign the record.",
        {"type": "object", "additionalProperties": _TEXT},
    ),
    "host": ("The target; none is the local stack.", _TEXT),
    "allow_targets": ("Hosts that may be loaded and disturbed.", _WORDS),
    "objectives": ("Path of a resilience.yaml; none is the one in the folder.", _TEXT),
}
_STEP: dict[str, tuple[str, dict[str, Any]]] = {
    "name": (
        "Of the step; no other step has it.",
        {"type": "string", "pattern": r"^[^\n]*\S[^\n]*$", "maxLength": NAME_LETTERS_MAX},
    ),
    "scenario": ("A name below scenarios/, or a path.", _TEXT),
    "expect": ("What should be seen, in your own words.", _TEXT),
    "at": ("When the step should begin, after the day's start.", DURATION_SCHEMA),
    "for": ("How long the step is planned to take; more than no time.", DURATION_SCHEMA),
    "hand_pulled": ("What someone is to break by hand, instead of a fault.", _TEXT),
    "pull": ("A command in place of the hand, for --unattended.", _TEXT),
    "pull_after": ("When it is called, after the load began.", DURATION_SCHEMA),
    "restore": ("The command that takes it back.", _TEXT),
    "restore_after": ("When that is called; later than pull_after.", DURATION_SCHEMA),
}
_NEEDS = {
    "at": ["for"],
    "for": ["at"],
    **{
        word: ["hand_pulled", "pull", "pull_after", "restore", "restore_after"]
        for word in ("pull", "pull_after", "restore", "restore_after")
    },
}


def _value(option: RunOption) -> dict[str, Any]:
    """What an option takes, as far as its type says it."""
    kind = option.type
    if kind is ON_OR_OFF:
        return {"enum": [*kind.choices, True, False]}
    if kind.placeholder == "N|off":
        highest = most(STOP_KINDS[option.field.removeprefix("stop_")])
        number = {"type": "integer", "minimum": 0, "maximum": highest}
        return {"anyOf": [number, {"enum": ["off", False]}]}
    if kind is DURATION:
        return DURATION_SCHEMA
    if kind.placeholder in ("N", "SHARE"):
        of = "integer" if kind.placeholder == "N" else "number"
        least = -1 if option.name == "processes" else 0
        text = {"type": "string", "pattern": r"^-?[0-9]*\.?[0-9]+$"}
        return {"anyOf": [{"type": of, "minimum": least}, text]}
    if kind is SWITCH:
        return {"type": "boolean", "const": True}
    return {"enum": list(kind.choices)} if kind.choices else {"type": "string", "minLength": 1}


def _options(names: list[str]) -> dict[str, Any]:
    """A section with options, with dashes or underscores, or a list of words."""
    known, otherwise = {}, {}
    for dashed in names:
        option = option_named(dashed)
        value = _value(option)
        known[option.field] = {"description": option.sentence, **value}
        spelt = "" if option.field == dashed else f"|{dashed}"
        otherwise[f"^(--{dashed.replace('-', '[-_]')}{spelt})$"] = value
    section = {
        "type": "object",
        "properties": known,
        "patternProperties": otherwise,
        "additionalProperties": False,
    }
    word = {"type": "string", "pattern": rf"^--({'|'.join(names)})(=|$)"}
    return {"anyOf": [section, {"type": "array", "items": word}]}


def _section(parts: dict[str, tuple[str, dict[str, Any]]]) -> dict[str, Any]:
    said = {name: {"description": text, **part} for name, (text, part) in parts.items()}
    return {"type": "object", "properties": said, "additionalProperties": False}


def schema_text() -> str:
    """As its file holds it.

    Raises:
        ValueError: the reader knows other keys.
    """
    of_step = [name for name in OPTIONS if name not in FOR_ALL_STEPS]
    steps = _STEP | {"options": ("Of a run, for this step; they win.", _options(of_step))}
    step = {**_section(steps), "required": ["name", "scenario"], "dependencies": _NEEDS}
    day = _DAY | {
        "options": ("Of a run, for all steps.", _options(list(OPTIONS))),
        "steps": (
            "In the order in which they are done.",
            {"type": "array", "minItems": 1, "items": step},
        ),
    }
    if (set(day), set(steps)) != (set(PLAN_KEYS), set(STEP_KEYS)):
        raise ValueError("the plan's reader knows other keys")
    whole = {
        "$schema": "http://json-schema.org/draft-07/schema#",
        "title": "Plan of a game day",
        "description": "What `lendchaos gameday PLAN` reads (docs/gamedays.md).",
        **_section(day),
        "required": ["version", "title", "hypothesis", "abort_word", "steps"],
    }
    return json.dumps(whole, indent=2, ensure_ascii=False) + "\n"
