"""A rehearsal: every screen and every key, and nothing is started, broken or written."""

import threading
from collections.abc import Callable, Mapping

from harness.apps.gameday.day_plan import GameDayStep
from harness.apps.gameday.foresee import Foreseen
from harness.apps.gameday.running import LeftRun
from harness.apps.gameday.view import Finished, Message
from harness.core.exit_codes import ExitCode
from harness.run.progress_messages import Update
from harness.run.result import RunResult
from harness.run.runner import Tell

STEP_SECONDS = 8.0
"""How long the longest step of a rehearsal takes."""
SENTENCE = "A rehearsal: nothing was run, so nothing was measured."


def speed_of(foreseen: Mapping[str, Foreseen]) -> float:
    """How many times as fast as the real day a rehearsal goes."""
    longest_s = max((one.load_s for one in foreseen.values()), default=STEP_SECONDS)
    return max(1.0, longest_s / STEP_SECONDS)


class Rehearsal:
    """Plays what was foreseen of each step, ``speed`` times as fast."""

    def __init__(self, foreseen: Mapping[str, Foreseen], speed: float) -> None:
        self._foreseen, self._speed = foreseen, speed

    def open(self, tell: Tell) -> dict[str, str]:
        """Nothing is brought up."""
        tell("a rehearsal: nothing is brought up")
        return {}

    def start(
        self,
        step: GameDayStep,
        attempt: int,  # noqa: ARG002  # as every runner is called
        post: Callable[[Message], None],
    ) -> "_Played":
        """Play one step."""
        return _Played(self._foreseen[step.name], self._speed, post)

    def require_room(self, steps: int) -> None:
        """Nothing is written."""

    def still_running(self) -> str | None:
        """Nothing ever runs."""
        return None

    def end_it(self) -> None:
        """There is nothing to end."""

    def left_behind(self, known: set[str]) -> list[LeftRun]:  # noqa: ARG002  # there is none
        """Nothing is ever left."""
        return []

    def close(self) -> None:
        """Nothing was brought up."""


class _Played:
    """One step as it was foreseen, in a thread."""

    def __init__(self, seen: Foreseen, speed: float, post: Callable[[Message], None]) -> None:
        self._seen, self._speed, self._post = seen, speed, post
        self._aborted = threading.Event()
        threading.Thread(target=self._play, daemon=True).start()

    def abort(self) -> None:
        """Stop playing."""
        self._aborted.set()

    def _play(self) -> None:
        at_s = self._seen.phases[0].start_s
        for instant_s, update in sorted(_updates(self._seen), key=lambda pair: pair[0]):
            if self._aborted.wait(max(0.0, (instant_s - at_s) / self._speed)):
                break
            at_s = max(at_s, instant_s)
            self._post(update)
        code = ExitCode.INTERRUPTED if self._aborted.is_set() else ExitCode.PASS
        # As if there were a folder: a step without one would count as aborted.
        last = {"verdict": "rehearsed", "sentence": SENTENCE, "report": "rehearsal/report.html"}
        self._post(Finished(RunResult(code, last)))


def _updates(seen: Foreseen) -> list[tuple[float, Update]]:
    found = [
        (span.start_s, Update(f"{span.name}", span.name, span.start_s, span.end_s))
        for span in seen.phases
    ]
    for fault in seen.faults:
        phase = next(p for p in reversed(seen.phases) if p.start_s <= fault.start_s)
        within = (phase.name, phase.start_s, phase.end_s)
        found.append((fault.start_s, Update(f"{fault.name} injected", *within)))
        after = next(p for p in reversed(seen.phases) if p.start_s <= fault.end_s)
        within = (after.name, after.start_s, after.end_s)
        found.append((fault.end_s, Update(f"{fault.name} healed", *within)))
    end_s = seen.phases[-1].end_s
    return [*found, (end_s, Update("drain", "drain", end_s, end_s + 1.0))]
