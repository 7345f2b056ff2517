"""What the engine of a game day asks of whoever does what touches anything."""

from collections.abc import Callable
from pathlib import Path
from typing import Protocol

from harness.apps.gameday.day_plan import GameDayStep
from harness.apps.gameday.session_store import Event
from harness.apps.gameday.view import Message
from harness.history.run_directory import RunDirectory
from harness.run.runner import Tell


class Running(Protocol):
    """The run of a step, while it goes on."""

    def abort(self) -> None:
        """End it in order: it heals, drains and is judged as interrupted. Returns at once."""


class Runner:
    """Does what touches anything. This one touches nothing, and knows of no run."""

    def require_room(self, steps: int) -> None:
        """Whether the runs of so many steps find room on the disk, and the stack that they use.

        Raises:
            OSError: they do not.
        """

    def open(self, tell: Tell) -> dict[str, str]:
        """Bring up what all steps use; what is to be kept of it."""
        tell("nothing is brought up")
        return {}

    def start(self, step: GameDayStep, attempt: int, post: Callable[[Message], None]) -> Running:
        """Begin the run of a step. Updates are posted, and that it has finished, in any case."""
        raise NotImplementedError

    def still_running(self) -> str | None:
        """A run that another process of this session began and that goes on; in words."""
        return None

    def end_it(self) -> None:
        """End such a run in order; returns at once."""

    def left_behind(self, known: set[str]) -> list[Event]:  # noqa: ARG002  # of none
        """The end of each run of this session that none of its events tells of; ``known`` are the
        folders of the others.
        """
        return []

    def close(self) -> None:
        """Take down what `open` brought up, now or in an earlier process."""


def by_disk(folder: Path | None) -> bool:
    """Whether it may have been for want of room that a run is inconclusive: the disk broke it off,
    or did not take what it says of itself.
    """
    status = None if folder is None else RunDirectory(folder).read_status([])
    return status is None or status.broken_off or not status.known


def by_page(folder: Path | None) -> bool:
    """Whether a run was aborted from its own page, by what it says of itself."""
    return folder is not None and RunDirectory(folder).read_status([]).ended_by == "page"
