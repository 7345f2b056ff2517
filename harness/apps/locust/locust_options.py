"""Locust's own options and tables: what cannot go with a run, and where its files land.

What would turn a run into something else, or be dropped without a word, is an error with exit
code 2.
"""

import errno
import os
import random
import re
import socket
import sys
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from functools import wraps
from importlib.util import find_spec
from pathlib import Path
from typing import Any, NoReturn

from locust import stats

from harness.apps.locust.progress import tell_error
from harness.core.disk import is_writable, nearest
from harness.core.errors import HarnessError, UsageError
from harness.core.foreign_text import clean
from harness.core.ports import is_free
from harness.core.started_in import STARTED_IN
from harness.run.given_options import refuse_lists, set_elsewhere, with_places, without_value
from harness.run.scenario_path import joined, split

LOCUST_PORT = 5557
"""Where Locust's workers find their master unless told otherwise."""
RUN_COMMAND = "lendchaos run"
"""What Locust is called where we start it: headless, on one file, and for a verdict."""
_ASKING = {
    "dry_run": "--dry-run",
    "list_commands": "--list",
    "show_task_ratio": "--show-task-ratio",
    "show_task_ratio_json": "--show-task-ratio-json",
}
"""With these nothing is run."""
_FILES = {
    "csv_prefix": ("--csv", "_stats.csv"),
    "html_file": ("--html", ""),
    "json_file": ("--json-file", ""),
    "logfile": ("--logfile", ""),
}
MEANINGLESS = {
    "tags": "chooses among tasks, and a scenario's load has none",
    "exclude_tags": "chooses among tasks, and a scenario's load has none",
    "exit_code_on_error": "has no effect: the verdict is the exit code",
    "enable_rebalancing": "has no effect: each arrival has its worker",
    "spawn_rate": "has no effect: arrivals come at --rate from the first second",
    "reset_stats": "has no effect: nothing is counted before the load begins",
    "equal_weights": "has no effect: a run has one user class",
    "stop_timeout": "has no effect: what is under way at the end has its --request-timeout",
}
"""What would be dropped without a word, as the load of a scenario is planned."""
_OF_A_PAGE = (
    *("web_host", "web_host_display_name", "web_port", "web_base_path", "web_login", "tls_cert"),
    *("tls_key", "class_picker", "build_path", "autostart", "autoquit"),
)
_OF_A_MASTER = ("master_bind_host", "master_bind_port", "expect_workers_max_wait")
_OF_A_WORKER = ("master_host", "master_port")
_NUMBERS = ("int", "float", "timespan", "positive_integer", "checker")
"""What Locust reads numbers and lengths of time with; by name, as its functions are its own."""
_NO_NUMBER = re.compile(r"[^\W0-9a-zA-Z_]|[0-9]{19}")
NAME_BYTES_MAX = 255 - len("series--") - 12
"""Of a scenario: runs and series have folders of that name, and a name has 255 bytes at most."""
LETTERS_MAX = 120
"""Of a word that a message repeats."""
_NO_VARIABLES = ("--help", "--version", "--config")
"""Such variables are set in many an environment, and not meant for an option."""


def settle_options(parser: Any) -> None:
    """Check Locust's options when they are read, and set what must be set before any listener.

    A dry run forks no worker, listens to none, serves no page and writes no file. Elsewhere the
    workers that are forked here get a port of their own, so that two runs at once don't meet.
    """
    parse = parser.parse_args
    # `--dry` would be a dry run, and `--runs 3` a folder.
    parser.allow_abbrev = False
    if parser.prog == RUN_COMMAND:
        parser.exit = tell_and_end
    refuse = parser.error
    parser.error = lambda message: refuse(with_places(message, set_elsewhere(parser)))
    refuse_lists(parser)

    def parse_args(*args: Any, **kwargs: Any) -> Any:
        actions = parser._actions  # noqa: SLF001  # argparse lists them nowhere else
        for action in actions:
            if getattr(action.type, "__name__", "") in _NUMBERS:
                action.type = _in_plain_digits(action.type)
        with _at_the_start():
            options = parse(*args, **kwargs)
        options.locustfile, options.scenario_class = split(options.locustfile)
        options.set_elsewhere = set_elsewhere(parser)
        options.without_effect = _without_effect(options, parser.prog)
        options.meaningless = list(_meaningless(parser, actions, options))
        if wrong := list(without_value(parser, options)):
            parser.error("; ".join(wrong))
        wrong = [*_unread(actions), *_contradictions(options), *_unwritable(options)]
        if parser.prog == RUN_COMMAND:
            wrong += _not_in_a_run(options)
        if wrong:
            parser.error("; ".join(wrong))
        if getattr(options, "dry_run", False):
            options.processes = options.csv_prefix = options.html_file = options.logfile = None
            options.master = options.worker = options.autostart = options.headful = False
            options.stats_history_enabled = False
            options.autoquit = -1
            options.headless = True
        ports = (getattr(options, "master_port", None), getattr(options, "master_bind_port", None))
        if getattr(options, "processes", None) and ports == (LOCUST_PORT, LOCUST_PORT):
            options.master_port = options.master_bind_port = _free_port()
        return options

    parser.parse_args = parse_args


