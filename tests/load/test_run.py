"""A run that cannot even begin, and what is said of one that goes on."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.apps.locust.controller import Run, RunOrder
from harness.apps.locust.progress import Progress
from harness.load.workers import Crew
from tests.builders import CUT, plan_of


def made_run(folder: Path) -> Run:
    """One with a fault, of which nothing has begun."""
    order = RunOrder(plan_of(CUT), folder / "runs", folder, None, [], "no.module", 0.0)
    return Run(order, Crew(SimpleNamespace()), Progress(), lambda: None)


def test_no_place_for_what_is_written_down(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It may have gone since the options were read: of the environment, and no bug of ours."""
    (tmp_path / "runs").write_text("")
    run = made_run(tmp_path)

    run._tell()

    assert run.exit_code == 3
    assert f"{tmp_path}/runs/" in (said := capfd.readouterr().err)
    assert "cannot be written: Not a directory" in said
    assert [fault["state"] for fault in run.live.board.shown(None)] == ["not injected"]


def test_a_trouble_stays_among_what_happened(tmp_path: Path) -> None:
    """The line of the run says something else a moment later."""
    run = made_run(tmp_path)
    run.note_trouble("load process 2 is gone")
    run.note_trouble("load process 2 is gone")

    assert [text for _, text in run.live.board.events] == ["load process 2 is gone"]
