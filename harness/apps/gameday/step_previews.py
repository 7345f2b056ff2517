"""What each step will do, told by a dry run of it before anything is touched; and a rehearsal of
it: every screen and every key, and nothing is started, broken or written.

The timeline that the screen counts down to is the one that the run will have: same scenario, same
options, same seed.
"""

from collections.abc import Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from harness.apps.gameday.day_plan import GameDayPlan, GameDayStep
from harness.apps.gameday.view import Post, Runner, baseline_end_s
from harness.core.errors import UsageError
from harness.core.exit_codes import ExitCode
from harness.core.yaml_models import Problem, refuse
from harness.report.words import plural
from harness.run.preview import PreviewDocument, read_preview
from harness.run.progress_messages import Update
from harness.run.result import RunResult
from harness.run.runner import Tell, dry_run, find_scenario

Previews = Mapping[str, PreviewDocument]
"""By the name of the step."""
ASKED_AT_ONCE = 4
STEP_SECONDS = 8.0
"""How long the longest step of a rehearsal takes."""
SENTENCE = "A rehearsal: nothing was run, so nothing was measured."


def load_s(preview: PreviewDocument) -> float:
    """Length of the whole load, warm-up included, in seconds."""
    return preview.phases[-1].end_s - preview.phases[0].start_s


def preview_steps(
    plan: GameDayPlan, path: Path, seed: int, state_dir: Path, tell: Tell
) -> dict[str, PreviewDocument]:
    """Every step of a plan, by its name; ``path`` is the plan's file.

    Raises:
        UsageError: a step could not be run as it stands; all of them are named, with their place.
    """
    tell(f"asking what {plural(len(plan.steps), 'step')} would do")
    found: dict[str, PreviewDocument] = {}

    def objections(step: GameDayStep) -> list[Problem]:
        options = [*plan.options_of(step, seed), "--state-dir", str(state_dir), "--json"]
        try:
            scenario = find_scenario(step.scenario)
            preview = read_preview(dry_run(scenario, options, later=True), scenario)
        except UsageError as error:
            return [Problem(*step.place, f"{step.name}: {error}")]
        found[step.name] = preview
        return [Problem(*step.place, f"{step.name}: {t}") for t in _objections(step, preview)]

    with ThreadPoolExecutor(ASKED_AT_ONCE) as pool:
        problems = [one for told in pool.map(objections, plan.steps) for one in told]
    if problems:
        refuse(path, problems)
    return found


def _objections(step: GameDayStep, preview: PreviewDocument) -> Iterator[str]:
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
        yield f"its load alone takes {load_s(preview):g}s, and `for` leaves it {step.length_s:g}s"


class Rehearsal(Runner):
    """Plays the preview of each step, ``speed`` times as fast; nothing of it is ever left."""

    rehearses = True

    def __init__(self, previews: Previews) -> None:
        self._previews = previews
        self.speed = max([1.0, *(load_s(preview) / STEP_SECONDS for preview in previews.values())])

    def run(self, step: GameDayStep, attempt: int, post: Post) -> RunResult:  # noqa: ARG002
        """Play one step."""
        preview = self._previews[step.name]
        at_s = preview.phases[0].start_s
        for instant_s, update in sorted(_updates(preview), key=lambda pair: pair[0]):
            if self._aborted.wait(max(0.0, (instant_s - at_s) / self.speed)):
                break
            at_s = max(at_s, instant_s)
            post(update)
        code = ExitCode.INTERRUPTED if self._aborted.is_set() else ExitCode.PASS
        # As if there were a folder: a step without one would count as aborted.
        last = {"verdict": "rehearsed", "sentence": SENTENCE, "report": "rehearsal/report.html"}
        return RunResult(code, last)


def _updates(preview: PreviewDocument) -> Iterator[tuple[float, Update]]:
    """What the run would say, each with when it would."""
    for phase in preview.phases:
        yield phase.start_s, Update(phase.name, phase.name, phase.start_s, phase.end_s)
    for fault in preview.faults:
        for at_s, what in ((fault.inject_s, "injected"), (fault.heal_s, "healed")):
            now = next(p for p in reversed(preview.phases) if p.start_s <= at_s)
            yield at_s, Update(f"{fault.name} {what}", now.name, now.start_s, now.end_s)
    end_s = preview.phases[-1].end_s
    yield end_s, Update("drain", "drain", end_s, end_s + 1.0)
