"""Places in the user's own code, and what an exception of it says."""

import inspect
import site
import sysconfig
import traceback
from collections.abc import Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any

from harness.core.errors import UsageError
from harness.core.started_in import STARTED_IN

_LOCUST = find_spec("locust")  # to import it would patch the standard library
_LOCUSTS = (_LOCUST and _LOCUST.submodule_search_locations) or ()
_PACKAGE = __name__.partition(".")[0]
LETTERS_MAX = 2000
"""Of what an exception says."""
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


def is_of_harness(found: Any) -> bool:
    """Whether a class or a function is defined in this package, by the name of its module."""
    return str(getattr(found, "__module__", "")).partition(".")[0] == _PACKAGE


def is_theirs(file_name: str) -> bool:
    """Whether a file is the user's own code, rather than a library's or ours."""
    path = Path(file_name)
    if not path.is_absolute() and not path.is_file():
        return False  # compiled: the place where the library was built
    return not str(path.resolve()).startswith(_NOT_THEIRS)


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


def concerns_user(error: BaseException) -> bool:
    """Whether an exception came through the user's own code."""
    return any(is_theirs(frame.filename) for frame in traceback.extract_tb(error.__traceback__))


def place_in_theirs(error: BaseException) -> str:
    """``file:line`` in the user's own code where it arose; "" where that is elsewhere."""
    return place_of(error) if concerns_user(error) else ""


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
