"""How exceptions are shown: those of a user's code with type and place, and those of lendchaos."""

import signal
import traceback
from importlib.util import find_spec
from pathlib import Path

import gevent
from gevent import GreenletExit

from harness.core.errors import HarnessError, UsageError, internal_error
from harness.core.exit_codes import ExitCode
from harness.core.foreign_text import clean, clean_lines
from harness.core.places import concerns_user as concerns_user
from harness.core.places import message_of as message_of
from harness.core.places import place_of as place_of
from harness.core.places import place_of_call as place_of_call
from harness.core.places import place_of_class as place_of_class
from harness.core.places import place_of_function as place_of_function
from harness.core.places import short_path as short_path
from harness.core.places import text_of as text_of
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
_GEVENT = (f"{Path(gevent.__file__).parent}/", "src/gevent/")


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


def ended_by(error: Exception) -> tuple[int, str]:
    """The exit code of a process of lendchaos that this ends, and what it says."""
    if isinstance(error, UsageError | HarnessError):
        return error.exit_code, clean_lines(str(error))
    if concerns_user(error):
        return ExitCode.USAGE, clean(f"{place_of(error)}: {message_of(error)}")
    where = traceback.extract_tb(error.__traceback__)[-1]
    place = f"{Path(where.filename).name}:{where.lineno}"
    return int(ExitCode.INTERNAL), clean(internal_error(error, place))
