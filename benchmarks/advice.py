"""Whether advice on how many requests suffice holds: it is followed, and the run is decided.

A run that was too short is told how many requests its baseline, or what came after a recovery,
must have. Here it gets as many, of a service that fails at random, and the harness's own check
judges it again. In nine of ten repeats that must be decided.
"""

import numpy as np

from benchmarks.sections import Column, Figures, Form, Row, Rule, Section, Want
from harness.plan.objectives import SteadyState
from harness.verdict.checks.bounds import OPERATIONS_MIN, Limit, by_share
from harness.verdict.measure import advice as rules
from harness.verdict.measure.baseline import HALVES_P_MIN, RECOVERED_BELOW_SHARE
from harness.verdict.measure.change_point import confirmed
from harness.verdict.measure.intervals import CONFIDENCE, Share, differ
from harness.verdict.types import Judgement

LIMIT = SteadyState().failed_share_max
DECIDED_MIN = 0.87
"""In one row. The advice is the least number of requests that decides 90 %, so that 400 repeats of
it show less than 90 % by chance in every third row, and less than this in one of forty."""
_ONE = Want("advice followed: decided, in any row", "decided", Rule.SHARE_MIN, DECIDED_MIN)
_ALL = Want("advice followed: decided", "decided", Rule.SHARE_MIN, rules.CHANCE_MIN)


def baseline(chance: np.random.Generator, part: int, whole: int) -> Figures:
    """A baseline as long as one with ``part`` failures of ``whole`` was told, judged as steady."""
    bad = _followed(chance, Share(part, whole), LIMIT, rules.bounded(LIMIT))
    found, half = Share(int(bad.sum()), len(bad)), len(bad) // 2
    first, second = (
        Share(int(bad[:half].sum()), half),
        Share(int(bad[half:].sum()), len(bad) - half),
    )
    assert found.high is not None  # noqa: S101  # for the type checker; it is told some
    return {"decided": found.high < LIMIT and differ(first, second) > HALVES_P_MIN,
            "requests": float(len(bad))}  # fmt: skip


def share(chance: np.random.Generator, part: int, whole: int) -> Figures:
    """An objective on a share, judged on as many operations as it was told."""
    bad = _followed(chance, Share(part, whole), LIMIT, rules.within(LIMIT, OPERATIONS_MIN))
    judged = by_share(Limit("failed_share_max", LIMIT), Share(int(bad.sum()), len(bad)))
    decided = judged.verdict is not Judgement.INCONCLUSIVE
    return {"decided": decided, "requests": float(len(bad))}


def recovery(chance: np.random.Generator, part: int, whole: int) -> Figures:
    """What comes after a recovery, as long as was told, judged as lasting."""
    most = rules.bounded(RECOVERED_BELOW_SHARE, 1 - CONFIDENCE)
    bad = _followed(chance, Share(part, whole), RECOVERED_BELOW_SHARE, most)
    return {"decided": confirmed(bad, RECOVERED_BELOW_SHARE), "requests": float(len(bad))}


def _followed(
    chance: np.random.Generator, seen: Share, limit: float, most: rules.Most
) -> "np.ndarray[tuple[int], np.dtype[np.bool_]]":
    """Which requests fail of a run that is as long as it was told to be."""
    enough = rules.requests_enough(seen, limit, most)
    assert enough is not None  # noqa: S101  # for the type checker; the shares seen are small
    return chance.random(enough) < rules.assumed_share(seen, limit)


_CHECKS = (
    ("baseline", baseline, ((0, 60), (1, 200), (1, 100))),
    ("recovery", recovery, ((0, 20), (1, 50))),
    ("objective on a share", share, ((0, 30), (1, 50))),
)

SECTION = Section(
    name="advice",
    title="Advice followed",
    text=(
        "An inconclusive share says how many requests suffice in nine of ten runs, if the share of"
        " failures is that seen (none seen: 0.1 %). Here a run gets as many and is judged again."
    ),
    head=("check", "seen failed"),
    columns=(Column("requests told", "requests", Form.NUMBER), Column("decided", "decided")),
    rows=tuple(
        Row((name, f"{part} of {whole}"), check, (part, whole), (_ONE,), quick=whole in (30, 200))
        for name, check, seen in _CHECKS
        for part, whole in seen
    ),
    together=(_ALL,),
)
