"""What a run says of itself: to whoever started it, and what is kept for the page."""

import json
import os
from collections.abc import Iterator

import pytest

from harness.apps.locust.progress import FD_VARIABLE, Progress
from harness.core import standard_streams


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The end at which whoever started a run listens."""
    read_end, write_end = os.pipe()
    monkeypatch.setenv(FD_VARIABLE, str(write_end))
    yield read_end
    os.close(read_end)
    os.close(write_end)


def test_what_is_said_is_kept_for_the_page(pipe: int) -> None:
    """And told as a line of JSON."""
    progress = Progress()
    progress.say("baseline")

    assert json.loads(os.read(pipe, 4096))["text"] == "baseline"
    assert progress.as_json("")["text"] == "baseline"


def test_a_secret_is_told_once_and_kept_nowhere(
    pipe: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither for the page nor among what goes to a log."""
    progress = Progress()
    progress.say("target: the local stack")
    os.read(pipe, 4096)
    progress.tell_once("chaos page: http://127.0.0.1/#token=abc")

    assert json.loads(os.read(pipe, 4096))["text"].endswith("#token=abc")
    assert progress.as_json("")["text"] == "target: the local stack"
    assert capsys.readouterr() == ("", "")


def test_an_error_is_told_to_people_and_to_who_started_it(
    pipe: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """On a line of its own, and in a message that says nothing else."""
    Progress().fail("no stack", 3)

    assert json.loads(os.read(pipe, 4096)) == {"error": "no stack"}
    assert capfd.readouterr() == ("", "error: no stack\n")


@pytest.mark.usefixtures("pipe")
@pytest.mark.parametrize(
    ("at_terminal", "terminal", "began"),
    [(True, "xterm", "\r\x1b[2K"), (True, "dumb", ""), (False, "xterm", "")],
)
def test_an_error_does_not_stand_behind_a_bar(
    monkeypatch: pytest.MonkeyPatch,
    capsys: pytest.CaptureFixture[str],
    at_terminal: bool,
    terminal: str,
    began: str,
) -> None:
    """Whoever started us leaves the cursor at its end, on a terminal that can go back."""
    monkeypatch.setenv("TERM", terminal)
    monkeypatch.setattr(standard_streams, "_own", {})  # of a terminal that nobody reads here
    monkeypatch.setattr(os, "isatty", lambda number: at_terminal and number == 2)
    Progress().fail("no stack", 3)

    assert capsys.readouterr().err == f"{began}error: no stack\n"
