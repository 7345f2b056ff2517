"""A stored session told as a record: who said what, what was done, and what the answers show.

A run's verdict is the one that judging it again gives, even where the session noted another. Only
reads; the same session gives the same record.
"""

from collections.abc import Iterable, Iterator
from dataclasses import replace
from pathlib import Path

from harness.apps.gameday.day_plan import GameDayStep, read_plan
from harness.apps.gameday.day_record import (
    PAGE_FILE,
    RECORD_FILE,
    Action,
    Moment,
    Note,
    Record,
    RecordedRun,
    RecordedStep,
    RecordSource,
    Runs,
    Try,
    judged,
    manual_faults,
    own_program,
    unseen,
)
from harness.apps.gameday.session_store import (
    PLAN_FILE,
    RUNS_FOLDER,
    SESSION_FILE,
    Event,
    Session,
    StepState,
    What,
    after,
    in_words,
    read_session,
)
from harness.core.errors import HarnessError, UsageError
from harness.core.files import real
from harness.history.events import FileChecksum
from harness.history.manifest import checksum_of
from harness.history.reader import read_facts
from harness.history.run_directory import RunDirectory
from harness.report import words
from harness.run.locust_process import Tell
from harness.verdict.judge import judge
from harness.verdict.types import Judgement, Verdict

_OF_A_RUN = ("plan.json", "status.json", "arrivals.jsonl")
_LATEST = "latest"
"""A link to a run, which a copy may have made a folder of."""
_PASSING = (".part", ".lock", ".sock", ".pid")
"""Files with such names come and go while a program works; they are no evidence."""


def made(session: Path, tell: Tell) -> Record:
    """`record_of` a session, all its runs and all its files; raises as `read_session` and that."""
    told = read_session(session)  # first: nothing of a folder that is none is judged or hashed
    files = {name: one for name, one in hashes(session).items() if name != PAGE_FILE}
    return record_of(told, runs_of(session, tell), files)


def record_of(told: Session, runs: Runs, files: dict[str, FileChecksum]) -> Record:
    """The record of a stored session as far as it came, of its ``runs`` as they are judged now,
    with the hashes of its ``files``; raises as `read_plan`, and `UsageError` without a plan.
    """
    session = told.path
    if not (session / PLAN_FILE).is_file():
        raise UsageError(f"{session} has no {PLAN_FILE} beside its {SESSION_FILE}")
    plan = read_plan(session / PLAN_FILE, scenarios=False)
    steps, events = tuple(_step(told, planned, runs) for planned in plan.steps), told.events
    # The worst step; one that was left out or not begun leaves the day's hypothesis open.
    doubts = tuple(_doubts(told, steps, runs))
    outcomes = {step.outcome for step in steps} | {at_best for _, at_best in doubts if at_best}
    outcome = Judgement.FAIL if Judgement.FAIL in outcomes else Judgement.INCONCLUSIVE
    outcome = Judgement.PASS if outcomes == {Judgement.PASS} else outcome
    targets = [run.verdict.target for run in runs.values() if run.verdict is not None]
    opened, actions = told.all(What.OPENED), told.all(What.ACTION)
    return Record(
        title=plan.title,
        hypothesis=plan.hypothesis,
        outcome=outcome,
        statement=_statement(steps, len(actions), len(doubts)),
        started_utc=events[0].at_utc if events else None,
        ended_utc=events[-1].at_utc if events else None,
        closed=told.closed,
        target=plan.host or (targets[0] if targets else None),
        abort_word=plan.abort_word,
        roles=dict(plan.roles),
        steps=steps,
        timeline=timeline(events, steps),
        notes=tuple(Note(e.at_utc, e.text, e.step, e.by) for e in told.all(What.NOTE)),
        actions=tuple(Action(e.at_utc, e.text, e.by, e.step) for e in actions),
        versions=dict(opened[0].details) if opened else {},
        remarks=tuple(remark for remark, _ in doubts),
        files=files,
        recorded_with=own_program(),
    )


# --- what is stored ------------------------------------------------------------------------------


