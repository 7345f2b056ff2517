"""What Toxiproxy lacked for connections of its own, which borrowers met as a broken link.

It runs on this machine, so that is our own trouble. Its log alone tells: to whoever was connected
it looks like a connection that the far side closed.
"""

import json
import os
import time
from collections import defaultdict
from collections.abc import Iterator
from datetime import datetime
from pathlib import Path

from harness.core.shortage import Shortage, in_words, shortage_in, stretches
from harness.faults.heal.proxy_restart import TOXIPROXY
from harness.history.run_facts import Trouble

TICK_SECONDS = 1.0
"""The log tells whole seconds, rounded down."""


class ProxyLog:
    """Toxiproxy's log in ``log_dir`` from now on."""

    def __init__(self, log_dir: Path) -> None:
        self._path = log_dir / f"{TOXIPROXY}.log"
        self._begin = self._path.stat().st_size if self._path.is_file() else 0

    def troubles(self, zero_ns: int) -> tuple[Trouble, ...]:
        """Each stretch in which it lacked something; seconds count from ``zero_ns`` (monotonic)."""
        zero_wall_s = time.time() + (zero_ns - time.monotonic_ns()) / 1e9
        lacked: dict[tuple[str, Shortage], list[float]] = defaultdict(list)
        for upstream, shortage, at_wall_s in self._lacked():
            lacked[upstream, shortage].append(at_wall_s - zero_wall_s)
        return tuple(
            Trouble(
                in_words(f"Toxiproxy's link to {upstream}", shortage, begin_s, end_s, count),
                zero_ns + round(begin_s * 1e9),
                zero_ns + round((end_s + TICK_SECONDS) * 1e9),
            )
            for (upstream, shortage), instants_s in lacked.items()
            for begin_s, end_s, count in stretches(instants_s)
        )

    def _lacked(self) -> Iterator[tuple[str, Shortage, float]]:
        """For which far side, what, and when by Unix time."""
        if not self._path.is_file():
            return
        with self._path.open("rb") as log:
            log.seek(self._begin if os.fstat(log.fileno()).st_size >= self._begin else 0)
            for line in log:
                if b'"error":"dial ' not in line and b'"error":"accept ' not in line:
                    continue
                try:
                    row = json.loads(line)
                    shortage = shortage_in(row["error"])
                    at_s = datetime.fromisoformat(row["time"]).timestamp()
                except (ValueError, KeyError, TypeError):
                    continue  # half a line, of a process that was killed
                if shortage is not None:
                    yield str(row.get("upstream", "its far side")), shortage, at_s
