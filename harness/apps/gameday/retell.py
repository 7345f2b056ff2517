"""A stored session told as a record: who said what, what was done, and what the answers show. Pure.

Whatever the session was told of a run, its verdict is the one that judging it again gives.
"""

from collections.abc import Iterable
from itertools import pairwise

from harness.apps.gameday import chronicle, instants
from harness.apps.gameday.day_plan import GameDayPlan, GameDayStep
from harness.apps.gameday.day_record import (
    Action,
    Note,
    Plug,
    Record,
    RecordedRun,
    RecordedStep,
    Try,
)
from harness.apps.gameday.plug import said_pulled, shown, unseen
from harness.apps.gameday.session import REFUSED, RUNS_FOLDER, Event, Session, StepState, What
from harness.apps.gameday.stored_runs import VERDICT_FILE, JudgedStep, NotJudged, Runs
from harness.history.events import Seal
from harness.report import words
from harness.verdict.types import Episode, Judgement, Verdict

_IMPAIRED = ("outage", "degraded")


def retell(
    session: Session, plan: GameDayPlan, runs: Runs, files: dict[str, Seal], recorded_with: str
) -> Record:
    """The record of a session as far as it came."""
    steps = tuple(_step(session, planned, runs) for planned in plan.steps)
    events = session.events
    outcome = _outcome(steps)
    opened = next((event for event in events if event.what is What.OPENED), None)
    targets = [s.verdict.target for s in runs.values() if isinstance(s, JudgedStep)]
    return Record(
        title=plan.title,
        hypothesis=plan.hypothesis,
        outcome=outcome,
        statement=_statement(steps, events),
        started_utc=events[0].at_utc if events else None,
        ended_utc=events[-1].at_utc if events else None,
        closed=session.closed,
        target=plan.host or (targets[0] if targets else None),
        abort_word=plan.abort_word,
        roles=dict(plan.roles),
        steps=steps,
        timeline=chronicle.timeline(events, steps),
        notes=tuple(
            Note(e.at_utc, e.text, e.step, e.by) for e in events if e.what is What.NOTE
        ),
        actions=tuple(
            Action(e.at_utc, e.text, e.by, e.step) for e in events if e.what is What.ACTION
        ),
        versions=dict(opened.details) if opened else {},
        remarks=tuple(_remarks(session, plan, steps, runs)),
        files=files,
        recorded_with=recorded_with,
    )  # fmt: skip


# --- steps ---------------------------------------------------------------------------------------


def _step(session: Session, planned: GameDayStep, runs: Runs) -> RecordedStep:
    own = [event for event in session.events if event.step == planned.name]
    starts = [place for place, e in enumerate(own) if e.what is What.STEP_STARTED]
    parts = [own[first:last] for first, last in pairwise([*starts, len(own)])]
    tries = tuple(_try(part, runs) for part in parts)
    state = session.state_of(planned.name)
    return RecordedStep(
        name=planned.name,
        scenario=planned.scenario,
        expect=planned.expect,
        hand_pulled=planned.hand_pulled,
        options=planned.options,
        at_s=planned.at_s,
        length_s=planned.length_s,
        state=state,
        outcome=_outcome_of(tries, state),
        observed=_observed(own, tries, state),
        tries=tries,
    )


def _try(events: list[Event], runs: Runs) -> Try:
    ran = next((e for e in reversed(events) if e.what is What.RUN_ENDED), None)
    ended = next((e for e in reversed(events) if e.what is What.STEP_ENDED), None)
    run = None if ran is None or ran.directory is None else _run(ran.directory, runs)
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
        plugs=tuple(_plugs(events, verdict)),
        unseen="" if verdict is None else unseen(events, verdict),
    )


def _run(directory: str, runs: Runs) -> RecordedRun:
    stored = runs.get(directory)
    if stored is None:
        return RecordedRun(directory, None, "it is not among the stored runs")
    if isinstance(stored, NotJudged):
        return RecordedRun(directory, None, stored.reason)
    return RecordedRun(directory, stored.verdict)


def _plugs(events: list[Event], verdict: Verdict | None) -> Iterable[Plug]:
    """Each with what the answers show of it; of slow ones only where nothing failed."""
    if verdict is None:
        yield from (_plug(e, None, []) for e in events if e.what in (What.PULLED, What.RESTORED))
        return
    near, after = verdict.episodes, {id(pulled): later for pulled, later in said_pulled(events)}
    for event in events:
        if event.what is What.PULLED:
            near = shown(event, after[id(event)], verdict)
            near = [e for e in near if e.class_ in _IMPAIRED] or near
        if event.what in (What.PULLED, What.RESTORED):
            yield _plug(event, verdict.zero_utc, near)


