"""The exit code of every command, whatever becomes of its words."""

import json
import subprocess
import sys
from dataclasses import replace
from pathlib import Path

import pytest

from tests.builders import CUT, during, facts, operations, plan_of
from tests.cli.in_streams import CONDITIONS
from tests.cli.processes import ROOT
from tests.stored import store

CODES = {"pass": 0, "fail": 1, "inconclusive": 3}
RUNS = (("fail", "--quiet"), ("pass", "--json"))
SCENARIO = ROOT / "scenarios" / "baseline.py"
WORDS_ONLY = ("report", "compare", "explain")
"""Nothing is decided in them: who does not get their words gets nothing."""
MISSED = {"plain": 0, "ascii": 0, "output closed": 0, "output full": 3, "both unread": 130}


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """A run for each verdict."""
    plan = plan_of(CUT, rate=20)
    known = facts(plan, operations(plan, during(8, 13.3)))
    long = facts(plan, operations(plan, during(3, 19)))
    unread = replace(known, ledger=replace(known.ledger, read=False, complete=False))
    folder = tmp_path_factory.mktemp("stored")
    said = zip(CODES, (known, long, unread), strict=True)
    return {name: store(folder / name, plan, facts_).path for name, facts_ in said}


@pytest.fixture(scope="module")
def codes(stored: dict[str, Path]) -> dict[tuple[str, str], int]:
    """By condition and command."""
    asked = []
    for condition in CONDITIONS:
        for verdict, run in stored.items():
            asked.append((condition, f"judge {verdict}", ["judge", str(run), "--json"]))
        for verdict, option in RUNS:
            words = ["run", str(SCENARIO), option, f"--runs-dir={stored[verdict]}"]
            asked.append((condition, f"run {option}", words))
        run = str(stored["fail"])
        asked.append((condition, "judge, written", ["judge", run]))
        if condition in MISSED:
            asked.append((condition, "report", ["report", run]))
            asked.append((condition, "compare", ["compare", run]))
            asked.append((condition, "explain", ["explain", "not_recovered"]))
        asked.append((condition, "mistake", ["judge", "nowhere"]))
    done = subprocess.run(
        [sys.executable, "-m", "tests.cli.in_streams"],
        input=json.dumps([[condition, words] for condition, _, words in asked]),
        capture_output=True,
        text=True,
        check=True,
        cwd=ROOT,
        timeout=300,
    )
    found = zip(asked, json.loads(done.stdout), strict=True)
    return {(condition, name): code for (condition, name, _), code in found}


@pytest.mark.parametrize("condition", CONDITIONS)
def test_the_verdict_decides_what_a_process_exits_with(
    condition: str, stored: dict[str, Path], codes: dict[tuple[str, str], int]
) -> None:
    """Not whether its words could be written, encoded or read; the same of a mistake."""
    for verdict, code in CODES.items():
        assert json.loads((stored[verdict] / "verdict.json").read_bytes())["verdict"] == verdict
        assert codes[condition, f"judge {verdict}"] == code
    for verdict, option in RUNS:
        assert codes[condition, f"run {option}"] == CODES[verdict]
    assert codes[condition, "judge, written"] == 1
    assert codes[condition, "mistake"] == 2


@pytest.mark.parametrize("condition", MISSED)
@pytest.mark.parametrize("command", WORDS_ONLY)
def test_words_that_were_to_be_all_are_missed(
    command: str, condition: str, codes: dict[tuple[str, str], int]
) -> None:
    """A pipe that is not read any more is an interruption, a full disk is the environment's."""
    assert codes[condition, command] == MISSED[condition]
