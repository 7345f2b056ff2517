"""A service that already runs: measured through our own link, wherever it came from."""

import os
import signal
import subprocess
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from harness.stack import Stack, StackClient, StackSettings, down, up
from tests.builders import replicas_of
from tests.live.conftest import BRIEF, SHORT, Runner
from tests.live.test_scenarios import (
    assert_agrees_with_service_and_database,
    assert_every_arrival_is_counted_once,
)

pytestmark = pytest.mark.live
STOPPED_SECONDS = 3.0
EDGE_CUT = '''"""The edge is cut.

Hypothesis: borrowing comes back.
"""

from harness import Borrower, Objectives, Scenario
from harness.faults import Partition


class EdgeCut(Borrower):
    scenario = Scenario(
        faults=[Partition("edge")], objectives=Objectives(recovery_seconds_max=5)
    )
'''


@pytest.fixture(scope="module")
def foreign(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A second, separately started copy of the reference service."""
    folder = tmp_path_factory.mktemp("foreign")
    yield up(StackSettings(), folder)
    down(folder)


def to_foreign(foreign: Stack) -> tuple[str, ...]:
    """Locust's own way to name a target."""
    return (*SHORT, "--host", foreign.service_url)


@pytest.fixture
def attached(foreign: Stack, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runner:
    """Runs without a local stack, with the operator's token in the environment."""
    monkeypatch.setenv("LENDING_ADMIN_TOKEN", foreign.admin_token)
    return Runner(tmp_path / "runs", tmp_path / "no-stack")


def stop_and_continue(
    stack: Stack, edges: list[int]
) -> Callable[[Runner, subprocess.Popen[str]], None]:
    """SIGSTOP every replica in mid-run, SIGCONT later; ``edges`` gets the two instants."""

    def meanwhile(runner: Runner, process: subprocess.Popen[str]) -> None:
        while process.poll() is None and not list(runner.runs_dir.glob("*-*/events-*.jsonl")):
            time.sleep(0.05)
        time.sleep(8.0)  # into the observation: lead, warm-up and baseline are over
        replicas = [p.pid for p in StackClient(stack).status() if p.name in replicas_of(stack)]
        for action in (signal.SIGSTOP, signal.SIGCONT):
            for pid in replicas:
                os.kill(pid or 0, action)
            edges.append(time.monotonic_ns())
            if action is signal.SIGSTOP:
                time.sleep(STOPPED_SECONDS)

    return meanwhile


@pytest.mark.alone
def test_an_outage_of_somebody_else_is_found_with_its_edges(
    attached: Runner, foreign: Stack
) -> None:
    """Stopped and continued by hand: one outage, its edges where the signals were sent.

    Of those who wait for the continue some are answered in time and some are not, so the outage may
    go over into a brownout before it ends.
    """
    edges: list[int] = []
    run = attached("baseline", *to_foreign(foreign), meanwhile=stop_and_continue(foreign, edges))
    clock = run.facts().status.clock
    assert clock is not None
    first, *more = [e for e in run.verdict["episodes"] if e["class"] != "slow"]
    last = more[-1] if more else first

    assert run.exit_code == 1, run.output
    assert run.verdict["flaps"] == 0
    assert abs(first["onset_s"] - clock.seconds(edges[0])) < 1.0
    # Requests that were waiting are answered after the continue: recovery may show earlier by
    # the request timeout, never later than the backlog takes.
    assert -2.2 < last["recovered_s"] - clock.seconds(edges[1]) < 1.0
    assert {"outage", "degraded"} & set(run.findings)
    assert run.verdict["target"] == foreign.service_url
    assert_every_arrival_is_counted_once(run)


def test_the_network_fault_on_the_edge_works_on_any_target(
    attached: Runner, foreign: Stack, tmp_path: Path
) -> None:
    """The edge link is ours, so a partition of it needs nothing of the target."""
    scenario = tmp_path / "edge_cut.py"
    scenario.write_text(EDGE_CUT)
    run = attached(scenario, *to_foreign(foreign))

    assert run.exit_code == 0, run.output
    assert run.verdict["faults"][0]["bit"] is True
    assert_agrees_with_service_and_database(run, foreign)


@pytest.mark.parametrize("scenario", ["database_migration", "server_failure"])
def test_a_fault_that_needs_more_than_it_was_given_exits_2(
    attached: Runner, foreign: Stack, scenario: str
) -> None:
    """One line says what is missing; nothing is sent."""
    run = attached(scenario, *to_foreign(foreign))

    assert run.exit_code == 2
    assert "needs" in run.output
    assert run.path == attached.runs_dir  # there is no new one


@pytest.mark.long
def test_a_stale_locust_host_is_printed_and_obeyed(attached: Runner, foreign: Stack) -> None:
    """What the environment names is the target, in plain sight; and no secret is written down."""
    run = attached("baseline", *BRIEF, environment={"LOCUST_HOST": foreign.service_url})
    everything = [path.read_bytes() for path in run.path.rglob("*") if path.is_file()]

    assert run.exit_code == 0, run.output
    assert foreign.service_url in run.output
    assert run.verdict["target"] == foreign.service_url
    assert len(everything) > 5
    assert not any(foreign.admin_token.encode() in found for found in everything)
    assert not any(b"password" in found or b"Bearer" in found for found in everything)


def test_our_own_edge_is_never_a_target(
    runner: Runner, stack: Stack, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Attaching to our own proxy would measure it twice: refused."""
    monkeypatch.setenv("LENDING_ADMIN_TOKEN", stack.admin_token)
    run = runner("baseline", *SHORT, "--host", stack.edge_url)

    assert run.exit_code == 2
    assert "is our own link 'edge'" in run.output
    assert run.path == runner.runs_dir  # there is no new one


def test_a_silent_target_is_named(attached: Runner) -> None:
    """Nobody answers there: one line, exit 3."""
    run = attached("baseline", *SHORT, "--host", "http://127.0.0.1:9")

    assert run.exit_code == 3
    assert "127.0.0.1:9" in run.output
    assert run.path == attached.runs_dir  # there is no new one


def test_a_foreign_host_must_be_allowed_by_name(attached: Runner) -> None:
    """Only loopback, unless the user names the host."""
    run = attached("baseline", *SHORT, "--host", "http://lender.example:80")

    assert run.exit_code == 2
    assert "--allow-target" in run.output
