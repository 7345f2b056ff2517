"""Messages between our own processes: what is said comes over whole, and nothing else is taken."""

import ast
import json
from dataclasses import dataclass, fields, is_dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.core.messages import Codec, MessageError
from harness.core.processes import ProcessRef
from harness.faults.heal.guardian_protocol import (
    FROM_GUARDIAN,
    TO_GUARDIAN,
    GuardedRun,
    GuardianReady,
    RunInOrder,
)
from harness.history.events import Clock, RunStatus, SafetyStop, Stall
from harness.history.run_facts import ErrorRecord
from harness.load import load_protocol as load
from harness.run import progress_messages as progress
from harness.stack import launch
from harness.stack import supervisor_messages as stack
from harness.stack.state import Stack, StackLink

ROOT = Path(__file__).parent.parent.parent / "harness"
ACCOUNTS = {3: load.LoadAccount("138", "secret", "token", 9), 12: load.LoadAccount("139", "s", "")}
STALL = Stall("load-0", 1, 2)
STATUS = stack.ProcessStatus(
    name="bureau", pid=7, alive=True, frozen=False, restarts=1, last_exit=-9, ordered_ns=5
)
SPEC = launch.LaunchSpec(
    stack=Stack(
        kind="local",
        stack_id="1f",
        state_dir=Path("/a/\udce4"),
        log_dir=Path("/a/logs"),
        socket_path=Path("/a/s"),
        links={"edge": StackLink("edge", "127.0.0.1:1", "127.0.0.1:2")},
        toxiproxy_api="http://127.0.0.1:3",
        service_url="http://127.0.0.1:2",
        edge_url="http://127.0.0.1:1",
        admin_token="x",
    ),
    toxiproxy=Path("/bin/toxiproxy"),
    api_port=3,
    owner=ProcessRef(1, 2),
)
GUARDED = GuardedRun(
    run_dir=Path("/r"),
    run_id="r",
    state_dir=Path("/s"),
    stack_id="",
    owns_stack=True,
    load=ProcessRef(4, 5),
)
ORDER = load.PrepareLoad(
    name="load-0",
    run_dir="/r",
    index=0,
    count=1,
    borrower="Mine",
    edge_url="http://e",
    accounts=ACCOUNTS,
    boot_id="b",
)
EXAMPLES: tuple[tuple[Codec[Any], tuple[Any, ...]], ...] = (
    (
        load.FROM_CONDUCTOR,
        (
            load.ConductorProgress("two\nlines, \udce4"),
            load.LoadReady("http://e", ACCOUNTS),
            load.FaultChanged("1-kill", "healed", 5),
            load.StopLoad("heal", "the heal command, from another process"),
            SafetyStop("failed_budget", "too many", 5, 3.5, 2.0),
            load.RecordUnwritten("status.json cannot be written"),
            load.RunFailed(3, "no PostgreSQL"),
            load.RunJudged("pass", 0, "It went well.", "PASS", "", "/r"),
        ),
    ),
    (
        load.FROM_LOAD,
        (
            load.LoadBegun(Clock(1, 2, 3), ("load-0", "load-1")),
            load.InterruptRun(),
            load.PageCommand("abort", reason="too much"),
            load.LoadDrained(
                1, 2, "page", (ErrorRecord("gone", 1),), (STALL,), ("load-0",), ("so",)
            ),
        ),
    ),
    (load.FOR_WORKER, (ORDER, load.StartLoad(1), load.EndLoad(2))),
    (
        load.FOR_LEADER,
        (
            load.WorkerPrepared("load-0", "b", "OSError: mine"),
            load.WorkerDrained("load-0", None, (STALL,)),
            load.UserCodeRaised("a.py:3: KeyError", background=True),
            load.EndAsked("no room"),
            load.EndAsked(broken_step="a.py:3: borrow returned None"),
        ),
    ),
    (
        progress.PROGRESS,
        (
            progress.Update("fault (2s)", "fault", 0.5, 2.5, (1, 2, 2.0), seed=5, ended_by="page"),
            progress.ErrorUpdate("no stack"),
        ),
    ),
    (TO_GUARDIAN, (GUARDED, RunInOrder())),
    (FROM_GUARDIAN, (GuardianReady(),)),
    (launch.TO_SUPERVISOR, (SPEC,)),
    (
        launch.TO_UP,
        (
            launch.SupervisorStarted(7),
            launch.LaunchStep("making the database"),
            launch.LaunchFailed("no room"),
            launch.StackUp(),
        ),
    ),
    (stack.REQUESTS, (stack.StackRequest("kill", ("postgres",), 0.5),)),
    (
        stack.ANSWERS,
        (
            stack.ProcessList((STATUS,)),
            stack.ProcessIds({"bureau": 7}),
            stack.RequestDone(4),
            stack.RequestRefused("no process"),
        ),
    ),
)
"""Every protocol, with every message of it."""


