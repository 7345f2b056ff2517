"""Leaving out fault after fault, with a runner that only pretends to run."""

import itertools
import json
import shlex
from collections.abc import Callable, Iterable

import pytest

from harness.core.documents import text_of
from harness.core.exit_codes import ExitCode
from harness.plan.plan import Objectives
from harness.run.shrink import ShrinkTrial, Shrunk, again, failure_codes, render, shrink
from harness.verdict.judge import judge
from tests.builders import CUT, cut_run, plan_of

ALL = ("1-latency", "2-partition", "3-kill", "4-freeze")


class Runner:
    """Runs whatever it is asked for; ``verdict`` says what comes of a set of faults."""

    def __init__(self, faults: tuple[str, ...], verdict: Callable[[set[str]], ShrinkTrial]) -> None:
        self.asked: list[tuple[str, ...]] = []
        self._faults = faults
        self._verdict = verdict

    def __call__(self, faults: tuple[str, ...] | None) -> ShrinkTrial:
        """One trial; each set is run once at most."""
        kept = self._faults if faults is None else faults
        assert kept not in self.asked
        self.asked.append(kept)
        known = self._verdict(set(kept))
        return ShrinkTrial(kept, known.exit_code, f"run-{len(self.asked)}", known.codes)


PASSED = ShrinkTrial((), ExitCode.PASS)
LOST = ShrinkTrial((), ExitCode.FAIL, codes=("lost", "objective_missed:recovery_seconds_max"))
OPEN = ShrinkTrial((), ExitCode.INCONCLUSIVE)


def fails_with(*guilty: str) -> Callable[[set[str]], ShrinkTrial]:
    """A run fails if it has all of these faults."""
    return lambda faults: LOST if set(guilty) <= faults else PASSED


def shrunk(runner: Runner, runs_max: int = 100) -> Shrunk:
    """Shrink a plan of a scenario of that runner."""
    return shrink("mess", 7, runner, runs_max)


@pytest.mark.parametrize(
    "guilty", [g for n in range(5) for g in itertools.combinations(ALL, n)], ids="+".join
)
def test_what_is_left_is_what_is_needed(guilty: tuple[str, ...]) -> None:
    """Every set of guilty faults is found exactly, the empty one included."""
    runner = Runner(ALL, fails_with(*guilty))
    found = shrunk(runner)

    assert found.faults == guilty
    assert found.minimal
    assert found.failure == "lost"


def test_the_result_is_one_minimal_however_the_failure_depends_on_them() -> None:
    """For each of many failure rules: the result fails, and no single fault of it can go."""
    sets = [frozenset(s) for n in range(1, 5) for s in itertools.combinations(ALL, n)]
    for failing in itertools.islice(itertools.combinations(sets, 3), 0, None, 7):
        chosen = {*failing, frozenset(ALL)}

        def verdict(faults: set[str], chosen: Iterable[frozenset[str]] = chosen) -> ShrinkTrial:
            return LOST if frozenset(faults) in chosen else PASSED

        found = shrunk(Runner(ALL, verdict))

        assert frozenset(found.faults) in chosen
        for name in found.faults:
            assert frozenset(found.faults) - {name} not in chosen


def test_a_plan_that_passes_has_nothing_to_shrink() -> None:
    """One run, and it says so."""
    runner = Runner(ALL, fails_with("no such fault"))
    found = shrunk(runner)

    assert found.failure is None
    assert runner.asked == [ALL]
    assert "Nothing to shrink" in render(found, ["lendchaos", "run", "mess"])


def test_another_failure_is_not_the_same() -> None:
    """Without the guilty fault the run fails, too, but by another finding."""
    other = ShrinkTrial((), ExitCode.FAIL, codes=("objective_missed:latency_ms_p99_max",))
    runner = Runner(ALL, lambda faults: LOST if "3-kill" in faults else other)
    found = shrunk(runner)

    assert found.faults == ("3-kill",)
    assert "failed otherwise: objective_missed:latency_ms_p99_max" in render(found, ["x"])


