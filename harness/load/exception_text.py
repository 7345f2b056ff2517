"""How exceptions are shown: those of a user's code with type and place, and those of lendchaos."""

import inspect
import signal
import site
import sysconfig
import traceback
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import gevent
from gevent import GreenletExit

from harness.core.errors import HarnessError, UsageError
from harness.core.exit_codes import ExitCode
from harness.core.foreign_text import clean, clean_lines
from harness.core.started_in import STARTED_IN

ENDS = (GreenletExit, SystemExit, KeyboardInterrupt)
"""What ends a greenlet or the process on purpose: nothing is wrong, and it has to go on."""

_LOCUST = find_spec("locust")  # to import it would patch the standard library
_LOCUSTS = (_LOCUST and _LOCUST.submodule_search_locations) or ()
_OURS = (
    f"{Path(__file__).resolve().parents[1]}/",
    f"{Path(__file__).parents[1]}/",  # a traceback keeps links of the way there
    *(f"{folder}/" for folder in _LOCUSTS),
)
LETTERS_MAX = 2000
"""Of what an exception says."""
_GEVENT = (f"{Path(gevent.__file__).parent}/", "src/gevent/")
_NOT_THEIRS = tuple(
    f"{Path(folder).resolve()}/"
    for folder in {
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
        *(*site.getsitepackages(), site.getusersitepackages()),
        *_LOCUSTS,
        str(Path(__file__).parents[1]),
    }
)
"""Python, what is installed beside it, and the harness."""


def is_theirs(file_name: str) -> bool:
    """Whether a file is the user's own code, rather than a library's or ours."""
    path = Path(file_name)
    if not path.is_absolute() and not path.is_file():
        return False  # compiled: the place where the library was built
    return not str(path.resolve()).startswith(_NOT_THEIRS)


def concerns_user(error: BaseException) -> bool:
    """Whether an exception came through the user's own code."""
    return any(is_theirs(frame.filename) for frame in traceback.extract_tb(error.__traceback__))


def is_thrown_in(error: BaseException) -> bool:
    """Whether this is an order to end, from outside, from lendchaos or from Locust."""
    if not isinstance(error, ENDS):
        return False
    # In a worker that someone started by hand Python's Ctrl-C may land in any greenlet.
    is_pythons = signal.getsignal(signal.SIGINT) is signal.default_int_handler
    if isinstance(error, KeyboardInterrupt) and is_pythons:
        return True
    frames = traceback.extract_tb(error.__traceback__)
    others = (*_OURS, *_GEVENT) if isinstance(error, GreenletExit) else _OURS
    return bool(frames) and frames[-1].filename.startswith(others)


def place_of(error: BaseException, greenlet: Any = None) -> str:
    """``file:line`` where it arose: the last place in the user's own code, where there is one.

    That may be where they spawned the ``greenlet`` that it ended.
    """
    if isinstance(error, SyntaxError) and error.filename:
        return f"{short_path(error.filename)}:{error.lineno or 1}"
    frames = [(f.filename, f.lineno) for f in traceback.extract_tb(error.__traceback__)]
    stack = getattr(greenlet, "spawning_stack", None)
    calls = traceback.walk_stack(stack) if stack is not None else iter(())
    spawned = [(frame.f_code.co_filename, line) for frame, line in calls]
    return _last_place([*reversed(spawned), *frames], frames)


def place_of_call() -> str:
    """``file:line`` of the user's own code that called us just now."""
    frames = [(f.filename, f.lineno) for f in traceback.extract_stack()]
    return _last_place(frames, frames)


def place_of_function(found: Any) -> str:
    """``file:line`` where a function or method begins; what it is, where that is not known."""
    code = getattr(inspect.unwrap(getattr(found, "__func__", found)), "__code__", None)
    return f"{short_path(code.co_filename)}:{code.co_firstlineno}" if code else f"{found!r:.60}"


def _last_place(
    places: Sequence[tuple[str, int | None]], others: Sequence[tuple[str, int | None]]
) -> str:
    """The last of them in the user's own code; where none is, the last of the others."""
    theirs = [place for place in places if is_theirs(place[0])]
    if not theirs and not others:
        return "an unknown place"
    file_name, line = (theirs or others)[-1]
    return f"{short_path(file_name)}:{line}"


def place_in(file: str, error: BaseException) -> str:
    """The same of what a scenario file raised while it was loaded, with the line of that file, too,
    where it arose in a module that is imported there. Its first line, where none is to blame.
    """
    of_file = isinstance(error, SyntaxError) and error.filename
    if not of_file and not concerns_user(error):
        return f"{short_path(file)}:1"
    place = place_of(error)
    frames = [(f.filename, f.lineno) for f in traceback.extract_tb(error.__traceback__)]
    own = [line for name, line in frames if Path(name).resolve() == (STARTED_IN / file).resolve()]
    imported = bool(own) and place.rpartition(":")[0] != short_path(file)
    return f"{place} (imported in {short_path(file)}:{own[0]})" if imported else place


def place_of_class(found: type) -> str:
    """``file:line`` where a class begins; where that is not known, the name of its module."""
    try:
        return f"{short_path(inspect.getfile(found))}:{inspect.getsourcelines(found)[1]}"
    except (OSError, TypeError):  # made by a call, say
        return found.__module__


def message_of(error: BaseException) -> str:
    """Type and text, on one line; of a mistake that the harness itself told, the text alone."""
    text = " ".join((error.msg if isinstance(error, SyntaxError) else text_of(error)).split())
    text = text if len(text) <= LETTERS_MAX else f"{text[:LETTERS_MAX]}…"
    kind = "" if type(error) is UsageError else type(error).__name__
    return ": ".join(part for part in (kind, text) if part)


def text_of(error: BaseException) -> str:
    """What it says; a class of the user's may raise even here."""
    try:
        return str(error)
    except Exception as of_text:  # noqa: BLE001  # as above
        return f"(its text raised {type(of_text).__name__})"


def short_path(file_name: str) -> str:
    """As seen from the folder of the start; elsewhere its name is enough."""
    path = (STARTED_IN / file_name).resolve()
    return str(path.relative_to(STARTED_IN)) if path.is_relative_to(STARTED_IN) else path.name


def ended_by(error: Exception) -> tuple[int, str]:
    """The exit code of a process of lendchaos that this ends, and what it says."""
    if isinstance(error, UsageError | HarnessError):
        return error.exit_code, clean_lines(str(error))
    where = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(where.filename).name}:{where.lineno}"
    text = clean(f"our bug, {type(error).__name__} in {place}: {error}")
    return int(ExitCode.INTERNAL), text