def _plug(event: Event, zero_utc: str | None, episodes: Iterable[Episode]) -> Plug:
    """What was said beside what the answers show nearest to it."""
    restored = event.what is What.RESTORED
    edges_s = (e.recovered_s if restored else e.onset_s for e in episodes)
    nearest: tuple[float, str] | None = None
    for edge_s in edges_s:
        seen_utc = instants.after(zero_utc, edge_s)
        late_s = None if seen_utc is None else instants.between(event.at_utc, seen_utc)
        if seen_utc is None or late_s is None:
            continue
        if nearest is None or abs(late_s) < abs(nearest[0]):
            nearest = late_s, seen_utc
    return Plug(
        restored=restored,
        said_utc=event.at_utc,
        by=event.by,
        text=event.text,
        seen_utc=None if nearest is None else nearest[1],
        seen_after_s=None if nearest is None else round(nearest[0], 3),
    )


# --- outcomes ------------------------------------------------------------------------------------


def _outcome_of(tries: tuple[Try, ...], state: StepState) -> Judgement | None:
    """Nothing is repeated until it is green: a failure in any try is one of the step."""
    if not tries:
        return None
    if Judgement.FAIL in [one.outcome for one in tries]:
        return Judgement.FAIL
    last = tries[-1].outcome
    if state is not StepState.DONE or last is None:
        return Judgement.INCONCLUSIVE
    return last


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
        why = f"{last.unseen[0].upper()}{last.unseen[1:]}. " if last.unseen else ""
        return why + last.verdict.sentence
    if last.run is not None:
        return f"its run cannot be judged: {last.run.trouble}"
    return f"no run was recorded{_because(last)}"


def _because(one: Try) -> str:
    return f": {one.said}" if one.said else ""


def _outcome(steps: tuple[RecordedStep, ...]) -> Judgement:
    """The worst step; one that was left out or not begun leaves the day's hypothesis open."""
    found = [step.outcome for step in steps]
    if Judgement.FAIL in found:
        return Judgement.FAIL
    passed = bool(found) and all(outcome is Judgement.PASS for outcome in found)
    return Judgement.PASS if passed else Judgement.INCONCLUSIVE


def _statement(steps: tuple[RecordedStep, ...], events: Iterable[Event]) -> str:
    done = sum(step.state is StepState.DONE for step in steps)
    said = [f"{done} of {words.plural(len(steps), 'step')} done"]
    for outcome, how in ((Judgement.FAIL, "failed"), (Judgement.INCONCLUSIVE, "inconclusive")):
        if names := [step.name for step in steps if step.outcome is outcome]:
            said.append(f"{how}: {', '.join(names)}")
    for state, how in (
        (StepState.REFUSED, "refused"),
        (StepState.LEFT_OUT, "left out"),
        (StepState.WAITING, "not begun"),
    ):
        if names := [step.name for step in steps if step.state is state]:
            said.append(f"{how}: {', '.join(names)}")
    aborted = sum(one.ended == "aborted" for step in steps for one in step.tries)
    if aborted:
        said.append(words.plural(aborted, "try aborted", "tries aborted"))
    actions = sum(event.what is What.ACTION for event in events)
    said.append(words.plural(actions, "open action") if actions else "no open action")
    return f"{'; '.join(said)}."


# --- what puts it in doubt -----------------------------------------------------------------------


def _remarks(
    session: Session, plan: GameDayPlan, steps: tuple[RecordedStep, ...], runs: Runs
) -> Iterable[str]:
    yield from session.damage
    known = {step.name for step in plan.steps}
    strange = {e.step for e in session.events if e.step is not None} - known
    for name in sorted(strange):
        yield f"the session tells of a step that the plan does not have: {name}"
    for step in steps:
        for one in step.tries:
            yield from _doubts(step, one)
    told = {run.directory for step in steps for one in step.tries if (run := one.run) is not None}
    for name, stored in runs.items():
        if name not in told:
            yield f"{RUNS_FOLDER}/{name} is a run of which the session does not tell"
        if isinstance(stored, JudgedStep) and stored.kept is None:
            yield f"{RUNS_FOLDER}/{name} left no {VERDICT_FILE}: it was judged for this record"
        elif isinstance(stored, JudgedStep) and not stored.as_kept:
            yield f"{RUNS_FOLDER}/{name}/{VERDICT_FILE} is not what judging the run again gives"


def _doubts(step: RecordedStep, one: Try) -> Iterable[str]:
    begun = instants.clock(one.started_utc)
    if one.ended == REFUSED:
        yield f"{step.name}, begun {begun}: {one.said}"
    elif one.run is None:
        yield f"{step.name}, begun {begun}: no run was recorded{_because(one)}"
    elif one.unseen:
        yield f"{step.name}: {one.unseen}: it decides nothing"
    elif one.run.verdict is None:
        yield f"{RUNS_FOLDER}/{one.run.directory} cannot be judged: {one.run.trouble}"
    elif one.said_verdict not in (None, one.run.verdict.verdict.value):
        yield (
            f"{RUNS_FOLDER}/{one.run.directory}: the session was told {one.said_verdict}, and the"
            f" stored run is judged {one.run.verdict.verdict}"
        )
