"""Real runs that were stored once come to the very verdict that was stored with them.

``pass`` is a partition of a tuned service, ``fail`` three faults on one with two planted defects,
``inconclusive`` two kills under a load that is too small to decide. A change of the verdict on
purpose, a text for example, has them judged and packed again in the same commit.
"""

import tarfile
from pathlib import Path

import pytest

from harness.history.reader import read_facts
from harness.history.run_directory import RunDirectory
from harness.verdict.judge import judge
from harness.verdict.types import to_json

HERE = Path(__file__).parent / "stored_runs"


@pytest.mark.parametrize("verdict", ["pass", "fail", "inconclusive"])
def test_is_judged_byte_for_byte_as_before(verdict: str, tmp_path: Path) -> None:
    """Whatever is moved, merged or made faster."""
    with tarfile.open(HERE / f"{verdict}.tar.xz") as packed:
        packed.extractall(tmp_path, filter="data")
    (path,) = tmp_path.iterdir()
    run = RunDirectory(path)
    plan = run.read_plan()

    judged = to_json(judge(plan, read_facts(run, plan)))

    stored = (path / "verdict.json").read_text(encoding="utf-8")
    assert f'"verdict": "{verdict}"' in stored
    assert judged == stored
