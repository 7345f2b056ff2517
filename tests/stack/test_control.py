"""The supervisor's socket: every request has an answer, and an error is an answer too."""

import asyncio
import hashlib
import json
import socket
from collections.abc import Callable
from dataclasses import fields
from pathlib import Path
from types import SimpleNamespace
from typing import Any, get_args

import pytest

from harness.core.errors import HarnessError
from harness.core.processes import ProcessRef
from harness.core.user_module import UserReference
from harness.plan.layout import StackLayout
from harness.plan.target_parts import ProgramSpec
from harness.stack.client import StackClient, ask
from harness.stack.control_socket import UNDO_SECONDS, UNDO_SECONDS_MAX, Control
from harness.stack.namespaces import Wire
from harness.stack.state import SCHEMA, Stack, StackLink, StackSettings, socket_path_for
from harness.stack.supervisor_messages import (
    ANSWERS,
    REQUESTS,
    ProcessIds,
    ProcessStatus,
    StackAnswer,
    StackRequest,
)
from tests.builders import stack_in


class Child:
    """A process that does what it is told; ``told`` keeps it."""

    def __init__(self, name: str) -> None:
        self.spec, self.process = SimpleNamespace(name=name), SimpleNamespace(pid=7)
        self.told: list[Any] = []

    def status(self) -> ProcessStatus:
        """Alive."""
        return ProcessStatus(
            name=self.spec.name,
            pid=7,
            alive=True,
            frozen=False,
            restarts=0,
            last_exit=None,
            ordered_ns=1,
        )

    async def freeze(self, after: float) -> int:
        """Keep for how long."""
        self.told.append(after)
        return 5

    def thaw(self) -> int:
        """Fail as the kernel may."""
        raise ProcessLookupError

    def order_restart(self) -> int:
        """When."""
        return 6


def beside(folder: Path, call: Callable[[StackClient], Any]) -> tuple[Any, Child]:
    """What a call comes to, in a thread beside the socket; and the one process there is."""
    child = Child("bureau")
    stack = stack_in(folder, socket_path=socket_path_for(folder))
    children: Any = {"bureau": child}

    async def ready(_name: str, _seconds: float) -> int:
        return 7

    async def serve() -> Any:
        control = Control(stack, children, ready, asyncio.Event())
        await control.open()
        try:
            return await asyncio.to_thread(call, StackClient(stack))
        finally:
            await control.close()

    return asyncio.run(serve()), child


def test_calls_and_answers_are_typed(tmp_path: Path) -> None:
    """Whatever is asked comes back as what it is."""
    (status,), _ = beside(tmp_path, lambda client: client.status())
    pids, child = beside(tmp_path, lambda client: client.freeze("bureau", 2.5))
    ordered_ns, _ = beside(tmp_path, lambda client: client.restart("bureau"))

    assert (status, pids, ordered_ns) == (child.status(), {"bureau": 7}, 6)
    assert child.told == [2.5]


def test_a_freeze_without_an_end_ends_all_the_same(tmp_path: Path) -> None:
    """Who asked may have died."""
    _, child = beside(tmp_path, lambda client: client.freeze("bureau"))

    assert child.told == [UNDO_SECONDS]


@pytest.mark.parametrize(
    ("call", "told"),
    [
        (lambda client: client.thaw("postgres"), "no process 'postgres' in this stack"),
        (lambda client: client.thaw("bureau"), "ProcessLookupError"),
        (lambda client: client.freeze("bureau", -1), "freeze is for 0 to 86400 seconds, not -1"),
        (
            lambda client: client.kill("bureau", UNDO_SECONDS_MAX + 1),
            "kill is for 0 to 86400 seconds, not 86401",
        ),
        (lambda client: client.thaw(()), "no process is named"),
    ],
    ids=["unknown", "error", "negative", "too_long", "no one"],
)
def test_what_cannot_be_done_is_told(call: Any, told: str, tmp_path: Path) -> None:
    """In one line, and the supervisor goes on."""
    with pytest.raises(HarnessError, match=f"the stack's supervisor refused: .*{told}"):
        beside(tmp_path, call)


def test_a_supervisor_of_the_version_before_understands_down() -> None:
    """It takes no field that it does not know: what is as usual is left out."""
    assert REQUESTS.encode(StackRequest("down")) == b'{"kind": "StackRequest", "do": "down"}\n'


def test_what_is_no_request_is_refused_and_the_next_one_answered(tmp_path: Path) -> None:
    """Say that of another version."""
    lines = (
        b'{"command": "status"}\n',
        b'{"kind": "StackRequest", "do": "kill", "targets": ["bureau"], "softly": true}\n',
        b'{"kind": "StackRequest", "do": "dance"}\n',
        REQUESTS.encode(StackRequest("status")),
    )

    def ask_in_a_row(_: StackClient) -> list[Any]:
        with socket.socket(socket.AF_UNIX, socket.SOCK_STREAM) as connection:
            connection.connect(str(socket_path_for(tmp_path)))
            with connection.makefile("rb") as answers:
                found = []
                for line in lines:
                    connection.sendall(line)
                    found.append(ANSWERS.decode(answers.readline()))
                return found

    (refused, unknown, no_order, status), _ = beside(tmp_path, ask_in_a_row)

    assert refused.error.startswith("no message of StackRequest: ")
    assert unknown.error == "message StackRequest, softly: Unexpected keyword argument"
    assert no_order.error.startswith("message StackRequest, do: Input should be 'status', 'kill'")
    assert [process.name for process in status.processes] == ["bureau"]


def test_an_answer_to_another_question_is_no_answer(tmp_path: Path) -> None:
    """A supervisor that mixes them up is not believed."""
    path = socket_path_for(tmp_path)

    with pytest.raises(HarnessError, match="the stack's supervisor refused: ProcessList"):
        beside(tmp_path, lambda _: ask(path, StackRequest("status"), ProcessIds, 5.0))


def test_what_versions_say_to_each_other_changes_with_the_schema() -> None:
    """Where this fails, raise `SCHEMA`, so that they are told apart, and note the new sum."""
    stored: list[Any] = [Stack, StackSettings, StackLink, Wire, ProcessRef, UserReference]
    stored += [StackLayout, ProgramSpec]
    kinds = [*stored, StackRequest, ProcessStatus, *get_args(StackAnswer)]
    said = {kind.__name__: [each.name for each in fields(kind)] for kind in kinds}
    summed = hashlib.sha256(json.dumps(said).encode()).hexdigest()[:12]

    assert (SCHEMA, summed) == (3, "97131052bc6d")
