"""The tables of a record's page. Pure: a record in, words in tables out."""

from harness.apps.gameday import instants
from harness.apps.gameday.day_record import Plug, Record, RecordedStep, RecordSource, Try
from harness.apps.gameday.session import RUNS_FOLDER, StepState
from harness.report import words
from harness.report.tables import Cell, Table, row
from harness.verdict.types import Fault, Finding, Judgement, Verdict, Weight

_STATE = {
    StepState.WAITING: "not begun",
    StepState.GOING: "begun, and nothing says that it ended",
    StepState.DONE: "done",
    StepState.ABORTED: "aborted",
    StepState.REFUSED: "refused",
    StepState.LEFT_OUT: "left out",
}
_WHOSE = {
    RecordSource.SESSION: "said",
    RecordSource.HARNESS: "done by the harness",
    RecordSource.DATA: "seen in the answers",
}
_TONE = {Weight.FAIL: "fail", Weight.INCONCLUSIVE: "inconclusive", Weight.NOTE: ""}
_SIGNED_BY = ("Led by", "Observed by", "Approved by")
"""Where the plan names no roles."""


def when(record: Record) -> str:
    """The day, or days, with the time from the first event to the last."""
    first, last = record.started_utc, record.ended_utc
    if first is None:
        return "nothing happened yet"
    end = instants.clock(last)[:8]
    if instants.day(first) != instants.day(last):
        end = f"{instants.day(last)}, {end}"
    return f"{instants.day(first)}, {instants.clock(first)[:8]} to {end} UTC"


def _at(record: Record, at_utc: str) -> str:
    """A time of the day; with its date where the record spans several."""
    several = instants.day(record.started_utc) != instants.day(record.ended_utc)
    return (
        f"{instants.day(at_utc)}, {instants.clock(at_utc)}" if several else instants.clock(at_utc)
    )


def outcome(judgement: Judgement | None) -> Cell:
    """An outcome as a word, with its colour."""
    if judgement is None:
        return Cell("NOT RUN")
    return Cell(words.VERDICT[judgement], tone=judgement.value)


def steps(record: Record) -> Table:
    """What was expected of each step against what was observed."""
    return Table(
        headers=("Step", "Expected", "Observed", "Outcome"),
        rows=tuple(
            row(
                Cell(words.clean(step.name), note=_what(step)),
                step.expect or "nothing was written down",
                step.observed,
                outcome(step.outcome),
            )
            for step in record.steps
        ),
        empty="The plan has no step.",
    )


def _what(step: RecordedStep) -> str:
    kind = "hand-pulled" if step.hand_pulled else step.scenario
    return words.clean(f"{kind} · {_STATE[step.state]}")


def hypothesis(step: RecordedStep) -> str:
    """The hypothesis of a step's scenario, as its last judged run has it."""
    found = [one.verdict.hypothesis for one in step.tries if one.verdict is not None]
    return found[-1] if found else ""


def planned(step: RecordedStep) -> str:
    """When the step was to begin and how long it was to take."""
    if step.at_s is None and step.length_s is None:
        return ""
    begin = "at the start" if step.at_s == 0 else ""
    if step.at_s:
        begin = f"{_minutes(step.at_s)} after the start"
    length = "" if step.length_s is None else f"{_minutes(step.length_s)} long"
    return ", ".join(part for part in (begin, length) if part)


def _minutes(duration_s: float) -> str:
    minutes, rest_s = divmod(round(duration_s), 60)
    if not minutes:
        return f"{rest_s} s"
    return f"{minutes} min" if not rest_s else f"{minutes} min {rest_s} s"


def ended(record: Record, one: Try) -> str:
    """How a try went, in one line."""
    begun = f"begun {_at(record, one.started_utc)} UTC"
    if not one.ended or one.ended_utc is None:
        return f"{begun}; nothing says that it ended"
    said = f"{begun}, {one.ended} {_at(record, one.ended_utc)} UTC"
    if one.aborts:
        said += f" (ordered by: {', '.join(one.aborts)})"
    return said


def plugs(record: Record, one: Try) -> Table:
    """What was said of the plug against what the harness saw from the answers."""
    return Table(
        headers=("By hand", "Said at (UTC)", "Seen at (UTC)", "Difference"),
        rows=tuple(_plug(record, plug) for plug in one.plugs),
        empty="Nobody said that the plug was pulled or put back.",
        lead="Said is when somebody told the session; seen is the nearest beginning or end of an"
        " impairment that the borrowers' answers show.",
    )


def _plug(record: Record, plug: Plug) -> tuple[Cell, ...]:
    note = " · ".join(part for part in (plug.by, plug.text) if part)
    seen = "the answers show nothing"
    if plug.seen_utc is not None:
        seen = _at(record, plug.seen_utc)
    return row(
        Cell("put back" if plug.restored else "pulled", note=words.clean(note)),
        _at(record, plug.said_utc),
        Cell(seen, tone="" if plug.seen_utc else "inconclusive"),
        difference(plug.seen_after_s),
    )


