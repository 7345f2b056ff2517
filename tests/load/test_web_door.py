"""Every route of the web page asks for the token, Locust's own among them; asked of real ones."""

import json
import subprocess
import sys
from typing import Any

import pytest

OPEN = {
    ("lendchaos-chaos.page", "GET"),
    ("lendchaos-chaos.page", "HEAD"),
    ("lendchaos-chaos.page", "OPTIONS"),
    ("lendchaos-chaos.file", "GET"),
    ("lendchaos-chaos.file", "HEAD"),
    ("lendchaos-chaos.file", "OPTIONS"),
    ("lendchaos-door.script", "GET"),
    ("lendchaos-door.script", "HEAD"),
    ("lendchaos-door.script", "OPTIONS"),
    ("lendchaos-door.session", "OPTIONS"),
}
"""What a stranger gets: files of ours that hold nothing of a run. Nothing else, of nobody's."""
OPTIONS = [
    [],
    ["--web-host=0.0.0.0", "--allow-target=10.0.0.7", "--allow-target=Lender"],
    ["--web-login", "--web-base-path=/load/"],
    ["--class-picker", "--host=http://127.0.0.1:8080", "--allow-target=10.0.0.7"],
]
IDS = ["plain", "open", "login", "picker"]

NAMED = "Invalid user_count"
"""Locust's own objection, which comes after ours."""


@pytest.fixture(scope="module")
def answers() -> list[dict[str, Any]]:
    """What came of every request, by `OPTIONS`."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.load.web_under_locust"],
        input=json.dumps(OPTIONS),
        capture_output=True,
        text=True,
        timeout=60,
        check=False,
    )
    assert done.returncode == 0, done.stderr
    return list(json.loads(done.stdout))


def got_in(requests: list[list[Any]]) -> set[tuple[str, str]]:
    """Which of them were not refused, or gave a cookie."""
    return {(end, method) for end, method, status, cookie in requests if status != 403 or cookie}


@pytest.mark.parametrize("who", ["stranger", "forger"])
@pytest.mark.parametrize("number", range(len(OPTIONS)), ids=IDS)
def test_no_route_answers_without_the_token(
    answers: list[dict[str, Any]], number: int, who: str
) -> None:
    """Whatever Locust, a scenario or we serve: a route that is new in Locust is closed, too."""
    found = answers[number]
    endpoints = {endpoint for endpoint, *_ in found[who]}

    assert got_in(found[who]) <= OPEN
    assert {"locust.swarm", "locust.stop", "locust.reset_stats", "locust.update_user"} <= endpoints
    assert {"locust.login", "locust.logs", "mine", "lendchaos.report"} <= endpoints
    assert found["nowhere"] == 403
    assert len(found["said"].strip().splitlines()) == 1
    assert "the terminal shows" in found["said"]


@pytest.mark.parametrize("number", range(len(OPTIONS)), ids=IDS)
def test_the_printed_address_opens_all_of_it(answers: list[dict[str, Any]], number: int) -> None:
    """Once, with a cookie that no script and no other site has; scripts send a header."""
    found = answers[number]
    login = "--web-login" in OPTIONS[number]

    parts = {part.strip() for part in found["cookie"].split(";")}
    path = "Path=/load/" if login else "Path=/"
    passed = 302 if login else 200  # a login of the scenario's own comes after it: 302 leads there
    assert {"lendchaos-8089=TOKEN", "HttpOnly", "SameSite=Strict", path} <= parts
    assert sum("#token=" in line for line in found["printed"]) == 1
    assert found["by_cookie"] == [passed, 403, 403]
    assert found["frame"] == 403
    assert set(found["by_header"].values()) == {passed}


def test_only_a_host_that_was_named_is_a_target(answers: list[dict[str, Any]]) -> None:
    """Another one would be sent the admin token of the environment, loopback or not."""
    plain, allowing, _, hosted = (
        {host for host, said in found["hosts"].items() if NAMED in said} for found in answers
    )

    assert plain == {""}
    assert allowing == {"", "http://10.0.0.7:1", "http://LENDER:8080"}
    assert hosted == {"", "http://127.0.0.1:8080", "http://127.0.0.1:8080/"}
    refused = [found["hosts"]["http://evil"] for found in answers]
    assert [said for said in refused if not said.startswith("http://evil was not named")] == []
    assert "--host" in refused[0]


@pytest.mark.parametrize("number", [0, 3], ids=[IDS[0], IDS[3]])
def test_locusts_page_is_told_of_a_run_from_start_on(
    answers: list[dict[str, Any]], number: int
) -> None:
    """Before Locust does anything; stopped at once, it is over. Its script is served in our words,
    also to a browser that has one already, and no hypothesis ends the page that it stands in.
    """
    found = answers[number]["followed"]

    assert found["states"] == [["ready"] * 2, ["spawning"] * 2, ["stopped"] * 2]
    assert found["again"]["success"] is False
    assert found["script"] == [200, True]
    assert "Hypothesis: \\u003c/script\\u003e" in found["front"]
    assert 'id="lendchaos"' in found["front"]


@pytest.mark.parametrize("number", range(len(OPTIONS)), ids=IDS)
def test_nothing_that_a_stranger_sends_is_our_bug(
    answers: list[dict[str, Any]], number: int
) -> None:
    """Without the token it is refused, and of a body whose length is not told little is read."""
    found = answers[number]

    assert len(found["odd"]) == 6
    assert set(found["odd"].values()) == {403}
    assert found["taken"] < 5_000
