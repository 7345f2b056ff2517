"""The options of a run as Locust's own parser has them: `python -m harness.apps.locust.described`.

In a process of its own, as Locust takes half a second to load: one JSON list on standard output,
for help and for completion. Each entry has ``words``, ``metavar`` (None for a switch), ``choices``,
``default`` (empty where there is none), ``help`` and ``group``.
"""

import argparse
import json
import os
import sys
from collections.abc import Iterator
from typing import Any

os.environ["LOCUST_SKIP_MONKEY_PATCH"] = "1"  # nothing is sent from here

from locust import argument_parser

from harness.apps.locust.locust_options import MEANINGLESS
from harness.apps.locust.option_groups import OptionGroup
from harness.apps.locust.options import OF_LOCUST, add_options

_SENTENCE_MIN = 20
_OUTPUT = ("Request statistics options", "Logging options")
"""Of Locust's own groups; the others are of its page, of a master and its workers, of tasks."""
_NOT_IN_A_RUN = (
    *MEANINGLESS,
    "only_summary",
    "print_stats",
    "json",
    "skip_log_setup",
)
"""What is of them, and `lendchaos run` sets itself, or uses otherwise."""


def described() -> list[dict[str, Any]]:
    """Every option that has a meaning for `lendchaos run`, in order of the groups."""
    parser = argument_parser.get_empty_argument_parser(default_config_files=[])
    argument_parser.setup_parser_arguments(parser)
    add_options(parser)
    order = list(OptionGroup)
    found = sorted(_options(parser), key=lambda one: one[0] in OF_LOCUST)
    return sorted((option for _, option in found), key=lambda one: order.index(one["group"]))


def _options(parser: Any) -> Iterator[tuple[str, dict[str, Any]]]:
    for group in parser._action_groups:  # noqa: SLF001  # argparse lists them nowhere else
        of_locust = OptionGroup.OUTPUT if group.title in _OUTPUT else None
        for action in group._group_actions:  # noqa: SLF001  # as above
            place = getattr(action, "group", of_locust)
            hidden = action.help == argparse.SUPPRESS or action.dest in _NOT_IN_A_RUN
            if place is not None and not hidden:
                option = {
                    "words": sorted(action.option_strings, key=len),
                    "metavar": _metavar(action),
                    "choices": _choices(action),
                    "default": getattr(action, "told", "") or _default(action),
                    "help": _sentence(action.help),
                    "group": place,
                }
                yield action.dest, option


def _metavar(action: Any) -> str | None:
    """One kind of placeholder: a word in capitals, or the choices; None for a switch."""
    if action.nargs == 0:
        return None
    if action.choices:
        return "|".join(action.choices)
    text = str(action.metavar or action.dest)
    if "|" in text:
        return text
    return text.strip("<>").replace("filename", "file").replace(" ", "_").upper()


def _choices(action: Any) -> list[str]:
    """The words that it takes, also where it takes a number as well."""
    if action.choices:
        return list(action.choices)
    words = str(action.metavar).split("|")
    return [word for word in words if word.islower()] if len(words) > 1 else []


def _default(action: Any) -> str:
    switch = action.nargs == 0 or action.default in (None, "", [])
    return "" if switch else str(action.default)


def _sentence(text: str) -> str:
    """The first sentence of a help, with a capital and a full stop."""
    end = text.find(". ", _SENTENCE_MIN)
    said = (text if end < 0 else text[:end]).rstrip(".")
    return f"{said[:1].upper()}{said[1:]}."


if __name__ == "__main__":
    sys.stdout.write(json.dumps(described()))