def tell_and_end(status: int = 0, message: str | None = None) -> NoReturn:
    """Print a mistake as all of `lendchaos` does: on one line that begins with ``error:``."""
    if message:
        words = [w if len(w) <= LETTERS_MAX else f"{w[:LETTERS_MAX]}…" for w in message.split()]
        text = " ".join(words).removeprefix(f"{RUN_COMMAND}: ")
        tell_error(clean(text).removeprefix("error: "))
    sys.exit(status)


def _in_plain_digits(read: Callable[[str], Any]) -> Callable[[str], Any]:
    """Reads the same, but takes only what is written in the digits 0 to 9, and at most 18 of them.

    Python knows those of every script, and numbers too large to be shown.
    """

    @wraps(read, updated=())
    def read_plain(text: str) -> Any:
        if _NO_NUMBER.search(text):
            raise ValueError(text)
        return read(text)

    return read_plain


@contextmanager
def _at_the_start() -> Iterator[None]:
    """In the folder of the start, where configuration files are read; a scenario may be gone."""
    here = os.open(".", os.O_RDONLY | os.O_DIRECTORY)  # it may have been deleted
    os.chdir(STARTED_IN)
    try:
        yield
    finally:
        os.fchdir(here)
        os.close(here)


def _without_effect(options: Any, command: str) -> dict[str, str]:
    """What has none in this run, and why; a worker's command line may be that of its master."""
    found = dict(MEANINGLESS)
    is_run = command == RUN_COMMAND
    if not options.worker and (options.headless or (is_run and options.dry_run)):
        why = "a headless run has none" if is_run else "with --headless there is none"
        found |= dict.fromkeys(_OF_A_PAGE, f"is of Locust's page, and {why}")
    if not (options.master or options.processes):
        found |= dict.fromkeys(_OF_A_MASTER, "goes with --master or --processes only")
    if not options.master:
        found["expect_workers"] = "goes with --master only"
    if not (options.worker or options.processes):
        found |= dict.fromkeys(_OF_A_WORKER, "goes with --worker or --processes only")
    if options.skip_log_setup:
        found["logfile"] = "has no effect with --skip-log-setup"
    if options.otel and not _has_telemetry():
        found["otel"] = "has no effect: OpenTelemetry is not installed (pip install 'locust[otel]')"
    if is_run:
        found["print_stats"] = f"has no effect: the tables of `{RUN_COMMAND}` come at its end"
    return found


def _has_telemetry() -> bool:
    with suppress(ModuleNotFoundError):  # of the package around it
        return find_spec("opentelemetry.sdk") is not None
    return False


def _meaningless(parser: Any, actions: Any, options: Any) -> Iterator[str]:
    """What the user asks of this run in vain; in a variable or a file it is there for others."""
    for one in options.set_elsewhere:
        if one.name in options.without_effect:
            setattr(options, one.name, parser.get_default(one.name))
    for action in actions:
        why = options.without_effect.get(action.dest)
        if why and str(getattr(options, action.dest)) != str(parser.get_default(action.dest)):
            yield f"{'/'.join(action.option_strings)} {why}"


def _unread(actions: Any) -> Iterator[str]:
    """Variables that are named like an option of the command line, without any effect."""
    for action in actions:
        name = next((text for text in action.option_strings if text.startswith("--")), "--help")
        variable = f"LOCUST_{name[2:].upper().replace('-', '_')}"
        unread = not getattr(action, "env_var", None) and name not in _NO_VARIABLES
        if unread and variable in os.environ:
            yield f"the environment variable {variable} has no effect: use {name}"


