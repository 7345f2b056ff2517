"""What troubles are called: which are outages, and what is slow and what is not.

In every run at most one trouble is made up, so that each further name is a wrong one.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from benchmarks.sections import Column, Figures, Row, Rule, Section, Want
from benchmarks.simulate import BAD, GOOD, LATENCY_SIGMA, STRAY_SHARE, Floats, arrivals
from benchmarks.stutters import SLOWER_SECONDS, stuttering
from benchmarks.truth import TIMEOUT_SECONDS
from harness.history.columns import Operations
from harness.verdict.measure.baseline import Baseline
from harness.verdict.measure.episodes import episodes_of
from harness.verdict.measure.evidence import STEPS, Fate, TryTable, evidence_from
from harness.verdict.measure.intervals import Share
from harness.verdict.measure.samples import Samples, Timeline
from harness.verdict.types import Episode

BASELINE_REQUESTS, BASELINE_SECONDS, TAIL_SECONDS = 160, 8.0, 12.0
LATENCY_SECONDS = 0.012
WRONG_MAX, RIGHT_MIN = 0.02, 0.95
ONSET_MIN = 0.90
CREDIT_LINE, BORROW = (STEPS.index(name) for name in ("credit_line", "borrow"))


@dataclass(frozen=True, slots=True)
class Made:
    """A made-up run of n operations, each with a credit line (if ``line_s``) and a borrow.

    ``took_s`` is how long the borrow takes, ``fate`` what becomes of it.
    """

    times_s: Floats
    line_s: Floats
    took_s: Floats
    fate: NDArray[np.int64]
    load_s: float
    baseline_s: float

    def episodes(self) -> list[Episode]:
        """The episodes that the harness's estimators find in it."""
        began_s, count = self.times_s + self.line_s, len(self.times_s)
        ended_s, place, bad = began_s + self.took_s, np.arange(count), self.fate != Fate.GOOD
        tries = TryTable(place, np.full(count, BORROW), began_s, ended_s, self.fate)
        if self.line_s.any():
            tries = TryTable(
                np.concatenate([place, place]),
                np.repeat([CREDIT_LINE, BORROW], count),
                np.concatenate([self.times_s, began_s]),
                np.concatenate([began_s, ended_s]),
                np.concatenate([np.full(count, Fate.GOOD), self.fate]),
            )
        wait_s = np.where(bad, np.nan, ended_s - self.times_s)
        samples = Samples(
            operations=Operations.of(BAD if failed else GOOD for failed in bad.tolist()),
            times_s=self.times_s,
            ended_s=ended_s,
            wait_s=wait_s,
            failed=bad,
            indeterminate=np.zeros(count, dtype=bool),
            evidence=evidence_from(count, tries),
        )
        before = self.times_s < self.baseline_s
        waits_ms = wait_s[before & ~bad] * 1e3
        p95 = float(np.percentile(waits_ms, 95, method="higher"))
        failed = Share(int(bad[before].sum()), int(before.sum()))
        timeline = Timeline(self.load_s, None, None, 10.0)
        return episodes_of(samples, timeline, Baseline(failed, p95, ()))


def _made(
    chance: np.random.Generator,
    rate: int,
    trouble_s: float,
    latency_s: float = LATENCY_SECONDS,
    line_s: float = 0.0,
) -> tuple[Made, float]:
    """A run in which only strays fail, and when a trouble of so many seconds is to begin."""
    baseline_s = max(BASELINE_SECONDS, BASELINE_REQUESTS / rate)
    begin_s = baseline_s + 1 + float(chance.random())
    load_s = begin_s + trouble_s + max(TAIL_SECONDS, 60 / rate)
    times_s = arrivals(rate, "jittered", load_s, chance)
    count = len(times_s)
    took_s, lines_s = (
        usual_s * np.exp(LATENCY_SIGMA * chance.standard_normal(count))
        for usual_s in (latency_s, line_s)
    )
    stray = chance.random(count) < STRAY_SHARE
    fate = np.where(stray, Fate.ANSWERED, Fate.GOOD).astype(np.int64)
    return Made(times_s, lines_s, took_s, fate, load_s, baseline_s), begin_s


# --- outages -------------------------------------------------------------------------------------


def behind_a_credit_line(chance: np.random.Generator, line_s: float, share: float) -> Figures:
    """For 1 s this share of all borrows fails; the credit line before it never does."""
    run, begin_s = _made(chance, 50, 1.0, line_s=line_s)
    borrows_s = run.times_s + run.line_s
    hit = (borrows_s >= begin_s) & (borrows_s < begin_s + 1)
    run.fate[hit & (chance.random(len(hit)) < share)] = Fate.ANSWERED
    return _named(run)


