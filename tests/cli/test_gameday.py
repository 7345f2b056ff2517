"""`lendchaos gameday` from outside: what is refused, a rehearsal, and what is added beside it."""

import json
import socket
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.apps.gameday.session_store import Event, SessionStore, What
from tests.cli.conftest import Ended

ROOT = Path(__file__).parent.parent.parent
PLAN = """\
version: 1
title: Two steps
hypothesis: It comes back by itself.
abort_word: halt
roles: {lead: Lin}
options: {rate: 30, warm_up: 500ms, baseline: 5s, fault: 2s, recovery: 4s}
steps:
  - name: cut
    scenario: network_partition
    expect: back within 5 s
  - name: by hand
    scenario: baseline
    hand_pulled: Zhao freezes a replica
"""
Command = Callable[..., Ended]


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a plan and the scenarios it names, in which commands are called."""
    (tmp_path / "scenarios").symlink_to(ROOT / "scenarios")
    (tmp_path / "plan.yaml").write_text(PLAN)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("LENDCHAOS_STATE", str(tmp_path / "state"))
    return tmp_path


@pytest.fixture
def session(folder: Path) -> Path:
    """A session in which the first step is done."""
    log = SessionStore.create(folder / "day", PLAN)
    log.append(Event(What.OPENED, ""))
    log.append(Event(What.STEP_STARTED, "", "cut"))
    log.append(Event(What.RUN_ENDED, "", "cut", "All well.", "", "cut-1", 0, "pass"))
    log.append(Event(What.STEP_ENDED, "", "cut", "done"))
    return log.path


def listing(folder: Path) -> list[tuple[str, int]]:
    """Everything in a folder, with the time of its last change."""
    return sorted((str(p), p.lstat().st_mtime_ns) for p in folder.rglob("*"))


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ((), "name a plan, or a session to go on with"),
        (("plan.yaml", "--resume", "day"), "name a plan, or a session"),
        (("--resume", "day", "--rehearse"), "--resume goes on with a session as it is"),
        (("plan.yaml",), "this is no terminal: --unattended gives every go by itself"),
        (("plan.yaml", "--rehearse"), "this is no terminal"),
        (("nothing.yaml", "--unattended"), "nothing.yaml cannot be read: No such file"),
        (("plan.yaml", "--unattended", "--session", "scenarios"), "scenarios exists already"),
        (("--resume", "day", "--unattended"), "day is no session of a game day"),
    ],
    ids=str,
)
def test_what_makes_no_sense_is_refused(
    words: tuple[str, ...], said: str, folder: Path, lendchaos: Command
) -> None:
    """One clear line, exit code 2, nothing touched."""
    before = listing(folder)

    done = lendchaos("gameday", "run", *words)

    assert (done.exit_code, listing(folder)) == (2, before)
    assert said in done.stderr


def test_a_plan_with_mistakes_is_refused_whole(folder: Path, lendchaos: Command) -> None:
    """Each with line and column; the word `run` may be left out."""
    text = PLAN.replace("abort_word: halt\n", "").replace("network_partition", "network_cut")
    (folder / "plan.yaml").write_text(text)
    before = listing(folder)

    done = lendchaos("gameday", "plan.yaml", "--unattended")

    assert (done.exit_code, listing(folder)) == (2, before)
    assert "line 1, column 1: abort_word is missing" in done.stderr
    assert "line 8, column 15: no scenario 'network_cut'" in done.stderr


def test_a_step_that_could_not_run_is_told_before_the_first_one_does(
    folder: Path, lendchaos: Command
) -> None:
    """Asked of Locust itself, which touches nothing; with the step's line."""
    (folder / "plan.yaml").write_text(
        PLAN.replace("name: cut", "name: cut\n    options: {seed: x}")
    )
    before = listing(folder)

    done = lendchaos("gameday", "plan.yaml", "--unattended")

    assert (done.exit_code, listing(folder)) == (2, before)
    assert "line 8, column 5: cut: --seed x must be a whole number" in done.stderr


def test_a_rehearsal_walks_through_and_touches_nothing(folder: Path, lendchaos: Command) -> None:
    """Every step but the one that nobody is there for; no file is made or changed."""
    before = listing(folder)

    done = lendchaos("gameday", "--rehearse", "--unattended", "plan.yaml")

    assert (done.exit_code, listing(folder)) == (0, before)
    for said in (
        "[cut] go",
        "cut: 1-partition injected",
        "cut: 1-partition healed",
        "[cut] step ended: done",
        "[by hand] no-go: unattended: no one is there to inject the manual fault",
        "rehearsed: nothing was started, broken or written",
    ):
        assert said in done.stdout


def test_notes_and_actions_are_added_from_any_terminal(session: Path, lendchaos: Command) -> None:
    """With their time, and an owner for what is to be done."""
    assert lendchaos("gameday", "note", session, "the queue\ngrows").exit_code == 0
    assert lendchaos("gameday", "action", session, "raise it", "--owner", "bob").exit_code == 0

    events = json.loads(lendchaos("gameday", "status", session, "--json").stdout)["events"]
    note, action = events[-2:]
    assert (note["what"], note["text"], note["step"]) == ("note", "the queue grows", None)
    assert (action["what"], action["text"], action["by"]) == ("action", "raise it", "bob")
    assert note["at_utc"].endswith("Z")


def test_status_says_how_each_step_stands(session: Path, lendchaos: Command) -> None:
    """For people in lines, for programs as JSON; nothing is changed."""
    before = listing(session)

    told = lendchaos("gameday", "status", session)
    body = json.loads(lendchaos("gameday", "status", session, "--json").stdout)

    assert told.stdout.splitlines() == [
        "Two steps: paused",
        "1. cut: done  pass: All well.",
        "2. by hand: waiting",
    ]
    assert (body["state"], body["steps"]) == ("paused", {"cut": "done", "by hand": "waiting"})
    assert listing(session) == before


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (("note", "day", " "), "there is nothing in the text"),
        (("note", "elsewhere", "text"), "elsewhere is no session"),
        (("action", "day", "text", "--owner", " "), "name who does it"),
        (("status", "elsewhere"), "elsewhere is no session"),
    ],
)
def test_what_cannot_be_added_is_refused(
    words: tuple[str, ...], said: str, session: Path, lendchaos: Command
) -> None:
    """And the session stays as it was."""
    before = listing(session)

    done = lendchaos("gameday", *words)

    assert (done.exit_code, listing(session)) == (2, before)
    assert said in done.stderr


def test_a_port_that_is_taken_is_no_mistake_of_who_asked(
    lendchaos: Callable[..., Ended], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may be free the next time; one line, and nothing is left."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "plan.yaml").write_text("version: 1\n")
    with socket.socket() as taken:
        taken.bind(("127.0.0.1", 0))
        taken.listen()
        port = taken.getsockname()[1]
        done = lendchaos("gameday", "plan.yaml", "--unattended", f"--web-port={port}")

    assert done.exit_code == 3
    (line,) = done.stderr.splitlines()
    assert line.startswith(f"error: port {port}, wanted for --web-port, is already in use")
    assert [path.name for path in tmp_path.iterdir()] == ["plan.yaml"]
