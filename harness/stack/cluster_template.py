"""A cluster as ``initdb`` leaves it, kept for the next stack: making it is a fifth of an `up`.

What is kept depends on the programs and on how they are called, and on nothing else; its superuser
has a password that nobody knows. It is written to the disk before it gets its name, so that there
is a whole one or none.
"""

import fcntl
import hashlib
import os
import shutil
from collections.abc import Callable, Sequence
from pathlib import Path

KEPT = "postgres-cluster-"
_PROGRAMS = ("initdb", "postgres")

Make = Callable[[Path], None]
"""Makes a cluster in the folder ``cluster`` of this folder.

Raises:
    HarnessError: It cannot.
"""


def fingerprint(bin_dir: Path, options: Sequence[str]) -> str:
    """Of the programs, as they lie there now, and of the options that they are called with."""
    seen = [str(bin_dir.resolve()), *options]
    for name in _PROGRAMS:
        found = (bin_dir / name).stat()
        seen += [name, str(found.st_size), str(found.st_mtime_ns)]
    return hashlib.sha256("\0".join(seen).encode()).hexdigest()[:16]


def copied(cache: Path, name: str, make: Make, target: Path) -> bool:
    """Put a copy of the kept cluster of this name in the place of ``target``, made if need be.

    False, with nothing left at ``target``, where there is no room for one or it cannot be read.

    Raises:
        HarnessError: It had to be made, and that failed.
    """
    try:
        kept = _kept(cache, name, make)
        shutil.copytree(kept / "cluster", target, symlinks=True)
    except (OSError, shutil.Error):
        shutil.rmtree(target, ignore_errors=True)
        return False
    return True


def forget(cache: Path, name: str) -> None:
    """Remove what is kept under this name: it turned out to be no good."""
    shutil.rmtree(cache / f"{KEPT}{name}", ignore_errors=True)


def _kept(cache: Path, name: str, make: Make) -> Path:
    """The kept one; its makers wait for each other.

    Raises:
        OSError: There is none and none can be written.
        HarnessError: It cannot be made.
    """
    kept = cache / f"{KEPT}{name}"
    if kept.is_dir():
        return kept
    cache.mkdir(mode=0o700, parents=True, exist_ok=True)
    with (cache / f"{KEPT}lock").open("w") as lock:
        fcntl.flock(lock, fcntl.LOCK_EX)
        if kept.is_dir():
            return kept
        half = cache / f"{KEPT}{name}.half"
        shutil.rmtree(half, ignore_errors=True)
        half.mkdir(mode=0o700)
        try:
            make(half)
            half.rename(kept)
        except BaseException:
            shutil.rmtree(half, ignore_errors=True)
            raise
        _flush(cache)
    return kept


def _flush(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
