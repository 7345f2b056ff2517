"""Open and replace files of lendchaos so that a foreign one can do no harm.

A run directory may come from anybody: a colleague, an artefact, a checkout. A link in it may lead
to a file of the reader's, a FIFO never ends, a device eats all memory. So a file is read only where
it is a regular one, reached by no link (`open_regular`), and replaced only by a new one beside it
(`replace_file`), which no link can send elsewhere. The folder itself may be a link: someone named
it.
"""

import errno
import os
import secrets
import stat
from collections.abc import Iterator
from contextlib import suppress
from io import BufferedRandom, BufferedReader
from pathlib import Path

from harness.core.errors import UsageError

DOCUMENT_BYTES_MAX = 128_000_000
"""Of one JSON document, or one line: more than a run of a million arrivals has in its plan."""
FILE_BYTES_MAX = 4_000_000_000
"""Of a file that is read line by line: what a million arrivals leave, four times over."""
TEXT_BYTES_MAX = 1_000_000
"""Of a file that someone wrote by hand."""
NO_PATH = (errno.ENAMETOOLONG, errno.ELOOP)
"""How the system refuses what was named: no path can be so long, or leads round in a circle."""
HALF_WRITTEN = r"\.lendchaos-[0-9a-f]{16}\.part"
"""How `replace_file` names what a writer that was killed leaves beside a file."""
_PIECE_BYTES = 1 << 20
_APPEND = os.O_RDWR | os.O_APPEND | os.O_CREAT | os.O_NOFOLLOW
_NO_FILE = "it is no regular file"


def real(path: Path) -> Path:
    """Where a path leads; of a link that leads round in a circle, itself."""
    return Path(os.path.realpath(path))


def is_stream(path: Path) -> bool:
    """Whether a name of the system's leads to an open file: /dev/stdout, /dev/fd/3.

    To replace such a name, which root may do, takes it from every program.
    """
    folder = real(path.parent)
    return path.is_symlink() and (folder == Path("/dev") or folder.is_relative_to("/proc"))


def open_regular(
    path: Path, bytes_max: int | None = FILE_BYTES_MAX, *, follow: bool = False
) -> BufferedReader:
    """Open a file for reading; at a link's end only with ``follow``. None: of any size.

    OSError where it cannot be opened, is no regular file, or has more than ``bytes_max``.
    """
    flags = os.O_RDONLY | (0 if follow else os.O_NOFOLLOW)
    return os.fdopen(_opened(path, flags, bytes_max), "rb")


def open_append(path: Path, mode: int = 0o666) -> BufferedRandom:
    """Open a file for writing at its end, and for reading; it is made where there is none, with
    ``mode`` less the umask. OSError where it cannot be opened, is a link, or no regular file.
    """
    return os.fdopen(_opened(path, _APPEND, None, mode), "ab+")


def read_regular(path: Path, bytes_max: int = DOCUMENT_BYTES_MAX, *, follow: bool = False) -> bytes:
    """The whole of a file, as `open_regular` opens it."""
    with open_regular(path, bytes_max, follow=follow) as file:
        body = file.read(bytes_max + 1)  # it may grow meanwhile
    _require_size(path, len(body), bytes_max)
    return body


def text_of(path: Path, what: str, bytes_max: int = TEXT_BYTES_MAX, *, follow: bool = True) -> str:
    """The text of a file that is to be ``what``, as in "a plan"; a byte order mark is left out.

    Only with ``follow`` it may be a link, or what a shell hands over, as in ``<(…)``: someone
    named it. UsageError where it cannot be read, is far too large, or is no text in UTF-8.
    """
    handed_over = follow and path.is_relative_to("/dev")
    try:
        with path.open("rb") if handed_over else open_regular(path, None, follow=follow) as file:
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


def lines_of(path: Path) -> Iterator[bytes]:
    """The lines of a file, as `open_regular` opens it. Of one that is longer than
    `DOCUMENT_BYTES_MAX` comes one byte more than that, and the rest is passed over.
    """
    with open_regular(path) as file:
        while line := file.readline(DOCUMENT_BYTES_MAX + 1):
            piece = line
            while len(piece) > _PIECE_BYTES and not piece.endswith(b"\n"):
                piece = file.readline(_PIECE_BYTES + 1)
            yield line


