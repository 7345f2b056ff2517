"""A cluster as ``initdb`` leaves it, kept for the next stack: making it is a fifth of an `up`.

What is kept depends on the programs and on how they are called, and on nothing else; its superuser
has a password that nobody knows. It is written to the disk before it gets its name, so that there
is a whole one or none. Only the last few that were used are kept.
"""

import contextlib
import hashlib
import os
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path

from harness.core.files import open_append, put_in_place, sync_folder
from harness.core.locks import taken
from harness.stack.shared_memory import remove_database

KEPT = "postgres-cluster-"
KEPT_MAX = 3
"""How many, of 40 MB each, lie in the cache: one for each PostgreSQL in use, or nearly."""
_HALF = ".half"
_PROGRAMS = ("initdb", "postgres")

Make = Callable[[Path], None]
"""Makes a cluster in the folder ``cluster`` of this folder.

Raises:
    HarnessError: It cannot.
"""


def fingerprint(bin_dir: Path, options: Sequence[str]) -> str:
    """Of what the programs are, wherever they lie, and of the options that they are called with."""
    seen = list(options)
    for name in _PROGRAMS:
        with (bin_dir / name).open("rb") as program:
            seen += [name, hashlib.file_digest(program, "sha256").hexdigest()]
    return hashlib.sha256("\0".join(seen).encode()).hexdigest()[:16]


def copied(cache: Path, name: str, make: Make, target: Path) -> bool:
    """Put a copy of the kept cluster of this name in the place of ``target``, made if need be.

    Those that were not used for longest are removed. False, with nothing left at ``target``, where
    there is no room for one or it cannot be read.

    Raises:
        HarnessError: It had to be made, and that failed.
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
    """Make one; its makers wait for each other.

    Raises:
        OSError: None can be written.
        HarnessError: It cannot be made.
    """
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

    Raises:
        OSError: The cache cannot be written.
    """
    with contextlib.suppress(BlockingIOError), _held(cache, seconds=0.0):
        found = [path for path in cache.glob(f"{KEPT}*") if path.is_dir()]
        whole = [path for path in found if path.suffix != _HALF]
        whole.sort(key=lambda path: path.stat().st_mtime_ns, reverse=True)
        for path in {*found} - {*whole[:KEPT_MAX]}:
            _remove(path)


def _remove(folder: Path) -> None:
    """Remove a kept one; killed meanwhile, it leaves half of one that nobody takes for whole."""
    half = folder if folder.suffix == _HALF else folder.with_name(f"{folder.name}{_HALF}")
    if half != folder and folder.is_dir():
        shutil.rmtree(half, ignore_errors=True)
        put_in_place(folder, half)
    remove_database(half)


@contextlib.contextmanager
def _held(cache: Path, seconds: float | None = None, *, shared: bool = False) -> Iterator[None]:
    """Hold the cache, shared or alone; wait for as long as it takes, unless ``seconds`` are given.

    Raises:
        BlockingIOError: Others held it for all these seconds.
        OSError: It may not be written, so that it cannot be held alone.
    """
    try:
        lock = open_append(cache / f"{KEPT}lock")
    except OSError:
        if not shared:
            raise
        yield  # nobody removes anything from it either
        return
    with lock:
        if not taken(lock, seconds, shared=shared):
            raise BlockingIOError
        yield
