"""Commands in the locale of the environment, all in one process.

`python -m tests.cli.in_locale` is started in a folder with the runs ``run`` and ``other`` and the
session ``day``. It sets the locale in full, as code of a user or a library may, leaves how that
writes a number in ``sample.txt``, and ends with the exit codes of the commands in ``codes.json``.
"""

import importlib
import json
import locale
from pathlib import Path

from harness.apps.cli import app
from harness.core import standard_streams

COMMANDS = (
    ("judge", "run"),
    ("judge", "other", "--json"),
    ("compare", "run", "other", "--history", "history", "--save", "main", "--trend", "t.html"),
    ("compare", "run", "other", "--json"),
    ("gameday", "record", "day"),
    ("explain", "not_recovered"),
    ("explain", "nothing_like_it"),
)


def code_of(words: tuple[str, ...]) -> int:
    """The exit code of one command."""
    try:
        return app(list(words), prog_name="lendchaos", standalone_mode=False) or 0
    except SystemExit as ended:
        return int(ended.code or 0)
    except Exception as error:  # noqa: BLE001  # as a process ends
        code: int = getattr(error, "exit_code", 70)
        return code


def main() -> None:
    """All commands, one after the other."""
    standard_streams.make_usable()
    locale.setlocale(locale.LC_ALL, "")
    # The picture takes most of the time, and its font is its own.
    importlib.import_module("harness.report.write_report")._write_picture = lambda *_: None
    Path("sample.txt").write_text(f"{1234.5:n}", encoding="utf-8")
    codes = [code_of(words) for words in COMMANDS]
    Path("codes.json").write_text(json.dumps(codes), encoding="utf-8")


if __name__ == "__main__":
    main()
