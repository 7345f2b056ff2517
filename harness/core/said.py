"""The last line of a process of ours that told no error, among all that Locust wrote. Pure."""

import re

_LOCUST = re.compile(
    r"\[\d{4}-|Traceback |Type +Name |Response time percentiles|Error report|# occurrences"
    r"| *(\S+ +){1,2}\d+ +\d+|[-|\s]*$"
)
"""How lines begin that are Locust's: of its log, and of its tables."""


def last_words(said: str) -> str:
    """For people; never a line of one of Locust's tables."""
    ours = [line.strip() for line in said.splitlines() if not _LOCUST.match(line)]
    last = ours[-1] if ours else "it said nothing"
    return last.removeprefix("error: ").removeprefix("lendchaos: ")
