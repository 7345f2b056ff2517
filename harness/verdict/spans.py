"""From when to when an episode lasted, in words that say no more than is known.

Pure. All instants are seconds after zero.
"""

import math

from harness.verdict.types import Episode, Recovery

FROM_THE_START_SECONDS = 1.0
"""What may have been there all along, and was seen so early, is dated from the start."""
_FINE_SECONDS = 1.0
"""Hundredths of a second are written only of what is shorter than this."""
_CHANCE_MAX = 0.05
"""What chance alone makes rarer than this at the end of an impairment is no part of it."""


def decimals(low_s: float | None, high_s: float | None) -> int:
    """How many decimals an instant deserves whose interval is this wide: of what may be off by
    tenths of a second, hundredths say nothing.
    """
    width_s = math.inf if low_s is None or high_s is None else high_s - low_s
    return next((places for places, least_s in ((1, 0.3), (2, 0.03)) if width_s >= least_s), 3)


def began(episode: Episode) -> str:
    """``from 8.0 s``; what may have been there before the first request began with the run."""
    open_start = starts_open(episode)
    if open_start and episode.onset_s < FROM_THE_START_SECONDS:
        return "from the start"
    return f"from {_onset(episode)}" + (" or earlier" if open_start else "")


def starts_open(episode: Episode) -> bool:
    """Whether it may have been there before anything was measured."""
    return episode.onset_s_low is None and episode.onset_s_high is not None


def ended(episode: Episode) -> str:
    """``to 13.3 s``; what was not seen to be over lasted to the end, as far as anybody knows."""
    if episode.recovered_s is None:
        return "to the end"
    low_s, high_s = episode.recovered_s_low, episode.recovered_s_high
    return f"to {_instant(episode, episode.recovered_s, low_s, high_s)}"


def quiet_end(episode: Episode) -> str:
    """That its end is not confirmed, where more was served after its last failure than chance
    leaves; else nothing.
    """
    last_s, served = episode.last_failure_s, episode.served_after
    if episode.recovered_s is not None or last_s is None or not served:
        return ""
    share = episode.failed / max(episode.operations - served, episode.failed, 1)
    if (1 - share) ** served >= _CHANCE_MAX:
        return ""
    return f"the last failure at {last_s:.1f} s, too little came after it to call it over"


def span(episode: Episode) -> str:
    """From when to when it lasted; ``around 13.0 s`` where both are the same, as far as known."""
    if quiet := quiet_end(episode):
        return f"{began(episode)}; {quiet}"
    whole = f"{began(episode)} {ended(episode)}"
    same = f"from {_onset(episode)} to {_onset(episode)}"
    return f"around {_onset(episode)}" if whole == same else whole


def slow_after(recovery: Recovery) -> str:
    """How long answers stayed slow after the heal, though borrowing had recovered by then; else
    nothing.
    """
    latency, over_s = recovery.latency, recovery.from_heal_s
    if latency is None or over_s is None:
        return ""
    slow_s = latency.from_heal_s
    if latency.censored:
        return "answers stayed slow, and were not seen to recover"
    if slow_s is None or round(slow_s, 1) <= max(0.0, round(over_s, 1)):
        return ""
    return f"answers stayed slow for {slow_s:.1f} s after the heal"


def _onset(episode: Episode) -> str:
    return _instant(episode, episode.onset_s, episode.onset_s_low, episode.onset_s_high)


def _instant(episode: Episode, at_s: float, low_s: float | None, high_s: float | None) -> str:
    over_s = episode.recovered_s
    short = over_s is not None and over_s - episode.onset_s < _FINE_SECONDS
    return f"{at_s:.{min(2 if short else 1, decimals(low_s, high_s))}f} s"
