"""The folders of database clusters: one is kept for the next stack, and all are removed in the end.

What ``initdb`` leaves is kept, as making it is a fifth of an `up`. It depends on the programs and
on how they are called, and on nothing else; its superuser has a password that no one knows. It is
written to the disk before it gets its name, so that there is a whole one or none. Only the last few
that were used are kept.

A server that is killed together with the process that would tidy up leaves something in the
kernel. Its shared memory proper is anonymous and goes with its processes, and what it shares beside
that are files in its own folder (`dynamic_shared_memory_type = mmap`). One small System V segment
stays, by which a server finds out whether another one still uses its folder.
"""

import contextlib
import ctypes
import hashlib
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from harness.core.files import open_append, open_regular, put_in_place, sync_folder
from harness.core.locks import taken

KEPT = "postgres-cluster-"
KEPT_MAX = 3
"""How many, of 40 MB each, lie in the cache: one for each PostgreSQL in use, or nearly."""
_HALF = ".half"

_SEGMENTS = Path("/proc/sysvipc/shm")
"""What the kernel lists, if it does."""
_PID_LINE, _SEGMENT_LINE = 0, 6
"""Of postmaster.pid: the process id, negative for a server without clients; the segment's key and
id. Source: PostgreSQL's pidfile.h.
"""
_PID_FILE_BYTES_MAX = 4096
_KEY_BITS = 0xFFFF_FFFF
_DETACHED_SECONDS_MAX = 1.0
"""How long the last processes of a killed server may still be dying."""

Make = Callable[[Path], None]
"""Makes a cluster in the folder ``cluster`` of this folder, or raises HarnessError."""


def fingerprint(bin_dir: Path, options: Sequence[str]) -> str:
    """Of what the programs are, wherever they lie, and of the options that they are called with."""
    seen = list(options)
    for name in ("initdb", "postgres"):
        with (bin_dir / name).open("rb") as program:
            seen += [name, hashlib.file_digest(program, "sha256").hexdigest()]
    return hashlib.sha256("\0".join(seen).encode()).hexdigest()[:16]


def copied(cache: Path, name: str, make: Make, target: Path) -> bool:
    """Put a copy of the kept cluster of this name in the place of ``target``, made if need be.

    Those that were not used for longest are removed. False, with nothing left at ``target``, where
    there is no room for one or it cannot be read. HarnessError where it could not be made.
    """
    kept = cache / f"{KEPT}{name}"
    try:
        if not kept.is_dir():
            _keep(kept, make)
        with _held(cache, shared=True):
            shutil.copytree(kept / "cluster", target, symlinks=True)
    except (OSError, shutil.Error):
        shutil.rmtree(target, ignore_errors=True)
        return False
    with contextlib.suppress(OSError):  # a cache that may only be read is good enough
        os.utime(kept)
        _prune(cache)
    return True


def forget(cache: Path, name: str) -> None:
    """Remove what is kept under this name: it turned out to be no good."""
    with contextlib.suppress(OSError), _held(cache):
        _remove(cache / f"{KEPT}{name}")


def _keep(kept: Path, make: Make) -> None:
    """Make one; its makers wait for each other."""
    cache = kept.parent
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    with _held(cache):
        if kept.is_dir():
            return
        half = kept.with_name(f"{kept.name}{_HALF}")
        _remove(half)
        half.mkdir(mode=0o700)
        try:
            make(half)
            put_in_place(half, kept)
        except BaseException:
            _remove(half)
            raise
        sync_folder(cache)


def _prune(cache: Path) -> None:
    """Remove what was begun and never ended, and all but the last few that were used.

    Not while one is being made or copied: a later stack will do it.
    """
    with contextlib.suppress(BlockingIOError), _held(cache, seconds=0.0):
        found = [path for path in cache.glob(f"{KEPT}*") if path.is_dir()]
        whole = [path for path in found if path.suffix != _HALF]
        whole.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
        for path in {*found} - {*whole[:KEPT_MAX]}:
            _remove(path)


def _remove(folder: Path) -> None:
    """Remove a kept one; killed meanwhile, it leaves half of one that no one takes for whole."""
    half = folder if folder.suffix == _HALF else folder.with_name(f"{folder.name}{_HALF}")
    if half != folder and folder.is_dir():
        shutil.rmtree(half, ignore_errors=True)
        put_in_place(folder, half)
    remove_database(half)


@contextlib.contextmanager
def _held(cache: Path, seconds: float | None = None, *, shared: bool = False) -> Iterator[None]:
    """Hold the cache, shared or alone; wait for as long as it takes, unless ``seconds`` are given.

    BlockingIOError where others held it for all these seconds, OSError where it may not be written,
    so that it cannot be held alone.
    """
    try:
        lock = open_append(cache / f"{KEPT}lock")
    except OSError:
        if not shared:
            raise
        yield  # no one removes anything from it either
        return
    with lock:
        if not taken(lock, seconds, shared=shared):
            raise BlockingIOError
        yield


# --- removed, with what a killed server leaves in the kernel --------------------------------------


def remove_database(data_dir: Path) -> None:
    """Removes the folder of a database whose server is dead, and the server's shared memory.

    A segment is removed only where no one is attached to it, and key, id, the process that made it
    and that process's user are those that the server wrote down in its folder.
    """
    deadline = time.monotonic() + _DETACHED_SECONDS_MAX
    while (segment := _left_in(data_dir / "cluster" / "postmaster.pid")) is not None:
        identity, attached = segment
        if attached == 0:
            ctypes.CDLL(None).shmctl(identity, 0, None)  # IPC_RMID
        if attached == 0 or time.monotonic() > deadline:
            break
        time.sleep(0.02)
    shutil.rmtree(data_dir, ignore_errors=True)


def _left_in(pid_file: Path) -> tuple[int, int] | None:
    """The segment that a server wrote down, if there still is just that one: its id, and how many
    are attached to it.
    """
    try:
        with open_regular(pid_file, _PID_FILE_BYTES_MAX) as file:
            lines = file.read(_PID_FILE_BYTES_MAX).splitlines()
            owner = os.fstat(file.fileno()).st_uid
        key, identity = (int(word) for word in lines[_SEGMENT_LINE].split())
        maker = abs(int(lines[_PID_LINE]))
        names, *listed = (row.split() for row in _SEGMENTS.read_text().splitlines())
    except (OSError, ValueError, IndexError):
        return None
    wanted = {"key": key & _KEY_BITS, "shmid": identity, "cpid": maker, "cuid": owner}
    for words in listed:
        row = dict(zip(names, map(int, words), strict=True))
        row["key"] &= _KEY_BITS
        if all(row[name] == value for name, value in wanted.items()):
            return identity, row["nattch"]
    return None
