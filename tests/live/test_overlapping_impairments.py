"""Several troubles in one run, none of them ours: each is found and named on its own."""

import json
import os
import subprocess
import sys
import time
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
import requests

from tests.live.conftest import ROOT, Run, Runner

pytestmark = [pytest.mark.live, pytest.mark.long]
TOKEN = "only-for-this-test"
LOAD = (
    *("--rate=50", "--warm-up=1s", "--baseline=5s", "--run-time=29s", "--seed=11"),
    "--ledger-settle=1s",
    # Few borrowers who log in each time: those who are locked out come back to a closed door.
    *("--log-in-share=1.0", "--population=good", "--request-timeout=1s"),
)
BEGIN_S = 6.0
OUTAGE, BROWNOUT, LOST = (0.5, 3.5), (3.5, 9.5), (12.0, 12.1)
LOCKED_OUT = 5


def script(accounts: list[str]) -> dict[str, Any]:
    """What goes wrong, in seconds after `BEGIN_S`."""
    troubles: dict[str, tuple[tuple[float, float], dict[str, Any]]] = {
        "outage": (OUTAGE, {"kind": "refuse"}),
        "brownout": (BROWNOUT, {"kind": "refuse", "share": 0.25}),
        "lost": (LOST, {"kind": "forget", "steps": ["borrow"]}),
        "locked out": (
            (0.2, 60.0),
            {
                "kind": "silent",
                "steps": ["log_in"],
                "accounts": accounts[7 :: len(accounts) // LOCKED_OUT],
            },
        ),
    }
    stretches = [
        {"label": label, "start_s": start_s, "end_s": end_s, **what}
        for label, ((start_s, end_s), what) in troubles.items()
    ]
    return {"seed": 4, "stretches": stretches}


@dataclass(frozen=True)
class Scripted:
    """A scripted target that listens."""

    url: str
    log: Path

    def start_script(self, accounts: list[str], t0_ns: int) -> None:
        """Let the script run from a monotonic instant on."""
        requests.post(
            f"{self.url}/v1/script/start",
            json={"script": script(accounts), "t0_ns": t0_ns},
            headers={"X-Admin-Token": TOKEN},
            timeout=5,
        ).raise_for_status()

    def keys(self, label: str) -> set[str]:
        """Keys of the borrows that met the trouble of this label, by the target's own log."""
        rows = [json.loads(line) for line in self.log.read_text().splitlines()]
        return {row["key"] for row in rows if row.get("label") == label and row.get("key")}


@pytest.fixture
def scripted(tmp_path: Path) -> Iterator[Scripted]:
    """The scripted target in a process of its own."""
    log = tmp_path / "target.ndjson"
    process = subprocess.Popen(
        [sys.executable, "-m", "benchmarks.scripted_target", "--log", str(log)],
        cwd=ROOT,
        env={**os.environ, "LENDING_ADMIN_TOKEN": TOKEN},
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout is not None
    yield Scripted(process.stdout.readline().strip(), log)
    process.terminate()
    process.communicate(timeout=10)


@pytest.fixture
def run(scripted: Scripted, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Run:
    """A run without a fault of ours, in which the script goes off after the baseline."""
    monkeypatch.setenv("LENDING_ADMIN_TOKEN", TOKEN)

    def meanwhile(runner: Runner, process: subprocess.Popen[str]) -> None:
        while process.poll() is None:
            for path in runner.runs_dir.glob("*-*/status.json"):
                clock = json.loads(path.read_text()).get("clock")
                if clock:
                    accounts = json.loads(path.with_name("accounts.json").read_text())
                    t0_ns = clock["zero_ns"] + round(BEGIN_S * 1e9)
                    scripted.start_script(list(accounts.values()), t0_ns)
                    return
            time.sleep(0.05)

    runner = Runner(tmp_path / "runs", tmp_path / "no-stack")
    return runner("baseline", *LOAD, "--host", scripted.url, meanwhile=meanwhile)


def finding(run: Run, code: str) -> dict[str, Any]:
    """The one finding of that code."""
    (found,) = [f for f in run.verdict["findings"] if f["code"] == code]
    return dict(found)


def test_each_trouble_is_found_and_named_on_its_own(run: Run, scripted: Scripted) -> None:
    """An outage goes over into a brownout, some users cannot log in, and loans are lost."""
    assert run.exit_code == 1, run.output

    outage, brownout = [e for e in run.verdict["episodes"] if e["class"] != "slow"]
    assert (outage["class"], brownout["class"]) == ("outage", "degraded")
    assert outage["onset_s"] == pytest.approx(BEGIN_S + OUTAGE[0], abs=0.1)
    assert (
        outage["recovered_s"] == brownout["onset_s"] == pytest.approx(BEGIN_S + OUTAGE[1], abs=0.3)
    )
    assert brownout["recovered_s"] == pytest.approx(BEGIN_S + BROWNOUT[1], abs=1.0)

    shut_out = finding(run, "borrowers_shut_out")
    assert shut_out["verdict"] == "fail"
    assert "log in" in shut_out["message"]
    assert shut_out["evidence"]["shut_out"] == pytest.approx(LOCKED_OUT, abs=1)

    lost = finding(run, "lost")
    assert run.verdict["reconciliation"]["lost"] == len(scripted.keys("lost")) > 0
    assert set(lost["evidence"]["examples"]) <= scripted.keys("lost")

    codes = {code for code, severity in run.findings.items() if severity == "fail"}
    assert codes == {"outage", "degraded", "borrowers_shut_out", "lost", "objective_missed"}
