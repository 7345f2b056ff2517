"""Fact: what happened in a game day, as one append-only file that survives the terminal's closing.

A session is a directory: ``plan.yaml`` as it was read, ``session.jsonl`` with an event a line, each
flushed to the disk before anything follows from it, and ``runs/`` with the run directories. What a
session is at any time follows from its events alone, so that another process can go on with it.
"""

import json
from collections.abc import Iterable
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime
from enum import StrEnum
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from harness.core.disk import DISK_ERRORS
from harness.core.documents import json_of
from harness.core.errors import HarnessError, UsageError
from harness.core.files import NO_PATH, append_line, lines_of, replace_file
from harness.core.numbers import Exit
from harness.core.rows import reason_of

SCHEMA = "lendchaos.session/1"
SESSION_FILE = "session.jsonl"
PLAN_FILE = "plan.yaml"
RUNS_FOLDER = "runs"
LOGS_FOLDER = "logs"
"""What each run wrote beside its record, one file for each attempt."""
STAYS_ABORTED = "stays aborted"
STAYS_REFUSED = "stays refused"
REFUSED = "refused"
FULL_DISK = "full disk"
"""Why a step was aborted that may be begun again, once there is room, also where nobody is asked.
"""


class What(StrEnum):
    """Kinds of events."""

    OPENED = "opened"
    GO = "go"
    NO_GO = "no_go"
    """The step is left out, by decision; with ``text`` `STAYS_ABORTED` or `STAYS_REFUSED` it is not
    begun again.
    """
    STEP_STARTED = "step_started"
    RUN_ENDED = "run_ended"
    """With ``directory`` (below ``runs/``), ``exit_code`` and ``verdict``."""
    STEP_ENDED = "step_ended"
    """With ``text``: ``done``, ``aborted``, or ``refused``: its run could not begin."""
    NOTE = "note"
    PULLED = "pulled"
    """Somebody says that the plug was pulled by hand, now."""
    RESTORED = "restored"
    """And that it was put back."""
    ABORT = "abort"
    """With ``text``: how it was ordered (key, word, page, heal, signal, lost terminal),
    ``guardian`` where the run lost its own, or `FULL_DISK`.
    """
    PAUSED = "paused"
    RESUMED = "resumed"
    ACTION = "action"
    """An open action: ``text``, and who does it in ``by``."""
    CLOSED = "closed"


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened. ``at_utc`` is RFC 3339 with milliseconds, ``by`` who did it.

    ``details`` holds what concerns a kind alone: versions and seed of ``opened``.
    """

    what: What
    at_utc: str
    step: str | None = None
    text: str = ""
    by: str = ""
    directory: str | None = None
    exit_code: Exit | None = None
    verdict: str | None = None
    details: dict[str, str] = field(default_factory=dict)


_EVENT: TypeAdapter[Event] = TypeAdapter(Event)


class StepState(StrEnum):
    """Where a step stands."""

    WAITING = "waiting"
    GOING = "going"
    """It was started and nothing says that it ended: under way, or its process died."""
    DONE = "done"
    ABORTED = "aborted"
    REFUSED = "refused"
    """Its run was refused before it began."""
    LEFT_OUT = "left_out"


@dataclass(frozen=True, slots=True)
class Session:
    """A session as its events tell it. ``damage`` says which lines could not be read."""

    path: Path
    events: tuple[Event, ...]
    damage: tuple[str, ...] = ()

    def state_of(self, step: str) -> StepState:
        """Where a step stands; a step that is begun again after an abort counts as it is now."""
        state = StepState.WAITING
        for event in self.events:
            if event.step == step:
                state = AFTER.get((event.what, event.text), AFTER.get((event.what, ""), state))
        return state

    def runs_of(self, step: str) -> tuple[Event, ...]:
        """Every run of a step that ended, in order, aborted ones included."""
        return tuple(e for e in self.events if e.what is What.RUN_ENDED and e.step == step)

    def last_try_of(self, step: str) -> tuple[Event, ...]:
        """What happened in a step since it was last begun."""
        own = [event for event in self.events if event.step == step]
        starts = [place for place, event in enumerate(own) if event.what is What.STEP_STARTED]
        return tuple(own[starts[-1] :]) if starts else ()

    def is_open(self, step: str) -> bool:
        """Whether it is still to be decided what becomes of a step."""
        ends = [e.what for e in self.events if e.step == step and e.what in _ENDS]
        state = self.state_of(step)
        if state in STAYS:
            return ends[-1] is not What.NO_GO
        return state in (StepState.WAITING, StepState.GOING)

    @property
    def closed(self) -> bool:
        """Whether nothing more is to be done in it."""
        return any(event.what is What.CLOSED for event in self.events)


STAYS = {StepState.ABORTED: STAYS_ABORTED, StepState.REFUSED: STAYS_REFUSED}
"""What a no-go says where a step came to no end of its own, by its state."""
_ENDS = (What.STEP_ENDED, What.NO_GO)
AFTER = {
    (What.STEP_STARTED, ""): StepState.GOING,
    (What.STEP_ENDED, "done"): StepState.DONE,
    (What.STEP_ENDED, "aborted"): StepState.ABORTED,
    (What.STEP_ENDED, REFUSED): StepState.REFUSED,
    (What.NO_GO, ""): StepState.LEFT_OUT,
    (What.NO_GO, STAYS_ABORTED): StepState.ABORTED,
    (What.NO_GO, STAYS_REFUSED): StepState.REFUSED,
}
"""What becomes of a step by an event and its text."""


def now_utc() -> str:
    """The wall clock as events have it."""
    now = datetime.now(UTC)
    return f"{now:%Y-%m-%dT%H:%M:%S}.{now.microsecond // 1000:03d}Z"


class SessionLog:
    """Appends to a session; what was appended is on the disk when the call returns."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @classmethod
    def create(cls, path: Path, plan_text: str) -> "SessionLog":
        """Make the directory and keep the plan in it.

        Raises:
            UsageError: there is something already, or there can be no such folder.
            HarnessError: the disk takes nothing there.
        """
        try:
            path.mkdir(parents=True)
            (path / RUNS_FOLDER).mkdir()
            replace_file(path / PLAN_FILE, plan_text)
            replace_file(path / SESSION_FILE, json.dumps({"schema": SCHEMA}) + "\n")
        except FileExistsError as error:
            raise UsageError(f"{path} exists already: name another folder") from error
        except OSError as error:
            said = f"no session can be kept in {path}: {error.strerror}"
            if isinstance(error, PermissionError) or error.errno in DISK_ERRORS:
                raise HarnessError(said) from error
            raise UsageError(said) from error
        return cls(path)

    def append(self, event: Event) -> Event:
        """Write one event down; its time is filled in where it has none."""
        event = event if event.at_utc else replace(event, at_utc=now_utc())
        body = {k: v for k, v in asdict(event).items() if v not in (None, "", {})}
        append_line(self.path / SESSION_FILE, json.dumps({"event": body}, ensure_ascii=False))
        return event


