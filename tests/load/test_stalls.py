"""A hub that is blocked, and a clock that jumps, are seen by a greenlet that ticks."""

import time

import gevent
import pytest

from harness.history.events import Stall
from harness.load.open_loop import STALL_SECONDS_MIN, TICK_SECONDS, Ticker


class Clock:
    """Time as the test sets it."""

    def __init__(self) -> None:
        self.now_ns = 10**9

    def monotonic_ns(self) -> int:
        """Now."""
        return self.now_ns


@pytest.fixture
def clock(monkeypatch: pytest.MonkeyPatch) -> Clock:
    """The ticker's clock."""
    made = Clock()
    monkeypatch.setattr("harness.load.open_loop.time", made)
    return made


def tick_after(ticker: Ticker, clock: Clock, *seconds: float) -> None:
    """Let it tick after each of these times."""
    for each_s in seconds:
        clock.now_ns += round(each_s * 1e9)
        ticker._tick()


def test_a_gap_between_ticks_is_a_stall(clock: Clock) -> None:
    """From the last tick before it to the first one after it; ordinary lag is none."""
    ticker = Ticker("load-1")
    tick_after(ticker, clock, TICK_SECONDS, 0.24, 3.0, 0.05, 0.05)

    begin_ns = 10**9 + 290_000_000
    assert ticker.stop() == [Stall("load-1", begin_ns, begin_ns + 3 * 10**9)]


def test_stalls_that_touch_are_one(clock: Clock) -> None:
    """A process that is starved for minutes leaves one fact, not thousands."""
    ticker = Ticker("load-0")
    tick_after(ticker, clock, *[STALL_SECONDS_MIN] * 1000, 0.1, 1.0)

    assert [(s.end_ns - s.begin_ns) / 1e9 for s in ticker.stop()] == [250.0, 1.0]


def test_a_stall_up_to_the_end_is_seen(clock: Clock) -> None:
    """The last tick is the one that stops it."""
    ticker = Ticker("load-0")
    clock.now_ns += 10**9

    assert ticker.stop() == [Stall("load-0", 10**9, 2 * 10**9)]


def test_a_blocked_hub_is_a_stall() -> None:
    """No greenlet runs meanwhile: neither arrivals are started, nor answers read."""
    ticker = Ticker("load-0")
    gevent.sleep(0.12)
    began_ns = time.monotonic_ns()
    time.sleep(0.5)
    ended_ns = time.monotonic_ns()
    gevent.sleep(0.12)

    (stall,) = [s for s in ticker.stop() if s.end_ns > began_ns and s.begin_ns < ended_ns]
    assert stall.begin_ns <= began_ns
    assert stall.end_ns >= ended_ns
