"""A stored session told as a record: who said what, what was done, and what the answers show.

Whatever the session was told of a run, its verdict is the one that judging it again gives. The
files go into the session's own folder, as often as anybody likes: notes and actions may come later.
The same session gives the same files.
"""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path

from harness.apps.gameday import render_record
from harness.apps.gameday.day_plan import GameDayPlan, GameDayStep
from harness.apps.gameday.day_record import (
    PAGE_FILE,
    RECORD_FILE,
    Action,
    ManualFault,
    Moment,
    Note,
    Record,
    RecordedRun,
    RecordedStep,
    RecordSource,
    Try,
    own_version,
    to_json,
)
from harness.apps.gameday.manual_faults import injections, judged, shown, unseen
from harness.apps.gameday.plan_format import read_plan
from harness.apps.gameday.session_store import (
    PLAN_FILE,
    REFUSED,
    RUNS_FOLDER,
    SESSION_FILE,
    Event,
    Session,
    StepState,
    What,
    after,
    between,
    clock,
    in_words,
    read_session,
)
from harness.apps.gameday.stored_runs import (
    VERDICT_FILE,
    Runs,
    StoredStep,
    Tell,
    hashes,
    runs_of,
    seal,
)
from harness.core.errors import HarnessError, UsageError
from harness.core.files import replace_file
from harness.history.events import Seal
from harness.report import words
from harness.verdict.types import Episode, Judgement, Verdict

_BY_HAND = (What.INJECTED, What.RESTORED)
_NO_RUN = StoredStep("it is not among the stored runs")


@dataclass(frozen=True, slots=True)
class WrittenRecord:
    """A record and its two files."""

    record: Record
    data: Path
    page: Path


def made(session: Path, tell: Tell) -> tuple[Record, Runs]:
    """The record of a stored session, and its runs as they are judged now.

    Raises:
        UsageError: it is no session, or one of another version.
        HarnessError: something of it cannot be read.
    """
    told = read_session(session)
    if not (session / PLAN_FILE).is_file():
        raise UsageError(f"{session} has no {PLAN_FILE} beside its {SESSION_FILE}")
    plan = read_plan(session / PLAN_FILE, scenarios=False)
    files = {name: one for name, one in hashes(session).items() if name != PAGE_FILE}
    runs = runs_of(session, tell)
    return _record(told, plan, runs, files), runs


def write(session: Path, tell: Tell) -> WrittenRecord:
    """Write ``record.html`` and ``record.json``, which has the hash of the page among the others.

    Those that are there already are taken away first: none at all is better than an older one.

    Raises:
        UsageError: it is no session.
        HarnessError: something of it cannot be read, or nothing can be written there.
    """
    record, runs = made(session, tell)
    shown_text = render_record.render(record, runs)
    data, page = session / RECORD_FILE, session / PAGE_FILE
    try:
        for path in (data, page):
            path.unlink(missing_ok=True)
        replace_file(page, shown_text)
        record = replace(record, files={**record.files, PAGE_FILE: seal(page)})
        replace_file(data, to_json(record))
    except OSError as error:
        raise HarnessError(f"nothing can be written into {session}: {error.strerror}") from error
    return WrittenRecord(record, data, page)


def _record(session: Session, plan: GameDayPlan, runs: Runs, files: dict[str, Seal]) -> Record:
    """The record of a session as far as it came."""
    steps = tuple(_step(session, planned, runs) for planned in plan.steps)
    events = session.events
    opened = next((event for event in events if event.what is What.OPENED), None)
    targets = [run.verdict.target for run in runs.values() if run.verdict is not None]
    return Record(
        title=plan.title,
        hypothesis=plan.hypothesis,
        outcome=_outcome(steps),
        statement=_statement(steps, events),
        started_utc=events[0].at_utc if events else None,
        ended_utc=events[-1].at_utc if events else None,
        closed=session.closed,
        target=plan.host or (targets[0] if targets else None),
        abort_word=plan.abort_word,
        roles=dict(plan.roles),
        steps=steps,
        timeline=timeline(events, steps),
        notes=tuple(Note(e.at_utc, e.text, e.step, e.by) for e in events if e.what is What.NOTE),
        actions=tuple(
            Action(e.at_utc, e.text, e.by, e.step) for e in events if e.what is What.ACTION
        ),
        versions=dict(opened.details) if opened else {},
        remarks=tuple(_remarks(session, steps, runs)),
        files=files,
        recorded_with=own_version(),
    )


