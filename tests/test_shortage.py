"""What our own machine lacks for a connection: named, dated, and never held against the target."""

import errno
import json
import os
import resource
import socket
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import pytest

from harness.core.errors import HarnessError
from harness.core.http_calls import Http
from harness.core.shortage import shortage_of, stretches
from harness.faults.probes import LinkProbe
from harness.faults.unplanned import ProxyLog
from harness.history.event_tail import EventTail
from harness.history.event_writer import EventWriter
from harness.history.reader import Facts
from harness.history.run_directory import RunDirectory
from harness.plan.plan import Plan
from harness.stack.state import StackLink
from harness.target.health import ask
from harness.target.transport import Transport
from harness.verdict.judge import judge
from tests.builders import attempt, facts, failed, operation, plan_of, stack_in
from tests.judge.helpers import codes

LACKS = {
    errno.EADDRNOTAVAIL: "no_local_port",
    errno.EMFILE: "no_open_file",
    errno.ENFILE: "no_open_file",
    errno.ENOBUFS: "no_memory",
    errno.ENOMEM: "no_memory",
    errno.EPERM: "forbidden_here",
    errno.EACCES: "forbidden_here",
}
WHAT_TO_DO = {"no_local_port": "ip_local_port_range", "no_open_file": "ulimit -n"}


