"""What a run could show at all, as a type of ``verdict.json``."""

import math
from dataclasses import dataclass

from harness.core.numbers import Length, Share


@dataclass(frozen=True, slots=True)
class Visible:
    """The least impairment that 90 % of such runs show: at this rate, with so many requests and
    such a share of failures outside every impaired stretch.

    ``outage_s`` is the length of a total outage, ``brownout_share`` (0..1) the share of requests
    that fail for ``brownout_s``; None where the run could not show even the largest.
    """

    outage_s: Length | None
    brownout_share: Share | None
    brownout_s: Length


def shows_any(visible: Visible | None) -> bool:
    """Whether the run could show any impairment."""
    return visible is not None and visible.outage_s is not None


def never_longer(visible: Visible | None) -> str:
    """That no impairment was seen, and how long one may have been all the same."""
    if visible is None or visible.outage_s is None:
        return "no impairment was seen, in a run too short to show one"
    return f"no impairment longer than {_rounded_up(visible.outage_s)} s was seen"


def none_stands_out(visible: Visible | None) -> str:
    """The same of a run that fails all along: how long an outage stands out from that."""
    text = "no stretch stands out from the steady share of failures"
    if visible is None or visible.outage_s is None:
        return f"{text}, in a run too short to show one"
    return f"{text}, as an outage of {_rounded_up(visible.outage_s)} s would"


def least_seen(visible: Visible | None) -> str:
    """What nine of ten such runs show, in words."""
    if visible is None or visible.outage_s is None:
        return "no impairment at all: they are too short for their rate"
    text = f"an outage of {_rounded_up(visible.outage_s)} s"
    if visible.brownout_share is None:
        return f"{text}, and no brownout of {visible.brownout_s:g} s"
    share = _rounded_up(100 * visible.brownout_share)
    return f"{text}, and a brownout of {visible.brownout_s:g} s in which {share} % fail"


def _rounded_up(number: float) -> str:
    """To two digits, never to less than it is."""
    digits = max(0, 1 - math.floor(math.log10(number)))
    return f"{math.ceil(round(number * 10**digits, 6)) / 10**digits:.{digits}f}"