# --- steps ---------------------------------------------------------------------------------------


def _step(session: Session, planned: GameDayStep, runs: Runs) -> RecordedStep:
    own = [event for event in session.events if event.step == planned.name]
    starts = [place for place, e in enumerate(own) if e.what is What.STEP_STARTED]
    tries = tuple(_try(own[a:b], runs) for a, b in pairwise([*starts, len(own)]))
    state = session.state_of(planned.name)
    return RecordedStep(
        name=planned.name,
        scenario=planned.scenario,
        expect=planned.expect,
        hand_pulled=planned.manual_fault,
        options=planned.options,
        at_s=planned.at_s,
        length_s=planned.length_s,
        state=state,
        outcome=_outcome_of(tries, state),
        observed=_observed(own, tries, state),
        tries=tries,
    )


def _try(events: list[Event], runs: Runs) -> Try:
    last = {event.what: event for event in events}
    ran, ended = last.get(What.RUN_ENDED), last.get(What.STEP_ENDED)
    run = None
    if ran is not None and ran.directory is not None:
        stored = runs.get(ran.directory, _NO_RUN)
        run = RecordedRun(ran.directory, stored.verdict, stored.trouble)
    verdict = None if run is None else run.verdict
    return Try(
        started_utc=events[0].at_utc,
        ended_utc=None if ended is None else ended.at_utc,
        ended="" if ended is None else ended.text,
        aborts=tuple(e.text for e in events if e.what is What.ABORT),
        run=run,
        said="" if ran is None else ran.text,
        said_verdict=None if ran is None else ran.verdict,
        said_exit_code=None if ran is None else ran.exit_code,
        plugs=tuple(_manual_faults(events, verdict)),
        unseen="" if verdict is None else unseen(events, verdict),
    )


def _manual_faults(events: list[Event], verdict: Verdict | None) -> Iterator[ManualFault]:
    """Each with what the answers show of it; of slow ones only where nothing failed."""
    near: list[Episode] = [] if verdict is None else list(verdict.episodes)
    later = {id(injected): next_one for injected, next_one in injections(events)}
    for event in events:
        if event.what is What.INJECTED and verdict is not None:
            seen = shown(event, later[id(event)], verdict)
            near = [e for e in seen if e.class_ in ("outage", "degraded")] or seen
        if event.what in _BY_HAND:
            yield _manual_fault(event, None if verdict is None else verdict.zero_utc, near)


def _manual_fault(event: Event, zero_utc: str | None, episodes: list[Episode]) -> ManualFault:
    """What was said beside what the answers show nearest to it."""
    restored = event.what is What.RESTORED
    edges = [after(zero_utc, e.recovered_s if restored else e.onset_s) for e in episodes]
    lates = [(late_s, at) for at in edges if (late_s := between(event.at_utc, at)) is not None]
    late_s, seen_utc = min(lates, key=lambda one: abs(one[0]), default=(None, None))
    return ManualFault(
        restored=restored,
        said_utc=event.at_utc,
        by=event.by,
        text=event.text,
        seen_utc=seen_utc,
        seen_after_s=None if late_s is None else round(late_s, 3),
    )


def timeline(events: Iterable[Event], steps: Iterable[RecordedStep]) -> tuple[Moment, ...]:
    """Everything in order of time; what was said comes before what was seen at the same moment."""
    found = []
    for event in events:
        # The sentence of a verdict stands with its step.
        text = in_words(replace(event, text="") if event.verdict else event)
        found.append(Moment(event.at_utc, RecordSource.SESSION, text, event.step, event.by))
    for step in steps:
        for one in step.tries:
            if one.verdict is not None:
                found += _seen(step.name, one.verdict)
    return tuple(sorted(found, key=lambda moment: moment.at_utc))  # a stable sort


def _seen(step: str, verdict: Verdict) -> Iterator[Moment]:
    """What the harness did in a run, and what the answers show."""
    told: list[tuple[float | None, RecordSource, str]] = []
    for fault in verdict.faults:
        told.append((fault.injected_s, RecordSource.HARNESS, f"fault {fault.name} injected"))
        told.append((fault.healed_s, RecordSource.HARNESS, f"fault {fault.name} healed"))
    for episode in verdict.episodes:
        kind = words.spaced(episode.class_)
        told.append((episode.onset_s, RecordSource.DATA, f"{kind} begins"))
        told.append((episode.recovered_s, RecordSource.DATA, f"{kind} is over"))
    for at_s, source, text in told:
        at_utc = after(verdict.zero_utc, at_s)
        if at_utc is not None:
            yield Moment(at_utc, source, text, step)


