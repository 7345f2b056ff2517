"""Arrivals at their instants, whatever became of the ones before."""

import time
from typing import Any, cast

import gevent
import numpy as np
import pytest

from harness.load.open_loop import CATCH_UP_SPEED, LATE_SECONDS_MAX, OpenLoop
from harness.plan.plan import Arrival


class Recorder:
    """Takes the place of the journeys; each lasts as long as it is told."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds
        self.started: dict[int, int] = {}
        self.ended: list[int] = []
        self.most_under_way = 0
        self.cut_off: list[int] = []
        self.dropped: dict[int, str] = {}

    def perform(self, arrival: Arrival, intended_ns: int, started_ns: int) -> None:
        """Last for a while."""
        self.started[arrival.index] = started_ns - intended_ns
        under_way = len(self.started) - len(self.ended)
        self.most_under_way = max(self.most_under_way, under_way)
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


class Clock:
    """Time that passes only where the loop waits, and that is held up once."""

    def __init__(
        self, paused_at_s: float = 1e9, pause_s: float = 0.0, begins_at_s: float = 0.0
    ) -> None:
        self.now_ns = round(begins_at_s * 1e9)
        self._pause = round(paused_at_s * 1e9), round(pause_s * 1e9)

    def monotonic_ns(self) -> int:
        """Now."""
        return self.now_ns

    def wait(self, seconds: float) -> bool:
        """As an event that is never set: nothing runs meanwhile."""
        before_ns = self.now_ns
        self.now_ns += round(seconds * 1e9)
        at_ns, length_ns = self._pause
        if before_ns <= at_ns < self.now_ns:
            self.now_ns = max(self.now_ns, at_ns + length_ns)
        return False


class AtOnce:
    """Takes the place of the group of journeys: each is over when it is started."""

    def __len__(self) -> int:
        """Nothing is ever under way."""
        return 0

    def spawn(self, perform: Any, *of: Any) -> None:
        """Perform it."""
        perform(*of)


class Starts:
    """Takes the place of the journeys: who was started when (ns), and who was dropped."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self.at_ns: dict[int, int] = {}
        self.dropped: list[int] = []

    def perform(self, arrival: Arrival, _due_ns: int, _started_ns: int) -> None:
        """Take the time."""
        self.at_ns[arrival.index] = self._clock.now_ns

    def drop(self, arrival: Arrival, _due_ns: int, _reason: str) -> None:
        """Take note."""
        self.dropped.append(arrival.index)


def starts_of(
    planned: list[Arrival],
    clock: Clock,
    monkeypatch: pytest.MonkeyPatch,
    group: type[AtOnce] = AtOnce,
) -> Starts:
    """What the loop makes of a plan under this clock."""
    starts = Starts(clock)
    monkeypatch.setattr("harness.load.open_loop.time", clock)
    monkeypatch.setattr("harness.load.open_loop.Group", group)
    loop = OpenLoop(cast("Any", starts), planned, 0)
    monkeypatch.setattr(loop, "_stopped", clock)
    loop._start_all()
    return starts


@pytest.fixture
def unhurried(monkeypatch: pytest.MonkeyPatch) -> None:
    """Nothing is dropped for being late: the machine that tests this may be busy."""
    monkeypatch.setattr("harness.load.open_loop.LATE_SECONDS_MAX", 60)


@pytest.mark.usefixtures("unhurried")
def test_arrivals_do_not_wait_for_answers() -> None:
    """Each starts although none before it has ended, and not before its time."""
    recorder = Recorder(seconds=1.0)

    loop_of(recorder, arrivals(20)).run(drain_s=10.0)

    assert len(recorder.started) == len(recorder.ended) == 20
    assert recorder.most_under_way == 20
    assert min(recorder.started.values()) >= 0


@pytest.mark.usefixtures("unhurried")
def test_the_drain_ends_early_and_cuts_off_late() -> None:
    """It waits for what is under way, but only so long."""
    quick, slow = Recorder(seconds=0.05), Recorder(seconds=60)

    started = time.monotonic()
    loop_of(quick, arrivals(3)).run(drain_s=30.0)
    loop_of(slow, arrivals(3)).run(drain_s=0.1)

    assert time.monotonic() - started < 25  # neither 30 s nor 60 s
    assert len(quick.ended) == 3
    assert sorted(slow.cut_off) == [0, 1, 2]


