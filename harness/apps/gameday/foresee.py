"""What a step will do, asked of Locust itself with ``--dry-run``, which touches nothing.

The timeline that the screens count down to is the one that the run will have: same scenario, same
options, same seed.
"""

import re
from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from dataclasses import dataclass
from pathlib import Path
from typing import Literal

from harness.apps.gameday.day_plan import GameDayPlan, GameDayStep
from harness.core.errors import UsageError
from harness.core.located import Problem, refuse
from harness.report.words import plural
from harness.run.given import given
from harness.run.runner import Tell, dry_run, find_scenario

ASKED_AT_ONCE = 4
_SPAN = re.compile(
    r" *(?P<start>-?[0-9.]+) to +(?P<end>-?[0-9.]+)   (?P<kind>phase|fault) (?P<rest>.+)"
)
_LOAD, _TIMELINE = "load", "timeline, seconds after the warm-up"
_RADIUS, _STOPS = "blast radius", "the run ends at once, healed, with exit code 4, if"


@dataclass(frozen=True, slots=True)
class PreviewSpan:
    """A phase or a fault, in seconds after the warm-up; ``text`` says what a fault is."""

    kind: Literal["phase", "fault"]
    name: str
    start_s: float
    end_s: float
    text: str = ""


@dataclass(frozen=True, slots=True)
class Foreseen:
    """What a dry run told: lines for people, and the timeline."""

    target: str
    load: tuple[str, ...]
    spans: tuple[PreviewSpan, ...]
    radius: tuple[str, ...]
    stops: tuple[str, ...]

    @property
    def phases(self) -> tuple[PreviewSpan, ...]:
        """From the warm-up to the end of the load."""
        return tuple(span for span in self.spans if span.kind == "phase")

    @property
    def faults(self) -> tuple[PreviewSpan, ...]:
        """In the order of their begin."""
        return tuple(span for span in self.spans if span.kind == "fault")

    @property
    def load_s(self) -> float:
        """Length of the whole load, warm-up included, in seconds."""
        return self.phases[-1].end_s - self.phases[0].start_s


def baseline_end_s(seen: Foreseen) -> float:
    """When a run's baseline is over, in seconds after zero."""
    return max((s.end_s for s in seen.phases if s.name == "baseline"), default=0.0)


def seed_of(plan: GameDayPlan, step: GameDayStep, seed: int) -> list[str]:
    """The seed of a step as words; none where its options name one already.

    ``seed`` is that of the whole day: steps count up from it.
    """
    if given(plan.options_of(step)).seed is not None:
        return []
    return ["--seed", str(seed + plan.steps.index(step))]


def foresee(
    plan: GameDayPlan, path: Path, seed: int, state_dir: Path, tell: Tell
) -> dict[str, Foreseen]:
    """Every step of a plan, by its name; ``path`` is the plan's file.

    Raises:
        UsageError: a step could not be run as it stands; all of them are named, with their place.
    """
    tell(f"asking what {plural(len(plan.steps), 'step')} would do")

    def ask(step: GameDayStep) -> Foreseen | Problem:
        options = [*plan.options_of(step), *seed_of(plan, step, seed)]
        options += ["--state-dir", str(state_dir)]
        try:
            scenario = find_scenario(step.scenario)
            return understood(dry_run(scenario, options, later=True))
        except UsageError as error:
            return Problem(*step.place, f"{step.name}: {error}")

    with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
        answers = dict(zip(plan.steps, pool.map(ask, plan.steps), strict=True))
    problems: list[Problem] = []
    found: dict[str, Foreseen] = {}
    for step, answer in answers.items():
        if isinstance(answer, Problem):
            problems.append(answer)
        else:
            found[step.name] = answer
            problems += _objections(step, answer)
    if problems:
        refuse(path, problems)
    return found


def _objections(step: GameDayStep, seen: Foreseen) -> Iterable[Problem]:
    if step.hand_pulled and seen.faults:
        names = ", ".join(fault.name for fault in seen.faults)
        said = (
            f"{step.name}: the plug is to be pulled by hand, but {step.scenario} breaks something"
            f" itself ({names}): choose one without a fault, like baseline"
        )
        yield Problem(*step.place, said)
    warm_up_s = -seen.phases[0].start_s
    if step.pull_after_s is not None and step.pull_after_s < warm_up_s + baseline_end_s(seen):
        said = (
            f"{step.name}: pull_after is {step.pull_after_s:g}s after the load begins, and warm-up"
            f" and baseline take {warm_up_s + baseline_end_s(seen):g}s: pull the plug later"
        )
        yield Problem(*step.place, said)
    if step.length_s is not None and seen.load_s > step.length_s:
        said = (
            f"{step.name}: its load alone takes {seen.load_s:g}s, and `for` leaves it"
            f" {step.length_s:g}s"
        )
        yield Problem(*step.place, said)


def understood(text: str) -> Foreseen:
    """What a dry run printed.

    Raises:
        UsageError: this is none: the scenario file is no scenario of ours.
    """
    parts: dict[str, list[str]] = {}
    name = "head"
    for line in text.splitlines():
        if line in (_LOAD, _TIMELINE, _RADIUS, _STOPS):
            name = line
        elif line.strip():
            parts.setdefault(name, []).append(line)
        else:
            name = "other"
    spans = tuple(_spans(parts.get(_TIMELINE, [])))
    if not any(span.kind == "phase" for span in spans):
        raise UsageError("it does not say what it would do: is it a scenario of `harness`?")
    target = next((s for s in parts.get("head", []) if s.startswith("target")), "target   ?")
    plain = {key: tuple(line.strip() for line in lines) for key, lines in parts.items()}
    return Foreseen(
        target=target.removeprefix("target").strip(),
        load=plain.get(_LOAD, ()),
        spans=spans,
        radius=plain.get(_RADIUS, ()),
        stops=plain.get(_STOPS, ()),
    )


def _spans(lines: Iterable[str]) -> Iterable[PreviewSpan]:
    for line in lines:
        found = _SPAN.fullmatch(line)
        if found is None:
            continue
        start_s, end_s = float(found["start"]), float(found["end"])
        if found["kind"] == "phase":
            yield PreviewSpan("phase", found["rest"], start_s, end_s)
        else:
            name, _, text = found["rest"].partition(": ")
            yield PreviewSpan("fault", name, start_s, end_s, text)
