"""What a program does when nobody is there any more: it goes on, and says nothing.

Its terminal was closed, or whoever read what it writes has ended.
"""

import os
import select
import stat
from collections.abc import Iterable
from contextlib import suppress

_INPUT, _OUTPUTS = 0, (1, 2)


def let_go_of_terminal() -> None:
    """Read and write nothing any more where that would be a terminal: there it would fail."""
    _let_go(number for number in (_INPUT, *_OUTPUTS) if _is_device(number))


def let_go_of_dead_pipes() -> None:
    """Write nothing any more into a pipe that nobody reads."""
    poller = select.poll()
    for number in _OUTPUTS:
        poller.register(number, 0)
    _let_go(number for number, event in poller.poll(0) if event & select.POLLERR)


def _is_device(number: int) -> bool:
    # A terminal that has been closed says that it is none; a device it still is.
    with suppress(OSError):
        return stat.S_ISCHR(os.fstat(number).st_mode)
    return False


def _let_go(numbers: Iterable[int]) -> None:
    nowhere = os.open(os.devnull, os.O_RDWR)
    for number in numbers:
        with suppress(OSError):
            os.dup2(nowhere, number)
    os.close(nowhere)
