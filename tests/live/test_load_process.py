"""Locust, really started: what it writes down, how it ends, and with which exit code."""

import json
import os
import re
import resource
import signal
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from harness.core.forwarding import AGAIN_SECONDS
from harness.history.run_directory import RunDirectory
from harness.load.load_protocol import InterruptRun, LoadBegun, LoadDrained
from harness.load.open_loop import intended_ns
from harness.run.progress_messages import PIPE_VARIABLE, PROGRESS, Update
from tests.live.load_process import PHASES, RATE, SCENARIO, LoadProcesses
from tests.load.target import running_target

pytestmark = pytest.mark.live
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


WHOLE = [LoadBegun, InterruptRun, LoadDrained]
"""What the conductor hears of a run that is interrupted."""


@dataclass(frozen=True)
class Finished:
    """A run to its end, with what it printed and told."""

    load: LoadProcesses
    output: str
    progress: str


@pytest.fixture(scope="module")
def single(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Finished]:
    """One quiet run of a single process."""
    with running_target() as target:
        load = LoadProcesses(tmp_path_factory.mktemp("single"), target)
        read_end, write_end = os.pipe()
        environment = {PIPE_VARIABLE: str(write_end)}
        reports = (f"--html={load.folder}/locust.html", f"--csv={load.folder}/locust")
        code, output = load.run(*PHASES, *reports, f"--rate={RATE}", "--seed=5", **environment)
        os.close(write_end)
        with open(read_end) as progress:  # noqa: PTH123  # a number, not a path
            told = progress.read()
        assert code == 0, output
        yield Finished(load, output, told)


def assert_every_arrival_is_written_down_once(load: LoadProcesses, workers: set[str]) -> None:
    """Plan, event files, target and Locust's own reports agree."""
    operations = load.rows("operation")
    assert sorted(o["arrival"] for o in operations) == list(range(load.planned()))
    assert load.planned() == RATE * 2.5
    assert {o["outcome"] for o in operations} == {"approved"}
    assert {o["key"] for o in operations} == set(load.target.keys)
    assert set(load.target.keys.values()) == {1}
    assert len(load.rows("attempt")) == sum(load.target.calls.values())
    assert len(load.rows("sent")) == len(operations)
    assert {o["worker"] for o in operations} == workers
    csv = (load.folder / "locust_stats.csv").read_text()
    assert f"POST,/v1/loans,{load.planned()},0," in csv
    assert (load.folder / "locust.html").stat().st_size > 0


@pytest.mark.alone
def test_one_process_counts_every_arrival_once(single: Finished) -> None:
    """Each is written down, sent and reported exactly once."""
    assert_every_arrival_is_written_down_once(single.load, {"load-0"})
    assert "summary: pass" in single.output


@pytest.mark.alone
def test_two_workers_count_the_same(load: LoadProcesses) -> None:
    """The plan is the same, whoever sends it."""
    reports = (f"--html={load.folder}/locust.html", f"--csv={load.folder}/locust")
    options = ("--processes=2", f"--rate={RATE}", "--seed=5")
    code, output = load.run(*PHASES, *reports, *options)

    assert code == 0, output
    assert_every_arrival_is_written_down_once(load, {"load-0", "load-1"})


@pytest.mark.alone
def test_arrivals_start_on_time(single: Finished) -> None:
    """Every row carries the planned start, and nothing began before it or far behind."""
    begin, drained = single.load.received()
    plan = RunDirectory(single.load.latest).read_plan()
    planned = {a.index: intended_ns(a, begin.clock.zero_ns) for a in plan.arrivals}
    for operation in single.load.rows("operation"):
        assert operation["intended_ns"] == planned[operation["arrival"]]
        assert 0 <= operation["started_ns"] - operation["intended_ns"] < 0.5 * 1e9
    assert drained.load_ended_ns == begin.clock.zero_ns + round(plan.load_end_s * 1e9)
    assert (drained.ended_by, drained.troubles) == (None, ())
    assert plan.hypothesis == "A scenario of a test. Hypothesis: all is well."


@pytest.mark.alone
def test_progress_for_a_program(single: Finished) -> None:
    """Whoever started us reads what we do from a pipe, line by line."""
    told: list[Any] = [PROGRESS.decode(line) for line in single.progress.splitlines()]

    setting_up = next(update for update in told if update.text == "setting up")
    assert setting_up == Update("setting up", run_dir=str(single.load.latest))
    assert [update.text for update in told if update.seed == 5] == [
        f"run {single.load.latest}, seed 5"
    ]
    assert (told[-1].verdict, told[-1].sentence) == ("pass", "It was a pass.")
    phases = [(t.phase, t.at_s, t.until_s) for t in told if t.phase == "baseline"]
    assert phases == [("baseline", 0.0, 1.0)]
    assert "lendchaos:" not in single.output


