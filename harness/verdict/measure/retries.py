"""How many requests a borrower needed, and whether they all came back at once."""

from dataclasses import dataclass

import numpy as np
from scipy.special import pdtrc

from harness.history.columns import Floats, seconds
from harness.verdict.figures import Phase, Retries
from harness.verdict.measure.counts import by_phase
from harness.verdict.measure.samples import MeasuredRun, Samples

HERD_SECONDS = 10.0
"""How long after a heal a herd is looked for."""
WINDOW_SECONDS = 1.0


@dataclass(frozen=True, slots=True)
class Herd:
    """The busiest second after the heal: attempts begun in it, their usual number in a second, when
    it began (s after zero), and the chance of such a second anywhere in the stretch searched, if
    attempts came at random at their usual rate.
    """

    attempts: int
    usual: float
    at_s: float
    p: float

    @property
    def peak(self) -> float:
        """How many times as many as usual."""
        return self.attempts / self.usual


def retries_of(samples: Samples, phases: list[Phase], herd: Herd | None) -> Retries:
    """Borrow attempts per operation that sent one, by the phase it was planned in, and the herd.

    An operation that an earlier step blocked has sent no borrow and is left out; a phase without
    any operation of the rest has None.
    """
    attempts = samples.operations.attempts
    found: dict[str, float | None] = dict.fromkeys(("baseline", "fault", "recovery"))
    for phase, inside in by_phase(samples, phases):
        sent = attempts[inside & (attempts > 0)]
        found[phase.name] = float(sent.mean()) if len(sent) else None
    return Retries(found, herd.peak if herd else None, herd.at_s if herd else None)


def herd_of(run: MeasuredRun) -> Herd | None:
    """The largest number of attempts, of any step, begun within one second after the last heal.

    The second slides over `HERD_SECONDS` from the heal, or to the end of the load. The baseline's
    mean is taken over its whole length. None without a heal, without a baseline, or with less than
    a second of load after the heal.
    """
    healed_s, end_s = run.timeline.healed_s, run.timeline.load_end_s
    clock = run.facts.status.clock
    if clock is None or healed_s is None or end_s is None:
        return None
    begun_s = np.sort(seconds(run.facts.attempts.started_ns, clock.zero_ns))
    before = run.samples.times_s[run.before]
    stop_s = min(healed_s + HERD_SECONDS, end_s)
    if not len(before) or before[-1] <= 0 or stop_s - healed_s < WINDOW_SECONDS:
        return None
    usual = float(((begun_s >= 0) & (begun_s <= before[-1])).sum() / before[-1])
    found = busiest(begun_s, healed_s, stop_s)
    if found is None or not usual:
        return None
    attempts, at_s = found
    # As many chances as there are windows without a common attempt, times two for the sliding.
    windows = 2 * np.ceil((stop_s - healed_s) / WINDOW_SECONDS)
    p = min(1.0, float(windows * pdtrc(attempts - 1, usual)))
    return Herd(attempts, usual, at_s, p)


def busiest(begun_s: Floats, start_s: float, stop_s: float) -> tuple[int, float] | None:
    """The largest number of instants (rising, s) in any second inside the bounds, and the second's
    begin; None without any. Exact: such a second can be moved to begin with an instant, or to end
    at the bound.
    """
    inside = begun_s[(begun_s >= start_s) & (begun_s <= stop_s)]
    if not len(inside):
        return None
    begins_s = np.minimum(inside, stop_s - WINDOW_SECONDS)
    counts = np.searchsorted(inside, begins_s + WINDOW_SECONDS, side="right") - np.searchsorted(
        inside, begins_s, side="left"
    )
    best = int(np.argmax(counts))
    return int(counts[best]), float(begins_s[best])
