"""The state file is whole or not there, private, and never believed when its owner is dead."""

import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import threading
from dataclasses import replace
from pathlib import Path

import pytest

from harness.core.errors import HarnessError
from harness.core.processes import ProcessRef, identify, is_alive
from harness.stack import register, run_lock
from harness.stack.client import ask, short_path
from harness.stack.folder import STATE_FILE, default_state_dir
from harness.stack.launch import LaunchSpec, down, launch, silent
from harness.stack.run_lock import held_while_alive
from harness.stack.state import (
    SCHEMA,
    ForeignStateError,
    Stack,
    StackLink,
    StackSettings,
    load_state,
    read_state,
    save_state,
    socket_path_for,
)
from harness.stack.supervisor_messages import ANSWERS, ProcessList, StackRequest
from harness.stack.usable import own_link
from tests.builders import laid_out, offered_by, replicas_of


@pytest.fixture(autouse=True)
def _own_register(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The stacks of all tests here have the same id."""
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path_factory.mktemp("register")))


def a_stack(state_dir: Path) -> Stack:
    """A local stack whose supervisor is this very process."""
    made = Stack(
        kind="local",
        stack_id="0123",
        state_dir=state_dir,
        log_dir=state_dir / "logs",
        socket_path=state_dir / "supervisor.sock",
        links={"edge": StackLink("edge", "127.0.0.1:1", "127.0.0.1:2")},
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
    return laid_out(made)


def test_only_what_reaches_a_link_is_taken_for_it(tmp_path: Path) -> None:
    """Another listener may have the same port at another address of this machine."""
    stacks = [None, a_stack(tmp_path)]

    assert "port 1 is our own link 'edge'" in (own_link(stacks, "localhost", 1) or "")
    assert [own_link(stacks, host, 1) for host in ("127.0.0.2", "::1")] == [None, None]
    assert own_link(stacks, "localhost", 2) is None


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
    "text",
    [
        *("", "{", "[]", "7", f'{{"schema_version": {SCHEMA}}}', '{"kind": "local"}', "\x00\xff"),
        *("[" * 100_000, '{"schema_version":' * 50_000, "9" * 5_000, '{"stack_id": "0123"}'),
    ],
    ids=lambda text: text[:20],
)
def test_a_damaged_file_is_told_with_its_remedy(tmp_path: Path, text: str) -> None:
    """Neither a traceback nor silence: which file, and what to do."""
    save_state(a_stack(tmp_path))
    (tmp_path / STATE_FILE).write_text(text)
    with pytest.raises(HarnessError, match=r"stack\.json is damaged.*lendchaos down"):
        load_state(tmp_path)


@pytest.mark.parametrize("version", [SCHEMA - 1, SCHEMA + 1])
def test_a_stack_of_another_version_is_told_and_can_be_ended(version: int, tmp_path: Path) -> None:
    """Its supervisor may understand no request of ours; a signal it does."""
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as supervisor:
        reference = identify(supervisor.pid)
        save_state(replace(a_stack(tmp_path), supervisor=reference, schema_version=version))
        told = (
            f"another version of lendchaos .* schema {version}, .* {SCHEMA}.: `lendchaos down` ends"
        )
        for read in (read_state, load_state):
            with pytest.raises(HarnessError, match=told):
                read(tmp_path)
        assert supervisor.poll() is None

        assert down(tmp_path)
        assert supervisor.wait(5) == -signal.SIGTERM
    assert not (tmp_path / STATE_FILE).exists()


def test_a_state_file_with_fields_of_another_version_is_told_as_one(tmp_path: Path) -> None:
    """They are not judged, and `down` removes it: then its supervisor ends by itself."""
    save_state(a_stack(tmp_path))
    (tmp_path / STATE_FILE).write_text('{"schema_version": 99}')
    with pytest.raises(HarnessError, match=r"another version of lendchaos .* schema 99, "):
        load_state(tmp_path)

    assert down(tmp_path)
    assert load_state(tmp_path) is None


def test_a_dead_stack_of_another_version_is_as_any_other(tmp_path: Path) -> None:
    """Nobody has to be asked for anything: after an upgrade and a new boot `up` simply works."""
    save_state(replace(a_stack(tmp_path), supervisor=None, schema_version=SCHEMA - 1))
    assert load_state(tmp_path) is None


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


def test_only_a_folder_of_its_own_is_removed_elsewhere(tmp_path: Path) -> None:
    """The data of a database lies in the state folder, or in a temporary one that has our name."""
    state_dir = tmp_path / "state"
    kept, removed = tmp_path / "thesis", tmp_path / "lendchaos-postgres-1"
    for folder in (state_dir, kept, removed):
        folder.mkdir()
    for data_dir in (kept, removed):
        save_state(replace(a_stack(state_dir), supervisor=None, data_dir=data_dir))
        assert load_state(state_dir) is None
    assert kept.exists()
    assert not removed.exists()


def test_a_link_in_the_place_of_the_data_leads_nowhere(tmp_path: Path) -> None:
    """What lies behind it stays, and the folder is not used."""
    state_dir, kept = tmp_path / "state", tmp_path / "thesis"
    for folder in (state_dir, kept):
        folder.mkdir()
    save_state(replace(a_stack(state_dir), supervisor=None))
    (state_dir / "postgres").symlink_to(kept)
    with pytest.raises(HarnessError, match="postgres is not a folder, as `lendchaos up` makes it"):
        load_state(state_dir)
    assert kept.exists()


def test_what_the_register_does_not_list_is_foreign(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing that it names is ended or removed; the message says what to do."""
    save_state(replace(a_stack(tmp_path), supervisor=None))
    (tmp_path / "postgres").mkdir()
    before = sorted(tmp_path.rglob("*"))
    monkeypatch.setenv("XDG_STATE_HOME", str(tmp_path / "nobody"))
    with pytest.raises(ForeignStateError, match="was not made by `lendchaos up` of this"):
        load_state(tmp_path)
    assert sorted(tmp_path.rglob("*")) == before


def test_another_id_is_foreign(tmp_path: Path) -> None:
    """A checkout replaces a state file of ours: its folder alone makes it no stack of ours."""
    save_state(a_stack(tmp_path))
    text = (tmp_path / STATE_FILE).read_text()
    (tmp_path / STATE_FILE).write_text(text.replace("0123", "4567"))
    with pytest.raises(ForeignStateError, match="was not made by"):
        read_state(tmp_path)


def test_who_knows_the_id_alone_makes_no_state_file(tmp_path: Path) -> None:
    """The service tells it to every user of the machine, and a run to whoever sees its report."""
    save_state(a_stack(tmp_path))
    path = tmp_path / STATE_FILE
    said = json.loads(path.read_text())
    del said["key"]
    for key in ({}, {"key": ""}, {"key": "0123"}):
        path.write_text(json.dumps(said | key))
        with pytest.raises(ForeignStateError, match="was not made by"):
            load_state(tmp_path)


@pytest.mark.parametrize(
    ("restored", "said"),
    [
        (True, "{taken} is another folder than.*ends by itself.*--state"),
        (False, "{taken} is a copy of {ours}, whose stack"),
    ],
)
def test_a_folder_with_our_state_file_is_not_ours_for_it(
    restored: bool, said: str, tmp_path: Path
) -> None:
    """Restored, or on a file system whose inodes change, it is told as no copy of itself; a copy
    is told as one, and the original's stack is not the copy's to take down.
    """
    ours, taken = tmp_path / "ours", tmp_path / "taken"
    made = taken if restored else ours
    made.mkdir()
    save_state(a_stack(made))
    if restored:
        made.rename(ours)
    shutil.copytree(ours, taken)
    with pytest.raises(ForeignStateError, match=said.format(taken=taken, ours=ours)):
        load_state(taken)
    assert load_state(ours) is not None


def test_a_moved_folder_is_still_ours(tmp_path: Path) -> None:
    """Its paths are those of where it is now."""
    old, new = tmp_path / "old", tmp_path / "new"
    old.mkdir()
    save_state(a_stack(old))
    save_state(replace(a_stack(old), ready=True))
    old.rename(new)
    assert load_state(new) == a_stack(new), "no longer ready: its supervisor looks in the old place"


def test_a_stack_of_an_earlier_boot_is_cleaned_and_nothing_is_killed(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By then its process ids are those of other programs."""
    ours = identify(os.getpid())
    assert ours is not None
    with subprocess.Popen(["sleep", "60"], start_new_session=True) as stranger:
        reference = identify(stranger.pid)
        assert reference is not None
        monkeypatch.setattr(register, "boot_id", lambda: "an earlier boot")
        save_state(replace(a_stack(tmp_path), processes={"replica-1": reference}))
        assert load_state(tmp_path) is None
        assert stranger.poll() is None
        stranger.kill()
    assert list(tmp_path.iterdir()) == []


def test_a_supervisor_that_has_just_been_killed_is_none_of_another_container(
    tmp_path: Path,
) -> None:
    """Its first thread has ended, and the last one has not: its lock is held a moment longer."""
    save_state(replace(a_stack(tmp_path), supervisor=ProcessRef(2**22 - 1, 1)))
    held = held_while_alive(tmp_path)
    held.__enter__()
    last_thread = threading.Timer(0.3, held.__exit__, (None, None, None))
    last_thread.start()

    assert read_state(tmp_path) is not None
    last_thread.join()


def test_a_stack_whose_processes_cannot_be_seen_is_left_alone(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is up in another container, which has the same folder and the same home."""
    monkeypatch.setattr(run_lock, "ENDING_SECONDS_MAX", 0.1)
    save_state(replace(a_stack(tmp_path), supervisor=ProcessRef(2**22 - 1, 1)))
    (tmp_path / "postgres").mkdir()
    with held_while_alive(tmp_path):
        for call in (read_state, load_state, down):
            with pytest.raises(ForeignStateError, match="is up, and its processes cannot be seen"):
                call(tmp_path)
        assert (tmp_path / "postgres").exists()
    assert load_state(tmp_path) is None
    assert not (tmp_path / "postgres").exists()


def test_reading_alone_changes_nothing(tmp_path: Path) -> None:
    """`down` must see what a dead supervisor left."""
    save_state(replace(a_stack(tmp_path), supervisor=None))
    assert read_state(tmp_path) is not None
    assert (tmp_path / STATE_FILE).exists()


def test_logs_that_cannot_be_removed_are_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """NFS keeps a file that somebody reads (`.nfs…`); another user's cannot be removed either."""
    monkeypatch.setattr(shutil, "rmtree", lambda *_args, **_more: None)
    (tmp_path / "logs").mkdir()
    spec = LaunchSpec(stack=a_stack(tmp_path), toxiproxy=Path("/none"), api_port=3)
    with pytest.raises(HarnessError, match=f"{tmp_path / 'logs'} has files of an earlier stack"):
        launch(spec, silent)


def test_a_deep_folders_socket_is_reached(tmp_path: Path) -> None:
    """The kernel takes 107 bytes of its path, which lies in its folder all the same."""
    deep = tmp_path.joinpath(*["folder"] * 30)
    deep.mkdir(parents=True)
    path = socket_path_for(deep)
    with short_path(path) as short, socket.socket(socket.AF_UNIX) as listener:
        listener.bind(short)
        listener.listen()

        def answer() -> None:
            connection, _ = listener.accept()
            with connection:
                connection.recv(1000)
                connection.sendall(ANSWERS.encode(ProcessList(())))

        thread = threading.Thread(target=answer)
        thread.start()
        assert ask(path, StackRequest("status"), ProcessList, 5) == ProcessList(())
        thread.join()
    assert path.parent == deep


def test_the_default_folder_can_be_named(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """`LENDCHAOS_STATE` wins over the current folder."""
    monkeypatch.setenv("LENDCHAOS_STATE", str(tmp_path))
    assert default_state_dir() == tmp_path
    monkeypatch.delenv("LENDCHAOS_STATE")
    monkeypatch.chdir(tmp_path)
    assert default_state_dir() == tmp_path / ".lendchaos"


def test_a_layout_says_what_can_be_disturbed(tmp_path: Path) -> None:
    """An attached target has links only."""
    local = a_stack(tmp_path)
    replicas = ("replica-1", "replica-2", "replica-3")
    processes = {f"process {name}" for name in (*replicas, "postgres", "bureau")}
    assert offered_by(local) == {"link edge"} | processes
    assert replicas_of(local) == replicas
    attached = laid_out(replace(local, kind="attached", settings=None, database_url=None))
    assert offered_by(attached) == {"link edge"}
    assert replicas_of(attached) == ()


def test_a_port_that_is_not_asked_for_may_be_any() -> None:
    """A stack started with a fixed port serves whoever asks for none."""
    running = StackSettings(edge_port=20_000)
    assert StackSettings().accepts(running)
    assert not StackSettings(edge_port=20_001).accepts(running)
    assert not StackSettings(service="naive").accepts(running)
    assert not StackSettings(defect="retry_storm").accepts(running)
    assert not StackSettings(extra_links={"bureau": "127.0.0.1:9"}).accepts(running)
