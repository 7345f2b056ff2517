"""Commands that write where the disk takes nothing: one line, and an exit code that says why."""

import errno
import os
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.apps.cli.ci_outputs import CiOutputs, publish
from harness.core import disk
from tests.cli.conftest import Ended
from tests.gates.made import suite_of, verdict_of

REFUSALS = [errno.ENOSPC, errno.EROFS, errno.EDQUOT, errno.EIO, errno.EACCES]
CASES = [
    (command, number) for command in ("judge", "report", "save", "trend") for number in REFUSALS
]


def refusing(number: int, monkeypatch: pytest.MonkeyPatch, folder: Path) -> None:
    """Have the kernel refuse every file that is to be made or written below a folder."""
    plain = os.open

    def opened(path: Any, flags: int, *more: Any, **named: Any) -> int:
        writes = flags & (os.O_WRONLY | os.O_RDWR | os.O_CREAT)
        if writes and Path(os.fsdecode(path)).absolute().is_relative_to(folder):
            raise OSError(number, os.strerror(number), os.fsdecode(path))
        return plain(path, flags, *more, **named)

    monkeypatch.setattr("os.open", opened)


@pytest.mark.parametrize("case", CASES, ids=lambda case: f"{case[0]}-{errno.errorcode[case[1]]}")
def test_a_disk_that_refuses_is_told_in_one_line(
    case: tuple[str, int],
    run: Path,
    tmp_path: Path,
    lendchaos: Callable[..., Ended],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is the environment's, and neither a bug nor a mistake of who asked."""
    (command, number), history = case, tmp_path / "history"
    words: dict[str, tuple[str | Path, ...]] = {
        "judge": ("judge", run),
        "report": ("report", run),
        "save": ("compare", run, "--history", history, "--save", "main"),
        "trend": ("compare", run, "--history", history, "--trend", tmp_path / "page.html"),
    }
    lendchaos("-q", "compare", run, "--history", history, "--save", "main")
    folder = {"save": history, "trend": tmp_path}.get(command, run)
    before = {path: path.stat().st_mtime_ns for path in folder.rglob("*")}
    refusing(number, monkeypatch, folder)
    if command == "save":
        monkeypatch.setattr(
            "harness.report.archive.History.place_of", lambda *_: history / "x" / "y.json"
        )
    done = lendchaos("-q", *words[command])

    assert done.exit_code == 3
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert os.strerror(number) in line
    assert ("a pass that is not stored ends with 3" in line) is (command == "judge")
    assert {path: path.stat().st_mtime_ns for path in folder.rglob("*")}.items() >= before.items()


def test_what_a_disk_refuses_is_told_from_bugs() -> None:
    """By the error's number, and by a path that it names where that can be anything's."""
    assert disk.refusal(OSError(errno.ENOSPC, "full")) == "the disk cannot be written: full"
    assert disk.refusal(OSError(errno.EACCES, "no", "/x")) == "/x cannot be written: no"
    assert disk.refusal(OSError(errno.EACCES, "no")) == ""
    assert disk.refusal(ConnectionResetError(errno.ECONNRESET, "reset")) == ""
    assert disk.refusal(OSError("of unknown reason")) == ""


def test_room_is_looked_for_in_the_nearest_folder(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That is there; touching nothing."""
    disk.require_room(tmp_path / "a" / "b")
    assert list(tmp_path.iterdir()) == []

    with pytest.raises(OSError, match=r"No space left on device \([\d,]+ bytes are free, and") as e:
        disk.require_room(tmp_path / "a" / "b", bytes_min=1 << 62)
    assert e.value.filename == str(tmp_path)

    for of_kernel in ("/proc", "/sys/nothing"):  # where root may write, and can make nothing
        with pytest.raises(OSError, match=r"Permission denied|Read-only"):
            disk.require_room(Path(of_kernel))

    monkeypatch.setattr("os.access", lambda *_: False)
    with pytest.raises(PermissionError):
        disk.require_room(tmp_path)


def test_folders_of_one_disk_share_its_room(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each finds enough, and both together do not; on a disk of its own each would."""
    asked: list[int] = []
    monkeypatch.setattr(disk, "require_room", lambda _, bytes_min: asked.append(bytes_min))

    linked = tmp_path / "linked"
    linked.symlink_to("/proc")

    disk.require_rooms([(tmp_path, 3), (tmp_path / "runs", 4), (Path("/proc"), 5), (linked, 6)])

    assert asked == [3, 7, 5, 11]


def test_a_step_summary_does_not_outgrow_what_github_takes(tmp_path: Path) -> None:
    """Of one that is longer it shows nothing, not even what stands in it already."""
    step = tmp_path / "step.md"
    outputs = CiOutputs(step_summary=step)
    step.write_text("x" * (2**20 - 6_000))
    told = [publish(outputs, [suite_of(verdict_of())]) for _ in range(10)]

    reason = "the step's summary has no room left (GitHub takes 1 MiB)"
    assert told[0] == []
    assert told[-1] == [f"{step} was not written: {reason}"]
    assert 2**20 - 3_000 < step.stat().st_size <= 2**20
