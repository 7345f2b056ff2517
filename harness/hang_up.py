"""What a program does when its terminal is closed: it goes on, and says nothing there."""

import os
import stat
from contextlib import suppress


def let_go_of_terminal() -> None:
    """Read and write nothing any more where that would be a terminal: there it would fail."""
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in (0, 1, 2):
        with suppress(OSError):
            # A terminal that has been closed says that it is none; a device it still is.
            if stat.S_ISCHR(os.fstat(number).st_mode):
                os.dup2(nowhere, number)
    os.close(nowhere)
