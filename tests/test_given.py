"""Options of a run for whoever starts it: from the places from which Locust reads them."""

import os
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import UsageError
from harness.run import locust_process as runner
from harness.run.given_options import OptionElsewhere, first_seed, given, with_places
from harness.run.locust_process import run_series
from harness.run.result import RunResult
from tests.verdicts import judged

TOML = "[tool.locust]\nruns-dir = 'of-toml'\nusers = 7\ntags = ['a', 'b']\n"


@pytest.fixture(autouse=True)
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """The folder of the start, and a home of its own."""
    (tmp_path / "home").mkdir()
    monkeypatch.setenv("HOME", str(tmp_path / "home"))
    for name in ("LOCUST_HOST", "LENDCHAOS_STATE"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.mark.parametrize(
    ("file", "text", "runs_dir"),
    [
        ("home/.locust.conf", "runs-dir = of-home", "of-home"),
        ("locust.conf", "users = 7\n--runs-dir: here # mine\nheadless = true", "here"),
        ("pyproject.toml", TOML, "of-toml"),
        ("pyproject.toml", "[tool.other]\nruns-dir = 'x'", "runs"),
        ("other.conf", "runs-dir of-other", "of-other"),
    ],
)
def test_a_file_of_configuration_counts(file: str, text: str, runs_dir: str, folder: Path) -> None:
    """Each that Locust reads, for what is done around its runs, too."""
    (folder / file).write_text(text)
    more = ["--config", file] if file == "other.conf" else []

    assert given(["--rate=5", "-lV", *more]).runs_dir == Path(runs_dir)
    assert given([*more, "--runs-dir", "told"]).runs_dir == Path("told")


def test_a_list_in_place_of_yes_or_no_is_a_mistake(folder: Path) -> None:
    """The library would fail at it."""
    (folder / "locust.conf").write_text("namespaces = [true]\n")

    with pytest.raises(UsageError, match=r"namespaces in a file .* takes no list, and is \[True\]"):
        given([])


def test_the_order_of_places_is_that_of_locust(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Command line, variables, then files, of which the last one wins."""
    (folder / "home" / ".locust.conf").write_text("host = http://home\nseed = 3\n")
    (folder / "locust.conf").write_text("host = http://here\nobjectives = strict.yaml\n")

    known = given([])
    assert (known.host, known.seed, known.objectives) == ("http://here", "3", Path("strict.yaml"))
    monkeypatch.setenv("LOCUST_HOST", "http://variable")
    assert given([]).host == "http://variable"
    assert given(["-H", "http://line"]).host == "http://line"


def test_a_variable_that_holds_no_value_is_a_mistake(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Argparse takes ``--`` for the end of all options, and leaves an empty list."""
    del folder
    monkeypatch.setenv("LOCUST_LOGFILE", "--")

    with pytest.raises(UsageError, match=r"--logfile: expected one .*LOCUST_LOGFILE in the envir"):
        given([])


def test_what_cannot_be_read_is_one_line(folder: Path) -> None:
    """As Locust would end with it."""
    (folder / "pyproject.toml").write_text("[tool.locust\n")
    with pytest.raises(UsageError, match=r"pyproject\.toml cannot be read: .*line 1"):
        given([])
    (folder / "pyproject.toml").unlink()
    (folder / "locust.conf").write_bytes(b"users = \xff\n")
    with pytest.raises(UsageError, match=r"locust\.conf, line 1, column 9: it must be text in"):
        given([])
    (folder / "locust.conf").unlink()
    os.mkfifo(folder / "locust.conf")
    with pytest.raises(UsageError, match=r"locust\.conf cannot be read: "):
        given([])
    (folder / "locust.conf").unlink()
    with pytest.raises(UsageError, match=r"none\.conf cannot be read: No such file"):
        given(["--config", "none.conf"])


def test_objectives_of_a_file_count_and_are_named(folder: Path) -> None:
    """For the number of runs, too."""
    (folder / "locust.conf").write_text("objectives = strict.yaml\n")
    with pytest.raises(UsageError, match=r"strict.yaml cannot be read.*\(--objectives is set by"):
        runner.runs_of([Path("calm.py")], [], None)
    (folder / "strict.yaml").write_text("version: 1\ndefaults: {runs: 3}\n")

    assert runner.runs_of([Path("calm.py")], [], None) == [3]
    assert runner.runs_of([Path("calm.py")], [], 2) == [2]


def test_a_message_names_the_place_of_a_value(folder: Path) -> None:
    """The file or the variable, and only for the option that it is about."""
    (folder / "locust.conf").write_text("seed = x\nlog-in-share = 2\n")

    with pytest.raises(
        UsageError, match=r"--seed x must be .* \(--seed is set by seed in .*conf\)"
    ):
        first_seed([])
    assert first_seed(["--seed", "4"]) == 4
    share = OptionElsewhere("log_in_share", ("--log-in-share",), "log-in-share", "a.conf", "2")
    said = "log-in share 2 must be from 0 to 1"
    assert with_places(said, [share]).endswith(" (--log-in-share is set by log-in-share in a.conf)")
    assert with_places("rate 0 must be", [share]) == "rate 0 must be"


@pytest.mark.parametrize(
    ("option", "value", "text", "concerned"),
    [
        ("--users", "0", "rate 0 must be from 1", True),
        ("--rate", "0", "rate 0 must be from 1", True),
        ("--rate", "7", "the rate must be", False),
        ("--run-time", "9s", "-t 9s is too short", False),
        ("--objectives", "strict.yaml", "strict.yaml cannot be read", True),
        ("--objectives", "strict.yaml", "restrict.yaml cannot be read", False),
        ("--host", "http://10.1.2.3:80", "10.1.2.3 is another machine", True),
        ("--retries", "12", "retries 12 must be from 0 to 10", True),
        ("--request-timeout", "0s", "request timeout 0s must be from", True),
    ],
)
def test_which_option_a_message_is_about(
    option: str, value: str, text: str, concerned: bool
) -> None:
    """By its word, by its name with a value, or by the value alone where that says enough."""
    assert OptionElsewhere("x", (option,), "x", "a.conf", value).concerns(text) is concerned


def test_the_level_of_logs_of_a_file_counts(folder: Path) -> None:
    """It is ours only where nobody sets one."""
    before = runner._command(Path("a.py"), [], None)
    (folder / "locust.conf").write_text("loglevel = DEBUG\n")

    assert before[-2:] == ["--loglevel", "WARNING"]
    assert "--loglevel" not in runner._command(Path("a.py"), [], None)


def test_a_series_lies_beside_its_runs(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Where a file of configuration says where runs are written down."""
    (folder / "locust.conf").write_text("runs-dir = mine\nseed = 8\n")
    seeds: list[str] = []
    verdict = judged()
    monkeypatch.setattr(RunResult, "_stored", verdict)

    def run_one(_path: Path, options: list[str]) -> RunResult:
        seeds.append(options[-1])
        return RunResult(0, {"verdict": "pass", "report": f"mine/run-{len(seeds)}/report.html"})

    end = run_series(Path("calm.py"), [], 2, run_one, lambda _: None)

    assert Path(end.last["report"]).parts[0] == "mine"
    assert seeds == ["8", "9"]


def test_no_stack_is_brought_up_for_the_target_of_a_file(
    folder: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its runs go elsewhere."""
    (folder / "locust.conf").write_text("host = http://127.0.0.1:1\n")
    asked: list[Any] = []
    monkeypatch.setattr(runner, "up", lambda *args, **_: asked.append(args))

    with runner.shared_stack([], lambda _: None):
        pass

    assert asked == []
