"""The screens of a game day, as rich draws them: from 80 columns by 24 lines upwards.

Pure: what is shown follows from the view and the time alone. Head and foot always stand; what is
between them is cut, and can be scrolled.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass, field

from rich.console import Console, ConsoleOptions, Group, RenderableType, RenderResult
from rich.padding import Padding
from rich.progress_bar import ProgressBar
from rich.rule import Rule
from rich.segment import Segment
from rich.table import Table
from rich.text import Text

from harness.apps.gameday import screen_words
from harness.apps.gameday.day_plan import GameDayStep
from harness.apps.gameday.session import STAYS, StepState, What
from harness.apps.gameday.view import Stage, StepOutcome, View
from harness.report.words import clean, cut, length

NOTES_SHOWN = 6
SAID_SHOWN = 4
_UNTOUCHED, _ADDRESS = "not touched:", re.compile(r" \([^)]*\)")
_VERDICT = {
    "pass": "bold white on green4",
    "fail": "bold white on dark_red",
    "inconclusive": "bold black on yellow3",
}
_STATE = {
    StepState.WAITING: "dim",
    StepState.GOING: "bold cyan",
    StepState.DONE: "green",
    StepState.ABORTED: "bold red",
    StepState.REFUSED: "bold red",
    StepState.LEFT_OUT: "dim",
}
_SHOWN = (What.NOTE, What.PULLED, What.RESTORED, What.ABORT, What.ACTION, What.PAUSED, What.RESUMED)


@dataclass(slots=True)
class Looking:
    """How somebody looks at it: lines scrolled down, and the note that is being typed."""

    scrolled: int = 0
    typing: str | None = None


@dataclass(slots=True)
class Screen:
    """One screenful of the latest view; rich asks for it again and again."""

    clock: Callable[[], float]
    looking: Looking = field(default_factory=Looking)
    view: View | None = None

    def __rich_console__(self, console: Console, options: ConsoleOptions) -> RenderResult:
        """Head, as much of the body as there is room for, foot."""
        if self.view is None:
            return
        now_s = self.clock()
        height = options.height or console.height
        plain = options.update(height=None)
        head = console.render_lines(_head(self.view), plain)
        foot = console.render_lines(_foot(self.view, self.looking), plain)
        body = console.render_lines(Padding(_body(self.view, now_s), (0, 1)), plain)
        room = max(1, height - len(head) - len(foot))
        self.looking.scrolled = max(0, min(self.looking.scrolled, len(body) - room))
        first = self.looking.scrolled
        shown = body[first : first + room]
        left = len(body) - first - room
        if left > 0:
            said = Text(f" {left + 1} more lines: space, and b for back", style="reverse dim")
            shown[-1] = console.render_lines(said, plain)[0]
        blank = [[Segment(" " * plain.max_width)]] * (room - len(shown))
        for number, line in enumerate([*head, *shown, *blank, *foot]):
            if number:
                yield Segment.line()
            yield from line


# --- head and foot -------------------------------------------------------------------------------


def _head(view: View) -> RenderableType:
    done = sum(_state(view, step) is not StepState.WAITING for step in view.plan.steps)
    where = {
        Stage.BRIEFING: "briefing",
        Stage.CLOSING: "closing",
        Stage.OVER: "over",
        Stage.OPENING: "opening",
    }.get(view.stage, f"step {done or 1} of {len(view.plan.steps)}")
    if view.step is not None:
        where = f"step {view.plan.steps.index(view.step) + 1} of {len(view.plan.steps)}"
    table = Table.grid(expand=True, padding=(0, 1))
    table.add_column(ratio=1, no_wrap=True, overflow="ellipsis")
    table.add_column(justify="right", no_wrap=True)
    marks = "REHEARSAL  " if view.rehearsal else ""
    marks += "PAUSES AFTER THIS STEP  " if view.pausing and view.under_way else ""
    table.add_row(
        Text(f" GAME DAY  {clean(view.plan.title)}", style="bold"),
        Text(f"{marks}{where}  abort word: {clean(view.plan.abort_word)} ", style="bold"),
    )
    return Group(table, Rule(style="dim"))


def _foot(view: View, looking: Looking) -> RenderableType:
    if looking.typing is not None:
        asked = Text.assemble(
            (" note> ", "bold"),
            clean(looking.typing),
            ("▏", "blink"),
            ("   enter: keep   esc: forget   @who …: an open action", "dim"),
        )
        return Group(Rule(style="dim"), asked)
    lines: list[RenderableType] = [Rule(style="dim")]
    if view.said:
        lines.append(
            Text(f" {clean(view.said)}", style="yellow", no_wrap=True, overflow="ellipsis")
        )
    lines.append(Text(f" {keys(view)}", style="bold"))
    return Group(*lines)


def keys(view: View) -> str:
    """The keys that do something now."""
    state = StepState.WAITING if view.step is None else _state(view, view.step)
    again = f"g go: run it again   n leave it {screen_words.STATE[state]}"
    go = again if state in STAYS else "g go   n no-go: leave it out"
    by_hand = view.step is not None and view.step.hand_pulled is not None
    plug = "x plug pulled   r restored   " if by_hand else ""
    return {
        Stage.BRIEFING: "g go: begin   n no-go: leave   space scroll",
        Stage.OPENING: "a abort the run that is waited for" if view.resumed else "one moment",
        Stage.ASKING: f"{go}   t note   p pause   space scroll",
        Stage.GOING: f"a ABORT   {plug}t note   p pause after it   space scroll",
        Stage.ENDING: "t note   p pause after it   space scroll",
        Stage.CLOSING: "g close the day   t note, @who action   p pause   space scroll",
        Stage.OVER: "",
    }[view.stage]


# --- bodies --------------------------------------------------------------------------------------


def _body(view: View, now_s: float) -> RenderableType:
    match view.stage:
        case Stage.BRIEFING:
            return _briefing(view)
        case Stage.ASKING:
            return _asking(view)
        case Stage.GOING | Stage.ENDING:
            return _going(view, now_s)
        case _:
            return Group(*(_settled(view, step) for step in view.plan.steps), _notes(view))


def _briefing(view: View) -> RenderableType:
    plan = view.plan
    parts: list[RenderableType] = [Text(clean(plan.hypothesis), style="italic"), Text("")]
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="bold")
    table.add_column()
    target = plan.host or view.foreseen[plan.steps[0].name].target
    table.add_row("target", clean(target))
    said = f"{clean(plan.abort_word)}: whoever says or types it ends the step at once"
    table.add_row("abort word", Text(f"{said}; so does key a, and `lendchaos heal`"))
    for role, who in plan.roles.items():
        table.add_row(clean(role), Text(clean(who)))
    parts += [table, Text("")]
    for number, step in enumerate(plan.steps, start=1):
        parts += [_step_head(view, step, number), _details(view, step), Text("")]
    return Group(*parts)


def _step_head(view: View, step: GameDayStep, number: int) -> RenderableType:
    state = _state(view, step)
    return Text.assemble(
        (f"{number}. {clean(step.name)}", "bold"),
        (f"  {clean(step.scenario)}  {screen_words.planned(step)}  ", "dim"),
        (screen_words.STATE[state], _STATE[state]),
    )


def _details(view: View, step: GameDayStep) -> RenderableType:
    """What a step will do and touch, and what is expected of it."""
    seen = view.foreseen[step.name]
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="dim")
    table.add_column()
    if step.hand_pulled:
        table.add_row("by hand", Text(clean(step.hand_pulled), style="bold"))
    if step.expect:
        table.add_row("expected", Text(clean(step.expect)))
    phases = ", ".join(f"{p.name} {length(p.end_s - p.start_s)}" for p in seen.phases)
    table.add_row("load", Text("; ".join((clean(seen.load[0]) if seen.load else "", phases))))
    for fault in seen.faults:
        when = f"{fault.start_s:g} s to {fault.end_s:g} s"
        table.add_row("breaks", Text(f"{fault.name}, {when}: {clean(fault.text)}"))
    table.add_row("radius", Text("; ".join(_radius(line) for line in seen.radius)))
    table.add_row("stops if", Text("; ".join(clean(line) for line in seen.stops)))
    return Padding(table, (0, 0, 0, 3))


def _radius(line: str) -> str:
    """A line of the blast radius; where nothing is touched, addresses only take room."""
    untouched = line.startswith(_UNTOUCHED)
    return clean(_ADDRESS.sub("", line) if untouched else line)


def _asking(view: View) -> RenderableType:
    step = view.step
    if step is None:
        return Text("")
    index = view.plan.steps.index(step)
    state = _state(view, step)
    again = state in STAYS
    asked = f"Step {screen_words.STATE[state]}. Run it again?" if again else "Go or no-go?"
    parts: list[RenderableType] = [
        Text(asked, style="bold reverse"),
        _step_head(view, step, index + 1),
        _details(view, step),
    ]
    before = view.plan.steps[: index + 1 if again else index]
    parts.append(_notes(view))
    return Group(*parts, *(_settled(view, one) for one in reversed(before)))


def _going(view: View, now_s: float) -> RenderableType:
    seen = view.under_way
    if seen is None:
        return Text("")
    number = view.plan.steps.index(seen.step) + 1
    coming = screen_words.countdown(view, now_s)
    bar = Table.grid(padding=(0, 2), expand=True)
    bar.add_column(ratio=1)
    bar.add_column(no_wrap=True, justify="right")
    left = f"{screen_words.time_left(coming[-1][0])} to the end of the load" if coming else ""
    bar.add_row(ProgressBar(total=1.0, completed=screen_words.progress(view, now_s)), Text(left))
    ending = view.stage is Stage.ENDING
    now = Text(
        f"ENDING  {screen_words.doing(seen, now_s)}" if ending else screen_words.doing(seen, now_s)
    )
    now.stylize("bold red" if ending else "bold cyan")
    parts: list[RenderableType] = [_step_head(view, seen.step, number), bar, now]
    if said := screen_words.failing(seen):
        parts.append(Text(said, style="bold"))
    parts += [
        Text(f"  in {screen_words.time_left(in_s):>6}  {clean(what)}", style="" if n else "bold")
        for n, (in_s, what) in enumerate(coming[:4])
    ]
    if seen.page:
        parts.append(Text(f"page: {clean(seen.page)}", overflow="fold"))
    if seen.step.hand_pulled:
        parts.append(Text(f"by hand: {clean(seen.step.hand_pulled)}", style="bold"))
    if seen.step.expect:
        parts.append(Text(f"expected: {clean(seen.step.expect)}"))
    parts += [Text(f"  {cut(clean(line), 200)}", style="dim") for line in seen.said[-SAID_SHOWN:]]
    return Group(*parts, _notes(view))


def _settled(view: View, step: GameDayStep) -> RenderableType:
    """A step that is over: what was expected beside what was observed."""
    number = view.plan.steps.index(step) + 1
    parts: list[RenderableType] = [_step_head(view, step, number)]
    outcome = view.outcomes.get(step.name)
    table = Table.grid(padding=(0, 2))
    table.add_column(no_wrap=True, style="dim")
    table.add_column()
    if step.expect:
        table.add_row("expected", Text(clean(step.expect)))
    runs = view.session.runs_of(step.name)
    if outcome is not None:
        table.add_row("observed", _observed(outcome))
    elif runs:
        table.add_row("observed", Text(clean(runs[-1].text)))
    parts.append(Padding(table, (0, 0, 1, 3)))
    return Group(*parts)


def _observed(outcome: StepOutcome) -> RenderableType:
    style = _VERDICT.get(outcome.verdict, "bold")
    head = Text.assemble(
        (f" {outcome.verdict.upper()} ", style), f"  {cut(clean(outcome.sentence), 800)}"
    )
    figures = [f"{tile.name.lower()} {tile.figure}" for tile in outcome.figures]
    return Group(head, Text(" · ".join(figures), style="dim"))


def _notes(view: View) -> RenderableType:
    events = [event for event in view.session.events if event.what in _SHOWN][-NOTES_SHOWN:]
    lines = [
        Text.assemble((f"{screen_words.clock_time(event)}  ", "dim"), screen_words.happened(event))
        for event in events
    ]
    return Group(*lines)


def _state(view: View, step: GameDayStep) -> StepState:
    return view.session.state_of(step.name)
