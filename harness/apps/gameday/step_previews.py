"""What each step will do, told by a dry run of it before anything is touched.

The timeline that the screen counts down to is the one that the run will have: same scenario, same
options, same seed.
"""

from collections.abc import Iterable
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.apps.gameday.day_plan import GameDayPlan, GameDayStep
from harness.core.errors import UsageError
from harness.core.yaml_models import Problem, refuse
from harness.report.words import plural
from harness.run.given import given
from harness.run.preview import PreviewDocument, read_preview
from harness.run.runner import Tell, dry_run, find_scenario

ASKED_AT_ONCE = 4


def load_s(preview: PreviewDocument) -> float:
    """Length of the whole load, warm-up included, in seconds."""
    return preview.phases[-1].end_s - preview.phases[0].start_s


def baseline_end_s(preview: PreviewDocument) -> float:
    """When a run's baseline is over, in seconds after zero."""
    return max((p.end_s for p in preview.phases if p.name == "baseline"), default=0.0)


def seed_of(plan: GameDayPlan, step: GameDayStep, seed: int) -> list[str]:
    """The seed of a step as words; none where its options name one already.

    ``seed`` is that of the whole day: steps count up from it.
    """
    if given(plan.options_of(step)).seed is not None:
        return []
    return ["--seed", str(seed + plan.steps.index(step))]


def preview_steps(
    plan: GameDayPlan, path: Path, seed: int, state_dir: Path, tell: Tell
) -> dict[str, PreviewDocument]:
    """Every step of a plan, by its name; ``path`` is the plan's file.

    Raises:
        UsageError: a step could not be run as it stands; all of them are named, with their place.
    """
    tell(f"asking what {plural(len(plan.steps), 'step')} would do")

    def ask(step: GameDayStep) -> PreviewDocument | Problem:
        options = [*plan.options_of(step), *seed_of(plan, step, seed)]
        options += ["--state-dir", str(state_dir), "--json"]
        try:
            scenario = find_scenario(step.scenario)
            return read_preview(dry_run(scenario, options, later=True), scenario)
        except UsageError as error:
            return Problem(*step.place, f"{step.name}: {error}")

    with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
        answers = dict(zip(plan.steps, pool.map(ask, plan.steps), strict=True))
    problems = [answer for answer in answers.values() if isinstance(answer, Problem)]
    found: dict[str, PreviewDocument] = {}
    for step, answer in answers.items():
        if not isinstance(answer, Problem):
            found[step.name] = answer
            problems += [
                Problem(*step.place, f"{step.name}: {text}") for text in _objections(step, answer)
            ]
    if problems:
        refuse(path, problems)
    return found


def _objections(step: GameDayStep, preview: PreviewDocument) -> Iterable[str]:
    """What a step's own run cannot give it."""
    if step.manual_fault and preview.faults:
        names = ", ".join(fault.name for fault in preview.faults)
        yield (
            f"its fault is a manual one, but {step.scenario} breaks something itself ({names}):"
            " choose one without a fault, like baseline"
        )
    quiet_s = baseline_end_s(preview) - preview.phases[0].start_s
    if step.inject_after_s is not None and step.inject_after_s < quiet_s:
        yield (
            f"pull_after is {step.inject_after_s:g}s after the load begins, and warm-up and"
            f" baseline take {quiet_s:g}s: inject the fault later"
        )
    if step.length_s is not None and load_s(preview) > step.length_s:
        yield (f"its load alone takes {load_s(preview):g}s, and `for` leaves it {step.length_s:g}s")
