"""What this machine has of what a stack needs, and how to get the rest."""

import contextlib
import os
import platform
import resource
import sys
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path

from harness.core.errors import HarnessError, UsageError
from harness.core.ports import choose_ports, ephemeral_start
from harness.core.processes import is_alive
from harness.stack import namespaces, programs, register
from harness.stack.client import SOCKET_BYTES_MAX, StackClient
from harness.stack.folder import checked, default_state_dir
from harness.stack.parts import postgres
from harness.stack.state import ForeignStateError, read_state, socket_path_for

OPEN_FILES_MIN = 1024
_PORTS_NEEDED = 7


@dataclass(frozen=True, slots=True)
class Check:
    """One thing a stack needs: what was found, and how to get it where it is missing."""

    name: str
    ok: bool
    found: str
    how_to_get: str = ""


def diagnose(state_dir: Path | None = None) -> list[Check]:
    """Looks at everything a stack needs; builds, downloads, starts, ends and removes nothing.

    UsageError where there can be no state folder there.
    """
    folder = (state_dir or default_state_dir()).absolute()
    with contextlib.suppress(HarnessError):  # told with the stack
        checked(folder)
    linux = "the local stack reads /proc: use Linux, or a Linux container"
    return [
        _checked("operating system", _system, linux),
        _checked("Python", _python, "3.11 or later"),
        _checked("PostgreSQL", _postgres, programs.HOW_TO_GET_POSTGRES),
        _checked("running PostgreSQL without root", _unprivileged, "run as an ordinary user"),
        _checked("Toxiproxy", _toxiproxy, programs.HOW_TO_GET_TOXIPROXY),
        _checked("free ports", _ports, "end what listens there"),
        _checked("open files", _open_files, f"ulimit -n {OPEN_FILES_MIN} or more"),
        _checked("network namespaces", _namespaces, ""),
        _checked("register of state folders", _register, "a folder that only you can enter"),
        _checked(
            "supervisor's socket",
            lambda: _socket(folder),
            "use a shorter --state-dir, or mount /proc",
        ),
        _checked("stack", lambda: _state(folder), "`lendchaos down`"),
    ]


def _checked(name: str, look: Callable[[], str], how_to_get: str) -> Check:
    """Look for one thing: what is found, or HarnessError with what there is instead."""
    try:
        return Check(name, ok=True, found=look())
    except ForeignStateError as error:
        return Check(name, ok=False, found=str(error), how_to_get="another folder: --state-dir")
    except HarnessError as error:
        return Check(name, ok=False, found=str(error), how_to_get=how_to_get)


def _needed(found: str, *, ok: bool) -> str:
    if not ok:
        raise HarnessError(found)
    return found


def _system() -> str:
    name = platform.system()
    return _needed(f"{name} {platform.machine()}", ok=name == "Linux")


def _python() -> str:
    found = f"{platform.python_version()} ({sys.executable})"
    return _needed(found, ok=sys.version_info[:2] >= (3, 11))


def _postgres() -> str:
    found = programs.find_postgres()
    return f"{found.version} ({found.source}: {found.path})"


def _unprivileged() -> str:
    run_as = postgres.unprivileged()
    if run_as.prefix:
        return "yes, in a user namespace (unshare)"
    return f"yes, as user {os.geteuid() if run_as.uid is None else run_as.uid}"


def _toxiproxy() -> str:
    if found := programs.find_toxiproxy():
        return f"{found.version} ({found.source}: {found.path})"
    go = programs.find_go()
    return _needed(f"not yet; will be built once with {go}" if go else "nothing", ok=bool(go))


def _ports() -> str:
    choose_ports(_PORTS_NEEDED)
    return f"enough are free below {ephemeral_start()}"


def _open_files() -> str:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    return _needed(f"limit {soft}, may be raised to {hard}", ok=soft >= OPEN_FILES_MIN)


def _namespaces() -> str:
    """Never a fault of the machine: nearly everything works without."""
    lacking = namespaces.why_not()
    return f"not available, and needed for --namespaces alone: {lacking}" if lacking else "yes"


def _register() -> str:
    register.require_listing()
    return str(register.register_dir())


def _socket(state_dir: Path) -> str:
    """The kernel takes few bytes for its path; a longer one is reached through `/proc`."""
    path = socket_path_for(state_dir)
    deep = len(os.fsencode(path)) > SOCKET_BYTES_MAX
    found = f"{path}{' (through /proc)' if deep else ''}"
    return _needed(found, ok=not deep or Path("/proc/self/fd").is_dir())


def _state(state_dir: Path) -> str:
    try:
        stack = read_state(state_dir)
    except UsageError as error:
        raise HarnessError(str(error)) from error
    if stack is None:
        return f"none is up in {state_dir}"
    if not is_alive(stack.supervisor):
        return f"none is up in {state_dir}; the next `up` or `down` removes what one left there"
    dead = [process.name for process in StackClient(stack).status() if not process.alive]
    what = f"{stack.kind} stack {stack.stack_id} is up in {state_dir}, {stack.edge_url}"
    return _needed(f"{what}; down: {', '.join(dead)}" if dead else what, ok=not dead)
