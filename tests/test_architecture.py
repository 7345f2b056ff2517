"""Who may import whom, and how large things may grow: the style guide as a test."""

import ast
import re
import subprocess
import sys
from collections import Counter
from collections.abc import Callable, Iterable, Iterator
from graphlib import CycleError, TopologicalSorter
from pathlib import Path

import pytest

from harness.stack.parts.lending_service import LendingService

ROOT = Path(__file__).parent.parent
SOURCES = sorted(
    path
    for folder in ("harness", "target_service", "scenarios", "benchmarks", "tests")
    for path in (ROOT / folder).rglob("*.py")
)
FILE_LINES_MAX = 400
FUNCTION_LINES_MAX = 50
LINE_LENGTH_MAX = 100

# The rooms of the harness, lowest first: a room may import the rooms it names, and itself.
# Doing and judging meet in `run` alone; among the programs on top only the named ones are shared.
BELOW = ("core", "plan", "history")
ROOMS: dict[str, tuple[str, ...]] = {
    "core": (),
    "plan": ("core",),
    "history": ("core", "plan"),
    "target": BELOW,
    "load": (*BELOW, "target"),
    "stack": BELOW,
    "faults": (*BELOW, "stack"),
    "verdict": BELOW,
    "report": (*BELOW, "verdict"),
    "run": (*BELOW, "target", "load", "stack", "faults", "verdict", "report"),
    "apps": (*BELOW, "target", "load", "stack", "faults", "verdict", "report", "run"),
}
APPS: dict[str, tuple[str, ...]] = {
    "locust": (),
    "gate": (),
    "pytest": ("gate",),
    "gameday": (),
    "cli": ("gate", "gameday"),
}
ROOT_ENTRIES_MAX = 13
HANDED_ON = (
    "zip",
    "enumerate",
    "sorted",
    "reversed",
    "list",
    "tuple",
    "set",
    "iter",
    "map",
    "filter",
)
"""What goes from row to row of what it is given."""

# Third parties that are at home in few places, and only there.
HOMES: dict[str, set[str]] = {
    "locust": {"apps/locust/"},
    "gevent": {"apps/locust/", "load/"},
    "flask": {"apps/locust/"},
    "toxiproxy": {"faults/proxy_control"},
    "psycopg": {
        "core/connections",
        *("faults/audit", "faults/foreign_sessions", "faults/probes"),
        *("faults/database/blocking_migration", "faults/database/commit_lost"),
    },
    "requests": set(),  # it asks the environment: `core/http_calls` does not
    "yaml": {"core/yaml_models"},
    "jinja2": {"report/html"},
    "resvg_py": {"report/picture"},
    "pytest": {"apps/pytest/"},
    "xdist": {"apps/pytest/pytest_workers"},
    "rich": {"apps/cli/", "apps/gameday/screen", "apps/gameday/attended", "report/terminal_text"},
    "typer": {"apps/cli/"},
    "scipy": {"verdict/measure/"},
    "pandas": {"run/result", "run/run_frames"},
}

# What is known of our contract: its paths, and SQL on the tables of the service.
CONTRACT = re.compile(
    r"/v1/|/healthz|/readyz"
    rf"|\b(?:FROM|JOIN|INTO|UPDATE|TABLE)\s+(?:{'|'.join(LendingService.tables)})\b"
)
CONTRACT_HOMES = ("target/", "stack/parts/", "stack/state")


def _locks(node: ast.AST) -> bool:
    name = getattr(node, "attr", None) or (isinstance(node, ast.alias) and node.name)
    return name in ("flock", "lockf")


def _puts_in_place(node: ast.AST) -> bool:
    """A file gets the name of another; what replaces in a text or a fact has other arguments."""
    if not (isinstance(node, ast.Call) and isinstance(node.func, ast.Attribute)):
        return False
    alone = len(node.args) == 1 and not node.keywords
    named = ast.unparse(node.func) in ("os.replace", "os.rename", "shutil.move")
    return named or (alone and node.func.attr in ("replace", "rename"))


def _names_the_boot(node: ast.AST) -> bool:
    return isinstance(node, ast.Constant) and "random/boot_id" in str(node.value)


