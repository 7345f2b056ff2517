"""Real runs whose load the machine did not send on time: repeated once, counted, and told.

Such a run decides nothing, so a test makes it a second time. Where that comes often, it is no
accident of this machine, and the tests fail: unless others kept the processors busy beforehand.
"""

import json
import tempfile
import time
from collections.abc import Callable, Generator, Iterator
from dataclasses import asdict, dataclass, field, fields, is_dataclass
from pathlib import Path
from typing import Any, TypeVar

import psutil
import pytest

REPEATED_SHARE_MAX = 0.05
"""More of the runs repeated fail the tests."""
OTHERS_SHARE_MAX = 0.25
"""Others that use more of the processors may be why a load is not sent on time."""
WATCH_SECONDS = 5.0
"""For so long, just before the first test, nobody of ours does anything."""
UNFAITHFUL = "load_unfaithful"
T = TypeVar("T")


@dataclass
class Runs:
    """The runs of one process of tests, and what was repeated."""

    made: int = 0
    repeated: list[str] = field(default_factory=list)

    @property
    def too_many_repeated(self) -> bool:
        """Whether that is no accident."""
        return len(self.repeated) > REPEATED_SHARE_MAX * self.made

    def add(self, others: "Runs") -> None:
        """Those of another process as well."""
        self.made += others.made
        self.repeated += others.repeated


BEGAN = pytest.StashKey[float]()
"""When the setup of a test began, in seconds of the wall clock."""
HERE = Runs()
"""Of this process."""


def spoiled(run: Path) -> bool:
    """Whether a run, by its directory, is undecided because its load was not sent on time."""
    verdict, severities = _judged(run)
    return verdict == severities.get(UNFAITHFUL) == "inconclusive"


def undecided(run: Path) -> bool:
    """Whether anything of it is: what others do to a machine shows in more than the load."""
    _, severities = _judged(run)
    return "inconclusive" in severities.values()


def once_more(act: Callable[[], T], runs_dir: Path, *, disturbed: bool = False) -> T:
    """What a command line with real runs comes to; again where their load was not sent on time.

    Its runs are the new folders of ``runs_dir``. Those that a test has ``disturbed`` stand, as does
    whatever a run does decide.
    """
    before = set(runs_dir.glob("*-*/verdict.json"))
    done = act()
    new = [path.parent for path in set(runs_dir.glob("*-*/verdict.json")) - before]
    HERE.made += max(1, len(new))
    if disturbed or not any(map(spoiled, new)):
        return done
    HERE.repeated += [run.name for run in new if spoiled(run)]
    return act()


def _judged(run: Path) -> tuple[str, dict[str, str]]:
    """The verdict, and the severity of each finding by its code; nothing without a judgement."""
    try:
        verdict = json.loads((run / "verdict.json").read_bytes())
    except FileNotFoundError:
        return "", {}
    severities: dict[str, str] = {}
    for found in verdict["findings"]:
        if severities.get(found["code"]) != "inconclusive":
            severities[found["code"]] = found["verdict"]
    return verdict["verdict"], severities


# --- how busy the machine is ---------------------------------------------------------------------


@dataclass(frozen=True)
class Used:
    """Seconds of processors since the machine began: all there were, used by anybody, by us."""

    whole: float
    used: float
    own: float

    @classmethod
    def now(cls) -> "Used":
        """Source: /proc/stat, and /proc/PID/stat of this process and all below it."""
        all_s = psutil.cpu_times()
        whole = sum(all_s) - all_s.guest - all_s.guest_nice  # they count as user's, too
        own = 0.0
        for process in (psutil.Process(), *psutil.Process().children(recursive=True)):
            try:
                own += sum(process.cpu_times()[:4])  # with that of children that are gone
            except psutil.NoSuchProcess:
                continue
        return cls(whole, whole - all_s.idle - all_s.iowait, own)

    def others_until(self, later: "Used") -> float:
        """Which share of the processors others used between two looks."""
        used = (later.used - self.used) - (later.own - self.own)
        return max(0.0, used / max(later.whole - self.whole, 1e-9))


def watched(sleep: Callable[[float], None] = time.sleep) -> float:
    """The share that others use for as long as it is watched."""
    before = Used.now()
    sleep(WATCH_SECONDS)
    return before.others_until(Used.now())


# --- a test that failed by a run that is undecided ----------------------------------------------


def run_directories(value: Any, since_s: float) -> Iterator[Path]:
    """Of the runs that one fixture of a test stands for.

    A run itself, in whichever test it was made; below a folder, what was judged since then, in
    seconds of the wall clock.
    """
    if isinstance(value, Path):
        judged = value.rglob("verdict.json") if value.is_dir() else ()
        yield from (path.parent for path in judged if path.stat().st_mtime >= since_s)
    elif is_dataclass(value) and not isinstance(value, type):
        for name in (part.name for part in fields(value)):
            inner = getattr(value, name)
            if name == "path" and isinstance(inner, Path):
                yield inner
            elif isinstance(inner, Path) or is_dataclass(inner):
                yield from run_directories(inner, since_s)


