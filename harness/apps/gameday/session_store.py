"""Fact: what happened in a game day, as one append-only file that survives the terminal's closing.

A session is a folder: ``plan.yaml`` as it was read, ``session.jsonl`` with an event a line, each
flushed to the disk before anything follows from it, and ``runs/`` with the run directories. What a
session is at any time follows from its events alone, so that another process can go on with it.
"""

import json
from contextlib import suppress
from dataclasses import asdict, dataclass, field, replace
from datetime import UTC, datetime, timedelta
from enum import StrEnum
from itertools import pairwise
from pathlib import Path
from typing import IO, Self

from pydantic import TypeAdapter, ValidationError

from harness.core.disk import DISK_ERRORS
from harness.core.documents import json_of
from harness.core.errors import HarnessError, UsageError
from harness.core.files import NO_PATH, append_line, lines_of, open_regular, replace_file
from harness.core.locks import taken
from harness.core.numbers import Exit
from harness.core.rows import reason_of

SCHEMA = "lendchaos.session/1"
SESSION_FILE, PLAN_FILE, RUNS_FOLDER = "session.jsonl", "plan.yaml", "runs"
LOGS_FOLDER = "logs"
"""What each run wrote beside its record, one file for each attempt."""
LOST = "lost terminal"
"""How a step was aborted whose terminal was closed, or whose process died."""
FULL_DISK = "full disk"
"""Why a step was aborted that may be begun again once there is room, also where no one is asked."""


class What(StrEnum):
    """Kinds of events; those that people give as commands among them."""

    OPENED = "opened"
    GO = "go"
    NO_GO = "no_go"
    """The step is left out, by decision; with a ``text`` of `STAYS` it is not begun again."""
    STEP_STARTED = "step_started"
    RUN_ENDED = "run_ended"
    """With ``directory`` (below ``runs/``), ``exit_code`` and ``verdict``."""
    STEP_ENDED = "step_ended"
    """With ``text``: ``done``, ``aborted``, or ``refused``: its run could not begin."""
    NOTE = "note"
    INJECTED = "pulled"
    """Someone says that the manual fault was injected, now; or that it was taken back."""
    RESTORED = "restored"
    ABORT = "abort"
    """With ``text``: how it was ordered (key, word, page, heal, signal), or why it had to be."""
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


def command(what: What, text: str = "", by: str = "") -> Event:
    """What someone orders or tells; it has neither a time nor a step yet."""
    return Event(what, "", None, text, by)


def in_words(event: Event) -> str:
    """One event as one line."""
    said = _WORDS.get(event.what, event.what.replace("_", " "))
    said += f" {event.verdict}" if event.verdict else ""
    text = " ".join(event.text.split())
    if event.what is What.ACTION and event.by:
        text = f"{event.by}: {text}"
    return f"{said}: {text}" if text else said


_WORDS = {
    What.OPENED: "the day began",
    What.NO_GO: "no-go",
    What.INJECTED: "said: manual fault injected",
    What.RESTORED: "said: manual fault restored",
    What.ABORT: "ABORT",
}
"""Of the others, their own names say it."""


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


STAYS = {
    StepState.ABORTED: "aborted; it is not run again",
    StepState.REFUSED: "refused; it is not run again",
}
"""What a no-go says where a step came to no end of its own, by its state."""
ENDED = {str(state): state for state in (StepState.DONE, *STAYS)}
"""What a step is, by the text with which it ended."""


@dataclass(frozen=True, slots=True)
class Session:
    """A session as its events tell it. ``damage`` says which lines could not be read."""

    path: Path
    events: tuple[Event, ...]
    damage: tuple[str, ...] = ()

    def state_of(self, step: str) -> StepState:
        """Where a step stands; a step that is begun again after an abort counts as it is now."""
        state = StepState.WAITING
        for event in (event for event in self.events if event.step == step):
            if event.what is What.STEP_STARTED:
                state = StepState.GOING
            elif event.what is What.STEP_ENDED:
                state = ENDED.get(event.text, state)
            elif event.what is What.NO_GO and state not in STAYS:
                state = StepState.LEFT_OUT
        return state

    def all(self, what: What, step: str | None = None) -> list[Event]:
        """Every event of a kind, of one step or of the whole day."""
        return [e for e in self.events if e.what is what and step in (None, e.step)]

    def runs_of(self, step: str) -> list[Event]:
        """Every run of a step that ended, in order, aborted ones included."""
        return self.all(What.RUN_ENDED, step)

    def tries_of(self, step: str) -> list[tuple[Event, ...]]:
        """What happened in a step, from each time that it was begun until the next."""
        own = [event for event in self.events if event.step == step]
        starts = [place for place, event in enumerate(own) if event.what is What.STEP_STARTED]
        return [tuple(own[a:b]) for a, b in pairwise([*starts, len(own)])]

    def last_try_of(self, step: str) -> tuple[Event, ...]:
        """What happened in a step since it was last begun."""
        return (self.tries_of(step) or [()])[-1]

    def is_open(self, step: str) -> bool:
        """Whether it is still to be decided what becomes of a step."""
        ends = [e for e in self.events if e.what in (What.STEP_ENDED, What.NO_GO)]
        last = [e.what for e in ends if e.step == step][-1:]
        settled = (StepState.DONE, StepState.LEFT_OUT)
        return self.state_of(step) not in settled and last != [What.NO_GO]

    @property
    def closed(self) -> bool:
        """Whether nothing more is to be done in it."""
        return bool(self.all(What.CLOSED))


# --- instants of the wall clock ------------------------------------------------------------------


def _written(instant: datetime) -> str:
    return instant.isoformat(timespec="milliseconds").replace("+00:00", "Z")


