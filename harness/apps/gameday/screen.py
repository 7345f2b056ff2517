"""What a game day shows: plain lines, texts that stay, and below them a few lines that live.

Pure: what is shown follows from the view and the time alone.
"""

import re
from collections.abc import Iterable
from typing import Any

from rich.console import Group, RenderableType
from rich.padding import Padding
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from harness.apps.gameday.day_plan import GameDayPlan, GameDayStep
from harness.apps.gameday.session_store import STAYS, Event, Session, StepState, in_words
from harness.apps.gameday.view import Stage, UnderWay, View
from harness.core.exit_codes import ExitCode
from harness.plan import stop_conditions
from harness.report.terminal_text import COLOUR
from harness.report.words import clean, cut, length
from harness.run.preview import PreviewDocument
from harness.verdict.types import Judgement

COMING_SHOWN = 4
_INDENT = " " * 10
STATE = {state: state.replace("_", " ") for state in StepState} | {StepState.GOING: "under way"}
_MINUTE = 60


# --- plain lines ---------------------------------------------------------------------------------


def happened(event: Event) -> str:
    """One event as one line with its time of day and its step, foreign text made safe."""
    where = f"[{event.step}] " if event.step else ""
    return clean(f"{event.at_utc[11:19] or '--:--:--'}  {where}{in_words(event)}")


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


def aside(text: str) -> str:
    """A message beside the events, as one line."""
    return f"{_INDENT}{clean(text)}"


# --- what stays ----------------------------------------------------------------------------------


def texts(view: View) -> Iterable[RenderableType]:
    """What is printed once, when a view asks for something new."""
    steps = view.plan.steps
    if view.stage is Stage.BRIEFING:
        yield briefing(view)
    elif view.stage is Stage.ASKING and view.step is not None:
        over = [one for one in steps if view.session.runs_of(one.name)]
        yield from (settled(view, one) for one in over[-1:])
        yield details(view, view.step)
    elif view.stage is Stage.CLOSING:
        yield from (settled(view, one) for one in steps)


def briefing(view: View) -> RenderableType:
    """What the day is to show, who takes part, and what each step will do."""
    plan = view.plan
    word = f"{plan.abort_word}: anyone who says or types it ends the step at once"
    rows = [
        ("target", plan.host or view.previews[plan.steps[0].name].target),
        ("abort word", f"{word}; so does key a, and `lendchaos heal`"),
        *plan.roles.items(),
    ]
    steps = (details(view, step) for step in plan.steps)
    return Group(Text(clean(plan.hypothesis), style="italic"), _grid(rows), *steps)


def details(view: View, step: GameDayStep) -> RenderableType:
    """What a step will do and touch, and what is expected of it."""
    preview = view.previews[step.name]
    settings = preview.settings
    phases = ", ".join(f"{p.name} {length(p.end_s - p.start_s)}" for p in preview.phases)
    load = f"{settings.rate} arrivals a second for {settings.load_s:g} s"
    radius = preview.blast_radius
    touched = [f"{name} touches {', '.join(what)}" for name, what in radius.touched.items()]
    untouched = ", ".join(re.sub(r" \([^)]*\)", "", what) for what in radius.untouched)
    conditions = stop_conditions.StopConditions(**dict[str, Any](preview.stop))
    stops = "; ".join(stop_conditions.in_words(conditions, preview.currency))
    rows = [
        ("by hand", step.manual_fault or ""),
        ("expected", step.expect),
        ("load", f"{load}; {phases}"),
        *(
            ("breaks", f"{f.name}, {f.inject_s:g} s to {f.heal_s:g} s: {f.description}{quiet}")
            for f in preview.faults
            for quiet in ("" if f.expects_impact else "; borrowers should not notice it",)
        ),
        ("radius", "; ".join(touched) or "no fault: nothing is injected"),
        ("untouched", untouched),
        ("stops if", stops or "nothing: all conditions are off"),
    ]
    return Group(_heading(view, step), _grid(rows))


def settled(view: View, step: GameDayStep) -> RenderableType:
    """A step that is over: what was expected beside what was observed."""
    observed = Text("")
    for run in view.session.runs_of(step.name)[-1:]:
        observed = Text(cut(clean(run.text), 800))
        # Nothing passes whose manual fault left no trace, whatever its verdict is.
        unseen = run.verdict == Judgement.PASS and run.exit_code == ExitCode.INCONCLUSIVE
        word = Judgement.INCONCLUSIVE if unseen else run.verdict
        if word is not None and word in COLOUR:
            observed = Text.assemble((f" {word.upper()} ", COLOUR[Judgement(word)]), "  ", observed)
    rows: list[tuple[str, RenderableType]]
    rows = [("expected", step.expect), ("observed", observed)]
    return Group(_heading(view, step), _grid(rows))


def _heading(view: View, step: GameDayStep) -> Text:
    number = view.plan.steps.index(step) + 1
    planned = ""
    if step.at_s is not None and step.length_s is not None:
        planned = f"+{step.at_s / _MINUTE:.3g} min, for {step.length_s / _MINUTE:.3g} min  "
    said = f"  {clean(step.scenario)}  {planned}{STATE[view.session.state_of(step.name)]}"
    return Text.assemble((f"{number}. {clean(step.name)}", "bold"), (said, "dim"))


