"""From when to when an episode lasted, in words that say no more than is known.

Pure. All instants are seconds after zero.
"""

import math

from harness.verdict.figures import Episode

FROM_THE_START_SECONDS = 1.0
"""What may have been there all along, and was seen so early, is said to be there from the start."""
_FINE_SECONDS = 1.0
"""Only of what is shorter than this are hundredths of a second told."""


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
    return f"from {_instant(episode, episode.onset_s)}" + (" or earlier" if open_start else "")


def starts_open(episode: Episode) -> bool:
    """Whether it may have been there before anything was measured."""
    return episode.onset_s_low is None and episode.onset_s_high is not None


def ended(episode: Episode) -> str:
    """``to 13.3 s``; what was not seen to be over lasted to the end."""
    if episode.recovered_s is None:
        return "to the end"
    return f"to {_instant(episode, episode.recovered_s)}"


def span(episode: Episode) -> str:
    """From when to when it lasted."""
    return f"{began(episode)} {ended(episode)}"


def _instant(episode: Episode, at_s: float) -> str:
    over_s = episode.recovered_s
    short = over_s is not None and over_s - episode.onset_s < _FINE_SECONDS
    return f"{at_s:.{2 if short else 1}f} s"
