"""A state folder: where one can be, and what must not be in it.

A checkout or an artefact may bring a state folder along, with links and FIFOs under the names that
we use. So every part is what `lendchaos up` makes, or the folder is not used.
"""

import contextlib
import errno
import os
import stat
from pathlib import Path

from harness.core.errors import HarnessError, UsageError
from harness.history.journal_row import JOURNAL_FILE

DEFAULT_NAME = ".lendchaos"
ATTACHED = "attached"
"""Folder of the state directory for the proxy in front of a service that already runs."""
STATE_FILE = "stack.json"
CHANGE_LOCK, RUN_LOCK, PROXY_LOCK = "lock", "run.lock", "second_way.lock"
ALIVE_LOCK = "supervisor.lock"
LOGS, DATA, BUREAU_DATA = "logs", "postgres", "bureau"
PATH_BYTES_MAX = 900
"""PostgreSQL takes 1,023 bytes at most for a file of its data folder, which lies below."""

_FILES = (STATE_FILE, CHANGE_LOCK, RUN_LOCK, PROXY_LOCK, ALIVE_LOCK, JOURNAL_FILE)
_FOLDERS = (LOGS, DATA, BUREAU_DATA, ATTACHED)
_REMOVED = (LOGS, DATA, BUREAU_DATA)
_WRONG = {errno.ENOTDIR, errno.EEXIST, errno.ENAMETOOLONG, errno.ELOOP}
"""What no rights and no other machine would change."""


def default_state_dir() -> Path:
    """Where stacks are kept: `$LENDCHAOS_STATE`, else `.lendchaos` in the current folder."""
    return Path(os.environ.get("LENDCHAOS_STATE") or DEFAULT_NAME).absolute()


def checked(state_dir: Path) -> Path:
    """The absolute path of a state folder that may be there or not; looks, and changes nothing.

    UsageError where there can be none; HarnessError where it cannot be looked into, or something in
    it is not as we make it.
    """
    path = state_dir.absolute()
    try:
        str(path).encode()
    except UnicodeEncodeError as error:
        raise UsageError(f"the state folder's path {str(path)!a} must be text in UTF-8") from error
    if (length := len(os.fsencode(path))) > PATH_BYTES_MAX:
        raise UsageError(
            f"the state folder's path has {length:,} bytes, and PostgreSQL needs one of at most "
            f"{PATH_BYTES_MAX}: use a shorter --state-dir"
        )
    try:
        if path.is_symlink():
            _check_link(path)
        found = path.stat()
        planted = may_be_planted(path)
    except FileNotFoundError:
        return path
    except OSError as error:
        raise _told(path, "looked into", error) from error
    if not stat.S_ISDIR(found.st_mode):
        raise UsageError(f"{path} is no folder: name one with --state-dir")
    if planted:
        raise HarnessError(
            f"{path} belongs to another user, who can change whatever lies in it: nothing in it is "
            "used; use another folder with --state-dir"
        )
    for name in (*_FILES, *_FOLDERS):
        _check_part(path / name)
    return path


def entered(state_dir: Path) -> Path:
    """What `enterable` says, made if need be, for its owner only; raises the same."""
    path = enterable(state_dir)
    try:
        path.mkdir(mode=0o700, parents=True, exist_ok=True)
    except OSError as error:
        raise _told(path, "made", error) from error
    return path


def enterable(state_dir: Path) -> Path:
    """The absolute path of a state folder in which a stack can be started; changes nothing.

    Raises as `checked`, and UsageError where what lies there is the user's own.
    """
    path = checked(state_dir)
    # What a start removes must not be a folder of the user's that has the same name.
    own = [name for name in _REMOVED if os.path.lexists(path / name)]
    if own and not has_been_used(path):
        raise UsageError(
            f"{path} has a folder {own[0]!r} that no stack made, and a start would remove it: "
            "name an empty or a new folder with --state-dir"
        )
    return path


def has_been_used(state_dir: Path) -> bool:
    """Whether a stack, or a run, was ever at home here."""
    return any(os.path.lexists(state_dir / name) for name in (CHANGE_LOCK, RUN_LOCK, STATE_FILE))


def is_private(folder: Path) -> bool:
    """Whether no one but us can enter it: ours, of mode 0700 or less, and no link.

    OSError where it is not there.
    """
    found = folder.lstat()
    ours = stat.S_ISDIR(found.st_mode) and found.st_uid == os.geteuid()
    return ours and not found.st_mode & (stat.S_IRWXG | stat.S_IRWXO)


def may_be_planted(folder: Path) -> bool:
    """Whether anybody may make folders where this one lies, and someone else made it.

    Elsewhere another owner is no stranger: a container's root works in the folders of a user.
    """
    if not os.path.lexists(folder):
        return False
    for path in (folder, Path(os.path.realpath(folder))):  # a link, and where it leads
        owner, above = path.lstat().st_uid, path.parent.stat()
        if owner not in (os.geteuid(), above.st_uid, 0) and above.st_mode & stat.S_IWOTH:
            return True
    return False


def whereabouts(handle: int, expected: Path) -> Path | None:
    """Where an open folder is now: where it is expected, else where it was moved to; None if it was
    removed.
    """
    held = os.fstat(handle)
    for path in (expected, Path(f"/proc/self/fd/{handle}").readlink()):
        with contextlib.suppress(OSError):
            if os.path.samestat(held, path.stat()):
                return path
    return None


def _check_link(path: Path) -> None:
    if not path.exists():
        raise UsageError(f"{path} is a link that leads nowhere: name a folder with --state-dir")
    # One that the user names is the user's; these names may have come with a checkout.
    if path.name.startswith(DEFAULT_NAME) or path.name == ATTACHED:
        raise UsageError(
            f"{path} is a link, which may have come with a checkout: "
            f"name the folder itself with --state-dir {path.resolve()}"
        )


def _check_part(path: Path) -> None:
    try:
        found = path.lstat()
    except FileNotFoundError:
        return
    except OSError as error:
        raise _told(path, "looked into", error) from error
    if path.name not in _FILES:
        wrong = "" if stat.S_ISDIR(found.st_mode) else "not a folder"
    elif not stat.S_ISREG(found.st_mode):
        wrong = "not a plain file"
    else:  # a link would be of a file of the user's, which would be overwritten
        wrong = "a hard link, not a file of its own" if found.st_nlink > 1 else ""
    if wrong:
        raise HarnessError(
            f"{path} is {wrong}, as `lendchaos up` makes it: nothing here is used; "
            "remove it if you know it, or use another folder with --state-dir"
        )


def _told(path: Path, what: str, error: OSError) -> HarnessError | UsageError:
    text = f"the state folder {path} cannot be {what}: {error.strerror}"
    if error.errno in _WRONG:
        return UsageError(f"{text}; name another one with --state-dir")
    return HarnessError(f"{text}; another one can be named with --state-dir")
