"""Intent: what a game day is to do, step by step; `plan_format` reads it from YAML."""

from collections.abc import Mapping
from dataclasses import dataclass, field


@dataclass(frozen=True, slots=True, kw_only=True)
class GameDayStep:
    """One run of one scenario, under supervision.

    ``scenario`` is a name under ``./scenarios`` or a path. ``options`` are those of ``locust -f``,
    as words. ``expect`` says, in the planner's words, what should be seen. A step with a
    ``manual_fault`` breaks nothing itself: the text says what somebody is to break by hand while
    the scenario only watches. ``at_s`` is when it should begin and ``length_s`` how long it is
    planned to take, in seconds after the session's start; both None where nothing was planned.
    ``inject`` and ``restore`` are commands that stand in for the hand where nobody is there, each
    so many seconds after the load began. ``place`` is line and column in the file.
    """

    name: str
    scenario: str
    expect: str = ""
    manual_fault: str | None = None
    options: tuple[str, ...] = ()
    at_s: float | None = None
    length_s: float | None = None
    inject: tuple[str, ...] = ()
    restore: tuple[str, ...] = ()
    inject_after_s: float | None = None
    restore_after_s: float | None = None
    place: tuple[int, int] = (1, 1)


@dataclass(frozen=True, slots=True, kw_only=True)
class GameDayPlan:
    """A whole game day.

    ``abort_word`` is what anybody says, or types, to end a step at once. ``roles`` maps a role to
    who holds it. ``host`` is the target; None is the local stack. ``options`` hold for all steps.
    """

    title: str
    abort_word: str
    hypothesis: str
    steps: tuple[GameDayStep, ...]
    roles: Mapping[str, str] = field(default_factory=dict)
    host: str | None = None
    allow_targets: tuple[str, ...] = ()
    objectives: str | None = None
    """Path of a ``resilience.yaml``; None for the one in the folder, if there is one."""
    options: tuple[str, ...] = ()
    source: str = ""
    """The file's text, as it was read: it is kept with the session."""

    def options_of(self, step: GameDayStep) -> list[str]:
        """The words for Locust that both the day and the step ask for; the step has the last."""
        words = [*self.options, *step.options]
        if self.host is not None:
            words.append(f"--host={self.host}")
        words += [f"--allow-target={host}" for host in self.allow_targets]
        if self.objectives is not None:
            words.append(f"--objectives={self.objectives}")
        return words
