"""Starts cases, one after the other, as children that inherit what is slow to import.

A program of its own: ``python -P launcher.py ROLE`` reads one request a line (JSON) from standard
input and answers each with a line on standard output. Third parties are imported once, and every
case is a fork of that; code of the harness is imported anew in each, as at a real start. Role
``bare`` imports nothing and starts real programs.

Orphans of a case come to this process, not to init, so that what a case leaves running is seen.
"""

import contextlib
import ctypes
import importlib
import json
import os
import random
import resource
import runpy
import signal
import sys
import tempfile
import time
from os import fork, waitpid  # before gevent puts others in their place
from pathlib import Path
from time import sleep
from typing import Any

PRELOADED = {
    "bare": (),
    "cli": (
        *("pandas", "scipy.stats", "scipy.optimize", "pydantic", "typer", "rich.progress"),
        *("jinja2", "yaml", "psycopg", "requests"),
    ),
    "load": ("locust.main", "pandas", "scipy.stats", "pydantic", "yaml", "psycopg", "requests"),
}
GRACE_SECONDS = 2.0
"""For children of a case that are about to end when it ends."""
_LOOK_SECONDS = 0.005
_SUBREAPER = 36
_NEW_MOUNTS, _PRIVATE = 0x20000, 0x44000
_SHARED_MEMORY = Path("/dev/shm")  # noqa: S108  # a mount of our own
_CPU_SECONDS = 60


def main() -> None:
    """Answer requests until there are no more."""
    ctypes.CDLL(None).prctl(_SUBREAPER, 1, 0, 0, 0)
    memory_is_ours = _has_own_shared_memory()
    for module in PRELOADED[sys.argv[1]]:
        importlib.import_module(module)
    # Away from 0 and 1, which are the case's.
    requests, answers = os.dup(0), os.dup(1)
    with os.fdopen(requests) as incoming:
        for line in incoming:
            request = json.loads(line)
            began = time.monotonic()
            child = fork()
            if child == 0:
                os.close(answers)
                _become(request)  # does not come back but by an exception that ends the process
                return
            code, hung = _await(child, began + request["seconds"])
            seconds = time.monotonic() - began
            answer = {"code": code, "hung": hung, "seconds": seconds, "left": _end_orphans()}
            answer["memory"] = _segments() if memory_is_ours else []
            os.write(answers, json.dumps(answer).encode() + b"\n")


# --- in the child --------------------------------------------------------------------------------


def _become(request: dict[str, Any]) -> None:
    """The case itself: in its place, with its environment, streams and limits."""
    os.setsid()
    signal.signal(signal.SIGINT, signal.default_int_handler)
    os.environ.clear()
    os.environ.update(request["environment"])
    tempfile.tempdir = None
    random.seed()
    os.chdir(request["folder"])
    if request["removed"]:
        Path(request["folder"]).rmdir()
    for number, name in enumerate(request["streams"]):
        _redirect(number, name)
    for what, most in ((resource.RLIMIT_AS, request["memory"]), (resource.RLIMIT_CORE, 0)):
        resource.setrlimit(what, (most, most))
    resource.setrlimit(resource.RLIMIT_CPU, (_CPU_SECONDS, _CPU_SECONDS + 5))
    words = request["words"]
    if request["program"] is not None:
        os.execv(request["program"][0], [*request["program"], *words])  # noqa: S606  # what is tried
    if "gevent" in sys.modules:
        importlib.import_module("gevent").reinit()
    sys.path = [path for path in sys.path if path]
    if request["entry"] == "load":
        sys.argv = ["harness.apps.locust", *words]
        runpy.run_module("harness.apps.locust", run_name="__main__", alter_sys=True)
    else:
        sys.argv = ["lendchaos", *words]
        importlib.import_module("harness.apps.cli").app()


def _redirect(number: int, name: str) -> None:
    """Make a standard stream a file, a closed one, or a pipe that nobody reads."""
    if name == "closed":
        os.close(number)
        return
    if name == "broken":
        nobody, opened = os.pipe()
        os.close(nobody)
    else:
        opened = os.open(name, os.O_RDWR | os.O_CREAT | os.O_APPEND, 0o600)
    os.dup2(opened, number)
    if opened != number:
        os.close(opened)


# --- in the launcher -----------------------------------------------------------------------------


def _await(child: int, deadline: float) -> tuple[int, bool]:
    """Its exit code, negative for a signal, and whether it had to be ended."""
    hung = False
    while True:
        ended, status = waitpid(child, os.WNOHANG)
        if ended:
            return os.waitstatus_to_exitcode(status), hung
        if not hung and time.monotonic() > deadline:
            hung = True
            os.kill(child, signal.SIGKILL)
        sleep(_LOOK_SECONDS)


def _end_orphans() -> list[str]:
    """End what a case left running; the command lines of those that had not ended by themselves."""
    left: list[str] = []
    deadline = time.monotonic() + GRACE_SECONDS
    while True:
        try:
            ended, _ = waitpid(-1, os.WNOHANG)
        except ChildProcessError:
            return left
        if ended:
            continue
        if time.monotonic() > deadline:
            for process in _children():
                left.append(_command_of(process))
                with contextlib.suppress(ProcessLookupError):
                    os.kill(process, signal.SIGKILL)
            deadline = time.monotonic() + GRACE_SECONDS
        sleep(_LOOK_SECONDS)


def _has_own_shared_memory() -> bool:
    """Whether nobody but cases can make segments where this process looks; that needs root."""
    libc = ctypes.CDLL(None)
    if libc.unshare(_NEW_MOUNTS) or libc.mount(b"none", b"/", None, _PRIVATE, None):
        return False
    return not libc.mount(b"none", str(_SHARED_MEMORY).encode(), b"tmpfs", 0, None)


def _segments() -> list[str]:
    """What a case left in shared memory; it is gone then."""
    found = sorted(_SHARED_MEMORY.iterdir())
    for path in found:
        path.unlink(missing_ok=True)
    return [path.name for path in found]


def _children() -> list[int]:
    found = []
    for entry in Path("/proc").iterdir():
        if entry.name.isdigit():
            with contextlib.suppress(OSError):
                state = (entry / "stat").read_text().rpartition(")")[2].split()
                if state[0] != "Z" and int(state[1]) == os.getpid():
                    found.append(int(entry.name))
    return found


def _command_of(process: int) -> str:
    try:
        raw = Path(f"/proc/{process}/cmdline").read_bytes()
    except OSError:
        raw = b""
    return raw.replace(b"\0", b" ").decode(errors="replace").strip() or f"process {process}"


if __name__ == "__main__":
    main()