@pytest.fixture(params=LACKS)
def lacking(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> Iterator[str]:
    """Every connection fails so, as the kernel says it; the code for it."""

    def connect(*_: Any) -> None:
        raise OSError(request.param, os.strerror(request.param))

    monkeypatch.setattr(socket.socket, "connect", connect)
    return LACKS[request.param]


def test_an_attempt_names_what_was_lacking(lacking: str) -> None:
    """It never left, and no other error has this name."""
    answer = Transport("http://127.0.0.1:9").request("GET", "/", {}, b"", 1.0)

    assert (answer.error, answer.sent) == (lacking, False)


def test_a_call_of_ours_says_what_to_do(lacking: str) -> None:
    """In plain words: set-up, audit and questions by key."""
    with pytest.raises(HarnessError, match="our own machine") as caught:
        Http().call("GET", "http://127.0.0.1:9/x", headers={})

    assert WHAT_TO_DO.get(lacking, "") in str(caught.value)


def test_a_question_that_could_not_be_asked_proves_no_fault(lacking: str, tmp_path: Path) -> None:
    """No answer came, and it is not the link that kept it back."""
    link = StackLink("edge", "127.0.0.1:9", "127.0.0.1:9")
    probe = LinkProbe(link, stack_in(tmp_path))

    with pytest.raises(HarnessError, match="our own machine") as caught:
        probe.is_cut()
    assert WHAT_TO_DO.get(lacking, "") in str(caught.value)


@pytest.mark.parametrize("number", [errno.ECONNREFUSED, errno.ECONNRESET, errno.EHOSTUNREACH])
def test_what_the_far_side_does_is_not_ours(number: int) -> None:
    """Nor is what is no call to the system at all."""
    assert shortage_of(OSError(number, "x")) is None
    assert shortage_of(ValueError()) is None


def test_stretches_are_apart() -> None:
    """Two seconds without any part them."""
    assert list(stretches([5.0, 1.0, 1.5, 3.4, 9.0])) == [(1.0, 5.0, 4), (9.0, 9.0, 1)]
    assert not list(stretches([]))


def run_with(
    lacking: tuple[float, float], out: tuple[float, float] = (0.0, 0.0)
) -> tuple[Plan, Facts]:
    """A run in which no local port was left in one stretch, and the target was out in another."""
    plan = plan_of(baseline_s=8.0, recovery_s=20.0)
    ops, attempts = [], []
    for arrival in plan.arrivals:
        made, tried = operation(plan, arrival.index), {}
        if lacking[0] <= arrival.at_s < lacking[1]:
            made = failed(plan, arrival.index, code="no_local_port")
            tried = {"error": "no_local_port", "sent": False, "code": "no_local_port"}
        elif out[0] <= arrival.at_s < out[1]:
            made = failed(plan, arrival.index)
            tried = {"status": 503}
        ops.append(made)
        attempts.append(attempt(made, **tried))
    return plan, facts(plan, tuple(ops), attempts=tuple(attempts))


def test_what_our_machine_lacked_is_no_outage_of_the_target() -> None:
    """Three seconds of it: nothing is held against the target, and the finding says what to do."""
    verdict = judge(*run_with((15.0, 18.0)))

    assert "fail" not in codes(verdict).values()
    assert verdict.exit_code == 3
    told = next(f.message for f in verdict.findings if f.code == "load_unfaithful")
    assert "150 times from 15.0 s to 18.0 s, for the load: no local port" in told
    assert "ip_local_port_range" in told


def test_it_excuses_nothing_else() -> None:
    """The target was out at another time of the same run."""
    verdict = judge(*run_with((15.0, 18.0), out=(24.0, 27.0)))

    assert codes(verdict)["outage"] == "fail"
    assert verdict.exit_code == 1


def logged(at_wall_s: int, words: str = "connect: cannot assign requested address") -> str:
    """A line of Toxiproxy's log at this Unix time."""
    row = {
        "level": "error",
        "name": "edge",
        "upstream": "127.0.0.1:23044",
        "error": f"dial tcp 127.0.0.1:23044: {words}",
        "time": f"{datetime.fromtimestamp(at_wall_s, UTC):%Y-%m-%dT%H:%M:%SZ}",
        "message": "Unable to open connection to upstream",
    }
    return json.dumps(row, separators=(",", ":")) + "\n"


def test_what_toxiproxy_lacked_is_ours(tmp_path: Path) -> None:
    """Its log tells; what was there before, what its far side did, and half a line do not count."""
    zero_wall_s = int(time.time()) - 10
    zero_ns = time.monotonic_ns() + round((zero_wall_s - time.time()) * 1e9)
    log = tmp_path / "toxiproxy.log"
    log.write_text(logged(zero_wall_s))
    proxy_log = ProxyLog(tmp_path)
    lines = (
        *(logged(zero_wall_s + at_s) for at_s in (2, 2, 3)),
        logged(zero_wall_s + 5, "connect: connection refused"),
        logged(zero_wall_s + 8, "socket: too many open files"),
        '{"level":"error","error":"dial tcp',
    )
    with log.open("a") as file:
        file.writelines(lines)

    found = proxy_log.errors(zero_ns)

    begins = [((t.begin_ns or 0) - zero_ns) / 1e9 for t in found]
    ends = [((t.end_ns or 0) - zero_ns) / 1e9 for t in found]
    assert begins == pytest.approx([2.0, 8.0], abs=0.1)
    assert ends == pytest.approx([4.0, 9.0], abs=0.1)
    ports, files = (trouble.text for trouble in found)
    assert "3 times from 2.0 s to 3.0 s, for Toxiproxy's link to 127.0.0.1:23044: no local" in ports
    assert "ulimit -n" in files
    assert not ProxyLog(tmp_path / "nowhere").errors(0)


def test_health_polls_name_it_too() -> None:
    """A poll that could not be made is no sign of the target's health."""
    limits = resource.getrlimit(resource.RLIMIT_NOFILE)
    try:
        resource.setrlimit(resource.RLIMIT_NOFILE, (3, limits[1]))
        poll = ask("http://127.0.0.1:9/readyz")
    finally:
        resource.setrlimit(resource.RLIMIT_NOFILE, limits)
    assert poll.error == "no_open_file"


def test_a_stop_condition_does_not_count_it(tmp_path: Path) -> None:
    """It is no failure of the target; any other error is."""
    plan = plan_of()
    run = RunDirectory.create(tmp_path, plan)
    events = EventWriter(run, "load-0")
    for index, code in enumerate(("no_local_port", "refused")):
        events.operation(failed(plan, index, code=code))
    events.close()

    assert [operation.failed for operation in EventTail(run.path).new()] == [False, True]
