"""The chart in text: where it hurt, and where the fault was."""

from pathlib import Path

from harness.history.run_directory import RunDirectory
from harness.report.sparkline import BINS_MAX, draw, of_run
from harness.verdict.types import Fault
from tests.builders import CUT, cut_run, facts, plan_of
from tests.stored import store


def fault(injected_s: float | None, healed_s: float | None, name: str = "cut") -> Fault:
    """One that acted from here to there."""
    return Fault(name, "database", injected_s, healed_s, bit=True, proof=[])


def test_failures_and_faults_stand_above_each_other() -> None:
    """In the same bins; none is a dot, one is at least the lowest block."""
    lines = draw([0, 1, 8, 16, 0], 0.0, 1.0, [fault(1.5, 3.0)])

    assert lines == [
        "failed borrow requests in each 1 s; at most 16",
        "failed  ·▁▄█·",
        "cut      ▒▒",
        "        0 s 5 s",
    ]


def test_a_fault_that_never_was_is_not_drawn() -> None:
    """And one that was not healed goes on to the end."""
    lines = draw([0] * 4, 0.0, 1.0, [fault(None, None, "never"), fault(2.0, None)])

    assert [line for line in lines if "never" in line] == []
    assert "cut       ▒▒" in lines


def test_a_stored_run_is_drawn(tmp_path: Path) -> None:
    """From its own record: the outage of eleven seconds is where it was."""
    run = store(tmp_path, *cut_run(plan_of(CUT), end_s=19.0))
    _, failed, bar, axis = of_run(run)

    cells = failed.removeprefix("failed").strip()
    assert len(cells) <= BINS_MAX
    assert 20 <= sum(cell != "·" for cell in cells) <= 23
    assert 10 <= bar.count("▒") <= 11
    assert failed.index(cells.strip("·")) == bar.index("▒")
    assert axis.split() == ["-1.5", "s", "28", "s"] or axis.split()[-1] == "s"


def test_a_run_that_cannot_be_read_has_no_chart(tmp_path: Path) -> None:
    """The summary goes without it."""
    run = store(tmp_path, *cut_run(plan_of(CUT)))
    (run.path / "plan.json").write_text("{")

    assert of_run(run) == []
    assert of_run(RunDirectory(tmp_path / "nowhere")) == []


def test_a_run_without_a_failure_has_no_chart(tmp_path: Path) -> None:
    """A row of dots says nothing."""
    plan = plan_of()

    assert of_run(store(tmp_path, plan, facts(plan))) == []
