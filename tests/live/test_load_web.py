"""Locust's web UI with our part in it: runs, verdicts, and who may give orders."""

import json
import os
import signal
import socket
import subprocess
import time
import urllib.error
import urllib.request
from collections import Counter
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any
from urllib.parse import urlencode

import pytest
import requests

from harness.load.load_protocol import InterruptRun, LoadBegun, LoadDrained, PageCommand
from tests.live.load_process import PHASES, SCENARIO, LoadProcesses
from tests.load.target import running_target
from tests.ports import free_port

pytestmark = pytest.mark.live
CHANGES_USERS = """
import gevent
from locust import events


@events.test_start.add_listener
def change(environment, **_):
    gevent.spawn_later(1.5, environment.runner.start, 25, 25)
"""
PROBE_SECONDS = 0.5
FORM = {"user_count": "20", "spawn_rate": "20", "host": "", "run_time": ""}


@dataclass(frozen=True)
class Page:
    """The web UI of one running Locust."""

    url: str
    load: LoadProcesses
    process: subprocess.Popen[str]
    told: str
    """The line that has the token in it."""

    @property
    def token(self) -> str:
        """What the terminal shows."""
        return self.told.partition("#token=")[2].split()[0]

    def ask(
        self, path: str, form: dict[str, str] | None = None, **headers: str
    ) -> tuple[int, str, Any]:
        """Status, body and headers of a script that has the token; a POST with a form."""
        body = None if form is None else urlencode(form).encode()
        headers = {"X-Lendchaos-Token": self.token, **headers}
        request = urllib.request.Request(self.url + path, body, headers)  # noqa: S310  # our own
        try:
            with urllib.request.urlopen(request, timeout=10) as answer:  # noqa: S310  # our own
                return answer.status, answer.read().decode(), answer.headers
        except urllib.error.HTTPError as error:
            with error:
                return error.code, error.read().decode(), error.headers

    def status(self) -> dict[str, Any]:
        """What the banner shows."""
        return dict(json.loads(self.ask("/lendchaos/status")[1]))

    def start(self, **form: str) -> dict[str, Any]:
        """Press Start."""
        return dict(json.loads(self.ask("/swarm", {**FORM, **form})[1]))

    def wait_for(self, *states: str) -> dict[str, Any]:
        """The status, once it is one of these."""
        deadline = time.monotonic() + 20
        while (status := self.status())["state"] not in states:
            assert time.monotonic() < deadline, status
            time.sleep(0.1)
        return status


def first_line_with(process: subprocess.Popen[str], text: str) -> str:
    """What Locust printed before anything else of ours."""
    assert process.stdout is not None
    for line in process.stdout:
        if text in line:
            return line
    pytest.fail(f"nothing printed with {text!r}")


@pytest.fixture
def open_page(tmp_path: Path) -> Iterator[Callable[..., Page]]:
    """Starts Locust with its web UI and without a run."""
    contexts = []
    with running_target() as target:
        load = LoadProcesses(tmp_path, target)

        def start(*options: str, scenario: str = SCENARIO, **environment: str) -> Page:
            port = free_port()
            words = (*PHASES, f"--web-port={port}", *options)
            context = load.started(*words, scenario=scenario, **environment)
            contexts.append(context)
            process = context.__enter__()
            told = first_line_with(process, "#token=")
            page = Page(f"http://127.0.0.1:{port}", load, process, told)
            deadline = time.monotonic() + 20
            while time.monotonic() < deadline:
                with socket.socket() as probe:
                    if probe.connect_ex(("127.0.0.1", port)) == 0:
                        return page
                time.sleep(0.05)
            pytest.fail("no web UI")

        yield start
        for context in contexts:
            context.__exit__(None, None, None)


def slow_program(folder: Path) -> Path:
    """What stands for Toxiproxy, and takes its time to say so."""
    path = folder / "slow"
    path.write_text(f"#!/bin/sh\nsleep {PROBE_SECONDS}\necho toxiproxy-server version 2.12.0\n")
    path.chmod(0o700)
    return path


