"""`lendchaos up`: what cannot be had is refused in one line."""

import os
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.core.processes import identify
from harness.stack import Stack, load_state, namespaces
from harness.stack.run_lock import TRY, held_alone
from harness.stack.state import save_state
from tests.cli.conftest import Ended


def nobody(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pretend to be an ordinary user."""
    monkeypatch.setattr(os, "geteuid", lambda: 1000)


def no_programs(monkeypatch: pytest.MonkeyPatch) -> None:
    """A root whose machine has neither program."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(namespaces, "_SYSTEM_FOLDERS", "/nowhere")
    monkeypatch.setenv("PATH", "/nowhere")


def no_kernel(monkeypatch: pytest.MonkeyPatch) -> None:
    """A root whose kernel is asked for what it does not have."""
    monkeypatch.setattr(os, "geteuid", lambda: 0)
    monkeypatch.setattr(namespaces, "missing_programs", lambda: None)
    monkeypatch.setattr(namespaces, "_NEW_NETWORK", "--no-such-namespace")


@pytest.mark.parametrize(
    ("lacking", "says"),
    [
        (nobody, "only root may make network namespaces: run as root"),
        (
            no_programs,
            "`ip`, `nft`, `nsenter`, `unshare` not found: apt-get install iproute2 nftables util",
        ),
        (no_kernel, "the kernel refuses a network namespace: "),
    ],
)
def test_what_is_missing_is_told_in_one_line(
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
    lendchaos: Callable[..., Ended],
    lacking: Callable[[pytest.MonkeyPatch], None],
    says: str,
) -> None:
    """Exit code 3, what is missing and how to get it, and nothing is started."""
    lacking(monkeypatch)

    done = lendchaos("up", "--namespaces", "--state-dir", tmp_path)

    assert done.exit_code == 3
    (line,) = done.stderr.strip().splitlines()
    assert line.startswith("error: no stack in network namespaces here: ")
    assert says in line
    assert load_state(tmp_path) is None


def test_a_disk_without_room_is_told_before_anything_is_started(
    tmp_path: Path, lendchaos: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    """PostgreSQL would break off halfway, and say something else."""
    monkeypatch.setattr("harness.stack.usable.STACK_BYTES_MIN", 1 << 62)
    done = lendchaos("up", "--state-dir", tmp_path / "state")

    assert done.exit_code == 3
    assert "No space left on device (" in done.stderr
    assert done.stderr.startswith("error: ")
    assert done.stderr.count("\n") == 1
    assert load_state(tmp_path / "state") is None


@pytest.mark.parametrize(("run_id", "conducted"), [("cut-1", True), (TRY, False)])
def test_status_names_the_conductor(
    run_id: str,
    conducted: bool,
    lendchaos: Callable[..., Ended],
    monkeypatch: pytest.MonkeyPatch,
    tmp_path: Path,
) -> None:
    """The process that holds the stack for a run; a single journey has none."""
    stack = Stack(
        kind="local",
        stack_id="one",
        state_dir=tmp_path,
        log_dir=tmp_path,
        socket_path=tmp_path / "socket",
        links={},
        toxiproxy_api="http://127.0.0.1:5",
        service_url="http://127.0.0.1:2",
        edge_url="http://127.0.0.1:3",
        admin_token="",
        supervisor=identify(os.getpid()),
        ready=True,
    )
    save_state(stack)
    monkeypatch.setattr("harness.apps.cli.stacks.StackClient.status", lambda _: ())
    with held_alone(tmp_path, run_id, "cut"):
        done = lendchaos("status", "--state-dir", tmp_path)

    assert f"used by run {run_id} of cut, process {os.getpid()} of" in done.stdout
    assert (f"conductor: process {os.getpid()}\n" in done.stdout) is conducted
