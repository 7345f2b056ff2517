"""`lendchaos explain`: what a code means, how it is decided, what causes it, what to do next."""

import difflib
import textwrap
from dataclasses import dataclass
from itertools import groupby
from typing import Annotated

import typer

from harness.apps.cli.app import app
from harness.apps.cli.completing import codes
from harness.apps.cli.console import Json, exit_codes, show, show_json, width
from harness.core.errors import UsageError
from harness.core.exit_codes import ExitCode
from harness.verdict.catalogue import CATALOGUE
from harness.verdict.catalogue_row import EntryKind

_HEADS = {
    EntryKind.INVARIANT: "invariants: hold always",
    EntryKind.FINDING: "other findings",
    EntryKind.OBJECTIVE: "objectives",
    EntryKind.STOP: "stop conditions",
    EntryKind.CHECK: "lines of a gate",
    EntryKind.EXIT: "exit codes",
}
_WORDS = {
    "recovery": "recovery_seconds_max",
    **dict.fromkeys(("pass", "passed"), str(ExitCode.PASS)),
    **dict.fromkeys(("fail", "failed"), str(ExitCode.FAIL)),
    "usage": str(ExitCode.USAGE),
    "inconclusive": str(ExitCode.INCONCLUSIVE),
}
"""Words that reports use and that are no codes."""


@dataclass(frozen=True, slots=True)
class Entry:
    """A code with what is to be known of it, in sentences.

    ``weight`` says what it does to a verdict, ``docs`` names the page that has more, if any.
    """

    code: str
    kind: EntryKind
    meaning: str
    weight: str
    decided: str
    causes: str
    next_step: str
    docs: str | None = None


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainDocument:
    """What `lendchaos explain --json` prints: one entry with a code, all of them without."""

    codes: tuple[Entry, ...]
    schema: str = "lendchaos.explain/1"


def entry(code: str) -> Entry:
    """The explanation of a code of the catalogue."""
    row = CATALOGUE[code]
    texts = (row.title, row.weight, row.decided, row.causes, row.next_step)
    return Entry(code, row.kind, *texts, row.docs)


def find(code: str) -> Entry:
    """The entry of a code, written as anyone might: in capitals, with dashes, or as reports say it;
    UsageError, with those that are near, where there is none.
    """
    asked = code.strip().lower().replace("-", "_").removeprefix("exit_")
    asked = _WORDS.get(asked, asked)
    if asked in CATALOGUE:
        return entry(asked)
    near = [name for name in CATALOGUE if asked and name.startswith(asked)]
    near += difflib.get_close_matches(asked, CATALOGUE, n=3, cutoff=0.5)
    near += [name for name in CATALOGUE if len(asked) > 2 and asked in name]  # noqa: PLR2004  # fewer letters are in nearly all
    nearest = list(dict.fromkeys(near))[:3]
    hint = f"did you mean {' or '.join(nearest)}?" if near else "no code is like it;"
    raise UsageError(f"no code {code!r}: {hint} `lendchaos explain` lists all")


@app.command()
def explain(
    code: Annotated[
        str | None,
        typer.Argument(
            help="A finding, an objective or an exit code.",
            autocompletion=codes,
            show_default="all",
        ),
    ] = None,
    json: Json = False,
) -> None:
    """Say what a finding, an objective or an exit code means."""
    with exit_codes():
        found = [entry(one) for one in CATALOGUE] if code is None else [find(code)]
        if json:
            show_json(ExplainDocument(codes=tuple(found)))
        elif code is None:
            _list(found)
        else:
            _explain(found[0])


def _list(entries: list[Entry]) -> None:
    longest = max(len(one.code) for one in entries)
    for kind, group in groupby(entries, key=lambda one: one.kind):
        show(_HEADS[kind])
        for one in group:
            show(f"  {one.code:<{longest}}  {one.meaning}")


def _explain(one: Entry) -> None:
    show(f"{one.code} ({one.kind})")
    show(_paragraph("", one.meaning + "."))
    for head, text in (
        ("what it does", one.weight),
        ("how it is decided", one.decided),
        ("usual causes", one.causes),
        ("what to do next", one.next_step),
        ("more", one.docs),
    ):
        if text:
            show(_paragraph(head, text))


def _paragraph(head: str, text: str) -> str:
    """Running text under its head, at a width that reads well."""
    body = textwrap.fill(
        text, width(), initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False
    )
    return f"\n{head}\n{body}" if head else body
