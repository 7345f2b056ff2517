"""How every command speaks: for programs, quietly, without colours, and without a terminal."""

import importlib
import os
import subprocess
import sys
import threading
import time
import types
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import typer

from harness.apps.cli import run_command as run_module
from harness.apps.cli.console import SlowNotice
from harness.apps.cli.lazy_commands import LATER, load
from harness.run.result import RunResult as RunEnded
from tests.cli.conftest import Ended
from tests.cli.processes import environment, in_terminal
from tests.cli.processes import lendchaos as in_a_process

LONG = "x" * 300

ESCAPE = b"\x1b["
cli_app = importlib.import_module("harness.apps.cli.console")
APP: Any = importlib.import_module("harness.apps.cli.app").app
"""The module; in its package that name is the application."""


# --- quiet ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "words", [("-q", "run", "baseline"), ("run", "baseline", "-q"), ("run", "--quiet", "baseline")]
)
def test_a_quiet_run_says_its_verdict_and_nothing_else(
    words: tuple[str, ...], quick_locust: list[Any], lendchaos: Callable[..., Ended]
) -> None:
    """Wherever the word stands."""
    done = lendchaos(*words)

    assert done.stderr == ""
    assert done.stdout.startswith(" PASS ")
    assert done.stdout.splitlines()[-1].startswith("figures  ")
    assert quick_locust[0] not in (None, 2)


@pytest.mark.usefixtures("quick_locust")
def test_a_quiet_run_without_a_verdict_tells_what_was_kept(
    monkeypatch: pytest.MonkeyPatch, lendchaos: Callable[..., Ended]
) -> None:
    """An error is never swallowed."""

    def breaks(*_: Any, output: int) -> RunEnded:
        with open(output, "w", closefd=False) as file:  # a descriptor, no path
            file.write("lendchaos: the port is taken\n")
        return RunEnded(3)

    monkeypatch.setattr(run_module, "run_scenario", breaks)
    done = lendchaos("run", "-q", "baseline")

    assert (done.exit_code, done.stdout) == (3, "")
    assert "the port is taken" in done.stderr


@pytest.mark.usefixtures("quick_locust")
def test_a_word_that_is_not_ours_keeps_its_letters(
    monkeypatch: pytest.MonkeyPatch, lendchaos: Callable[..., Ended]
) -> None:
    """`-Hhttp://queue` is Locust's; no q is taken out of it."""
    seen: list[str] = []
    plain = run_module.run_scenario

    def watched(path: Path, options: list[str], *more: Any, **named: Any) -> Any:
        seen.extend(options)
        return plain(path, options, *more, **named)

    monkeypatch.setattr(run_module, "run_scenario", watched)
    done = lendchaos("run", "baseline", "-Hhttp://queue")

    assert seen == ["-Hhttp://queue"]
    assert "set up" in done.stderr


def test_quiet_does_not_outlive_its_command(lendchaos: Callable[..., Ended]) -> None:
    """In a process that calls commands one after the other."""
    lendchaos("-q", "explain", "lost")
    quiet = cli_app.manner.quiet
    lendchaos("explain", "lost")

    assert (quiet, cli_app.manner.quiet) == (True, False)


@pytest.mark.parametrize("name", LATER)
def test_every_command_knows_quiet_and_says_what_it_is_for(name: str) -> None:
    """Its line in the list is the first of its own help; a group's commands know it, too."""
    command = load(name)
    for one in getattr(command, "commands", {name: command}).values():
        words = {word for parameter in one.params for word in parameter.opts}
        assert "--quiet" in words

    assert command.help.splitlines()[0] == LATER[name][1]


@pytest.fixture
def a_group(monkeypatch: pytest.MonkeyPatch) -> Iterator[None]:
    """A command with commands of its own, in a module that is loaded when it is called."""
    group = typer.Typer(help="Walk through.")

    @group.callback()
    def _all() -> None:
        """Walk through."""

    @group.command()
    def walk(step: str) -> None:
        """One step."""
        cli_app.show(f"{step} {cli_app.manner.quiet}")

    module = types.ModuleType("harness.apps.cli.walking")
    module.__dict__["app"] = APP
    monkeypatch.setitem(sys.modules, module.__name__, module)
    monkeypatch.setitem(LATER, "tour", ("walking", "Walk through."))
    APP.add_typer(group, name="tour")
    yield
    APP.registered_groups.pop()


