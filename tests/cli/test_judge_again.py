"""A stored run judged again: the same bytes anywhere, and by other limits beside the first."""

import json
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.cli.conftest import Ended

ROOT = Path(__file__).parent.parent.parent
OLD_PROCESSOR = {
    "NPY_DISABLE_CPU_FEATURES": "X86_V3 X86_V4 AVX512_ICL AVX512_SPR AVX2 FMA3 AVX512F AVX512CD",
    "OPENBLAS_CORETYPE": "Nehalem",
}


def judged_by_a_process(run: Path, **environment: str) -> bytes:
    """What `lendchaos judge --json` prints in a process of its own."""
    done = subprocess.run(
        [sys.executable, "-W", "ignore", "-m", "harness.apps.cli", "judge", str(run), "--json"],
        capture_output=True,
        check=False,
        cwd=ROOT,
        env={**os.environ, "PYTHONPATH": str(ROOT), **environment},
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def contents(folder: Path) -> dict[str, bytes]:
    """Every file of a folder."""
    return {path.name: path.read_bytes() for path in folder.iterdir()}


@pytest.mark.parametrize(
    "environment",
    [{"PYTHONHASHSEED": "1", "TZ": "Asia/Shanghai"}, {"PYTHONHASHSEED": "2", **OLD_PROCESSOR}],
    ids=["another time zone", "an older processor"],
)
def test_the_same_bytes_in_every_process(run: Path, environment: dict[str, str]) -> None:
    """Whatever order sets come in, wherever the clock stands, however sums are taken."""
    assert judged_by_a_process(run, **environment) == (run / "verdict.json").read_bytes()


def test_the_same_bytes_on_a_copy_elsewhere(run: Path, tmp_path: Path) -> None:
    """No path, no clock and no machine gets into a verdict."""
    copy = tmp_path / "some" / "where" / "else"
    shutil.copytree(run, copy)
    before = (run / "verdict.json").read_bytes()
    shutil.rmtree(run)

    assert judged_by_a_process(copy) == before


def test_judging_again_writes_the_same_files(run: Path, lendchaos: Callable[..., Ended]) -> None:
    """The verdict and the evidence, byte for byte."""
    before = contents(run)
    lendchaos("judge", run)
    first = contents(run)
    lendchaos("judge", run)

    assert {name: first[name] for name in before} == before
    assert contents(run) == first


def test_json_prints_the_verdict_and_writes_nothing(
    run: Path, lendchaos: Callable[..., Ended]
) -> None:
    """For a program that asks, and for an archive that may not be changed."""
    before = contents(run)
    done = lendchaos("judge", run, "--json")

    assert done.stdout.encode() == before["verdict.json"]
    assert contents(run) == before


# --- by other objectives -------------------------------------------------------------------------


@pytest.fixture
def strict(tmp_path: Path) -> Path:
    """A limit that the run misses."""
    path = tmp_path / "very strict.yaml"
    path.write_text("version: 1\nobjectives:\n  recovery_seconds_max: 100ms\n")
    return path


def test_other_objectives_are_judged_beside(
    run: Path, strict: Path, lendchaos: Callable[..., Ended]
) -> None:
    """The run's own plan and verdict stay as they are; the new one says what judged it."""
    before = contents(run)
    done = lendchaos("judge", run, "--objectives", strict)

    assert done.exit_code == 1, done.stdout
    after = contents(run)
    assert {name: after[name] for name in before} == before
    added = {"verdict-very-strict.json", "report-very-strict.html", "timeline-very-strict.png"}
    assert set(after) - set(before) == added
    assert "verdict-very-strict.json" in done.stdout

    body = json.loads(after["verdict-very-strict.json"])
    (missed,) = [o for o in body["objectives"] if o["verdict"] == "fail"]
    assert (missed["id"], missed["source"]) == ("recovery_seconds_max", "very strict.yaml:3")
    (remark,) = [f["message"] for f in body["findings"] if f["code"] == "remark"]
    assert remark == (
        "judged again, by very strict.yaml: recovery_seconds_max is 0.1 (very strict.yaml:3) and"
        " was 10"
    )


def test_the_runs_own_verdict_names_its_limits(run: Path) -> None:
    """Where each came from is in the verdict."""
    body = json.loads((run / "verdict.json").read_bytes())

    assert {o["source"] for o in body["objectives"]} == {"built-in default"}


def test_a_stricter_baseline_is_asked_of_a_stored_run(
    run: Path, tmp_path: Path, lendchaos: Callable[..., Ended]
) -> None:
    """Judged, not refused: the run is what it is."""
    path = tmp_path / "gate.yaml"
    path.write_text(
        "version: 1\ndefaults: {on_inconclusive: fail}\nsteady_state: {min_baseline: 60s}\n"
    )
    done = lendchaos("judge", run, "--objectives", path, "--json")
    body = json.loads(done.stdout)

    assert (body["verdict"], body["exit_code"], done.exit_code) == ("inconclusive", 1, 1)
    (found,) = [f for f in body["findings"] if f["code"] == "baseline_not_steady"]
    assert "it lasted 8.0 s, and at least 60 s were asked for" in found["message"]


# --- bad input -----------------------------------------------------------------------------------


def test_bad_objectives_touch_nothing(
    run: Path, tmp_path: Path, lendchaos: Callable[..., Ended]
) -> None:
    """Every mistake in one error, exit 2."""
    path = tmp_path / "bad.yaml"
    path.write_text("version: 1\nobjectives: {recovery_seconds_max: ten, lost: 1}\n")
    before = contents(run)
    done = lendchaos("judge", run, "--objectives", path)

    assert done.exit_code == 2
    assert "bad.yaml has 2 mistakes" in " ".join(done.stderr.split())
    assert contents(run) == before


@pytest.mark.parametrize("words", [("judge", "nowhere"), ("report", "nowhere")])
def test_no_run_directory(
    words: tuple[str, ...], lendchaos: Callable[..., Ended], tmp_path: Path
) -> None:
    """One line, exit 2."""
    done = lendchaos(words[0], tmp_path / words[1])

    assert done.exit_code == 2
    assert "is not a run directory" in " ".join(done.stderr.split())


def test_a_file_is_no_run_directory(run: Path, lendchaos: Callable[..., Ended]) -> None:
    """Its verdict.json, for example."""
    done = lendchaos("judge", run / "verdict.json")

    assert done.exit_code == 2
    assert "is not a run directory" in " ".join(done.stderr.split())


@pytest.mark.parametrize("body", [b"", b"5", b"[]", b"{}", b'{"schema": "lendchaos.verdict/1"}'])
def test_a_report_without_a_readable_verdict(
    body: bytes, run: Path, lendchaos: Callable[..., Ended]
) -> None:
    """It says what makes one."""
    (run / "verdict.json").write_bytes(body)
    done = lendchaos("report", run)

    assert done.exit_code == 2
    assert "lendchaos judge" in " ".join(done.stderr.split())


def test_a_place_that_cannot_be_written(
    run: Path, lendchaos: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The verdict is shown all the same, and is no pass that anybody could read again."""

    def refuse(*_: object) -> None:
        raise PermissionError(13, "Permission denied")

    monkeypatch.setattr("harness.history.run_directory.replace_file", refuse)
    done = lendchaos("judge", run)

    assert done.exit_code == 3
    assert done.stdout.startswith(" PASS ")
    assert "report  " not in done.stdout
    assert "--json" in done.stderr
    assert done.stderr.count("\n") == 1
