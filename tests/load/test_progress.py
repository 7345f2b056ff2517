"""What a run says of itself: to whoever started it, and what is kept for the page."""

import os
from collections.abc import Iterator

import pytest

from harness.apps.locust.progress import Progress
from harness.core import standard_streams
from harness.load.load_protocol import RunJudged
from harness.run.progress_messages import PIPE_VARIABLE, PROGRESS, ErrorUpdate, Update


@pytest.fixture
def pipe(monkeypatch: pytest.MonkeyPatch) -> Iterator[int]:
    """The end at which whoever started a run listens."""
    read_end, write_end = os.pipe()
    monkeypatch.setenv(PIPE_VARIABLE, str(write_end))
    yield read_end
    os.close(read_end)
    os.close(write_end)


def test_what_is_said_is_kept_for_the_page(pipe: int) -> None:
    """And told as a message."""
    progress = Progress()
    progress.say("baseline")

    assert PROGRESS.decode(os.read(pipe, 4096)) == Update("baseline")
    assert progress.as_json("")["text"] == "baseline"


def test_the_verdict_is_the_last_that_is_said(pipe: int) -> None:
    """With everything that whoever started it shows."""
    progress = Progress()
    progress.finish(RunJudged("pass", 0, "All was well.", "PASS", "runs/1/report.html", "runs/1"))

    assert PROGRESS.decode(os.read(pipe, 4096)) == Update(
        "verdict: pass",
        verdict="pass",
        exit_code=0,
        sentence="All was well.",
        report="runs/1/report.html",
        run_dir="runs/1",
    )


@pytest.mark.parametrize("text", ["x" * 200_000, "é" * 5_000, "😀" * 3_000], ids=len)
def test_a_text_is_cut_where_a_pipe_would_take_a_part_of_it(pipe: int, text: str) -> None:
    """Whoever reads would find half a message; the verdict that comes with it is whole."""
    Progress().fail(text, 2)
    progress = Progress()
    progress.finish(RunJudged("pass", 0, "All was well.", "PASS", "runs/1/report.html", "runs/1"))
    progress.say(text)

    failed, _, judged = map(PROGRESS.decode, os.read(pipe, 65_536).splitlines())
    assert isinstance(failed, ErrorUpdate)
    assert isinstance(judged, Update)
    for message in (failed, judged):
        assert text.startswith(message.text.removesuffix("…"))
        assert len(message.text) > 100
    assert (judged.verdict, judged.sentence) == ("pass", "All was well.")


def test_the_pipe_is_for_this_process_alone(pipe: int) -> None:
    """A program that a scenario starts would keep it open."""
    number = int(os.environ[PIPE_VARIABLE])
    os.set_inheritable(number, True)  # noqa: FBT003  # takes no keyword

    assert (Progress().fd, os.get_inheritable(number), pipe > 0) == (number, False, True)


def test_a_secret_is_told_once_and_kept_nowhere(
    pipe: int, capsys: pytest.CaptureFixture[str]
) -> None:
    """Neither for the page nor among what goes to a log."""
    progress = Progress()
    progress.say("target: the local stack")
    os.read(pipe, 4096)
    address = "http://127.0.0.1/#token=abc"
    progress.tell_once(f"chaos page: {address}", page=address)

    assert PROGRESS.decode(os.read(pipe, 4096)) == Update(f"chaos page: {address}", page=address)
    assert progress.as_json("")["text"] == "target: the local stack"
    assert capsys.readouterr() == ("", "")


def test_an_error_is_told_to_people_and_to_who_started_it(
    pipe: int, capfd: pytest.CaptureFixture[str]
) -> None:
    """On a line of its own, and in a message that says nothing else."""
    Progress().fail("no stack", 3)

    assert PROGRESS.decode(os.read(pipe, 4096)) == ErrorUpdate("no stack")
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
