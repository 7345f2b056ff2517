"""A run that cannot even begin."""

from pathlib import Path
from types import SimpleNamespace

import pytest

from harness.load.crew import Crew
from harness.load.progress import Progress
from harness.load.run import Order, Run
from tests.builders import plan_of


def test_no_place_for_what_is_written_down(
    tmp_path: Path, capfd: pytest.CaptureFixture[str]
) -> None:
    """It may have gone since the options were read: of the environment, and no bug of ours."""
    (tmp_path / "runs").write_text("")
    order = Order(plan_of(), tmp_path / "runs", tmp_path, None, [], "no.module", 0.0)
    run = Run(order, Crew(SimpleNamespace()), Progress(), lambda: None)

    run._tell()

    assert run.exit_code == 3
    assert f"{tmp_path}/runs/" in (said := capfd.readouterr().err)
    assert "cannot be written: Not a directory" in said
