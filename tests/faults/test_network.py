"""Network faults on a real Toxiproxy: what each proves, and that a proof can fail."""

import json
import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable

import pytest
from pydantic import TypeAdapter

from harness.core.errors import HarnessError, ProxyApiHangs, UsageError
from harness.core.ports import LOOPBACK, choose_ports
from harness.core.processes import CODE_FOLDER
from harness.faults import (
    CommitLost,
    Flap,
    Latency,
    Partition,
    Refuse,
    Throttle,
)
from harness.faults.base import Injector
from harness.faults.database.commit_relay import AnswerStream, Task, lead_back
from harness.faults.network import flap, latency
from harness.faults.network.flap import FlapInjector
from harness.faults.network.reset import _sockets
from harness.faults.probes import LinkProbe
from harness.faults.registry import injector_for
from harness.history.events import Proof
from harness.history.fault_facts import EndedBy
from harness.plan.fault import FaultSpec
from harness.plan.fault_registry import specs
from harness.stack.state import Stack
from tests.builders import planned_fault
from tests.faults.toxiproxy import Rig

# A canary waits for a fraction of a second, which is nothing where others use the processor.
pytestmark = pytest.mark.alone
WAIT_SECONDS = 10.0
FAULTS: list[FaultSpec] = [
    Partition("edge"),
    Partition("edge", direction="downstream"),
    Refuse("edge"),
    Latency("edge", 60, jitter=30),
    Latency("edge", 60, direction="both"),
    Throttle("edge", 50),
    Throttle("edge", 20, direction="downstream"),
    # Its question waits for half a cut: a busy machine must answer within 0.3 s.
    Flap("edge", period=1.0, duty=0.6),
]


@pytest.fixture(autouse=True)
def no_beat_is_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine holds a beat up; what is asked here is another matter."""
    monkeypatch.setattr(flap, "LATE_PERIODS_MAX", 1e9)


def injector(rig: Rig, spec: FaultSpec, seconds: float = 60.0) -> Injector:
    """An injector that has not injected anything yet."""
    return injector_for(planned_fault(f"1-{spec.kind}", spec, 0.0, seconds), rig.stack)


def until(condition: Callable[[], bool]) -> bool:
    """Whether it came to hold in time."""
    deadline = time.monotonic() + WAIT_SECONDS
    while not (holds := condition()) and time.monotonic() < deadline:
        time.sleep(0.02)
    return holds


@pytest.mark.parametrize("spec", FAULTS, ids=lambda s: f"{s.kind}-{getattr(s, 'direction', '')}")
def test_proofs_hold_when_and_only_when_they_should(rig: Rig, spec: FaultSpec) -> None:
    """Without the fault no canary says there is one; while it lasts nothing says it is healed."""
    fault = injector(rig, spec)
    before = (fault.ready().holds, fault.read_back().holds, fault.canary().holds)
    fault.inject()
    during = (fault.read_back(), fault.canary(), fault.healed())
    heals = [fault.heal(), injector(rig, spec).heal()]
    after = until(lambda: fault.healed().holds and injector(rig, spec).healed().holds)

    assert before == (True, False, False)
    assert [proof.holds for proof in during] == [True, True, False], during
    assert heals == sorted(heals)
    assert after


@pytest.mark.parametrize("spec", [Partition("edge"), Refuse("edge"), Latency("edge", 300)])
def test_an_injector_that_never_injected_heals(rig: Rig, spec: FaultSpec) -> None:
    """Whoever comes after a death has only the fault's name and specification."""
    injector(rig, spec).inject()
    broken = injector(rig, spec).canary()
    injector(rig, spec).heal()

    assert broken.holds
    assert until(lambda: injector(rig, spec).healed().holds)


def test_a_disabled_proxy_proves_no_partition(rig: Rig) -> None:
    """It takes toxics and does nothing with them."""
    fault = injector(rig, Partition("edge"))
    fault.inject()
    rig.control.set_enabled("edge", enabled=False)
    proof = fault.read_back()
    rig.control.set_enabled("edge", enabled=True)
    fault.heal()

    assert proof == Proof("control_plane", holds=False, text=proof.text)
    assert "disabled, so its toxics do nothing" in proof.text


def meddle(rig: Rig, spec: FaultSpec) -> None:
    """Take a fault back as somebody else would: by the switch, else by its toxics."""
    proxy = rig.control.proxy("edge")
    if isinstance(spec, Flap):
        rig.control.set_enabled("edge", enabled=False)
    elif isinstance(spec, Refuse):
        rig.control.set_enabled("edge", enabled=True)
    elif isinstance(spec, Latency):
        changed = {"attributes": {"latency": 1, "jitter": 0}}
        rig.control._call("post", f"/proxies/edge/toxics/{proxy.toxics[0].name}", changed)
    else:
        rig.control.remove_toxic("edge", proxy.toxics[0].name)