def hashes(session: Path) -> dict[str, FileChecksum]:
    """Size and SHA-256 of every file of a session but ``record.json``, by its path in it.

    Left out are links, hidden files and those that only live while a program works. Errors as
    `file_checksum`.
    """
    found = {}
    for path in session.rglob("*"):
        key = path.relative_to(session)
        passing = path.name.endswith(_PASSING) or any(part.startswith(".") for part in key.parts)
        doubled = key.parts[:-1][:2] == (RUNS_FOLDER, _LATEST) or key == Path(RECORD_FILE)
        if not passing and not doubled and path.is_file() and not path.is_symlink():
            found[key.as_posix()] = file_checksum(path)
    return dict(sorted(found.items()))


def file_checksum(path: Path) -> FileChecksum:
    """Size and SHA-256 of a file; a HarnessError where it cannot be read."""
    try:
        return checksum_of(path)
    except OSError as error:
        raise HarnessError(f"{path} cannot be read: {error.strerror}") from error


def runs_of(session: Path, tell: Tell) -> Runs:
    """Every run below ``runs/``, judged again by its own objectives."""
    runs: Runs = {}
    for path in sorted((session / RUNS_FOLDER).glob("[!.]*")):
        # A series, which has no plan, is no run.
        of_a_run = any((path / name).exists() for name in _OF_A_RUN)
        if of_a_run and path.name != _LATEST and not path.is_symlink():
            tell(f"judging {RUNS_FOLDER}/{path.name}")
            runs[path.name] = _judged(path)
    return runs


def _judged(path: Path) -> RecordedRun:
    directory = RunDirectory(real(path))
    try:
        plan = directory.read_plan()
        facts = read_facts(directory, plan)
    except (UsageError, HarnessError) as error:
        # The same words wherever the session lies.
        return RecordedRun(path.name, None, str(error).replace(str(real(path)), path.name))
    try:
        verdict = judge(plan, facts)
    except Exception:
        if not facts.damage:
            raise
        said = f"its evidence is damaged and contradicts itself: {facts.damage[0]}"
        return RecordedRun(path.name, None, said)
    return RecordedRun(path.name, verdict, "", plan, facts)


# --- steps ---------------------------------------------------------------------------------------


def _step(session: Session, planned: GameDayStep, runs: Runs) -> RecordedStep:
    tries = tuple(_try(events, runs) for events in session.tries_of(planned.name))
    state, outcome = session.state_of(planned.name), None
    if Judgement.FAIL in [one.outcome for one in tries]:
        outcome = Judgement.FAIL  # nothing is repeated until it is green
    elif tries:
        last = tries[-1].outcome if state is StepState.DONE else None
        outcome = last or Judgement.INCONCLUSIVE
    return RecordedStep(
        name=planned.name,
        scenario=planned.scenario,
        expect=planned.expect,
        hand_pulled=planned.manual_fault,
        options=planned.options,
        at_s=planned.at_s,
        length_s=planned.length_s,
        state=state,
        outcome=outcome,
        observed=_observed(session.all(What.NO_GO, planned.name), tries, state),
        tries=tries,
    )


def _try(events: tuple[Event, ...], runs: Runs) -> Try:
    last = {event.what: event for event in events}
    begun = events[0]  # of which nothing ended yet
    ran, ended = last.get(What.RUN_ENDED, begun), last.get(What.STEP_ENDED)
    run = None
    if ran.directory is not None:
        lost = RecordedRun(ran.directory, None, "it is not among the stored runs")
        run = runs.get(ran.directory, lost)
    verdict = None if run is None else run.verdict
    faults = tuple(manual_faults(events, verdict))
    return Try(
        started_utc=begun.at_utc,
        ended_utc=None if ended is None else ended.at_utc,
        ended="" if ended is None else ended.text,
        aborts=tuple(e.text for e in events if e.what is What.ABORT),
        run=run,
        said=ran.text,
        said_verdict=ran.verdict,
        said_exit_code=ran.exit_code,
        plugs=faults,
        unseen="" if verdict is None else unseen(faults),
    )


