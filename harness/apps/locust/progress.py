"""What a run is doing right now: for the terminal, for a program that started us, for the page."""

import os
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field, replace
from select import PIPE_BUF
from typing import Any

from harness.core.foreign_text import clean_lines
from harness.core.standard_streams import write_own
from harness.load.load_protocol import RunJudged
from harness.run.progress_messages import (
    GAME_DAY_VARIABLE,
    PIPE_VARIABLE,
    PROGRESS,
    ErrorUpdate,
    ProgressMessage,
    Update,
)

_EMPTY_LINE = "\r\x1b[2K"  # ECMA-48: EL


def _progress_fd() -> int | None:
    text = os.environ.get(PIPE_VARIABLE, "")
    if not text.isdecimal():
        return None
    with suppress(OSError):
        os.set_blocking(int(text), False)
        os.set_inheritable(int(text), False)  # noqa: FBT003  # takes no keyword
        return int(text)
    return None


def write_over_bar(name: str, text: str) -> None:
    """Write to ``stdout`` or ``stderr`` (OSError as `write_own`), where the program that started us
    may have left its cursor at the end of a bar: that line is emptied first.
    """
    has_bar = PIPE_VARIABLE in os.environ and os.environ.get("TERM", "") not in ("dumb", "unknown")
    at_terminal = has_bar and os.isatty(("stdin", "stdout", "stderr").index(name))
    write_own(name, f"{_EMPTY_LINE if at_terminal else ''}{text}")


def _write_line(text: str, who: str = "lendchaos") -> None:
    """For anyone who reads it; a terminal that has just been closed must not end a run."""
    with suppress(OSError):
        write_over_bar("stderr", f"{who}: {clean_lines(text)}\n")


def _tell_program(fd: int, message: ProgressMessage) -> None:
    """It may be gone or slow; neither may hold a run up. Of a longer line a pipe may take a part,
    which no one can read, so the text is cut: a person has all of it elsewhere.
    """
    line, text = PROGRESS.encode(message), message.text
    while len(line) > PIPE_BUF and text:
        text = text[: len(text) // 2]
        line = PROGRESS.encode(replace(message, text=f"{text}…"))
    with suppress(OSError):
        os.write(fd, line)


def tell_error(text: str) -> None:
    """One line of what went wrong, for a person; a program that started us has it, too."""
    _write_line(text, "error")
    if (fd := _progress_fd()) is not None:
        _tell_program(fd, ErrorUpdate(text))


@dataclass(slots=True)
class Progress:
    """The state of the latest run in this process.

    ``state`` is one of idle, setting_up, load, draining, judging, done, failed; the two instants
    are seconds after zero.
    """

    state: str = "idle"
    text: str = ""
    phase: str | None = None
    at_s: float | None = None
    until_s: float | None = None
    verdict: str | None = None
    exit_code: int | None = None
    sentence: str | None = None
    report: str | None = None
    run_dir: str | None = None
    """Of a run that came so far as to have one."""
    scenario: str = ""
    fd: int | None = field(default_factory=_progress_fd)
    """The pipe to the program that started us; None where it was a person."""

    def begin(self, scenario: str) -> None:
        """Forget the run before this one."""
        self.state, self.text, self.scenario = "setting_up", "", scenario
        self.phase = self.at_s = self.until_s = None
        self.verdict = self.exit_code = self.sentence = self.report = self.run_dir = None

    def say(self, text: str, **more: Any) -> None:
        """Tell one line."""
        self.text = text
        self.tell_once(text, **more)

    def tell_once(self, text: str, **more: Any) -> None:
        """Tell one line, and keep it nowhere: neither on a page nor in a log.

        ``more`` are fields of an `Update`, for a program alone.
        """
        if self.fd is None:
            _write_line(text)
            return
        fields = "phase", "at_s", "until_s", "verdict", "exit_code", "sentence", "report", "run_dir"
        found = {name: getattr(self, name) for name in fields}
        _tell_program(self.fd, Update(text, **{**found, **more}))

    @property
    def tell_failing(self) -> Callable[[dict[str, Any]], None] | None:
        """Tells the screen of a game day what fails just now; None where there is none."""
        watched = self.fd is not None and GAME_DAY_VARIABLE in os.environ
        return self._tell_failing if watched else None

    def _tell_failing(self, recent: dict[str, Any]) -> None:
        self.tell_once("", failing=(recent["failed"], recent["ended"], recent["seconds"]))

    def tell_code(self, text: str, exit_code: int) -> None:
        """Tell one line, and that the process ends with another exit code than the verdict's."""
        self.exit_code = exit_code
        self.tell_once(text)

    def enter(self, state: str, phase: str, at_s: float | None, until_s: float | None) -> None:
        """Tell that a phase begins."""
        self.state, self.phase, self.at_s, self.until_s = state, phase, at_s, until_s
        bound = "at most " if state == "draining" else ""
        length = "" if at_s is None or until_s is None else f" ({bound}{until_s - at_s:.3g}s)"
        self.say(f"{phase}{length}")

    def fail(self, text: str, exit_code: int) -> None:
        """Tell that there is no verdict."""
        self.state, self.exit_code, self.text = "failed", exit_code, text
        self.phase = self.verdict = self.sentence = self.report = None
        tell_error(text)

    def finish(self, judged: RunJudged) -> None:
        """Take over the verdict."""
        self.state, self.phase = "done", None
        self.verdict, self.exit_code = judged.verdict, judged.exit_code
        self.sentence, self.run_dir = judged.sentence, judged.run_dir
        self.report = judged.report or None
        self.say(f"verdict: {self.verdict}")

    def as_json(self, report_url: str) -> dict[str, Any]:
        """For the page."""
        fields = ("state", "text", "phase", "at_s", "until_s", "verdict", "exit_code", "sentence")
        found = {name: getattr(self, name) for name in (*fields, "scenario")}
        return {**found, "report": report_url if self.report is not None else None}
