"""Faults of the user's own, given to `lendchaos run` as those that ship are."""

from pathlib import Path

import pytest

from tests.cli.processes import lendchaos

SCENARIO = (
    "import own\nfrom harness import Borrower, Scenario\n"
    "class Mine(Borrower):\n    scenario = Scenario()\n"
)
OWN_FAULT = """
from dataclasses import dataclass
from harness.faults.network.latency import Latency, LatencyInjector
from harness.faults.registry import register
@dataclass(frozen=True, slots=True)
class Mine(Latency):
    kind = "mine"
register(Mine, LatencyInjector)
"""


@pytest.mark.parametrize(
    ("words", "code", "told"),
    [
        (["--fault-module=own", "--inject=Mine('edge', 50)"], 0, "fault 1-mine: 50 ms more on"),
        (["--inject=Mine('edge', 50)", "--fault-module", "own.py"], 0, "fault 1-mine: 50 ms more"),
        (["mine.py", "--inject=Mine('edge', 50)"], 0, "fault 1-mine: 50 ms more on"),
        (["--fault-module=own", "--inject=Mine('edge', 0)"], 2, "0 must be a whole number from 1"),
        (["--fault-module=own", "--inject=Other()"], 2, "'Other()' is no fault: write one as a"),
        (["--inject=Mine('edge', 50)"], 2, "; one of your own needs --fault-module"),
        (["--fault-module=nope", "--inject=Mine('edge', 50)"], 2, "error: fault module nope: "),
        (["--fault-module=no.py", "--inject=Mine('edge', 50)"], 2, "error: fault module 'no.py'"),
    ],
)
def test_a_fault_of_ones_own_is_given_as_any_other(
    words: list[str], code: int, told: str, tmp_path: Path
) -> None:
    """Its module is known to the load process: by its option, or from the scenario."""
    (tmp_path / "own.py").write_text(OWN_FAULT)
    (tmp_path / "mine.py").write_text(SCENARIO)

    done = lendchaos("run", *words, "--dry-run", cwd=tmp_path)

    assert done.returncode == code, done.stderr
    assert told in (done.stderr if code else done.stdout)
    assert code == 0 or len(done.stderr.splitlines()) == 1
