"""What the page of a CI shows: a step summary in Markdown, and annotations. Pure.

The summary is the first screen of the report, for a page that shows no report. It is never more
than `BYTES_MAX`, so that it also fits into a comment: what is left out for room is said. Text from
outside is escaped, so that it can neither mark up nor call anybody, and links to nothing; the only
links are those that its caller gives.
"""

import re
from collections.abc import Mapping, Sequence

from harness.history.stored_files import currency_in
from harness.report import words
from harness.report.sections import objectives as objectives_table
from harness.report.suite import (
    CheckKind,
    GateCase,
    GateSuite,
    cases_of,
    cut_message,
    deciding_run,
)
from harness.report.tables import Table
from harness.report.tiles import tiles
from harness.report.words import WORST_FIRST
from harness.verdict.types import Judgement, Severity, Verdict

BYTES_MAX = 60_000
ERRORS_MAX = 10
"""Of one step: the runner of GitHub shows no more."""
_MARKS = {Judgement.PASS: "🟢", Judgement.FAIL: "🔴", Judgement.INCONCLUSIVE: "🟡"}
_ROWS_MAX = 50
_SENTENCE_MAX = 600
_MESSAGE_MAX = 400
_MARKUP = re.compile(r"([\\`*_{}\[\]()#+\-!|~])")
_LINKS = re.compile(r":(?=//)|www(?=\.)|GH(?=-[0-9])|[@#!~$%](?=\w)", re.IGNORECASE)
"""What GitHub and GitLab make a link or call someone by: an address, a name, a number."""
_BETWEEN = "<!-- -->"
_HOLE = "\0"
"""Stands for it while the rest is escaped; no clean text has it."""


_Block = tuple[int, str]
"""Rank and text of a part of the summary; of all, those of the lowest rank are kept first."""


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
    blocks = [(0, _overview(suites))] if len(suites) > 1 else []
    for suite in suites:
        name, shown = suite.name, charts or {}
        blocks += _blocks(suite, shown.get(name, ()), (pictures or {}).get(name, ""))
        blocks.append((4, _reports(suite, links or {}, artifacts)))
    return _fitted([block for block in blocks if block[1]])


def _fitted(blocks: list[_Block]) -> str:
    """As many as there is room for, the most important first, in their own order."""
    room = BYTES_MAX - 200  # for the line that says what is missing
    kept: set[int] = set()
    for index in sorted(range(len(blocks)), key=lambda i: blocks[i][0]):
        size = len(blocks[index][1].encode()) + 2
        if size <= room:
            room -= size
            kept.add(index)
    texts = [blocks[index][1] for index in sorted(kept)]
    if left_out := len(blocks) - len(kept):
        parts = words.plural(left_out, "part")
        texts.append(f"*Left out for room: {parts} of this summary. The reports have it all.*")
    return "\n\n".join(texts) + "\n"


def _blocks(suite: GateSuite, chart: Sequence[str], picture: str) -> list[_Block]:
    decides = deciding_run(suite)
    verdict = None if decides is None else decides.verdict
    blocks = [(1, _head(suite)), (1, _broken(suite))]
    if suite.asked > 1:
        blocks.append((2, _runs(suite)))
    if decides is not None and verdict is not None:
        which = f"Run {decides.number}" if suite.asked > 1 else "This run"
        currency = None if decides.path is None else currency_in(decides.path)
        rows = [
            (escaped(tile.name), f"**{escaped(tile.figure)}**", escaped("; ".join(tile.notes)))
            for tile in tiles(None, verdict, currency)
        ]
        blocks.append((2, _rows(("Figure", which, ""), rows)))
    if picture:
        blocks.append((2, f"![Borrowing over time, {escaped(suite.name)}](<{picture}>)"))
    elif chart:
        # Text as it stands.
        fence = _fence(chart, 3)
        blocks.append((2, "\n".join([f"{fence}text", *map(words.clean, chart), fence])))
    if verdict is not None:
        blocks.append((3, _table(objectives_table(verdict, told=False))))
        blocks.append((4, _notes(verdict)))
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
    ranked = sorted(((s.verdict, s) for s in suites), key=lambda pair: WORST_FIRST.index(pair[0]))
    rows = []
    for judged, suite in ranked:
        mark, name = f"{_MARKS[judged]} {words.VERDICT[judged]}", escaped(words.cut(suite.name, 80))
        not_met = [escaped(words.cut(case.name, 80)) for case in _not_met(suite)[:8]]
        made = f"{len(suite.runs)} of {suite.asked}"
        rows.append((mark, name, made, ", ".join(not_met) or "none"))
    return _rows(("Verdict", "Scenario", "Runs", "Checks not met"), rows)


