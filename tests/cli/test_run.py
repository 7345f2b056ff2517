"""`lendchaos run` with several runs: how often, in which order, and when it ends early."""

import errno
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import pytest

from harness.apps.cli import run_command as run_module
from harness.core.exit_codes import ExitCode
from harness.plan.objectives import Objectives
from harness.run.result import RunResult as RunEnded
from harness.verdict.judge import judge
from harness.verdict.types import to_json
from tests.builders import CUT, cut_run, plan_of
from tests.cli.conftest import Ended


class Locust:
    """Stands in for the process: each run ends as is written in ``ends``."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.ends: list[float | int] = []
        self.seeds: list[str] = []
        self.scenarios: list[str] = []
        self.options: list[str] = []

    def __call__(self, path: Path, options: list[str]) -> Any:
        """A float is the end of an outage, judged against 2 s; an integer an exit code."""
        if "--seed" in options:
            self.seeds.append(options[len(options) - options[::-1].index("--seed")])
        self.scenarios.append(path.stem)
        self.options = options
        end = self.ends.pop(0)
        if isinstance(end, int):
            return RunEnded(end, {})
        plan = plan_of(CUT, objectives=Objectives(recovery_seconds_max=2))
        verdict = judge(*cut_run(plan, end_s=end))
        folder = self.folder / f"run-{len(self.scenarios)}"
        folder.mkdir(parents=True)
        (folder / "verdict.json").write_text(to_json(verdict))
        last = {"verdict": str(verdict.verdict), "sentence": verdict.sentence}
        return RunEnded(verdict.exit_code, {**last, "report": str(folder / "report.html")})


@pytest.fixture
def locust(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Locust:
    """No process and no stack, in a folder with two scenarios."""

    @contextmanager
    def no_stack(*_: object) -> Iterator[None]:
        yield

    found = Locust(tmp_path / "runs")
    monkeypatch.setattr(run_module, "_run_locust", found)
    monkeypatch.setattr(run_module, "shared_stack", no_stack)
    monkeypatch.setattr(run_module, "dry_run", lambda *_: "")
    monkeypatch.setattr("signal.signal", lambda *_: None)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenarios").mkdir()
    for name in ("cut", "kill"):
        (tmp_path / "scenarios" / f"{name}.py").touch()
    return found


GOOD, OPEN, BAD, TERRIBLE = 13.3, 14.9, 16.0, 19.0


def stored(folder: Path) -> dict[str, Any]:
    """The one series.json."""
    (path,) = (folder / "runs").glob("series-*/series.json")
    return dict(json.loads(path.read_bytes()))


ENDS: list[tuple[list[float | int], int, int, str]] = [
    ([GOOD, GOOD, GOOD], 3, 0, "pass"),
    ([GOOD, OPEN, GOOD], 3, 3, "inconclusive"),
    ([BAD, GOOD, GOOD], 3, 1, "fail"),
    ([GOOD, TERRIBLE, GOOD], 2, 1, "fail"),
    ([GOOD, int(ExitCode.INTERRUPTED), GOOD], 2, 130, "inconclusive"),
    ([GOOD, 3, GOOD], 3, 3, "inconclusive"),
    ([GOOD, 70, GOOD], 3, 70, "inconclusive"),
]


@pytest.mark.parametrize("case", ENDS, ids=str)
def test_when_a_series_ends(
    case: tuple[list[float | int], int, int, str],
    locust: Locust,
    lendchaos: Callable[..., Ended],
    tmp_path: Path,
) -> None:
    """After all its runs, or once it has failed beyond repair, or was interrupted: nothing else."""
    ends, made, exit_code, verdict = case
    locust.ends = list(ends)
    done = lendchaos("run", "cut", "--seed=7", "--runs", "3")

    assert done.exit_code == exit_code, done.stdout
    assert locust.seeds == ["7", "8", "9"][:made]
    body = stored(tmp_path)
    assert (body["verdict"], body["exit_code"], len(body["runs"])) == (verdict, exit_code, made)
    assert (body["stopped"] is None) is (made == 3)
    assert f"{verdict.upper()}  cut, {made} of 3 runs" in done.stdout
    for seed in locust.seeds:
        assert f"seed {seed}" in done.stderr


def test_a_series_that_the_disk_does_not_take_is_told(
    locust: Locust,
    lendchaos: Callable[..., Ended],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In a quiet process, too, in one line; no empty folder is left, and the runs decide."""

    def full(path: Path, *_: object) -> None:
        raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC), str(path))

    monkeypatch.setattr("harness.core.documents.replace_file", full)
    locust.ends = [GOOD, GOOD]
    done = lendchaos("run", "-q", "cut", "--runs", "2")

    assert done.exit_code == 0
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert line.endswith("series.json was not written: No space left on device")
    assert list((tmp_path / "runs").glob("series-*")) == []


def test_seeds_are_random_unless_given(locust: Locust, lendchaos: Callable[..., Ended]) -> None:
    """And they follow one another, so that a series can be made again from its first."""
    locust.ends = [GOOD, GOOD]
    lendchaos("run", "cut", "--runs", "2")
    first, second = map(int, locust.seeds)

    assert second == first + 1


def test_the_file_says_how_often(
    locust: Locust, lendchaos: Callable[..., Ended], tmp_path: Path
) -> None:
    """Scenario by scenario; the command line wins."""
    (tmp_path / "resilience.yaml").write_text(
        "version: 1\ndefaults: {runs: 2}\nscenarios: {kill: {runs: 3}}\n"
    )
    locust.ends = [GOOD] * 5
    done = lendchaos("run", "cut", "kill")
    assert locust.scenarios == ["cut"] * 2 + ["kill"] * 3
    assert done.exit_code == 0

    locust.ends = [GOOD] * 2
    lendchaos("run", "cut", "kill", "--runs=1")
    assert locust.scenarios[5:] == ["cut", "kill"]


