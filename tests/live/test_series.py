"""Several real runs together, limits from a file, and a real run of which something is gone."""

import json
import random
import shutil
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.apps.cli import app
from harness.stack import Stack, load_state
from tests.live.conftest import BRIEF, RATE, Run
from tests.live.test_commands import lendchaos

pytestmark = pytest.mark.live

STRICT = "version: 1\ndefaults: {runs: 3}\nobjectives: {latency_ms_p99_max: 0.1ms}\n"


def series(runs: Path) -> dict[str, object]:
    """The one series.json."""
    (path,) = runs.glob("series-*/series.json")
    return dict(json.loads(path.read_bytes()))


@pytest.mark.long
def test_two_runs_on_one_stack(stack: Stack, tmp_path: Path) -> None:
    """Both are made, shown and kept; short options of Locust go through.

    Each reconciles its own borrowers only: no loan of the other is an orphan.
    """
    runs = tmp_path / "runs"
    options = (f"--state-dir={stack.state_dir}", f"--runs-dir={runs}")
    # Eight seconds in all: BRIEF stretches no phase.
    short = [word for word in BRIEF if not word.startswith("--rate")]
    done = lendchaos("run", "baseline", "-u", str(RATE), "--runs", "2", *options, *short)

    assert done.returncode == 0, done.stdout + done.stderr
    body = series(runs)
    assert (body["verdict"], body["asked"], body["stopped"]) == ("pass", 2, None)
    assert "PASS  baseline, 2 of 2 runs" in done.stdout
    assert "with 75.0 % confidence" in done.stdout
    plans = [json.loads(path.read_bytes()) for path in runs.glob("baseline-*/plan.json")]
    assert sorted(plan["settings"]["seed"] for plan in plans) == [7, 8]
    for path in runs.glob("baseline-*/verdict.json"):
        reconciled = json.loads(path.read_bytes())["reconciliation"]
        assert (reconciled["ledger_read"], reconciled["orphan"]) == (True, 0)
    assert load_state(stack.state_dir) is not None


@pytest.mark.long
def test_a_limit_that_cannot_be_met_ends_the_series(stack: Stack, tmp_path: Path) -> None:
    """One run of three is enough to know; its plan says which line asked for it."""
    runs, strict = tmp_path / "runs", tmp_path / "strict.yaml"
    strict.write_text(STRICT)
    options = (f"--state-dir={stack.state_dir}", f"--runs-dir={runs}", *BRIEF)
    done = lendchaos("run", "baseline", "--objectives", str(strict), *options)

    assert done.returncode == 1, done.stdout + done.stderr
    body = series(runs)
    assert body["verdict"] == "fail"
    assert "latency_ms_p99_max is missed by more than 2 times its limit" in str(body["stopped"])
    (plan,) = [json.loads(path.read_bytes()) for path in runs.glob("baseline-*/plan.json")]
    assert plan["objective_sources"] == {
        "failed_share_max": "scenario file",
        "impaired_episodes_max": "scenario file",
        "latency_ms_p99_max": "strict.yaml:3",
    }


def test_bad_objectives_start_nothing(tmp_path: Path) -> None:
    """Neither a stack nor a run directory; under bare Locust either."""
    bad = tmp_path / "bad.yaml"
    bad.write_text("version: 1\nobjectives: {recovery_seconds_max: ten, lost: 0}\n")
    done = lendchaos(
        *("run", "baseline", "--objectives", str(bad)),
        *(f"--state-dir={tmp_path / 'state'}", f"--runs-dir={tmp_path / 'runs'}"),
    )

    assert done.returncode == 2
    assert "line 2, column 36" in done.stderr
    assert "lost is not set here" in done.stderr
    assert not (tmp_path / "runs").exists()
    assert not (tmp_path / "state").exists()


@pytest.mark.parametrize("kind", ["baseline", "partition"])
def test_a_real_run_cut_anywhere_is_no_pass(
    kind: str, request: pytest.FixtureRequest, tmp_path: Path
) -> None:
    """Every file of it that is evidence, each at one place; nothing raises."""
    run: Run = request.getfixturevalue(f"{kind}_run")
    chance = random.Random(kind)
    evidence = [p for p in run.path.iterdir() if p.suffix in (".json", ".jsonl")]
    names = sorted(p.name for p in evidence if not p.name.startswith("verdict"))
    assert {"plan.json", "status.json", "events-load-0.jsonl"} <= set(names)
    for name in names:
        copy = tmp_path / name
        shutil.copytree(run.path, copy)
        body = (copy / name).read_bytes()
        (copy / name).write_bytes(body[: chance.randrange(len(body))])
        # In this process: a second's start for each of so many files would be most of the time.
        done = CliRunner().invoke(app, ["judge", str(copy), "--json"], catch_exceptions=False)

        assert done.exit_code == 3, (name, done.stdout, done.stderr)
        if name != "plan.json":
            assert "evidence_damaged" in done.stdout
        shutil.rmtree(copy)


def test_a_real_run_judged_twice_is_the_same(baseline_run: Run, partition_run: Run) -> None:
    """In two processes with another order of sets each."""
    for run in (baseline_run, partition_run):
        said = {
            lendchaos("judge", str(run.path), "--json", PYTHONHASHSEED=seed).stdout
            for seed in ("1", "2")
        }
        assert said == {(run.path / "verdict.json").read_text(encoding="utf-8")}
