"""Toxics that are not ours: removed before a run, found during it, healed from a terminal."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path

import psycopg
import pytest
import requests

from harness.faults.proxy_control import ProxyControl
from harness.stack import Stack, StackSettings, down, up
from tests.live.conftest import SHORT, Runner, judged
from tests.live.test_how_a_harness_lies import wait_for_fault

pytestmark = pytest.mark.live


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack that somebody else meddles with."""
    folder = tmp_path_factory.mktemp("strangers")
    yield up(StackSettings(), folder)
    down(folder)


def ask(stack: Stack, method: str, path: str, body: dict[str, object] | None = None) -> None:
    """Change Toxiproxy as somebody else would."""
    answer = requests.request(method, f"{stack.toxiproxy_api}/proxies{path}", json=body, timeout=3)
    assert answer.ok, answer.text


def slow(stack: Stack, link: str, name: str) -> None:
    """Every second answer of a link takes 400 ms longer."""
    body: dict[str, object] = {"name": name, "type": "latency", "toxicity": 0.5}
    ask(stack, "post", f"/{link}/toxics", {**body, "attributes": {"latency": 400}})


def test_what_others_change_before_and_during_a_run_is_told(
    own_stack: Stack, tmp_path: Path
) -> None:
    """Before: removed, with a remark. During: inconclusive. Ours taken away: unproven.

    A lock that a session of somebody else holds is told as a toxic is, and a link that is removed
    is there again for the next run.
    """
    slow(own_stack, "edge", "before")

    def meddle(runner: Runner, process: subprocess.Popen[str]) -> None:
        wait_for_fault(runner, process)
        time.sleep(0.5)
        slow(own_stack, "bureau", "during")
        ask(own_stack, "delete", "/database/toxics/lendchaos-1-partition-upstream")
        time.sleep(1.0)
        assert own_stack.database_url is not None
        with psycopg.connect(own_stack.database_url, application_name="psql") as left_open:
            left_open.execute("LOCK TABLE loan IN ACCESS EXCLUSIVE MODE")
            time.sleep(1.5)
        ask(own_stack, "delete", "/bureau")

    runner = Runner(tmp_path / "runs", own_stack.state_dir)
    run = judged(runner("network_partition", *SHORT, meanwhile=meddle))
    messages: dict[str, str] = {}
    for finding in run.verdict["findings"]:
        told = messages.get(finding["code"], "")
        messages[finding["code"]] = f"{told}\n{finding['message']}"

    assert run.exit_code == 3, run.output
    assert "not ours: toxic before (latency" in messages["remark"]
    assert run.findings["foreign_change"] == "inconclusive"
    assert "toxic during (latency" in messages["foreign_change"]
    assert "(psql, idle in transaction) since" in messages["foreign_change"]
    assert "link bureau is gone" in messages["foreign_change"]
    assert "put right after the run, not ours: link bureau is gone" in messages["remark"]
    assert "bureau" in ProxyControl(own_stack.toxiproxy_api).proxies()
    assert "toxic before" not in messages["foreign_change"]
    assert run.findings["fault_did_not_bite"] == "inconclusive"
    assert "by no one's order" in messages["fault_did_not_bite"]
    (fault,) = run.verdict["faults"]
    assert (fault["ended_by"], fault["bit"]) == ("nobody", False)
    assert fault["healed_s"] - fault["injected_s"] < 2.0


def heal(stack: Stack, *options: str) -> subprocess.CompletedProcess[str]:
    """The command, in a process of its own."""
    command = [
        sys.executable,
        "-m",
        "harness.apps.cli",
        "heal",
        "--state-dir",
        str(stack.state_dir),
    ]
    return subprocess.run(
        [*command, *options], capture_output=True, text=True, timeout=60, check=False
    )


def test_a_heal_by_hand_names_what_others_broke_and_heals_it_when_told(own_stack: Stack) -> None:
    """A link that is off, a toxic, a proxy: left, as they may be wanted, and then as they were."""
    ask(own_stack, "post", "/bureau", {"enabled": False})
    ask(own_stack, "post", "", {"name": "theirs", "listen": "127.0.0.1:0", "upstream": "x:1"})
    slow(own_stack, "edge", "cut")
    slow(own_stack, "edge", "lendchaos-1-latency-downstream")
    changes = ("link bureau is disabled", "a proxy theirs leads", "toxic cut (latency")
    named, all_healed = heal(own_stack), heal(own_stack, "--all", "--json")
    document = json.loads(all_healed.stdout)
    (healing,) = document["stacks"]

    assert named.returncode == 3, named.stdout + named.stderr
    assert "nothing is left broken" not in named.stdout
    assert "put right: toxic lendchaos-1-latency-downstream (latency" in named.stdout
    for told in changes:
        assert f"not ours, and left as it is: {told}" in named.stdout
        assert f"not ours: {told}" in named.stderr
        assert any(text.startswith(told) for text in healing["removed"])
    assert "`lendchaos heal --all` puts it right" in named.stderr
    assert all_healed.returncode == 0, all_healed.stdout + all_healed.stderr
    assert (healing["foreign"], document["troubles"]) == ([], [])
    assert "nothing is left broken" in heal(own_stack).stdout


@pytest.mark.long
@pytest.mark.parametrize("when", ["before", "during"])
def test_a_lock_that_stays_holds_up_neither_set_up_nor_reconciliation(
    own_stack: Stack, tmp_path: Path, when: str
) -> None:
    """A `psql` left open on a table that both need: given up soon, and the session is named."""
    assert own_stack.database_url is not None
    runner = Runner(tmp_path / "runs", own_stack.state_dir)
    lock = "LOCK TABLE {} IN ACCESS EXCLUSIVE MODE"
    with psycopg.connect(own_stack.database_url, application_name="psql") as left_open:

        def meddle(runner: Runner, process: subprocess.Popen[str]) -> None:
            wait_for_fault(runner, process)
            left_open.execute(lock.format("loan"))

        if when == "before":
            left_open.execute(lock.format("account"))
        began_s = time.monotonic()
        run = runner("network_partition", *SHORT, meanwhile=meddle if when == "during" else None)
        took_s = time.monotonic() - began_s

    assert run.exit_code == 3, run.output
    if when == "before":
        assert "(psql, idle in transaction)" in run.output
        assert took_s < 40
    else:
        messages = {f["code"]: f["message"] for f in run.verdict["findings"]}
        assert "(psql, idle in transaction)" in messages["foreign_change"]
        assert "(psql, idle in transaction)" in messages["ledger_unread"]
        assert took_s < 80