def timeline(events: Iterable[Event], steps: Iterable[RecordedStep]) -> tuple[Moment, ...]:
    """Everything in order of time; what was said comes before what was seen at the same moment."""
    found = []
    for event in events:
        # The sentence of a verdict stands with its step.
        text = in_words(replace(event, text="") if event.verdict else event)
        found.append(Moment(event.at_utc, RecordSource.SESSION, text, event.step, event.by))
    for step in steps:
        for verdict in (one.verdict for one in step.tries if one.verdict is not None):
            for at_s, source, text in _seen(verdict):
                if (at_utc := after(verdict.zero_utc, at_s)) is not None:
                    found.append(Moment(at_utc, source, text, step.name))
    return tuple(sorted(found, key=lambda moment: moment.at_utc))  # a stable sort


def _seen(verdict: Verdict) -> Iterator[tuple[float | None, RecordSource, str]]:
    """What the harness did in a run, and what the answers show, in seconds after its zero."""
    for fault in verdict.faults:
        yield fault.injected_s, RecordSource.HARNESS, f"fault {fault.name} injected"
        yield fault.healed_s, RecordSource.HARNESS, f"fault {fault.name} healed"
    for episode in verdict.episodes:
        kind = words.spaced(episode.class_)
        yield episode.onset_s, RecordSource.DATA, f"{kind} begins"
        yield episode.recovered_s, RecordSource.DATA, f"{kind} is over"


# --- what they came to ---------------------------------------------------------------------------


def _observed(no_gos: list[Event], tries: tuple[Try, ...], state: StepState) -> str:
    if not tries and state is StepState.LEFT_OUT:
        reasons = [event.text for event in no_gos if event.text]
        return ": ".join(["left out, by decision", *reasons[-1:]])
    if not tries:
        return "never begun"
    last = tries[-1]
    if last.ended == StepState.REFUSED:
        return last.said
    if last.verdict is not None:
        return judged(last.verdict, last.unseen)[1]
    if last.run is not None:
        return f"its run cannot be judged: {last.run.trouble}"
    return last.said or "no run was recorded"


def _statement(steps: tuple[RecordedStep, ...], actions: int, doubts: int) -> str:
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
    if doubts:
        said.append(words.plural(doubts, "reason to doubt it", "reasons to doubt it"))
    said.append(words.plural(actions, "open action") if actions else "no open action")
    return f"{'; '.join(said)}."


def _doubts(
    session: Session, steps: tuple[RecordedStep, ...], runs: Runs
) -> Iterator[tuple[str, Judgement | None]]:
    """What puts the record in doubt, and what the day is at best with it; None if that is open.

    A failure in any run fails it, whether the session names it or not, and nothing passes of
    which a line, or a run that had a verdict, is lost.
    """
    yield from ((text, Judgement.INCONCLUSIVE) for text in session.damage)
    for name in sorted({e.step for e in session.events if e.step} - {step.name for step in steps}):
        yield f"the session names a step that the plan does not have: {name}", None
    told = {one.run.directory: one for step in steps for one in step.tries if one.run is not None}
    for name, run in runs.items():
        if name not in told:
            failed = run.verdict is not None and run.verdict.verdict is Judgement.FAIL
            more = ", and it is judged fail" if failed else ""
            untold = f"{RUNS_FOLDER}/{name} is a run of which the session does not tell{more}"
            yield untold, Judgement.FAIL if failed else Judgement.INCONCLUSIVE
        elif run.verdict and told[name].said_verdict not in (None, str(run.verdict.verdict)):
            said = f"the session was told {told[name].said_verdict}, and the stored run is judged"
            yield f"{RUNS_FOLDER}/{name}: {said} {run.verdict.verdict}", None
    there = {name for name, run in runs.items() if run.verdict is not None}
    for event in session.all(What.RUN_ENDED):
        if event.verdict and event.directory not in there:
            said = f"the session was told {event.verdict}, and the run cannot be judged any more"
            yield f"{RUNS_FOLDER}/{event.directory}: {said}", Judgement.INCONCLUSIVE
