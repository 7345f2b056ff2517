"""One run at a time on one stack: two would disturb and reconcile each other.

The lock is the kernel's, which gives it back when its holder dies, however it dies. The file says
who holds it; what it says counts only while the lock is held, so that what a dead run left there
does no harm.
"""

import json
import os
import pwd
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import BinaryIO

from pydantic import TypeAdapter, ValidationError

from harness.core.errors import HarnessError
from harness.core.files import open_regular
from harness.core.locks import open_lock, taken
from harness.core.numbers import Count, UnixSeconds
from harness.stack.folder import ALIVE_LOCK, RUN_LOCK, entered

TRY_SECONDS = 0.5
"""A process that only asks whether the lock is held holds it for a moment."""
TRY = "try"
"""In place of the run's name where a single journey holds the stack, which has no conductor."""
ENDING_SECONDS_MAX = 2.0
"""From the end of the first thread of a process to that of its last one, on a busy machine."""


@dataclass(frozen=True, slots=True)
class Owner:
    """Who holds a stack. ``since_unix`` is in seconds of the wall clock, for people."""

    pid: Count
    user: str
    run_id: str
    scenario: str
    since_unix: UnixSeconds

    def in_words(self) -> str:
        """Run, scenario, process, user and age."""
        since = datetime.fromtimestamp(self.since_unix, UTC)
        return (
            f"run {self.run_id} of {self.scenario}, process {self.pid} of user {self.user},"
            f" for {_age(time.time() - self.since_unix)} (since {since:%Y-%m-%d %H:%M:%S} UTC)"
        )


_OWNER: TypeAdapter[Owner] = TypeAdapter(Owner)


def _user() -> str:
    try:
        return pwd.getpwuid(os.geteuid()).pw_name
    except KeyError:  # a container may know its users by number only
        return str(os.geteuid())


def _age(seconds: float) -> str:
    seconds = max(0.0, seconds)
    if seconds < 60:  # noqa: PLR2004  # a minute
        return f"{seconds:.0f} s"
    return f"{seconds / 60:.0f} min" if seconds < 3600 else f"{seconds / 3600:.1f} h"  # noqa: PLR2004


@contextmanager
def held_alone(state_dir: Path, run_id: str, scenario: str) -> Iterator[None]:
    """Hold the stack of a state folder for one run.

    UsageError where there can be no state folder, HarnessError where it cannot be used or another
    run holds it; the message says which.
    """
    with open_lock(entered(state_dir) / RUN_LOCK) as lock:
        if not taken(lock, TRY_SECONDS):
            raise _in_use(state_dir, _owner_in(lock))
        owner = Owner(os.getpid(), _user(), run_id, scenario, time.time())
        _write(lock, json.dumps(asdict(owner)))
        try:
            yield
        finally:
            _write(lock, "")


def require_unused(state_dir: Path) -> None:
    """Whether a run could hold the stack of a state folder now; holds nothing.

    HarnessError where another run holds it; the message says which.
    """
    if (whose := holder(state_dir, TRY_SECONDS)) is not None:
        raise _in_use(state_dir, whose)


def _in_use(state_dir: Path, whose: Owner | None) -> HarnessError:
    by = f": {whose.in_words()}" if whose else ""
    return HarnessError(
        f"another run uses the stack in {state_dir}{by}; wait for its end, or give this"
        " one a stack of its own with --state-dir"
    )


def holder(state_dir: Path, seconds: float = 0.0) -> Owner | None:
    """The run that uses the stack of this folder for all these seconds; None if there is none.

    One that has the lock and has not written down who it is counts as unknown.
    """
    try:
        lock = open_regular(state_dir / RUN_LOCK)
    except OSError:
        return None
    with lock:
        if taken(lock, seconds, shared=True):
            return None
        return _owner_in(lock) or Owner(0, "unknown", "unknown", "an unknown scenario", time.time())


def is_held(state_dir: Path) -> bool:
    """Whether a run uses the stack of this folder right now."""
    return holder(state_dir) is not None


def held_while_alive(state_dir: Path) -> BinaryIO:
    """The supervisor's own lock, held until it is closed or we die: it is seen in any container."""
    lock = open_lock(state_dir / ALIVE_LOCK)
    taken(lock, None)
    return lock


def has_supervisor(state_dir: Path) -> bool:
    """Whether a supervisor is alive there, also where its process cannot be seen.

    One that was killed counts as dead when its first thread has ended; its lock is free when the
    last one has.
    """
    try:
        lock = open_regular(state_dir / ALIVE_LOCK)
    except OSError:
        return False
    with lock:
        return not taken(lock, ENDING_SECONDS_MAX, shared=True)


def _write(lock: BinaryIO, text: str) -> None:
    # On a full disk the lock still holds, only without a name.
    with suppress(OSError):
        lock.seek(0)
        lock.truncate()
        lock.write(text.encode())
        lock.flush()


def _owner_in(lock: BinaryIO) -> Owner | None:
    try:
        lock.seek(0)
        return _OWNER.validate_json(lock.read())
    except (OSError, ValidationError):
        return None