# --- outcomes ------------------------------------------------------------------------------------


def _outcome_of(tries: tuple[Try, ...], state: StepState) -> Judgement | None:
    """Nothing is repeated until it is green: a failure in any try is one of the step."""
    if not tries:
        return None
    if Judgement.FAIL in [one.outcome for one in tries]:
        return Judgement.FAIL
    done = state is StepState.DONE
    return (tries[-1].outcome if done else None) or Judgement.INCONCLUSIVE


def _observed(own: list[Event], tries: tuple[Try, ...], state: StepState) -> str:
    if not tries and state is StepState.LEFT_OUT:
        reasons = [event.text for event in own if event.what is What.NO_GO and event.text]
        return ": ".join(["left out, by decision", *reasons[-1:]])
    if not tries:
        return "never begun"
    last = tries[-1]
    if last.ended == REFUSED:
        return last.said
    if last.verdict is not None:
        return judged(last.verdict, last.unseen)[1]
    if last.run is not None:
        return f"its run cannot be judged: {last.run.trouble}"
    return _no_run(last)


def _no_run(one: Try) -> str:
    return "no run was recorded" + (f": {one.said}" if one.said else "")


def _outcome(steps: tuple[RecordedStep, ...]) -> Judgement:
    """The worst step; one that was left out or not begun leaves the day's hypothesis open."""
    found = {step.outcome for step in steps}
    if Judgement.FAIL in found:
        return Judgement.FAIL
    return Judgement.PASS if found == {Judgement.PASS} else Judgement.INCONCLUSIVE


def _statement(steps: tuple[RecordedStep, ...], events: Iterable[Event]) -> str:
    done = sum(step.state is StepState.DONE for step in steps)
    said = [f"{done} of {words.plural(len(steps), 'step')} done"]
    for what, how in (
        (Judgement.FAIL, "failed"),
        (Judgement.INCONCLUSIVE, "inconclusive"),
        (StepState.REFUSED, "refused"),
        (StepState.LEFT_OUT, "left out"),
        (StepState.WAITING, "not begun"),
    ):
        if names := [step.name for step in steps if what in (step.outcome, step.state)]:
            said.append(f"{how}: {', '.join(names)}")
    aborted = sum(one.ended == "aborted" for step in steps for one in step.tries)
    if aborted:
        said.append(words.plural(aborted, "try aborted", "tries aborted"))
    actions = sum(event.what is What.ACTION for event in events)
    said.append(words.plural(actions, "open action") if actions else "no open action")
    return f"{'; '.join(said)}."


# --- what puts it in doubt -----------------------------------------------------------------------


def _remarks(session: Session, steps: tuple[RecordedStep, ...], runs: Runs) -> Iterator[str]:
    yield from session.damage
    strange = {e.step for e in session.events if e.step} - {step.name for step in steps}
    for name in sorted(strange):
        yield f"the session tells of a step that the plan does not have: {name}"
    for step in steps:
        for one in step.tries:
            yield from _doubts(step, one)
    told = {one.run.directory for step in steps for one in step.tries if one.run is not None}
    for name, stored in runs.items():
        where = f"{RUNS_FOLDER}/{name}"
        if name not in told:
            yield f"{where} is a run of which the session does not tell"
        if stored.verdict is not None and stored.kept is None:
            yield f"{where} left no {VERDICT_FILE}: it was judged for this record"
        elif stored.verdict is not None and not stored.as_kept:
            yield f"{where}/{VERDICT_FILE} is not what judging the run again gives"


def _doubts(step: RecordedStep, one: Try) -> Iterator[str]:
    begun, run = f"{step.name}, begun {clock(one.started_utc)}", one.run
    if one.ended == REFUSED:
        yield f"{begun}: {one.said}"
    elif run is None:
        yield f"{begun}: {_no_run(one)}"
    elif one.unseen:
        yield f"{step.name}: {one.unseen}: it decides nothing"
    elif run.verdict is None:
        yield f"{RUNS_FOLDER}/{run.directory} cannot be judged: {run.trouble}"
    elif one.said_verdict not in (None, run.verdict.verdict.value):
        yield (
            f"{RUNS_FOLDER}/{run.directory}: the session was told {one.said_verdict}, and the"
            f" stored run is judged {run.verdict.verdict}"
        )
