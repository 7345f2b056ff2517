"""Locust for a scenario file: `python -m harness.apps.locust -f FILE …`.

Bare Locust ends a file that cannot be loaded with a traceback and exit code 1, which is our word
for a failed verdict. Here it is one line that names the place, and exit code 2.
"""

import logging
import os
import signal
import sys
from collections.abc import Iterator, Sequence
from contextlib import contextmanager, suppress
from typing import Any

# Until a run listens, Ctrl-C ends this process without a word: whoever started it says what is.
signal.signal(signal.SIGINT, signal.SIG_DFL)
signal.pthread_sigmask(signal.SIG_UNBLOCK, {signal.SIGINT})  # one that came before this line

from locust import main as locust_main  # noqa: E402
from locust.argument_parser import LocustArgumentParser  # noqa: E402

from harness.apps.locust.borrower import Borrower  # noqa: E402
from harness.apps.locust.locust_options import RUN_COMMAND, tell_and_end  # noqa: E402
from harness.apps.locust.process_control import ByForce, no_end_by_force  # noqa: E402
from harness.apps.locust.progress import tell_error  # noqa: E402
from harness.core.exit_codes import ExitCode  # noqa: E402
from harness.core.foreign_text import clean  # noqa: E402
from harness.core.standard_streams import make_usable  # noqa: E402
from harness.core.started_in import STARTED_IN  # noqa: E402
from harness.load import exception_text as raised  # noqa: E402
from harness.run.scenario_path import split  # noqa: E402

_USER_CLASSES = "LOCUST_USER_CLASSES"
"""The one variable of Locust's that no option shows, as it is the default of one."""
_load_all = locust_main.merge_locustfiles_content
_read_file = locust_main.parse_locustfile_option


def main() -> None:
    """Locust's own command line, with scenario files that are loaded with care."""
    sys.argv[0] = RUN_COMMAND
    if not STARTED_IN.is_absolute():
        _refuse("the current folder was deleted: change to one that is there")
    LocustArgumentParser.exit = staticmethod(tell_and_end)
    locust_main.parse_locustfile_option = _this_file
    locust_main.merge_locustfiles_content = _loaded
    # Where a file has no class Locust would have pytest look for tests, and load all around it.
    locust_main.load_locustfile_pytest = lambda _path: {}
    logging.getLogger(locust_main.__name__).addFilter(_as_ours)
    locust_main.main()


def _this_file(*args: Any, **kwargs: Any) -> Any:
    """The file that Locust is to load, which is the one that was named first."""
    options = _read_file(*args, **kwargs)
    if options.locustfile != sys.argv[2]:
        _refuse(f"-f {options.locustfile} is another scenario: name it after `{RUN_COMMAND}`")
    options.locustfile, _ = split(options.locustfile)
    return options


def _as_ours(record: logging.LogRecord) -> bool:
    """Whether a line of Locust's log stays as it is: its errors are printed like all others."""
    if record.levelno < logging.ERROR:
        return True
    text = clean(record.getMessage()).strip()
    if text.startswith("Unknown User") and (named := os.environ.get(_USER_CLASSES)):
        text += f" ({_USER_CLASSES} in the environment is {clean(named)})"
    tell_error(text)
    return False


def _loaded(paths: Sequence[str]) -> Any:
    """What Locust makes of its files; ends the process where that is no scenario."""
    try:
        with _kept_apart(), no_end_by_force():
            found = _load_all(paths)
    except SystemExit as error:
        if raised.concerns_user(error):
            call = "os._exit" if isinstance(error, ByForce) else "sys.exit"
            _refuse(f"{raised.place_of(error)}: it calls {call}({error.code}) while it is loaded")
        sys.exit(int(ExitCode.USAGE))  # Locust has said why
    except BaseException as error:  # noqa: BLE001  # whatever a user's file raises
        _refuse(f"{raised.place_in(paths[0], error)}: {raised.message_of(error)}")
    finally:
        make_usable()
    file, scenarios = raised.short_path(paths[0]), _scenarios(found[0])
    if not scenarios:
        _refuse(
            f"{file}:1: no scenario in it; it needs a class like"
            " `class Mine(Borrower): scenario = Scenario(faults=[...])`"
        )
    _, named = split(sys.argv[2])
    if named and named not in scenarios:
        _refuse(f"{file}:1: no scenario {named} in it; there are: {', '.join(scenarios)}")
    for other in scenarios if named else ():
        if other != named:
            del found[0][other]
    return found


def _scenarios(classes: dict[str, Any]) -> list[str]:
    """The scenarios among the classes of a file."""
    return [name for name, each in classes.items() if issubclass(each, Borrower)]


@contextmanager
def _kept_apart() -> Iterator[None]:
    """With ``--json`` standard output is one document: what a file prints goes beside it."""
    if "--json" not in sys.argv:
        yield
        return
    kept = os.dup(1)
    os.dup2(2, 1)
    try:
        yield
    finally:
        with suppress(Exception):  # closed, or taken away, by the file
            sys.stdout.flush()
        os.dup2(kept, 1)
        os.close(kept)


def _refuse(text: str) -> None:
    tell_error(text)
    sys.exit(int(ExitCode.USAGE))


if __name__ == "__main__":
    main()
