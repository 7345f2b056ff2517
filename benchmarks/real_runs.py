"""Real runs: real Locust, real Toxiproxy, a scripted target or the local stack behind it.

Every run is started as its user would start it. What it says is read from its verdict, what is true
from the target's own log.
"""

import contextlib
import csv
import json
import os
import secrets
import signal
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import IO, cast

import numpy as np
from numpy.typing import NDArray

from benchmarks.outage_script import Pace, Script, Stretch
from benchmarks.scoring import Answers, Score, extra, score, spans_of
from benchmarks.target_log import Count, count_failures, on_clock, read_log, travel_s
from benchmarks.truth import LOG_IN_SHARE, SHAPES, TIMEOUT_SECONDS, truths_of
from harness.history.events import Clock
from harness.history.reader import Facts, read_facts
from harness.history.run_directory import RunDirectory
from harness.stack import StackSettings, down, up
from harness.verdict import types as verdicts
from harness.verdict.measure.episodes import impaired
from harness.verdict.measure.samples import samples_of
from harness.verdict.stored_verdict import read_verdict

ROOT = Path(__file__).parent.parent
OWN_SCENARIOS = Path(__file__).parent / "scenarios"
TOKEN_VARIABLE = "LENDING_ADMIN_TOKEN"  # noqa: S105  # a variable's name
WARM_UP_SECONDS = 1.0
BASELINE_SECONDS = 8.0
TAIL_SECONDS = 6.0
BEGIN_SECONDS_MAX = 120.0
OVERHEAD_SECONDS_MAX = 120.0
END_SECONDS_MAX = 10.0
CUT_SHORT = ("safety_stop", "interrupted")
"""Findings of a run that ended before its script did."""


class BenchmarkError(Exception):
    """A run did not come to its end, so there is nothing to measure."""


@dataclass(frozen=True, slots=True)
class Watched:
    """One run on a scripted target."""

    scores: list[Score]
    false_alarms: int
    count: Count
    travel_s: tuple[float, float]


@dataclass(frozen=True, slots=True)
class Quiet:
    """One run in which nothing, or nothing that matters, was broken."""

    passed: bool
    impaired: int
    slow: int
    sentence: str


# --- a run on a scripted target ------------------------------------------------------------------


@contextlib.contextmanager
def scripted_target(log: Path, token: str, lender: str = "") -> Iterator[str]:
    """A target of its own process, with a lender of this name if it has one; its address."""
    named = ["--lender", lender] if lender else []
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.scripted_target", "--log", str(log), *named],
        stdout=subprocess.PIPE,
        text=True,
        cwd=ROOT,
        env={**os.environ, TOKEN_VARIABLE: token},
    )
    try:
        with cast("IO[str]", process.stdout) as said:
            address = said.readline().strip()
        if not address:
            raise BenchmarkError("the scripted target did not start")
        yield address
    finally:
        process.send_signal(signal.SIGTERM)
        with contextlib.suppress(subprocess.TimeoutExpired):
            process.wait(END_SECONDS_MAX)
        process.kill()
        process.wait()


