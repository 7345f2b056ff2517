"""Locales that are made for a test from the sources that glibc comes with: none is installed."""

import shutil
import subprocess
from pathlib import Path

from tests import lacking

SOURCES = Path("/usr/share/i18n/locales")
TURKISH, CHINESE = "tr_TR.ISO-8859-9", "zh_CN.GBK"
"""A decimal comma, a dotless i and letters of eight bits; letters of two bytes."""


def made(folder: Path, *names: str) -> dict[str, str]:
    """The environment in which these locales are found; skips the test where none can be made."""
    program = shutil.which("localedef")
    if program is None or not SOURCES.is_dir():
        lacking.skip(f"no locale can be made here: that needs localedef and {SOURCES}")
    folder.mkdir(parents=True, exist_ok=True)
    for name in names:
        language, _, letters = name.partition(".")
        command = [program, "-i", language, "-f", letters, folder / name]
        subprocess.run(command, check=True, capture_output=True, timeout=60)
    return {"LOCPATH": str(folder)}
