"""A page printed as PDF by a Chromium that is here anyway; without one there is no PDF."""

import os
import shutil
import signal
import subprocess
import tempfile
from pathlib import Path

from harness.core.errors import HarnessError
from harness.core.files import replace_file

NAMES = ("chromium", "chromium-browser", "google-chrome", "google-chrome-stable", "chrome")
SECONDS_MAX = 60.0
_HOW = "open the page in any browser and print it on A4"


class NotPrintedError(HarnessError):
    """There is no PDF; the message says why, and what to do instead."""


def find_chromium() -> str | None:
    """The browser that prints, if there is one on PATH."""
    return next((path for name in NAMES if (path := shutil.which(name))), None)


def to_pdf(page: Path, target: Path, *, seconds_max: float = SECONDS_MAX) -> None:
    """Print a page; the PDF appears whole or not at all.

    Raises:
        NotPrintedError: there is no Chromium, or it does not print within ``seconds_max``.
    """
    chromium = find_chromium()
    if chromium is None:
        raise NotPrintedError(f"there is no Chromium here to print with: {_HOW}")
    try:
        replace_file(target, _printed(chromium, page, seconds_max))
    except OSError as error:
        raise NotPrintedError(f"it cannot be written ({error.strerror}): {_HOW}") from error


def _printed(chromium: str, page: Path, seconds_max: float) -> bytes:
    with tempfile.TemporaryDirectory(prefix="lendchaos-print-") as folder:
        # A profile of its own: one that is in use would take the page and print nothing.
        made = Path(folder) / "page.pdf"
        command = [
            *(chromium, "--headless", "--disable-gpu", "--no-first-run", "--disable-extensions"),
            *("--disable-background-networking", "--disable-component-update", "--disable-sync"),
            *("--disable-dev-shm-usage", f"--user-data-dir={folder}/profile"),
            # Chromium refuses its sandbox to root; the page is our own and has no script.
            *(("--no-sandbox",) if os.geteuid() == 0 else ()),
            *("--no-pdf-header-footer", f"--print-to-pdf={made}", page.resolve().as_uri()),
        ]
        reason = _run(command, seconds_max)
        if not made.is_file() or not made.read_bytes().startswith(b"%PDF-"):
            raise NotPrintedError(f"{chromium} printed nothing ({reason}): {_HOW}")
        return made.read_bytes()


def _run(command: list[str], seconds_max: float) -> str:
    """Run to the end, with all of its helpers; how it ended."""
    process = subprocess.Popen(
        command,
        stdin=subprocess.DEVNULL,
        stdout=subprocess.DEVNULL,
        stderr=subprocess.DEVNULL,
        start_new_session=True,
    )
    try:
        return f"exit code {process.wait(seconds_max)}"
    except subprocess.TimeoutExpired:
        return f"not within {seconds_max:g} s"
    finally:
        if process.poll() is None:
            os.killpg(process.pid, signal.SIGKILL)
            process.wait()