@pytest.mark.parametrize(
    ("number", "options"), [(signal.SIGINT, ()), (signal.SIGTERM, ("--processes=2",))]
)
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
    assert interrupt == InterruptRun()
    assert drained.ended_by == "hand"
    plan = RunDirectory(load.latest).read_plan()
    ended_ns = drained.load_ended_ns
    due = {a.index for a in plan.arrivals if intended_ns(a, begin.clock.zero_ns) <= ended_ns}
    indices = [o["arrival"] for o in load.rows("operation")]
    assert len(indices) == len(set(indices))
    assert due <= set(indices)
    assert max(indices) - max(due) <= RATE * 0.2
    assert {o["ending"] for o in load.rows("operation")} == {"finished"}


@pytest.mark.alone
@pytest.mark.parametrize("options", [(), ("--processes=2",)], ids=["one", "a_worker"])
def test_paused(load: LoadProcesses, options: tuple[str, ...]) -> None:
    """Told as a stall; what would have been sent too late is dropped, and no burst follows."""
    pause_s = 1.5
    phases = ("--warm-up=500ms", "--baseline=3s", "--fault=0", "--recovery=1s", "--rate=100")
    command = ("--headless", "--only-summary", *phases, *options)
    with load.started(*command) as process:
        wait_for("latest/events-*.jsonl", '"operation"', load)
        time.sleep(0.5)
        (victim, *_) = [pid for pid in alive(process.pid) if not options or pid != process.pid]
        os.kill(victim, signal.SIGSTOP)
        began_ns = time.monotonic_ns()
        time.sleep(pause_s)
        ended_ns = time.monotonic_ns()
        os.kill(victim, signal.SIGCONT)
        output, _ = process.communicate(timeout=20)

    assert process.returncode == 0, output
    stalls = load.received()[-1].stalls
    (stall,) = [each for each in stalls if each.end_ns > ended_ns]
    assert stall.begin_ns <= began_ns
    mine = [o for o in load.rows("operation") if o["worker"] == stall.worker]
    assert len(load.rows("operation")) == load.planned()
    dropped = [o for o in mine if o["ending"] == "dropped"]
    assert len(dropped) >= 0.5 * (pause_s - 0.3) * 100 / (2 if options else 1)
    near = [(each.begin_ns, each.end_ns + 10**9) for each in stalls]
    assert all(any(a <= o["intended_ns"] <= b for a, b in near) for o in dropped)
    late_ns = [o["started_ns"] - o["intended_ns"] for o in mine if o["started_ns"]]
    assert max(late_ns) < 0.6e9


def test_interrupted_while_setting_up(load: LoadProcesses) -> None:
    """The conductor is told at once, and its verdict ends it."""
    with load.started("--headless", *LONG, PROTOCOL_BEHAVIOUR="long") as process:
        wait_for("latest/arguments.json", "[", load)
        time.sleep(0.2)
        process.send_signal(signal.SIGINT)
        output, _ = process.communicate(timeout=10)

    assert process.returncode == 130, output
    assert load.received() == [InterruptRun()]


def test_a_second_ctrl_c_quits_at_once(load: LoadProcesses) -> None:
    """The conductor sees the end of its file, and nobody is left behind."""
    with load.started("--headless", "--processes=2", *LONG, PROTOCOL_BEHAVIOUR="stuck") as process:
        wait_for("latest/received.jsonl", "LoadBegun", load)
        os.killpg(process.pid, signal.SIGINT)
        wait_for("latest/received.jsonl", "LoadDrained", load)
        time.sleep(AGAIN_SECONDS)
        os.killpg(process.pid, signal.SIGINT)
        output, _ = process.communicate(timeout=10)

        assert process.returncode == 130, output
        assert alive(process.pid) == []
    wait_for("latest/received.jsonl", "end_of_file", load)


def test_a_time_limit_tells_twice_and_means_once(load: LoadProcesses) -> None:
    """`timeout` tells the process, and at once its group: that is no second Ctrl-C."""
    with load.started("--headless", *LONG) as process:
        wait_for("latest/events-*.jsonl", '"operation"', load)
        os.kill(process.pid, signal.SIGINT)
        os.killpg(process.pid, signal.SIGTERM)
        output, _ = process.communicate(timeout=20)

    assert process.returncode == 130, output
    assert [type(message) for message in load.received()] == WHOLE


@pytest.mark.parametrize("behaviour", ["normal", "long"])
def test_whoever_started_it_dies(load: LoadProcesses, behaviour: str) -> None:
    """Nobody reads any more what it says: it ends the run in order, as if told to."""
    read_end, write_end = os.pipe()
    environment = {"PROTOCOL_BEHAVIOUR": behaviour, PIPE_VARIABLE: str(write_end)}
    with load.started("--headless", *LONG, **environment) as process:
        os.close(write_end)
        if behaviour == "normal":
            wait_for("latest/events-*.jsonl", '"operation"', load)
        else:
            wait_for("latest/arguments.json", "[", load)
        os.close(read_end)
        output, _ = process.communicate(timeout=20)

    assert process.returncode == 130, output
    told = [type(message) for message in load.received()]
    assert told == (WHOLE if behaviour == "normal" else [InterruptRun])


