"""What PostgreSQL leaves in the kernel when it is killed together with whoever would tidy up.

Its shared memory proper is anonymous and goes with its processes, and what it shares beside that
are files in its own folder (`dynamic_shared_memory_type = mmap`). One small System V segment stays,
by which a server finds out whether another one still uses its folder.
"""

import ctypes
import os
import shutil
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from harness.core.files import open_regular

_SEGMENTS = Path("/proc/sysvipc/shm")
_PID_LINE, _SEGMENT_LINE = 0, 6
"""Of postmaster.pid: the process id, negative for a server without clients; the segment's key and
id. Source: PostgreSQL's pidfile.h.
"""
_PID_FILE_BYTES_MAX = 4096
_KEY_BITS = 0xFFFF_FFFF
_IPC_RMID = 0
_DETACHED_SECONDS_MAX = 1.0
"""How long the last processes of a killed server may still be dying."""


@dataclass(frozen=True, slots=True)
class _Segment:
    """A System V segment: who made it (process and user id), and how many are attached to it."""

    key: int
    identity: int
    maker: int
    attached: int
    user: int


def remove_database(data_dir: Path) -> None:
    """Removes the folder of a database whose server is dead, and the server's shared memory.

    A segment is removed only where nobody is attached to it, and key, id, the process that made it
    and that process's user are those that the server wrote down in its folder.
    """
    deadline = time.monotonic() + _DETACHED_SECONDS_MAX
    while (segment := _left_in(data_dir / "cluster" / "postmaster.pid")) is not None:
        if segment.attached == 0:
            ctypes.CDLL(None).shmctl(segment.identity, _IPC_RMID, None)
        if segment.attached == 0 or time.monotonic() > deadline:
            break
        time.sleep(0.02)
    shutil.rmtree(data_dir, ignore_errors=True)


def _left_in(pid_file: Path) -> _Segment | None:
    """The segment that a server wrote down, if there still is just that one."""
    try:
        with open_regular(pid_file, _PID_FILE_BYTES_MAX) as file:
            lines = file.read(_PID_FILE_BYTES_MAX).splitlines()
            owner = os.fstat(file.fileno()).st_uid
        key, identity = (int(word) for word in lines[_SEGMENT_LINE].split())
        maker = abs(int(lines[_PID_LINE]))
    except (OSError, ValueError, IndexError):
        return None
    for segment in _segments():
        names = (segment.key, segment.identity, segment.maker, segment.user)
        if names == (key & _KEY_BITS, identity, maker, owner):
            return segment
    return None


def _segments() -> Iterator[_Segment]:
    """Every segment that there is; none where the kernel does not list them."""
    try:
        rows = _SEGMENTS.read_text().splitlines()
    except OSError:
        return
    names, *listed = (row.split() for row in rows)
    for words in listed:
        row = dict(zip(names, map(int, words), strict=True))
        yield _Segment(
            key=row["key"] & _KEY_BITS,
            identity=row["shmid"],
            maker=row["cpid"],
            attached=row["nattch"],
            user=row["cuid"],
        )
