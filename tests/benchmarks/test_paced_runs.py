"""Real runs against a service that takes its time: what becomes of their scores."""

import random
from collections import Counter
from pathlib import Path

import pytest

from benchmarks import paced_runs
from benchmarks.outage_script import Decides, Pace, Stretch
from benchmarks.paced_runs import KINDS, SECTION, figures_of, watched
from benchmarks.real_runs import Watched
from benchmarks.scoring import Score
from benchmarks.sections import chosen
from benchmarks.target_log import Count
from benchmarks.truth import hard_outages


def test_each_row_is_one_run_at_its_pace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The quick row's run: its rate and rule, every step as slow, and every kind of outage once."""
    seen: list[tuple[int, Pace | None, Counter[str]]] = []

    def watch(
        stretches: list[Stretch], rate: int, *_: object, plain: bool, pace: Pace | None
    ) -> Watched:
        assert plain
        seen.append((rate, pace, Counter(str(stretch.kind) for stretch in stretches)))
        found = Score(
            "hard outage", found=True, onset_held=True, recovery_held=False, recovery_width_s=0.1
        )
        lost = Score("hard outage", found=False)
        return Watched([found, lost], 0, Count(1, 1, 0, 0, 0, 1), (0, 0))

    monkeypatch.setattr(paced_runs, "watch", watch)
    rows = chosen([SECTION], quick=True)
    assert [w.false_alarms for w in watched(rows, tmp_path, 1, quick=True)] == [0]
    (row,) = rows
    latency_s = {"log_in": 0.1, "credit_line": 0.1, "borrow": 0.1}

    assert seen == [(50, Pace(latency_s, Decides.END), Counter({str(k): 1 for k in KINDS}))]
    assert row.repeats == 2
    assert row.figures["found"] == [1, 0]
    assert row.figures["onset held"] == [1]
    assert row.figures["recovery held"] == [0]
    assert row.figures["onset width"] == []
    assert row.figures["recovery width"] == [0.1]


def test_whatever_is_shown_or_wanted_is_a_figure() -> None:
    """Columns and limits name figures that a score has."""
    known = set(figures_of(Score("x", found=False)))

    assert {column.figure for column in SECTION.columns} <= known
    assert {want.figure for row in SECTION.rows for want in row.wants} <= known
    assert len({stretch.kind for stretch in hard_outages(9, random.Random(1), KINDS)}) == 3
