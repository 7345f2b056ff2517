"""Standard input and output that can be used, however this program was started.

What becomes of the words must not change what a program ends with: an encoding that lacks letters,
a closed stream, a full disk, a pipe that no one reads. So nothing that is written to standard
output or standard error raises; `lost_output` says afterwards what was not taken. A program whose
terminal was closed, or whose reader has ended, goes on and says nothing.
"""

import io
import os
import select
import stat
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path
from typing import Any, TextIO

from harness.core import foreign_text

_ENCODING = "PYTHONIOENCODING"
_MODES = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))
_LOSES_NOTHING = ("backslashreplace", "replace", "xmlcharrefreplace", "namereplace")
"""How an encoding may treat letters that it lacks; all else raises."""


class _Stream(io.FileIO):
    """A standard stream that takes whatever is written: what cannot go anywhere is dropped."""

    lost: OSError | None = None
    """Why the first part of it was dropped; None while all of it is taken."""

    def __init__(self, number: int) -> None:
        super().__init__(number, "w", closefd=False)

    def write(self, data: Any) -> int:
        """All of it goes out, or goes nowhere.

        Python would try again at its end, and end with an exit code of its own.
        """
        view = memoryview(data).cast("B")
        done = 0
        try:
            while done < len(view):
                taken = super().write(view[done:])
                if taken is None:  # who shares it has made it one that does not wait
                    select.select([], [self], [])
                done += taken or 0
        except OSError as error:
            self.lost = self.lost or error
            with suppress(OSError):
                lead_nowhere([self.fileno()])
        return len(view)


_own: dict[str, TextIO] = {}
"""By name, one more way to a standard stream, of which code of a user gets no hold."""


def make_usable() -> None:
    """Open what is closed of the three, and write to the others so that nothing raises.

    What is written from now on holds no command to a CI. To be called again after code of a user,
    who may have closed one, or put in its place what is none.

    A closed descriptor would become that of the next file that is opened, here or in a program
    that is started from here: what is said would go into it. An encoding in which ASCII is not
    ASCII (UTF-16) would make the lines between our programs unreadable: in its place it is UTF-8.
    """
    if not _is_ascii(os.environ.get(_ENCODING, "").partition(":")[0] or "ascii"):
        del os.environ[_ENCODING]
    for number, (name, mode) in enumerate(_MODES):
        if not _is_open(number):
            opened = os.open(os.devnull, os.O_RDWR)  # the lowest that is free: this one
            os.set_inheritable(opened, True)  # noqa: FBT003  # takes no keyword
        stream = getattr(sys, name)
        if not _is_usable(stream):
            nowhere = Path(os.devnull)
            known = name in _own
            stream = _new(number, _own[name]) if known else nowhere.open(mode, encoding="utf-8")
            setattr(sys, name, stream)
        if isinstance(stream, io.TextIOWrapper):
            if not _is_ascii(stream.encoding):
                stream.reconfigure(encoding="utf-8")
            if mode == "w" and stream.errors not in _LOSES_NOTHING:
                stream.reconfigure(errors="backslashreplace")
            if mode == "w" and stream is getattr(sys, f"__{name}__"):
                setattr(sys, name, _new(number, stream))
                _own[name] = _new(number, stream)
                foreign_text.guard(_own[name])
            if mode == "w":
                _guard(name, stream)


def write_own(name: str, text: str) -> None:
    """What this program has to say on ``stdout`` or ``stderr``, whatever code of a user made of it.

    OSError where the stream is not of lendchaos, and the write fails.
    """
    theirs = getattr(sys, name)
    _is_usable(theirs)  # what was written there comes first
    stream = _own.get(name, theirs)
    stream.write(text)
    stream.flush()


def _guard(name: str, before: TextIO) -> None:
    foreign_text.guard(getattr(sys, name))
    if name == "stderr":  # a log that was set up before us holds the stream of before
        foreign_text.guard(before)


def _is_usable(stream: Any) -> bool:
    """Whether it is one to write to, or to read. Flushes it."""
    try:
        stream.flush()
    except Exception:  # noqa: BLE001  # whatever a user put there
        return False
    return callable(getattr(stream, "write", None))


def lost_output() -> OSError | None:
    """Why standard output was not taken whole; None if it was. Flushes it."""
    with suppress(ValueError):  # closed by the code that imported us
        sys.stdout.flush()
    raw = getattr(sys.stdout, "buffer", None)
    raw = getattr(raw, "raw", raw)
    return raw.lost if isinstance(raw, _Stream) else None


def _new(number: int, stream: Any) -> TextIO:
    """Like a stream of that number, and takes whatever is written."""
    unbuffered = isinstance(stream.buffer, io.RawIOBase)
    raw = _Stream(number)
    return io.TextIOWrapper(
        raw if unbuffered else io.BufferedWriter(raw),
        encoding=stream.encoding,
        errors=stream.errors,
        line_buffering=stream.line_buffering,
        write_through=stream.write_through,
    )


def _is_ascii(encoding: str) -> bool:
    """Whether ASCII is itself in it."""
    try:
        return "a\n".encode(encoding) == b"a\n"
    except LookupError:  # Python itself would not have started
        return True


def _is_open(number: int) -> bool:
    try:
        os.fstat(number)
    except OSError:
        return False
    return True


# --- no one is there any more --------------------------------------------------------------------


def detach_terminal() -> None:
    """Read and write nothing any more where that would be a terminal: there it would fail."""
    lead_nowhere(number for number in range(3) if _is_device(number))


def let_go_of_dead_pipes() -> None:
    """Write nothing any more into a pipe that no one reads."""
    poller = select.poll()
    for number in (1, 2):
        poller.register(number, 0)
    lead_nowhere(number for number, event in poller.poll(0) if event & select.POLLERR)


def lead_nowhere(numbers: Iterable[int]) -> None:
    """Let these descriptors be of a file that takes everything and holds nothing."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in numbers:
        with suppress(OSError):
            os.dup2(nowhere, number)
    os.close(nowhere)


def _is_device(number: int) -> bool:
    # A terminal that has been closed says that it is none; a device it still is.
    with suppress(OSError):
        return stat.S_ISCHR(os.fstat(number).st_mode)
    return False