def _contradictions(options: Any) -> Iterator[str]:
    """What Locust itself refuses, but with exit code 1 or 255, or not in a dry run."""
    if options.autoquit != -1 and not (options.autostart or "autoquit" in options.without_effect):
        yield "--autoquit goes with --autostart only"
    if options.processes is not None and options.processes < -1:
        yield f"--processes {options.processes} must be a number of processes, or -1"
    if options.master and options.worker:
        yield "--master and --worker exclude each other"
    if options.master and options.processes:
        yield "--processes makes a master by itself: leave --master out"
    if options.stats_history_enabled and options.csv_prefix is None:
        yield "--csv-full-history goes with --csv only"


def _unwritable(options: Any) -> Iterator[str]:
    """Files that cannot be written; Locust's own lie where the user stood at the start, too."""
    named: dict[str, str] = {}
    for name, (option, suffix) in _FILES.items():
        if given := getattr(options, name, None):
            path = os.path.join(STARTED_IN, given)  # noqa: PTH118  # keeps a slash at the end
            setattr(options, name, path)
            if objection := _objection(Path(path + suffix)):
                yield f"{option} {given} cannot be written: {objection}"
            if (other := named.setdefault(os.path.realpath(path + suffix), option)) != option:
                yield f"{other} and {option} are one file, {given}: name two"

    runs_nothing = options.worker or any(
        getattr(options, name, False) for name in _ASKING if name != "dry_run"
    )
    if runs_nothing:
        return
    scenario = joined(Path(options.locustfile).stem, options.scenario_class)
    if (size := len(os.fsencode(scenario))) > NAME_BYTES_MAX:
        said = f"has {size} bytes, and the folder of a run is named after it"
        said += f": rename it to at most {NAME_BYTES_MAX}"
        yield f"the name of the scenario {scenario[:LETTERS_MAX]}… {said}"
        return
    # Whether the disk takes it is asked later: that is of the environment, and no mistake.
    # As deep as the longest of the files that a run writes.
    where = STARTED_IN / options.runs_dir / f"{scenario}-{'0' * 12}" / ("x" * 40)
    if objection := _objection(where, for_ever=True):
        yield f"--runs-dir {options.runs_dir} cannot be written: {objection}"


def _objection(path: Path, *, for_ever: bool = False) -> str:
    """Why no file can be written there, or nothing; ``for_ever``: why no user can."""
    try:
        if path.is_dir():
            return "it is a folder"
        there = nearest(path)
    except OSError as error:
        return str(error.strerror)
    if there != path and not there.is_dir():
        return f"{there} is no folder"
    return "" if for_ever or is_writable(there) else f"{there} is not writable"


def _not_in_a_run(options: Any) -> Iterator[str]:
    """What would make something else of `lendchaos run`."""
    for name, option in _ASKING.items():
        if name in {one.name for one in options.set_elsewhere}:
            yield f"{option} runs nothing: give it on the command line, or use `locust -f`"
    if options.worker:
        yield "--worker is led by another run: use `locust -f FILE --worker`"
    if options.headful:
        yield "--headful serves a page: use `locust -f FILE`"


def leave_out_empty_tables(environment: Any) -> None:
    """At the end of a process that sent nothing: Locust would print its tables below an error."""
    total = environment.stats.total
    if total.num_requests == total.num_failures == 0:
        for name in ("print_stats", "print_percentile_stats", "print_error_report"):
            setattr(stats, name, lambda *_, **__: None)


def _free_port() -> int:
    """A port that no one listens on, below those of the stacks."""
    # Not seeded: two runs with one seed must not meet either.
    ports = random.SystemRandom().sample(range(10_000, 12_000), 2_000)
    return next(filter(is_free, ports), LOCUST_PORT)


def require_port(host: str, port: int) -> None:
    """Before Locust fails to serve its page there: UsageError where there is no such address,
    HarnessError where someone else listens.
    """
    family = socket.AF_INET6 if ":" in host else socket.AF_INET
    with socket.socket(family, socket.SOCK_STREAM) as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            at = f"--web-host {host or '*'} --web-port {port}"
            if error.errno in (errno.EADDRINUSE, errno.EACCES):
                raise HarnessError(f"{at} cannot be used: {error.strerror}") from error
            raise UsageError(f"{at} is no address of this machine: {error.strerror}") from error
