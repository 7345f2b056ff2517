"""What the screens and the plain lines of a game day say, in words. Pure."""

from harness.apps.gameday.day_plan import GameDayPlan, GameDayStep
from harness.apps.gameday.session import Event, Session, StepState, What
from harness.apps.gameday.view import Stage, UnderWay, View
from harness.report.words import clean

_MINUTE = 60
STATE = {
    StepState.WAITING: "waiting",
    StepState.GOING: "under way",
    StepState.DONE: "done",
    StepState.ABORTED: "aborted",
    StepState.REFUSED: "refused",
    StepState.LEFT_OUT: "left out",
}
_HAPPENED = {
    What.OPENED: "the day began",
    What.GO: "go",
    What.NO_GO: "no-go",
    What.STEP_STARTED: "started",
    What.RUN_ENDED: "run ended",
    What.STEP_ENDED: "step ended",
    What.NOTE: "note",
    What.PULLED: "plug pulled",
    What.RESTORED: "plug restored",
    What.ABORT: "ABORT",
    What.PAUSED: "paused",
    What.RESUMED: "resumed",
    What.ACTION: "action",
    What.CLOSED: "closed",
}


def clock_time(event: Event) -> str:
    """Time of day of an event, UTC."""
    return event.at_utc[11:19] or "--:--:--"


def happened(event: Event) -> str:
    """One event as one line, foreign text made safe."""
    parts = [_HAPPENED[event.what]]
    if event.what is What.RUN_ENDED and event.verdict:
        parts.append(event.verdict)
    text = clean(" ".join(event.text.split()))
    if event.what is What.ACTION and event.by:
        text = f"{clean(event.by)}: {text}"
    where = f"[{clean(event.step)}] " if event.step else ""
    return where + ": ".join(part for part in (" ".join(parts), text) if part)


def summary(plan: GameDayPlan, session: Session) -> list[str]:
    """How each step stands, a line each."""
    lines = []
    for number, step in enumerate(plan.steps, start=1):
        runs = session.runs_of(step.name)
        verdict = f"{runs[-1].verdict}: " if runs and runs[-1].verdict else ""
        last = f"  {verdict}{runs[-1].text}" if runs else ""
        state = STATE[session.state_of(step.name)]
        lines.append(clean(f"{number}. {step.name}: {state}{last}"))
    return lines


def time_left(seconds: float) -> str:
    """How long something takes still: ``1:05``, ``8 s``."""
    whole = max(0, round(seconds))
    return f"{whole // _MINUTE}:{whole % _MINUTE:02d}" if whole >= _MINUTE else f"{whole} s"


def minutes(at_s: float | None) -> str:
    """When a step is to begin, after the day's begin."""
    return "" if at_s is None else f"+{at_s / _MINUTE:.3g} min"


def planned(step: GameDayStep) -> str:
    """When a step is to be, and how long it may take."""
    if step.at_s is None or step.length_s is None:
        return ""
    return f"{minutes(step.at_s)}, for {step.length_s / _MINUTE:.3g} min"


def countdown(view: View, now_s: float) -> list[tuple[float, str]]:
    """What is to come in the run under way, each with the seconds until then; soonest first."""
    seen = view.under_way
    if seen is None or seen.zero_s is None or view.stage is not Stage.GOING:
        return []
    at_s = now_s - seen.zero_s
    foreseen = view.foreseen[seen.step.name]
    coming = [(span.start_s, f"{span.name} begins") for span in foreseen.phases[1:]]
    for fault in foreseen.faults:
        coming += [(fault.start_s, f"{fault.name} breaks"), (fault.end_s, f"{fault.name} heals")]
    coming.append((foreseen.phases[-1].end_s, "end of the load"))
    return [(when_s - at_s, what) for when_s, what in sorted(coming) if when_s > at_s]


def progress(view: View, now_s: float) -> float:
    """How much of the load of the run under way is over, from 0 to 1."""
    seen = view.under_way
    if seen is None or seen.zero_s is None:
        return 0.0
    phases = view.foreseen[seen.step.name].phases
    start_s, end_s = phases[0].start_s, phases[-1].end_s
    return min(1.0, max(0.0, (now_s - seen.zero_s - start_s) / (end_s - start_s)))


def failing(seen: UnderWay) -> str:
    """The share of requests that fail just now; nothing before the first figure."""
    if seen.failing is None:
        return ""
    failed, ended, seconds = seen.failing
    if not ended:
        return f"failing now: no answer in the last {seconds:g} s"
    share = f"{100 * failed / ended:.0f} %"
    return f"failing now: {share} ({failed:,} of {ended:,} in the last {seconds:g} s)"


def doing(seen: UnderWay, now_s: float) -> str:
    """What the run under way does just now."""
    if seen.zero_s is None:
        return f"setting up, for {time_left(now_s - seen.began_s)}"
    left = "" if seen.until_s is None else f", {time_left(seen.until_s + seen.zero_s - now_s)} left"
    return f"{clean(seen.phase or 'judging')}{left}"
