"""A killed server's shared memory: removed with its folder, where it is certainly that server's."""

import ctypes
import os
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.stack import cluster_folders
from harness.stack.cluster_folders import remove_database

KEY = 0x4C434841 ^ os.getpid()
IPC_RMID, IPC_CREAT, OWNER_ONLY = 0, 0o1000, 0o600
_library = ctypes.CDLL(None, use_errno=True)
_library.shmat.restype = ctypes.c_void_p
_library.shmdt.argtypes = [ctypes.c_void_p]


def there(identity: int) -> bool:
    """Whether the kernel has a segment of this id."""
    rows = Path("/proc/sysvipc/shm").read_text().splitlines()[1:]
    return identity in [int(row.split()[1]) for row in rows]


@pytest.fixture
def segment() -> Iterator[int]:
    """The id of a segment that we made and nobody is attached to."""
    identity = _library.shmget(KEY, 56, IPC_CREAT | OWNER_ONLY)
    assert identity >= 0, os.strerror(ctypes.get_errno())
    yield identity
    if there(identity):
        _library.shmctl(identity, IPC_RMID, None)


def database(folder: Path, *, pid: int, key: int, identity: int) -> Path:
    """A folder as a server that was killed leaves it."""
    data_dir = folder / "postgres"
    (data_dir / "cluster").mkdir(parents=True)
    lines = [pid, data_dir, 1795969603, 5432, "", "127.0.0.1", f"{key:9d} {identity:9d}", "ready"]
    text = "".join(f"{line}\n" for line in lines)
    (data_dir / "cluster" / "postmaster.pid").write_text(text)
    return data_dir


def test_what_a_killed_server_left_is_removed(tmp_path: Path, segment: int) -> None:
    """With its folder."""
    data_dir = database(tmp_path, pid=os.getpid(), key=KEY, identity=segment)
    remove_database(data_dir)

    assert not there(segment)
    assert not data_dir.exists()


@pytest.mark.parametrize("wrong", ["pid", "key", "identity"])
def test_what_may_be_anybody_elses_stays(tmp_path: Path, segment: int, wrong: str) -> None:
    """A segment that was made by another process, or that only has the same id."""
    written = {"pid": os.getpid(), "key": KEY, "identity": segment}
    data_dir = database(tmp_path, **{**written, wrong: written[wrong] + 1})
    remove_database(data_dir)

    assert there(segment)
    assert not data_dir.exists()


def test_what_somebody_is_attached_to_stays(
    tmp_path: Path, segment: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server that lives."""
    monkeypatch.setattr(cluster_folders, "_DETACHED_SECONDS_MAX", 0.1)
    address = _library.shmat(segment, None, 0)
    try:
        remove_database(database(tmp_path, pid=os.getpid(), key=KEY, identity=segment))
        assert there(segment)
    finally:
        _library.shmdt(address)


@pytest.mark.parametrize("text", ["", "1\n", "x\n" * 8, "1\n2\n3\n4\n5\n6\n7 8 9\n", "9" * 9000])
def test_a_file_that_says_nothing_costs_nothing(tmp_path: Path, text: str) -> None:
    """The folder goes all the same; also without such a file."""
    data_dir = database(tmp_path, pid=1, key=1, identity=1)
    (data_dir / "cluster" / "postmaster.pid").write_text(text)
    remove_database(data_dir)
    remove_database(data_dir)

    assert not data_dir.exists()


def test_a_pid_file_that_leads_elsewhere_is_not_read(tmp_path: Path, segment: int) -> None:
    """A link, or a pipe that would be waited at for ever."""
    real = database(tmp_path / "real", pid=os.getpid(), key=KEY, identity=segment)
    data_dir = database(tmp_path, pid=1, key=1, identity=1)
    for make in (
        lambda path: path.symlink_to(real / "cluster" / "postmaster.pid"),
        os.mkfifo,
    ):
        (data_dir / "cluster").mkdir(parents=True, exist_ok=True)
        (data_dir / "cluster" / "postmaster.pid").unlink(missing_ok=True)
        make(data_dir / "cluster" / "postmaster.pid")
        remove_database(data_dir)

    assert there(segment)
    assert not data_dir.exists()
