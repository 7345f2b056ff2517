"""The ways in which a harness deceives its users, each tried for real."""

import os
import signal
import subprocess
import threading
import time
from collections.abc import Iterator
from http.server import SimpleHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
import requests

from harness.stack import Stack, StackSettings, down, up
from tests.live.conftest import (
    BASELINE_SECONDS,
    BRIEF,
    LOAD_SECONDS,
    RATE,
    SCENARIOS,
    SHORT,
    Runner,
    query,
)
from tests.live.test_scenarios import assert_every_arrival_is_counted_once

pytestmark = pytest.mark.live
PAUSES, PAUSE_SECONDS = 5, 0.95


def wait_for_fault(runner: Runner, process: subprocess.Popen[str]) -> None:
    """Return when a fault of the newest run has been injected."""
    while process.poll() is None:
        found = list(runner.runs_dir.glob("*-*/faults.jsonl"))
        if found and any('"control_plane"' in path.read_text() for path in found):
            return
        time.sleep(0.05)


def interrupt_in_mid_fault(runner: Runner, process: subprocess.Popen[str]) -> None:
    """What Ctrl-C does, once the fault is in."""
    wait_for_fault(runner, process)
    time.sleep(0.5)
    os.kill(process.pid, signal.SIGINT)


def test_no_borrow_vanishes_when_nobody_can_log_in(runner: Runner) -> None:
    """With the database cut every log-in fails, and each takes its borrow with it, counted."""
    run = runner("network_partition", *SHORT, "--log-in-share=1")

    assert_every_arrival_is_counted_once(run)
    assert run.verdict["borrow"]["blocked"] > 0
    assert run.verdict["log_in"]["failed"] > 0
    assert run.verdict["log_in"]["operations"] == run.verdict["borrow"]["operations"]


@pytest.mark.long
def test_no_borrow_vanishes_when_interrupted(runner: Runner, stack: Stack) -> None:
    """Ctrl-C in mid-fault: healed, drained, every arrival due until then counted, exit 130."""
    run = runner("network_partition", *SHORT, meanwhile=interrupt_in_mid_fault)

    assert run.exit_code == run.verdict["exit_code"] == 130, run.output
    assert run.findings["interrupted"] == "inconclusive"
    assert run.verdict["verdict"] == "inconclusive"
    assert run.verdict["load"]["arrivals"] < RATE * LOAD_SECONDS
    assert run.verdict["faults"][0]["healed_s"] is not None
    assert_every_arrival_is_counted_once(run)
    assert (run.path / "report.html").stat().st_size > 0
    assert query(stack, "SELECT 1") == [(1,)]


def pause_after_the_baseline(runner: Runner, process: subprocess.Popen[str]) -> None:
    """What a busy build server does: the load process is not let run, again and again."""
    while process.poll() is None and not list(runner.runs_dir.glob("*-*/events-*.jsonl")):
        time.sleep(0.05)
    time.sleep(BASELINE_SECONDS + 1.5)
    for _ in range(PAUSES):
        process.send_signal(signal.SIGSTOP)
        time.sleep(PAUSE_SECONDS)
        process.send_signal(signal.SIGCONT)
        time.sleep(0.4)


def test_a_pause_of_our_own_is_no_failure_of_the_target(runner: Runner) -> None:
    """The service is sound and the load process is paused: undecided, and never a failure.

    A burst after each pause would overload the service.
    """
    busier = ("--rate=60", "--recovery=8s")
    run = runner("baseline", *BRIEF, *busier, meanwhile=pause_after_the_baseline)

    assert "fail" not in run.findings.values()
    assert run.exit_code == 3, run.output
    assert run.findings["load_unfaithful"] == "inconclusive"
    stalls = run.facts().status.stalls
    assert sum(s.end_ns - s.begin_ns >= PAUSE_SECONDS * 1e9 for s in stalls) == PAUSES
    assert run.verdict["load"]["dropped"] > 0.5 * RATE * PAUSE_SECONDS * PAUSES


@pytest.fixture(scope="module")
def spare_link(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack with one more link, to a plain web server that no borrow needs."""
    folder = tmp_path_factory.mktemp("spare")
    server = ThreadingHTTPServer(("127.0.0.1", 0), SimpleHTTPRequestHandler)
    threading.Thread(target=server.serve_forever).start()
    try:
        spare = f"127.0.0.1:{server.server_port}"
        yield up(StackSettings(extra_links={"spare": spare}), folder)
    finally:
        down(folder)
        server.shutdown()
        server.server_close()


def partition_of_spare(folder: Path) -> Path:
    """The partition scenario, on the link that borrowing does not use."""
    text = (SCENARIOS / "network_partition.py").read_text()
    path = folder / "unused_link.py"
    path.write_text(text.replace('Partition("database"', 'Partition("spare"'))
    return path


def test_a_fault_on_an_unused_link_did_not_bite(spare_link: Stack, tmp_path: Path) -> None:
    """It is in place and proven, but no borrower noticed: inconclusive, saying why."""
    runner = Runner(tmp_path / "runs", spare_link.state_dir)
    run = runner(partition_of_spare(tmp_path), *SHORT)

    assert run.exit_code == 3, run.output
    assert run.findings["fault_did_not_bite"] == "inconclusive"
    assert run.verdict["faults"][0]["bit"] is False
    assert run.verdict["borrow"]["failed"] == 0


@pytest.mark.long
def test_a_fault_through_a_disabled_proxy_did_not_bite(spare_link: Stack, tmp_path: Path) -> None:
    """A disabled proxy takes toxics and does nothing with them: its state is read back."""

    def disable(runner: Runner, process: subprocess.Popen[str]) -> None:
        while process.poll() is None and not list(runner.runs_dir.glob("*-*/events-*.jsonl")):
            time.sleep(0.05)
        answer = requests.post(
            f"{spare_link.toxiproxy_api}/proxies/spare", json={"enabled": False}, timeout=3
        )
        assert answer.ok

    runner = Runner(tmp_path / "runs", spare_link.state_dir)
    run = runner(partition_of_spare(tmp_path), *SHORT, meanwhile=disable)

    assert run.exit_code == 3, run.output
    assert run.findings["fault_did_not_bite"] == "inconclusive"
    assert any("disabled" in proof for proof in run.verdict["faults"][0]["proof"])
