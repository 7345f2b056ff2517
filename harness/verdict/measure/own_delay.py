"""How much of a wait was the load generator's own doing, and none of the target's.

Three things: a request that was sent after it was due, the time between the answer to one step and
the request of the next one, and an answer that lay there while the load process did not run. That
it did not run shows where a request was due and nothing at all was written down until later.
"""

import numpy as np

from harness.history.columns import NONE, Attempts, Floats, Ints, Operations
from harness.verdict.measure.evidence import GOOD

PAUSE_SECONDS_MIN = 0.05
"""A shorter time in which nothing was written down is ordinary."""
WOKEN_SECONDS = 0.05
"""Answers that lay there are read within this after a pause; what comes later was not there yet."""
CATCH_UP_SPEED = 1.5
"""After a pause arrivals follow each other so many times as fast as planned: the gaps between them
are no pause."""
_SECOND = 1e9


def own_delays_s(operations: Operations, attempts: Attempts) -> Floats:
    """Seconds of each operation's wait, of shape (n,), that were ours; 0 of one never started."""
    place, due_ns = attempts.places_in(operations), operations.intended_ns
    begun_ns = np.where(operations.started_ns == NONE, due_ns, operations.started_ns)
    order = np.lexsort((attempts.started_ns, place))
    tried, at = attempts.take(order[place[order] >= 0]), np.sort(place[place >= 0])
    started_ns, ended_ns = tried.started_ns, tried.ended_ns
    first = np.flatnonzero(np.diff(at, prepend=-1))
    begun_ns[at[first]] = started_ns[first]
    own_ns = np.maximum(0, begun_ns - due_ns)
    # Another step follows at once; whoever tries a step again waits before it.
    other_step = (np.diff(at) == 0) & (np.diff(tried.step.codes) != 0)
    follows = np.flatnonzero(other_step & tried.outcome.are(*GOOD)[:-1])
    np.add.at(own_ns, at[follows], np.maximum(0, started_ns[follows + 1] - ended_ns[follows]))
    workers = operations.worker.codes
    for worker in np.unique(workers):
        sent, planned = workers[at] == worker, workers == worker
        events_ns = np.concatenate((begun_ns[planned], started_ns[sent], ended_ns[sent]))
        pauses = _pauses(np.sort(due_ns[planned]), np.sort(events_ns))
        np.add.at(own_ns, at[sent], _lay_there(pauses, started_ns[sent], ended_ns[sent]))
    return np.asarray(own_ns / _SECOND, dtype=np.float64)


def _lay_there(pauses: tuple[Ints, Ints], started_ns: Ints, ended_ns: Ints) -> Ints:
    """For each attempt of one load process, how long its answer may have lain there unread."""
    begins_ns, ends_ns = pauses
    if not len(ends_ns):
        return np.zeros_like(started_ns)
    last = np.maximum(np.searchsorted(ends_ns, ended_ns, side="right") - 1, 0)
    begins_ns, ends_ns = begins_ns[last], ends_ns[last]
    since_ns = ended_ns - ends_ns
    read = (since_ns >= 0) & (since_ns <= WOKEN_SECONDS * _SECOND) & (started_ns < ends_ns)
    return np.where(read, ends_ns - np.maximum(started_ns, begins_ns), 0)


def _pauses(due_ns: Ints, events_ns: Ints) -> tuple[Ints, Ints]:
    """Begins and ends of the times in which a load process did not run, both rising."""
    least_ns = PAUSE_SECONDS_MIN * _SECOND
    if len(due_ns) > 1:
        gap_ns = (due_ns[-1] - due_ns[0]) / (len(due_ns) - 1)
        least_ns = max(least_ns, gap_ns / CATCH_UP_SPEED)
    following = np.searchsorted(events_ns, due_ns)
    known = following < len(events_ns)
    begins_ns, ends_ns = due_ns[known], events_ns[following[known]]
    long = ends_ns - begins_ns > least_ns
    ends_ns, first = np.unique(ends_ns[long], return_index=True)  # of one end, the earliest begin
    return begins_ns[long][first], ends_ns