def _not_met(suite: GateSuite) -> list[GateCase]:
    return [case for case in cases_of(suite) if case.verdict is not Judgement.PASS]


def _broken(suite: GateSuite) -> str:
    """A line for each check that is not met, as the JUnit file names it; what the sentence above
    says of it already is not said again.
    """
    found = _not_met(suite)
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


def _table(table: Table) -> str:
    """A table of the report; the remarks of a cell are below it in small letters."""
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
        seed, judged = "", f"none, exit code {run.exit_code}"
        share = recovery = words.NOT_MEASURED
        if known is not None:
            seed, share = str(known.seed), words.share(known.borrow.failed_share)
            judged = f"{_MARKS[known.verdict]} {words.VERDICT[known.verdict]}"
            recovery = escaped(tiles(None, known)[1].figure)
        rows.append((str(run.number), seed, judged, share, recovery))
    text = _rows(("Run", "Seed", "Verdict", "Failed share", "Time to recover"), rows)
    said = [f"Stopped early: {suite.stopped}." if suite.stopped else "", suite.statement]
    return "\n\n".join([text, *(escaped(words.cut(one, _SENTENCE_MAX)) for one in said if one)])


def _notes(verdict: Verdict) -> str:
    """What was seen and tolerated, folded; each finding that counts stands above, in its check."""
    found = [finding for finding in verdict.findings if finding.verdict is Severity.NOTE]
    if not found:
        return ""
    lines = [
        f"- **{escaped(words.cut(one.code, 80))}**: {escaped(words.cut(one.message, _MESSAGE_MAX))}"
        for one in found[:_ROWS_MAX]
    ]
    body = "\n".join([*lines, *_more(len(found))])
    head = words.plural(len(found), "note")
    return f"<details><summary>{head}</summary>\n\n{body}\n\n</details>"


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
    flat, fence = words.one_line(text), _fence([text], 1)
    return f"{fence} {flat} {fence}" if "`" in flat else f"{fence}{flat}{fence}"


def _fence(lines: Sequence[str], least: int) -> str:
    """More ticks than any row of them in the text, which then cannot close it."""
    ticks = max((len(run) for line in lines for run in re.findall("`+", line)), default=0)
    return "`" * max(least, ticks + 1)


def escaped(text: str) -> str:
    """Foreign text in one line of Markdown, as it reads: no markup, tag or link, no one called."""
    html = words.one_line(text).replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")
    # Links are found in what is left of the markup, unless something is between.
    parted = _LINKS.sub(rf"\g<0>{_HOLE}", html)
    return _MARKUP.sub(r"\\\1", parted).replace(_HOLE, _BETWEEN)


# --- annotations ---------------------------------------------------------------------------------


def annotations(suites: Sequence[GateSuite]) -> list[str]:
    """Workflow commands of GitHub Actions: a line for each check that is missed, then for each that
    is not decided, which stops the pipeline, too. The last says how many more there are than
    `ERRORS_MAX`, instead of dropping them in silence.
    """
    cases = [(suite, case) for suite in suites for case in _not_met(suite)]
    found = sorted(cases, key=lambda pair: WORST_FIRST.index(pair[1].verdict))
    shown = found if len(found) <= ERRORS_MAX else found[: ERRORS_MAX - 1]
    lines = []
    for suite, case in shown:
        said = words.OBJECTIVE_VERDICT[case.verdict]
        title = _property(words.clean(f"lendchaos {suite.name}: {case.name} {said}"))
        where = f"file={_property(words.clean(suite.file))}," if suite.file else ""
        message = cut_message(words.clean(f"{case.message}. Required: {case.meaning}."))
        lines.append(f"::error {where}title={title}::{_data(message)}")
    if len(found) > len(shown):
        more = f"and {len(found) - len(shown)} more: the summary and the JUnit file have them"
        lines.append(f"::error title=lendchaos::{_data(more)}")
    return lines


def _data(text: str) -> str:
    """A message on one line, so that no part of it is taken for a command of its own."""
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    """The value of a property: what ends it is escaped, too."""
    return _data(text).replace(":", "%3A").replace(",", "%2C")
