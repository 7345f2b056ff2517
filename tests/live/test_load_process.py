"""Locust, really started: what it writes down, how it ends, and with which exit code."""

import os
import re
import signal
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.load.schedule import intended_ns
from harness.record import RunDirectory
from tests.live.load_process import PHASES, RATE, SCENARIO, LoadProcesses
from tests.load.target import running_target

pytestmark = pytest.mark.live
SHAPE = """
from locust import LoadTestShape


class Wave(LoadTestShape):
    def tick(self):
        return None
"""
LONG = ("--warm-up=500ms", "--baseline=10s", "--fault=0", "--recovery=5s", f"--rate={RATE}")


@pytest.fixture
def load(tmp_path: Path) -> Iterator[LoadProcesses]:
    """Load processes, and a target that lives as long as they do."""
    with running_target() as target:
        yield LoadProcesses(tmp_path, target)


def wait_for(path_pattern: str, text: str, load: LoadProcesses) -> None:
    """Until a file of the newest run says so."""
    deadline = time.monotonic() + 20
    while time.monotonic() < deadline:
        if any(text in path.read_text() for path in load.runs_dir.glob(path_pattern)):
            return
        time.sleep(0.05)
    pytest.fail(f"{text} did not come")


def alive(group: int) -> list[int]:
    """Processes of a session that have not ended."""
    found = []
    for stat in Path("/proc").glob("[0-9]*/stat"):
        try:
            fields = stat.read_text().rpartition(")")[2].split()
        except OSError:
            continue
        if int(fields[3]) == group and fields[0] != "Z":
            found.append(int(stat.parent.name))
    return found


@pytest.mark.parametrize("options", [(), ("--processes=2",)], ids=["single", "two workers"])
def test_every_arrival_is_written_down_once(load: LoadProcesses, options: tuple[str, ...]) -> None:
    """Plan, event files, target and Locust's own reports agree, whoever sent the load."""
    reports = (f"--html={load.folder}/locust.html", f"--csv={load.folder}/locust")
    code, output = load.run(*PHASES, *options, *reports, f"--rate={RATE}", "--seed=5")

    assert code == 0, output
    operations = load.rows("operation")
    assert sorted(o["arrival"] for o in operations) == list(range(load.planned()))
    assert load.planned() == RATE * 2.5
    assert {o["outcome"] for o in operations} == {"approved"}
    assert {o["key"] for o in operations} == set(load.target.keys)
    assert set(load.target.keys.values()) == {1}
    assert len(load.rows("attempt")) == sum(load.target.calls.values())
    assert len(load.rows("sent")) == len(operations)
    assert {o["worker"] for o in operations} == {f"load-{i}" for i in range(1 + len(options))}
    csv = (load.folder / "locust_stats.csv").read_text()
    assert f"POST,/v1/loans,{load.planned()},0," in csv
    assert (load.folder / "locust.html").stat().st_size > 0
    assert "summary: pass" in output


def test_arrivals_start_on_time(load: LoadProcesses) -> None:
    """Every row carries the planned start, and nothing began before it or far behind."""
    code, output = load.run(*PHASES, f"--rate={RATE}")

    assert code == 0, output
    begin, drained = load.received()
    plan = RunDirectory(load.latest).read_plan()
    planned = {a.index: intended_ns(a, begin["zero_ns"]) for a in plan.arrivals}
    for operation in load.rows("operation"):
        assert operation["intended_ns"] == planned[operation["arrival"]]
        assert 0 <= operation["started_ns"] - operation["intended_ns"] < 0.2 * 1e9
    assert drained["load_ended_ns"] == begin["zero_ns"] + round(plan.load_end_s * 1e9)
    assert (drained["interrupted"], drained["troubles"]) == (False, [])
    assert plan.hypothesis == "all is well."


@pytest.mark.parametrize("options", [(), ("--processes=2",)], ids=["single", "two workers"])
@pytest.mark.parametrize("number", [signal.SIGINT, signal.SIGTERM])
def test_interrupted(load: LoadProcesses, number: signal.Signals, options: tuple[str, ...]) -> None:
    """Sent to the whole terminal group: drained, judged, 130, every arrival until then counted."""
    with load.started("--headless", "--only-summary", *LONG, *options) as process:
        wait_for("latest/events-*.jsonl", '"operation"', load)
        time.sleep(0.5)
        os.killpg(process.pid, number)
        output, _ = process.communicate(timeout=20)

        assert process.returncode == 130, output
        assert alive(process.pid) == []
    begin, interrupt, drained = load.received()
    assert interrupt == {"type": "interrupt"}
    assert drained["interrupted"] is True
    plan = RunDirectory(load.latest).read_plan()
    ended_ns = drained["load_ended_ns"]
    due = {a.index for a in plan.arrivals if intended_ns(a, begin["zero_ns"]) <= ended_ns}
    indices = [o["arrival"] for o in load.rows("operation")]
    assert len(indices) == len(set(indices))
    assert due <= set(indices)
    assert max(indices) - max(due) <= RATE * 0.2
    assert {o["ending"] for o in load.rows("operation")} == {"finished"}


def test_interrupted_while_setting_up(load: LoadProcesses) -> None:
    """The conductor is told at once, and its verdict ends it."""
    with load.started("--headless", *LONG, PROTOCOL_BEHAVIOUR="long") as process:
        wait_for("latest/arguments.json", "[", load)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=10)

    assert process.returncode == 130, output
    assert load.received() == [{"type": "interrupt"}]


