"""What a disk refuses: told in one line, and looked for before a run begins.

A full disk, a read-only folder and one that someone took away are of the environment, and no bug.
"""

import errno
import os
from collections.abc import Iterable
from pathlib import Path

DISK_ERRORS = frozenset({errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO})
"""How a write fails for lack of a disk that takes it; such an error need not name its file."""
_PATH_ERRORS = frozenset({errno.EACCES, errno.EPERM, errno.ENOENT, errno.ENOTDIR, errno.EISDIR})
"""How a file is refused by its path, which the error names."""
ROOM_BYTES_MIN = 4_000_000
"""What a short run writes, its report included."""


def refusal(error: OSError, where: str = "the disk") -> str:
    """In one line, what the disk did not let us write or have; empty where it was something else.

    ``where`` stands for a file that the error does not name.
    """
    path = str(error.filename or "")
    if error.errno not in DISK_ERRORS and not (path and error.errno in _PATH_ERRORS):
        return ""
    return f"{path or where} cannot be written: {error.strerror}"


def require_room(folder: Path, bytes_min: int = ROOM_BYTES_MIN) -> None:
    """Whether files can be made in a folder, or in the nearest one above it that is there.

    OSError where it may not be written, or has less room than ``bytes_min``.
    """
    there = nearest(folder.absolute())
    found = os.statvfs(there)
    if not is_writable(there):
        number = errno.EROFS if found.f_flag & os.ST_RDONLY else errno.EACCES
        raise OSError(number, os.strerror(number), str(there))
    free = (found.f_bfree if os.geteuid() == 0 else found.f_bavail) * found.f_frsize
    if found.f_blocks and free < bytes_min:  # a file system without blocks does not tell
        said = f"{os.strerror(errno.ENOSPC)} ({free:,} bytes are free, and {bytes_min:,} needed)"
        raise OSError(errno.ENOSPC, said, str(there))
    if found.f_files and not found.f_ffree:
        raise OSError(errno.ENOSPC, f"{os.strerror(errno.ENOSPC)} (no inode is free)", str(there))


def is_writable(path: Path) -> bool:
    """Whether a file, or into a folder, may be written. The kernel lets root write into a folder
    below /proc or /sys, and takes nothing there.
    """
    of_kernel = Path(os.path.realpath(path)).parts[1:2] in (("proc",), ("sys",))
    return os.access(path, os.W_OK) and not (of_kernel and path.is_dir())


def require_rooms(places: Iterable[tuple[Path, int]]) -> None:
    """`require_room` in several folders, each with its bytes; those on one disk share its room."""
    needed: dict[int, int] = {}
    for folder, bytes_min in places:
        device = nearest(folder.absolute()).stat().st_dev
        needed[device] = needed.get(device, 0) + bytes_min
        require_room(folder, needed[device])


def nearest(path: Path) -> Path:
    """A path, or the nearest one above it that is there, be it a link that leads nowhere.

    OSError where there can be no such path.
    """
    while not path.exists() and not path.is_symlink():
        path = path.parent
    return path
