"""What this machine has of what a stack needs, and how to get the rest."""

import contextlib
import os
import platform
import resource
import sys
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path

from harness.core.errors import HarnessError, UsageError
from harness.core.ports import choose_ports, ephemeral_start
from harness.core.processes import is_alive
from harness.stack import namespaces, postgres_binaries, register, toxiproxy_binary
from harness.stack.client import SOCKET_BYTES_MAX, StackClient
from harness.stack.folder import checked, default_state_dir
from harness.stack.state import ForeignStateError, read_state, socket_path_for

OPEN_FILES_MIN = 1024
_OLDEST_PYTHON = (3, 11)
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

    Raises:
        UsageError: There can be no state folder there.
    """
    folder = (state_dir or default_state_dir()).absolute()
    with contextlib.suppress(HarnessError):  # told with the stack
        checked(folder)
    checks: list[Callable[[], Check]] = [
        _system,
        _python,
        _postgres,
        _unprivileged,
        _toxiproxy,
        _ports,
        _open_files,
        _namespaces,
        _register,
        lambda: _socket(folder),
        lambda: _state(folder),
    ]
    results = [check() for check in checks]
    return [replace(result, how_to_get="") if result.ok else result for result in results]


def _system() -> Check:
    name = platform.system()
    how = "the local stack reads /proc: use Linux, or a Linux container"
    return Check("operating system", name == "Linux", f"{name} {platform.machine()}", how)


def _python() -> Check:
    ok = sys.version_info[:2] >= _OLDEST_PYTHON
    return Check("Python", ok, f"{platform.python_version()} ({sys.executable})", "3.11 or later")


def _postgres() -> Check:
    try:
        found = postgres_binaries.find_postgres()
    except HarnessError as error:
        return Check(
            "PostgreSQL", ok=False, found=str(error), how_to_get=postgres_binaries.HOW_TO_GET
        )
    return Check("PostgreSQL", ok=True, found=f"{found.version} ({found.source}: {found.bin_dir})")


def _unprivileged() -> Check:
    name = "running PostgreSQL without root"
    try:
        run_as = postgres_binaries.unprivileged()
    except HarnessError as error:
        return Check(name, ok=False, found=str(error), how_to_get="run as an ordinary user")
    if run_as.prefix:
        return Check(name, ok=True, found="yes, in a user namespace (unshare)")
    if run_as.uid is not None:
        return Check(name, ok=True, found=f"yes, as user {run_as.uid}")
    return Check(name, ok=True, found=f"yes, as user {os.geteuid()}")


def _toxiproxy() -> Check:
    try:
        found = toxiproxy_binary.find_toxiproxy()
    except HarnessError as error:
        return Check(
            "Toxiproxy", ok=False, found=str(error), how_to_get=toxiproxy_binary.HOW_TO_GET
        )
    if found is not None:
        return Check("Toxiproxy", ok=True, found=f"{found.version} ({found.source}: {found.path})")
    go = toxiproxy_binary.find_go()
    if go is not None:
        return Check("Toxiproxy", ok=True, found=f"not yet; will be built once with {go}")
    return Check("Toxiproxy", ok=False, found="nothing", how_to_get=toxiproxy_binary.HOW_TO_GET)


def _ports() -> Check:
    try:
        choose_ports(_PORTS_NEEDED)
    except HarnessError as error:
        return Check("free ports", ok=False, found=str(error), how_to_get="end what listens there")
    return Check("free ports", ok=True, found=f"enough are free below {ephemeral_start()}")


def _open_files() -> Check:
    soft, hard = resource.getrlimit(resource.RLIMIT_NOFILE)
    how = f"ulimit -n {OPEN_FILES_MIN} or more"
    return Check(
        "open files", soft >= OPEN_FILES_MIN, f"limit {soft}, may be raised to {hard}", how
    )


def _namespaces() -> Check:
    """Never a fault of the machine: nearly everything works without."""
    lacking = namespaces.why_not()
    found = (
        "yes" if lacking is None else f"not available, and needed for --namespaces alone: {lacking}"
    )
    return Check("network namespaces", ok=True, found=found)


def _register() -> Check:
    name = "register of state folders"
    if (refusal := register.refusal()) is not None:
        return Check(name, ok=False, found=refusal, how_to_get="a folder that only you can enter")
    return Check(name, ok=True, found=str(register.register_dir()))


def _socket(state_dir: Path) -> Check:
    """The kernel takes few bytes for its path; a longer one is reached through `/proc`."""
    path = socket_path_for(state_dir)
    deep = len(os.fsencode(path)) > SOCKET_BYTES_MAX
    ok = not deep or Path("/proc/self/fd").is_dir()
    how = "use a shorter --state-dir, or mount /proc"
    return Check("supervisor's socket", ok, f"{path}{' (through /proc)' if deep else ''}", how)


def _state(state_dir: Path) -> Check:
    name = "stack"
    try:
        stack = read_state(state_dir)
        if stack is None:
            return Check(name, ok=True, found=f"none is up in {state_dir}")
        if not is_alive(stack.supervisor):
            left = f"none is up in {state_dir}; the next `up` or `down` removes what one left there"
            return Check(name, ok=True, found=left)
        processes = StackClient(stack).status()
    except ForeignStateError as error:
        return Check(name, ok=False, found=str(error), how_to_get="another folder: --state-dir")
    except (HarnessError, UsageError) as error:
        return Check(name, ok=False, found=str(error), how_to_get="`lendchaos down`")
    dead = [process.name for process in processes if not process.alive]
    what = f"{stack.kind} stack {stack.stack_id} is up in {state_dir}, {stack.edge_url}"
    if dead:
        return Check(
            name, ok=False, found=f"{what}; down: {', '.join(dead)}", how_to_get="`lendchaos down`"
        )
    return Check(name, ok=True, found=what)