def test_two_runs_from_the_page(open_page: Callable[..., Page], tmp_path: Path) -> None:
    """Start, verdict, report; Start again, with a plan of its own; Start that Stop takes back;
    closed with the last code.
    """
    page = open_page(TOXIPROXY_SERVER=str(slow_program(tmp_path)))
    assert page.status()["state"] == "idle"
    assert page.ask("/lendchaos/report")[0] == 404
    assert 'id="lendchaos"' in page.ask("/")[1]

    assert page.start()["success"] is True
    first = page.wait_for("done", "failed")
    first_run = page.load.latest
    assert (first["verdict"], first["exit_code"]) == ("pass", 0)
    assert page.ask(first["report"])[1] == "<p>the report of this run</p>"
    time.sleep(2.1)  # Locust remembers these answers for two seconds
    rows = json.loads(page.ask("/stats/requests")[1])["extended_stats"][0]
    assert rows["key"] == "verdict"
    assert {"item": "verdict", "value": "pass"} in rows["data"]

    assert page.start(user_count="10")["success"] is True
    page.wait_for("setting_up", "load")
    page.wait_for("done", "failed")
    assert page.load.latest != first_run
    assert len(page.load.rows("operation")) == 25
    assert (page.load.latest / "arguments.json").read_text() == "[null, []]"

    # While it is still looked whether a run can be begun, Locust's Stop knows of none.
    last_run = page.load.latest
    assert page.start()["success"] is True
    page.wait_for("setting_up")
    page.ask("/stop", {})
    time.sleep(3 * PROBE_SECONDS)
    assert page.status()["state"] == "idle"
    assert page.load.latest == last_run

    page.process.send_signal(signal.SIGINT)
    output, _ = page.process.communicate(timeout=10)
    assert page.process.returncode == 0, output


def test_the_form_lengthens_the_run_and_stop_ends_it(open_page: Callable[..., Page]) -> None:
    """Locust's own timer is not used, Stop drains, and the users are only the rate's face: the page
    does not change them in a run, and where a scenario does, the verdict hears of it.
    """
    page = open_page(scenario=SCENARIO + CHANGES_USERS)

    page.start(run_time="20s")
    page.wait_for("load")
    changed = page.start(user_count="15")
    time.sleep(1.5)
    assert changed["success"] is False
    assert "its arrivals are planned" in changed["message"]
    assert page.ask("/stop", {})[0] == 200
    status = page.wait_for("done", "failed")

    assert status["exit_code"] == 130
    assert page.load.planned() == 20 * 20
    drained = page.load.received()[-1]
    assert drained.ended_by == "hand"
    assert "the user count was changed during the run, to 25" in drained.troubles[0].text
    endings = Counter(o["ending"] for o in page.load.rows("operation"))
    # Whoever was due in the very moment of Stop may not have started any more.
    assert endings["dropped"] <= 3
    assert endings.keys() <= {"finished", "dropped"}


@pytest.mark.usefixtures("hang_up_is_heard")
@pytest.mark.parametrize(
    ("state", "number", "tell"),
    [
        ("load", signal.SIGINT, os.kill),
        ("done", signal.SIGHUP, os.kill),
        *(
            pytest.param(state, number, tell, marks=pytest.mark.long)
            for state in ("load", "done")
            for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)
            for tell in (os.kill, os.killpg)
            if (state, number, tell)
            not in (("load", signal.SIGINT, os.kill), ("done", signal.SIGHUP, os.kill))
        ),
    ],
)
def test_a_page_that_is_told_to_end(
    open_page: Callable[..., Page],
    state: str,
    number: signal.Signals,
    tell: Callable[[int, int], None],
) -> None:
    """In a run that is interrupted first; afterwards it closes with the last verdict's code."""
    page = open_page()
    page.start()
    page.wait_for(state)
    tell(page.process.pid, number)
    output, _ = page.process.communicate(timeout=20)

    assert page.process.returncode == (130 if state == "load" else 0), output
    told = [type(message) for message in page.load.received()]
    interrupted = [InterruptRun] if state == "load" else []
    assert told == [LoadBegun, *interrupted, LoadDrained]


def test_a_run_that_cannot_be_is_told_on_the_page(open_page: Callable[..., Page]) -> None:
    """In the form where it stands there; else the page says it, and closing that gives the code."""
    page = open_page(TOXIPROXY_SERVER="/bin/true")

    refused = page.start(baseline="soon", user_count="3000")
    assert refused["success"] is False
    for words in ("--baseline soon must be", "rate 3000 must be"):
        assert words in refused["message"]
    assert page.status()["state"] == "idle"

    assert page.start(baseline="1s")["success"] is True
    status = page.wait_for("failed")
    assert "TOXIPROXY_SERVER=/bin/true is not a Toxiproxy server" in status["text"]
    assert (status["exit_code"], status["report"]) == (3, None)
    assert not page.load.runs_dir.exists()
    page.process.send_signal(signal.SIGTERM)
    page.process.communicate(timeout=10)
    assert page.process.returncode == 3