def watch(
    stretches: Sequence[Stretch],
    rate: int,
    folder: Path,
    seed: int,
    *,
    plain: bool,
    pace: Pace | None = None,
) -> Watched:
    """Let a script of outages run under load and compare what was measured with it.

    ``plain`` loads have one request an arrival; others log in now and then, and are declined. The
    target's work takes no time but that of its ``pace``.

    Raises:
        BenchmarkError: the run ended without a verdict, or before its script.
    """
    folder.mkdir(parents=True)
    token = secrets.token_hex(16)
    observed_s = max(stretch.end_s for stretch in stretches) + TAIL_SECONDS
    log = folder / "target.jsonl"
    with scripted_target(log, token) as address:
        options = [
            *(f"--host={address}", f"--rate={rate}", f"--seed={seed}"),
            *(f"--warm-up={WARM_UP_SECONDS}s", f"--baseline={BASELINE_SECONDS}s"),
            *(
                "--fault=0s",
                f"--recovery={observed_s:.1f}s",
                "--ledger-settle=1s",
                f"--csv={folder / 'locust'}",
            ),
            *(f"--request-timeout={TIMEOUT_SECONDS}s", f"--population={_population(plain)}"),
            f"--log-in-share={0 if plain else LOG_IN_SHARE}",
        ]
        process = _start(OWN_SCENARIOS / "watched.py", options, folder, folder / "state", token)
        with _ended(process):
            t0_ns = _zero_ns(folder, process) + round(BASELINE_SECONDS * 1e9)
            _start_script(address, token, Script(stretches, t0_ns, seed, pace))
            _wait(process, BASELINE_SECONDS + observed_s + OVERHEAD_SECONDS_MAX)
    return _compare(folder, log)


def _population(plain: bool) -> str:
    return "good" if plain else "mixed"


def _compare(folder: Path, log: Path) -> Watched:
    run, facts = _read(folder)
    clock = facts.status.clock
    if clock is None:
        raise BenchmarkError(f"the run in {run.path} never began")
    verdict = read_verdict(run)
    refuse_cut_short(verdict, run.path)
    truth = read_log(log)
    truths = truths_of(on_clock(truth, clock))
    episodes = verdict.episodes
    samples = samples_of(facts)
    answers = Answers(
        samples.times_s,
        # What never ended did not end before its deadline.
        np.where(np.isnan(samples.ended_s), samples.times_s + TIMEOUT_SECONDS, samples.ended_s),
        samples.failed,
        _locust_rises(folder, clock),
    )
    scores: list[Score] = []
    alarms = 0
    lateness = {t.label for t in truths if t.shape in SHAPES and SHAPES[t.shape].is_slow}
    for slow in (False, True):
        own = [t for t in truths if (t.label in lateness) is slow]
        spans = spans_of(episodes, slow=slow)
        scores += score(own, spans, None if slow else answers)
        # A stall or a queue makes answers late, too: that is no false alarm.
        alarms += extra(truths if slow else own, spans)
    return Watched(
        scores=scores,
        false_alarms=alarms,
        count=count_failures(truth, facts, _locust_count(folder)),
        travel_s=travel_s(truth, facts),
    )


def refuse_cut_short(verdict: verdicts.Verdict, path: Path) -> None:
    """A run that ended early did not see all of its script: what is missing was not missed.

    Raises:
        BenchmarkError: it did end early.
    """
    for finding in verdict.findings:
        if finding.code in CUT_SHORT:
            raise BenchmarkError(f"the run in {path} did not see all of its script: {finding}")


def _start_script(address: str, token: str, script: Script) -> None:
    body = json.dumps({"t0_ns": script.t0_ns, "script": script.as_json()}).encode()
    request = urllib.request.Request(  # noqa: S310  # our own target
        f"{address}/v1/script/start",
        data=body,
        headers={"X-Admin-Token": token, "Content-Type": "application/json"},
    )
    opener = urllib.request.build_opener(urllib.request.ProxyHandler({}))
    with opener.open(request, timeout=5):
        pass


def _zero_ns(folder: Path, process: subprocess.Popen[bytes]) -> int:
    """Wait until the run has fixed its zero, which lies a little ahead of its first arrival."""
    deadline = time.monotonic() + BEGIN_SECONDS_MAX
    while time.monotonic() < deadline and process.poll() is None:
        for path in folder.glob("runs/*-*/status.json"):
            clock = RunDirectory(path.parent).read_status([]).clock
            if clock is not None:
                return clock.zero_ns
        time.sleep(0.05)
    raise BenchmarkError(f"the run in {folder} did not begin: {_last_words(folder)}")


# --- Locust's own statistics ---------------------------------------------------------------------


