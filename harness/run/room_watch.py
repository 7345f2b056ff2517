"""Watches, while the load lasts, that the disk still takes what the run and its stack write.

On a full disk PostgreSQL fails every borrower: that would be found, and held against the target.
"""

import threading
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from pathlib import Path
from time import monotonic_ns

from harness.core.disk import require_room
from harness.stack import Stack

LOOK_SECONDS = 0.25
RECORD_BYTES_MIN = 1_000_000
"""For what is written down after the load."""
DATABASE_BYTES_MIN = 17_000_000
"""A segment of PostgreSQL's write-ahead log has 16 MiB: without room for one it may stop."""


def places_of(run_dir: Path, stack: Stack) -> dict[Path, int]:
    """Where a run and its stack write, and how many bytes they need there; another's disk is not
    ours to watch.
    """
    places = {run_dir: RECORD_BYTES_MIN}
    if stack.data_dir is not None:
        places[stack.data_dir] = DATABASE_BYTES_MIN
    return places


@contextmanager
def room_watched(
    places: Mapping[Path, int], short: Callable[[OSError, int], None]
) -> Iterator[None]:
    """Meanwhile call ``short`` once, from another thread, when there is too little room.

    It is given the error, and the monotonic instant at which all was last seen to be well.
    """
    over = threading.Event()

    def watch() -> None:
        well_ns = monotonic_ns()
        while not over.wait(LOOK_SECONDS):
            now_ns = monotonic_ns()
            try:
                for folder, bytes_min in places.items():
                    require_room(folder, bytes_min)
            except OSError as error:
                short(error, well_ns)
                return
            well_ns = now_ns

    thread = threading.Thread(target=watch, name="room", daemon=True)
    thread.start()
    try:
        yield
    finally:
        over.set()
        thread.join()
