"""Whatever is killed in mid-run: healed and told honestly; and that the check can fail."""

import dataclasses
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.kill_matrix import plan
from benchmarks.kill_matrix.broken import broken
from benchmarks.kill_matrix.trial import run_trial
from harness.faults import BlockingMigration
from harness.faults.heal.guardian_protocol import FROM_GUARDIAN, GuardianReady
from harness.faults.registry import injector_for
from harness.stack import StackSettings, down, up
from tests.builders import planned_fault

pytestmark = pytest.mark.live

SEED = 11
READY = FROM_GUARDIAN.encode(GuardianReady()).decode().strip()
BY_NOBODY = f'''"""Planted by a test: a guardian that stands by and does nothing."""
import sys, time

if "harness.faults.heal.guardian" in sys.orig_argv and "--once" not in sys.orig_argv:
    print({READY!r}, flush=True)
    time.sleep(12)
    sys.exit(0)
'''


@pytest.fixture(scope="module")
def state_dir(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A stack that is kept up across trials."""
    folder = tmp_path_factory.mktemp("killed")
    up(StackSettings(), folder)
    yield folder
    down(folder)


def sample() -> list[plan.Trial]:
    """The first of a seeded order in which both who could heal die, and one of the stack."""
    every = list(plan.trials(SEED, 165))
    early = [trial for trial in every if trial.moment in (plan.INJECTION, plan.AFTER)]
    ours = next(t for t in early if t.target == plan.BOTH and t.signal == plan.KILL)
    return [ours, next(t for t in every if t.target in plan.OF_THE_STACK)]


def test_a_migration_that_blocks_is_seen_as_broken(state_dir: Path) -> None:
    """By the look-out's own questions; once it is healed, nothing is."""
    stack = up(StackSettings(), state_dir)
    planned = planned_fault("1-blocking_migration", BlockingMigration(), 0.0, 60.0)
    injector = injector_for(planned, stack)
    injector.inject()
    time.sleep(0.4)
    found = broken(stack)
    injector.heal()
    healed = broken(stack)
    injector.clean_up()

    assert found == ["2 sessions of a fault hold or wait for locks"]
    assert healed == []


@pytest.mark.parametrize("trial", sample(), ids=str)
def test_is_healed_and_told_honestly(trial: plan.Trial, state_dir: Path, tmp_path: Path) -> None:
    """A small sample of what `make bench-heal` does at length."""
    result = run_trial(trial, state_dir, tmp_path / "trial")

    assert result.ok, "\n".join(result.problems)


def test_a_guardian_that_does_nothing_is_found(state_dir: Path, tmp_path: Path) -> None:
    """With one that only sleeps, a dead conductor's fault outlasts its three seconds."""
    planted = tmp_path / "planted"
    planted.mkdir()
    (planted / "sitecustomize.py").write_text(BY_NOBODY)
    trial = dataclasses.replace(
        next(plan.trials(SEED, 1)),
        target=plan.CONDUCTOR,
        signal=plan.KILL,
        moment=plan.AFTER,
        faults='Partition("database")',
        phase=0.0,
    )
    path = f"{planted}:{Path(__file__).parents[2]}"

    result = run_trial(trial, state_dir, tmp_path / "trial", {"PYTHONPATH": path})

    assert any("broken for" in problem for problem in result.problems), result
