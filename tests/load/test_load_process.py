"""What a load process answers the leading process."""

import re
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import gevent
import pytest

from harness.core import processes
from harness.core.errors import HarnessError
from harness.history.run_directory import RunDirectory
from harness.load import load_process
from harness.load.load_process import LoadProcess, LoadWorkers, boot_id
from harness.load.load_protocol import (
    FOR_LEADER,
    FOR_WORKER,
    TO_LEADER,
    TO_WORKER,
    LoadAccount,
    PrepareLoad,
    WorkerPrepared,
)
from harness.load.sessions import BorrowerSession
from tests.builders import plan_of


def prepared_with(user: Any, borrower: str = "user") -> WorkerPrepared:
    """What a load process answers the order to take part with this class of this name."""
    sent: list[Any] = []
    handlers: dict[str, Any] = {}
    runner = SimpleNamespace(
        register_message=handlers.__setitem__, send_message=lambda *message: sent.append(message)
    )
    report = SimpleNamespace(add_listener=lambda _: None)
    LoadProcess(
        SimpleNamespace(
            runner=runner,
            events=SimpleNamespace(report_to_master=report),
            user_classes=[user],
        )
    )
    order = PrepareLoad(
        name="load-0",
        run_dir="runs/1",
        index=0,
        count=1,
        borrower=borrower,
        edge_url="http://127.0.0.1:1",
        accounts={},
        boot_id=boot_id(),
    )
    handlers[TO_WORKER](SimpleNamespace(data=FOR_WORKER.encode(order)))

    ((kind, reply),) = sent
    assert kind == TO_LEADER
    answer = FOR_LEADER.decode(reply)
    assert isinstance(answer, WorkerPrepared)
    return answer


@pytest.mark.parametrize(
    ("error", "told"),
    [(OSError("mine"), "OSError: mine"), (gevent.Timeout(5), "Timeout: 5 seconds")],
)
def test_a_user_that_cannot_be_made_is_told(error: BaseException, told: str) -> None:
    """The leading process waits for the answer, whatever the user's code raises."""

    def user(_: Any) -> None:
        raise error

    assert prepared_with(user) == WorkerPrepared("load-0", boot_id(), told)


def test_an_on_start_that_raises_is_told_with_its_place() -> None:
    """Nothing is sent by steps that are not prepared."""

    def on_start() -> None:
        raise KeyError("key")

    def user(_: Any) -> Any:
        return SimpleNamespace(on_start=on_start)

    told = str(prepared_with(user).error)
    assert re.fullmatch(
        r"HarnessError: tests/load/test_load_process\.py:\d+: on_start raised KeyError: 'key'", told
    )


def test_a_worker_with_another_locustfile_is_told() -> None:
    """It has no class of that name."""

    def user(_: Any) -> None:
        """Never made."""

    told = prepared_with(user, "Other").error
    assert told == "HarnessError: its locustfile has no class Other"


def test_a_kernel_that_tells_no_boot_is_told(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That of gVisor does not, and nothing else shows that two processes have one clock."""
    monkeypatch.setattr(processes, "BOOT_ID", tmp_path / "missing")
    processes.boot_id.cache_clear()
    try:
        with pytest.raises(HarnessError, match=r"no run here: .*missing cannot be read"):
            boot_id()
    finally:
        processes.boot_id.cache_clear()


def test_a_session_of_set_up_comes_with_its_end(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Most borrowers hold one: what comes after its end is no false decline. Requests look at their
    connections with the poll that gevent has not patched.
    """
    monkeypatch.setattr(load_process, "get_original", lambda *name: name)
    handlers: dict[str, Any] = {}
    runner = SimpleNamespace(client_id="me", register_message=handlers.__setitem__)
    report = SimpleNamespace(add_listener=lambda _: None, fire=None)

    def steps(_: Any) -> Any:
        return SimpleNamespace(on_start=lambda: None, on_stop=lambda: None)

    events = SimpleNamespace(report_to_master=report, request=report)
    environment = SimpleNamespace(runner=runner, events=events, user_classes=[steps])
    process, workers = LoadProcess(environment), LoadWorkers(environment, "steps")

    def send(kind: str, data: bytes, *_: str) -> None:
        if kind == TO_LEADER:
            message = FOR_LEADER.decode(data)
            assert isinstance(message, WorkerPrepared)
            workers.hear(message)
        else:
            handlers[kind](SimpleNamespace(data=data))

    runner.send_message = send
    plan = plan_of(rate=1)
    accounts = {0: LoadAccount("138", "secret", "token", expires_ns=99)}
    workers.prepare(RunDirectory.create(tmp_path, plan).path, "http://127.0.0.1:1", accounts)

    part = process._part
    assert part is not None
    part.journeys.events.close()
    assert part.journeys.accounts[0].session == BorrowerSession("token", 99)
    assert part.journeys.transport._pool._new_poll == ("select", "poll")
