"""What others change on the stack's own Toxiproxy: found, told apart from ours, removed, dated."""

import signal
import time
from collections.abc import Iterator
from dataclasses import replace
from typing import Any

import pytest
import requests

from harness.core.errors import HarnessError
from harness.core.ports import LOOPBACK, choose_ports
from harness.core.processes import identify
from harness.faults import CommitLost, Latency, Refuse
from harness.faults import fault_walk as walk_module
from harness.faults import foreign_sessions as strangers_module
from harness.faults.foreign_sessions import (
    OwnSessions,
    StrangerWatch,
    ours_of,
    remove_strangers,
    strangers,
)
from harness.faults.heal.healing import HealResult
from harness.faults.proxy_control import CALL_TIMEOUT_SECONDS
from harness.faults.registry import injector_for
from harness.faults.timeline import FaultTimeline
from harness.stack.state import save_state
from tests.builders import planned_fault
from tests.faults.toxiproxy import Rig

SLOW = {"name": "slow", "type": "latency", "stream": "downstream", "toxicity": 0.5}


def change(rig: Rig, method: str, path: str, body: dict[str, object] | None = None) -> None:
    """Ask Toxiproxy itself, as somebody else would."""
    answer = requests.request(method, f"{rig.stack.toxiproxy_api}{path}", json=body, timeout=3)
    assert answer.ok, answer.text


def add_slow(rig: Rig) -> None:
    """The toxic of the issue: every second answer takes 400 ms longer."""
    change(rig, "post", "/proxies/edge/toxics", {**SLOW, "attributes": {"latency": 400}})


@pytest.fixture
def clean(rig: Rig) -> Iterator[Rig]:
    """A Toxiproxy of its own kind again after the test."""
    yield rig
    remove_strangers(rig.stack)


@pytest.mark.parametrize("what", ["toxic", "disabled", "elsewhere", "gone", "proxy"])
def test_what_is_not_ours_is_named_and_removed(clean: Rig, what: str) -> None:
    """A toxic, a link that is off, leads elsewhere or is gone, and a proxy of somebody's own."""
    (port,) = choose_ports(1)
    other = {"name": "theirs", "listen": f"{LOOPBACK}:{port}", "upstream": "127.0.0.1:1"}
    told = {
        "toxic": "toxic slow (latency downstream, jitter 0, latency 400, toxicity 0.5) is on link",
        "disabled": "link edge is disabled",
        "elsewhere": "link edge leads from",
        "gone": "link edge is gone",
        "proxy": f"a proxy theirs leads from {LOOPBACK}:{port} to 127.0.0.1:1",
    }
    match what:
        case "toxic":
            add_slow(clean)
        case "disabled":
            change(clean, "post", "/proxies/edge", {"enabled": False})
        case "elsewhere":
            change(clean, "post", "/proxies/edge", {"upstream": "127.0.0.1:1"})
        case "gone":
            change(clean, "delete", "/proxies/edge")
        case _:
            change(clean, "post", "/proxies", other)
    (text,) = remove_strangers(clean.stack)

    assert text.startswith(told[what])
    assert strangers(clean.stack) == ()
    assert clean.control.proxy("edge").enabled


def test_what_is_put_right_before_the_load_is_told(clean: Rig) -> None:
    """As a remark of the run, and at once."""
    add_slow(clean)
    timeline = FaultTimeline(clean.stack, (), lambda _: None, lambda *_: None)
    said: list[str] = []
    (remark,) = timeline.put_right("before the load", said.append)

    assert said == [remark]
    assert remark.startswith("put right before the load, not ours: toxic slow (latency")
    assert strangers(clean.stack) == ()


