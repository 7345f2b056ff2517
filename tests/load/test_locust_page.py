"""What Locust's page is told, and what stands on it, without a browser."""

import re
from importlib.metadata import files
from types import SimpleNamespace
from typing import Any

import pytest

from harness.load.locust_page import ASKS_IN, IN_OUR_WORDS, in_our_words, state_shown
from harness.load.progress import Progress


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
