"""Somebody removes, switches or leads elsewhere a link that a fault of ours is at work on."""

import signal
import subprocess
import time
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from unittest.mock import MagicMock

import psycopg
import pytest
import requests

from harness.core.ports import LOOPBACK, choose_ports
from harness.core.processes import is_stopped
from harness.faults import CommitLost, Flap, Partition, Refuse
from harness.faults.database import commit_lost
from harness.faults.database.commit_lost import CommitLostInjector
from harness.faults.foreign_sessions import remove_strangers, strangers
from harness.faults.network import flap
from harness.faults.proxy_control import Proxy
from harness.faults.registry import injector_for
from harness.faults.timeline import FaultTimeline
from harness.history.events import FaultFact
from harness.history.fault_facts import EndedBy
from harness.plan.fault import FaultSpec
from harness.stack.state import StackLink
from tests.builders import planned_fault
from tests.faults.test_network import FAULTS, until
from tests.faults.toxiproxy import Rig
from tests.stack.test_state import a_stack

EDGE = "/proxies/edge"


def ask(rig: Rig, method: str, path: str, body: dict[str, object] | None = None) -> None:
    """Ask Toxiproxy itself, as somebody else would."""
    answer = requests.request(method, f"{rig.stack.toxiproxy_api}{path}", json=body, timeout=3)
    assert answer.ok, answer.text


