"""What a run could show at all, as a type of ``verdict.json``."""

from dataclasses import dataclass


@dataclass(frozen=True, slots=True)
class Visible:
    """The least impairment that 90 % of such runs show: at this rate, with so many requests and
    such a share of failures outside every impaired stretch.

    ``outage_s`` is the length of a total outage, ``brownout_share`` (0..1) the share of requests
    that fail for ``brownout_s``; None where the run could not show even the largest.
    """

    outage_s: float | None
    brownout_share: float | None
    brownout_s: float
