"""Real runs against a service that takes its time: do the intervals hold edges met in flight?

Rules and latencies are those of the scripted target: a service that decides as a request comes, or
when its work is done. Which of them it does no run is told.
"""

import itertools
import random
from collections.abc import Iterator
from pathlib import Path

from benchmarks.outage_script import STEPS, Decides, Kind, Pace
from benchmarks.real_runs import Watched, watch
from benchmarks.scoring import Score
from benchmarks.sections import Column, Figures, Form, Row, Rule, Section, Tally, Want
from benchmarks.truth import hard_outages

RATES = (50, 200)
LATENCIES_MS = (30, 100)
KINDS = (Kind.REFUSE, Kind.RESET, Kind.BLACK_HOLE)
"""By turns: an answer of 503, a connection that is cut, one that hangs."""
QUICK = (50, 100, Decides.END)
OUTAGES, OUTAGES_QUICK = 9, 3
TOGETHER_MIN, ROW_MIN = 0.93, 0.90


def _row(rate: int, latency_ms: int, decides: Decides) -> Row:
    wants = [
        Want("each outage is found, alone", "found", Rule.SHARE_MIN, ROW_MIN),
        Want("the onset's interval holds it", "onset held", Rule.SHARE_MIN, ROW_MIN),
        Want("the recovery's interval holds it", "recovery held", Rule.SHARE_MIN, ROW_MIN),
    ]
    return Row(
        cells=(f"{rate}/s", f"{latency_ms} ms", f"at {_the(decides)}"),
        arguments=(rate, latency_ms, decides),
        wants=tuple(wants),
        quick=(rate, latency_ms, decides) == QUICK,
    )


def _the(decides: Decides) -> str:
    return "arrival" if decides is Decides.ARRIVAL else "the end"


SECTION = Section(
    name="paced",
    title="Edges met in flight, real",
    text=(
        "Real runs against the scripted target, every step of which takes the latency given and"
        " decides at arrival or at the end. In each run outages of 0.9 to 1.4 s: 503, cut, hung,"
        " by turns. So few edges a row are compared with 90 % beyond chance only."
    ),
    head=("rate", "latency", "decides"),
    columns=(
        Column("found", "found"),
        Column("onset", "onset error", Form.ERROR),
        Column("width", "onset width", Form.MEDIAN),
        Column("holds", "onset held"),
        Column("recovery", "recovery error", Form.ERROR),
        Column("width", "recovery width", Form.MEDIAN),
        Column("holds", "recovery held"),
    ),
    rows=tuple(itertools.starmap(_row, itertools.product(RATES, LATENCIES_MS, Decides))),
    together=(
        Want("the onset's interval holds it", "onset held", Rule.SHARE_MIN, TOGETHER_MIN),
        Want("the recovery's interval holds it", "recovery held", Rule.SHARE_MIN, TOGETHER_MIN),
    ),
    few=True,
)


def watched(rows: list[Tally], folder: Path, seed: int, *, quick: bool) -> Iterator[Watched]:
    """Make the run of each row, fill the rows with what was measured, and yield what else was."""
    for number, tally in enumerate(rows):
        rate, latency_ms, decides = tally.row.arguments
        chance = random.Random(f"{seed}/{tally.name}")
        stretches = hard_outages(OUTAGES_QUICK if quick else OUTAGES, chance, KINDS)
        pace = Pace(dict.fromkeys(STEPS, latency_ms / 1e3), decides)
        place = folder / f"paced-{number}"
        found = watch(stretches, rate, place, seed + number, plain=True, pace=pace)
        tally.add(figures_of(score) for score in found.scores)
        yield found


def figures_of(score: Score) -> Figures:
    """One trouble as the figures of a row; all but ``found`` are None if it was not found."""
    return {
        "found": score.found,
        "onset held": score.onset_held,
        "onset error": score.onset_error_s,
        "onset width": score.onset_width_s,
        "recovery held": score.recovery_held,
        "recovery error": score.recovery_error_s,
        "recovery width": score.recovery_width_s,
    }