def read_session(path: Path) -> Session:
    """What happened so far.

    Raises:
        UsageError: this is no session, or one of another version.
        HarnessError: it cannot be read.
    """
    try:
        lines = list(lines_of(path / SESSION_FILE))
    except FileNotFoundError as error:
        raise UsageError(f"{path} is no session of a game day: it has no {SESSION_FILE}") from error
    except OSError as error:
        kind = UsageError if error.errno in NO_PATH else HarnessError
        raise kind(f"{path / SESSION_FILE} cannot be read: {error.strerror}") from error
    _require_schema(path, lines[0] if lines else b"")
    return Session(path, *_events(lines[1:]))


def _require_schema(path: Path, line: bytes) -> None:
    try:
        schema = json_of(line)["schema"]
    except (ValueError, LookupError, TypeError) as error:
        raise UsageError(f"{path / SESSION_FILE}, line 1: it must name its schema") from error
    if schema != SCHEMA:
        raise UsageError(f"{path / SESSION_FILE}, line 1: schema {schema!r} must be {SCHEMA!r}")


def _events(lines: Iterable[bytes]) -> tuple[tuple[Event, ...], tuple[str, ...]]:
    found, damage = [], []
    for number, line in enumerate(lines, start=2):
        if not line.strip():
            continue
        try:
            found.append(_EVENT.validate_python(json_of(line)["event"]))
        except (ValueError, LookupError, TypeError, ValidationError) as error:
            damage.append(f"{SESSION_FILE}, line {number} is not readable: {reason_of(error)}")
    return tuple(found), tuple(damage)