@pytest.mark.parametrize(("codec", "messages"), EXAMPLES)
def test_every_message_comes_over_as_it_was(codec: Codec[Any], messages: tuple[Any, ...]) -> None:
    """One line each, that names the class; no message of a protocol is missing here."""
    assert {type(message).__name__ for message in messages} == set(codec._adapters)
    for message in messages:
        line = codec.encode(message)
        assert line.index(b"\n") == len(line) - 1
        assert json.loads(line)["kind"] == type(message).__name__
        assert codec.decode(line) == codec.decode(line.decode()) == message


@pytest.mark.parametrize(("codec", "messages"), EXAMPLES)
def test_messages_are_frozen_and_have_no_field_kind(
    codec: Codec[Any], messages: tuple[Any, ...]
) -> None:
    """That is the name of the class on the line."""
    assert codec
    for message in messages:
        assert is_dataclass(message)
        assert message.__dataclass_params__.frozen
        assert "kind" not in {each.name for each in fields(message)}


@dataclass(frozen=True)
class Inner:
    """A part of a message."""

    count: int


@dataclass(frozen=True)
class Outer:
    """A message with parts."""

    secret: str
    parts: tuple[Inner, ...] = ()


@dataclass(frozen=True)
class Empty:
    """A message that says nothing more."""


@pytest.mark.parametrize(
    ("line", "reason"),
    [
        ("", "no message of Outer, Empty: ''"),
        ('{"kind": "Outer", "sec', "no message of Outer, Empty"),
        ("[]", "no message of Outer, Empty"),
        ("null", "no message of Outer, Empty"),
        ("[" * 100_000, "no message of Outer, Empty"),
        (b"\xff", "no message of Outer, Empty"),
        ('{"secret": "x"}', "no message of Outer, Empty"),
        ('{"kind": "Other"}', "no message of Outer, Empty"),
        ('{"kind": ["Outer"]}', "no message of Outer, Empty"),
        ('{"kind": "Empty", "more": 1}', "message Empty, more: Unexpected keyword argument"),
        ('{"kind": "Outer"}', "message Outer, secret: Field required"),
        (
            '{"kind": "Outer", "secret": "x", "parts": [{"count": 1, "more": 2}]}',
            "message Outer, parts.0.more: Unexpected keyword argument",
        ),
        (
            '{"kind": "Outer", "secret": "x", "parts": [{"count": "many"}]}',
            "message Outer, parts.0.count: Input should be a valid integer",
        ),
        (
            '{"kind": "Outer", "secret": "x", "parts": [1]}',
            "message Outer, parts.0: Input should be an object",
        ),
    ],
)
def test_what_is_no_message_is_refused_with_the_reason(line: str | bytes, reason: str) -> None:
    """An unknown kind or field, and one that is missing or of another type, in parts too."""
    codec: Codec[Outer | Empty] = Codec(Outer | Empty)

    with pytest.raises(MessageError) as refused:
        codec.decode(line)

    assert str(refused.value).startswith(reason)
    assert len(str(refused.value)) < 200


def test_no_refusal_shows_what_was_in_a_field() -> None:
    """It may be a password, and whoever logs the refusal logs what led to it."""
    codec: Codec[Outer] = Codec(Outer)

    with pytest.raises(MessageError) as refused:
        codec.decode('{"kind": "Outer", "secret": ["hunter2"]}')

    assert "hunter2" not in f"{refused.value} {refused.value.__cause__}"


def test_a_message_of_another_protocol_is_not_sent() -> None:
    """The other end would refuse it."""
    codec: Codec[Any] = Codec(Outer)

    with pytest.raises(KeyError, match="Empty"):
        codec.encode(Empty())


ENDS = (
    *("load/channel", "load/conductor_link", "load/load_process"),
    *("run/conductor", "run/commands", "run/locust_process", "apps/locust/progress"),
    *("apps/locust/controller", "apps/locust/leader", "stack/client", "stack/control_socket"),
    *("stack/launch", "faults/heal/guardian", "faults/heal/guardian_link"),
)


def json_in(source: str) -> bool:
    """Whether a module reads or writes JSON by itself."""
    nodes = [node for node in ast.walk(ast.parse(source)) if isinstance(node, ast.Import)]
    return any(alias.name == "json" for node in nodes for alias in node.names)


@pytest.mark.parametrize("place", ENDS)
def test_no_end_of_a_pipe_makes_messages_by_itself(place: str) -> None:
    """They come from the codec, so that both ends know the same ones."""
    assert not json_in((ROOT / f"{place}.py").read_text(encoding="utf-8"))


def test_the_check_of_the_ends_can_fail() -> None:
    """A planted import of JSON is found."""
    assert json_in("import os\nimport json\n")


def test_what_the_load_says_at_its_end_is_all_part_of_the_status() -> None:
    """The conductor puts it there by name, without which a whole run had no verdict."""
    said = {field.name for field in fields(load.LoadDrained)}

    assert said <= {field.name for field in fields(RunStatus)}
