"""The command line as its users meet it: clear lines, right exit codes, nothing left behind."""

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

from harness.stack import load_state
from tests import faithful
from tests.live.conftest import BRIEF, ROOT, Run, Runner

pytestmark = pytest.mark.live


def lendchaos(
    *words: str, cwd: Path = ROOT, **environment: str
) -> "subprocess.CompletedProcess[str]":
    """Run `lendchaos` and return how it ended."""
    return subprocess.run(
        [sys.executable, "-m", "harness.apps.cli", *words],
        capture_output=True,
        text=True,
        timeout=150,
        check=False,
        cwd=cwd,
        env={**os.environ, "COLUMNS": "200", **environment},
    )


def test_up_run_down(tmp_path: Path) -> None:
    """A stack that is up is used and left up; `down` takes it away, twice without complaint."""
    state = f"--state-dir={tmp_path / 'state'}"
    runs = f"--runs-dir={tmp_path / 'runs'}"

    up = lendchaos("up", state)
    status = lendchaos("status", state, "--json")
    words = ("run", "baseline", state, runs, *BRIEF, "--json", "-q")
    run = faithful.once_more(lambda: lendchaos(*words), tmp_path / "runs")
    still_up = load_state(tmp_path / "state") is not None
    heal = lendchaos("heal", state, "--json")
    down = lendchaos("down", state)
    again = lendchaos("down", state)

    assert [up.returncode, run.returncode, down.returncode, again.returncode] == [0, 0, 0, 0], (
        run.stdout + run.stderr
    )
    assert still_up is True
    assert "is up" in up.stdout
    assert "no stack was up" in again.stdout
    assert load_state(tmp_path / "state") is None
    assert (tmp_path / "runs" / "latest" / "report.html").exists()
    (stack,) = json.loads(status.stdout)["stacks"]
    assert {process["alive"] for process in stack["processes"]} == {True}
    (scenario,) = json.loads(run.stdout)["scenarios"]
    assert (scenario["verdict"], run.stderr) == ("pass", "")
    assert Path(scenario["report"]).samefile(tmp_path / "runs" / "latest" / "report.html")
    (healed,) = json.loads(heal.stdout)["stacks"]
    assert {link["answers"] for link in healed["links"]} == {True}


@pytest.mark.long
def test_a_run_without_a_stack_brings_one_up_and_takes_it_down(tmp_path: Path) -> None:
    """Nothing is up before, nothing is up after."""
    folders = (f"--state-dir={tmp_path / 'state'}", f"--runs-dir={tmp_path / 'runs'}")
    run = faithful.once_more(
        lambda: lendchaos("run", "baseline", *folders, *BRIEF, "--quiet"), tmp_path / "runs"
    )

    assert run.returncode == 0, run.stdout + run.stderr
    assert run.stdout.startswith(" PASS ")
    assert run.stderr == ""
    assert load_state(tmp_path / "state") is None


def test_another_kind_of_service_is_refused_while_one_is_up(runner: Runner) -> None:
    """A stack with other settings is named, with the way to take it down."""
    run = runner("baseline", *BRIEF, "--service=naive")

    assert run.exit_code == 3
    assert "lendchaos down" in run.output
    assert run.path == runner.runs_dir  # there is no new one


def test_a_stored_run_is_judged_again_with_the_same_result(
    partition_run: Run, tmp_path: Path
) -> None:
    """On a copy elsewhere, byte for byte."""
    copy = tmp_path / "elsewhere"
    shutil.copytree(partition_run.path, copy)
    (copy / "verdict.json").unlink()

    judged = lendchaos("judge", str(copy))
    report = lendchaos("report", str(copy))

    assert judged.returncode == partition_run.exit_code
    assert (copy / "verdict.json").read_bytes() == (
        partition_run.path / "verdict.json"
    ).read_bytes()
    assert report.returncode == 0
    assert report.stdout.strip().endswith("report.html")
    assert partition_run.verdict["sentence"] in " ".join(judged.stdout.split())


def test_a_truncated_run_is_read_as_far_as_it_is_whole(baseline_run: Run, tmp_path: Path) -> None:
    """Half an event file: never a pass on what is left."""
    copy = tmp_path / "truncated"
    shutil.copytree(baseline_run.path, copy)
    (events,) = copy.glob("events-*.jsonl")
    events.write_bytes(events.read_bytes()[:-20_001])
    judged = lendchaos("judge", str(copy))

    assert judged.returncode in (1, 3)
    assert json.loads((copy / "verdict.json").read_text())["verdict"] != "pass"


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("run", "no_such_scenario"), "baseline"),
        (("judge", "no/such/run"), "is not a run directory"),
        (("up", "--service=brave"), "tuned, naive"),
        (("run", "network_partition", "--recovery=1s"), "recovery"),
    ],
    ids=lambda value: " ".join(value) if isinstance(value, tuple) else "",
)
def test_bad_input_is_one_clear_line(words: tuple[str, ...], expected: str, tmp_path: Path) -> None:
    """Exit 2, a line that says what would be valid, no traceback, nothing left behind."""
    more = (f"--runs-dir={tmp_path / 'runs'}",) if words[0] == "run" else ()
    done = lendchaos(*words, *more, LENDCHAOS_STATE=str(tmp_path / "state"))

    assert done.returncode == 2, done.stdout + done.stderr
    assert expected in done.stderr + done.stdout
    assert "Traceback" not in done.stderr
    assert load_state(tmp_path / "state") is None


def test_a_missing_binary_is_named_with_the_ways_to_get_it(tmp_path: Path) -> None:
    """Exit 3 and every way listed."""
    done = lendchaos(
        "run",
        "baseline",
        f"--runs-dir={tmp_path / 'runs'}",
        LENDCHAOS_STATE=str(tmp_path / "state"),
        TOXIPROXY_SERVER=str(tmp_path / "nowhere"),
    )

    assert done.returncode == 3
    assert "TOXIPROXY_SERVER" in done.stderr + done.stdout
    assert "Traceback" not in done.stderr


def test_doctor_lists_what_is_found() -> None:
    """A machine that runs these tests has everything."""
    done = lendchaos("doctor")

    assert done.returncode == 0, done.stdout
    assert "Toxiproxy" in done.stdout
    assert "PostgreSQL" in done.stdout


@pytest.mark.parametrize("manner", [(), ("--quiet",)], ids=["", "quiet"])
def test_a_locustfile_without_a_borrower_of_ours_is_no_pass(
    manner: tuple[str, ...], tmp_path: Path
) -> None:
    """Plain Locust would end with 0; without a scenario there is no pass, and it is told."""
    path = tmp_path / "plain.py"
    path.write_text(
        "from locust import User, constant, task\n\n\n"
        "class Plain(User):\n"
        "    wait_time = constant(1)\n\n"
        "    @task\n"
        "    def idle(self):\n"
        "        pass\n"
    )
    done = lendchaos(*manner, "run", str(path), "-t", "1s")

    assert done.returncode == 2
    assert "no scenario in it" in done.stderr
