"""What decides something is a field of the facts, and of older runs it is read from their words."""

import json
from dataclasses import replace
from pathlib import Path

import pytest

from harness.core.rows import plain
from harness.history.run_directory import RunDirectory
from tests.builders import CUT, facts, plan_of

PLAN = plan_of(CUT, rate=5)


@pytest.fixture
def run(tmp_path: Path) -> RunDirectory:
    """A run of which little more than its status is written down."""
    run = RunDirectory.create(tmp_path / "runs", PLAN)
    run.write_status(facts(PLAN).status)
    return run


def test_a_failed_clean_up_of_an_older_run_is_read_from_its_words(run: RunDirectory) -> None:
    """It had no field for it; everything else that went wrong stays an error."""
    path, known = run.path / "faults.jsonl", facts(PLAN).faults[0]
    for error in ("injection: refused", "clean-up: no such column"):
        row = {"fault": {**plain(known), "proofs": [], "error": error}}
        del row["fault"]["clean_up_error"]
        with path.open("a") as file:
            file.write(json.dumps(row) + "\n")
        fact = run.read_faults([])[known.name]
        assert fact.last_error == error

    assert (fact.error, fact.clean_up_error) == (None, "no such column")
    run.append_fault(fact)
    assert run.read_faults([])[known.name] == fact


def test_what_ended_a_run_is_kept(run: RunDirectory) -> None:
    """A field says it, for whoever decides something by it; of older runs nobody knows."""
    status = run.read_status([])
    assert status.ended_by is None

    run.write_status(replace(status, ended_by="page"))
    assert run.read_status([]).ended_by == "page"
    text = (run.path / "status.json").read_text().replace('"page"', '"somebody"')
    (run.path / "status.json").write_text(text)
    damage: list[str] = []
    assert run.read_status(damage).known is False
    assert "status.json is not readable" in damage[0]