def test_the_same_failure_beside_another_one_counts() -> None:
    """What is looked for need not be the first finding of a smaller run."""
    both = ShrinkTrial((), ExitCode.FAIL, codes=("corrupt", "lost"))
    runner = Runner(ALL, lambda faults: LOST if faults == set(ALL) else both)

    assert shrunk(runner).faults == ()


def test_an_undecided_run_counts_as_not_failed_and_is_told() -> None:
    """The fault stays, and the reader knows that it might not be needed."""
    runner = Runner(("1-latency", "2-kill"), lambda f: LOST if len(f) == 2 else OPEN)
    found = shrunk(runner)
    text = render(found, ["x"])

    assert found.faults == ("1-latency", "2-kill")
    assert "undecided (exit code 3), counts as not failed" in text
    assert "fewer may do" in text
    assert "without 1-latency, without 2-kill; fewer may do" in text
    assert "needed" not in text


def test_an_undecided_run_on_the_way_leaves_no_doubt() -> None:
    """What is left was tried without each of its faults, and passed."""
    open_ = {*ALL} - {"1-latency"}
    runner = Runner(ALL, lambda f: OPEN if f == open_ else fails_with("3-kill")(f))
    text = render(shrunk(runner), ["x"])

    assert "undecided (exit code 3)" in text
    assert "Of 4 faults 1 is needed for lost: 3-kill." in text
    assert "fewer may do" not in text


def test_runs_are_bounded() -> None:
    """What was found by then is told, and that it may not be minimal."""
    runner = Runner(ALL, fails_with("3-kill"))
    found = shrunk(runner, runs_max=2)

    assert len(runner.asked) == 2
    assert found.faults == ("2-partition", "3-kill", "4-freeze")
    assert not found.minimal
    text = render(found, ["x"])
    assert "With 3 of 4 faults it fails (lost): 2-partition, 3-kill, 4-freeze.\n" in text
    assert "\nStopped after 2 runs: fewer may do.\n" in text


def test_an_interruption_ends_it() -> None:
    """No further run is begun."""
    stop = ShrinkTrial((), ExitCode.INTERRUPTED)
    runner = Runner(ALL, lambda faults: LOST if faults == set(ALL) else stop)
    found = shrunk(runner)

    assert len(runner.asked) == 2
    assert (found.minimal, found.stopped) == (False, "interrupted")
    told = (
        f"With all of its faults it fails (lost): {', '.join(ALL)}.\nInterrupted: fewer may do.\n"
    )
    assert f"\n\n{told}again " in render(found, ["x"])


def test_the_last_line_runs_it_again() -> None:
    """With the same seed and only what is left; a shell reads it back as it is."""
    found = shrunk(Runner(ALL, fails_with("2-partition", "3-kill")))
    line = again(["lendchaos", "run", "my mess.py", "--rate", "20"], found)

    assert shlex.split(line) == [
        *("lendchaos", "run", "my mess.py", "--rate", "20"),
        *("--seed", "7", "--only-faults", "2-partition,3-kill"),
    ]
    assert line in render(found, ["lendchaos", "run", "my mess.py", "--rate", "20"])


def test_no_fault_at_all_can_be_run_again_too() -> None:
    """The word for an empty choice."""
    found = shrunk(Runner(ALL, fails_with()))

    assert again(["x"], found).endswith("--only-faults none")
    assert "without any fault" in render(found, ["x"])


def test_every_trial_is_kept_with_its_directory() -> None:
    """For programs: which faults, how it ended, where it lies."""
    body = json.loads(text_of(shrunk(Runner(ALL[:2], fails_with("2-partition")))))

    assert [(row["faults"], row["result"], row["directory"]) for row in body["trials"]] == [
        (["1-latency", "2-partition"], "failed", "run-1"),
        (["2-partition"], "failed", "run-2"),
        ([], "passed", "run-3"),
    ]


def test_objectives_are_told_apart() -> None:
    """Missing another limit is another failure."""
    plan = plan_of(CUT, objectives=Objectives(recovery_seconds_max=2))

    assert failure_codes(judge(*cut_run(plan, end_s=17.0))) == (
        "objective_missed:recovery_seconds_max",
    )
    assert failure_codes(judge(*cut_run(plan))) == ()