def test_another_file_is_handed_on(
    locust: Locust, lendchaos: Callable[..., Ended], tmp_path: Path
) -> None:
    """Locust reads the same one; its other options stay as they are, short ones too."""
    (tmp_path / "other.yaml").write_text("version: 1\ndefaults: {runs: 2}\n")
    locust.ends = [GOOD] * 2
    lendchaos("run", "cut", "-u", "20", "-t", "30s", "--objectives", "other.yaml")

    assert locust.options[:4] == ["-u", "20", "-t", "30s"]
    assert locust.options[4:6] == ["--objectives", "other.yaml"]
    assert len(locust.seeds) == 2


def test_a_run_that_cannot_be_made_is_not_tried_again(
    locust: Locust, lendchaos: Callable[..., Ended], tmp_path: Path
) -> None:
    """The same mistake would be told as often; nothing is written down."""
    locust.ends = [2, 2, 2]
    done = lendchaos("run", "cut", "--runs", "3")

    assert done.exit_code == 2
    assert len(locust.ends) == 2
    assert not (tmp_path / "runs").exists()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--runs", "0"), "--runs 0 must be from 1 to 1000"),
        (("--runs", "-3"), "--runs -3 must be from 1 to 1000"),
        (("--runs", "2", "--seed", "x"), "--seed x must be a whole number"),
        (("--objectives", "nowhere.yaml"), "nowhere.yaml cannot be read: No such file"),
        (("--objectives", "bad.yaml"), "line 1, column 10: version: 3 must be 1"),
    ],
)
def test_bad_input_starts_nothing(
    words: tuple[str, ...],
    expected: str,
    locust: Locust,
    lendchaos: Callable[..., Ended],
    tmp_path: Path,
) -> None:
    """One clear error, exit 2."""
    (tmp_path / "bad.yaml").write_text("version: 3\n")
    done = lendchaos("run", "cut", *words)

    assert done.exit_code == 2
    assert expected in " ".join(done.stderr.split())
    assert locust.scenarios == []


def test_a_bad_file_in_the_folder_is_not_passed_over(
    locust: Locust, lendchaos: Callable[..., Ended], tmp_path: Path
) -> None:
    """A misspelt scenario, for example: its limits would never count."""
    (tmp_path / "resilience.yaml").write_text("version: 1\nscenarios: {kil: {runs: 3}}\n")
    done = lendchaos("run", "cut")

    assert done.exit_code == 2
    assert "did you mean kill?" in done.stderr
    assert locust.scenarios == []


def test_asking_for_help_is_no_series(locust: Locust, lendchaos: Callable[..., Ended]) -> None:
    """Locust answers once."""
    locust.ends = [0]
    lendchaos("run", "cut", "--runs", "3", "--version")

    assert locust.scenarios == ["cut"]


LONG = "x" * 300
ALIKE = {
    "shrink and runs": ("cut", "--shrink", "--runs", "2"),
    "shrink and outputs": ("cut", "--shrink", "--junitxml", "x.xml"),
    "shrink and scenarios": ("cut", "kill", "--shrink"),
    "runs": ("cut", "--runs", "0"),
    "runs, other digits": ("cut", "--runs", "\u0663"),
    "runs, huge": ("cut", "--runs", "9" * 5000),
    "trials, other digits": ("cut", "--shrink", "--shrink-runs-max", "\u0663"),
    "trials without shrinking": ("cut", "--shrink-runs-max", "3"),
    "picture of no summary": ("cut", "--summary-picture", "https://x/y"),
    "seed": ("cut", "--seed", "x"),
    "seed, other digits": ("cut", "--seed=\u0663"),
    "objectives": ("cut", "--objectives", "nowhere.yaml"),
    "objectives, long": ("cut", "--objectives", LONG),
    "outputs": ("cut", "--junitxml", "scenarios"),
    "outputs, nowhere": ("cut", "--summary", "resilience.yaml/x"),
    "picture": ("cut", "--summary-picture", "ftp://x"),
    "no scenario": ("nope",),
    "no scenario, long": (LONG,),
    "no scenario, a loop": ("loop",),
    "none": ("--rate=5",),
    "fault": ("cut", "--inject", "Latency(1)"),
    "fault, huge": ("cut", "--inject", f"Latency('edge', 0x{'f' * 5000})"),
    "documents": ("cut", "kill", "--json", "--seed=x"),
}


@pytest.mark.parametrize("words", ALIKE.values(), ids=ALIKE)
def test_a_dry_run_refuses_what_a_run_refuses(
    words: tuple[str, ...], locust: Locust, lendchaos: Callable[..., Ended], tmp_path: Path
) -> None:
    """In the same line, and neither starts anything."""
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "resilience.yaml").write_text("version: 1\n")
    before = sorted(tmp_path.iterdir())

    run, dry = lendchaos("run", *words), lendchaos("run", *words, "--dry-run")

    assert (run.exit_code, run.stdout, locust.scenarios) == (2, "", [])
    assert run.stderr.startswith("error: ")
    assert len(run.stderr.splitlines()) == 1
    if "--json" not in words:  # a dry run of two is refused for that before
        assert dry.stderr == run.stderr
    assert dry.exit_code == 2
    assert sorted(tmp_path.iterdir()) == before
