"""Where the events of a game day go: to a session on the disk, or, rehearsing, nowhere."""

from contextlib import suppress
from dataclasses import replace
from pathlib import Path
from typing import IO, Protocol, Self

from harness.apps.gameday.session import (
    LOGS_FOLDER,
    RUNS_FOLDER,
    SESSION_FILE,
    Event,
    Session,
    SessionLog,
    now_utc,
    read_session,
)
from harness.core.errors import UsageError
from harness.core.files import open_regular
from harness.core.locks import taken


class Diary(Protocol):
    """Keeps the events of one game day."""

    @property
    def path(self) -> Path:
        """The session's folder."""

    def begin(self, source: str) -> None:
        """Make the session, unless there is one; ``source`` is the plan's text."""

    def append(self, event: Event) -> None:
        """Keep one more event."""

    def read(self) -> Session:
        """All events so far, those of other processes included."""


class DiskDiary:
    """A session in a folder, which one process at a time conducts.

    The lock is the kernel's: it is free again when its holder dies, however it dies.
    """

    def __init__(self, path: Path) -> None:
        self._path = path
        self._lock: IO[bytes] | None = None

    @classmethod
    def new(cls, path: Path) -> "DiskDiary":
        """A session that is made once it begins.

        Raises:
            UsageError: there is something already.
        """
        if path.exists():
            raise UsageError(f"{path} exists already: name another folder")
        return cls(path)

    @classmethod
    def resume(cls, path: Path) -> "DiskDiary":
        """Go on with a session.

        Raises:
            UsageError: there is none, it is closed, or somebody conducts it right now.
        """
        if read_session(path).closed:
            raise UsageError(f"{path} is closed: nothing more can be done in it")
        for name in (RUNS_FOLDER, LOGS_FOLDER):
            if (path / name).is_symlink():
                raise UsageError(f"{path / name} is a link: nothing is written where it leads")
        diary = cls(path)
        diary._hold()
        return diary

    @property
    def path(self) -> Path:
        """The session's folder."""
        return self._path

    def begin(self, source: str) -> None:
        """Make the session, unless it was gone on with.

        Raises:
            UsageError: there is something already, or nothing can be written there.
        """
        if self._lock is None:
            SessionLog.create(self._path, source)
            self._hold()

    def append(self, event: Event) -> None:
        """Write one event down, on the disk."""
        SessionLog(self._path).append(event)

    def read(self) -> Session:
        """What is written there."""
        if not self._path.exists():
            return Session(self._path, ())
        return read_session(self._path)

    def __enter__(self) -> Self:
        """For as long as we conduct it."""
        return self

    def __exit__(self, *_: object) -> None:
        """Let somebody else conduct it."""
        if self._lock is not None:
            self._lock.close()
            self._lock = None

    def _hold(self) -> None:
        lock = open_regular(self._path / SESSION_FILE)
        if not taken(lock):
            lock.close()
            said = f"{self._path} is conducted in another terminal: end it there first (q)"
            raise UsageError(said)
        self._lock = lock


def is_conducted(path: Path) -> bool:
    """Whether some process conducts the session in a folder right now."""
    with suppress(OSError), open_regular(path / SESSION_FILE) as file:
        return not taken(file, shared=True)
    return False


class MemoryDiary:
    """The session of a rehearsal: nothing is written down."""

    def __init__(self) -> None:
        self._events: list[Event] = []

    @property
    def path(self) -> Path:
        """No folder."""
        return Path("(rehearsal)")

    def begin(self, source: str) -> None:
        """Nothing is made."""

    def append(self, event: Event) -> None:
        """Keep it for as long as the rehearsal lasts."""
        self._events.append(event if event.at_utc else replace(event, at_utc=now_utc()))

    def read(self) -> Session:
        """All so far."""
        return Session(self.path, tuple(self._events))