@pytest.mark.parametrize("spec", FAULTS, ids=lambda s: f"{s.kind}-{getattr(s, 'direction', '')}")
def test_what_somebody_else_takes_back_or_changes_is_gone(rig: Rig, spec: FaultSpec) -> None:
    """One of two toxics is enough, or one that does something else by now."""
    fault = injector(rig, spec)
    fault.inject()
    before = fault.gone()
    meddle(rig, spec)
    after = fault.gone()
    fault.heal()
    rig.control.set_enabled("edge", enabled=True)

    assert before is None
    assert after is not None
    assert after.by is EndedBy.NOBODY


def test_the_cut_of_a_flap_ends_before_its_beat_does(
    rig: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A beat that is held up in a call of its own holds up no borrower."""
    fault = injector(rig, Flap("edge", period=60.0, duty=0.9))
    assert isinstance(fault, FlapInjector)
    fault.inject()
    held = threading.Thread(target=time.sleep, args=(1.0,))
    monkeypatch.setattr(fault, "_thread", held)
    held.start()
    healing = threading.Thread(target=fault.heal)
    healing.start()
    free = until(lambda: not rig.control.proxy("edge").toxics)
    beats = held.is_alive()
    healing.join()

    assert (free, beats) == (True, True)


def test_a_flap_that_someone_healed_does_not_cut_again(rig: Rig) -> None:
    """In a cut, while its own process lives: it ends its beat, and says why."""
    spec = Flap("edge", period=0.6, duty=0.6)
    fault = injector(rig, spec)
    assert isinstance(fault, FlapInjector)
    fault.inject()
    injector(rig, spec).heal()
    ended = until(lambda: fault._failure is not None)
    time.sleep(0.6)
    left, gone = rig.control.proxy("edge").toxics, fault.gone()
    fault.heal()

    assert ended
    assert (left, len(fault.cuts)) == ((), 1)
    assert gone is not None
    assert "someone else ended a cut" in gone.text


def test_a_throttle_that_cannot_be_felt_is_told_before(rig: Rig) -> None:
    """A rate that no connection of the link reaches."""
    proof = injector(rig, Throttle("edge", 1_000_000)).ready()

    assert not proof.holds
    assert "could not be told from none" in proof.text


def test_a_delay_too_long_to_wait_for_is_silence(rig: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """As long as we wait without a word proves a minute's delay, not a tenth of a second's."""
    monkeypatch.setattr(latency, "_ROUND_TRIPS_SECONDS_MAX", 0.3)
    silenced = injector(rig, Partition("edge"))
    silenced.inject()
    long, short = (injector(rig, Latency("edge", ms)).canary() for ms in (60_000, 100))
    silenced.heal()

    assert (long.holds, short.holds) == (True, False)


def test_a_flap_ends_with_its_planned_length(rig: Rig) -> None:
    """Also when nobody heals: it must not cut what somebody else has healed."""
    fault = injector(rig, Flap("edge", period=0.2, duty=0.5), seconds=0.5)
    assert isinstance(fault, FlapInjector)
    fault.inject()
    time.sleep(1.0)
    made = len(fault.cuts)
    injector(rig, Flap("edge", period=0.2, duty=0.5)).heal()
    time.sleep(0.5)
    present = rig.control.proxy("edge").toxics
    told, gone = fault.healed(), fault.gone()
    fault.heal()

    assert 2 <= made <= 3
    assert gone is None
    assert (present, len(fault.cuts)) == ((), made)
    assert told.holds
    assert f"cut {made} times" in told.text


def test_a_flap_that_was_stopped_does_not_catch_up(rig: Rig) -> None:
    """SIGSTOP and SIGCONT of the process: the beat ends, and says why."""
    code = (
        "import sys, time\n"
        "from pydantic import TypeAdapter\n"
        "from harness.faults import Flap\n"
        "from harness.faults.registry import injector_for\n"
        "from harness.plan.fault import planned\n"
        "from harness.plan.layout import StackLayout\n"
        "from harness.stack.state import Stack\n"
        "stack = TypeAdapter(Stack).validate_json(sys.stdin.readline())\n"
        "flap = Flap('edge', period=0.4, duty=0.5)\n"
        "fault = injector_for(planned('1-flap', flap, 0.0, 60.0, StackLayout()), stack)\n"
        "fault.inject()\n"
        "print('injected', flush=True)\n"
        "sys.stdin.readline()\n"
        "print(fault.read_back().holds, bool(fault.gone()), fault.read_back().text, flush=True)\n"
    )
    process = subprocess.Popen(
        [sys.executable, "-c", code],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=CODE_FOLDER,
    )
    assert process.stdin is not None
    assert process.stdout is not None
    with process:
        process.stdin.write(_stack_json(rig) + b"\n")
        process.stdin.flush()
        assert process.stdout.readline() == b"injected\n"
        process.send_signal(signal.SIGSTOP)
        time.sleep(1.2)
        injector(rig, Flap("edge")).heal()
        process.send_signal(signal.SIGCONT)
        time.sleep(0.8)
        cut_again = rig.control.proxy("edge").toxics
        process.stdin.write(b"\n")
        process.stdin.flush()
        told = process.stdout.readline().decode()
    injector(rig, Flap("edge")).heal()

    assert cut_again == ()
    assert told.startswith("False True")
    assert "held up" in told


def _stack_json(rig: Rig) -> bytes:
    return TypeAdapter(Stack).dump_json(rig.stack)


def test_commit_lost_is_for_the_own_database_only(rig: Rig) -> None:
    """One line that says where the link leads instead."""
    with pytest.raises(
        UsageError, match=r"needs link edge that leads to PostgreSQL.*; edge leads elsewhere"
    ):
        injector(rig, CommitLost("edge"))


def message(kind: bytes, body: bytes) -> bytes:
    """One message of PostgreSQL's."""
    return kind + (len(body) + 4).to_bytes(4, "big") + body


def test_answers_are_read_however_they_are_cut() -> None:
    """All before the answer to a COMMIT is passed on, at every place where a piece can end."""
    passed = (
        message(b"C", b"BEGIN\0")
        + message(b"D", b"COMMIT\0" * 3)
        + message(b"C", b"ROLLBACK\0")
        + message(b"C", b"INSERT 0 1\0")
    )
    whole = passed + message(b"C", b"COMMIT\0") + message(b"Z", b"I")
    for place in range(len(whole) + 1):
        answers = AnswerStream()
        first, ended = answers.read(whole[:place])
        if not ended:
            second, ended = answers.read(whole[place:])
            first += second
        assert (first, ended) == (passed, True), place


def test_other_answers_all_pass() -> None:
    """A COMMIT that became a rollback is answered ROLLBACK, and nothing is withheld."""
    answers = AnswerStream()
    whole = message(b"C", b"ROLLBACK\0") + message(b"Z", b"I")

    assert answers.read(whole + b"C") == (whole, False)
    assert answers.rest(b"xyz") == b"Cxyz"


@pytest.mark.parametrize("how", ["lifeline", "time"])
def test_the_relay_leads_the_link_back_by_itself(rig: Rig, how: str) -> None:
    """When its parent is gone, and when its time is up; then it exits, and the link answers."""
    link = rig.stack.links["edge"]
    (port,) = choose_ports(1)
    task = Task(
        listen=f"{LOOPBACK}:{port}",
        upstream=link.upstream,
        toxiproxy_api=rig.stack.toxiproxy_api,
        proxy=link.name,
        seconds_max=60.0 if how == "lifeline" else 0.6,
    )
    with subprocess.Popen(
        [sys.executable, "-m", "harness.faults.database.commit_relay"],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        cwd=CODE_FOLDER,
    ) as relay:
        assert relay.stdin is not None
        assert relay.stdout is not None
        relay.stdin.write(task.line())
        relay.stdin.flush()
        assert json.loads(relay.stdout.readline()) == {"listening": task.listen}
        rig.control.set_upstream(link.name, task.listen)
        if how == "lifeline":
            relay.stdin.close()
        told = json.loads(relay.stdout.readline())
        code = relay.wait(WAIT_SECONDS)

    assert (told, code) == ({"withheld": 0}, 0)
    assert rig.control.proxy(link.name).upstream == link.upstream
    assert LinkProbe(link, rig.stack).answers()


def test_a_relay_leaves_anothers_way_alone(rig: Rig) -> None:
    """Only what leads to itself is led back."""
    upstream = rig.stack.links["edge"].upstream
    rig.control.set_upstream("edge", "127.0.0.1:9")
    lead_back(Task("127.0.0.1:8", upstream, rig.stack.toxiproxy_api, "edge", 1.0))
    found = rig.control.proxy("edge").upstream
    rig.control.set_upstream("edge", upstream)

    assert found == "127.0.0.1:9"


def test_sockets_of_nobody_are_refused_in_one_line(rig: Rig) -> None:
    """A process that is gone, and what would do."""
    link = rig.stack.links["edge"]
    with pytest.raises(HarnessError, match=r"process 999999999\).*Run as root"):
        list(_sockets(999_999_999, link))


def test_a_hanging_api_makes_a_heal_raise_what_a_restart_cures(rig: Rig) -> None:
    """SIGSTOP of Toxiproxy: a heal fails with the error that is acted upon, in bounded time."""
    rig.process.send_signal(signal.SIGSTOP)
    os.waitpid(rig.process.pid, os.WUNTRACED)  # until it has stopped: it answers until then
    try:
        start = time.monotonic()
        with pytest.raises(ProxyApiHangs):
            injector(rig, Refuse("edge")).heal()
        assert time.monotonic() - start < 8
    finally:
        rig.process.send_signal(signal.SIGCONT)
    assert until(lambda: LinkProbe(rig.stack.links["edge"], rig.stack).answers())


def test_every_fault_has_words_for_the_verdict() -> None:
    """The sentence names what was done on each, and says so differently."""
    phrases = [spec.phrase for spec in specs().values()]

    assert FaultSpec.phrase not in phrases
    assert len({phrase.did for phrase in phrases}) == len(phrases)
    assert all(all(spec.page) for spec in specs().values())
