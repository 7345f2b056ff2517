"""How commands speak, and how they end."""

import os
import sys
import threading
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from pathlib import Path
from typing import Annotated, Any, Literal, Self

import typer
from rich.console import Console

from harness.apps.cli.run_help import own_option
from harness.core import early_interrupt
from harness.core.disk import refusal
from harness.core.documents import text_of
from harness.core.errors import HarnessError, UsageError, internal_error
from harness.core.exit_codes import ExitCode
from harness.core.files import NO_PATH
from harness.core.foreign_text import clean_lines
from harness.core.numbers import whole
from harness.core.standard_streams import lost_output
from harness.plan.run_options import LIMITS, OUTPUT

PATIENCE_SECONDS = 2.0
"""What takes longer says what it is doing."""
WIDTH_MAX = 100


def is_plain() -> bool:
    """Whether no colour is wanted, or none can be shown: ``NO_COLOR`` or a dumb terminal."""
    return bool(os.environ.get("NO_COLOR")) or os.environ.get("TERM") == "dumb"


# Without colours there is no other style either: a dumb terminal would show the codes.
_COLOURS: Literal["auto"] | None = None if is_plain() else "auto"
console = Console(color_system=_COLOURS, emoji=False)
errors = Console(stderr=True, color_system=_COLOURS, emoji=False)

# That it cannot be read is no usage error; it is told where it is opened.
StateDir = Annotated[Path | None, own_option("state-dir", readable=False)]
ObjectivesFile = Annotated[Path | None, own_option("objectives", rich_help_panel=LIMITS)]
Json = Annotated[
    bool,
    typer.Option(
        "--json", help="Print one JSON document instead (docs/json.md).", rich_help_panel=OUTPUT
    ),
]


def number(least: int | None = None) -> Callable[[str], int]:
    """A reader of whole numbers, for the ``parser`` of an option: digits of other scripts, which
    Python takes, are none.
    """

    def read(text: str) -> int:
        with suppress(ValueError):
            found = whole(str(text))
            if least is None or found >= least:
                return found
        more = "" if least is None else f" from {least}"
        raise typer.BadParameter(f"{str(text)[:60]!r} is no whole number{more}")

    return read


class _Manner:
    """How this process speaks."""

    quiet = False
    """Only results and errors are wanted."""
    json = False
    """Standard output is for one document: what is written for people goes beside."""


manner = _Manner()


def width() -> int:
    """Of running text: the terminal's up to a length that reads well, or that length."""
    return min(console.width, WIDTH_MAX) if console.is_terminal else WIDTH_MAX


def verdict_text(verdict: Any, report: str) -> str:
    """A `Verdict` for standard output, with its page's path, as wide and coloured as that takes."""
    # Not while Locust waits for us.
    from harness.history.stored_files import currency_in  # noqa: PLC0415
    from harness.report import terminal_text  # noqa: PLC0415

    colours = console.is_terminal and console.color_system is not None
    currency = currency_in(Path(report).parent) if report else None  # the page is beside the plan
    return terminal_text.render(verdict, report, width(), color=colours, currency=currency)


def _is_nowhere() -> bool:
    """Whether the current folder was deleted."""
    try:
        Path.cwd()
    except FileNotFoundError:
        return True
    return False


@contextmanager
def exit_codes() -> Iterator[None]:
    """One clear line and the right exit code for every error a user can cause or meet.

    A command that raises `typer.Exit` has decided: its code stands, whatever became of its words.
    One that returns has done nothing but say them.
    """
    try:
        early_interrupt.hand_over()
        yield
        _require_heard()
    except (UsageError, HarnessError) as error:
        tell_error(str(error))
        raise typer.Exit(error.exit_code) from error
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except KeyboardInterrupt as error:
        raise typer.Exit(ExitCode.INTERRUPTED) from error
    except MemoryError as error:
        tell_error("there is not enough memory for this")
        raise typer.Exit(ExitCode.INCONCLUSIVE) from error
    except Exception as error:
        if isinstance(error, FileNotFoundError) and _is_nowhere():
            tell_error("the current folder was deleted: change to one that is there")
            raise typer.Exit(ExitCode.USAGE) from error
        if isinstance(error, OSError) and error.errno in NO_PATH:
            tell_error(f"{error.strerror}: {str(error.filename)[:80]}")
            raise typer.Exit(ExitCode.USAGE) from error
        if isinstance(error, OSError) and (refused := refusal(error)):
            tell_error(refused)
            raise typer.Exit(ExitCode.INCONCLUSIVE) from error
        tell_error(internal_error(error))
        raise typer.Exit(ExitCode.INTERNAL) from error


def _require_heard() -> None:
    """Whether standard output took all that was said."""
    lost = lost_output()
    if isinstance(lost, BrokenPipeError):  # whoever read it has seen enough
        raise typer.Exit(ExitCode.INTERRUPTED)
    if lost is not None:
        raise HarnessError(f"standard output takes no more: {lost.strerror}")


def tell_error(text: str) -> None:
    """One clear line of what went wrong; in a quiet process, too."""
    errors.print(
        f"error: {clean_lines(text)}", style="red", markup=False, highlight=False, soft_wrap=True
    )


def say(text: str) -> None:
    """Tell what is being done, beside the results; nothing in a quiet process."""
    if not manner.quiet:
        errors.print(clean_lines(text), style="dim", markup=False, highlight=False, soft_wrap=True)


def show(text: str, *, highlight: bool = False) -> None:
    """One line of a result. Never wrapped: a path that is cut in two cannot be copied."""
    console.print(clean_lines(text), markup=False, highlight=highlight, soft_wrap=True)


def write_now(text: str, *, stderr: bool = False) -> None:
    """A result that is text already, as it is."""
    stream = sys.stderr if stderr else sys.stdout
    stream.write(text)
    stream.flush()


def write_result(text: str) -> None:
    """The same; beside the document, where that is asked for."""
    if not (manner.json and manner.quiet):
        write_now(text, stderr=manner.json)


def show_json(document: Any) -> None:
    """The one document that a command prints with ``--json``: a dataclass with a ``schema``."""
    write_now(text_of(document))


class SlowNotice:
    """Says what is being done once it takes longer than one likes to wait without a word."""

    def __init__(self, text: str, seconds: float | None = None) -> None:
        seconds = PATIENCE_SECONDS if seconds is None else seconds
        self._text = text
        self._late = False
        self._lock = threading.Lock()
        self._timer = threading.Timer(seconds, self._run_out)
        self._timer.daemon = True

    def __enter__(self) -> Self:
        """Begin to wait."""
        self._timer.start()
        return self

    def __exit__(self, *_: object) -> None:
        """It is done: nothing more is said."""
        self._timer.cancel()

    def step(self, text: str) -> None:
        """Something else is being done from here on."""
        with self._lock:
            self._text = text
            if self._late:
                say(text)

    def _run_out(self) -> None:
        with self._lock:
            self._late = True
            say(self._text)
