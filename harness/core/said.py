"""The last thing that a process of ours said, among all that Locust wrote. Pure."""

import re

_ERROR = "error: "
_LOCUST = re.compile(
    r"\[\d{4}-|Traceback |Type +Name |Response time percentiles|Error report|# occurrences"
    r"| *(\S+ +){1,2}\d+ +\d+|[-|\s]*$"
)
"""How lines begin that are Locust's: of its log, and of its tables."""


def last_words(said: str) -> str:
    """Its error in full, else the last line; never one of Locust's tables."""
    lines = [line.rstrip() for line in said.splitlines()]
    for number in reversed(range(len(lines))):
        if lines[number].startswith(_ERROR):
            return "\n".join(_until_locust(lines[number:])).removeprefix(_ERROR)
    ours = [line.strip() for line in lines if not _LOCUST.match(line)]
    return ours[-1].removeprefix("lendchaos: ") if ours else "it said nothing"


def _until_locust(lines: list[str]) -> list[str]:
    """An error may have several lines; what comes after them is not of it."""
    end = next((n for n, line in enumerate(lines) if line and _LOCUST.match(line)), len(lines))
    return [line for line in lines[:end] if line]
