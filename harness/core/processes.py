"""Processes of this machine: who is alive, whose port it is, and children that die with us.

Reads `/proc`, so it is at home on Linux only.
"""

import contextlib
import os
import signal
import sys
import time
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path

CODE_FOLDER = Path(__file__).resolve().parents[2]
"""Where this program lies: `python -m` finds it and the service from here, installed or not."""
STATE_VARIABLE = "XDG_STATE_HOME"
"""Below it is the register of state folders."""
BOOT_ID = Path("/proc/sys/kernel/random/boot_id")
UNKNOWN_BOOT = "unknown"
"""Where the kernel tells none (gVisor)."""
_END_SECONDS_MAX = 5.0


@dataclass(frozen=True, slots=True)
class ProcessRef:
    """One process and no other: a process id is reused, together with the start time it is not.

    ``started_ticks`` is the start in clock ticks since boot, as the kernel tells it.
    """

    pid: int
    started_ticks: int


@dataclass(frozen=True, slots=True)
class RunAs:
    """How a program is started that refuses to run as root: ``prefix`` is put before the command
    line; ``uid`` and ``gid`` are what the launcher changes to, None to stay.
    """

    prefix: tuple[str, ...] = ()
    uid: int | None = None
    gid: int | None = None


@cache
def boot_id() -> str:
    """This boot of this machine: process ids and monotonic instants mean something within one.

    `UNKNOWN_BOOT` where the kernel tells none: a process's start has to do alone there.
    """
    try:
        return BOOT_ID.read_text(encoding="ascii").strip()
    except OSError:
        return UNKNOWN_BOOT


def identify(pid: int) -> ProcessRef | None:
    """The process that has this id now; None if there is none, or only a zombie."""
    fields = _stat(pid)
    if not fields or fields[0] in "ZX":
        return None
    return ProcessRef(pid, int(fields[19]))


def is_alive(process: ProcessRef | None) -> bool:
    """Whether exactly this process still runs; a zombie does not."""
    return process is not None and identify(process.pid) == process


def is_stopped(pid: int) -> bool:
    """Whether a process is stopped by a signal: it exists and does nothing."""
    return _stat(pid)[:1] == ["T"]


def family(pid: int) -> list[int]:
    """A process and all its descendants as they are now, parents before their children."""
    children: dict[int, list[int]] = {}
    for folder in Path("/proc").glob("[0-9]*"):
        if len(fields := _stat(int(folder.name))) > 1:
            children.setdefault(int(fields[1]), []).append(int(folder.name))
    found = [pid]
    for member in found:  # grows while it is walked
        found += children.get(member, [])
    return found


def _stat(pid: int) -> list[str]:
    """State, parent and the rest of what the kernel reports on a process; nothing if it is gone."""
    try:
        stat = Path(f"/proc/{pid}/stat").read_text()
    except OSError:
        return []
    # The command name is in parentheses and may hold anything, so count from the last one.
    return stat.rpartition(")")[2].split()


def end_all(processes: Iterable[ProcessRef]) -> list[ProcessRef]:
    """Kills what still lives of these, each with its process group, and waits until it is gone.

    Returns those that were still alive when called. Each must lead its own group.
    """
    living = [process for process in processes if is_alive(process)]
    for process in living:
        with contextlib.suppress(ProcessLookupError, PermissionError):
            os.killpg(process.pid, signal.SIGKILL)
    deadline = time.monotonic() + _END_SECONDS_MAX
    while any(is_alive(process) for process in living) and time.monotonic() < deadline:
        time.sleep(0.01)
    return living


def bound_to_parent(
    command: Sequence[str], death_signal: signal.Signals, run_as: RunAs | None = None
) -> list[str]:
    """The command line that runs ``command`` as a child which gets ``death_signal`` when we die.

    Must be started from a thread that lives as long as the child may: the kernel watches the
    thread, not the process.
    """
    run_as = run_as or RunAs()
    user = ["-" if number is None else str(number) for number in (run_as.uid, run_as.gid)]
    python = [sys.executable, "-I", "-S", str(Path(__file__).with_name("launcher.py"))]
    tied = [*python, str(int(death_signal)), str(os.getpid()), *user]
    return [*run_as.prefix, *tied, *command]


def clean_environment(**more: str) -> dict[str, str]:
    """A child's environment: the few variables every program needs, and ``more``."""
    kept = _ours("PATH", "HOME", "TMPDIR")
    return {"PATH": os.defpath, **kept, "LANG": "C.UTF-8", "LC_ALL": "C.UTF-8", **more}


def own_environment() -> dict[str, str]:
    """The same for a process of lendchaos, which finds register and cache where we do."""
    return clean_environment(**_ours(STATE_VARIABLE, "XDG_CACHE_HOME"))


def _ours(*names: str) -> dict[str, str]:
    return {name: os.environ[name] for name in names if name in os.environ}


def listeners(port: int) -> list[int]:
    """The ids of the processes that listen on a TCP port, as far as we may see them."""
    rows: list[str] = []
    for table in ("/proc/net/tcp", "/proc/net/tcp6"):
        with contextlib.suppress(OSError):
            rows += Path(table).read_text().splitlines()[1:]
    listening = [row.split() for row in rows if row.split()[3] == "0A"]
    ours = [row for row in listening if int(row[1].rpartition(":")[2], 16) == port]
    sockets = {f"socket:[{row[9]}]" for row in ours}
    found = []
    for folder in Path("/proc").glob("[0-9]*"):
        with contextlib.suppress(OSError):
            if any(str(entry.readlink()) in sockets for entry in (folder / "fd").iterdir()):
                found.append(int(folder.name))
    return sorted(found)
