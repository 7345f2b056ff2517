"""Phrases that documents, help and messages do not use, and what to write instead.

    python -m tests.plain_english README.md docs harness

Prints every find with its file and line, and ends with 1 if there is any. In Markdown, inline code,
the targets of links and tables between ``<!-- x:begin -->`` and ``<!-- x:end -->`` are not read; in
Python, only strings and docstrings are. Pages, their scripts and YAML are read as they are.
"""

import ast
import re
import sys
from collections.abc import Iterable, Iterator
from pathlib import Path

PHRASES = {
    "whoever|whomever": 'the person or process: "the process that …", "anyone who …"',
    "nobody": '"no one", or the noun: "no borrower", "no process"',
    "somebody": '"someone", "another user", "another process"',
    "what (?:cannot|can't) be": 'the noun: "an invalid fault"',
    "of what is none": 'the noun: "an invalid value"',
    "cannot be had|can't be had": '"fails", "is not available"',
    "what would do": '"valid values", "how to fix it"',
    "makes? no sense": '"usage error: …", and how to fix it',
    "(?:is|are|be) told(?! (?:apart|from))": '"prints", "reports", "gets the answer"',
    "told of|tells? of": '"reports", "confirms"',
    "(?:is|are) said (?:so|to be)": '"the report says so"',
    "of ours|of our own": '"of lendchaos", "of the harness"',
    "nothing (?:is|was) broken": '"nothing was injected"',
    "in the dark": '"without an answer"',
    "hand-pulled|pulled by hand|pull(?:s|ed|ing)? the plug": '"manual fault", "injected by hand"',
    "bites?|bitten": '"takes effect"; of a gate: "detects a planted defect"',
    "otherwise than": '"differently from"',
    "goes over into": '"turns into"',
    "borrowing was out": '"borrowing was down"',
    "full stop of that length": '"a total outage of that length"',
    "everything that was asked held": '"all objectives met"',
    "something that must hold did not": '"at least one requirement was not met: …"',
    "the evidence does not decide it": '"not enough evidence: …"',
    r"once more\?": '"run it again?"',
    "seldom": '"rarely"; of polling: "backs off"',
    "our bug|bug of ours": '"internal error in lendchaos: please report it"',
    "no claim|claims? nothing|nothing is claimed": '"too few runs to state a difference"',
    "nothing was taken from": '"that is unused"',
    "stays? aborted": '"is aborted", and how to go on',
    "as ever": '"as usual"',
    "for want of": '"for lack of"',
    "unwell": '"not healthy", "fails"',
    '(?:a|one|any) trouble|troubles(?!")': '"harness error", "impairment", "outage"',
    "spoils?|spoilt": '"invalidates", "invalidated by"',
    "seeding": '"account provisioning"',
    "obey(?:s|ed|ing)?": '"apply", "follow"',
    "rescue[ds]?|rescuing": '"takeover"',
    "foresee[ns]?": '"preview"',
    "stands? (?:in|beside|below|above) (?:the|it|its|their)": '"is in …", "is beside …"',
}
"""A phrase as a regular expression, in which a blank is any white space; and its replacement."""
VALUES = ("no claim",)
"""Strings that programs read, as published: they keep their words."""

_BANNED = {
    re.compile(rf"(?<![\w-])(?:{phrase})(?!\w)".replace(" ", r"\s+"), re.IGNORECASE): instead
    for phrase, instead in PHRASES.items()
}
_FENCE = re.compile(r"^```.*$", re.MULTILINE)
_CODE = re.compile(r"(`+)[^`\n]+(?:\n[^`\n]+)?\1")
_GENERATED = re.compile(r"<!-- (\w+):begin -->.*?<!-- \1:end -->", re.DOTALL)
_LINK_TARGET = re.compile(r"\]\([^)\s]*\)")
_HIDDEN = "\0"


def _hide(found: re.Match[str]) -> str:
    """As many lines and letters, none of them a word's."""
    return re.sub(r"[^\n]", _HIDDEN, found[0])


def finds(text: str, *, code: bool = True) -> Iterator[tuple[int, str, str]]:
    """Each banned phrase of a text: where it begins, how it is written, what to write instead.

    Unless ``code`` is False, what is between backticks is not read.
    """
    for pattern in (_FENCE, _CODE) if code else ():
        text = pattern.sub(_hide, text)
    for phrase, instead in _BANNED.items():
        for found in phrase.finditer(text):
            yield found.start(), " ".join(found[0].split()), instead


def _of_markdown(text: str) -> Iterator[tuple[int, str, str]]:
    for pattern in (_GENERATED, _LINK_TARGET):
        text = pattern.sub(_hide, text)
    for start, phrase, instead in finds(text):
        yield 1 + text.count("\n", 0, start), phrase, instead


def _of_other(text: str) -> Iterator[tuple[int, str, str]]:
    for start, phrase, instead in finds(text, code=False):  # in a script, backticks are quotes
        yield 1 + text.count("\n", 0, start), phrase, instead


def _of_python(source: str) -> Iterator[tuple[int, str, str]]:
    lines = source.splitlines()
    for node in ast.walk(ast.parse(source)):
        if not (isinstance(node, ast.Constant) and isinstance(node.value, str)):
            continue
        # A string without a blank is a value, not a sentence.
        if " " in node.value and node.value not in VALUES:
            for start, phrase, instead in finds(node.value):
                last = node.end_lineno or node.lineno
                first = min(node.lineno + node.value.count("\n", 0, start), last)
                places = range(first, last + 1)
                word = max(phrase.split(), key=len)  # of several pieces, the one that has it
                line = next((n for n in places if word in lines[n - 1]), first)
                yield line, phrase, instead


_READERS = {".py": _of_python, ".md": _of_markdown}
_TEXTS = {*_READERS, ".j2", ".html", ".js", ".yaml", ".yml"}


def problems(path: Path) -> list[str]:
    """One line for each find in a file, in its order."""
    text = path.read_text(encoding="utf-8")
    found = _READERS.get(path.suffix, _of_other)(text)
    return [
        f"{path}:{line}: {phrase!r}; write {instead}" for line, phrase, instead in sorted(found)
    ]


def files(paths: Iterable[str]) -> Iterator[Path]:
    """The files that are named, and those of the folders that are which people read."""
    for path in map(Path, paths):
        if path.is_dir():
            yield from sorted(p for p in path.rglob("*") if p.suffix in _TEXTS)
        else:
            yield path


def main(paths: list[str]) -> int:
    """Print all finds; 1 if there is one, 2 without a path."""
    found = [problem for path in files(paths) for problem in problems(path)]
    sys.stdout.writelines(f"{problem}\n" for problem in found)
    return 2 if not paths else int(bool(found))


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
