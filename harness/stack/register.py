"""The register of this user's state folders on this machine: which of them are ours.

A state file names what is ended and removed, and a checkout or an artefact can bring one along. So
`lendchaos up` lists each stack here, outside any checkout: the folder's real path and inode, the
stack's id and its key, and the boot. Anyone who asks the service or reads a report sees the id;
the key is nowhere but here and in the state file. A state file that is not listed counts for
nothing. One of an earlier boot is ours, and none of the process ids in it mean anything.

One file for each folder, so that no one has to wait for anybody. An entry goes with its stack, and
at the next `up` where its folder is gone.
"""

import contextlib
import hashlib
import os
import pwd
import re
import stat
import tempfile
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from pydantic import TypeAdapter, ValidationError

from harness.core.disk import is_writable
from harness.core.errors import HarnessError
from harness.core.files import HALF_WRITTEN, read_regular, replace_file
from harness.core.processes import STATE_VARIABLE, boot_id
from harness.stack.folder import is_private

_NAME = "lendchaos"
_OURS = re.compile(rf"[0-9a-f]{{32}}\.json|{HALF_WRITTEN}")
"""Entries, and what becomes one. The folder may have been someone's before XDG_STATE_HOME led to
it, and nothing else in it is read or removed.
"""
_HALF_SECONDS = 60.0
"""A file that is none by then is no longer being written."""


@dataclass(frozen=True, slots=True, kw_only=True)
class RegisterEntry:
    """One stack. ``state_dir`` is its folder's real path, ``device`` and ``inode`` the folder's."""

    state_dir: str
    device: int
    inode: int
    stack_id: str
    boot_id: str
    key: str = ""

    @classmethod
    def of(cls, state_dir: Path, stack_id: str, key: str = "") -> "RegisterEntry":
        """An entry of this boot; OSError where the folder is gone."""
        found = state_dir.stat()
        return cls(
            state_dir=os.path.realpath(state_dir),
            device=found.st_dev,
            inode=found.st_ino,
            stack_id=stack_id,
            boot_id=boot_id(),
            key=key,
        )

    def is_folder(self, other: "RegisterEntry") -> bool:
        """Whether both are of one folder: moved or mounted elsewhere, it keeps inode and device;
        a device may be numbered anew.
        """
        same_place = self.state_dir == other.state_dir or self.device == other.device
        return self.inode == other.inode and same_place


_ENTRY = TypeAdapter(RegisterEntry)


# --- where it is ---------------------------------------------------------------------------------


def register_dir() -> Path:
    """Where the register is, or would be made.

    Below XDG_STATE_HOME if that is an absolute path, else below the home that belongs to this user,
    else in the temporary folder.
    """
    named = Path(os.environ.get(STATE_VARIABLE, ""))
    if named.is_absolute():
        return named / _NAME
    for home in _homes():
        place = home / ".local" / "state" / _NAME
        if place.is_dir() or _can_be_made(place):
            return place
    return Path(tempfile.gettempdir()) / f"{_NAME}-state-{os.geteuid()}"


def _homes() -> Iterator[Path]:
    """Homes that belong to this user: `sudo` may leave HOME at someone else's."""
    candidates = [os.environ.get("HOME", "")]
    with contextlib.suppress(KeyError):
        candidates.append(pwd.getpwuid(os.geteuid()).pw_dir)
    for home in map(Path, candidates):
        with contextlib.suppress(OSError):
            if home.is_absolute() and home.stat().st_uid == os.geteuid():
                yield home


def _can_be_made(place: Path) -> bool:
    there = next(folder for folder in place.parents if os.path.lexists(folder))
    return there.is_dir() and os.access(there, os.X_OK) and is_writable(there)


def prepared() -> Path:
    """The register, made if need be; entries of folders that are gone are removed.

    HarnessError where it cannot be made, or others can write there.
    """
    place = register_dir()
    try:
        place.parent.mkdir(mode=stat.S_IRWXU, parents=True, exist_ok=True)
        with contextlib.suppress(FileExistsError):
            place.mkdir(mode=stat.S_IRWXU)
            place.chmod(stat.S_IRWXU)  # whatever the umask takes away
    except OSError as error:
        raise HarnessError(
            f"the register of state folders, {place}, cannot be made ({error.strerror}): "
            f"name a folder of your own with {STATE_VARIABLE}"
        ) from error
    _check(place)
    _prune(place)
    return place


def require_listing() -> None:
    """Whether a stack can be listed here; HarnessError where not. Looks, and makes nothing."""
    place = register_dir()
    if made := os.path.lexists(place):
        _check(place)
    if not (is_writable(place) if made else _can_be_made(place)):
        how = "written" if made else "made"
        raise HarnessError(
            f"{place} cannot be {how}: name a folder of your own with {STATE_VARIABLE}"
        )


def _prune(place: Path) -> None:
    """Folders that are gone, and what a writer that was killed left half written."""
    read = dict(_read(place))
    with contextlib.suppress(OSError):
        for path in filter(_is_ours, place.iterdir()):
            if path in read:
                gone = not os.path.lexists(read[path].state_dir)
            else:
                gone = time.time() - path.lstat().st_mtime > _HALF_SECONDS
            if gone:
                path.unlink(missing_ok=True)


def _check(place: Path) -> None:
    if not is_private(place):
        raise HarnessError(
            f"the register of state folders, {place}, must be a folder that only you can enter: "
            f"`chmod 700` it if it is yours, or name another place with {STATE_VARIABLE}"
        )


# --- what it lists -------------------------------------------------------------------------------


def entries() -> list[RegisterEntry]:
    """Every stack that is listed; looks, and makes nothing.

    HarnessError where others can write there, so that it cannot be believed.
    """
    place = register_dir()
    if not os.path.lexists(place):
        return []
    _check(place)
    return [entry for _, entry in _read(place)]


def add(state_dir: Path, stack_id: str, key: str = "") -> None:
    """List a stack, before its state file is written; once it is listed, nothing is done.

    HarnessError where it cannot be listed, OSError where the folder is gone.
    """
    entry = RegisterEntry.of(state_dir, stack_id, key)
    if entry in entries():
        return
    place = prepared()
    digest = hashlib.sha256(os.fsencode(entry.state_dir)).hexdigest()[:32]
    try:
        replace_file(place / f"{digest}.json", _ENTRY.dump_json(entry), durable=True, mode=0o600)
    except OSError as error:
        raise HarnessError(f"{place} cannot be written: {error.strerror}") from error


def remove(stack_id: str) -> None:
    """A stack that is gone is listed no longer."""
    with contextlib.suppress(HarnessError, OSError):
        place = register_dir()
        _check(place)
        for path, entry in _read(place):
            if entry.stack_id == stack_id:
                path.unlink(missing_ok=True)


def _read(place: Path) -> Iterator[tuple[Path, RegisterEntry]]:
    """The entries with their files; what is no entry lists nothing."""
    for path in filter(_is_ours, place.glob("*.json")):
        with contextlib.suppress(OSError, ValidationError):
            yield path, _ENTRY.validate_json(read_regular(path, bytes_max=100_000))


def _is_ours(path: Path) -> bool:
    return _OURS.fullmatch(path.name) is not None
