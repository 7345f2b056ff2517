"""What `run` and `report` leave for CI, whatever becomes of the run."""

import errno
import json
import os
from collections.abc import Callable, Iterator
from contextlib import contextmanager, nullcontext
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
import typer

from harness.apps.cli import run_command as run_module
from harness.core.errors import HarnessError
from harness.core.files import replace_file
from harness.history.run_directory import RunDirectory
from harness.run.result import RunResult as RunEnded
from harness.verdict.stored_verdict import read_verdict
from tests.cli.conftest import Ended
from tests.junit import parsed

FILES = ("--junitxml", "out/gate.xml", "--summary", "out/gate.md")
Ending = RunEnded | BaseException


def red(path: Path = Path("out/gate.xml")) -> dict[str, str]:
    """Suite and name of each case that is not green, with the tag and the message."""
    root = parsed(path)
    return {
        f"{suite.get('name')}.{case.get('name')}": f"{found.tag}: {found.get('message')}"
        for suite in root
        for case in suite.iter("testcase")
        for found in case
        if found.tag in ("failure", "error")
    }


def passed(run: Path) -> RunEnded:
    """A run that lies there, as it ended."""
    verdict = read_verdict(RunDirectory(run))
    last = {"verdict": str(verdict.verdict), "sentence": verdict.sentence}
    return RunEnded(verdict.exit_code, {**last, "report": str(run / "report.html")})