def _instant(at_utc: str | None) -> datetime:
    """An instant in RFC 3339, to the microsecond; a ValueError where it is none."""
    # Python reads at most microseconds, a verdict has nanoseconds.
    return datetime.fromisoformat((at_utc or "")[:26].rstrip("Z")).replace(tzinfo=UTC)


def after(zero_utc: str | None, seconds: float | None) -> str | None:
    """The instant so many seconds after another; None where one of them is not known."""
    if seconds is not None:
        with suppress(ValueError, OverflowError):  # a stored run can say anything
            return _written(_instant(zero_utc) + timedelta(seconds=seconds))
    return None


def between(first_utc: str | None, second_utc: str | None) -> float | None:
    """Seconds from the first to the second; None where one is no instant."""
    with suppress(ValueError):
        return (_instant(second_utc) - _instant(first_utc)).total_seconds()
    return None


def clock(at_utc: str) -> str:
    """The time of day, for people."""
    with suppress(ValueError):
        return _instant(at_utc).time().isoformat("milliseconds")
    return at_utc


# --- on the disk ---------------------------------------------------------------------------------


class SessionStore:
    """Keeps the events of one game day in a folder, which one process at a time conducts; without
    a folder, for a rehearsal, for as long as that lasts.

    It is made once it begins. What was appended is on the disk when the call returns. The lock is
    the kernel's: it is free again when its holder dies, however it dies.
    """

    def __init__(self, path: Path | None) -> None:
        self.path = path or Path("(rehearsal)")
        self._rehearsed: list[Event] | None = [] if path is None else None
        self._lock: IO[bytes] | None = None

    @classmethod
    def resume(cls, path: Path) -> Self:
        """Go on with a session; UsageError where there is none, it is closed, or conducted now."""
        if read_session(path).closed:
            raise UsageError(f"{path} is closed: nothing more can be done in it")
        for name in (RUNS_FOLDER, LOGS_FOLDER):
            if (path / name).is_symlink():
                raise UsageError(f"{path / name} is a link: nothing is written where it leads")
        store = cls(path)
        store._hold()
        return store

    @classmethod
    def create(cls, path: Path, plan_text: str) -> Self:
        """Make the folder and keep the plan in it; UsageError where there is something already, or
        there can be no such folder, HarnessError where the disk takes nothing there.
        """
        try:
            path.mkdir(parents=True)
            (path / RUNS_FOLDER).mkdir()
            replace_file(path / PLAN_FILE, plan_text)
            replace_file(path / SESSION_FILE, json.dumps({"schema": SCHEMA}) + "\n")
        except FileExistsError as error:
            raise UsageError(f"{path} exists already: name another folder") from error
        except OSError as error:
            of_disk = isinstance(error, PermissionError) or error.errno in DISK_ERRORS
            kind = HarnessError if of_disk else UsageError
            raise kind(f"no session can be kept in {path}: {error.strerror}") from error
        return cls(path)

    def begin(self, plan_text: str) -> None:
        """Make the session, unless it was gone on with; as `create`."""
        if self._lock is None and self._rehearsed is None:
            self.create(self.path, plan_text)
            self._hold()

    def append(self, event: Event) -> Event:
        """Write one event down; its time is filled in where it has none."""
        if not event.at_utc:
            event = replace(event, at_utc=_written(datetime.now(UTC)))
        if self._rehearsed is not None:
            self._rehearsed.append(event)
            return event
        body = {k: v for k, v in asdict(event).items() if v not in (None, "", {})}
        append_line(self.path / SESSION_FILE, json.dumps({"event": body}, ensure_ascii=False))
        return event

    def read(self) -> Session:
        """All events so far, those of other processes included."""
        if self._rehearsed is not None or not self.path.exists():
            return Session(self.path, tuple(self._rehearsed or ()))
        return read_session(self.path)

    def __enter__(self) -> Self:
        """For as long as we conduct it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let someone else conduct it."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _hold(self) -> None:
        lock = open_regular(self.path / SESSION_FILE)
        if not taken(lock):
            lock.close()
            said = f"{self.path} is conducted in another terminal: end it there first (q)"
            raise UsageError(said)
        self._lock = lock


def is_conducted(path: Path) -> bool:
    """Whether some process conducts the session in a folder right now."""
    with suppress(OSError), open_regular(path / SESSION_FILE) as file:
        return not taken(file, shared=True)
    return False


def read_session(path: Path) -> Session:
    """What happened so far; a line that cannot be read costs no other. UsageError where this is no
    session, or one of another version, HarnessError where it cannot be read.
    """
    log = path / SESSION_FILE
    try:
        first, *lines = list(lines_of(log)) or [b""]
    except FileNotFoundError as error:
        raise UsageError(f"{path} is no session of a game day: it has no {SESSION_FILE}") from error
    except OSError as error:
        kind = UsageError if error.errno in NO_PATH else HarnessError
        raise kind(f"{log} cannot be read: {error.strerror}") from error
    try:
        schema = json_of(first)["schema"]
    except (ValueError, LookupError, TypeError) as error:
        raise UsageError(f"{log}, line 1: it must name its schema") from error
    if schema != SCHEMA:
        raise UsageError(f"{log}, line 1: schema {schema!r} must be {SCHEMA!r}")
    events, damage = [], []
    for number, line in enumerate(lines, start=2):
        if line.strip():
            try:
                events.append(_EVENT.validate_python(json_of(line)["event"]))
            except (ValueError, LookupError, TypeError, ValidationError) as error:
                damage.append(f"{SESSION_FILE}, line {number} is not readable: {reason_of(error)}")
    return Session(path, tuple(events), tuple(damage))