@pytest.mark.usefixtures("a_group")
def test_a_group_is_a_command_like_the_others(lendchaos: Callable[..., Ended]) -> None:
    """Listed, loaded when it is called, and quiet where that is asked for."""
    assert "tour" in lendchaos("--help").stdout
    assert lendchaos("tour", "walk", "first").stdout == "first False\n"
    assert lendchaos("tour", "walk", "first", "-q").stdout == "first True\n"
    assert lendchaos("tour", "-q", "walk", "first").stdout == "first True\n"
    assert lendchaos("tour", "walk", "--", "-q").stdout == "-q False\n"
    assert lendchaos("tour", "nowhere").exit_code == 2


# --- terminals and pipes -------------------------------------------------------------------------


@pytest.mark.usefixtures("checks")
def test_a_line_is_never_wrapped(lendchaos: Callable[..., Ended]) -> None:
    """A path that is cut in two cannot be copied."""
    done = lendchaos("doctor")

    assert "/a/long/path" * 20 in done.stdout
    assert len(done.stdout.splitlines()) == 3


def test_running_text_has_a_sensible_width(lendchaos: Callable[..., Ended]) -> None:
    """Neither the 80 columns of a terminal that is not there nor no end at all."""
    lines = lendchaos("explain", "recovery_seconds_max").stdout.splitlines()

    assert 80 < max(len(line) for line in lines) <= 100


@pytest.mark.parametrize(
    ("more", "coloured"),
    [({}, True), ({"NO_COLOR": "1"}, False), ({"NO_COLOR": ""}, True), ({"TERM": "dumb"}, False)],
    ids=["as it is", "NO_COLOR", "an empty NO_COLOR", "a dumb terminal"],
)
def test_colours_in_a_terminal(tmp_path: Path, more: dict[str, str], coloured: bool) -> None:
    """An error is red, unless somebody wants no colours."""
    written = in_terminal("explain", "zzz", cwd=tmp_path, **more)

    assert b"no code 'zzz'" in written
    assert (ESCAPE in written) is coloured


def test_the_help_for_a_pipe_is_plain(tmp_path: Path) -> None:
    """No boxes, no colours, no line cut short."""
    done = in_a_process("--help", cwd=tmp_path)

    assert "\x1b" not in done.stdout
    assert "─" not in done.stdout
    assert "..." not in done.stdout.replace("[ARGS...]", "")


def test_a_reader_that_goes_away_is_no_bug(tmp_path: Path) -> None:
    """As `lendchaos explain | head -1` may do: neither a failure nor a pass nor a complaint."""
    reader, writer = os.pipe()
    os.close(reader)
    done = subprocess.run(
        [sys.executable, "-m", "harness.apps.cli", "explain"],
        stdout=writer,
        stderr=subprocess.PIPE,
        check=False,
        cwd=tmp_path,
        env=environment(),
    )
    os.close(writer)

    assert (done.returncode, done.stderr) == (130, b"")


# --- what takes long -----------------------------------------------------------------------------


