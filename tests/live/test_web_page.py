"""Locust's page on the real stack: Start pressed twice, the verdict and its report on the page."""

import json
import signal
import subprocess
import time
from collections.abc import Iterator
from typing import Any

import pytest
import requests

from harness.stack.ports import choose_ports
from tests.live.conftest import BRIEF, RATE, Runner

pytestmark = pytest.mark.live


class Page:
    """Locust with its page, as a browser would use it."""

    def __init__(self, runner: Runner, port: int) -> None:
        self.url = f"http://127.0.0.1:{port}"
        command = runner.command("baseline", *BRIEF, f"--web-port={port}")
        command.remove("--headless")
        command.remove("--only-summary")
        self.process = subprocess.Popen(
            command, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True
        )
        assert self.process.stdout is not None
        said = next(line for line in self.process.stdout if "#token=" in line)
        self.token = {"X-Lendchaos-Token": said.partition("#token=")[2].split()[0]}

    def get(self, path: str) -> requests.Response:
        """GET, retried until Locust listens."""
        deadline = time.monotonic() + 20
        while True:
            try:
                return requests.get(self.url + path, headers=self.token, timeout=5)
            except requests.ConnectionError:
                if time.monotonic() > deadline:
                    raise
                time.sleep(0.1)

    def start(self, **headers: str) -> requests.Response:
        """Press Start."""
        form = {"user_count": str(RATE), "spawn_rate": str(RATE), "host": ""}
        headers = {**self.token, **headers}
        return requests.post(self.url + "/swarm", data=form, headers=headers, timeout=30)

    def run_to_the_end(self) -> dict[str, Any]:
        """Press Start and wait for the verdict."""
        self.get("/")
        assert self.start().json()["success"] is True
        deadline = time.monotonic() + 60
        seen_running = False
        while time.monotonic() < deadline:
            status = dict(self.get("/lendchaos/status").json())
            seen_running = seen_running or status["state"] not in ("done", "failed")
            if seen_running and status["state"] in ("done", "failed"):
                return status
            time.sleep(0.1)
        raise AssertionError(status)


@pytest.fixture
def page(runner: Runner) -> Iterator[Page]:
    """Locust with its page on a free port."""
    (port,) = choose_ports(1)
    page = Page(runner, port)
    yield page
    page.process.kill()
    page.process.communicate()


@pytest.mark.long
def test_start_twice_hits_the_same_target(page: Page, runner: Runner) -> None:
    """Two runs, two verdicts on the page, one target: the local stack, never our own edge."""
    first, second = page.run_to_the_end(), page.run_to_the_end()
    verdicts = [
        json.loads(path.read_bytes()) for path in sorted(runner.runs_dir.glob("*-*/verdict.json"))
    ]
    report = page.get(second["report"])
    front = page.get("/").text
    page.process.send_signal(signal.SIGTERM)
    page.process.wait(30)

    assert [first["verdict"], second["verdict"]] == ["pass", "pass"]
    assert len(verdicts) == 2
    assert len({verdict["target"] for verdict in verdicts}) == 1
    assert verdicts[0]["target"].startswith("local stack")
    assert second["sentence"] in {verdict["sentence"] for verdict in verdicts}
    assert report.status_code == 200
    assert "<svg" in report.text
    assert "/lendchaos/status" in front
    assert page.process.returncode == 0


def test_a_foreign_page_cannot_press_start(page: Page) -> None:
    """What another site sends is refused, and nothing runs."""
    page.get("/")
    refused = page.start(Origin="http://evil.example")

    assert refused.status_code == 403
    assert page.get("/lendchaos/status").json()["state"] == "idle"