def test_a_second_ctrl_c_quits_at_once(load: LoadProcesses) -> None:
    """The conductor sees the end of its file, and nobody is left behind."""
    with load.started("--headless", "--processes=2", *LONG, PROTOCOL_BEHAVIOUR="stuck") as process:
        wait_for("latest/received.jsonl", "begin", load)
        os.killpg(process.pid, signal.SIGINT)
        wait_for("latest/received.jsonl", "drained", load)
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=10)

        assert process.returncode == 130, output
        assert alive(process.pid) == []
    wait_for("latest/received.jsonl", "end_of_file", load)


def test_workers_do_not_outlive_a_killed_master(load: LoadProcesses) -> None:
    """Nor does the conductor wait for it."""
    with load.started("--headless", "--processes=2", *LONG) as process:
        wait_for("latest/events-*.jsonl", '"operation"', load)
        process.kill()
        process.wait()
        wait_for("latest/received.jsonl", "end_of_file", load)

        assert alive(process.pid) == []


def test_the_conductor_dies(load: LoadProcesses) -> None:
    """No verdict: 70, its last words are shown, and what was sent is on disk."""
    code, output = load.run(*LONG, PROTOCOL_BEHAVIOUR="die")

    assert code == 70
    assert "the conductor died without a verdict: the conductor's last words" in output
    operations = load.rows("operation")
    assert 0 < len(operations) < load.planned()
    assert {o["key"] for o in operations} == set(load.target.keys)


def test_the_conductor_fails(load: LoadProcesses) -> None:
    """Its message and its exit code are ours; no load was sent."""
    code, output = load.run(*LONG, PROTOCOL_BEHAVIOUR="fail")

    assert code == 3
    assert "lendchaos: no PostgreSQL is to be found" in output
    assert not load.target.calls


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("-u=5", "--rate=7"), "-u 5 and --rate 7 disagree"),
        (("--baseline=soon", "--retries=x"), "--baseline soon must be .*--retries x must be"),
        (("-t=5s",), "-t 5s is too short"),
        (("--processes=2", "--rate=0"), "rate 0 must be"),
    ],
)
def test_usage_errors(load: LoadProcesses, options: tuple[str, ...], says: str) -> None:
    """Exit 2, one line of ours, and nothing was started."""
    code, output = load.run(*options)

    assert code == 2, output
    ours = [line for line in output.splitlines() if line.startswith("lendchaos:")]
    assert len(ours) == 1
    assert re.search(says, ours[0])
    assert not load.runs_dir.exists()


@pytest.mark.parametrize(
    ("addition", "says"),
    [
        ("class Second(Calm):\n    pass\n", "Calm, Second"),
        (
            SHAPE,
            "load shape Wave",
        ),
    ],
)
def test_locustfiles_that_cannot_be_run(load: LoadProcesses, addition: str, says: str) -> None:
    """Two scenarios in one file, or a shape that would change the planned load."""
    code, output = load.run(scenario=SCENARIO + "\n\n" + addition)

    assert code == 2, output
    assert says in output


@pytest.mark.parametrize(
    ("host_line", "options", "environment", "expected"),
    [
        ("", (), {}, None),
        ("    host = 'http://class:1'\n", (), {}, "http://class:1"),
        ("    host = 'http://class:1'\n", ("--host=http://option:1",), {}, "http://option:1"),
        ("", (), {"LOCUST_HOST": "http://stale:1"}, "http://stale:1"),
    ],
)
def test_the_target_is_told(
    load: LoadProcesses,
    host_line: str,
    options: tuple[str, ...],
    environment: dict[str, str],
    expected: str | None,
) -> None:
    """Command line or environment before the class before the local stack."""
    _, output = load.run(
        *options,
        "--allow-target=a",
        "--allow-target=b",
        scenario=SCENARIO + host_line,
        PROTOCOL_BEHAVIOUR="fail",
        **environment,
    )

    arguments = (load.latest / "arguments.json").read_text()
    host = f'"{expected}"' if expected else "null"
    assert arguments == f'[{host}, ["a", "b"]]'
    assert f"target: {expected or 'the local stack'}" in output
    assert ("LOCUST_HOST" in output) is bool(environment)


def test_progress_for_a_program(load: LoadProcesses) -> None:
    """Whoever started us reads what we do from a pipe, line by line."""
    read_end, write_end = os.pipe()
    command = load.command("--headless", "--only-summary", *PHASES, f"--rate={RATE}")
    environment = {
        **os.environ,
        "PYTHONPATH": str(Path(__file__).parent.parent.parent),
        "PROTOCOL_EDGE": load.target.url,
        "LENDCHAOS_PROGRESS_FD": str(write_end),
    }
    with open(read_end) as progress:  # noqa: PTH123  # a number, not a path
        process = subprocess.run(
            command,
            pass_fds=[write_end],
            env=environment,
            capture_output=True,
            text=True,
            timeout=30,
            check=True,
        )
        os.close(write_end)
        lines = progress.read()

    assert '"phase": "baseline", "at_s": 0.0, "until_s": 1.0' in lines
    assert '"text": "setting up"' in lines
    assert "lendchaos:" not in process.stderr
