"""A step summary in Markdown: the first screen of the report, for a page that shows no report.

Pure. Never more than `BYTES_MAX`, so that it also fits into a comment: what is left out for room is
said. Text from outside is escaped, so that it can neither mark up nor call anybody, and links to
nothing; the only links are those that its caller gives.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from harness.report import words
from harness.report.run_checks import CheckKind, cut_message
from harness.report.sections import objectives as objectives_table
from harness.report.suite import GateSuite, cases_of, deciding_run
from harness.report.tables import Table
from harness.report.tiles import tiles
from harness.verdict.types import Finding, Judgement, Verdict, Weight

BYTES_MAX = 60_000
_MARKS = {Judgement.PASS: "🟢", Judgement.FAIL: "🔴", Judgement.INCONCLUSIVE: "🟡"}
_ROWS_MAX = 50
_NAMES_MAX = 8
_SENTENCE_MAX = 600
_MESSAGE_MAX = 400
_MARKUP = re.compile(r"([\\`*_{}\[\]()#+\-!|~])")
_LINKS = re.compile(r":(?=//)|www(?=\.)|GH(?=-[0-9])|[@#!~$%](?=\w)", re.IGNORECASE)
"""What GitHub and GitLab make a link or call somebody by: an address, a name, a number."""
_BETWEEN = "<!-- -->"
_HOLE = "\0"
"""Stands for it while the rest is escaped; no clean text has it."""


@dataclass(frozen=True, slots=True)
class _Block:
    """A part of the summary; of all, those of the lowest ``rank`` are kept first."""

    rank: int
    text: str


def summary(
    suites: Sequence[GateSuite],
    charts: Mapping[str, Sequence[str]] | None = None,
    pictures: Mapping[str, str] | None = None,
    links: Mapping[str, str] | None = None,
    artifacts: str = "",
) -> str:
    """The Markdown of all suites; ``charts`` are lines of text and ``pictures`` addresses, by the
    name of the suite. ``links`` are addresses of reports, by their paths; those without one are in
    the ``artifacts``, the address of a page, if there is one.
    """
    blocks = [_Block(0, _overview(suites))] if len(suites) > 1 else []
    for suite in suites:
        blocks += _blocks(
            suite, (charts or {}).get(suite.name, ()), (pictures or {}).get(suite.name, "")
        )
        blocks.append(_Block(4, _reports(suite, links or {}, artifacts)))
    return _fitted([block for block in blocks if block.text])


def _fitted(blocks: list[_Block]) -> str:
    """As many as there is room for, the most important first, in their own order."""
    room = BYTES_MAX - 200  # for the line that says what is missing
    kept: set[int] = set()
    for index in sorted(range(len(blocks)), key=lambda i: blocks[i].rank):
        size = len(blocks[index].text.encode()) + 2
        if size <= room:
            room -= size
            kept.add(index)
    texts = [blocks[index].text for index in sorted(kept)]
    left_out = len(blocks) - len(kept)
    if left_out:
        parts = words.plural(left_out, "part")
        texts.append(f"*Left out for room: {parts} of this summary. The reports have it all.*")
    return "\n\n".join(texts) + "\n"


def _blocks(suite: GateSuite, chart: Sequence[str], picture: str) -> list[_Block]:
    decides = deciding_run(suite)
    verdict = None if decides is None else decides.verdict
    blocks = [_Block(1, _head(suite)), _Block(1, _broken(suite))]
    if suite.asked > 1:
        blocks.append(_Block(2, _runs(suite)))
    if decides is not None and verdict is not None:
        which = f"Run {decides.number}" if suite.asked > 1 else "This run"
        blocks.append(_Block(2, _figures(verdict, which)))
    if picture:
        blocks.append(_Block(2, f"![Borrowing over time, {escaped(suite.name)}](<{picture}>)"))
    elif chart:
        blocks.append(_Block(2, _fenced(chart)))
    if verdict is not None:
        blocks.append(_Block(3, _table(objectives_table(verdict, told=False))))
        blocks.append(_Block(4, _notes(verdict)))
    return blocks


# --- parts ---------------------------------------------------------------------------------------


def _head(suite: GateSuite) -> str:
    judged = suite.verdict
    mark, verdict = _MARKS[judged], words.VERDICT[judged]
    asked = f", {len(suite.runs)} of {words.plural(suite.asked, 'run')}" if suite.asked > 1 else ""
    title = f"### {mark} {verdict} · {escaped(words.cut(suite.name, 80))}{asked}"
    if deciding_run(suite) is None:
        return title  # its one check says why
    return f"{title}\n\n{escaped(words.cut(suite.sentence, _SENTENCE_MAX))}"


def _overview(suites: Sequence[GateSuite]) -> str:
    """All scenarios in one table, the worst first."""
    order = (Judgement.FAIL, Judgement.INCONCLUSIVE, Judgement.PASS)
    ranked = sorted(((s.verdict, s) for s in suites), key=lambda pair: order.index(pair[0]))
    rows = [
        (
            f"{_MARKS[judged]} {words.VERDICT[judged]}",
            escaped(words.cut(suite.name, 80)),
            f"{len(suite.runs)} of {suite.asked}",
            ", ".join(escaped(words.cut(name, 80)) for name in _not_met(suite)[:_NAMES_MAX])
            or "none",
        )
        for judged, suite in ranked
    ]
    return _rows(("Verdict", "Scenario", "Runs", "Checks not met"), rows)


def _not_met(suite: GateSuite) -> list[str]:
    return [case.name for case in cases_of(suite) if case.verdict is not Judgement.PASS]


def _broken(suite: GateSuite) -> str:
    """A line for each check that is not met, as the JUnit file names it; what the sentence above
    says of it already is not said again.
    """
    found = [case for case in cases_of(suite) if case.verdict is not Judgement.PASS]
    above = words.cut(suite.sentence, _SENTENCE_MAX).lower() if deciding_run(suite) else ""
    lines = []
    for case in found[:_ROWS_MAX]:
        # Of an objective the sentence leaves count and interval to the table.
        fact = case.message.partition(" (")[0] if case.kind is CheckKind.OBJECTIVE else case.message
        said = "" if fact.lower() in above else f": {escaped(cut_message(case.message))}"
        name = escaped(words.cut(case.name, 80))
        word = words.OBJECTIVE_VERDICT[case.verdict]
        lines.append(f"- {_MARKS[case.verdict]} **{name}** {word}{said}")
    return "\n".join([*lines, *_more(len(found))])


def _figures(verdict: Verdict, which: str) -> str:
    rows = [
        (escaped(tile.name), f"**{escaped(tile.figure)}**", escaped("; ".join(tile.notes)))
        for tile in tiles(None, verdict)
    ]
    return _rows(("Figure", which, ""), rows)


def _table(table: Table) -> str:
    """A table of the report; the remarks of a cell stand below it in small letters."""
    if not table.rows:
        return escaped(table.empty)
    rows = [
        tuple(
            escaped(words.cut(cell.text, _MESSAGE_MAX))
            + (f"<br><sub>{escaped(words.cut(cell.note, 200))}</sub>" if cell.note else "")
            for cell in row
        )
        for row in table.rows
    ]
    return _rows(table.headers, rows)


def _runs(suite: GateSuite) -> str:
    """Every run, and what they allow to be said together."""
    rows = []
    for run in suite.runs:
        known = run.verdict
        rows.append(
            (
                str(run.number),
                "" if known is None else str(known.seed),
                f"none, exit code {run.exit_code}"
                if known is None
                else f"{_MARKS[known.verdict]} {words.VERDICT[known.verdict]}",
                words.NOT_MEASURED if known is None else words.share(known.borrow.failed_share),
                words.NOT_MEASURED if known is None else escaped(tiles(None, known)[1].figure),
            )
        )
    text = _rows(("Run", "Seed", "Verdict", "Failed share", "Time to recover"), rows)
    said = [f"Stopped early: {suite.stopped}." if suite.stopped else "", suite.statement]
    return "\n\n".join([text, *(escaped(words.cut(one, _SENTENCE_MAX)) for one in said if one)])


def _notes(verdict: Verdict) -> str:
    """What was seen and tolerated, folded; each finding that counts stands above, in its check."""
    found = [finding for finding in verdict.findings if finding.verdict is Weight.NOTE]
    if not found:
        return ""
    lines = [_finding(one) for one in found[:_ROWS_MAX]]
    body = "\n".join([*lines, *_more(len(found))])
    head = words.plural(len(found), "note")
    return f"<details><summary>{head}</summary>\n\n{body}\n\n</details>"


def _finding(found: Finding) -> str:
    said = escaped(words.cut(found.message, _MESSAGE_MAX))
    return f"- **{escaped(words.cut(found.code, 80))}**: {said}"


def _reports(suite: GateSuite, links: Mapping[str, str], artifacts: str) -> str:
    """Where each page is: linked, as far as its address is known."""
    page = f" in the [artifacts of this run](<{artifacts}>)" if artifacts else ""
    lines = []
    for report in suite.reports[:_ROWS_MAX]:
        path, address = _code(words.cut(report, 300)), links.get(report, "")
        lines.append(f"- report: [{path}](<{address}>)" if address else f"- report: {path}{page}")
    return "\n".join([*lines, *_more(len(suite.reports))])


# --- letters -------------------------------------------------------------------------------------


def _more(number: int) -> list[str]:
    return [f"- and {number - _ROWS_MAX:,} more"] if number > _ROWS_MAX else []


def _rows(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> str:
    lines = [f"| {' | '.join(headers)} |", "|" + " --- |" * len(headers)]
    lines += [f"| {' | '.join(row)} |" for row in rows[:_ROWS_MAX]]
    return "\n".join(lines) + "".join(f"\n\n{line}" for line in _more(len(rows)))


def _code(text: str) -> str:
    """Foreign text in one line, in which nothing is looked for."""
    flat, fence = " ".join(words.clean(text).split()), _fence([text], 1)
    return f"{fence} {flat} {fence}" if "`" in flat else f"{fence}{flat}{fence}"


def _fenced(lines: Sequence[str]) -> str:
    """Text as it stands."""
    fence = _fence(lines, 3)
    return "\n".join([f"{fence}text", *(words.clean(line) for line in lines), fence])


def _fence(lines: Sequence[str], least: int) -> str:
    """More ticks than any row of them in the text, which then cannot close it."""
    ticks = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    return "`" * max(least, ticks + 1)


def escaped(text: str) -> str:
    """Foreign text in one line of Markdown, as it reads: no markup, tag or link, nobody called."""
    flat = " ".join(words.clean(text).split())
    html = flat.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # Links are found in what is left of the markup, unless something is between.
    parted = _LINKS.sub(rf"\g<0>{_HOLE}", html)
    return _MARKUP.sub(r"\\\1", parted).replace(_HOLE, _BETWEEN)
