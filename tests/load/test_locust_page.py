"""What Locust's page is told, and what stands on it, without a browser."""

import re
from importlib.metadata import files
from types import SimpleNamespace
from typing import Any

import pytest

from harness.apps.locust.progress import Progress
from harness.apps.locust.web import ASKS_IN, IN_OUR_WORDS, in_our_words, state_shown, tabs
from harness.load.load_protocol import RunJudged


@pytest.fixture(scope="module")
def script() -> str:
    """The one of the Locust that is installed."""
    (path,) = (f for f in files("locust") or () if f.match("webui/dist/assets/*.js"))
    return path.read_text(encoding="utf-8")


@pytest.mark.parametrize("said", IN_OUR_WORDS)
def test_locust_says_what_is_said_otherwise(script: str, said: str) -> None:
    """In one place each: a Locust that says it differently is noticed here, not by a reader."""
    assert len(re.findall(said, script)) == 1


def test_the_page_says_what_its_fields_do(script: str) -> None:
    """Locust's words for another kind of load are gone."""
    ours = in_our_words(script)

    for words in ("peak concurrency", "users started/second", "Custom parameters"):
        assert words in script
        assert words not in ours
    for words in ("Arrivals per second", "begin at the full rate", "Host (empty: "):
        assert words in ours
    assert "title:`Arrivals per second`" in ours  # of the chart
    head = ours[ours.index("children:`Host`") :][:300]
    assert re.search(r"children:\w\|\|window\.templateArgs\.lendchaos\.target\}\)", head)


def shown_tabs(progress: Progress, rows: list[dict[str, str]]) -> tuple[dict[str, str], Any]:
    """The verdict tab as names and values, and the rows of the Chaos tab."""
    live = SimpleNamespace(rows=lambda: rows)
    leader: Any = SimpleNamespace(progress=progress, run=SimpleNamespace(live=live))
    verdict, chaos = tabs(leader, "/lendchaos/report")
    return {row["item"]: row["value"] for row in verdict["data"]}, chaos["data"]


def test_the_verdict_tab_says_each_thing_once() -> None:
    """No phase of the name verdict before there is one, and nothing of the way to it after it."""
    progress = Progress(fd=None)
    progress.begin("baseline")
    progress.state, progress.phase, progress.text = "load", "fault", "1-partition injected"
    loaded, _ = shown_tabs(progress, [])
    progress.state, progress.phase, progress.text = "judging", "verdict", "watching the ledger"
    judging, _ = shown_tabs(progress, [])
    progress.finish(RunJudged("fail", 1, "All failed.", "", "r/report.html", "r"))
    done, _ = shown_tabs(progress, [])

    assert loaded["phase"] == "fault"
    expected = {"scenario": "baseline", "state": "judging", "message": "watching the ledger"}
    assert judging == expected
    assert done == {
        "verdict": "fail",
        "sentence": "All failed.",
        "scenario": "baseline",
        "exit code": "1",
        "report": "the link Report below opens it",
    }


def test_the_chaos_tab_says_that_there_is_no_fault() -> None:
    """Where a run has some, these are its rows."""
    row = {"fault": "1-kill"}

    progress = Progress(run_dir="r")
    assert [row["fault"] for row in shown_tabs(progress, [])[1]] == ["none"]
    assert shown_tabs(progress, [row])[1] == [row]
    progress.begin("the next, of which there is nothing yet")
    assert shown_tabs(progress, [row])[1] == []


@pytest.mark.parametrize(
    ("state", "under_way", "shown"),
    [
        ("idle", False, "ready"),
        ("idle", True, "spawning"),
        ("setting_up", True, "spawning"),
        ("load", True, "running"),
        ("draining", True, "running"),
        ("judging", True, "running"),
        ("done", False, "ready"),
        ("failed", False, "ready"),
    ],
)
def test_locust_asks_on_until_the_verdict(state: str, under_way: bool, shown: str) -> None:
    """Whatever Locust makes of its users; without a run it is Locust's own state."""
    leader: Any = SimpleNamespace(progress=Progress(state=state), under_way=under_way)

    assert state_shown(leader, "ready") == shown
    assert (shown in ASKS_IN) == under_way


def test_the_states_are_those_that_the_page_knows(script: str) -> None:
    """In these two its script sets a timer."""
    for state in ASKS_IN:
        assert f"{state.upper()}:`{state}`" in script
    assert re.search(r"(\w)\.state===\w+\.SPAWNING\|\|\1\.state===?\w+\.RUNNING", script)
