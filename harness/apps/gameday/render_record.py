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
    RecordedStep,
    RecordSource,
    Try,
    hash_of,
    to_json,
)
from harness.apps.gameday.make_record import Tell, made, seal
from harness.apps.gameday.session_store import RUNS_FOLDER, StepState, clock, instant_of
from harness.core.errors import HarnessError
from harness.core.files import replace_file
from harness.report import html, sections, timeline_chart, words
from harness.report.marks import NARROW, Layout
from harness.report.tables import Cell, Table, row
from harness.report.tiles import tiles

WIDE = Layout("wide", 940, 70, 14, 88, 58, 11.5, 450, 13)
_STATE = {
    StepState.WAITING: "not begun",
    StepState.GOING: "begun, and nothing says that it ended",
    StepState.LEFT_OUT: "left out",
}
"""Of the others, their own names say it."""
_WHOSE = {
    RecordSource.SESSION: "said",
    RecordSource.HARNESS: "done by the harness",
    RecordSource.DATA: "seen in the answers",
}
_SIGNED_BY = ("Led by", "Observed by", "Approved by")
"""Where the plan names no roles."""


def write(session: Path, tell: Tell) -> Record:
    """Write ``record.html`` and ``record.json``, which has the hash of the page among the others,
    into the session's own folder, as often as anybody likes: notes and actions may come later.

    Those that are there already are taken away first: none at all is better than an older one.
    Raises as `made`, and a HarnessError where nothing can be written.
    """
    record = made(session, tell)
    page = render(record)
    try:
        for name in (RECORD_FILE, PAGE_FILE):
            (session / name).unlink(missing_ok=True)
        replace_file(session / PAGE_FILE, page)
        files = {**record.files, PAGE_FILE: seal(session / PAGE_FILE)}
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
        when=_when(record),
        signatures=tuple(record.roles.items()) or tuple((role, "") for role in _SIGNED_BY),
        planned=_planned,
        ended=partial(_ended, record),
        manual_faults=partial(_manual_faults, record),
        tables={**_people(record), **_evidence(record)},
        sections=sections,
        tiles=lambda verdict: tiles(None, verdict),
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


# --- times and lengths ---------------------------------------------------------------------------


def _when(record: Record) -> str:
    """The day, or days, with the time from the first event to the last."""
    first, last = record.started_utc, record.ended_utc
    if first is None or last is None:
        return "nothing happened yet"
    until = "" if _day(first) == _day(last) else f"{_day(last)}, "
    return f"{_day(first)}, {clock(first)[:8]} to {until}{clock(last)[:8]} UTC"


def _at(record: Record, at_utc: str) -> str:
    """A time of the day; with its date where the record spans several."""
    one_day = _day(record.started_utc) == _day(record.ended_utc)
    return clock(at_utc) if one_day else f"{_day(at_utc)}, {clock(at_utc)}"


def _day(at_utc: str | None) -> str:
    instant = instant_of(at_utc)
    return "" if instant is None else words.day(instant)


def _planned(step: RecordedStep) -> str:
    """When the step was to begin and how long it was to take."""
    begin = f"{_minutes(step.at_s)} after the start" if step.at_s else "at the start"
    begin = "" if step.at_s is None else begin
    length = "" if step.length_s is None else f"{_minutes(step.length_s)} long"
    return ", ".join(part for part in (begin, length) if part)


def _minutes(duration_s: float) -> str:
    minutes, rest_s = divmod(round(duration_s), 60)
    parts = (f"{minutes} min" if minutes else "", f"{rest_s} s" if rest_s or not minutes else "")
    return " ".join(part for part in parts if part)


def _ended(record: Record, one: Try) -> str:
    """How a try went, in one line."""
    begun = f"begun {_at(record, one.started_utc)} UTC"
    if not one.ended or one.ended_utc is None:
        return f"{begun}; nothing says that it ended"
    ordered = f" (ordered by: {', '.join(one.aborts)})" if one.aborts else ""
    return f"{begun}, {one.ended} {_at(record, one.ended_utc)} UTC{ordered}"


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
        "Nobody said that the fault was injected or restored.",
        "Said is when somebody told the session; seen is the nearest beginning or end of an"
        " impairment that the borrowers' answers show.",
    )


def _people(record: Record) -> dict[str, Table]:
    """What people expected, said and have to do."""

    def outcome(step: RecordedStep) -> Cell:
        if step.outcome is None:
            return Cell("NOT RUN")
        return Cell(words.VERDICT[step.outcome], tone=step.outcome.value)

    def name(step: RecordedStep) -> Cell:
        kind = "manual fault" if step.hand_pulled else step.scenario
        note = f"{kind} · {_STATE.get(step.state, step.state)}"
        return Cell(words.clean(step.name), note=words.clean(note))

    steps = (
        (name(s), s.expect or "nothing was written down", s.observed, outcome(s))
        for s in record.steps
    )
    timeline = (
        (_at(record, m.at_utc), m.step or "whole day", m.text, m.by or _WHOSE[m.source])
        for m in record.timeline
    )
    notes = (
        (_at(record, n.at_utc), n.step or "whole day", n.text, n.by or "not said")
        for n in record.notes
    )
    nobody = Cell("nobody yet", tone="inconclusive")
    actions = ((a.text, a.owner or nobody, a.step or "whole day", "") for a in record.actions)
    happened = "Time (UTC)|Step|What happened|Whose word"
    return {
        "steps": _table("Step|Expected|Observed|Outcome", steps, "The plan has no step."),
        "timeline": _table(happened, timeline, "Nothing happened."),
        "notes": _table("Time (UTC)|Step|Note|By", notes, "Nobody wrote anything down."),
        "actions": _table("Open action|Owner|Step|Done on", actions, "None was written down."),
    }


def _evidence(record: Record) -> dict[str, Table]:
    """What it takes to do each run again, and what the record rests on."""
    runs = []
    tries = ((step, one.run) for step in record.steps for one in step.tries)
    for step, run in ((step, run) for step, run in tries if run is not None):
        again, verdict = ("not known",) * 4, run.verdict
        if verdict is not None:
            began = words.date(verdict.zero_utc)
            again = verdict.scenario, str(verdict.seed), verdict.target, began
        runs.append((f"{RUNS_FOLDER}/{run.directory}", step.name, *again))
    versions = [(words.spaced(name), value) for name, value in record.versions.items()]
    versions.append(("this record made with", f"lendchaos {record.recorded_with}"))
    files = ((name, words.count(one.size), one.sha256) for name, one in record.files.items())
    headers = "Run|Step|Scenario|Seed|Target|Measured from"
    return {
        "runs": _table(headers, runs, "No step was run."),
        "versions": _table("What|Version", versions, ""),
        "files": _table("File|Bytes|SHA-256", files, "There is no file."),
    }