@pytest.fixture
def said(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What is told, and told that it was."""
    lines: list[str] = []
    monkeypatch.setattr(cli_app, "say", lines.append)
    return lines


def test_what_is_quick_says_nothing(said: list[str]) -> None:
    """Not even at its end."""
    with SlowNotice("reading", seconds=60) as doing:
        doing.step("judging")

    assert said == []


def test_what_takes_long_says_what_it_is_at(said: list[str]) -> None:
    """The step that is under way when patience runs out, then each further one."""
    with SlowNotice("reading", seconds=0.05) as doing:
        doing.step("judging")
        deadline = time.monotonic() + 10
        while not said and time.monotonic() < deadline:
            time.sleep(0.01)
        doing.step("writing")

    assert said == ["judging", "writing"]


def test_nothing_is_left_waiting() -> None:
    """The timer is gone with its work, whatever came of it."""
    before = threading.active_count()
    with pytest.raises(typer.Exit), SlowNotice("reading", seconds=60):
        raise typer.Exit(1)
    time.sleep(0.05)

    assert threading.active_count() == before


def test_judging_tells_its_steps(
    run: Path, monkeypatch: pytest.MonkeyPatch, lendchaos: Callable[..., Ended]
) -> None:
    """With no patience at all each step is told, beside the result."""
    monkeypatch.setattr(cli_app, "PATIENCE_SECONDS", 0.0)
    done = lendchaos("judge", run)

    assert done.exit_code == 0
    assert f"judging {run}" in done.stderr
    assert f"writing the report of {run}" in done.stderr
    assert f"judging {run}" not in done.stdout


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (("--nope",), "No such option: --nope; see `lendchaos --help`"),
        (("nope",), "No such command 'nope'; see `lendchaos --help`"),
        (("up", "--nope"), "No such option: --nope; see `lendchaos up --help`"),
        (("up", "--nam"), "No such option: --nam"),
        (("up", "--service"), "Option '--service' requires an argument"),
        (("up", "--edge-port", "\uff15"), "'\uff15' is no whole number; see `lendchaos up --help`"),
        (("up", "--edge-port", "9" * 5000), "is no whole number; see"),
        (("up", "--edge-port", "70000"), "edge_port must be 1 to "),
        (("up", "--defect", "nope"), "no such defect: 'nope'; there are: "),
        (("up", "--defect", ","), "no such defect: '', ''"),
        (("up", "--service", "brave"), "must be one of tuned, naive"),
        (("compare", "--last", "\u0663"), "is no whole number from 1; see"),
        (("gameday", "plan.yaml", "--web-port", "\u0663"), "see `lendchaos gameday run --help`"),
        (("judge",), "Missing argument"),
        (("explain", "a", "b"), "unexpected extra argument"),
        (("gate-selftest", "--dry-run"), "--dry-run runs nothing"),
        (("gate-selftest", "--defect", "nope"), "--defect 'nope' is not one of "),
        *(((word, LONG), "") for word in ("run", "judge", "report", "gate-selftest", "gameday")),
        (("compare", LONG), ""),
        (("gameday", "record", LONG), ""),
        (("gameday", "verify", LONG), ""),
        (("gameday", "status", LONG), ""),
        (("explain", LONG), ""),
    ],
    ids=str,
)
def test_a_mistake_is_one_line_like_every_other_error(
    words: tuple[str, ...],
    told: str,
    lendchaos: Callable[..., Ended],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """It begins with the same word, whoever found it, and ends with 2; nothing is left."""
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LENDCHAOS_STATE", str(tmp_path / "state"))
    (tmp_path / "scenarios").mkdir()
    (tmp_path / "scenarios" / "baseline.py").touch()

    done = lendchaos(*words)

    assert (done.exit_code, done.stdout) == (2, "")
    (line,) = done.stderr.splitlines()
    assert line.startswith("error: ")
    assert told in line
    assert [path.name for path in tmp_path.iterdir()] == ["scenarios"]


@pytest.mark.parametrize(
    "words",
    [("judge", "x"), ("report", "x"), ("status",), ("down",), ("heal",), ("doctor",)],
    ids=str,
)
def test_a_folder_that_is_gone_is_one_line(
    words: tuple[str, ...],
    lendchaos: Callable[..., Ended],
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Nothing can be found from there, which is no bug of ours."""
    (tmp_path / "gone").mkdir()
    monkeypatch.chdir(tmp_path / "gone")
    monkeypatch.delenv("LENDCHAOS_STATE", raising=False)
    (tmp_path / "gone").rmdir()

    done = lendchaos(*words)

    assert done.exit_code == 2
    assert done.stderr == "error: the current folder was deleted: change to one that is there\n"


def test_the_name_of_a_class_is_no_picture(capsys: pytest.CaptureFixture[str]) -> None:
    """``lender:Book: …`` has the name of one between colons."""
    for told in (cli_app.console, cli_app.errors):
        told.print("target lender:Book: no url", markup=False)

    both = capsys.readouterr()
    assert (both.out, both.err) == ("target lender:Book: no url\n",) * 2
