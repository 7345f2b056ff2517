"""Evidence that is gone accuses nobody and clears nobody: any of a run's files, any two of them."""

import itertools
import json
import random
import shutil
from collections.abc import Callable
from pathlib import Path

import pytest

from harness.core.errors import HarnessError, UsageError
from harness.history.reader import read_facts
from harness.history.run_directory import RunDirectory
from harness.verdict.judge import judge
from tests.builders import CUT, during, facts, operations, plan_of
from tests.stored import store

FILES = (
    *("accounts.json", "arrivals.jsonl", "events-load-0.jsonl", "faults.jsonl"),
    *("health.jsonl", "ledger.jsonl", "plan.json", "status.json"),
)
PAIRS = 20
"""Of some hundreds."""


def gone(path: Path) -> None:
    """All of it."""
    path.unlink()


def emptied(path: Path) -> None:
    """All of it but its name."""
    path.write_bytes(b"")


def without_end(path: Path) -> None:
    """The second half, from the begin of a line on."""
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join(lines[: len(lines) // 2]))


def without_middle(path: Path) -> None:
    """What comes between its first line and the second half."""
    lines = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(b"".join([*lines[:1], *lines[len(lines) // 2 :]]))


WAYS: tuple[Callable[[Path], None], ...] = (gone, emptied, without_end, without_middle)


@pytest.fixture(scope="module")
def whole(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A good run with something of everything."""
    lengths = {"warm_up_s": 1.0, "baseline_s": 20.0, "fault_s": 5.0, "recovery_s": 20.0}
    plan = plan_of(CUT, rate=8, population="mixed", **lengths)
    known = facts(plan, operations(plan, during(20, 25.3)))
    return store(tmp_path_factory.mktemp("whole"), plan, known).path


def verdict_of(run: Path) -> tuple[str, list[str]]:
    """What judging says, and by which findings; "" where nothing can be judged."""
    directory = RunDirectory(run)
    try:
        plan = directory.read_plan()
        verdict = judge(plan, read_facts(directory, plan))
    except (HarnessError, UsageError):
        return "", []
    return str(verdict.verdict), [found.code for found in verdict.findings]


def test_the_whole_run_passes(whole: Path) -> None:
    """Else nothing would be shown here."""
    assert verdict_of(whole)[0] == "pass"


@pytest.mark.parametrize("state", ["sealed", "without seals", "cut short"])
def test_missing_evidence_neither_accuses_nor_clears(
    state: str, whole: Path, tmp_path: Path
) -> None:
    """Whether there are checksums, somebody took them away, or the run ended before it had any."""
    changed = {"sealed": {}, "without seals": {"seals": {}}}
    changes = changed.get(state, {"seals": {}, "interrupted": True})
    body = json.loads((whole / "status.json").read_bytes()) | changes
    each = list(itertools.product(FILES, WAYS))
    pairs = [(one, two) for one, two in itertools.combinations(each, 2) if one[0] != two[0]]
    chance = random.Random(state)  # reproducible
    run, wrong = tmp_path / "run", []
    for case in (*((one,) for one in each), *chance.sample(pairs, PAIRS)):
        shutil.rmtree(run, ignore_errors=True)
        shutil.copytree(whole, run)
        (run / "status.json").write_text(json.dumps(body, indent=1))
        before = {path.name: path.read_bytes() for path in run.iterdir()}
        for name, spoil in case:
            spoil(run / name)
        after = {path.name: path.read_bytes() for path in run.iterdir()}
        verdict, codes = verdict_of(run)
        if after != before and verdict not in ("inconclusive", ""):
            wrong.append(([(name, spoil.__name__) for name, spoil in case], verdict, codes))

    assert wrong == []