def difference(seen_after_s: float | None) -> str:
    """How much later, or earlier, something was seen than said."""
    if seen_after_s is None:
        return words.NOT_MEASURED
    late = "after" if seen_after_s >= 0 else "before"
    return f"seen {words.seconds(abs(seen_after_s))} {late} it was said"


def faults(record: Record, verdict: Verdict) -> Table:
    """What was injected and healed, by the wall clock."""
    return Table(
        headers=("Fault", "Acts on", "Injected (UTC)", "Healed (UTC)", "Took effect?"),
        rows=tuple(_fault(record, verdict.zero_utc, fault) for fault in verdict.faults),
        empty="No fault of ours: this run only watched.",
    )


def _fault(record: Record, zero_utc: str | None, fault: Fault) -> tuple[Cell, ...]:
    injected_utc = instants.after(zero_utc, fault.injected_s)
    healed_utc = instants.after(zero_utc, fault.healed_s)
    bit = {True: "yes", False: "no", None: "not shown"}[fault.bit]
    return row(
        Cell(words.clean(fault.name), note=words.clean(fault.description)),
        fault.link_or_target,
        "never" if injected_utc is None else _at(record, injected_utc),
        "not healed" if healed_utc is None else _at(record, healed_utc),
        Cell(bit, note=words.clean("; ".join(fault.proof[:1]))),
    )


def findings(verdict: Verdict) -> Table:
    """What decided the verdict, notes last."""
    order = (Weight.FAIL, Weight.INCONCLUSIVE, Weight.NOTE)
    ordered: list[Finding] = sorted(verdict.findings, key=lambda f: order.index(f.verdict))
    return Table(
        headers=("Weight", "What was found", "In this run"),
        rows=tuple(
            row(
                Cell(words.WEIGHT[found.verdict], tone=_TONE[found.verdict]),
                words.finding(found.code),
                found.message,
            )
            for found in ordered
        ),
        empty="Nothing: every check was made and none found anything.",
    )


def timeline(record: Record) -> Table:
    """The whole day."""
    return Table(
        headers=("Time (UTC)", "Step", "What happened", "Whose word"),
        rows=tuple(
            row(
                _at(record, moment.at_utc),
                moment.step or "whole day",
                moment.text,
                moment.by or _WHOSE[moment.source],
            )
            for moment in record.timeline
        ),
        empty="Nothing happened.",
    )


def notes(record: Record) -> Table:
    """What people wrote down meanwhile."""
    return Table(
        headers=("Time (UTC)", "Step", "Note", "By"),
        rows=tuple(
            row(_at(record, n.at_utc), n.step or "whole day", n.text, n.by or "not said")
            for n in record.notes
        ),
        empty="Nobody wrote anything down.",
    )


def actions(record: Record) -> Table:
    """What is to be done, and by whom."""
    return Table(
        headers=("Open action", "Owner", "Step", "Done on"),
        rows=tuple(
            row(
                a.text,
                a.owner or Cell("nobody yet", tone="inconclusive"),
                a.step or "whole day",
                "",
            )
            for a in record.actions
        ),
        empty="None was written down.",
    )


def runs(record: Record) -> Table:
    """Every run with what it takes to do it again."""
    return Table(
        headers=("Run", "Step", "Scenario", "Seed", "Target", "Measured from"),
        rows=tuple(
            row(
                f"{RUNS_FOLDER}/{run.directory}",
                step.name,
                "not known" if run.verdict is None else run.verdict.scenario,
                "not known" if run.verdict is None else str(run.verdict.seed),
                "not known" if run.verdict is None else run.verdict.target,
                "not known" if run.verdict is None else words.date(run.verdict.zero_utc),
            )
            for step, run in record.runs
        ),
        empty="No step was run.",
    )


def versions(record: Record) -> Table:
    """What the day was run with."""
    rows = [row(words.spaced(name), value) for name, value in record.versions.items()]
    made = row("this record made with", f"lendchaos {record.recorded_with}")
    return Table(headers=("What", "Version"), rows=(*rows, made))


def files(record: Record) -> Table:
    """Hashes of everything that the record rests on."""
    return Table(
        headers=("File", "Bytes", "SHA-256"),
        rows=tuple(
            row(name, words.count(seal.size), seal.sha256) for name, seal in record.files.items()
        ),
        empty="There is no file.",
    )


def signatures(record: Record) -> tuple[tuple[str, str], ...]:
    """Who signs: each role with who holds it, as far as that is known."""
    return tuple(record.roles.items()) or tuple((role, "") for role in _SIGNED_BY)