def few(chance: np.random.Generator, rate: int, number: int, served: int) -> Figures:
    """So many requests after each other, of which some in their midst are ``served``."""
    run, begin_s = _made(chance, rate, number / rate)
    first = int(np.searchsorted(run.times_s, begin_s))
    run.fate[first : first + number] = Fate.ANSWERED
    run.fate[first + 1 + chance.choice(number - 2, served, replace=False)] = Fate.GOOD
    return _named(run)


def _named(run: Made) -> Figures:
    """Whether it is called an outage; None where nothing was found to be called anything."""
    names = [one.class_ for one in run.episodes() if one.class_ != "slow"]
    return {"found": bool(names), "outage": names == ["outage"] if names else None}


# --- slow answers --------------------------------------------------------------------------------


def stalled(
    chance: np.random.Generator, rate: int, latency_s: float, decides: str, timeout_s: float
) -> Figures:
    """For 5 s nothing is served, at the arrival of a request or at the end of its usual time."""
    run, begin_s = _made(chance, rate, 5.0, latency_s)
    end_s = begin_s + 5
    early_s = run.took_s if decides == "at the end" else np.zeros(len(run.took_s))
    served_s = run.times_s + early_s
    held = (served_s >= begin_s) & (served_s < end_s)
    run.took_s[held] += end_s - served_s[held]
    run.fate[run.took_s >= timeout_s] = Fate.HUNG
    np.minimum(run.took_s, timeout_s, out=run.took_s)
    episodes = run.episodes()
    slow = [one for one in episodes if one.class_ == "slow"]
    one = slow[0] if len(slow) == 1 else None
    begins_s = (begin_s, float(run.times_s[held].min()), end_s)
    return {
        "outage": [e.class_ for e in episodes if e.class_ != "slow"] == ["outage"],
        "slow": bool(slow),
        "once": len(slow) == 1,
        "onset held": None if one is None else any(_holds(one, at_s) for at_s in begins_s),
    }


def _holds(one: Episode, at_s: float) -> bool:
    low_s, high_s = one.onset_s_low, one.onset_s_high
    return (low_s is None or low_s <= at_s) and (high_s is None or at_s <= high_s)


def steadily_slow(
    chance: np.random.Generator, rate: int, requests: tuple[int, int], share: float
) -> Figures:
    """This share of all answers takes longer, from first to last; baseline and run in requests."""
    baseline_s, load_s = requests[0] / rate, requests[1] / rate
    times_s = arrivals(rate, "jittered", load_s, chance)
    count = len(times_s)
    took_s = LATENCY_SECONDS * np.exp(LATENCY_SIGMA * chance.standard_normal(count))
    took_s[chance.random(count) < share] += SLOWER_SECONDS
    fate = np.full(count, Fate.GOOD, dtype=np.int64)
    run = Made(times_s, np.zeros(count), took_s, fate, load_s, baseline_s)
    return {"slow": any(one.class_ == "slow" for one in run.episodes())}


def slower(chance: np.random.Generator, rate: int, shape: str) -> Figures:
    """For 4 s answers take longer: all of them, half of them, or more and more."""
    run, begin_s = _made(chance, rate, 4.0)
    passed = (run.times_s - begin_s) / 4
    hit = (passed >= 0) & (passed < 1)
    if shape == "half of them":
        hit &= chance.random(len(hit)) < 0.5  # half
    later_s = 0.95 * passed if shape == "from 0 to 950 ms" else np.full(len(hit), SLOWER_SECONDS)
    run.took_s[hit] += later_s[hit]
    names = [one.class_ for one in run.episodes()]
    return {"once": names == ["slow"]}


# --- the tables ----------------------------------------------------------------------------------


