"""The pytest plugin: scenarios as items of a gate, and fixtures for tests of one's own.

It is loaded into every pytest where this package is installed, so without its options and fixtures
it does nothing and imports little but pytest; everything else is imported where it is used.
"""

# ruff: noqa: PLC0415

import os
import shlex
import signal
from collections.abc import Callable, Generator, Iterator
from contextlib import ExitStack, contextmanager, nullcontext, suppress
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, Any

import pytest

if TYPE_CHECKING:
    from harness.apps.gate.gate_runs import GateOrder, RunCache
    from harness.apps.pytest.pytest_runs import ChaosRun
    from harness.run.progress_messages import Update
    from harness.stack import Stack

WORKER_INPUT = "lendchaos_asked"
WORKER_OUTPUT = "lendchaos_not_passed"
WORKER_RAN = "lendchaos_ran"
WHOLE_FILES = ("loadfile", "loadscope")
"""The ways of pytest-xdist that leave the items of one file together by themselves."""


@dataclass(slots=True)
class Gate:
    """What this session was asked for. ``paths`` are absolute."""

    paths: tuple[Path, ...] = ()
    asked: dict[Path, "GateOrder"] = field(default_factory=dict)
    collected: set[Path] = field(default_factory=set)
    run_cache: "RunCache | None" = None
    workers: list[int] = field(default_factory=list)
    """Processes of pytest-xdist on this machine."""
    not_passed: list[str] = field(default_factory=list)
    """One line for each scenario that did not pass, of workers as well."""
    due: set[Path] = field(default_factory=set)
    """Scenarios that are to be run in this session; none where items are only listed."""
    ran: set[Path] = field(default_factory=set)
    """Those that were, by workers as well."""
    told: list[str] = field(default_factory=list)
    """Those lines, where nothing else makes the exit code 1."""
    listens: ExitStack = field(default_factory=ExitStack)
    """To signals, from the first run on; each interrupts pytest, as a Ctrl-C does."""


GATE = pytest.StashKey[Gate]()


def pytest_addoption(parser: pytest.Parser) -> None:
    """Options of the gate, and of every run that a fixture makes."""
    from harness.plan.run_options import RUN_OPTIONS

    group = parser.getgroup("lendchaos", "chaos runs on a lending service")
    group.addoption(
        "--scenario",
        action="append",
        default=[],
        metavar="SCENARIO",
        help="run this scenario (a file, or its name under scenarios/) and collect one item for"
        " each objective and invariant; repeatable",
    )
    group.addoption(
        "--runs",
        type=int,
        metavar="N",
        help="runs of each --scenario, all of which must pass (default: as resilience.yaml says)",
    )
    group.addoption(
        "--chaos-options",
        default="",
        metavar="OPTIONS",
        help="passed on to every run: --chaos-options='--rate=30 --baseline=10s'",
    )
    for each in RUN_OPTIONS:
        if each.pytest:
            said = f"{each.help} (default: {each.shown_default})"
            if each.name == "state-dir":
                said += "; with pytest-xdist each worker has one of its own beside it"
            group.addoption(each.pytest, metavar=each.type.placeholder, help=said)


@pytest.hookimpl(tryfirst=True)
def pytest_configure(config: pytest.Config) -> None:
    """Have the scenarios collected: alone, unless tests are named on the command line, too."""
    here = config.invocation_params.dir
    gate = config.stash[GATE] = Gate()
    if not config.getoption("scenario"):
        if config.getoption("runs") is not None:
            raise pytest.UsageError("--runs is for scenarios: name one with --scenario")
        return
    from harness.run.locust_process import find_scenario
    from harness.run.scenario_path import file_of

    with _usage_errors():
        found = [_absolute(find_scenario(name)) for name in config.getoption("scenario")]
    gate.paths = tuple(dict.fromkeys(found))
    named = config.args if config.args_source is pytest.Config.ArgsSource.ARGS else []
    chosen = {_absolute(here / argument.partition("::")[0]) for argument in named}
    config.args = [*named, *(str(path) for path in gate.paths if file_of(path) not in chosen)]


def _absolute(path: Path) -> Path:
    """As pytest has it: symbolic links stay, so that ids are made of what the user wrote."""
    return Path(os.path.abspath(path))  # noqa: PTH100  # `resolve` would follow links


@pytest.hookimpl(tryfirst=True)
def pytest_sessionstart(session: pytest.Session) -> None:
    """Find out what each scenario will be judged by; a usage error ends pytest here."""
    config = session.config
    gate = config.stash[GATE]
    if not gate.paths:
        return
    from harness.apps.gate.gate_runs import GateOrder, ask
    from harness.apps.pytest.pytest_items import SuiteFigures
    from harness.run.locust_process import runs_of

    if hasattr(config, "workerinput"):
        told = config.workerinput[WORKER_INPUT]
        gate.asked = {Path(p): GateOrder(Path(p), runs, tuple(names)) for p, runs, names in told}
        return
    if config.getoption("dist", "no") == "each":
        raise pytest.UsageError("--dist each would run every scenario once for each worker")
    with _usage_errors():
        run_cache = _run_cache(config)
        options = [*run_cache.options, "--state-dir", str(run_cache.state_dir)]
        each = runs_of(list(gate.paths), options, config.getoption("runs"))
        for path, runs in zip(gate.paths, each, strict=True):
            gate.asked[path] = ask(path, options, runs)
    config.pluginmanager.register(SuiteFigures(config, gate.paths))