@pytest.fixture
def ends(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> list[Ending]:
    """How the runs to come will end, in a folder with two scenarios; nothing is started."""
    found: list[Ending] = []

    def run_locust(*_: object) -> RunEnded:
        end = found.pop(0)
        if isinstance(end, BaseException):
            raise end
        return end

    monkeypatch.setattr(run_module, "_run_locust", run_locust)
    monkeypatch.setattr(run_module, "shared_stack", lambda *_: nullcontext())
    monkeypatch.setattr(run_module, "dry_run", lambda *_: "")
    monkeypatch.setattr("signal.signal", lambda *_: None)
    for name in [name for name in os.environ if name.startswith(("GITHUB_", "CI_", "BUILD_"))]:
        monkeypatch.delenv(name)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenarios").mkdir()
    for name in ("cut", "kill"):
        (tmp_path / "scenarios" / f"{name}.py").touch()
    return found


def test_a_pass_leaves_both_files(
    run: Path, ends: list[Ending], lendchaos: Callable[..., Ended]
) -> None:
    """In a folder that is made for them; paths are told from the working folder."""
    ends[:] = [passed(run)]
    done = lendchaos("run", "cut", *FILES)

    assert done.exit_code == 0, done.stderr
    assert red() == {}
    text = Path("out/gate.xml").read_text(encoding="utf-8")
    assert 'file="scenarios/cut.py"' in text
    assert "report: run/report.html" in text
    summary = Path("out/gate.md").read_text(encoding="utf-8")
    assert "- report: [`run/report.html`](<../run/report.html>)" in summary
    assert summary.startswith("### 🟢 PASS · cut")
    assert "failed borrow requests in each" in summary
    assert not list(Path("out").glob("*.part"))


def test_nothing_is_written_unasked(
    run: Path, ends: list[Ending], lendchaos: Callable[..., Ended]
) -> None:
    """Neither a file nor an annotation."""
    ends[:] = [passed(run)]
    before = sorted(Path().rglob("*"))
    done = lendchaos("run", "cut")

    assert (done.exit_code, "::" in done.stderr) == (0, False)
    assert sorted(Path().rglob("*")) == before


def test_github_is_served_unasked(
    run: Path,
    ends: list[Ending],
    lendchaos: Callable[..., Ended],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The summary is put behind what other commands of the step wrote; annotations are printed."""
    step = Path("step.md")
    step.write_text("before\n")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", str(step))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    ends[:] = [passed(run), RunEnded(70)]
    done = lendchaos("run", "cut", "kill")

    text = step.read_text(encoding="utf-8")
    assert text.startswith("before\n| Verdict | Scenario |")
    assert "### 🟢 PASS · cut" in text
    assert "### 🟡 INCONCLUSIVE · kill" in text
    lines = [line for line in done.stderr.splitlines() if line.startswith("::")]
    (line,) = lines
    title = "lendchaos kill%3A evidence not decided"
    assert line.startswith(f"::error file=scenarios/kill.py,title={title}::the run ended without")
    assert "::" not in done.stdout


def test_paths_count_from_the_root_of_the_checkout(
    run: Path,
    ends: list[Ending],
    lendchaos: Callable[..., Ended],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Called in a folder of it, through a link as well; the summary leads to the artifacts."""
    link = Path("link").absolute()
    link.symlink_to(Path.cwd(), target_is_directory=True)
    monkeypatch.setenv("GITHUB_WORKSPACE", str(link))
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_SERVER_URL", "https://git.test")
    monkeypatch.setenv("GITHUB_REPOSITORY", "us/our repo")
    monkeypatch.setenv("GITHUB_RUN_ID", "7")
    monkeypatch.chdir("scenarios")
    ends[:] = [passed(run), RunEnded(70)]
    done = lendchaos("run", "cut.py", "kill.py", *FILES)

    (line,) = [line for line in done.stderr.splitlines() if line.startswith("::")]
    assert line.startswith("::error file=scenarios/kill.py,")
    text = Path("out/gate.xml").read_text(encoding="utf-8")
    assert 'file="scenarios/cut.py"' in text
    assert "report: run/report.html" in text
    summary = Path("out/gate.md").read_text(encoding="utf-8")
    assert "failed borrow requests in each" in summary
    page = "https://git.test/us/our%20repo/actions/runs/7#artifacts"
    assert f"`run/report.html` in the [artifacts of this run](<{page}>)" in summary


def test_a_step_summary_that_cannot_be_written_costs_nothing(
    run: Path,
    ends: list[Ending],
    lendchaos: Callable[..., Ended],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It is told; the verdict stays. A FIFO that nobody reads is not waited for."""
    os.mkfifo("fifo")
    refused = {"nowhere/step.md": "No such file or directory", "fifo": "No such device or address"}
    for path, reason in refused.items():
        monkeypatch.setenv("GITHUB_STEP_SUMMARY", path)
        ends[:] = [passed(run)]
        done = lendchaos("run", "cut")

        assert done.exit_code == 0
        assert f"{path} was not written: {reason}" in done.stderr


BROKEN: list[tuple[Ending, int, str]] = [
    (RunEnded(70), 70, "the run ended without a verdict, with exit code 70 (a bug)"),
    (RunEnded(130), 130, "exit code 130 (interrupted)"),
    (RunEnded(2), 2, "exit code 2 (it cannot be run as it was asked for)"),
    (typer.Exit(130), 130, "exit code 130 (interrupted)"),
    (KeyboardInterrupt(), 130, "exit code 130 (interrupted)"),
    (OSError("disk"), 70, "exit code 70 (a bug)"),
]


@pytest.mark.parametrize("case", BROKEN, ids=lambda case: repr(case[0])[:30])
def test_a_run_without_a_verdict_leaves_an_error(
    case: tuple[Ending, int, str], ends: list[Ending], lendchaos: Callable[..., Ended]
) -> None:
    """One case, and the scenario that was not run has its own."""
    end, exit_code, said = case
    ends[:] = [end, end]
    done = lendchaos("run", "cut", "kill", *FILES)

    assert done.exit_code == exit_code
    assert said in red()["cut.evidence"]
    assert red()["kill.evidence"].startswith("error: ")
    assert "INCONCLUSIVE" in Path("out/gate.md").read_text(encoding="utf-8")


def test_a_stack_that_does_not_start_leaves_an_error(
    ends: list[Ending], lendchaos: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its own words."""

    @contextmanager
    def no_port(*_: object) -> Iterator[None]:
        raise HarnessError("no port is free")
        yield

    monkeypatch.setattr(run_module, "shared_stack", no_port)
    done = lendchaos("run", "cut", "--runs=3", *FILES)

    assert done.exit_code == 3
    assert ends == []
    said = "Not decided: 0 of 3 runs made: no port is free."
    assert red() == {"cut.evidence": f"error: {said}"}


def test_an_interrupted_series_keeps_what_it_has(
    run: Path, ends: list[Ending], lendchaos: Callable[..., Ended]
) -> None:
    """The run that was made counts, those that were not are told."""
    ends[:] = [passed(run), RunEnded(130)]
    done = lendchaos("run", "cut", "--runs=3", "--seed=7", *FILES)

    assert done.exit_code == 130
    (said,) = red().values()
    assert "run 2 of 3 ended without a verdict" in said
    assert "2 of 3 runs made: interrupted" in said
    assert 'name="run1.seed"' in Path("out/gate.xml").read_text(encoding="utf-8")


def test_a_series_is_one_suite(
    run: Path, ends: list[Ending], lendchaos: Callable[..., Ended]
) -> None:
    """With what its runs allow to be said together."""
    ends[:] = [passed(run)] * 2
    done = lendchaos("run", "cut", "--runs=2", *FILES)

    assert (done.exit_code, red()) == (0, {})
    assert "with 75.0 % confidence" in Path("out/gate.md").read_text(encoding="utf-8")
    (suite,) = ET.fromstring(Path("out/gate.xml").read_bytes())  # noqa: S314  # our own
    numbers = {p.get("name"): p.get("value") for p in suite.iter("property")}
    assert (numbers["runs.made"], "runs.stopped" in numbers) == ("2", False)


def test_scenarios_of_one_name_are_told_apart(
    run: Path, ends: list[Ending], lendchaos: Callable[..., Ended]
) -> None:
    """GitLab drops a case whose name it has seen."""
    Path("other").mkdir()
    Path("other/cut.py").touch()
    ends[:] = [passed(run), RunEnded(70)]
    lendchaos("run", "scenarios/cut.py", "other/cut.py", *FILES)

    assert list(red()) == ["other/cut.py.evidence"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("--junitxml", "scenarios"), "--junitxml scenarios is a folder; name a file in it"),
        (("--summary", "scenarios/cut.py/x"), "lies below scenarios/cut.py, which is no folder"),
        (("--summary", "gone/x"), "lies below gone, which is no folder"),
        (("--summary", "/no/such/x.md"), "--summary /no/such/x.md: there is no folder /no/such"),
        (("--junitxml", "../no/x.xml"), "--junitxml ../no/x.xml: there is no folder ../no"),
        (("--junitxml", "/dev/full"), "--junitxml /dev/full is no regular file"),
        (("--summary", "/dev/fd/2"), "--summary /dev/fd/2 is no regular file"),
        (("--junitxml", "x", "--summary", "./x"), "--junitxml and --summary are one file, x"),
        (("--junitxml", "x", "--html", "./x"), "--junitxml and --html are one file, x"),
        (("--summary", "x", "--json-file=x"), "--summary and --json-file are one file, x"),
        (("--summary-picture", "data:x"), "must be an address like https://host/path"),
        (("--summary-picture", "https://x/a>b"), "must be an address like https://host/path"),
        (("--runs=2", "--seed=x", *FILES), "--seed x must be a whole number"),
        (("--shrink", *FILES), "is no gate: leave out --runs, --junitxml and --summary"),
    ],
)
def test_bad_input_starts_nothing(
    words: tuple[str, ...], expected: str, ends: list[Ending], lendchaos: Callable[..., Ended]
) -> None:
    """One clear error, exit 2, nothing written."""
    ends[:] = [RunEnded(0)]
    Path("gone").symlink_to("nowhere")
    before = sorted(Path().rglob("*"))
    done = lendchaos("run", "cut", *words)

    assert done.exit_code == 2
    assert expected in " ".join(done.stderr.split())
    assert len(ends) == 1
    assert sorted(Path().rglob("*")) == before


@pytest.mark.parametrize(
    "words",
    [
        ("run", "cut", "--runs=0"),
        ("run", "cut", "--runs=many"),
        ("run", "none"),
        ("run", "cut", "--objectives=none.yaml"),
        ("run", "cut", "kill", "--summary-picture=x"),
        ("report", "none"),
        ("report", "none", "--list"),
        ("report",),
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("names", [("cut",), ("cut", "kill")], ids=len)
def test_a_refused_request_leaves_no_old_pass(
    words: tuple[str, ...],
    names: tuple[str, ...],
    run: Path,
    ends: list[Ending],
    lendchaos: Callable[..., Ended],
) -> None:
    """What an earlier command wrote would be read as what came of this one."""
    ends[:] = [passed(run)] * len(names)
    assert lendchaos("run", *names, *FILES).exit_code == 0
    assert sorted(path.name for path in Path("out").iterdir()) == ["gate.md", "gate.xml"]

    assert lendchaos(*words, *FILES).exit_code == 2
    assert list(Path("out").iterdir()) == []


def test_a_refused_request_leaves_files_of_others(
    ends: list[Ending], lendchaos: Callable[..., Ended]
) -> None:
    """They are not ours to remove."""
    ends[:] = [RunEnded(0)]
    for name, text in (
        ("a.xml", '<?xml version="1.0"?><testsuites name="pytest"/>'),
        ("a.md", "#"),
    ):
        Path(name).write_text(text)
    before = [path.read_text() for path in sorted(Path().glob("a.*"))]
    done = lendchaos("run", "cut", "--runs=0", "--junitxml", "a.xml", "--summary", "a.md")

    assert done.exit_code == 2
    assert [path.read_text() for path in sorted(Path().glob("a.*"))] == before


@pytest.mark.skipif(os.geteuid() == 0, reason="root may write everywhere")
def test_a_place_that_is_forbidden_is_refused(
    ends: list[Ending], lendchaos: Callable[..., Ended]
) -> None:
    """Before a run of minutes."""
    Path("locked").mkdir(mode=0o500)
    ends[:] = [RunEnded(0)]

    assert lendchaos("run", "cut", "--junitxml", "locked/gate.xml").exit_code == 2


def test_a_file_that_cannot_be_written_in_the_end_is_told(
    run: Path,
    ends: list[Ending],
    lendchaos: Callable[..., Ended],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """In a quiet process, too; the verdict's exit code stays."""
    ends[:] = [passed(run)]

    def full(path: Path, text: str) -> None:
        if path.suffix == ".xml":
            raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))
        replace_file(path, text)

    monkeypatch.setattr("harness.apps.cli.ci_outputs.replace_file", full)
    done = lendchaos("run", "-q", "cut", *FILES)

    assert done.exit_code == 0
    assert done.stderr == "error: out/gate.xml was not written: No space left on device\n"
    assert Path("out/gate.md").exists()


def test_a_stored_run_has_the_same_files(
    run: Path, lendchaos: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a picture where CI serves one; nothing is printed or appended beside."""
    monkeypatch.chdir(run.parent)
    monkeypatch.setenv("GITHUB_ACTIONS", "true")
    monkeypatch.setenv("GITHUB_STEP_SUMMARY", "step.md")
    verdict = json.loads((run / "verdict.json").read_bytes())
    done = lendchaos("report", run, *FILES, "--summary-picture", "https://ci/{run}/timeline.png")

    assert done.exit_code == 0
    assert red() == {}
    assert f'<testsuite name="{verdict["scenario"]}"' in Path("out/gate.xml").read_text()
    assert "(<https://ci/run/timeline.png>)" in Path("out/gate.md").read_text(encoding="utf-8")
    assert not Path("step.md").exists()


def test_a_stored_run_is_not_summed_up_into_nowhere(
    run: Path, lendchaos: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    """A folder is made below the working folder only."""
    monkeypatch.chdir(run)
    before = {path: path.stat().st_mtime_ns for path in run.iterdir()}
    done = lendchaos("report", run, "--summary", run.parent / "no" / "x.md")

    assert done.exit_code == 2
    assert "there is no folder" in done.stderr
    assert {path: path.stat().st_mtime_ns for path in run.iterdir()} == before
    assert not (run.parent / "no").exists()
