"""Arrivals at their instants, whatever became of the ones before."""

import time
from typing import Any

import gevent
import pytest

from harness.load.open_loop import OpenLoop
from harness.plan import Arrival


class Recorder:
    """Takes the place of the journeys; each lasts as long as it is told."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.started: dict[int, int] = {}
        self.ended: list[int] = []
        self.cut_off: list[int] = []
        self.dropped: dict[int, str] = {}

    def perform(self, arrival: Arrival, intended_ns: int) -> None:
        """Last for a while."""
        self.started[arrival.index] = time.monotonic_ns() - intended_ns
        try:
            gevent.sleep(self.seconds)
            self.ended.append(arrival.index)
        except gevent.GreenletExit:
            self.cut_off.append(arrival.index)

    def drop(self, arrival: Arrival, intended_ns: int, reason: str) -> None:
        """Remember why."""
        assert intended_ns > 0
        self.dropped[arrival.index] = reason


def arrivals(count: int, gap_s: float = 0.01) -> list[Arrival]:
    """One every ``gap_s`` seconds, from zero on."""
    return [Arrival(i, i * gap_s, 0, False, 100, f"key-{i}") for i in range(count)]  # noqa: FBT003


def loop_of(recorder: Any, planned: list[Arrival], lead_s: float = 0.02) -> OpenLoop:
    """A loop that begins a moment from now."""
    return OpenLoop(recorder, planned, time.monotonic_ns() + round(lead_s * 1e9))


def test_arrivals_do_not_wait_for_answers() -> None:
    """Each starts on time although none before it has ended."""
    answer_s = 0.8  # far longer than a busy machine is ever late
    recorder = Recorder(seconds=answer_s)

    loop_of(recorder, arrivals(20)).run(drain_s=2.0)

    assert len(recorder.started) == len(recorder.ended) == 20
    assert max(recorder.started.values()) < answer_s * 1e9
    assert min(recorder.started.values()) >= 0


def test_the_drain_ends_early_and_cuts_off_late() -> None:
    """It waits for what is under way, but only so long."""
    quick, slow = Recorder(seconds=0.05), Recorder(seconds=60)

    started = time.monotonic()
    loop_of(quick, arrivals(3)).run(drain_s=30.0)
    loop_of(slow, arrivals(3)).run(drain_s=0.1)

    assert time.monotonic() - started < 2
    assert len(quick.ended) == 3
    assert sorted(slow.cut_off) == [0, 1, 2]


def test_what_is_too_late_is_dropped() -> None:
    """A load process that was held up sends nothing for a moment that is past."""
    recorder = Recorder()

    loop_of(recorder, arrivals(3, gap_s=1.0), lead_s=-1.5).run(drain_s=1.0)

    assert set(recorder.dropped) == {0}
    assert set(recorder.started) == {1, 2}


@pytest.mark.parametrize("behind_s", [0.0, 0.025])
def test_stopped_in_the_middle(behind_s: float) -> None:
    """What was due by then is started or dropped, what was due later never happened."""
    recorder = Recorder()
    zero_ns = time.monotonic_ns() + 20_000_000
    loop = OpenLoop(recorder, arrivals(100), zero_ns)
    stopped_ns = []

    def stop() -> None:
        stopped_ns.append(time.monotonic_ns() + round(behind_s * 1e9))
        loop.stop(stopped_ns[0])

    gevent.spawn_later(0.2, stop)
    loop.run(drain_s=1.0)

    due = 1 + (stopped_ns[0] - zero_ns) // 10_000_000
    assert set(recorder.started) | set(recorder.dropped) == set(range(due))
    assert recorder.started.keys().isdisjoint(recorder.dropped)
    assert sorted(recorder.dropped) == list(range(len(recorder.started), due))
    assert 0 < len(recorder.started) < 100
    assert len(recorder.dropped) >= behind_s / 0.01 - 1


def test_too_many_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is told, not hidden in a queue."""
    monkeypatch.setattr("harness.load.open_loop.IN_FLIGHT_MAX", 2)
    recorder = Recorder(seconds=0.1)

    loop_of(recorder, arrivals(4, gap_s=0.001)).run(drain_s=1.0)

    assert len(recorder.started) == 2
    assert set(recorder.dropped.values()) == {"2 journeys under way"}