@contextmanager
def _usage_errors() -> Iterator[None]:
    """Turn an error of lendchaos into a usage error of pytest: one line, exit code 4."""
    from harness.core.errors import HarnessError, UsageError

    try:
        yield
    except (HarnessError, UsageError) as error:
        raise pytest.UsageError(f"lendchaos: {error}") from error


@pytest.hookimpl(optionalhook=True)
def pytest_configure_node(node: Any) -> None:
    """Tell a worker of pytest-xdist what is known already."""
    gate = node.config.stash[GATE]
    asked = [(str(a.path), a.runs, list(a.objectives)) for a in gate.asked.values()]
    node.workerinput[WORKER_INPUT] = asked
    if asked and node.gateway.spec.popen:
        gate.workers.append(node.gateway._rinfo().pid)  # noqa: SLF001  # nothing else tells it


@pytest.hookimpl(optionalhook=True)
def pytest_xdist_make_scheduler(config: pytest.Config, log: Any) -> Any:
    """The items of a scenario share one run, so one worker gets them all, however the others go."""
    paths = config.stash[GATE].paths
    if not paths or config.getoption("dist") in WHOLE_FILES:
        return None
    from harness.apps.pytest.pytest_items import file_id
    from harness.apps.pytest.pytest_workers import ScenarioScheduling
    from harness.run.scenario_path import file_of

    return ScenarioScheduling(config, log, [file_id(file_of(path), config) for path in paths])


# --- collecting ----------------------------------------------------------------------------------


@pytest.hookimpl(tryfirst=True)
def pytest_ignore_collect(collection_path: Path, config: pytest.Config) -> bool | None:
    """A file that `chaos_run` made of a `Scenario` holds no tests, though it is named after one:
    to import it would bring Locust.
    """
    path = _absolute(collection_path)
    if path.suffix != ".py" or not path.parent.name.startswith(f"scenario-{path.stem}-"):
        return None
    asked = {str(each).partition("::")[0] for each in config.stash.get(GATE, Gate()).paths}
    return None if str(path) in asked else True


@pytest.hookimpl(wrapper=True)
def pytest_collect_file(
    file_path: Path, parent: pytest.Collector
) -> Generator[None, list[Any], list[Any]]:
    """A scenario is collected by us alone: any other would import it, and Locust with it."""
    others = yield
    gate = parent.config.stash[GATE]
    if not gate.asked:
        return others
    from harness.run.scenario_path import file_of

    path = _absolute(file_path)
    orders = [asked for each, asked in gate.asked.items() if file_of(each) == path]
    if not orders:
        return others
    from harness.apps.pytest.pytest_items import ScenarioFile

    gate.collected.update(asked.path for asked in orders)
    return [ScenarioFile.of(parent, file_path, orders, _run_cache(parent.config))]


@pytest.hookimpl(tryfirst=True)
def pytest_collection_modifyitems(config: pytest.Config) -> None:
    """See to it that no scenario that was asked for is passed over in silence."""
    gate = config.stash[GATE]
    if lost := [str(path) for path in gate.paths if path not in gate.collected]:
        raise pytest.UsageError(
            f"--scenario {', '.join(lost)} was not collected: pytest is set to ignore it"
            " (--ignore, norecursedirs, collect_ignore)"
        )


# --- running -------------------------------------------------------------------------------------


@pytest.hookimpl(tryfirst=True)
def pytest_runtestloop(session: pytest.Session) -> None:
    """Know that items are to be run: --collect-only, --fixtures and the like only list them."""
    if not session.config.getoption("collectonly"):
        gate = session.config.stash[GATE]
        gate.due |= set(gate.paths)


def _run_cache(config: pytest.Config) -> "RunCache":
    """Where the runs of this session happen; made when the first asks for it."""
    gate = config.stash[GATE]
    if gate.run_cache is None:
        from harness.apps.gate.gate_runs import RunCache, require_runnable
        from harness.core.forwarding import listening
        from harness.run.given_options import given

        try:
            options = shlex.split(config.getoption("chaos_options"))
        except ValueError as error:
            raise pytest.UsageError(f"--chaos-options cannot be read: {error}") from error
        with _usage_errors():
            require_runnable(options)
            if (objectives := config.getoption("objectives")) is not None:
                options += ["--objectives", objectives]
            known = given(options)
        runs_dir = Path(config.getoption("chaos_runs_dir") or known.runs_dir)
        state_dir = Path(config.getoption("chaos_state_dir") or known.state_dir).absolute()
        if hasattr(config, "workerinput"):
            state_dir = state_dir.with_name(f"{state_dir.name}-{config.workerinput['workerid']}")
        gate.run_cache = RunCache(options, state_dir, runs_dir, *_tellers(config))
        gate.listens.enter_context(listening())
    return gate.run_cache


