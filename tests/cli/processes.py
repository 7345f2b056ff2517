"""The command line in a process of its own, with and without a terminal."""

import os
import pty
import subprocess
import sys
from pathlib import Path

ROOT = Path(__file__).parent.parent.parent
QUIET_ENVIRONMENT = ("NO_COLOR", "FORCE_COLOR", "TERM", "COLUMNS", "GITHUB_ACTIONS")
SECONDS_MAX = 60


def environment(**more: str) -> dict[str, str]:
    """Ours, without what would change colours or widths."""
    kept = {name: value for name, value in os.environ.items() if name not in QUIET_ENVIRONMENT}
    return {**kept, "PYTHONPATH": str(ROOT), **more}


def python(*words: str, cwd: Path | None = None, **more: str) -> "subprocess.CompletedProcess[str]":
    """Run Python with its output read by a program; ``more`` is set in its environment."""
    return subprocess.run(
        [sys.executable, *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=cwd,
        timeout=SECONDS_MAX,
        env=environment(**more),
    )


def lendchaos(*words: str, cwd: Path, **more: str) -> "subprocess.CompletedProcess[str]":
    """Run `lendchaos` with its output read by a program."""
    state = {"LENDCHAOS_STATE": str(cwd / "state"), **more}
    return python("-m", "harness.apps.cli", *words, cwd=cwd, **state)


def in_terminal(*words: str, cwd: Path, **more: str) -> bytes:
    """All that `lendchaos` writes into a terminal of its own, escape sequences included."""
    ours, theirs = pty.openpty()
    process = subprocess.Popen(
        [sys.executable, "-m", "harness.apps.cli", *words],
        stdin=theirs,
        stdout=theirs,
        stderr=theirs,
        cwd=cwd,
        env=environment(**{"LENDCHAOS_STATE": str(cwd / "state"), "TERM": "xterm", **more}),
    )
    os.close(theirs)
    received = b""
    try:
        while chunk := _read(ours):
            received += chunk
        process.wait(SECONDS_MAX)
    finally:
        os.close(ours)
        process.kill()
        process.wait()
    return received


def _read(terminal: int) -> bytes:
    try:
        return os.read(terminal, 65_536)
    except OSError:  # nobody is left at the other end
        return b""