def replace_file(
    path: Path, body: str | bytes, *, durable: bool = False, mode: int = 0o666
) -> None:
    """Write whole or not at all: a reader never sees half a file, and a link is replaced, not
    followed. With ``durable`` it is on the disk afterwards. The file has ``mode`` less the umask.
    OSError where it cannot be written, or something else than a file stands there.
    """
    if is_stream(path):
        raise OSError(errno.EINVAL, _NO_FILE, str(path))
    with suppress(FileNotFoundError):
        if not path.is_symlink():
            _require_file(path, path.lstat().st_mode)
    # A target can answer with half a surrogate pair, which no file in UTF-8 can hold.
    content = body.encode("utf-8", "replace") if isinstance(body, str) else body
    # Not `tempfile.mkstemp`, whose files no other user may read, whatever the umask says.
    temporary = path.parent / f".lendchaos-{secrets.token_hex(8)}.part"
    flags = os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
    try:
        with os.fdopen(os.open(temporary, flags, mode), "wb") as file:
            file.write(content)
            if durable:
                file.flush()
                os.fsync(file.fileno())
        put_in_place(temporary, path)
    except BaseException as error:
        with suppress(OSError):
            temporary.unlink()
        if isinstance(error, OSError):  # it names the file that was asked for
            raise OSError(error.errno, error.strerror, str(path)) from error
        raise
    if durable:
        with suppress(OSError):  # some file systems of a network cannot: the file itself is safe
            sync_folder(path.parent)


def put_in_place(made: Path, path: Path) -> None:
    """Give what was made whole beside a place its name there; a link is replaced, not followed.

    OSError where it cannot have it, or a folder that is not empty has it.
    """
    made.replace(path)


def append_line(path: Path, line: str, mode: int = 0o666) -> None:
    """Append one line, on the disk when this returns; a new file has ``mode`` less the umask.

    OSError where it is not there, or not whole.
    """
    handle = _opened(path, _APPEND, None, mode)
    try:
        size = os.fstat(handle).st_size
        # A writer that was killed may have left half a line, which must cost no other.
        torn = size > 0 and os.pread(handle, 1, size - 1) != b"\n"
        body = (("\n" if torn else "") + line + "\n").encode("utf-8", "replace")
        if os.write(handle, body) != len(body):
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))  # noqa: TRY301  # as the others
        os.fsync(handle)
        if size == 0:  # a new file is safe only once its folder is
            sync_folder(path.parent)
    except OSError as error:
        raise OSError(error.errno, error.strerror, str(path)) from error
    finally:
        os.close(handle)


def sync_folder(path: Path) -> None:
    """Have the names of files in a folder on the disk when this returns; OSError where not."""
    folder = os.open(path, os.O_RDONLY | os.O_DIRECTORY | os.O_CLOEXEC)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def _opened(path: Path, flags: int, bytes_max: int | None, mode: int = 0o666) -> int:
    # Neither waits for the other end of a FIFO nor becomes the terminal's.
    flags |= os.O_NONBLOCK | os.O_NOCTTY | os.O_CLOEXEC
    try:
        handle = os.open(path, flags, mode)
    except OSError as error:
        if error.errno == errno.ELOOP and path.is_symlink() and flags & os.O_NOFOLLOW:
            said = "it is a link, and leads elsewhere"
            raise OSError(errno.ELOOP, said, str(path)) from error
        raise
    try:
        found = os.fstat(handle)
        _require_file(path, found.st_mode)
        _require_size(path, found.st_size, bytes_max)
    except OSError:
        os.close(handle)
        raise
    return handle


def _require_file(path: Path, mode: int) -> None:
    if stat.S_ISDIR(mode):
        raise OSError(errno.EISDIR, os.strerror(errno.EISDIR), str(path))
    if not stat.S_ISREG(mode):
        raise OSError(errno.EINVAL, _NO_FILE, str(path))


def _require_size(path: Path, size: int, bytes_max: int | None) -> None:
    if bytes_max is not None and size > bytes_max:
        said = f"it is larger than {bytes_max:,} bytes, and no such file of a run is"
        raise OSError(errno.EFBIG, said, str(path))
