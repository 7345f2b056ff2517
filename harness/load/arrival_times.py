"""Which arrivals of a plan belong to which load process."""

from collections.abc import Sequence

from harness.plan.plan import Arrival


def own_arrivals(arrivals: Sequence[Arrival], index: int, count: int) -> list[Arrival]:
    """The arrivals of load process ``index`` of ``count``, in order of their planned start.

    All those of one borrower go to one process, so that they share one session, as those of one
    app do. Shares are even all the same: borrowers take turns, in blocks of neighbours.
    """
    mine = [arrival for arrival in arrivals if arrival.borrower % count == index]
    return sorted(mine, key=lambda arrival: arrival.at_s)


def intended_ns(arrival: Arrival, zero_ns: int) -> int:
    """The planned start on the monotonic clock; the same for every step of the journey."""
    return zero_ns + round(arrival.at_s * 1e9)
