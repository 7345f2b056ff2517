"""Standard input and output that can be used, however this program was started."""

import io
import os
import sys
from contextlib import suppress
from pathlib import Path

_ENCODING = "PYTHONIOENCODING"
_MODES = (("stdin", "r"), ("stdout", "w"), ("stderr", "w"))


def make_usable() -> None:
    """Open what is closed of the three, and write what an encoding lacks in letters it has.

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
        if stream is None:
            nowhere = Path(os.devnull).open(mode, encoding="utf-8")  # noqa: SIM115  # stays open
            setattr(sys, name, nowhere)
        elif isinstance(stream, io.TextIOWrapper):
            if not _is_ascii(stream.encoding):
                stream.reconfigure(encoding="utf-8")
            if mode == "w" and stream.errors == "strict":
                stream.reconfigure(errors="backslashreplace")


def write_out(text: str) -> None:
    """Write to standard output; where that cannot be done, write nothing any more.

    A full disk or a pipe that nobody reads takes nothing from what was done. Python would try again
    at its end, and end with an exit code of its own.
    """
    try:
        sys.stdout.write(text)
        sys.stdout.flush()
    except OSError:
        with suppress(OSError):
            nowhere = os.open(os.devnull, os.O_WRONLY)
            os.dup2(nowhere, sys.stdout.fileno())
            os.close(nowhere)


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