def _locust_rises(folder: Path, clock: Clock) -> NDArray[np.float64]:
    """When Locust's history showed more failures than the row before, in seconds on the clock."""
    rises, before = [], 0
    for row in _aggregated(folder / "locust_stats_history.csv"):
        count = int(row["Total Failure Count"])
        if count > before:
            rises.append((int(row["Timestamp"]) * 1e9 - clock.zero_wall_ns) / 1e9)
        before = count
    return np.array(rises, dtype=float)


def _locust_count(folder: Path) -> int | None:
    rows = _aggregated(folder / "locust_stats.csv")
    return int(rows[-1]["Failure Count"]) if rows else None


def _aggregated(path: Path) -> list[dict[str, str]]:
    if not path.exists():
        return []
    with path.open(newline="", encoding="utf-8") as file:
        return [row for row in csv.DictReader(file) if row["Name"] == "Aggregated"]


# --- runs in which nothing should be found -------------------------------------------------------


@contextlib.contextmanager
def local_stack(state_dir: Path) -> Iterator[Path]:
    """The harness's own stack, for several runs."""
    up(StackSettings(), state_dir)
    try:
        yield state_dir
    finally:
        down(state_dir)


def quiet_run(scenario: Path, state_dir: Path, folder: Path, seed: int) -> Quiet:
    """One short run of about ten seconds on a stack that is up.

    Raises:
        BenchmarkError: it ended without a verdict.
    """
    folder.mkdir(parents=True)
    options = [
        *("--rate=50", f"--seed={seed}", f"--warm-up={WARM_UP_SECONDS}s", "--baseline=4s"),
        *("--fault=2s", "--recovery=3s", "--ledger-settle=1s"),
    ]
    process = _start(scenario, options, folder, state_dir, None)
    with _ended(process):
        _wait(process, 10 + OVERHEAD_SECONDS_MAX)
    verdict = read_verdict(_read(folder)[0])
    return Quiet(
        passed=verdict.verdict == verdicts.Judgement.PASS,
        impaired=len(impaired(verdict.episodes)),
        slow=sum(episode.class_ == "slow" for episode in verdict.episodes),
        sentence=verdict.sentence,
    )


# --- processes -----------------------------------------------------------------------------------


def _start(
    scenario: Path, options: list[str], folder: Path, state_dir: Path, token: str | None
) -> subprocess.Popen[bytes]:
    own = {} if token is None else {TOKEN_VARIABLE: token}
    command = [sys.executable, "-m", "locust", "-f", str(scenario), "--headless", "--only-summary"]
    places = ["--runs-dir", str(folder / "runs"), "--state-dir", str(state_dir)]
    with (folder / "locust.log").open("wb") as log:
        return subprocess.Popen(
            [*command, *places, *options],
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            cwd=ROOT,
            env={**os.environ, **own},
        )


@contextlib.contextmanager
def _ended(process: subprocess.Popen[bytes]) -> Iterator[None]:
    """Whatever happens, the load heals and ends; within bounds."""
    try:
        yield
    finally:
        if process.poll() is None:
            process.terminate()
            try:
                process.wait(OVERHEAD_SECONDS_MAX)
            except subprocess.TimeoutExpired:
                process.kill()
                process.wait()


def _wait(process: subprocess.Popen[bytes], seconds: float) -> None:
    try:
        process.wait(seconds)
    except subprocess.TimeoutExpired as error:
        raise BenchmarkError(f"a run did not end within {seconds:.0f} s") from error


def _read(folder: Path) -> tuple[RunDirectory, Facts]:
    paths = list(folder.glob("runs/*-*/verdict.json"))
    if len(paths) != 1:
        raise BenchmarkError(f"no verdict in {folder}: {_last_words(folder)}")
    run = RunDirectory(paths[0].parent)
    return run, read_facts(run, run.read_plan())


def _last_words(folder: Path) -> str:
    return (folder / "locust.log").read_text(encoding="utf-8", errors="replace")[-600:]
