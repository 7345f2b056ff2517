"""Runs that an earlier version stored are judged as that version judged them, byte for byte."""

import tarfile
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest

from harness.history.reader import read_facts
from harness.history.run_directory import RunDirectory
from harness.report.write_report import figures
from harness.verdict.judge import judge
from harness.verdict.types import from_json
from tests.cli.processes import lendchaos

FOLDER = Path(__file__).parent / "data" / "stored_runs"
RUNS = sorted(path.name.partition(".")[0] for path in FOLDER.iterdir())
VERDICTS = {"database_migration": "inconclusive", "network_partition": "pass"}
VERDICTS["server_failure"] = "fail"


def unpacked(name: str, folder: Path) -> RunDirectory:
    """A stored run, without its page and its picture."""
    with tarfile.open(FOLDER / f"{name}.tar.gz") as archive:
        archive.extractall(folder, filter="data")
    (path,) = folder.iterdir()
    return RunDirectory(path)


def judged_again(run: RunDirectory, *, lose: int = 0) -> str:
    """``verdict.json`` as it is now; ``lose`` leaves so many operations out."""
    plan = run.read_plan()
    facts = read_facts(run, plan)
    facts = replace(facts, operations=facts.operations.take(np.arange(lose, len(facts.operations))))
    stored = from_json((run.path / "verdict.json").read_bytes())
    return figures(replace(judge(plan, facts), judged_by=stored.judged_by))


@pytest.mark.parametrize("name", RUNS)
def test_a_stored_run_is_judged_as_before(name: str, tmp_path: Path) -> None:
    """Whatever moved since: a pass, a run with too little evidence, and one that lost money."""
    run = unpacked(name, tmp_path)
    before = (run.path / "verdict.json").read_text(encoding="utf-8")

    assert judged_again(run) == before
    assert from_json(before).verdict == VERDICTS[name]


def test_the_commands_read_it_as_well(tmp_path: Path) -> None:
    """Its plan is of an older version, which knew the classes of faults."""
    run = unpacked("network_partition", tmp_path)
    for words in (["judge"], ["report"], ["compare", str(run.path)]):
        done = lendchaos(*words, str(run.path), cwd=tmp_path)

        assert done.returncode == 0, done.stdout + done.stderr


def test_the_comparison_can_fail(tmp_path: Path) -> None:
    """Of a run that lost a few of its rows, another verdict is written."""
    run = unpacked("network_partition", tmp_path)

    assert judged_again(run, lose=3) != (run.path / "verdict.json").read_text(encoding="utf-8")