def _outage_rows() -> list[Row]:
    is_one = Want("an outage is called one", "outage", Rule.SHARE_MIN, RIGHT_MIN)
    is_none = Want("what is none is called an outage", "outage", Rule.SHARE_MAX, WRONG_MAX)
    rows = [
        Row(
            (f"{share:.0%} of the borrows", f"after {line_ms} ms", "50/s"),
            behind_a_credit_line,
            (line_ms / 1e3, share),
            (is_one if share == 1 else is_none,),
            quick=(share, line_ms) == (1.0, 60),
        )
        for share in (1.0, 0.8)
        for line_ms in (5, 60, 100, 300)
    ]
    rows += [
        Row((f"{number} of {number}", "", f"{rate}/s"), few, (rate, number, 0), (is_one,))
        for rate in (1, 10, 50)
        for number in (5, 7, 9, 11, 15, 16, 30)
    ]
    rows += [
        Row(
            (f"{number - number // 5} of {number}", "", f"{rate}/s"),
            few,
            (rate, number, number // 5),
            (is_none,),
        )
        for rate in (1, 10, 50)
        for number in (11, 15, 30)
    ]
    return rows


OUTAGES = Section(
    name="outages",
    title="What is called an outage",
    text=(
        "For a second all borrows fail, or most of them, behind a credit line that takes time and"
        " is served; and few requests in a row, of which all fail or a fifth is served."
    ),
    head=("fail", "credit line", "rate"),
    columns=(Column("found", "found"), Column("of these called an outage", "outage")),
    rows=tuple(_outage_rows()),
)


def _stall_rows() -> list[Row]:
    told = (
        Want("a stall is called slow, once", "once", Rule.SHARE_MIN, RIGHT_MIN),
        Want("slow, one of its beginnings is held", "onset held", Rule.SHARE_MIN, ONSET_MIN),
    )
    return [
        Row(
            (f"timeout {timeout_s:g} s", decides, f"{rate}/s", f"{latency_ms} ms"),
            stalled,
            (rate, latency_ms / 1e3, decides, timeout_s),
            # Ten answers that take one to two seconds are hardly slow where many take 0.7 s.
            told[1:] if (timeout_s, rate, latency_ms) == (TIMEOUT_SECONDS, 10, 300) else told,
            quick=(timeout_s, decides, rate, latency_ms) == (8.0, "at the end", 50, 60),
        )
        for timeout_s in (TIMEOUT_SECONDS, 8.0)
        for decides in ("at arrival", "at the end")
        for rate in (10, 50)
        for latency_ms in (5, 60, 300)
    ]


STALLS = Section(
    name="stalls",
    title="Stalls of 5 s",
    text=(
        "Nothing is served for five seconds, and everything that still waits at their end. With a"
        " shorter timeout that is an outage, whose last requests are slow (from its begin or end);"
        " with a longer one it is slow, from its begin or from that of the first request it holds."
    ),
    head=("timeout", "decides", "rate", "latency"),
    columns=(
        Column("an outage", "outage"),
        Column("slow", "slow"),
        Column("its onset holds", "onset held"),
    ),
    rows=tuple(_stall_rows()),
)


def _slow_rows() -> list[Row]:
    steady = Want("a steady share of slow answers is told", "slow", Rule.SHARE_MAX, WRONG_MAX)
    told = Want("what is slow for 4 s is found, once", "once", Rule.SHARE_MIN, RIGHT_MIN)
    rows = [
        Row(
            (f"{share:.0%}, steadily", f"{rate}/s", f"{baseline}"),
            steadily_slow,
            (rate, (baseline, max(baseline + 160, 30 * rate)), share),
            (steady,),
            quick=(share, rate, baseline) == (0.05, 50, 400),
        )
        for share in (0.01, 0.02, 0.05, 0.10, 0.20)
        for rate in (1, 10, 50, 200)
        for baseline in (40, 160, 400)
    ]
    rows += [
        Row((shape, f"{rate}/s", "400"), slower, (rate, shape), (told,))
        for shape in ("all of them", "half of them", "from 0 to 950 ms")
        for rate in (50, 200)
    ]
    never = Want("a load machine that stutters makes slow", "slow", Rule.SHARE_MAX, WRONG_MAX)
    found = Want("slow on a machine that stutters is found", "slow", Rule.SHARE_MIN, RIGHT_MIN)
    rows += [
        Row(
            (f"{'all of them' if slow else 'none'}, stutter of {pause_ms} ms", f"{rate}/s", "400"),
            stuttering,
            (rate, pause_ms / 1e3, slow),
            (found if slow else never,),
            most=100,
        )
        for slow in (False, True)
        for pause_ms in (120, 240)
        for rate in (10, 50, 200)
    ]
    return rows


SLOW = Section(
    name="slow",
    title="What is called slow",
    text=(
        f"Answers take {SLOWER_SECONDS * 1e3:.0f} ms longer: a steady share of them all the time,"
        " or some for four seconds; and a load machine that pauses once in a second."
    ),
    head=("answers", "rate", "baseline, requests"),
    columns=(Column("told", "slow"), Column("told once", "once")),
    rows=tuple(_slow_rows()),
)
