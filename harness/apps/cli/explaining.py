"""`lendchaos explain`: what a code means, how it is decided, what causes it, what to do next."""

import textwrap
from dataclasses import dataclass
from itertools import groupby
from typing import Annotated

import typer

from harness.apps.cli.app import app
from harness.apps.cli.completing import codes
from harness.apps.cli.console import Json, exit_codes, show, show_json, width
from harness.report.explain.entries import ENTRIES, Entry, EntryKind, find


@dataclass(frozen=True, slots=True, kw_only=True)
class ExplainDocument:
    """What `lendchaos explain --json` prints: one entry with a code, all of them without."""

    codes: tuple[Entry, ...]
    schema: str = "lendchaos.explain/1"


_HEADS = {
    EntryKind.INVARIANT: "invariants: hold always",
    EntryKind.FINDING: "other findings",
    EntryKind.OBJECTIVE: "objectives",
    EntryKind.STOP: "stop conditions",
    EntryKind.CHECK: "lines of a gate",
    EntryKind.EXIT: "exit codes",
}


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
        found = list(ENTRIES.values()) if code is None else [find(code)]
        if json:
            show_json(ExplainDocument(codes=tuple(found)))
        elif code is None:
            _list(found)
        else:
            _explain(found[0])


def _list(entries: list[Entry]) -> None:
    longest = max(len(entry.code) for entry in entries)
    for kind, group in groupby(entries, key=lambda entry: entry.kind):
        show(_HEADS[kind])
        for entry in group:
            show(f"  {entry.code:<{longest}}  {entry.meaning}")


def _explain(entry: Entry) -> None:
    show(f"{entry.code} ({entry.kind})")
    show(_paragraph("", entry.meaning + "."))
    for head, text in (
        ("what it does", entry.weight),
        ("how it is decided", entry.decided),
        ("usual causes", entry.causes),
        ("what to do next", entry.next_step),
        ("more", entry.docs),
    ):
        if text:
            show(_paragraph(head, text))


def _paragraph(head: str, text: str) -> str:
    """Running text under its head, at a width that reads well."""
    body = textwrap.fill(
        text, width(), initial_indent="  ", subsequent_indent="  ", break_on_hyphens=False
    )
    return f"\n{head}\n{body}" if head else body
