"""What the engine of a game day asks of whoever does what touches anything."""

from collections.abc import Callable
from dataclasses import dataclass
from typing import Protocol

from harness.gameday.plan import GameDayStep
from harness.gameday.view import Message
from harness.headless import Tell


class Running(Protocol):
    """The run of a step, while it goes on."""

    def abort(self) -> None:
        """End it in order: it heals, drains and is judged as interrupted. Returns at once."""


@dataclass(frozen=True, slots=True)
class LeftRun:
    """A run that somebody else began; without a verdict there is a reason in ``text``."""

    directory: str
    exit_code: int | None
    verdict: str | None
    text: str


class Runner(Protocol):
    """Does what touches anything."""

    def open(self, tell: Tell) -> dict[str, str]:
        """Bring up what all steps use; what is to be kept of it."""

    def start(self, step: GameDayStep, attempt: int, post: Callable[[Message], None]) -> Running:
        """Begin the run of a step. Updates are posted, and that it has finished, in any case."""

    def still_running(self) -> str | None:
        """A run that another process of this session began and that goes on; in words."""

    def end_it(self) -> None:
        """End such a run in order; returns at once."""

    def left_behind(self, known: set[str]) -> list[LeftRun]:
        """Runs of this session that are over and in none of its events; ``known`` are those."""

    def close(self) -> None:
        """Take down what `open` brought up, now or in an earlier process."""