def test_workers_do_not_outlive_a_killed_master(load: LoadProcesses) -> None:
    """Nor does the conductor wait for it."""
    with load.started("--headless", "--processes=2", *LONG) as process:
        wait_for("latest/events-*.jsonl", '"operation"', load)
        process.kill()
        process.wait()
        wait_for("latest/received.jsonl", "end_of_file", load)
        time.sleep(0.5)

        assert alive(process.pid) == []


def test_the_conductor_dies(load: LoadProcesses) -> None:
    """No verdict: 70, its last words are shown, and what was sent is on disk."""
    code, output = load.run(*LONG, PROTOCOL_BEHAVIOUR="die")

    assert code == 70
    told = "the conductor ended with exit code 9 without a verdict; the end of its log: the cond"
    assert told in output
    operations = load.rows("operation")
    assert 0 < len(operations) < load.planned()
    # A busy machine drops what it cannot send in time; that is written down, too.
    assert {o["key"] for o in operations if o["attempts"]} == set(load.target.keys)


def test_the_conductor_fails(load: LoadProcesses) -> None:
    """Its message and its exit code are ours; no load was sent."""
    code, output = load.run(*LONG, PROTOCOL_BEHAVIOUR="fail")

    assert code == 3
    assert "error: no PostgreSQL is to be found" in output
    assert "Aggregated" not in output  # Locust's tables would all be empty
    assert not load.target.calls


@pytest.mark.parametrize(
    ("options", "says"),
    [
        (("-u=5", "--rate=7"), "-u 5 and --rate 7 disagree"),
        (("--processes=2", "--rate=0"), "rate 0 must be"),
    ],
)
def test_usage_errors(load: LoadProcesses, options: tuple[str, ...], says: str) -> None:
    """Exit 2, one line of ours, and nothing was started."""
    code, output = load.run(*options)

    assert code == 2, output
    ours = [line for line in output.splitlines() if line.startswith("error:")]
    assert len(ours) == 1
    assert re.search(says, ours[0])
    assert not load.runs_dir.exists()


def test_two_scenarios_in_one_file(load: LoadProcesses) -> None:
    """Nobody can say which of them is meant."""
    code, output = load.run(scenario=SCENARIO + "\n\nclass Second(Calm):\n    pass\n")

    assert code == 2, output
    assert "(Calm in calm.py:9, Second in calm.py:13)" in output


@pytest.mark.parametrize(
    ("host_line", "variable", "expected"),
    [
        ("", None, None),
        ("    host = 'http://localhost:{port}'\n", None, "http://localhost:{port}"),
        (
            "    host = 'http://localhost:{port}'\n",
            "http://127.0.0.1:{port}",
            "http://127.0.0.1:{port}",
        ),
    ],
)
def test_the_target_is_told(
    load: LoadProcesses, host_line: str, variable: str | None, expected: str | None
) -> None:
    """Command line or environment before the class before the local stack."""
    port = load.target.url.rpartition(":")[2]
    _, output = load.run(
        "--allow-target=class",
        "--allow-target=old",
        scenario=SCENARIO + host_line.format(port=port),
        PROTOCOL_BEHAVIOUR="fail",
        LENDING_ADMIN_TOKEN="of that target",
        **({"LOCUST_HOST": variable.format(port=port)} if variable else {}),
    )

    arguments = (load.latest / "arguments.json").read_text()
    told = expected and expected.format(port=port)
    assert json.loads(arguments) == [told, ["class", "old"]]
    assert f"target: {told or 'the local stack'}" in output
    assert ("LOCUST_HOST" in output) is bool(variable)


def test_a_disk_that_takes_no_more_ends_the_load_in_order(load: LoadProcesses) -> None:
    """Nobody interrupted it; all that was sent is on record, and no traceback is shown.

    What Locust cannot write at its end takes nothing from the verdict.
    """
    html = f"--html={load.folder}/locust.html"
    with load.started("--headless", "--only-summary", html, *LONG) as process:
        wait_for("latest/events-load-0.jsonl", '"operation"', load)
        size = (load.latest / "events-load-0.jsonl").stat().st_size
        hard = resource.prlimit(process.pid, resource.RLIMIT_FSIZE)[1]
        resource.prlimit(process.pid, resource.RLIMIT_FSIZE, (size + 5_000, hard))
        output, _ = process.communicate(timeout=20)

    (drained,) = [told for told in load.received() if isinstance(told, LoadDrained)]
    assert drained.ended_by == "disk"
    (trouble,) = drained.troubles
    assert trouble.text == "events-load-0.jsonl cannot be written: File too large"
    assert f"lendchaos: {trouble.text}" in output
    assert "Traceback" not in output
    assert (process.returncode, "error: Locust ended in" in output) == (0, True)
    text = (load.latest / "events-load-0.jsonl").read_text()
    assert all(key in text for key in load.target.keys)
