"""Toxiproxy's end is noticed, and what ended with it is told."""

import socket
import subprocess
import time
from collections.abc import Callable, Iterator
from dataclasses import replace
from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.core.processes import identify
from harness.faults import Freeze, Partition
from harness.faults import fault_walk as walk_module
from harness.faults.heal import proxy_restart
from harness.faults.heal.proxy_restart import SECOND_WAY, ProxyWatch
from harness.faults.timeline import FaultTimeline
from harness.history.events import FaultFact
from harness.history.journal import Journal
from harness.plan.fault import FaultSpec
from harness.stack import Stack
from harness.stack.state import save_state
from tests.builders import planned_fault
from tests.faults.test_timeline import Breakable
from tests.stack.test_state import a_stack

LASTS_SECONDS = 20.0


@pytest.fixture
def process() -> Iterator[subprocess.Popen[bytes]]:
    """A process in Toxiproxy's place: only its end matters here."""
    with subprocess.Popen(["sleep", "60"]) as sleeping:
        yield sleeping
        sleeping.kill()


@pytest.fixture
def stack(tmp_path: Path, process: subprocess.Popen[bytes]) -> Stack:
    """A stack as its state file tells of it, with that process."""
    reference = identify(process.pid)
    assert reference is not None
    made = replace(a_stack(tmp_path), processes={"toxiproxy": reference}, database_url=None)
    save_state(made)
    return made


def end(process: subprocess.Popen[bytes]) -> None:
    """Kill it for good."""
    process.kill()
    process.wait()


def test_an_end_that_nobody_planned_is_a_reason_to_doubt(
    stack: Stack, process: subprocess.Popen[bytes]
) -> None:
    """It is told once, with what that means for the run."""
    journal = Journal(stack.state_dir, stack.stack_id, "run-1")
    watch = ProxyWatch(stack)
    before = watch.ended(journal.rows)
    end(process)
    ended = watch.ended(journal.rows)

    assert before is None
    assert ended is not None
    assert "not the target's doing" in ended.errors[0].text
    assert watch.ended(journal.rows) is None


def test_a_replacement_excuses_one_end(stack: Stack, process: subprocess.Popen[bytes]) -> None:
    """The process that was put in its place and ends as well was not replaced to heal."""
    journal = Journal(stack.state_dir, stack.stack_id, "run-1")
    watch = ProxyWatch(stack)
    journal.write(SECOND_WAY, fault="1-partition")
    journal.write(SECOND_WAY, fault="1-partition", text="healed the second way", holds=True)
    end(process)
    first = watch.ended(journal.rows)
    with subprocess.Popen(["sleep", "60"]) as another:
        reference = identify(another.pid)
        assert reference is not None
        save_state(replace(stack, processes={"toxiproxy": reference}))
        watch.ended(journal.rows)
        end(another)
        second = watch.ended(journal.rows)

    assert first is not None
    assert second is not None
    assert (len(first.errors), len(second.errors)) == (0, 1)


def test_a_replacement_is_told_as_one(stack: Stack, process: subprocess.Popen[bytes]) -> None:
    """The journal announced it before it was done."""
    journal = Journal(stack.state_dir, stack.stack_id, "run-1")
    watch = ProxyWatch(stack)
    journal.write(SECOND_WAY, fault="1-partition")
    end(process)
    ended = watch.ended(journal.rows)

    assert ended is not None
    assert "replaced to heal 1-partition" in ended.text
    assert ended.errors == ()


class Supervisor:
    """In place of the client: Toxiproxy lives until it was looked at ``looks`` times."""

    def __init__(self, looks: int) -> None:
        self.looks = looks
        self.orders: list[str] = []

    def process(self, _name: str) -> SimpleNamespace:
        """Alive for some looks."""
        self.looks -= 1
        return SimpleNamespace(alive=self.looks >= 0)

    def __getattr__(self, name: str) -> Callable[..., None]:
        """Any order, which is only noted."""
        return lambda *_, **__: self.orders.append(name)


@pytest.mark.parametrize(
    ("listens", "looks", "orders", "announced"),
    [
        (False, 3, ["restart", "wait_ready"], False),
        (True, 9, ["kill", "wait_ready"], True),
        (False, 0, ["restart", "wait_ready"], False),
    ],
    ids=["it is about to end", "it hangs", "it has ended"],
)
def test_only_what_hangs_is_replaced_by_order(
    *,
    stack: Stack,
    monkeypatch: pytest.MonkeyPatch,
    listens: bool,
    looks: int,
    orders: list[str],
    announced: bool,
) -> None:
    """One that ends by itself, even while it is healed, is a reason to doubt the run."""
    supervisor = Supervisor(looks)
    monkeypatch.setattr(proxy_restart, "StackClient", lambda _: supervisor)
    monkeypatch.setattr(proxy_restart, "CANARIES_SECONDS_MAX", 0.1)
    with socket.create_server(("127.0.0.1", 0)) as api:
        port = api.getsockname()[1]
        if not listens:
            api.close()
        here = replace(stack, toxiproxy_api=f"http://127.0.0.1:{port}")
        journal = Journal(stack.state_dir, stack.stack_id, "run-1")
        proxy_restart.restart_proxy(here, journal, "1-partition", "no one answers")

    assert supervisor.orders == orders
    assert any(row.event == SECOND_WAY for row in journal.rows()) is announced


@pytest.mark.parametrize(
    ("spec", "ends"), [(Partition("edge"), True), (Freeze("replica-1"), False)], ids=["link", "not"]
)
def test_what_ended_with_it_is_over_at_once(
    stack: Stack,
    process: subprocess.Popen[bytes],
    monkeypatch: pytest.MonkeyPatch,
    spec: FaultSpec,
    ends: bool,
) -> None:
    """A fault of a link ends early, and says why; one of a process lasts as planned."""
    injector = Breakable()
    monkeypatch.setattr(walk_module, "injector_for", lambda *_: injector)
    facts: list[FaultFact] = []
    planned = planned_fault("1-fault", spec, 0.0, LASTS_SECONDS)
    timeline = FaultTimeline(stack, (planned,), facts.append, lambda *_: None)
    timeline.start(time.monotonic_ns())
    time.sleep(0.3)
    end(process)
    deadline = time.monotonic() + (10.0 if ends else 1.0)
    while injector.heals == 0 and time.monotonic() < deadline:
        time.sleep(0.02)
    healed_early = injector.heals > 0
    timeline.finish()

    assert healed_early is ends
    told = [proof.text for proof in facts[-1].proofs if proof.kind == "ended"]
    assert [text.startswith("ended early: Toxiproxy ended") for text in told] == [True] * ends
    assert len(timeline.errors) == 1
