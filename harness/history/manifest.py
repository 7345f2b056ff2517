"""Whether the files of a stored run are still as the run left them.

A line that is cut can be seen; a file that ends early at the end of a line, or lacks a line in the
middle, cannot. So a run that comes to its end notes size and digest of everything it is judged by.
"""

import hashlib
import os
from pathlib import Path

from harness.core.files import open_regular
from harness.history.events import FileChecksum, RunStatus

STATUS_FILE = "status.json"
"""Holds the checksums, so it can have none; it is written whole, and unreadable when cut."""


def checksums_of(folder: Path) -> dict[str, FileChecksum]:
    """The checksum of every file that a run is judged by, in the order of their names."""
    found = [p for p in sorted(folder.iterdir()) if _is_evidence(p)]
    return {p.name: checksum_of(p) for p in found if p.is_file() and not p.is_symlink()}


def checksum_mismatches(folder: Path, checksums: dict[str, FileChecksum]) -> dict[str, str]:
    """The files that differ from their checksums, by name; no text holds the directory's path."""
    if not checksums:
        return {}
    found = {}
    for name, checksum in checksums.items():
        path = folder / name
        try:
            size, same = _compare(path, checksum)
        except FileNotFoundError:
            found[name] = f"{name} is missing"
            continue
        except OSError as error:
            found[name] = f"{name} cannot be read: {error.strerror}"
            continue
        if size != checksum.size:
            found[name] = f"{name} has {size:,} bytes, and had {checksum.size:,} after the run"
        elif not same:
            found[name] = f"{name} was changed after the run"
    added = [
        p.name for p in sorted(folder.iterdir()) if _is_evidence(p) and p.name not in checksums
    ]
    return found | {name: f"{name} was added after the run" for name in added}


def _compare(path: Path, checksum: FileChecksum) -> tuple[int, bool]:
    """Size of a file, and whether its checksum matches; one of another size is not read at all."""
    with open_regular(path, None) as file:
        size = os.fstat(file.fileno()).st_size
    return size, size == checksum.size and checksum_of(path) == checksum


def missing_checksums(status: RunStatus) -> list[str]:
    """That a run which came to its end has no checksums, in words; one that did not needs none."""
    if status.seals or status.interrupted:
        return []
    return [
        f"{STATUS_FILE} has no checksums: nothing shows that the files are as the run left them"
    ]


def _is_evidence(path: Path) -> bool:
    named = path.suffix in (".json", ".jsonl") and path.name != STATUS_FILE
    return named and not path.name.startswith(("verdict", "report")) and not path.is_dir()


def checksum_of(path: Path) -> FileChecksum:
    """Size and digest of a file as it is."""
    with open_regular(path, None) as file:
        digest = hashlib.file_digest(file, "sha256").hexdigest()
        return FileChecksum(file.tell(), digest)
