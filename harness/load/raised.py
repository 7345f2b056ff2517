"""What an exception of a user's own code is told as: its type, and where in their code it arose."""

import sysconfig
import traceback
from pathlib import Path

_NOT_THEIRS = tuple(
    f"{Path(folder).resolve()}/"
    for folder in {
        *(sysconfig.get_path(name) for name in ("stdlib", "platstdlib", "purelib", "platlib")),
        str(Path(__file__).parent.parent),
    }
)
"""Python, what is installed beside it, and the harness."""


def is_theirs(file_name: str) -> bool:
    """Whether a file is the user's own code, rather than a library's or ours."""
    path = str(Path(file_name).resolve())
    return not file_name.startswith("<") and not path.startswith(_NOT_THEIRS)


def concerns_user(error: BaseException) -> bool:
    """Whether an exception came through the user's own code."""
    return any(is_theirs(frame.filename) for frame in traceback.extract_tb(error.__traceback__))


def place_of(error: BaseException) -> str:
    """``file:line`` where it arose: the last place in the user's own code, where there is one."""
    if isinstance(error, SyntaxError) and error.filename:
        return f"{_short(error.filename)}:{error.lineno}"
    frames = traceback.extract_tb(error.__traceback__)
    theirs = [frame for frame in frames if is_theirs(frame.filename)]
    if not frames:
        return "an unknown place"
    frame = (theirs or frames)[-1]
    return f"{_short(frame.filename)}:{frame.lineno}"


def message_of(error: BaseException) -> str:
    """Type and text, on one line."""
    text = error.msg if isinstance(error, SyntaxError) else str(error)
    return ": ".join(part for part in (type(error).__name__, " ".join(text.split())) if part)


def _short(file_name: str) -> str:
    """As seen from the current folder; elsewhere its name is enough."""
    path = Path(file_name).resolve()
    folder = Path.cwd()
    return str(path.relative_to(folder)) if path.is_relative_to(folder) else path.name
