"""What failed outside every impaired stretch: too little, or too scattered, to be one."""

import numpy as np

from harness.measure.intervals import Share
from harness.measure.samples import Samples
from harness.verdict import Episode


def elsewhere_of(samples: Samples, episodes: list[Episode]) -> Share:
    """The operations outside these episodes; each failure is dated as the episodes date it."""
    times_s = samples.times_s
    inside = np.zeros(len(times_s), dtype=bool)
    for episode in episodes:
        stop_s = np.inf if episode.recovered_s is None else episode.recovered_s
        planned = (times_s >= episode.onset_s) & (times_s <= stop_s)
        failed = samples.evidence.failed_within(times_s, episode.onset_s, stop_s)
        inside |= np.where(samples.failed, failed, planned)
    return Share(int(samples.failed[~inside].sum()), int((~inside).sum()))
