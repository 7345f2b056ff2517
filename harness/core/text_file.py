"""A file that somebody wrote by hand, or that is said to be one of ours, as text."""

from io import BufferedReader
from pathlib import Path

from harness.core.errors import UsageError
from harness.core.files import open_regular

BYTES_MAX = 1_000_000


def text_of(path: Path, what: str, bytes_max: int = BYTES_MAX, *, follow: bool = True) -> str:
    """The text of a file that is to be ``what``, as in "a plan"; a byte order mark is left out.

    Only with ``follow`` it may be a link, or what a shell hands over, as in ``<(…)``: somebody
    named it.

    Raises:
        UsageError: it cannot be read, is far too large, or is no text in UTF-8.
    """
    try:
        with _opened(path, follow=follow) as file:
            body = file.read(bytes_max + 1)
    except OSError as error:
        raise UsageError(f"{path} cannot be read: {error.strerror}") from error
    if len(body) > bytes_max:
        raise UsageError(f"{path} is larger than {bytes_max:,} bytes: this is no {what}")
    try:
        return body.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        line = body[: error.start].count(b"\n") + 1
        column = error.start - body.rfind(b"\n", 0, error.start)
        said = f"{path}, line {line}, column {column}: it must be text in UTF-8"
        raise UsageError(said) from error


def _opened(path: Path, *, follow: bool) -> BufferedReader:
    if follow and path.is_relative_to("/dev"):
        return path.open("rb")
    return open_regular(path, None, follow=follow)
