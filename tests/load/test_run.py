"""A run that cannot even begin, and what is said of one that goes on."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.apps.locust.controller import Run
from harness.apps.locust.progress import Progress
from harness.load.load_process import LoadWorkers
from tests.builders import CUT, plan_of


def made_run(folder: Path) -> Run:
    """One with a fault, of which nothing has begun."""
    options = SimpleNamespace(runs_dir=folder / "runs", state_dir=folder, spawn_rate=None)
    return Run(plan_of(CUT), None, LoadWorkers(SimpleNamespace(parsed_options=options)), Progress())


def test_no_place_for_what_is_written_down(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It may have gone since the options were read: of the environment, and no bug of ours."""
    (tmp_path / "runs").write_text("")
    run = made_run(tmp_path)

    run.tell()

    assert run.exit_code == 3
    assert f"{tmp_path}/runs/" in (said := capfd.readouterr().err)
    assert "cannot be written: Not a directory" in said
    assert [fault["state"] for fault in run.live.board.shown(None)] == ["not injected"]


def test_a_trouble_stays_among_what_happened(tmp_path: Path) -> None:
    """The line of the run says something else a moment later."""
    run = made_run(tmp_path)
    run.record_error("load process 2 is gone")
    run.record_error("load process 2 is gone")

    assert [text for _, text in run.live.board.events] == ["load process 2 is gone"]
