"""Who answers on the service's port is proven, not assumed."""

import http.server
import json
import threading
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import HarnessError
from harness.core.ports import choose_ports
from harness.stack.parts.lending_service import replica_environment
from harness.stack.parts.part import who_answers
from harness.stack.state import Stack, StackSettings


class _Replica(http.server.BaseHTTPRequestHandler):
    answer: tuple[int, bytes] = (200, b"")

    def do_GET(self) -> None:
        status, body = self.answer
        self.send_response(status)
        self.send_header("Content-Length", str(len(body)))
        self.end_headers()
        self.wfile.write(body)

    def log_message(self, *_words: Any) -> None:
        """Says nothing."""


@pytest.fixture
def replica() -> Iterator[tuple[str, int]]:
    """A program that answers whatever `_Replica.answer` says; its URL and port."""
    port = choose_ports(1)[0]
    with http.server.ThreadingHTTPServer(("127.0.0.1", port), _Replica) as server:
        thread = threading.Thread(target=server.serve_forever, args=(0.01,))
        thread.start()
        yield f"http://127.0.0.1:{port}", port
        server.shutdown()
        thread.join()


@pytest.fixture
def stack(tmp_path: Path) -> Stack:
    """A stack that is called `ours`."""
    return Stack(
        kind="local",
        stack_id="ours",
        state_dir=tmp_path,
        log_dir=tmp_path,
        socket_path=tmp_path / "socket",
        links={},
        toxiproxy_api="",
        service_url="",
        edge_url="",
        admin_token="token",
        settings=StackSettings(),
        service_logs={"replica-1": tmp_path / "replica-1.jsonl"},
    )


def told_to(stack: Stack, settings: StackSettings) -> dict[str, str]:
    """The environment of the first replica of a stack with these settings."""
    return replica_environment(
        replace(stack, settings=settings), "postgresql://x", "replica-1", 20_000, "token"
    )


def says(status: int, **facts: str) -> None:
    """Sets what the program answers."""
    _Replica.answer = (status, json.dumps(facts).encode())


def test_a_replica_of_ours_tells_its_name(stack: Stack, replica: tuple[str, int]) -> None:
    """That is how a restarted one is known to be back."""
    says(200, stack_id="ours", instance="replica-2")
    assert who_answers(stack, replica[0]) == "replica-2"


def test_an_unwell_replica_does_not_count(stack: Stack, replica: tuple[str, int]) -> None:
    """It is there, and not ready."""
    says(503, stack_id="ours", instance="replica-2")
    assert who_answers(stack, replica[0]) is None


@pytest.mark.parametrize("facts", [{"stack_id": "theirs"}, {}])
def test_a_stranger_on_the_port_is_an_error(
    stack: Stack, replica: tuple[str, int], facts: dict[str, str]
) -> None:
    """It would take part of the traffic silently; the message names port and process."""
    says(200, instance="replica-1", **facts)
    with pytest.raises(HarnessError, match=rf"not of this stack.* port {replica[1]} \(process \d+"):
        who_answers(stack, replica[0])


def test_nobody_is_nobody(stack: Stack) -> None:
    """A port without a listener is no error: the replica may be starting."""
    port = choose_ports(1)[0]
    assert who_answers(stack, f"http://127.0.0.1:{port}") is None


def test_a_replica_is_told_what_it_needs(stack: Stack) -> None:
    """Without a password cost of ours, the service's own holds."""
    told = told_to(stack, StackSettings(service="naive", password_cost=None))
    assert told["LENDING_CLIENT"] == "naive"
    assert told["LENDING_STACK_ID"] == "ours"
    assert told["LENDING_HOST"] == "127.0.0.1"
    assert "LENDING_PASSWORD_COST" not in told
    cheap = StackSettings(password_cost=4)
    assert told_to(stack, cheap)["LENDING_PASSWORD_COST"] == "4"


def test_a_sound_service_is_told_nothing_of_defects(stack: Stack) -> None:
    """Only a stack that was asked to have one passes it on."""
    sound, broken = StackSettings(), StackSettings(defect="retry_storm")

    assert "LENDING_DEFECT" not in told_to(stack, sound)
    assert told_to(stack, broken)["LENDING_DEFECT"] == "retry_storm"