def test_a_fault_that_could_not_be_healed_is_not_theirs(
    clean: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """After the run it is left to the undo file, and only what others left is told and removed."""
    monkeypatch.setattr(
        walk_module, "heal_fault", lambda *_, **__: HealResult("x", "conductor", 3, 1)
    )
    planned = (
        planned_fault("1-latency", Latency("edge", 5), 0.0, 0.1),
        planned_fault("2-refuse", Refuse("edge"), 0.0, 0.1),
    )
    timeline = FaultTimeline(clean.stack, planned, lambda _: None, lambda *_: None)
    timeline.start(time.monotonic_ns())
    deadline = time.monotonic() + 20
    while any(fact.inject_returned_ns is None for fact in timeline.facts()):
        assert time.monotonic() < deadline
        time.sleep(0.05)
    timeline.finish()
    add_slow(clean)
    (remark,) = timeline.put_right_after(lambda _: None)

    assert remark.startswith("put right after the run, not ours: toxic slow (latency")
    assert len(strangers(clean.stack)) == 2


def test_what_comes_during_a_run_is_seen(clean: Rig) -> None:
    """From its start to its end, whatever its faults do."""
    timeline = FaultTimeline(clean.stack, (), lambda _: None, lambda *_: None)
    timeline.start(time.monotonic_ns())
    add_slow(clean)
    timeline.finish()
    (change_,) = timeline.foreign

    assert "toxic slow (latency" in change_.text


def test_nothing_is_found_where_nothing_was_changed(rig: Rig) -> None:
    """And nothing is changed."""
    assert remove_strangers(rig.stack) == []


def test_what_a_fault_of_the_run_does_is_ours_while_it_is_at_work(clean: Rig) -> None:
    """Its toxics by their name; its link's switch for as long as it lasts."""
    latency = planned_fault("1-latency", Latency("edge", 5), 0.0, 60.0)
    refuse = planned_fault("2-refuse", Refuse("edge"), 0.0, 60.0)
    plan = (latency, refuse)
    for planned in plan:
        injector_for(planned, clean.stack).inject()
    at_work = strangers(clean.stack, lambda: ours_of(plan, frozenset({"1-latency", "2-refuse"})))
    one_healed = strangers(clean.stack, lambda: ours_of(plan, frozenset({"1-latency"})))
    of_nobody = strangers(clean.stack)

    assert at_work == ()
    assert [stranger.text for stranger in one_healed] == ["link edge is disabled"]
    assert len(of_nobody) == 2


def test_a_link_that_leads_to_a_relay_of_ours_is_ours() -> None:
    """For as long as its fault is at work."""
    lost = planned_fault("1-commit_lost", CommitLost(), 0.0, 60.0)

    assert ours_of((lost,), frozenset({"1-commit_lost"})).links == {"database"}
    assert ours_of((lost,), frozenset()).links == frozenset()


def test_what_comes_and_goes_is_dated(clean: Rig, monkeypatch: pytest.MonkeyPatch) -> None:
    """By the last look without it and the first without it again; what stays has no end."""
    monkeypatch.setattr(strangers_module, "LOOK_SECONDS", 0.05)
    watch = StrangerWatch(clean.stack, OwnSessions)
    started_ns = time.monotonic_ns()
    watch.start()
    time.sleep(0.3)
    add_slow(clean)
    added_ns = time.monotonic_ns()
    time.sleep(0.3)
    removed_ns = time.monotonic_ns()
    change(clean, "delete", "/proxies/edge/toxics/slow")
    time.sleep(0.3)
    change(clean, "post", "/proxies/edge", {"enabled": False})
    watch.stop()
    slow, disabled = watch.found

    assert "toxicity 0.5" in slow.text
    assert started_ns < slow.begin_ns < added_ns
    assert slow.end_ns is not None
    assert removed_ns < slow.end_ns
    assert slow.begin_ns < disabled.begin_ns
    assert (disabled.text, disabled.end_ns) == ("link edge is disabled", None)


def test_what_went_while_we_looked_ends_after_that(monkeypatch: pytest.MonkeyPatch) -> None:
    """A busy machine looks for long: what was under way then still met it."""
    looks = iter([set(), {"it"}])
    gone_ns: list[int] = []

    def look() -> set[str]:
        if (seen := next(looks, None)) is not None:
            return seen
        time.sleep(0.05)
        gone_ns.append(time.monotonic_ns())
        return set()

    monkeypatch.setattr(strangers_module, "LOOK_SECONDS", 0.01)
    watch = strangers_module.ChangeWatch("test", look)
    watch.start()
    while not gone_ns:
        time.sleep(0.01)
    watch.stop()
    (found,) = watch.found

    assert found.end_ns is not None
    assert found.end_ns >= gone_ns[0]


def test_a_toxiproxy_that_somebody_stopped_is_told(
    clean: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing passes through its links meanwhile, and no service can help that."""
    reference = identify(clean.process.pid)
    assert reference is not None
    save_state(replace(clean.stack, processes={"toxiproxy": reference}))
    monkeypatch.setattr(strangers_module, "LOOK_SECONDS", 0.05)
    watch = StrangerWatch(clean.stack, OwnSessions)
    watch.start()
    time.sleep(0.3)
    stopped_ns = time.monotonic_ns()
    clean.process.send_signal(signal.SIGSTOP)
    try:  # a look that is under way just then hangs for as long as a call may last
        deadline = time.monotonic() + CALL_TIMEOUT_SECONDS + 5.0
        while not watch.found and time.monotonic() < deadline:
            time.sleep(0.05)
    finally:
        clean.process.send_signal(signal.SIGCONT)
        continued_ns = time.monotonic_ns()
    time.sleep(0.3)
    watch.stop()
    (change,) = watch.found

    assert change.text == "Toxiproxy was stopped by a signal"
    assert change.begin_ns < stopped_ns + 0.1e9
    assert change.end_ns is not None
    assert change.end_ns > continued_ns - 0.1e9


@pytest.mark.parametrize(
    ("name", "is_ours"),
    [
        ("lendchaos-1-slow-downstream", True),
        ("lendchaos-1-slow-downstream-0", True),
        ("lendchaos-1-slow-upstream-12", True),
        ("lendchaos-1-slow-downstream-0-1", False),
        ("lendchaos-1-slow-downstream-x", False),
        ("lendchaos-1-slow-0", False),
        ("lendchaos-2-slow-downstream-0", False),
    ],
)
def test_a_fault_may_have_several_toxics_on_a_stream(clean: Rig, name: str, is_ours: bool) -> None:
    """Numbered after the stream; any other name is a stranger's."""
    plan = (planned_fault("1-slow", Latency("edge", 5), 0.0, 1.0),)
    change(clean, "post", "/proxies/edge/toxics", {**SLOW, "name": name})
    found = strangers(clean.stack, lambda: ours_of(plan, frozenset()))

    assert (found == ()) is is_ours


def test_a_removal_that_does_not_happen_is_no_success(
    clean: Rig, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What Toxiproxy says after a change is what counts."""
    (port,) = choose_ports(1)
    body = {"name": "theirs", "listen": f"{LOOPBACK}:{port}", "upstream": "127.0.0.1:1"}
    change(clean, "post", "/proxies", body)
    real = strangers_module.ProxyControl._call

    def ignores_deletes(self: Any, method: str, path: str, **more: Any) -> Any:
        return None if method == "delete" else real(self, method, path, **more)

    with monkeypatch.context() as patch:
        patch.setattr(strangers_module.ProxyControl, "_call", ignores_deletes)
        with pytest.raises(HarnessError, match="still there"):
            remove_strangers(clean.stack)
