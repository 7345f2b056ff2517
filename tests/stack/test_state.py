"""The state file is whole or not there, private, and never believed when its owner is dead."""

import os
import signal
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from harness.errors import HarnessError
from harness.stack.processes import ProcessRef, identify, is_alive
from harness.stack.state import (
    STATE_FILE,
    Link,
    Stack,
    StackSettings,
    default_state_dir,
    load_state,
    read_state,
    save_state,
    socket_path_for,
)


def a_stack(state_dir: Path) -> Stack:
    """A local stack whose supervisor is this very process."""
    return Stack(
        kind="local",
        stack_id="0123",
        state_dir=state_dir,
        log_dir=state_dir / "logs",
        socket_path=state_dir / "supervisor.sock",
        links={"edge": Link("edge", "127.0.0.1:1", "127.0.0.1:2")},
        toxiproxy_api="http://127.0.0.1:3",
        service_url="http://127.0.0.1:2",
        edge_url="http://127.0.0.1:1",
        admin_token="t0ken",
        database_url="postgresql://harness:hidden@127.0.0.1:4/lending",
        settings=StackSettings(replicas=3),
        service_logs={"replica-1": state_dir / "logs" / "replica-1.jsonl"},
        data_dir=state_dir / "postgres",
        supervisor=identify(os.getpid()),
    )


def test_what_was_saved_is_loaded(tmp_path: Path) -> None:
    """Nothing is lost between two processes."""
    stack = a_stack(tmp_path)
    save_state(stack)
    assert load_state(tmp_path) == stack


def test_the_file_is_for_its_owner_only(tmp_path: Path) -> None:
    """It holds the admin token and the database's password."""
    save_state(a_stack(tmp_path))
    assert (tmp_path / STATE_FILE).stat().st_mode & 0o777 == 0o600


def test_secrets_are_not_printed(tmp_path: Path) -> None:
    """A stack in a log or a traceback doesn't give them away."""
    printed = repr(a_stack(tmp_path))
    assert "t0ken" not in printed
    assert "hidden" not in printed


def test_saving_leaves_no_half_written_file(tmp_path: Path) -> None:
    """Only the state file itself is there afterwards."""
    save_state(a_stack(tmp_path))
    save_state(a_stack(tmp_path))
    assert [path.name for path in tmp_path.iterdir()] == [STATE_FILE]


def test_no_file_is_no_stack(tmp_path: Path) -> None:
    """A folder that is missing altogether is no error either."""
    assert load_state(tmp_path / "missing") is None


@pytest.mark.parametrize(
    "text", ["", "{", "[]", "7", '{"schema_version": 1}', '{"kind": "local"}', "\x00\xff"]
)
def test_a_damaged_file_is_told_with_its_remedy(tmp_path: Path, text: str) -> None:
    """Neither a traceback nor silence: which file, and what to do."""
    (tmp_path / STATE_FILE).write_text(text)
    with pytest.raises(HarnessError, match=r"stack\.json is damaged.*lendchaos down"):
        load_state(tmp_path)


def test_another_version_is_told(tmp_path: Path) -> None:
    """The fields of another schema are not judged."""
    (tmp_path / STATE_FILE).write_text('{"schema_version": 99}')
    with pytest.raises(HarnessError, match="schema version 99, this program reads 1"):
        load_state(tmp_path)


def test_a_dead_supervisors_stack_is_cleaned_away(tmp_path: Path) -> None:
    """Its children are ended, its data and its files removed, and no stack is up."""
    child = subprocess.Popen([sys.executable, "-c", "input()"], stdin=-1, start_new_session=True)
    reference = identify(child.pid)
    assert reference is not None
    (tmp_path / "postgres").mkdir()
    stack = replace(a_stack(tmp_path), supervisor=None, processes={"replica-1": reference})
    save_state(stack)
    assert load_state(tmp_path) is None
    assert list(tmp_path.iterdir()) == []
    child.communicate(timeout=5)
    assert child.returncode == -signal.SIGKILL


def test_a_reused_process_id_is_left_alone(tmp_path: Path) -> None:
    """The same number with another start time is another program."""
    ours = identify(os.getpid())
    assert ours is not None
    stranger = ProcessRef(ours.pid, ours.started_ticks - 1)
    save_state(replace(a_stack(tmp_path), supervisor=stranger, processes={"replica-1": stranger}))
    assert load_state(tmp_path) is None
    assert is_alive(ours)


def test_reading_alone_changes_nothing(tmp_path: Path) -> None:
    """`down` must see what a dead supervisor left."""
    save_state(replace(a_stack(tmp_path), supervisor=None))
    assert read_state(tmp_path) is not None
    assert (tmp_path / STATE_FILE).exists()


def test_a_deep_folder_gets_a_short_socket(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The kernel takes 107 bytes; the same folder always gives the same socket."""
    monkeypatch.setattr("tempfile.tempdir", str(tmp_path))
    deep = Path("/", *["folder"] * 30)
    path = socket_path_for(deep)
    assert len(os.fsencode(path)) <= 107
    assert path == socket_path_for(deep) != socket_path_for(deep / "other")
    assert path.parent.stat().st_mode & 0o777 == 0o700


def test_the_default_folder_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`LENDCHAOS_STATE` wins over the current folder."""
    monkeypatch.setenv("LENDCHAOS_STATE", str(tmp_path))
    assert default_state_dir() == tmp_path
    monkeypatch.delenv("LENDCHAOS_STATE")
    monkeypatch.chdir(tmp_path)
    assert default_state_dir() == tmp_path / ".lendchaos"


def test_capabilities_say_what_can_be_disturbed(tmp_path: Path) -> None:
    """An attached target has links only."""
    local = a_stack(tmp_path)
    processes = {f"process:{name}" for name in ("replicas", *local.replicas, "postgres")}
    assert local.capabilities == {"link:edge", "database"} | processes
    assert local.replicas == ("replica-1", "replica-2", "replica-3")
    attached = replace(local, kind="attached", settings=None, database_url=None)
    assert attached.capabilities == {"link:edge"}
    assert attached.replicas == ()


def test_a_port_that_is_not_asked_for_may_be_any() -> None:
    """A stack started with a fixed port serves whoever asks for none."""
    running = StackSettings(edge_port=20_000)
    assert StackSettings().accepts(running)
    assert not StackSettings(edge_port=20_001).accepts(running)
    assert not StackSettings(service="naive").accepts(running)
    assert not StackSettings(defect="retry_storm").accepts(running)
    assert not StackSettings(extra_links={"bureau": "127.0.0.1:9"}).accepts(running)
