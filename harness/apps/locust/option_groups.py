"""Options of a run as `--help` shows them: in which group, and with which default."""

from enum import StrEnum
from typing import Any


class OptionGroup(StrEnum):
    """What an option is about; in the order of the help."""

    LOAD = "Load"
    TARGET = "Target"
    FAULTS = "Faults"
    SAFETY = "Limits and safety"
    OUTPUT = "Output"


def add(parser: Any, group: OptionGroup, option: str, told: str = "", **details: Any) -> None:
    """Add an option to Locust's parser.

    ``told`` is its default in words, where none stands in the parser.
    """
    action = parser.add_argument(option, **details)
    action.group, action.told = group, told