def _tellers(config: pytest.Config) -> tuple[Callable[[str], None], Callable[["Update"], None]]:
    """Two writers on the terminal, while pytest captures what tests print.

    The start of a run is printed unless pytest is quiet, its progress if pytest is verbose.
    """
    reporter = config.pluginmanager.getplugin("terminalreporter")
    capture = config.pluginmanager.getplugin("capturemanager")

    def write(text: str) -> None:
        with capture.global_and_fixture_disabled() if capture else nullcontext():
            reporter.ensure_newline()
            reporter.write_line(f"lendchaos: {text}")

    def tell(text: str) -> None:
        if reporter is not None and config.get_verbosity() >= 0:
            write(text)

    def show(update: "Update") -> None:
        if reporter is not None and config.get_verbosity() > 0:
            write(update.text)

    return tell, show


@pytest.hookimpl(wrapper=True)
def pytest_sessionfinish(
    session: pytest.Session, exitstatus: int
) -> Generator[None, object, object]:
    """Take down the stack that was started for this session; fail it if a run did not pass.

    After an interrupt, workers get SIGINT at once: pytest-xdist would wait before it tells them.
    """
    gate = session.config.stash.get(GATE, Gate())
    _require_passed(session, gate, exitstatus)
    for worker in gate.workers if exitstatus == pytest.ExitCode.INTERRUPTED else ():
        with suppress(ProcessLookupError):
            os.kill(worker, signal.SIGINT)
    try:
        return (yield)
    finally:
        if gate.run_cache is not None:
            gate.run_cache.close()


def _require_passed(session: pytest.Session, gate: Gate, exitstatus: int) -> None:
    """No exit code 0 for a run that did not pass, whatever a mark (skip, xfail) made of its items,
    nor for a scenario that was not run, because none of its items was.

    A worker of pytest-xdist tells its parent, whose exit code counts.
    """
    config = session.config
    if gate.run_cache is not None:
        gate.not_passed += gate.run_cache.not_passed()
        gate.ran |= gate.run_cache.ran
    if hasattr(config, "workeroutput"):
        config.workeroutput[WORKER_OUTPUT] = gate.not_passed
        config.workeroutput[WORKER_RAN] = [str(path) for path in gate.ran]
        return
    gate.not_passed += [
        f"{os.path.relpath(path)} was not run: none of its items was chosen, or all were skipped"
        for path in sorted(gate.due - gate.ran)
    ]
    if gate.not_passed and exitstatus == pytest.ExitCode.OK:
        session.exitstatus = pytest.ExitCode.TESTS_FAILED
        gate.told = [f"lendchaos: exit code 1: {line}" for line in gate.not_passed]


def pytest_terminal_summary(terminalreporter: Any, config: pytest.Config) -> None:
    """Say why pytest ends with 1 although no item failed."""
    for line in config.stash[GATE].told:
        terminalreporter.write_line(line)


@pytest.hookimpl(optionalhook=True)
def pytest_testnodedown(node: Any) -> None:
    """Hear from a worker of pytest-xdist what it ran and what did not pass; one that died told
    nothing.
    """
    output = getattr(node, "workeroutput", {})
    gate = node.config.stash[GATE]
    gate.not_passed += output.get(WORKER_OUTPUT, [])
    gate.ran |= set(map(Path, output.get(WORKER_RAN, [])))


def pytest_unconfigure(config: pytest.Config) -> None:
    """Handle no signal any more; this is reached, too, where the session never began."""
    config.stash.get(GATE, Gate()).listens.close()


# --- fixtures ------------------------------------------------------------------------------------


@pytest.fixture(scope="session")
def lending_stack(request: pytest.FixtureRequest) -> "Stack":
    """The local stack that this session's runs use; taken down at its end if it was not up."""
    return _run_cache(request.config).stack()


@pytest.fixture(scope="session")
def chaos_run(request: pytest.FixtureRequest) -> "ChaosRun":
    """``chaos_run(scenario, **options)``: run a scenario once and return how it ended, a
    `harness.testing.RunResult`, whatever its verdict.

    SCENARIO is a path, a name under ``scenarios/`` or a `harness.Scenario`; options are those of
    `lendchaos run`, like ``rate=50, baseline="8s"``, and win over --chaos-options.
    """
    from harness.apps.pytest.pytest_runs import ChaosRun

    return ChaosRun(_run_cache(request.config), request.config.rootpath)
