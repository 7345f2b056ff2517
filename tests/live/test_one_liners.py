"""Every line that the catalogue of faults gives to be tried, really run as it stands there."""

import json
import re
import shlex
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.core.exit_codes import ExitCode
from harness.stack import down
from tests import lacking
from tests.live.conftest import BRIEF, ROOT
from tests.live.test_composition import lendchaos

pytestmark = [pytest.mark.live, pytest.mark.long]
PAGE = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
LINES = re.findall(r"^\| `[A-Z].*`lendchaos (run [^`]*--inject [^`]*)`", PAGE, re.MULTILINE)
LONG_ENOUGH = (*BRIEF, "--fault=3s", "--recovery=5s")
NAMESPACES = "--namespaces"
NOT_AS_PROMISED = {"fault_did_not_bite", "not_healed", "unclean_recovery", "invariant_violated"}


@pytest.fixture(scope="module")
def state_dirs(tmp_path_factory: pytest.TempPathFactory) -> dict[bool, Path]:
    """Of the stack that the runs bring up, and of the one in namespaces."""
    return {inside: tmp_path_factory.mktemp("lines") for inside in (False, True)}


@pytest.fixture(scope="module", autouse=True)
def taken_down(state_dirs: dict[bool, Path]) -> Iterator[None]:
    """No stack outlasts the tests."""
    yield
    for state_dir in state_dirs.values():
        down(state_dir)


def test_there_is_a_line_for_most_faults() -> None:
    """The page is read as it is written; what it does not show is in a scenario."""
    assert len(LINES) == 12
    assert any(NAMESPACES in line for line in LINES)


@pytest.mark.parametrize("line", LINES)
def test_it_bites_and_heals(line: str, state_dirs: dict[bool, Path], tmp_path: Path) -> None:
    """The fault is proven, healed, and leaves nothing behind; what it did to borrowers is decided.

    Whether the service bears each of them is the scenarios' question, not this page's.
    """
    words = shlex.split(line)
    if NAMESPACES in words:
        lacking.require_namespaces()
    folders = (
        f"--runs-dir={tmp_path / 'runs'}",
        f"--state-dir={state_dirs[NAMESPACES in words]}",
    )

    done = lendchaos(*words, *LONG_ENOUGH, *folders)

    verdict = json.loads((tmp_path / "runs" / "latest" / "verdict.json").read_bytes())
    (fault,) = verdict["faults"]
    told = {finding["code"] for finding in verdict["findings"]}
    assert (fault["bit"], told & NOT_AS_PROMISED) == (True, set()), done.stdout + done.stderr
    assert done.returncode == verdict["exit_code"] != ExitCode.INCONCLUSIVE, done.stdout
