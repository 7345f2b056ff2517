"""The register of state folders: outside any checkout, for its owner only, and bounded."""

import os
import subprocess
import sys
import time
from pathlib import Path

import pytest

from harness.core import processes
from harness.core.errors import HarnessError
from harness.core.processes import boot_id, own_environment
from harness.stack import register


@pytest.fixture(autouse=True)
def place(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The register of one test."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "xdg"))
    return tmp_path / "xdg" / "lendchaos"


def made(path: Path) -> Path:
    """A folder."""
    path.mkdir(parents=True)
    return path


def test_an_entry_says_folder_stack_and_boot(tmp_path: Path, place: Path) -> None:
    """By its real path, whichever way it was named."""
    folder = made(tmp_path / "state")
    (tmp_path / "link").symlink_to(folder)
    register.add(tmp_path / "link", "0123")
    (entry,) = register.entries()
    found = folder.stat()
    assert (entry.state_dir, entry.device, entry.inode) == (str(folder), found.st_dev, found.st_ino)
    assert (entry.stack_id, entry.boot_id) == ("0123", boot_id())
    assert place.stat().st_mode & 0o777 == 0o700
    assert [path.stat().st_mode & 0o777 for path in place.iterdir()] == [0o600]


def test_a_kernel_that_tells_no_boot_is_no_obstacle(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of gVisor does not."""
    monkeypatch.setattr(processes, "BOOT_ID", tmp_path / "missing")
    boot_id.cache_clear()
    try:
        register.add(made(tmp_path / "state"), "0123")
        assert [entry.boot_id for entry in register.entries()] == [boot_id()]
    finally:
        boot_id.cache_clear()


def test_one_folder_has_one_entry(tmp_path: Path, place: Path) -> None:
    """That of its latest stack; once it is gone, none."""
    folder = made(tmp_path / "state")
    for stack_id in ("0123", "0123", "4567"):
        register.add(folder, stack_id)
    assert [entry.stack_id for entry in register.entries()] == ["4567"]
    register.remove("another")
    register.remove("4567")
    assert list(place.iterdir()) == []


def test_it_stays_bounded(tmp_path: Path, place: Path) -> None:
    """Folders that are gone, and what a killed writer left, go at the next `up`."""
    for name in ("gone", "there"):
        register.add(made(tmp_path / name), name)
    (tmp_path / "gone").rmdir()
    damaged, half = f"{'a' * 32}.json", f".lendchaos-{'0' * 16}.part"
    for name in (half, damaged):
        (place / name).write_text("{")
        os.utime(place / name, (time.time() - 100,) * 2)
    (place / f".lendchaos-{'1' * 16}.part").touch()
    register.prepared()
    assert [entry.stack_id for entry in register.entries()] == ["there"]
    assert len(list(place.iterdir())) == 2


def test_it_removes_nothing_but_its_own(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its folder may be a clone of lendchaos beside which XDG_STATE_HOME was put."""
    place = made(tmp_path / "home" / "lendchaos")
    place.chmod(0o700)
    names = ("README.md", "package.json", ".env", ".lendchaos-1.part", f"{'a' * 31}.json")
    for name in names:
        (place / name).write_text("thesis")
        os.utime(place / name, (time.time() - 100,) * 2)
    monkeypatch.setenv("XDG_STATE_HOME", str(place.parent))
    assert register.prepared() == place
    assert {path.name for path in place.iterdir()} == {*names}


def test_what_others_may_write_to_is_not_believed(tmp_path: Path, place: Path) -> None:
    """They could list what they want to be ended; the message says how to mend it."""
    folder = made(tmp_path / "state")
    register.add(folder, "0123")
    place.chmod(0o755)
    for call in (register.entries, register.prepared, lambda: register.add(folder, "4567")):
        with pytest.raises(HarnessError, match=r"only you can enter: `chmod 700`.*XDG_STATE_HOME"):
            call()
    with pytest.raises(HarnessError, match="chmod 700"):
        register.require_listing()


def test_a_link_in_its_place_is_not_followed(tmp_path: Path, place: Path) -> None:
    """A register lies where it is looked for."""
    made(place.parent)
    place.symlink_to(made(tmp_path / "elsewhere"))
    with pytest.raises(HarnessError, match="only you can enter"):
        register.entries()


def test_where_it_cannot_be_made(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """One line, which names the variable."""
    (tmp_path / "file").touch()
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "file"))
    with pytest.raises(HarnessError, match=r"cannot be made.*XDG_STATE_HOME"):
        register.prepared()
    with pytest.raises(HarnessError, match="cannot be made"):
        register.require_listing()
    assert register.entries() == []


@pytest.mark.parametrize("of_kernel", ["/proc", "/proc/self", "/sys"])
def test_where_the_kernel_takes_no_folder(
    of_kernel: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Though root may write there, by its permissions; also by a link."""
    linked = tmp_path / "linked"
    linked.symlink_to(of_kernel)
    for place in (of_kernel, f"{of_kernel}/below", linked):
        monkeypatch.setenv("XDG_STATE_HOME", str(place))
        for call in (register.prepared, register.require_listing):
            with pytest.raises(HarnessError, match="cannot be made"):
                call()


def test_where_it_is_there_and_cannot_be_written(
    place: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """On a disk that is read-only, say: told before a stack is brought up."""
    register.prepared()
    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(HarnessError, match=f"{place} cannot be written: name a folder"):
        register.require_listing()


def test_looking_makes_nothing(tmp_path: Path) -> None:
    """Neither the register nor a folder above it."""
    assert register.entries() == []
    register.require_listing()
    register.remove("0123")
    assert not (tmp_path / "xdg").exists()


def test_a_relative_place_is_ignored(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """As the XDG specification wants it: it would lie in whatever checkout we are in."""
    monkeypatch.setenv("XDG_STATE_HOME", "state")
    monkeypatch.setenv("HOME", str(tmp_path))
    assert register.register_dir() == tmp_path / ".local" / "state" / "lendchaos"


@pytest.mark.parametrize("home", [None, "", "home", "/nonexistent"])
def test_a_home_that_is_none_of_ours(
    home: str | None, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A container without HOME, or one that cannot be written to: the user's own, or none."""
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    monkeypatch.delenv("HOME")
    if home is not None:
        monkeypatch.setenv("HOME", home)
    monkeypatch.setattr(register.pwd, "getpwuid", no_such_user)
    assert register.register_dir() == tmp_path / f"lendchaos-state-{os.geteuid()}"
    register.add(made(tmp_path / "state"), "0123")
    assert [entry.stack_id for entry in register.entries()] == ["0123"]


def no_such_user(_uid: int) -> None:
    """A user that has a number only."""
    raise KeyError


def test_a_home_of_somebody_else_is_not_used(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`sudo` may leave HOME as it was; what root made there its owner could not enter."""
    monkeypatch.delenv("XDG_STATE_HOME")
    monkeypatch.setenv("HOME", str(tmp_path))
    monkeypatch.setattr(os, "geteuid", lambda: os.getuid() + 1)
    monkeypatch.setattr(register.pwd, "getpwuid", no_such_user)
    assert not register.register_dir().is_relative_to(tmp_path)


def test_whatever_the_umask_its_owner_can_enter(tmp_path: Path, place: Path) -> None:
    """A umask that takes everything away takes nothing from us."""
    before = os.umask(0o777)
    try:
        register.prepared()
    finally:
        os.umask(before)
    assert place.stat().st_mode & 0o777 == 0o700
    register.add(made(tmp_path / "state"), "0123")


def test_processes_of_ours_find_the_same_one(
    place: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Supervisor and guardian have little of the user's environment; nor do they miss our cache."""
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))
    code = (
        "from harness.stack.register import register_dir\n"
        "from harness.stack.programs import cache_dir\n"
        "print(register_dir(), cache_dir(), sep='\\n')"
    )
    done = subprocess.run(
        [sys.executable, "-c", code], env=own_environment(), capture_output=True, check=True
    )
    found = done.stdout.decode().splitlines()
    assert found == [str(place), str(tmp_path / "cache" / "lendchaos")]