def test_start_while_setting_up_is_refused_and_stop_works(open_page: Callable[..., Page]) -> None:
    """One run at a time, and one can be stopped before it loads."""
    page = open_page("--processes=2", PROTOCOL_BEHAVIOUR="long")
    deadline = time.monotonic() + 20
    while json.loads(page.ask("/worker-count")[1])["worker_count"] < 2:
        assert time.monotonic() < deadline
        time.sleep(0.1)

    page.start()
    page.wait_for("setting_up")
    again = page.start()
    while not page.load.latest.exists():  # before that, Stop takes the Start back
        assert time.monotonic() < deadline
        time.sleep(0.05)
    page.ask("/stop", {})
    status = page.wait_for("done", "failed")

    assert again["success"] is False
    assert "A run is under way" in again["message"]
    assert status["exit_code"] == 130


def test_orders_from_elsewhere_are_refused(open_page: Callable[..., Page]) -> None:
    """No token, another origin, a page without one, a name that is not ours: nothing starts.

    Nor does a run at a target that was not named, which would be sent the admin token of another.
    """
    page = open_page()
    stolen = {"X-Lendchaos-Token": ""}

    for path, form in (("/swarm", FORM), ("/stop", {}), ("/stats/reset", {}), ("/", None)):
        status, said, _ = page.ask(path, form, **stolen)
        assert (status, said.count("\n")) == (403, 1)
        assert "the terminal shows" in said
    elsewhere = page.start(host="http://127.0.0.1:9997")
    assert elsewhere["success"] is False
    assert "http://127.0.0.1:9997 was not named" in elsewhere["message"]
    for origin in ("http://evil.example", "null", page.url.replace("http", "https") + "1"):
        assert page.ask("/swarm", FORM, Origin=origin)[0] == 403
    assert page.ask("/stop", {}, Referer="http://evil.example/page")[0] == 403
    assert page.ask("/stats/requests", Host="evil.example")[0] == 403
    assert page.ask("/swarm", FORM, Host="evil.example", Origin="http://evil.example")[0] == 403
    assert page.status()["state"] == "idle"

    _, _, headers = page.ask("/stats/requests", Origin="http://evil.example")
    assert not [name for name in headers if name.lower().startswith("access-control-")]
    assert page.ask("/stats/reset", {}, Origin=page.url)[0] == 200
    with socket.socket() as outside:
        others = socket.gethostbyname(socket.gethostname())
        port = int(page.url.rpartition(":")[2])
        if not others.startswith("127."):
            assert outside.connect_ex((others, port)) != 0


def test_orders_reach_the_conductor(open_page: Callable[..., Page]) -> None:
    """In one process too: heal everything, then abort with a reason, each with token and Origin."""
    page = open_page()
    ask = requests.Session()
    ask.headers["Origin"] = page.url
    chaos = f"{page.url}/lendchaos"
    assert ask.post(f"{chaos}/command", json={"do": "heal"}, timeout=5).status_code == 403
    assert ask.post(f"{chaos}/session", json={"token": page.token}, timeout=5).status_code == 204
    assert ask.post(f"{chaos}/command", json={"do": "heal"}, timeout=5).status_code == 409

    page.start(run_time="20s")
    page.wait_for("load")
    assert ask.post(f"{chaos}/command", json={"do": "heal"}, timeout=5).status_code == 202
    time.sleep(1.0)
    seen = ask.get(f"{chaos}/live", timeout=5).json()["live"]
    abort = {"do": "abort", "reason": "enough"}
    assert ask.post(f"{chaos}/command", json=abort, timeout=5).status_code == 202
    status = page.wait_for("done", "failed")

    assert status["exit_code"] == 130
    assert seen["totals"]["due"] > 0
    _, *commands, drained = page.load.received()
    assert commands == [
        PageCommand("heal"),
        PageCommand("abort", reason="enough"),
        InterruptRun(),
    ]
    assert drained.ended_by == "page"


def test_the_page_that_gives_orders_is_for_this_machine_alone(
    open_page: Callable[..., Page],
) -> None:
    """Where Locust's own page is opened to others, ours is not there, and that is told."""
    page = open_page("--web-host=0.0.0.0", "--master", f"--master-bind-port={free_port()}")

    assert "no chaos page" in page.told
    assert "web page: http://127.0.0.1:" in page.told
    assert page.ask("/lendchaos/")[0] == 404
    assert page.ask("/lendchaos/live")[0] == 404
    assert page.ask("/lendchaos/command", {})[0] == 404
    told = page.start()  # Locust would take it, and do nothing
    assert (told["success"], page.status()["state"]) == (False, "idle")
    assert told["message"].startswith("No load process has connected yet")


def test_a_page_that_is_opened_before_its_run_waits_for_it(open_page: Callable[..., Page]) -> None:
    """While load processes are waited for: Locust's page would show its form, and ask no more."""
    bind = f"--master-bind-port={free_port()}"
    page = open_page("--master", bind, "--expect-workers=1", "--autostart")

    assert json.loads(page.ask("/stats/requests")[1])["state"] == "spawning"
    assert page.start()["message"].startswith("A run is under way")