def excuse(others: float, values: dict[str, Any], since_s: float) -> str | None:
    """Why a failure says nothing of us: others kept the machine busy, and a run is undecided, or
    something of it.
    """
    if others <= OTHERS_SHARE_MAX:
        return None
    for value in values.values():
        for run in run_directories(value, since_s):
            if undecided(run):
                return f"inconclusive: machine busy ({others:.0%} used by others): {run.name}"
    return None


class Plugin:
    """Counts over all processes of tests, prints what it found, and fails what must fail."""

    def __init__(self, config: pytest.Config, watch: Callable[[], float] = watched) -> None:
        self.runs, self.others = Runs(), 0.0
        self._watch, self._collected = watch, 0
        given = getattr(config, "workerinput", None)
        self._is_worker = given is not None
        self._told = Path(given["others"] if given else tempfile.mkstemp(prefix="others-")[1])

    # The one process, or the one that leads the others.

    @pytest.hookimpl(optionalhook=True)
    def pytest_configure_node(self, node: Any) -> None:
        """Tell a process where it will find how busy the machine was."""
        node.workerinput["others"] = str(self._told)

    @pytest.hookimpl(optionalhook=True)
    def pytest_xdist_node_collection_finished(self, node: Any, ids: list[str]) -> None:
        """The last of the processes is ready, and none of them has begun."""
        self._collected += 1
        if self._collected == len(node.config.option.tx):
            self._look(ids)

    def pytest_collection_finish(self, session: pytest.Session) -> None:
        """There is one process only."""
        if not self._is_worker:
            self._look([item.nodeid for item in session.items])

    def _look(self, names: list[str]) -> None:
        if any("live/" in name for name in names):
            self.others = self._watch()
            self._told.write_text(json.dumps(self.others))

    @pytest.hookimpl(optionalhook=True)
    def pytest_testnodedown(self, node: Any) -> None:
        """Take over what a process has counted."""
        if told := getattr(node, "workeroutput", {}).get("runs"):
            self.runs.add(Runs(**told))

    def pytest_sessionfinish(self, session: pytest.Session) -> None:
        """Hand over what was counted, or decide."""
        if self._is_worker:
            session.config.workeroutput["runs"] = asdict(HERE)  # type: ignore[attr-defined]
            return
        self.runs.add(HERE)
        self._told.unlink(missing_ok=True)
        if self.fails and session.exitstatus in (pytest.ExitCode.OK, 0):
            session.exitstatus = pytest.ExitCode.TESTS_FAILED

    @property
    def fails(self) -> bool:
        """Whether too many runs were repeated for no reason outside of us."""
        return self.runs.too_many_repeated and self.others <= OTHERS_SHARE_MAX

    def pytest_terminal_summary(self, terminalreporter: pytest.TerminalReporter) -> None:
        """How many runs there were, how many were repeated, and how busy others were."""
        if not self.runs.made:
            return
        repeated, made = len(self.runs.repeated), self.runs.made
        terminalreporter.section("real runs", sep="=", red=self.fails)
        terminalreporter.line(
            f"{repeated} of {made} runs repeated ({repeated / made:.1%}, at most"
            f" {REPEATED_SHARE_MAX:.0%}): their load was not sent on time"
        )
        for name in self.runs.repeated:
            terminalreporter.line(f"  {name}")
        terminalreporter.line(
            f"others used {self.others:.1%} of the processors in the {WATCH_SECONDS:.0f} s before"
            f" the first test (over {OTHERS_SHARE_MAX:.0%} excuses)"
        )
        if self.fails:
            terminalreporter.line("ERROR: too many runs were repeated", red=True)

    # Every process with tests.

    @pytest.hookimpl(wrapper=True)
    def pytest_runtest_makereport(
        self, item: pytest.Item, call: pytest.CallInfo[None]
    ) -> Generator[None, pytest.TestReport, pytest.TestReport]:
        """A failure beside a run that is undecided, on a busy machine, is a skip.

        What took too long is none: that is `pytest.fail`.
        """
        report = yield
        if report.when == "setup":
            item.stash[BEGAN] = call.start
        wrong = call.excinfo is not None and not call.excinfo.errisinstance(pytest.fail.Exception)
        if report.when == "teardown" or not report.failed or not wrong:
            return report
        others = json.loads(self._told.read_text() or "0")
        values = getattr(item, "funcargs", {})
        if said := excuse(others, values, item.stash[BEGAN]):
            report.outcome = "skipped"
            report.longrepr = (str(item.path), item.location[1] or 0, said)
        return report