def test_what_is_too_late_is_dropped(monkeypatch: pytest.MonkeyPatch) -> None:
    """A load process that was held up sends nothing for a moment that is past."""
    starts = starts_of(arrivals(3, gap_s=1.0), Clock(begins_at_s=0.5), monkeypatch)

    assert starts.dropped == [0]
    assert set(starts.at_ns) == {1, 2}


def test_a_pause_between_order_and_start_counts_as_late(monkeypatch: pytest.MonkeyPatch) -> None:
    """A process may be stopped at any instruction: a journey begins on time or not at all."""
    clock = Clock()

    class Paused(AtOnce):
        def spawn(self, perform: Any, *of: Any) -> None:
            clock.now_ns += 10**9
            perform(*of)

    starts = starts_of(arrivals(1), clock, monkeypatch, Paused)

    assert (starts.at_ns, starts.dropped) == ({}, [0])


@pytest.mark.usefixtures("unhurried")
@pytest.mark.parametrize("behind_s", [0.0, 0.025])
def test_stopped_in_the_middle(behind_s: float) -> None:
    """What was due by then is started or dropped, what was due later never happened."""
    recorder = Recorder()
    zero_ns = time.monotonic_ns() + 20_000_000
    loop = OpenLoop(recorder, arrivals(2000), zero_ns)  # a busy machine may stop it late
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
    assert 0 < len(recorder.started) < 2000
    assert len(recorder.dropped) >= behind_s / 0.01 - 1


@pytest.mark.usefixtures("unhurried")
def test_too_many_under_way(monkeypatch: pytest.MonkeyPatch) -> None:
    """The limit is told, not hidden in a queue."""
    monkeypatch.setattr("harness.load.open_loop.IN_FLIGHT_MAX", 2)
    recorder = Recorder(seconds=0.1)

    loop_of(recorder, arrivals(4, gap_s=0.001)).run(drain_s=1.0)

    assert len(recorder.started) == 2
    assert set(recorder.dropped.values()) == {"2 journeys under way"}


@pytest.mark.parametrize("pause_s", [0.9, 3.0])
def test_no_burst_after_a_pause(pause_s: float, monkeypatch: pytest.MonkeyPatch) -> None:
    """What is late beyond the bound is dropped, and the rest follows faster than planned, but not
    all at once.
    """
    clock = Clock(paused_at_s=1.0, pause_s=pause_s)
    planned = arrivals(600)
    starts = starts_of(planned, clock, monkeypatch)

    first_ns = round((1.0 + pause_s - LATE_SECONDS_MAX) * 1e9)
    late = [a.index for a in planned if 10**9 < round(a.at_s * 1e9) < first_ns]
    assert set(starts.dropped) == set(late)
    assert len(starts.at_ns) + len(late) == 600
    at_ns = np.array(list(starts.at_ns.values()))
    gaps_ns = np.diff(at_ns)
    assert gaps_ns.min() * CATCH_UP_SPEED >= 0.01e9 - 10
    lag_ns = at_ns - np.array([planned[i].at_s * 1e9 for i in starts.at_ns])
    assert 0.25e9 < lag_ns.max() <= LATE_SECONDS_MAX * 1e9
    caught_up_s = at_ns[lag_ns > 1e6].max() / 1e9
    assert caught_up_s - 1.0 - pause_s < 3 * LATE_SECONDS_MAX


def test_ordinary_lag_is_made_up_at_once(monkeypatch: pytest.MonkeyPatch) -> None:
    """Pacing would only add to it."""
    starts = starts_of(arrivals(100), Clock(paused_at_s=0.5, pause_s=0.04), monkeypatch)

    assert not starts.dropped
    assert len({at_ns for at_ns in starts.at_ns.values() if at_ns < 0.55e9}) < 53
    assert [starts.at_ns[i] for i in range(56, 100)] == [i * 10**7 for i in range(56, 100)]


def test_what_is_planned_together_starts_together(monkeypatch: pytest.MonkeyPatch) -> None:
    """On time nothing is paced, however close to each other two arrivals are."""
    pairs = [Arrival(i, i // 2 + i % 2 * 1e-4, 0, False, 100, "k") for i in range(20)]  # noqa: FBT003
    starts = starts_of(pairs, Clock(), monkeypatch)

    assert list(starts.at_ns.values()) == [round(a.at_s * 1e9) for a in pairs]
