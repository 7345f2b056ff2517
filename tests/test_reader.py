"""A run is parsed once: again only what changed since."""

from dataclasses import replace
from pathlib import Path

import pytest

from harness.history import reader
from harness.history.reader import RunReader, read_facts
from harness.history.run_directory import RunDirectory
from harness.plan.plan import Plan
from tests import builders, stored


@pytest.fixture
def plan() -> Plan:
    """A short run without a fault."""
    return builders.plan_of(rate=5)


@pytest.fixture
def run(plan: Plan, tmp_path: Path) -> RunDirectory:
    """Its directory."""
    return stored.store(tmp_path, plan, builders.facts(plan))


@pytest.fixture
def parsed(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """The files of events that are parsed, by name and each time."""
    told: list[str] = []
    parse = reader.read_events
    monkeypatch.setattr(
        reader, "read_events", lambda path, *more: told.append(path.name) or parse(path, *more)
    )
    return told


def test_what_did_not_change_is_parsed_once(
    run: RunDirectory, plan: Plan, parsed: list[str]
) -> None:
    """A ledger that was written meanwhile is read all the same, as by somebody who reads anew."""
    known = RunReader(run)
    first = known.facts(run.read_plan())
    run.write_ledger(replace(first.ledger, watched_s=3.0))
    run.write_checksums()
    second = known.facts(run.read_plan())

    assert parsed == ["events-load-0.jsonl"]
    assert (first.ledger.watched_s, second.ledger.watched_s) == (10.0, 3.0)
    assert builders.told(second) == builders.told(read_facts(run, plan))


def test_what_was_appended_since_is_parsed(
    run: RunDirectory, plan: Plan, parsed: list[str]
) -> None:
    """A load process may still write: then what was read before is not all."""
    known = RunReader(run)
    before = known.facts(plan)
    (path,) = run.path.glob("events-*.jsonl")
    with path.open("a", encoding="utf-8") as file:
        file.write("{}\n")
    after = known.facts(plan)

    assert len(parsed) == 2
    assert before.damage == ()
    assert any("is not readable" in text for text in after.damage)


def test_damage_is_told_each_time(run: RunDirectory, plan: Plan, parsed: list[str]) -> None:
    """Of a file that is not parsed again, too."""
    (path,) = run.path.glob("events-*.jsonl")
    with path.open("a", encoding="utf-8") as file:
        file.write("{}\n")
    known = RunReader(run)

    assert known.facts(plan).damage == known.facts(plan).damage != ()
    assert len(parsed) == 1
