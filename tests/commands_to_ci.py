"""Texts in which a CI would find commands, and what it would find in an output."""

import random
import re

_PARTS = (
    *("::error file=a.py::planted", "::stop-commands::token", "::set-output name=a::b"),
    *("##vso[task.complete result=Succeeded;]", "##[error]planted", "##[add-path]/tmp"),
    *("##teamcity[buildStatus status='SUCCESS']", "::::x", "###[group]g", "##vso[a]##vso[b]"),
)
_BEFORE = (
    *("", "\n", "\r", "\r\n", "\n\t  ", "\v", "\f", "\x1c", "\x85", "\u2028", "\u2029", "\n\u00a0"),
    *("\n\u3000", " ", "\x1b[2J\n", "\n\x1b[0m"),
)
_ODD = (
    "\x00",
    "\x1b]0;title\x07",
    "\x1b[31m",
    "\x9b2J",
    "\u202e",
    "\u2066",
    "\ud800",
    "\u200b",
    "\ufeff",
)
_GITHUB = re.compile(r"^\s*::[\w-]+", re.MULTILINE)
_ANYWHERE = re.compile(r"##\w*\[")
_UNSEEN = re.compile(
    "[\x00-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f\u200b-\u200f\u2028-\u202e\u2066-\u2069\ufeff]"
)


def hostile(chance: random.Random, words: int = 12) -> str:
    """A text of several commands between words, so that lines are wrapped in front of some."""
    parts = []
    for _ in range(chance.randint(1, 4)):
        parts.append("lorem " * chance.randint(0, words) + "x" * chance.randint(0, 30))
        parts.append(chance.choice(_BEFORE) + chance.choice(_PARTS))
        parts.append(chance.choice(("", *_ODD)))
    return "".join(parts)


def commands_in(output: str) -> list[str]:
    """Lines that GitHub, Azure Pipelines or TeamCity would obey, wherever a line begins."""
    lines = [
        line for text in output.split("\n") for line in (text, *re.split("[\r\v\f\x85]", text))
    ]
    return sorted({line for line in lines if _GITHUB.search(line) or _ANYWHERE.search(line)})


def unseen_in(output: str) -> list[str]:
    """What drives a terminal or hides, colours aside."""
    plain = re.sub(r"\x1b\[[0-9;]*m", "", output).replace("\r\n", "\n")
    return [repr(found) for found in _UNSEEN.findall(plain)]
