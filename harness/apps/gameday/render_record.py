"""The record as one HTML file that needs nothing else: no script, no font, no network."""

from collections.abc import Iterable
from dataclasses import replace
from functools import partial
from itertools import count
from pathlib import Path

from markupsafe import Markup

from harness.apps.gameday.day_record import (
    PAGE_FILE,
    RECORD_FILE,
    Record,
    RecordedRun,
    RecordSource,
    Try,
    hash_of,
    to_json,
)
from harness.apps.gameday.make_record import file_checksum, made
from harness.apps.gameday.session_store import RUNS_FOLDER, clock
from harness.core.errors import HarnessError
from harness.core.files import replace_file
from harness.report import html, sections, timeline_chart, words
from harness.report.marks import NARROW, Layout
from harness.report.tables import Cell, Table, row
from harness.report.tiles import tiles
from harness.run.locust_process import Tell

WIDE = Layout("wide", 940, 70, 14, 88, 58, 11.5, 450, 13)
_WHOSE = {
    RecordSource.SESSION: "said",
    RecordSource.HARNESS: "done by the harness",
    RecordSource.DATA: "seen in the answers",
}


def write(session: Path, tell: Tell) -> Record:
    """Write ``record.html`` and ``record.json``, which has the hash of the page among the others,
    into the session's own folder, as often as anybody likes: notes and actions may come later.

    The page that is there already is taken away first: none at all is better than an older one.
    Raises as `made`, and a HarnessError where nothing can be written.
    """
    record = made(session, tell)
    page = render(record)
    try:
        (session / PAGE_FILE).unlink(missing_ok=True)
        replace_file(session / PAGE_FILE, page)
        files = {**record.files, PAGE_FILE: file_checksum(session / PAGE_FILE)}
        replace_file(session / RECORD_FILE, to_json(replace(record, files=files)))
    except OSError as error:
        raise HarnessError(f"nothing can be written into {session}: {error.strerror}") from error
    return record


def render(record: Record) -> str:
    """The whole page. Every string from outside is escaped; the same record gives the same page."""
    styles = html.style("report.css"), html.style("record.css", "apps/gameday")
    numbers = count(1)
    page = html.environment("apps/gameday").get_template("record.html.j2").render(
        **html.looks(f"{record.title}, record of a game day", *styles),
        record=record,
        record_file=RECORD_FILE,
        record_hash=hash_of(to_json(record)),
        at=partial(_at, record),
        manual_faults=partial(_manual_faults, record),
        tables=_tables(record),
        sections=sections,
        tiles=lambda run: tiles(None, run.verdict, run.plan and run.plan.lender.currency),
        charts=lambda run: _charts(run, next(numbers)),
    )  # fmt: skip
    return page.rstrip() + "\n"


def _charts(run: RecordedRun, number: int) -> list[Markup]:
    """The chart of a run for a desk and for a phone, with ids of their own; none without a load."""
    verdict = run.verdict
    if verdict is None or run.facts.status.clock is None:
        return []
    layouts = (replace(one, name=f"run{number}-{one.name}") for one in (WIDE, NARROW))
    return [timeline_chart.svg(run.plan, run.facts, verdict, one) for one in layouts]


def _at(record: Record, at_utc: str) -> str:
    """A time of the day; with its date where the record spans several."""
    one_day = f"{record.started_utc}"[:10] == f"{record.ended_utc}"[:10]
    return clock(at_utc) if one_day else f"{at_utc[:10]}, {clock(at_utc)}"


# --- tables --------------------------------------------------------------------------------------


def _table(headers: str, rows: Iterable[Iterable[Cell | str]], empty: str, lead: str = "") -> Table:
    """A table; its headers stand in one text, parted by bars."""
    return Table(tuple(headers.split("|")), tuple(row(*cells) for cells in rows), empty, lead)


def _manual_faults(record: Record, one: Try) -> Table:
    """What was said of the manual fault against what the harness saw from the answers."""
    rows = []
    for fault in one.plugs:
        note = words.clean(" · ".join(part for part in (fault.by, fault.text) if part))
        seen, apart = Cell("the answers show nothing", tone="inconclusive"), words.NOT_MEASURED
        if fault.seen_utc is not None and (late_s := fault.seen_after_s) is not None:
            seen = Cell(_at(record, fault.seen_utc))
            late = "after" if late_s >= 0 else "before"
            apart = f"seen {words.seconds(abs(late_s))} {late} it was said"
        what = Cell("restored" if fault.restored else "injected", note=note)
        rows.append((what, _at(record, fault.said_utc), seen, apart))
    return _table(
        "By hand|Said at (UTC)|Seen at (UTC)|Difference",
        rows,
        "No one said that the fault was injected or restored.",
        "Said is when someone told the session; seen is the nearest beginning or end of an"
        " impairment that the borrowers' answers show.",
    )


def _tables(record: Record) -> dict[str, Table]:
    """What people expected, said and have to do; what it takes to do each run again; all files."""
    at, nobody, day = partial(_at, record), Cell("no one yet", tone="inconclusive"), "whole day"
    steps: list[tuple[Cell | str, ...]] = []
    runs: list[tuple[Cell | str, ...]] = []
    for step in record.steps:
        kind = "manual fault" if step.hand_pulled else words.clean(step.scenario)
        name = Cell(words.clean(step.name), note=f"{kind} · {words.spaced(step.state)}")
        outcome = Cell("NOT RUN")
        if step.outcome is not None:
            outcome = Cell(words.VERDICT[step.outcome], tone=step.outcome.value)
        steps.append((name, step.expect or "nothing was written down", step.observed, outcome))
        for run in (one.run for one in step.tries if one.run is not None):
            again, verdict = ("not known",) * 4, run.verdict
            if verdict is not None:
                began = words.date(verdict.zero_utc)
                again = verdict.scenario, str(verdict.seed), verdict.target, began
            runs.append((f"{RUNS_FOLDER}/{run.directory}", step.name, *again))
    timeline = (
        (at(m.at_utc), m.step or day, m.text, m.by or _WHOSE[m.source]) for m in record.timeline
    )
    notes = ((at(n.at_utc), n.step or day, n.text, n.by or "not said") for n in record.notes)
    actions = ((a.text, a.owner or nobody, a.step or day, "") for a in record.actions)
    versions = [(words.spaced(name), value) for name, value in record.versions.items()]
    versions.append(("this record made with", f"lendchaos {record.recorded_with}"))
    files = ((name, words.count(one.size), one.sha256) for name, one in record.files.items())
    happened, again_with = "Time (UTC)|Step|What happened|Whose word", "Scenario|Seed|Target"
    return {
        "steps": _table("Step|Expected|Observed|Outcome", steps, "The plan has no step."),
        "timeline": _table(happened, timeline, "Nothing happened."),
        "notes": _table("Time (UTC)|Step|Note|By", notes, "No one wrote anything down."),
        "actions": _table("Open action|Owner|Step|Done on", actions, "None was written down."),
        "runs": _table(f"Run|Step|{again_with}|Measured from", runs, "No step was run."),
        "versions": _table("What|Version", versions, ""),
        "files": _table("File|Bytes|SHA-256", files, "There is no file."),
    }
