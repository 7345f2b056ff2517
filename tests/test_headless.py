"""How a run ended: no exit code of others is taken for one of ours."""

import os
import signal
import sys
from dataclasses import asdict
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import UsageError
from harness.core.forwarding import Forwarded
from harness.core.processes import identify, is_alive
from harness.run import locust_process as runner
from harness.run.locust_process import find_scenario, locust_command
from harness.run.progress_messages import PROGRESS, ErrorUpdate, ProgressMessage, Update
from harness.run.result import RunResult

VERDICT = {"verdict": "pass", "phase": None}


@pytest.mark.parametrize(
    ("code", "last", "meant"),
    [
        (1, {}, 2),
        (255, {}, 2),
        (1, {"text": "target: the local stack", "phase": None}, 2),
        (1, {"phase": "baseline"}, 3),
        (120, {"phase": "drain"}, 3),
        (2, {}, 2),
        (3, {}, 3),
        (70, {"phase": "baseline"}, 70),
        (-9, {"phase": "baseline"}, 70),
        (-9, {"killed_by": "SIGKILL"}, 3),
        (0, {}, 70),
        (1, {"verdict": "fail"}, 1),
        (7, VERDICT, 7),
        (1, VERDICT, 3),
        (1, {**VERDICT, "exit_code": 0}, 3),
        (1, {**VERDICT, "exit_code": 1}, 1),
        (0, VERDICT, 0),
    ],
)
def test_only_a_verdict_says_that_an_objective_was_missed(
    code: int, last: dict[str, Any], meant: int
) -> None:
    """What Locust or Python ends with says that nothing was run, or that nothing is known."""
    assert runner._honest(code, last, [], Forwarded()) == meant


@pytest.mark.parametrize(
    ("name", "told"),
    [
        ("mine", "its name must end in .py"),
        ("a,b.py", "has a comma"),
        ("queue.py", "would be taken for the module queue that is needed here: rename it"),
        ("requests.py", "would be taken for the module requests"),
        ("harness.py", "would be taken for the module harness"),
    ],
)
def test_a_name_under_which_a_scenario_cannot_be_loaded(
    name: str, told: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is told before anything starts."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / name).write_text("")

    with pytest.raises(UsageError, match=told):
        find_scenario(name)


@pytest.mark.parametrize("name", ["my scenario.v2.py", "a-b.py", "locust.py", "Ünder.py"])
def test_all_other_names_will_do(
    name: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """In a folder with a comma, too, where the path is given in full."""
    (tmp_path / "a,b").mkdir()
    monkeypatch.chdir(tmp_path / "a,b")
    Path(name).write_text("")

    assert locust_command(find_scenario(str(Path(name).absolute())))[-1] == name


def test_a_dry_run_that_locust_refuses_is_a_mistake() -> None:
    """Also where nothing was to be run."""
    assert runner._honest(1, {}, ["--dry-run"], Forwarded()) == 2
    assert runner._honest(0, {}, ["--dry-run"], Forwarded()) == 0


def test_a_dry_run_waits_for_nothing_that_a_scenario_starts(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A server of its own, say, which writes where the scenario does."""
    (tmp_path / "mine.py").write_text(
        "import subprocess\nfrom harness import Borrower, Scenario\n"
        "started = subprocess.Popen(['sleep', '40'])\nprint(f'pid {started.pid}')\n"
        "class Mine(Borrower):\n    scenario = Scenario()\n"
    )
    monkeypatch.setattr(runner, "ASK_SECONDS_MAX", 30.0)

    said = runner.dry_run(tmp_path / "mine.py", [f"--state-dir={tmp_path}/state"])

    os.kill(int(said.split()[1]), signal.SIGKILL)
    assert "dry run of mine" in said


@pytest.mark.parametrize(
    ("message", "code"),
    [(ErrorUpdate("no memory"), 3), (Update("baseline", "baseline"), 70)],
    ids=str,
)
def test_an_error_before_a_kill_is_not_the_word_of_a_run(
    message: ProgressMessage, code: int, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Killed before the run began, whatever was told then, it is no bug of ours."""
    text = (
        "import os, sys; os.write(int(os.environ['LENDCHAOS_PROGRESS_FD']), sys.argv[1].encode())"
        "; os.kill(os.getpid(), 9)"
    )
    words = [sys.executable, "-c", text, PROGRESS.encode(message).decode()]
    monkeypatch.setattr(runner, "_command", lambda *_: words)

    ended = runner.run_scenario(Path("mine.py"), [], lambda _: None, lambda _: None)

    told = {"error": "no memory", "killed_by": "SIGKILL"} if code == 3 else asdict(message)
    assert (ended.exit_code, ended.last) == (code, told)


def test_a_run_has_ended_though_what_its_scenario_started_lives_on(
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A server of its own, say, that was forked and holds whatever its parent held."""
    text = (
        "import json, os, time; fd = int(os.environ['LENDCHAOS_PROGRESS_FD']); pid = os.fork()"
        "; pid or time.sleep(40)"
        "; pid and os.write(fd, json.dumps({'kind': 'Update', 'text': str(pid)}).encode())"
    )
    monkeypatch.setattr(runner, "_command", lambda *_: [sys.executable, "-c", text])

    ended = runner.run_scenario(Path("mine.py"), [], lambda _: None, lambda _: None)

    child = identify(int(ended.last["text"]))
    assert child is not None
    assert is_alive(child)
    os.kill(child.pid, signal.SIGKILL)


@pytest.mark.parametrize("web_port", [None, 7089])
def test_a_page_that_is_asked_for_is_there(
    web_port: int | None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever a file of Locust's or a variable says, which are there for other tests."""
    text = (
        "import json, os; headless = os.environ['LOCUST_HEADLESS']"
        "; said = json.dumps({'kind': 'Update', 'text': headless})"
        "; os.write(int(os.environ['LENDCHAOS_PROGRESS_FD']), said.encode())"
    )
    monkeypatch.setattr(runner, "_command", lambda *_: [sys.executable, "-c", text])
    monkeypatch.setenv("LOCUST_HEADLESS", "true")
    shown: list[Update] = []

    runner.run_scenario(Path("a.py"), [], shown.append, lambda _: None, web_port=web_port)

    assert [update.text for update in shown] == ["false" if web_port else "true"]


@pytest.mark.parametrize("phase", ["fault", None, "drain", "verdict"])
def test_a_run_that_was_told_to_end_is_no_pass(phase: str | None) -> None:
    """In no phase: a shell's `a && b` must not go on after Ctrl-C."""
    run = Forwarded()
    shown: list[Update] = []

    def lines() -> Any:
        yield PROGRESS.encode(Update("on", phase)).decode()
        run.signals.append(signal.SIGINT)
        yield PROGRESS.encode(Update("verdict: pass", verdict="pass", exit_code=0)).decode()

    said: list[str] = []
    last = runner._follow(lines(), shown.append, said.append, run)

    assert runner._honest(0, last, [], run) == 130
    assert said == ["interrupted: healing, draining and judging"]


def test_after_a_signal_no_other_run_is_begun(
    monkeypatch: pytest.MonkeyPatch, tmp_path: Path
) -> None:
    """Whoever was told to end has ended: the next scenario is not even looked for."""
    monkeypatch.setattr(runner, "is_interrupted", lambda: True)
    told: list[Any] = []
    ended = runner.run_scenario(tmp_path / "none.py", [], told.append, told.append)

    assert (ended, told) == (RunResult(130), [])
