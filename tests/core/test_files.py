"""Files from elsewhere: none leads away, none is waited for, none eats all memory."""

import os
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.core import files
from harness.core.files import (
    append_line,
    is_stream,
    lines_of,
    open_append,
    open_regular,
    read_regular,
    replace_file,
)
from tests.full_disk import files_end_at


def a_fifo(path: Path) -> None:
    """Nobody ever writes to it."""
    os.mkfifo(path)


def a_socket(path: Path) -> None:
    """Left by somebody who listened."""
    with socket.socket(socket.AF_UNIX) as listener:
        listener.bind(str(path))


def a_folder(path: Path) -> None:
    """With nothing in it."""
    path.mkdir()


def link_to(target: str) -> Callable[[Path], None]:
    """Makes a link."""
    return lambda path: path.symlink_to(target)


ODD: dict[str, Callable[[Path], None]] = {
    "FIFO": a_fifo,
    "socket": a_socket,
    "folder": a_folder,
    "link to a file": link_to("victim"),
    "link to a device": link_to("/dev/zero"),
    "link to nothing": link_to("nothing"),
    "link to itself": link_to("it"),
}


@pytest.fixture(params=ODD)
def odd(request: pytest.FixtureRequest, tmp_path: Path) -> Path:
    """Something that is no file of ours, beside a file of somebody else."""
    (tmp_path / "victim").write_text("theirs\n")
    ODD[request.param](tmp_path / "it")
    return tmp_path / "it"


def test_what_is_no_file_is_neither_read_nor_written_to(odd: Path) -> None:
    """At once, with a reason, and nothing is written at the other end of a link."""
    for use in (open_regular, read_regular, open_append, lambda path: list(lines_of(path))):
        with pytest.raises(OSError, match=r"\w") as refused:
            use(odd)
        assert refused.value.strerror

    assert (odd.parent / "victim").read_text() == "theirs\n"
    assert not (odd.parent / "nothing").exists()


def test_a_name_of_an_open_file_is_no_place_for_another(tmp_path: Path) -> None:
    """Root could replace /dev/stdout for every program, where output goes to a regular file."""
    with (tmp_path / "out").open("w") as file:
        name = Path("/dev/fd") / str(file.fileno())  # harmless: nothing can be made in that folder
        assert name.is_file()
        with pytest.raises(OSError, match="no regular file"):
            replace_file(name, "ours\n")
        assert is_stream(name)
    (tmp_path / "link").symlink_to("out")

    assert is_stream(Path("/dev/stdout"))
    assert not is_stream(tmp_path / "link")
    assert not is_stream(tmp_path / "out")


def test_a_link_is_replaced_and_anything_else_stays(odd: Path) -> None:
    """A new file takes the place of a link; what it led to is as it was."""
    link = odd.is_symlink()
    if link:
        replace_file(odd, "ours\n")
    else:
        with pytest.raises(OSError, match=r"regular|directory"):
            replace_file(odd, "ours\n")

    assert odd.is_file() == link
    assert not odd.is_symlink()
    assert (odd.parent / "victim").read_text() == "theirs\n"
    assert not list(odd.parent.glob(".*"))


def test_links_that_lie_in_wait_for_a_name_of_ours_change_nothing(tmp_path: Path) -> None:
    """The name that a file has until it is whole cannot be known before."""
    (tmp_path / "victim").write_text("theirs\n")
    for name in ("verdict.json.part", ".verdict.json.part", "verdict.part"):
        (tmp_path / name).symlink_to("victim")
    replace_file(tmp_path / "verdict.json", "ours\n")

    assert (tmp_path / "victim").read_text() == "theirs\n"
    assert (tmp_path / "verdict.json").read_text() == "ours\n"


@pytest.mark.parametrize("mask", [0o022, 0o077, 0o002])
def test_a_file_may_be_read_by_whom_the_umask_says(tmp_path: Path, mask: int) -> None:
    """As any file that a program makes: CI may upload it as another user."""
    before = os.umask(mask)
    try:
        replace_file(tmp_path / "report.html", "x", durable=True)
        open_append(tmp_path / "events.jsonl").close()
    finally:
        os.umask(before)

    for path in tmp_path.iterdir():
        assert path.stat().st_mode & 0o777 == 0o666 & ~mask


def test_what_cannot_be_written_names_the_file_that_was_asked_for(tmp_path: Path) -> None:
    """Not the one that it would have been until it was whole."""
    with pytest.raises(FileNotFoundError) as refused:
        replace_file(tmp_path / "no" / "report.html", "x")

    assert refused.value.filename == str(tmp_path / "no" / "report.html")


def test_a_file_with_a_name_as_long_as_may_be_is_written(tmp_path: Path) -> None:
    """Its name until it is whole is no longer."""
    replace_file(tmp_path / ("x" * 255), "x")

    assert [len(path.name) for path in tmp_path.iterdir()] == [255]


def test_a_file_larger_than_any_of_ours_is_refused_unread(tmp_path: Path) -> None:
    """The limit is told."""
    path = tmp_path / "plan.json"
    with path.open("wb") as file:
        file.truncate(files.DOCUMENT_BYTES_MAX + 1)
    with pytest.raises(OSError, match="larger than 128,000,000 bytes"):
        read_regular(path)
    with path.open("wb") as file:
        file.truncate(files.FILE_BYTES_MAX + 1)
    with pytest.raises(OSError, match="larger than 4,000,000,000 bytes"):
        list(lines_of(path))


def test_of_a_line_that_does_not_end_only_the_begin_is_kept(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is one line, too long, and those after it are read."""
    monkeypatch.setattr(files, "DOCUMENT_BYTES_MAX", 100)
    monkeypatch.setattr(files, "_PIECE_BYTES", 10)
    path = tmp_path / "events.jsonl"
    path.write_bytes(b"one\n" + b"x" * 1015 + b"\ntwo\n" + b"y" * 100 + b"\n" + b"z" * 300)

    lengths = [len(line) for line in lines_of(path)]
    assert lengths == [4, 101, 4, 101, 101]


def test_a_link_is_followed_only_where_that_is_asked_for(tmp_path: Path) -> None:
    """As for a file that somebody named by hand."""
    (tmp_path / "file").write_text("x")
    (tmp_path / "link").symlink_to("file")
    (tmp_path / "pipe").symlink_to("fifo")
    os.mkfifo(tmp_path / "fifo")

    assert read_regular(tmp_path / "link", follow=True) == b"x"
    with pytest.raises(OSError, match="no regular file"):
        read_regular(tmp_path / "pipe", follow=True)


def test_a_line_is_appended_whole_and_after_half_a_one(tmp_path: Path) -> None:
    """What a writer that was killed has left costs no line but its own."""
    path = tmp_path / "lines"
    append_line(path, "one", 0o600)
    with path.open("a") as file:
        file.write("hal")
    append_line(path, "two")

    assert path.read_text() == "one\nhal\ntwo\n"
    assert path.stat().st_mode & 0o777 == 0o600


@pytest.mark.parametrize("room", [0, 2])
def test_a_line_that_is_not_whole_on_the_disk_is_told(room: int, tmp_path: Path) -> None:
    """With the file's name, which the kernel does not tell."""
    path = tmp_path / "lines"
    append_line(path, "one")
    with files_end_at(4 + room), pytest.raises(OSError, match=r"large|space") as refused:
        append_line(path, "four")

    assert refused.value.filename == str(path)
    assert next(lines_of(path)) == b"one\n"