# What is done in one file alone, and a line that does it, as it could stand in another one.
ONCE: dict[str, tuple[Callable[[ast.AST], bool], str]] = {
    "core/locks": (_locks, "fcntl.flock(file, fcntl.LOCK_EX)"),
    "core/files": (_puts_in_place, "half.rename(whole)"),
    "core/processes": (_names_the_boot, "Path('/proc/sys/kernel/random/boot_id').read_text()"),
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


HARNESS = [p for p in SOURCES if p.is_relative_to(ROOT / "harness")]
PUBLIC = ("harness", "harness.testing")
"""They hand on names of all rooms, and are in none."""
MODULES = {
    ".".join(("harness", *place(p).split("/"))).removesuffix(".__init__"): p for p in HARNESS
}


def may_import(importer: str, imported: str) -> bool:
    """Whether one module of the harness may import another, by the rooms that they are in."""
    _, room, *inner = importer.split(".")
    _, other, *theirs = imported.split(".")
    if room == other == "apps" and inner and theirs:
        return theirs[0] in {inner[0], *APPS[inner[0]]}
    return other in {room, *ROOMS[room]}


def wrong_imports(importer: str, imported: Iterable[str]) -> list[str]:
    """What a module of the harness imports although it may not."""
    where = importer.removeprefix("harness.").replace(".", "/")
    found = []
    for module in imported:
        package, *rest = module.split(".")
        if package == "harness":
            wrong = bool(rest) and rest[0] in ROOMS and not may_import(importer, module)
        else:
            homes = HOMES.get(package, {""})
            wrong = not any(where.startswith(home) for home in homes)
        if wrong or package == "target_service":
            found.append(module)
    return found


def circles(graph: dict[str, set[str]]) -> list[set[str]]:
    """Groups of modules each of which leads back to itself."""
    sorter, rest = TopologicalSorter(graph), {**graph}
    try:
        sorter.prepare()
    except CycleError as error:
        found = set(error.args[1])
        kept = {m: {k for k in to if k not in found} for m, to in rest.items() if m not in found}
        return [found, *circles(kept)]
    return []


def modules_named(path: Path) -> set[str]:
    """The modules of the harness that a file imports, or imports a name from."""
    found = set()
    for node in ast.walk(ast.parse(path.read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name for alias in node.names}
        elif isinstance(node, ast.ImportFrom) and node.module:
            inner = {f"{node.module}.{alias.name}": node.module for alias in node.names}
            found |= {name if name in MODULES else module for name, module in inner.items()}
    return found & set(MODULES)


def file_graph() -> dict[str, set[str]]:
    """Each module of the harness, and those of its modules that it imports."""
    return {module: modules_named(path) - {module} for module, path in MODULES.items()}


@pytest.mark.parametrize("module", [m for m in MODULES if m not in PUBLIC])
def test_imports_only_what_is_upstream(module: str) -> None:
    """No module imports a room that is not below its own, nor a third party outside its home."""
    assert module.split(".")[1] in ROOMS, f"{module} is in no room"
    assert wrong_imports(module, imports(MODULES[module])) == []


def test_no_file_leads_back_to_itself() -> None:
    """Inside the rooms, too: files can be read from the lowest to the highest."""
    assert circles(file_graph()) == []


def test_no_permission_is_unused() -> None:
    """A room that may import another one does, and a third party is in each of its homes."""
    arrows = [(m.split("."), k.split(".")) for m, to in file_graph().items() for k in to]
    used = {(m[1], k[1]) for m, k in arrows if len(m) > 1 and len(k) > 1}
    allowed = {(room, other) for room, others in ROOMS.items() for other in others}
    homes = {(package, home) for package, places in HOMES.items() for home in places}
    lived_in = {
        (package, home)
        for package, home in homes
        for path in HARNESS
        if place(path).startswith(home)
        and any(name.split(".")[0] == package for name in imports(path))
    }

    assert sorted(allowed - used) == []
    assert sorted(homes - lived_in) == []


def test_the_import_checks_can_fail() -> None:
    """A planted wrong import of each kind is found, and a planted circle."""
    planted = ["harness.run.conductor", "harness.plan.plan", "target_service.rules", "locust"]

    found = wrong_imports("harness.verdict.judge", [*planted, "json"])

    assert found == ["harness.run.conductor", "target_service.rules", "locust"]
    assert not may_import("harness.apps.gameday.session_store", "harness.apps.cli.app")
    assert circles({"a": {"b"}, "b": {"c"}, "c": {"b"}, "d": set()}) == [{"b", "c"}]


def row_loops(source: str) -> list[str]:
    """Loops and comprehensions over the rows of operations or attempts, as text.

    Those over a list, a tuple or pairs of them, too; not those over a column.
    """
    found = []
    for node in ast.walk(ast.parse(source)):
        if isinstance(node, ast.For | ast.AsyncFor | ast.comprehension):
            over: list[ast.AST] = [node.iter]
            for one in over:  # which grows meanwhile
                if isinstance(one, ast.Call) and ast.unparse(one.func) in HANDED_ON:
                    over += one.args
                elif isinstance(one, ast.Subscript | ast.Starred | ast.BinOp):
                    over += ast.iter_child_nodes(one)
            if {ast.unparse(one).rpartition(".")[2] for one in over} & {"operations", "attempts"}:
                found.append(ast.unparse(node.iter))
    return found


def test_nothing_outside_history_iterates_over_rows() -> None:
    """Operations and attempts are columns to all others, so that another store can hold them."""
    others = [path for path in HARNESS if not place(path).startswith("history/")]

    assert {place(path): f for path in others if (f := row_loops(path.read_text("utf-8")))} == {}


@pytest.mark.parametrize(
    "line",
    [
        "for operation in facts.operations: pass",
        "n = sum(a.sent for a in case.facts.attempts)",
        "keys = {o.key for o in sorted(facts.operations, key=by_start)}",
        "for index, (o, bad) in enumerate(zip(samples.operations, failed)): pass",
        "told = [a for a in reversed(list(attempts))[1:]]",
    ],
)
def test_the_check_of_loops_can_fail(line: str) -> None:
    """Each way to go from row to row is found."""
    assert len(row_loops(line)) == 1


def test_a_loop_over_a_column_is_none_over_rows() -> None:
    """Nor is one over what a mask leaves of a column, or over counts."""
    assert row_loops("for key in zip(facts.operations.key, told_by(attempts)): pass") == []
    assert row_loops("for n in seen.attempts_per_operation.values(): pass") == []


@pytest.mark.parametrize("home", ONCE)
def test_what_is_done_in_one_file_is_done_in_no_other(home: str) -> None:
    """One lock, one file put in the place of another, one reading of the boot's id."""
    does, planted = ONCE[home]
    found = [p for p in HARNESS if any(map(does, ast.walk(ast.parse(p.read_text("utf-8")))))]

    assert [place(path) for path in found] == [home]
    assert any(map(does, ast.walk(ast.parse(planted))))
    for other in ("text.replace('a', 'b')", "replace(fact, by='x')", "now.replace(tzinfo=UTC)"):
        assert not any(map(does, ast.walk(ast.parse(other))))


def test_names_are_found_once() -> None:
    """One file name and one public class name lead to one place."""
    names = Counter(path.name for path in HARNESS if not path.name.startswith("__"))
    classes = Counter(
        node.name
        for path in HARNESS
        for node in ast.parse(path.read_text(encoding="utf-8")).body
        if isinstance(node, ast.ClassDef) and not node.name.startswith("_")
    )

    assert [name for name, count in names.items() if count > 1] == []
    assert [name for name, count in classes.items() if count > 1] == []


def test_the_contract_is_known_in_one_room() -> None:
    """And by the part that starts the service: another lender's API is another class there."""
    texts = {place(p): p.read_text(encoding="utf-8") for p in HARNESS}
    known = {where: CONTRACT.findall(text) for where, text in texts.items()}

    assert known["target/contract"]
    elsewhere = {w: found for w, found in known.items() if not w.startswith(CONTRACT_HOMES)}
    assert {where: found for where, found in elsewhere.items() if found} == {}


@pytest.mark.parametrize(
    "planted",
    [
        'journey.send("POST", "/v1/loans", body)',
        'get(f"{url}/healthz")',
        'READY = "/readyz"',
        '"SELECT count(*) FROM loan"',
        "UPDATE\n  credit_line SET used_fen = 0",
    ],
)
def test_knowledge_of_the_contract_would_be_found(planted: str) -> None:
    """Each kind; what is named like a table and is no SQL is none."""
    assert CONTRACT.search(planted)
    assert not CONTRACT.search("FROM loans, a loan from disbursement to repayment")


def test_the_root_stays_small() -> None:
    """One entry for each room, and the public names."""
    entries = {p.name for p in (ROOT / "harness").iterdir()} - {"py.typed", "__pycache__"}

    assert len(entries) <= ROOT_ENTRIES_MAX
    assert {name for name in entries if not name.endswith(".py")} == set(ROOMS)


def test_the_service_knows_nothing_of_the_harness() -> None:
    """The contract is HTTP: neither side imports the other."""
    service = [p for p in SOURCES if p.is_relative_to(ROOT / "target_service")]

    assert service
    assert [p.name for p in service if any(m.split(".")[0] == "harness" for m in imports(p))] == []


def test_judging_does_not_bring_locust() -> None:
    """Locust patches the standard library at import, so that all but the load does without it."""
    modules = "harness, harness.verdict.judge, harness.apps.cli, harness.run.conductor"
    found = "sorted(set(('gevent', 'locust')).intersection(sys.modules))"
    code = f"import sys, {modules}; print({found})"
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True)

    assert done.stdout.strip() == "[]"


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

    assert len(lines) <= FILE_LINES_MAX, f"more than {FILE_LINES_MAX} lines: split it"
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
