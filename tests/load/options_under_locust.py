"""Reads command lines as Locust does, once a scenario file was loaded; prints what came of each."""

import json
import os
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

from locust.argument_parser import get_empty_argument_parser, get_parser, setup_parser_arguments

from harness.apps.locust import borrower  # noqa: F401  # adds our options
from harness.apps.locust.locust_options import RUN_COMMAND


def read(words: list[str], variables: dict[str, str], *, bare: bool) -> dict[str, Any]:
    """What Locust's parser makes of one command line, or the exit code and what it says."""
    sys.argv = ["locust" if bare else RUN_COMMAND, "-f", "mine.py", *words]
    os.environ.update(variables)
    said: list[str] = []
    try:
        with errors_to(said):
            found = vars(get_parser().parse_args())
    except SystemExit as end:
        return {"code": end.code, "said": said[0]}
    finally:
        for name in variables:
            del os.environ[name]
    kept = ("csv_prefix", "html_file", "json_file", "logfile", "dry_run", "rate", "headless")
    kept += ("meaningless", "set_elsewhere", "tags", "exit_code_on_error", "spawn_rate")
    kept += ("web_port", "expect_workers", "print_stats")
    return {"code": None, **{name: found[name] for name in kept}}


@contextmanager
def errors_to(said: list[str]) -> Iterator[None]:
    """Adds what goes to standard error meanwhile, by whatever way."""
    kept = os.dup(2)
    with tempfile.TemporaryFile() as file:
        os.dup2(file.fileno(), 2)
        try:
            yield
        finally:
            sys.stderr.flush()
            os.dup2(kept, 2)
            os.close(kept)
            file.seek(0)
            said.append(file.read().decode())


cases = json.load(sys.stdin)
with tempfile.TemporaryDirectory() as elsewhere:
    os.chdir(elsewhere)  # as a scenario file may do while it is loaded
    results = [read(*case[:2], bare=case[2]) for case in cases]
    assert Path.cwd().samefile(elsewhere)
parser = get_empty_argument_parser()
setup_parser_arguments(parser)
known = [action for action in parser._actions if action.option_strings]
described = [
    {
        "words": sorted(action.option_strings, key=len),
        "variable": getattr(action, "env_var", None),
        "choices": list(action.choices or ()),
        "help": action.help,
    }
    for action in known
]
options = [action.option_strings[-1] for action in known]
json.dump({"results": results, "options": options, "described": described}, sys.stdout)