@pytest.fixture(autouse=True)
def no_beat_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine holds a beat up; what is asked here is another matter."""
    monkeypatch.setattr(flap, "LATE_PERIODS_MAX", 1e9)


@pytest.fixture
def mended(rig: Rig) -> Iterator[Rig]:
    """A link as it was, whatever a test found."""
    yield rig
    remove_strangers(rig.stack)


@pytest.mark.parametrize("spec", FAULTS, ids=lambda s: f"{s.kind}-{getattr(s, 'direction', '')}")
def test_a_proxy_that_was_removed_ends_a_fault_and_is_made_again(
    mended: Rig, spec: FaultSpec
) -> None:
    """By the heal, which leaves the link as the stack has it."""
    fault = injector_for(planned_fault("1-x", spec, 0.0, 60.0), mended.stack)
    fault.inject()
    ask(mended, "delete", EDGE)
    gone, proof = fault.gone(), fault.read_back()
    fault.heal()

    assert gone is not None
    assert gone.by is EndedBy.NOBODY
    assert not proof.holds
    assert until(lambda: fault.healed().holds)
    assert strangers(mended.stack) == ()


def test_whoever_heals_for_a_dead_run_makes_the_proxy_again(mended: Rig) -> None:
    """An injector that never injected knows the link from the stack."""
    planned = planned_fault("1-partition", Partition("edge"), 0.0, 60.0)
    injector_for(planned, mended.stack).inject()
    ask(mended, "delete", EDGE)
    injector_for(planned, mended.stack).heal()

    assert strangers(mended.stack) == ()


LONG_CUT = Flap("edge", period=60.0, duty=0.9)


@pytest.mark.parametrize(
    "spec", [*FAULTS[:-1], LONG_CUT], ids=lambda s: f"{s.kind}-{getattr(s, 'direction', '')}"
)
def test_a_reset_by_hand_ends_every_fault(mended: Rig, spec: FaultSpec) -> None:
    """`POST /reset` enables all proxies and removes all toxics."""
    fault = injector_for(planned_fault("1-x", spec, 0.0, 60.0), mended.stack)
    fault.inject()
    before = fault.gone()
    ask(mended, "post", "/reset")
    gone = fault.gone()
    fault.heal()

    assert before is None
    assert gone is not None
    assert gone.by is EndedBy.NOBODY


def test_a_flap_in_its_beat_is_never_taken_for_gone(mended: Rig) -> None:
    """Looks that fall between two changes of its own say nothing."""
    spec = Flap("edge", period=0.1, duty=0.5)
    fault = injector_for(planned_fault("1-flap", spec, 0.0, 60.0), mended.stack)
    fault.inject()
    looks = []
    ends = time.monotonic() + 1.5
    while time.monotonic() < ends:
        looks.append(fault.gone())
    fault.heal()

    assert len(looks) > 100
    assert set(looks) == {None}


@pytest.mark.parametrize("what", ["removed", "disabled", "elsewhere", "listens_elsewhere"])
@pytest.mark.parametrize("spec", [Partition("edge"), Refuse("edge")], ids=lambda s: s.kind)
def test_a_link_is_put_right_when_its_fault_ends_and_what_was_done_to_it_is_told(
    mended: Rig, tmp_path: Path, spec: FaultSpec, what: str
) -> None:
    """It works at once after the heal; either the fault or the watch names the change."""
    (port,) = choose_ports(1)
    planned = planned_fault(f"1-{spec.kind}", spec, 0.0, 2.0)
    facts: dict[str, FaultFact] = {}
    timeline = FaultTimeline(
        mended.stack,
        (planned,),
        lambda fact: facts.__setitem__(fact.name, fact),
        lambda *_: None,
        run_dir=tmp_path,
    )
    timeline.check()
    timeline.start(time.monotonic_ns())
    assert until(lambda: planned.name in facts and len(facts[planned.name].proofs) >= 2)
    match what:
        case "removed":
            ask(mended, "delete", EDGE)
        case "disabled":
            ask(mended, "post", EDGE, {"enabled": False})
        case "elsewhere":
            ask(mended, "post", EDGE, {"upstream": f"{LOOPBACK}:{port}"})
        case _:
            ask(mended, "post", EDGE, {"listen": f"{LOOPBACK}:{port}"})
    assert until(lambda: facts[planned.name].heal_returned_ns is not None)
    timeline.finish()
    fact = facts[planned.name]

    assert fact.proofs[-1].kind == "healed"
    assert fact.proofs[-1].holds, fact.proofs
    assert fact.error is None
    assert strangers(mended.stack) == ()
    unharmed = what == "disabled" and isinstance(spec, Refuse)
    told = fact.ended_by is EndedBy.NOBODY or bool(timeline.foreign)
    assert told is not unharmed


def commit_lost_in(folder: Path) -> CommitLostInjector:
    """On a stack that is not there."""
    database = StackLink("database", f"{LOOPBACK}:1", f"{LOOPBACK}:2")
    url = f"postgresql://u:p@{database.upstream}/lending"
    stack = replace(a_stack(folder), links={"database": database}, database_url=url)
    planned = planned_fault("1-commit_lost", CommitLost(), 0.0, 60.0)
    return CommitLostInjector(planned, CommitLost(), stack)


@pytest.mark.parametrize(
    ("found", "holds"),
    [
        ("committed", True),
        ("aborted", False),
        (None, False),
        (psycopg.OperationalError("what is committed is not told"), False),
    ],
)
def test_a_commit_is_done_where_postgresql_says_so(
    found: str | psycopg.Error | None, holds: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its status, whatever words an error has."""
    fault = commit_lost_in(tmp_path)

    def connect(url: str, **_: object) -> MagicMock:
        is_direct = url == fault._direct_url
        if is_direct and isinstance(found, psycopg.Error):
            raise found
        connection = MagicMock()
        connection.__enter__.return_value = connection
        connection.execute.return_value.fetchone.return_value = (found if is_direct else "7",)
        connection.commit.side_effect = psycopg.OperationalError("server closed the connection")
        return connection

    monkeypatch.setattr(fault._probe, "_database_url", "postgresql://u@link/lending")
    monkeypatch.setattr(commit_lost, "connect", connect)
    proof = fault.canary()

    assert proof.holds is holds
    assert "a COMMIT through database is not answered; transaction 7 is " in proof.text


def test_a_relay_that_somebody_stopped_withholds_nothing_any_more(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It passes nothing on either, which is another fault than the one that was planned."""
    fault = commit_lost_in(tmp_path)
    proxy = Proxy("database", f"{LOOPBACK}:1", fault.address, enabled=True)
    monkeypatch.setattr(fault._control, "find", lambda _: proxy)
    with subprocess.Popen(["sleep", "60"]) as relay:
        monkeypatch.setattr(fault, "_relay", relay)
        before = fault.gone()
        relay.send_signal(signal.SIGSTOP)
        stopped = until(lambda: is_stopped(relay.pid))
        after = fault.gone()
        relay.kill()

    assert stopped
    assert before is None
    assert after is not None
    assert (after.by, after.text.rpartition("; ")[2]) == (
        EndedBy.NOBODY,
        "the relay does not run",
    )
