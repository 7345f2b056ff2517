"""Several faults in one plan, really run: proven, healed, told apart, and shrunk to the guilty."""

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from harness.history.run_directory import RunDirectory
from harness.stack import StackSettings, down, up
from tests.live.conftest import ROOT, SHORT, Runner

pytestmark = pytest.mark.live
SHRINK_SECONDS_MAX = 240
SEED = 9
GUILTY = "3-blocking_migration"

MESS = '''"""Three faults, of which one makes the service tell a lie.

Hypothesis: no one is lent to who must not be.
"""

from harness import Borrower, Load, Objectives, Scenario
from harness.faults import BlockingMigration, Kill, Partition


class Mess(Borrower):
    scenario = Scenario(
        faults=[
            Kill("replica-1", expects_impact=False),
            Partition("bureau", expects_impact=False),
            BlockingMigration("risk_flag", expects_impact=False),
        ],
        load=Load(credit_line_share=0),
        objectives=Objectives(failed_share_max=1),
    )
'''
# Quick runs: nothing is asked of their baseline, so those which do not fail are undecided.
QUICK = (
    *("--rate=30", "--warm-up=300ms", "--baseline=1.6s", "--fault=3s", "--recovery=3s"),
    *("--ledger-settle=1s", "--log-in-share=0.1", "--explore", f"--seed={SEED}"),
)


def test_faults_inside_one_another_are_proven_healed_and_told_apart(runner: Runner) -> None:
    """A partition inside a migration, and a tolerated kill that the command line adds."""
    added = "Kill('replica-1', at='3s', lasts='1s', expects_impact=False)"
    # About 15 borrows wait in the killed replica, and as many outcomes are unknown. Of the 120 of a
    # short fault those are as many as the objective allows, so that chance would decide.
    run = runner("partition_during_migration", *SHORT, "--fault=8s", "--inject", added)

    assert (run.exit_code, run.verdict["verdict"]) == (0, "pass"), run.output
    migration, partition, kill = run.verdict["faults"]
    names = [fault["name"] for fault in (migration, partition, kill)]
    assert names == ["1-blocking_migration", "2-partition", "3-kill"]
    assert [fault["bit"] for fault in (migration, partition, kill)] == [True, True, True]
    assert all(proof.holds for fault in run.facts().faults for proof in fault.proofs)

    (inside,) = partition["overlaps"]
    assert inside["fault"] == "1-blocking_migration"
    assert (inside["start_s"], inside["end_s"]) == (partition["injected_s"], partition["healed_s"])
    assert [o["fault"] for o in migration["overlaps"]] == ["2-partition", "3-kill"]
    assert partition["alone"]["operations"] == 0
    assert partition["together"]["failed"] > 0
    assert "their effects can't be told apart" in partition["proof"][-1]
    assert run.verdict["recovery"]["faults"] == names[:2]  # nobody is to notice the third

    plan = RunDirectory(run.path).read_plan()
    assert plan.settings.added_faults == (added,)
    assert "while bytes vanished on the database link" in run.verdict["sentence"]


def lendchaos(*words: str) -> "subprocess.CompletedProcess[str]":
    """The command line in a process of its own."""
    return subprocess.run(
        [sys.executable, "-m", "harness.apps.cli", *words],
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT)},
        capture_output=True,
        text=True,
        timeout=SHRINK_SECONDS_MAX,
        check=False,
    )


@pytest.mark.long
def test_a_failing_plan_is_shrunk_to_its_guilty_fault(tmp_path: Path) -> None:
    """Of three faults at random places one brings a planted defect out; the last line names it."""
    scenario, state_dir = tmp_path / "mess.py", tmp_path / "state"
    scenario.write_text(MESS)
    folders = ("--runs-dir", str(tmp_path / "runs"), "--state-dir", str(state_dir))
    up(StackSettings(defect="approves_all_when_risk_data_is_missing"), state_dir)
    try:
        done = lendchaos("run", str(scenario), *QUICK, *folders, "--shrink")
    finally:
        down(state_dir)
    (path,) = (tmp_path / "runs").glob("shrink-mess-*/shrink.json")
    body: dict[str, Any] = json.loads(path.read_text())

    assert done.returncode == 1, done.stdout + done.stderr
    assert body["failure"] == "invariant_violated", done.stdout
    assert (body["faults"], body["minimal"]) == ([GUILTY], True), done.stdout
    assert f"--seed {SEED} --only-faults {GUILTY}" in done.stdout
    trials = body["trials"]
    assert trials[0]["faults"] == ["1-kill", "2-partition", GUILTY]
    assert trials[-1]["result"] in ("passed", "undecided")
    places = set()
    for trial in trials:
        plan = RunDirectory(tmp_path / "runs" / trial["directory"]).read_plan()
        assert [fault.name for fault in plan.faults] == trial["faults"]
        places |= {f.inject_s for f in plan.faults if f.name == GUILTY}
    assert len(places) == 1
