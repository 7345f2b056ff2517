"""Made-up runs as arrays of attempts: requests that take time, of a service that decides by a rule.

The moment at which a service decides what becomes of a request lies between its sending and its
answer: at its arrival or when its work is done. The truth of a run is when the service changed.
"""

from dataclasses import dataclass
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from benchmarks.simulate import (
    BASELINE_SECONDS,
    LATENCY_SIGMA,
    STRAY_SHARE,
    TAIL_SECONDS,
    Floats,
    arrays,
    arrivals,
)
from benchmarks.truth import LOG_IN_SHARE, TIMEOUT_SECONDS
from harness.verdict.measure.baseline import Baseline
from harness.verdict.measure.evidence import STEPS, Fate, TryTable, evidence_from
from harness.verdict.measure.samples import Samples, Timeline

LENGTHS_SECONDS = {10: (2.0, 3.0), 50: (1.0, 3.0), 200: (1.0, 3.0)}
"""By rate: an outage lasts as long as one of these, and up to half a second more."""
AT_ONCE_SECONDS = 0.001
LAG_SECONDS = 0.0005
"""From the planned start to the sending, on average."""
_AT = {"arrival": "at arrival", "end": "at the end"}


@dataclass(frozen=True, slots=True)
class Kind:
    """A way to fail, and when it is decided; refused connects are met as they are made."""

    name: str
    fate: Fate
    rule: Literal["arrival", "end"]

    @property
    def decides(self) -> str:
        """The rule in words."""
        return _AT[self.rule]


@dataclass(frozen=True, slots=True)
class Attempted:
    """The attempts of a made-up run, and what they came to for each of its n operations.

    The service fails between the two instants ``outage_s``, in seconds after zero like the others.
    """

    times_s: Floats
    ended_s: Floats
    failed: NDArray[np.bool_]
    tries: TryTable
    load_s: float
    outage_s: tuple[float, float]


def attempted(chance: np.random.Generator, kind: Kind, rate: int, latency_s: float) -> Attempted:
    """One run with one outage.

    In half of all runs requests have a single step; in the others a credit line, and some a log-in,
    come before the borrow. What is refused on arrival with a 503 is so at once in half of all runs,
    and takes its time in the others.
    """
    length_s = float(chance.choice(LENGTHS_SECONDS[rate])) + float(chance.random()) / 2
    begin_s = BASELINE_SECONDS + 1 + float(chance.random())
    outage_s = (begin_s, begin_s + length_s)
    load_s = outage_s[1] + TAIL_SECONDS
    journeys, at_once = chance.random(2) < 0.5  # half of all runs
    times_s = arrivals(rate, "jittered", load_s, chance)
    count = len(times_s)
    stray = chance.random(count) < STRAY_SHARE
    at_s = times_s + chance.exponential(LAG_SECONDS, count)
    going = np.ones(count, dtype=bool)
    pieces = []
    for step, name in enumerate(STEPS):
        takes = going if name == "borrow" else going & journeys
        if name == "log_in":
            takes = takes & (chance.random(count) < LOG_IN_SHARE)
        place = np.flatnonzero(takes)
        began_s = at_s[place]
        took_s = latency_s * np.exp(LATENCY_SIGMA * chance.standard_normal(len(place)))
        fate = np.full(len(place), Fate.GOOD, dtype=np.int64)
        if name == "borrow":
            fate[stray[place]] = Fate.ANSWERED
        decided_s = began_s + took_s if kind.rule == "end" else began_s
        hit = (decided_s >= outage_s[0]) & (decided_s < outage_s[1])
        fate[hit] = kind.fate
        took_s[hit] = _lasts_s(chance, kind, took_s[hit], at_once=bool(at_once))
        pieces.append((place, np.full(len(place), step), began_s, began_s + took_s, fate))
        at_s[place] = began_s + took_s
        going[place[fate != Fate.GOOD]] = False
    tries = TryTable(*(np.concatenate(column) for column in zip(*pieces, strict=True)))
    return Attempted(times_s, at_s, ~going, tries, load_s, outage_s)


def _lasts_s(chance: np.random.Generator, kind: Kind, took_s: Floats, *, at_once: bool) -> Floats:
    """How long failed attempts last that would have taken ``took_s``."""
    if kind.fate is Fate.HUNG:
        return np.full(len(took_s), TIMEOUT_SECONDS)
    if kind.rule == "end" or (kind.fate is Fate.ANSWERED and not at_once):
        return took_s
    return np.asarray(AT_ONCE_SECONDS * (0.5 + chance.random(len(took_s))))


def arrays_of(run: Attempted) -> tuple[Samples, Timeline, Baseline]:
    """A made-up run as the harness's own arrays, which all estimators begin with."""
    evidence = evidence_from(len(run.times_s), run.tries)
    samples, baseline = arrays(run.times_s, run.ended_s, run.failed, evidence, BASELINE_SECONDS)
    return samples, Timeline(run.load_s, None, None, 10.0), baseline
