"""Locust's own endings: none of them is taken for a missed objective."""

import ast
import socket
import subprocess
import sys
from collections import Counter
from importlib.util import find_spec
from pathlib import Path
from typing import Any

import pytest

from tests.cli.processes import environment

BEFORE_US = "bare Locust's own 1: no scenario file is loaded yet"
USAGE = "2: translated"
AROUND_US = "3: translated"
NOT_OURS = "no end of a run of ours"
ENDINGS = {
    ("__init__", "", "os._exit(1)"): (1, NOT_OURS),  # gevent was patched before: no Linux case
    ("argument_parser", "_parse_locustfile_path", "sys.exit(1)"): (2, BEFORE_US),
    ("argument_parser", "download_locustfile_from_url", "sys.exit(1)"): (2, BEFORE_US),
    ("argument_parser", "download_locustfile_from_master", "sys.exit(1)"): (3, BEFORE_US),
    ("argument_parser", "retrieve_locustfiles_from_master", "sys.exit(1)"): (1, BEFORE_US),
    ("util.load_locustfile", "load_locustfile", "sys.exit(1)"): (1, BEFORE_US),
    ("debug", "run_single_user", "os._exit(1)"): (1, NOT_OURS),
    ("main", "set_available_things", "sys.exit(1)"): (2, USAGE),  # two classes of one name
    # Windows, --autoquit, --processes three times, no class, --web-base-path, an init listener.
    ("main", "main", "sys.exit(1)"): (9, USAGE),
    # --config-users twice, --master with --worker, no --expect-workers, no master to be found.
    ("main", "main", "sys.exit(-1)"): (5, USAGE),
    ("main", "main", "sys.exit(0)"): (3, NOT_OURS),  # --list, --show-task-ratio
    ("main", "main", "sys.exit(exit_code)"): (1, NOT_OURS),  # of workers, whose codes are ours
    ("main", "sigint_handler", "sys.exit(1)"): (1, NOT_OURS),
    ("main", "start_automatic_run", "sys.exit(1)"): (1, AROUND_US),  # no worker came
    ("main", "shutdown", "sys.exit(code)"): (1, NOT_OURS),  # the verdict's
    ("runners", "__init__", "sys.exit(1)"): (1, AROUND_US),  # the master's port is taken
    ("runners", "connect_to_master", "sys.exit(1)"): (1, "130: translated"),
    ("stats", "validate_stats_configuration", "sys.exit(1)"): (3, USAGE),
}
HEAD = "from harness import Borrower, Scenario\n"
SCENARIO = f"{HEAD}class Mine(Borrower):\n    scenario = Scenario()\n"
PERCENTILES = f"from locust import stats\nstats.PERCENTILES_TO_CHART = [2]\n{SCENARIO}"
ALONE = ("--headless", "--only-summary")
MASTER = (*ALONE, "--master", "--master-bind-port")
CTRL_C = f"""{SCENARIO}
import os, signal, time
from locust import events
def end(**_):
    signal.signal(signal.SIGINT, signal.default_int_handler)  # a shell's background has none
    os.kill(os.getpid(), signal.SIGINT)
    time.sleep(5)
events.init_command_line_parser.add_listener(end)
"""
NO_WORKER = ("--master", "--expect-workers-max-wait=1", "--master-bind-port=0")


def test_every_end_of_locust_is_known() -> None:
    """A new version may have others."""
    spec = find_spec("locust")
    assert spec is not None
    assert spec.origin is not None
    root = Path(spec.origin).parent
    found: Counter[tuple[str, str, str]] = Counter()
    for path in root.rglob("*.py"):
        name = ".".join(path.relative_to(root).with_suffix("").parts)
        if not name.startswith(("test.", "contrib.", "clients")):
            found.update((name, *end) for end in ends(ast.parse(path.read_text()), ""))

    assert found == {place: count for place, (count, _) in ENDINGS.items()}


def ends(node: ast.AST, function: str) -> list[tuple[str, str]]:
    """Calls that end the process, each with the function that it stands in."""
    found = []
    for child in ast.iter_child_nodes(node):
        inner = child.name if isinstance(child, ast.FunctionDef) else function
        if isinstance(child, ast.Call) and ast.unparse(child.func) in ("sys.exit", "os._exit"):
            found.append((inner, ast.unparse(child)))
        found += ends(child, inner)
    return found


@pytest.fixture
def taken() -> Any:
    """A port of this machine on which somebody listens."""
    with socket.create_server(("127.0.0.1", 0)) as server:
        yield str(server.getsockname()[1])


CASES = {
    "no such class": ("mine.py", [*ALONE, "Nobody"], 2, "Unknown User(s): Nobody"),
    "two of one name": ("mine.py,two.py", ALONE, 2, "Duplicate user class names: Mine"),
    "no weight": ("weightless.py", ALONE, 2, "error: ValueError: There are no users with weight"),
    "percentiles": ("percentiles.py", ALONE, 2, "PERCENTILES_TO_CHART parameter need to be"),
    "no worker": ("mine.py", [*ALONE, *NO_WORKER], 3, "Gave up waiting for workers to connect"),
    "workers' port": ("mine.py", [*MASTER, "{port}"], 3, "Socket bind failure: Address already"),
    "page's port": ("mine.py", ["--web-port", "{port}"], 3, "cannot be used: Address already in"),
    "Ctrl-C": ("ends.py", [*ALONE, "--dry-run"], 130, ""),
    "page's number": ("mine.py", ["--web-port=70000"], 2, "--web-port 70000 must be from 0 to"),
    "page's address": ("mine.py", ["--web-host=203.0.113.1"], 2, "no address of this machine"),
}


@pytest.mark.parametrize("case", CASES.values(), ids=CASES)
def test_bare_locust_ends_in_our_codes(case: Any, taken: str, tmp_path: Path) -> None:
    """Once a scenario file was loaded; what went wrong is one line."""
    file, words, code, told = case
    (tmp_path / "mine.py").write_text(SCENARIO)
    (tmp_path / "two.py").write_text(SCENARIO)
    (tmp_path / "weightless.py").write_text(f"{SCENARIO}\nMine.weight = 0\n")
    (tmp_path / "ends.py").write_text(CTRL_C)
    (tmp_path / "percentiles.py").write_text(PERCENTILES)
    words = [taken if word == "{port}" else word for word in words]

    done = subprocess.run(
        [sys.executable, "-m", "locust", "-f", file, *words],
        capture_output=True,
        text=True,
        check=False,
        cwd=tmp_path,
        env=environment(),
        timeout=30,
    )

    assert done.returncode == code, done.stderr
    assert told in done.stderr
    assert "http://" not in done.stderr  # an address that is not ours
    assert "Traceback" not in done.stderr
    assert not (tmp_path / "runs").exists()