def _grid(rows: Iterable[tuple[str, RenderableType]]) -> RenderableType:
    """Names beside texts; those without a text are left out."""
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="dim")
    table.add_column()
    for name, what in rows:
        text = Text(clean(what)) if isinstance(what, str) else what
        if text:
            table.add_row(clean(name), text)
    return Padding(table, (0, 0, 1, 3))


# --- what lives ----------------------------------------------------------------------------------


def live(view: View, typing: str | None, now_s: float) -> RenderableType:
    """Where the day stands, the keys, and of a run what is to come."""
    plan, step = view.plan, view.step
    marks = "REHEARSAL · " if view.rehearsal else ""
    marks += "PAUSES AFTER THIS STEP · " if view.pausing and view.under_way else ""
    number = "" if step is None else f"step {plan.steps.index(step) + 1} of {len(plan.steps)} · "
    title = f"GAME DAY · {marks}abort word: {plan.abort_word} · {number}{plan.title}"
    state = StepState.WAITING if step is None else view.session.state_of(step.name)
    lines: list[Text] = []
    if view.stage is Stage.ASKING and step is not None:
        asked = f"Step {STATE[state]}. Run it again?" if state in STAYS else "Go or no-go?"
        lines.append(Text(f"{asked} {plan.steps.index(step) + 1}. {clean(step.name)}"))
    if view.under_way is not None:
        lines += _under_way(view, view.under_way, now_s)
    if typing is None:
        lines.append(Text(_keys(view, state), style="bold"))
    else:
        foot = "   enter: keep   esc: forget   @who …: an open action"
        lines.append(Text.assemble((f"note> {clean(typing)}▏", "bold"), (foot, "dim")))
    return Group(Rule(Text(clean(title)), style="dim"), *lines)


def _keys(view: View, state: StepState) -> str:
    """The keys that do something now."""
    again = f"g go: run it again   n leave it {STATE[state]}"
    by_hand = view.step is not None and view.step.manual_fault is not None
    fault = "x fault injected   r restored   " if by_hand else ""
    return {
        Stage.BRIEFING: "g go: begin   n no-go: leave",
        Stage.OPENING: "a abort the run that is waited for" if view.resumed else "one moment",
        Stage.ASKING: (again if state in STAYS else "g go   n no-go: leave it out")
        + "   t note   p pause",
        Stage.GOING: f"a ABORT   {fault}t note   p pause after it",
        Stage.ENDING: "t note   p pause after it",
        Stage.CLOSING: "g close the day   t note, @who action   p pause",
        Stage.OVER: "",
    }[view.stage]


def _under_way(view: View, seen: UnderWay, now_s: float) -> list[Text]:
    ending, now = view.stage is Stage.ENDING, f"{clean(seen.step.name)}: "
    coming: list[tuple[float, str]] = []
    if seen.zero_s is None:
        now += f"setting up, for {_time_left(now_s - seen.began_s)}"
    else:
        at_s = now_s - seen.zero_s
        now += clean(seen.phase or "judging")
        now += "" if seen.until_s is None else f", {_time_left(seen.until_s - at_s)} left"
        end_s = view.previews[seen.step.name].phases[-1].end_s - at_s
        if view.stage is Stage.GOING and end_s > 0:
            coming = _coming(view.previews[seen.step.name], at_s)
            now += f"; {_time_left(end_s)} to the end of the load"
    lines = [
        Text(f"ENDING  {now}", style="bold red") if ending else Text(now, style="bold cyan"),
        Text(failing(seen)),
        *(Text(f"  in {_time_left(in_s):>6}  {clean(what)}") for in_s, what in coming),
        Text(f"page: {clean(seen.page)}" if seen.page else ""),
    ]
    return [line for line in lines if line]


def _time_left(seconds: float) -> str:
    """How long something takes still: ``1:05``, ``8 s``."""
    whole = max(0, round(seconds))
    return f"{whole // _MINUTE}:{whole % _MINUTE:02d}" if whole >= _MINUTE else f"{whole} s"


def _coming(preview: PreviewDocument, at_s: float) -> list[tuple[float, str]]:
    """The next few things that are to come, each with the seconds until then."""
    coming = [(phase.start_s, f"{phase.name} begins") for phase in preview.phases[1:]]
    for fault in preview.faults:
        coming += [(fault.inject_s, f"{fault.name} breaks"), (fault.heal_s, f"{fault.name} heals")]
    left = [(when_s - at_s, what) for when_s, what in sorted(coming) if when_s > at_s]
    return left[:COMING_SHOWN]


def failing(seen: UnderWay) -> str:
    """The share of requests that fail just now; nothing before the first figure."""
    if seen.failing is None:
        return ""
    failed, ended, seconds = seen.failing
    if not ended:
        return f"failing now: no answer in the last {seconds:g} s"
    share = f"{100 * failed / ended:.0f} %"
    return f"failing now: {share} ({failed:,} of {ended:,} in the last {seconds:g} s)"
