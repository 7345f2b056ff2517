"""Commands with standard streams in all kinds of state, each in a process that is forked from here.

`python -m tests.cli.in_streams` reads ``[[condition, [word, …]], …]`` as JSON and prints the exit
code of each. What a command imports is loaded once.
"""

import importlib
import json
import os
import sys
from pathlib import Path
from typing import Any

from harness.apps.cli import app
from harness.apps.cli.lazy_commands import load
from harness.core import standard_streams
from harness.run.locust_process import Update
from harness.run.result import RunResult

WRITTEN = importlib.import_module("harness.report.write_report")
FULL, CLOSED, UNREAD = "full", "closed", "unread"
CONDITIONS: dict[str, tuple[str, str, str, str]] = {
    "plain": ("", "", "utf-8", "strict"),
    "ascii": ("", "", "ascii", "strict"),
    "ascii in the locale C": ("", "", "ascii", "surrogateescape"),
    "Latin-1": ("", "", "latin-1", "strict"),
    "output closed": (CLOSED, "", "utf-8", "strict"),
    "errors closed": ("", CLOSED, "utf-8", "strict"),
    "both closed": (CLOSED, CLOSED, "utf-8", "strict"),
    "output full": (FULL, "", "utf-8", "strict"),
    "both full": (FULL, FULL, "utf-8", "strict"),
    "output unread": (UNREAD, "", "utf-8", "strict"),
    "both unread": (UNREAD, UNREAD, "utf-8", "strict"),
}
"""What standard output and standard error are, and their encoding and its error handler."""


def put(number: int, state: str) -> None:
    """Have one descriptor as it is to be."""
    if state == CLOSED:
        os.close(number)
        return
    if state == UNREAD:
        read_end, handle = os.pipe()
        os.close(read_end)
    else:
        handle = os.open("/dev/full" if state == FULL else os.devnull, os.O_WRONLY)
    os.dup2(handle, number)
    os.close(handle)


def begin(condition: str) -> None:
    """As Python begins, and then a program of ours."""
    *states, encoding, errors = CONDITIONS[condition]
    for number, (name, state) in enumerate(zip(("stdout", "stderr"), states, strict=True), 1):
        put(number, state)
        stream = None
        if state != CLOSED:
            stream = open(  # noqa: SIM115  # a descriptor, which stays open
                number, "w", encoding=encoding, errors=errors, closefd=False
            )
        setattr(sys, name, stream)
        setattr(sys, f"__{name}__", stream)
    standard_streams.make_usable()


def code_of(condition: str, words: list[str]) -> int:
    """The exit code of a command, as that of a process, in one of its own."""
    if (pid := os.fork()) == 0:
        code = 255
        try:
            begin(condition)
            code = app(words, prog_name="lendchaos", standalone_mode=False) or 0
            sys.stdout.flush()
            sys.stderr.flush()
        except OSError:
            code = 120  # as Python says it at its very end
        except BaseException as error:  # noqa: BLE001  # as a process ends
            code = getattr(error, "exit_code", getattr(error, "code", 1))
        finally:
            os._exit(code)
    return os.waitstatus_to_exitcode(os.waitpid(pid, 0)[1])


def quick_run(_path: Path, options: list[str], show: Any, *_: Any, **__: Any) -> RunResult:
    """Stands in for Locust: the run is one that is stored in ``--runs-dir=…``."""
    (folder,) = [Path(word.partition("=")[2]) for word in options if word.startswith("--runs-dir=")]
    verdict = json.loads((folder / "verdict.json").read_bytes())
    show(Update("set up"))
    last = {name: verdict[name] for name in ("verdict", "sentence")}
    return RunResult(verdict["exit_code"], {**last, "report": str(folder / "report.html")})


def main() -> None:
    """All that was asked for."""
    asked = json.load(sys.stdin)
    importlib.import_module("harness.apps.cli.run_command").__dict__["run_scenario"] = quick_run
    for name in {words[0] for _, words in asked}:
        load(name)
    for name in ("verdict.judge", "report.terminal_text", "history.run_directory"):
        importlib.import_module(f"harness.{name}")
    WRITTEN._write_picture = lambda *_: None  # takes most of the time
    os.chdir(Path(__file__).parent)
    codes = [code_of(condition, words) for condition, words in asked]
    sys.stdout.write(json.dumps(codes))


if __name__ == "__main__":
    main()
