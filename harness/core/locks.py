"""Locks between processes: files that the kernel locks.

The kernel gives a lock back when its holder dies, however it dies: a lock is held until its file is
closed, and nothing has to be cleaned up.
"""

import fcntl
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import IO, BinaryIO

from harness.core.errors import HarnessError
from harness.core.files import open_append


def taken(
    file: IO[bytes],
    seconds: float | None = 0.0,
    *,
    shared: bool = False,
    waiting: Callable[[], object] = lambda: None,
) -> bool:
    """Lock an open file, alone or ``shared``; False when others held it for all these seconds.

    None waits for as long as it takes. ``waiting`` is called once, when others hold it.
    """
    how = fcntl.LOCK_SH if shared else fcntl.LOCK_EX
    if seconds is None:
        fcntl.flock(file, how)
        return True
    deadline = time.monotonic() + seconds
    is_told = False
    while True:
        try:
            fcntl.flock(file, how | fcntl.LOCK_NB)
        except BlockingIOError:
            if time.monotonic() >= deadline:
                return False
        else:
            return True
        if not is_told:
            waiting()
            is_told = True
        time.sleep(0.02)


@contextmanager
def locked(
    path: Path, seconds: float | None = 0.0, *, waiting: Callable[[], object] = lambda: None
) -> Iterator[bool]:
    """Hold the lock of a file alone; False when others held it for all these seconds."""
    with open_lock(path) as file:
        yield taken(file, seconds, waiting=waiting)


def open_lock(path: Path) -> BinaryIO:
    """A file to be locked; never a link, which a checkout may have brought along. No other
    user may open one that is made here, as to open it is enough to hold it. HarnessError where it
    cannot be opened.
    """
    try:
        return open_append(path, 0o600)
    except OSError as error:
        raise HarnessError(f"{path} cannot be locked: {error.strerror}") from error
