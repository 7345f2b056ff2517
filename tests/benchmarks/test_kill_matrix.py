"""The kill matrix itself: what it tries, and what it would not let pass."""

import itertools
import os
import subprocess
from pathlib import Path
from typing import cast

import pytest

from benchmarks import heal
from benchmarks.kill_matrix import broken, plan, trial
from benchmarks.kill_matrix.trial import Result, _loses_evidence, _untrue, _watching, _wrong_exit
from harness.stack import Stack

TRIAL = plan.Trial(
    number=1,
    target=plan.CONDUCTOR,
    signal=plan.KILL,
    moment=plan.AFTER,
    faults='Partition("edge")',
    phase=0.5,
    pause_s=1.0,
    seed=1,
)


def of(target: str, signal: str = plan.KILL, moment: str = plan.AFTER) -> plan.Trial:
    """A trial like `TRIAL`, of something else."""
    return plan.Trial(1, target, signal, moment, TRIAL.faults, 0.5, 1.0, 1)


def test_every_combination_comes_before_any_comes_twice() -> None:
    """A hundred trials are a hundred different ones; a seed says which, and in which order."""
    every = [(t.target, t.signal, t.moment) for t in plan.trials(3, 165)]
    strikes = [*itertools.product(plan.TARGETS[:-1], plan.SIGNALS), (plan.TERMINAL, plan.HANG_UP)]

    assert len(set(every)) == 165
    assert set(every) == {(*strike, moment) for strike in strikes for moment in plan.MOMENTS}
    assert list(plan.trials(3, 50)) == list(plan.trials(3, 200))[:50]
    assert list(plan.trials(4, 50)) != list(plan.trials(3, 50))


@pytest.mark.parametrize(
    ("trial", "sealed", "lost"),
    [
        (of(plan.CONDUCTOR), False, True),
        (of(plan.CONDUCTOR, moment=plan.JUDGING), False, True),
        (of(plan.CONDUCTOR, moment=plan.JUDGING), True, False),
        (of(plan.WORKER), True, True),
        (of(plan.WORKER, plan.INT), True, False),
        (of(plan.TOXIPROXY), True, True),
        (of(plan.GUARDIAN), True, False),
        (of(plan.REPLICA), True, False),
    ],
)
def test_which_strikes_lose_evidence(trial: plan.Trial, sealed: bool, lost: bool) -> None:
    """A pass is dishonest after them; a dead guardian or replica takes nothing with it."""
    assert _loses_evidence(trial, sealed=sealed) is lost


@pytest.mark.parametrize(
    ("trial", "verdict", "true"),
    [
        (of(plan.TOXIPROXY), "inconclusive", True),
        (of(plan.TOXIPROXY), "pass", False),
        (of(plan.TOXIPROXY, moment=plan.BEFORE), "fail", False),
        (of(plan.GUARDIAN), "pass", True),
        (of(plan.GUARDIAN), "fail", False),
        (of(plan.POSTGRES), "fail", True),
    ],
)
def test_which_verdicts_are_untrue(trial: plan.Trial, verdict: str, true: bool) -> None:
    """What befalls our own parts neither lets a target pass nor makes it fail."""
    assert (_untrue(trial, verdict, sealed=True) is None) is true


@pytest.mark.parametrize(
    ("trial", "code", "stored", "right"),
    [
        (of(plan.GUARDIAN), 0, {"verdict": "pass", "exit_code": 0}, True),
        (of(plan.GUARDIAN), 0, {"verdict": "inconclusive", "exit_code": 3}, False),
        (of(plan.GUARDIAN), 70, {"verdict": "pass", "exit_code": 0}, False),
        (of(plan.MASTER), -9, {"verdict": "inconclusive", "exit_code": 130}, True),
        (of(plan.MASTER, plan.TERM), 130, {"verdict": "inconclusive", "exit_code": 130}, True),
        (of(plan.MASTER, plan.TERM), 0, {"verdict": "pass", "exit_code": 0}, False),
        (of(plan.CONDUCTOR), 70, {}, True),
        (of(plan.CONDUCTOR), 0, {}, False),
        (of(plan.TERMINAL, plan.HANG_UP), -1, {"verdict": "fail", "exit_code": 1}, False),
    ],
)
def test_which_exit_codes_are_right(
    trial: plan.Trial, code: int, stored: dict[str, object], right: bool
) -> None:
    """Nothing but a pass ends with 0, and a verdict's code is that of the run."""
    assert (_wrong_exit(trial, code, stored) is None) is right


def test_the_table_counts_what_was_not_well() -> None:
    """Of two trials in one cell one failed: it says so, and how long the slowest heal took."""
    results = [
        Result(TRIAL, 0.4, ()),
        Result(TRIAL, 4.2, ("broken",)),
        Result(of("postgres"), 1, ()),
    ]

    lines = heal.table(results).splitlines()

    assert lines[0].split() == ["killed", *" ".join(plan.MOMENTS).split(), "all"]
    assert next(line for line in lines if line.startswith("conductor ")).count("1/2 4.2 s") == 2
    assert next(line for line in lines if line.startswith("all ")).endswith("2/3 4.2 s")


def test_nobody_looking_is_not_nothing_broken(monkeypatch: pytest.MonkeyPatch) -> None:
    """What ends the thread that looks ends the trial."""

    def look(_: Stack) -> tuple[int, list[str]]:
        raise OSError("gone")

    monkeypatch.setattr(trial, "look", look)

    with pytest.raises(OSError, match="gone"), _watching(cast("Stack", None)):
        pass


def test_children_of_a_process_that_ended_are_none() -> None:
    """It may end while it is looked at; one that lives has its children."""
    with subprocess.Popen(["sleep", "60"]) as child:
        try:
            assert child.pid in broken._children(os.getpid())
        finally:
            child.kill()

    assert not Path(f"/proc/{child.pid}").exists()
    assert list(broken._children(child.pid)) == []
