"""Text from elsewhere, made safe to show: on a terminal, in a log of a CI, in a file.

A target, a stored run, a scenario or another process may say anything. What drives a terminal or
hides in a text becomes visible. What a CI takes for a command is broken by one space, so that it
can still be read, searched and copied: GitHub executes ``::error …`` and ``::stop-commands::…`` at
the start of a line (blanks before it are trimmed) and ``##[…]`` anywhere, Azure Pipelines
``##vso[…]`` and ``##[…]``, TeamCity ``##teamcity[…]``. Sources: `ActionCommand.cs` of
actions/runner, "Logging commands" of Azure Pipelines, "Service messages" of TeamCity.
"""

import re
import sys
import unicodedata
from collections.abc import Iterable
from typing import Any

_BREAKS = "\n\r\v\f\x1c-\x1e\x85\u2028\u2029"
_BLANKS = re.compile(f"[\t{_BREAKS}]+")
_INDENT = "\n  "
_COLOUR = r"\x1b\[[0-9;?]*[A-Za-z]"
_BREAK, _COLOURS = re.compile(f"[{_BREAKS}]"), re.compile(_COLOUR)
_AT_START = re.compile(f"((?:^|[{_BREAKS}])(?:[^\\S{_BREAKS}]|{_COLOUR})*):(?=:)")
_ANYWHERE = re.compile(r"##(\w*)\[")
_JOINERS = "\u200c\u200d"
"""Between letters of Persian or Hindi and within emoji."""
_IN_LINE = re.compile(f"(?<=[^ -~])[{_JOINERS}](?=[^ -~])")
"""They join nothing in ASCII: there, one would make two names look alike."""
_IN_FILE = re.compile(rf"\x1b\[[0-9;]*m|[\t\n\r{_JOINERS}]")
"""What the programs here write themselves: lines, and colours where someone asked for them."""
_ON_TERMINAL = re.compile(f"{_COLOUR}|[\t\n\r{_JOINERS}]")
"""The same on a terminal, where they move the cursor, too."""
_LOCUST = re.compile(
    r"\[\d{4}-|Traceback |Type +Name |Response time percentiles|Error report|# occurrences"
    r"| *(\S+ +){1,2}\d+ +\d+|[-|\s]*$"
)
"""How lines begin that are Locust's: of its log, and of its tables."""
_CARRIED = 24
"""Letters that are kept of an unfinished line: longer than any name before ``[``."""
_RAW, _AT_LINE = "write_unguarded", "end_line"


def clean(text: str) -> str:
    """One line of foreign text: line breaks and tabs are blanks, what is invisible or reorders
    text is visible, and no CI takes any of it for a command.

    Control and surrogate characters are not allowed in XML, cannot be written as UTF-8 or drive a
    terminal; bidirectional overrides let a text pose as another one.
    """
    return break_commands(_visible(_BLANKS.sub(" ", text), _IN_LINE))


def clean_lines(text: str) -> str:
    """The same of a text of lendchaos with foreign parts: indented lines stay, as its lists are.

    A foreign part with such a line gains no command by it.
    """
    return _INDENT.join(clean(line) for line in text.split(_INDENT))


def break_commands(text: str) -> str:
    """Lines in which no CI finds a command."""
    if "::" in text:
        text = _AT_START.sub(r"\1: ", text)
    return _ANYWHERE.sub(r"##\1 [", text) if "##" in text else text


def printable_json(document: str) -> str:
    """The same JSON document, with escapes for what is invisible or a command to a CI."""
    if not document.replace("\n", "").isprintable():
        document = "".join(c if c == "\n" or not _is_odd(c) else _escaped(c) for c in document)
    return document.replace("##", "#\\u0023")


def guard(stream: Any) -> None:
    """Let nothing out of a text stream that a CI takes for a command, whatever code writes it.

    The last line of defence: it holds for lines that were wrapped on the way, for texts that no one
    cleaned, and for those of other code in this process. Of control characters, those stay that set
    colours and, on a terminal, move the cursor.
    """
    if not hasattr(stream, _RAW):
        guarding = _Guard(stream.write, _ON_TERMINAL if stream.isatty() else _IN_FILE)
        setattr(stream, _RAW, stream.write)
        setattr(stream, _AT_LINE, guarding.end_line)
        stream.write = guarding.write


def write_commands(lines: Iterable[str]) -> None:
    """The one way for commands to a CI that are our own: a line each, on standard error."""
    # The runner reads both streams; what is piped on from the other stays as it is.
    stream: Any = sys.stderr
    for line in lines:
        getattr(stream, _AT_LINE, lambda: None)()
        getattr(stream, _RAW, stream.write)(f"{line}\n")
    stream.flush()


class _Guard:
    """What is written to a stream; a line may come in pieces."""

    def __init__(self, write: Any, keep: re.Pattern[str]) -> None:
        self._write = write
        self._keep = keep
        self._line = ""

    def write(self, text: Any) -> int:
        """Write it without commands; the number of letters is that of the text as it was."""
        if not isinstance(text, str):
            return int(self._write(text))  # raises what it always does
        safe = break_commands(self._line + _visible(text, self._keep))[len(self._line) :]
        self._write(safe)
        self._line = _end_of(self._line + safe)
        return len(text)

    def end_line(self) -> None:
        """Go on in a line of its own."""
        if self._line:
            self.write("\n")


def _end_of(text: str) -> str:
    """Of the last line, as much as decides of what comes after it."""
    line = _BREAK.split(text.rpartition("\n")[2])[-1]
    begun = _COLOURS.sub("", line).strip()
    if begun in ("", ":"):
        return begun
    return "x" + line[-_CARRIED:]


def _visible(text: str, keep: re.Pattern[str] | None = None) -> str:
    """With U+FFFD in place of what is invisible, but for what is to be kept."""
    if text.isprintable() or (keep is not None and text.replace("\n", "").isprintable()):
        return text
    if keep is None:
        return "".join("\ufffd" if _is_odd(c) else c for c in text)
    seen, shown = 0, []
    for found in keep.finditer(text):
        shown += [_visible(text[seen : found.start()]), found[0]]
        seen = found.end()
    return "".join([*shown, _visible(text[seen:])])


def _is_odd(letter: str) -> bool:
    return unicodedata.category(letter) in ("Cc", "Cf", "Cs", "Cn", "Zl", "Zp")


def _escaped(letter: str) -> str:
    """As JSON writes it; half a surrogate pair is no text, and parsers refuse it."""
    if unicodedata.category(letter) == "Cs":
        return "\ufffd"
    units = letter.encode("utf-16-be")
    return "".join(f"\\u{units[i]:02x}{units[i + 1]:02x}" for i in range(0, len(units), 2))


def last_words(said: str) -> str:
    """The last line of a process of lendchaos that reported no error; none of Locust's tables."""
    ours = [line.strip() for line in said.splitlines() if not _LOCUST.match(line)]
    last = ours[-1] if ours else "it said nothing"
    return last.removeprefix("error: ").removeprefix("lendchaos: ")
