"""The JSON Schema of a game day's plan, for editors: ``docs/gameday_plan.schema.json``.

Of draft 7, which is what yaml-language-server, and so most editors, read. It is made of the words
of the reader, `harness.apps.gameday.plan_format`, and of the options of a run.
"""

import json
from types import SimpleNamespace
from typing import Any

from harness.apps.gameday.plan_format import (
    _TAKEN,
    ABORT_WORD_LETTERS,
    FOR_ALL_STEPS,
    NAME_LETTERS_MAX,
    OPTIONS,
    PLAN_KEYS,
    STEP_KEYS,
)
from harness.apps.locust.options import OF_LOCUST, add_options
from harness.plan.resilience_format import DURATION
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
    "at": ("When the step should begin, after the day's start.", DURATION),
    "for": ("How long the step is planned to take; more than no time.", DURATION),
    "hand_pulled": ("What somebody is to break by hand, instead of a fault.", _TEXT),
    "pull": ("A command in place of the hand, for --unattended.", _TEXT),
    "pull_after": ("When it is called, after the load began.", DURATION),
    "restore": ("The command that takes it back.", _TEXT),
    "restore_after": ("When that is called; later than pull_after.", DURATION),
}
_NEEDS = {
    "at": ["for"],
    "for": ["at"],
    **{
        word: ["hand_pulled", "pull", "pull_after", "restore", "restore_after"]
        for word in ("pull", "pull_after", "restore", "restore_after")
    },
}


class _Helps:
    """Collects, as a parser, what the options of a run are for, and their words."""

    def __init__(self) -> None:
        self.of = {name: str(OF_LOCUST[name][3]) for name in ("run_time", "processes")}
        self.metavar: dict[str, str] = {"run_time": "TIME", "processes": "N"}

    def add_argument(self, option: str, **details: Any) -> SimpleNamespace:
        """Note it."""
        name = option[2:].replace("-", "_")
        self.of[name] = str(details.get("help"))
        self.metavar[name] = "" if "action" in details else str(details.get("metavar"))
        return SimpleNamespace()

    def set_defaults(self, **_: object) -> None:
        """Not needed."""


def _value(name: str, metavar: str) -> dict[str, Any]:
    """What an option takes, as far as its placeholder says it."""
    stop = STOP_KINDS.get(name.removeprefix("stop_")) if name.startswith("stop_") else None
    if stop == "switch":
        return {"enum": ["on", "off", True, False]}
    if stop is not None:
        number = {"type": "integer", "minimum": 0, "maximum": most(stop)}
        return {"anyOf": [number, {"enum": ["off", False]}]}
    if metavar == "TIME":
        return DURATION
    if metavar in ("N", "SHARE"):
        kind = "integer" if metavar == "N" else "number"
        least = -1 if name == "processes" else 0
        text = {"type": "string", "pattern": r"^-?[0-9]*\.?[0-9]+$"}
        return {"anyOf": [{"type": kind, "minimum": least}, text]}
    if name in ("explore", "namespaces"):
        return {"type": "boolean", "const": True}
    return {"enum": metavar.split("|")} if "|" in metavar else {"type": "string", "minLength": 1}


def _options(names: list[str]) -> dict[str, Any]:
    """A section with options, with dashes or underscores, or a list of words."""
    helps = _Helps()
    add_options(helps)
    known, otherwise = {}, {}
    for dashed in names:
        name = dashed.replace("-", "_")
        value = _value(name, helps.metavar[name])
        said = helps.of[name]
        known[name] = {"description": f"{said[:1].upper()}{said[1:]}.", **value}
        spelt = "" if name == dashed else f"|{dashed}"
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
