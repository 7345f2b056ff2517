"""A rehearsal: every screen and every key, and nothing is started, broken or written."""

import threading
from collections.abc import Callable, Iterator, Mapping

from harness.apps.gameday.day_plan import GameDayStep
from harness.apps.gameday.running import Runner
from harness.apps.gameday.step_previews import load_s
from harness.apps.gameday.view import Message
from harness.core.exit_codes import ExitCode
from harness.run.preview import PreviewDocument
from harness.run.progress_messages import Update
from harness.run.result import RunResult

STEP_SECONDS = 8.0
"""How long the longest step of a rehearsal takes."""
SENTENCE = "A rehearsal: nothing was run, so nothing was measured."


def speed_of(previews: Mapping[str, PreviewDocument]) -> float:
    """How many times as fast as the real day a rehearsal goes."""
    return max([1.0, *(load_s(preview) / STEP_SECONDS for preview in previews.values())])


class Rehearsal(Runner):
    """Plays the preview of each step, ``speed`` times as fast; nothing of it is ever left."""

    def __init__(self, previews: Mapping[str, PreviewDocument], speed: float) -> None:
        self._previews, self._speed = previews, speed

    def start(
        self,
        step: GameDayStep,
        attempt: int,  # noqa: ARG002  # as every runner is called
        post: Callable[[Message], None],
    ) -> "_Played":
        """Play one step."""
        return _Played(self._previews[step.name], self._speed, post)


class _Played:
    """One step as its preview has it, in a thread."""

    def __init__(
        self, preview: PreviewDocument, speed: float, post: Callable[[Message], None]
    ) -> None:
        self._preview, self._speed, self._post = preview, speed, post
        self._aborted = threading.Event()
        threading.Thread(target=self._play, daemon=True).start()

    def abort(self) -> None:
        """Stop playing."""
        self._aborted.set()

    def _play(self) -> None:
        at_s = self._preview.phases[0].start_s
        for instant_s, update in sorted(_updates(self._preview), key=lambda pair: pair[0]):
            if self._aborted.wait(max(0.0, (instant_s - at_s) / self._speed)):
                break
            at_s = max(at_s, instant_s)
            self._post(update)
        code = ExitCode.INTERRUPTED if self._aborted.is_set() else ExitCode.PASS
        # As if there were a folder: a step without one would count as aborted.
        last = {"verdict": "rehearsed", "sentence": SENTENCE, "report": "rehearsal/report.html"}
        self._post(RunResult(code, last))


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
