"""Files of two runs in one folder: what is of another run is damage, and evidence of nothing."""

import shutil
from dataclasses import replace
from pathlib import Path

import pytest

from harness.core.errors import UsageError
from harness.history.reader import read_facts
from harness.history.run_directory import RunDirectory
from harness.verdict.judge import judge
from harness.verdict.stored_verdict import read_verdict
from harness.verdict.types import Verdict, to_json
from tests import builders
from tests.builders import CUT, facts, operations, plan_of
from tests.stored import store


@pytest.fixture
def runs(tmp_path: Path) -> tuple[RunDirectory, RunDirectory]:
    """Two runs of one scenario that passed, each with accounts of its own."""
    made = []
    for run_id, end_s in (("one", 13.3), ("two", 13.6)):
        plan = plan_of(CUT)
        known = facts(plan, operations(plan, builders.during(8, end_s)))
        accounts = {index: f"{run_id} {account}" for index, account in known.account_of.items()}
        entries = [
            replace(row, account_id=f"{run_id} {row.account_id}") for row in known.ledger.entries
        ]
        known = replace(
            known,
            account_of=accounts,
            account_ids=frozenset(accounts.values()),
            ledger=replace(known.ledger, entries=tuple(entries)),
        )
        made.append(store(tmp_path, plan, known))
    one, two = made
    assert (read_verdict(one).verdict, read_verdict(two).verdict) == ("pass", "pass")
    return one, two


def judged(run: RunDirectory) -> Verdict:
    """Its verdict by what stands in its folder now."""
    plan = run.read_plan()
    return judge(plan, read_facts(run, plan))


def require_damage(verdict: Verdict, said: str) -> None:
    """Undecided for the damage, and nothing fails."""
    assert [f.code for f in verdict.findings if f.verdict == "fail"] == []
    (damage,) = [f for f in verdict.findings if f.code == "evidence_damaged"]
    assert said in str(damage.evidence["damage"])
    assert verdict.verdict == "inconclusive"


def without_seals(run: RunDirectory) -> None:
    """As if it had ended before it could make them."""
    plan = run.read_plan()
    run.write_status(builders.status(plan, interrupted=True))


NAMES = ["events-load-0.jsonl", "accounts.json"]


@pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "interrupted"])
@pytest.mark.parametrize("name", NAMES)
def test_a_file_of_another_run_in_place_of_ours_is_left_out(
    name: str, runs: tuple[RunDirectory, RunDirectory], *, sealed: bool
) -> None:
    """With checksums or without: loans that went elsewhere are told of no such run."""
    one, two = runs
    shutil.copy(two.path / name, one.path / name)
    if not sealed:
        without_seals(one)

    require_damage(judged(one), "was changed" if sealed and "acc" in name else "of another run")


@pytest.mark.parametrize("sealed", [True, False], ids=["sealed", "interrupted"])
def test_events_of_another_run_beside_ours_are_left_out(
    runs: tuple[RunDirectory, RunDirectory], *, sealed: bool
) -> None:
    """The load process of a run that nobody had."""
    one, two = runs
    counted = read_verdict(one).borrow
    shutil.copy(two.path / NAMES[0], one.path / "events-load-1.jsonl")
    if not sealed:
        without_seals(one)
    verdict = judged(one)

    require_damage(
        verdict, "was added after the run" if sealed else f"is of another run, {two.run_id}"
    )
    assert (verdict.borrow.attempts, verdict.borrow.approved) == (
        counted.attempts,
        counted.approved,
    )


def test_older_events_without_a_run_are_known_by_their_keys(
    runs: tuple[RunDirectory, RunDirectory],
) -> None:
    """As are single lines among ours."""
    one, two = runs
    without_seals(one)
    foreign = (two.path / NAMES[0]).read_text().splitlines(keepends=True)
    header = '{"schema": "lendchaos.events/1", "worker": "load-0"}\n'
    beside = one.path / "events-load-1.jsonl"
    beside.write_text("".join([header, *foreign[1:]]))
    require_damage(judged(one), "events-load-1.jsonl is of another run")
    beside.unlink()

    with (one.path / NAMES[0]).open("a") as file:
        file.write("".join(foreign[1:4]))
    require_damage(judged(one), "events-load-0.jsonl has 3 lines of another run")


@pytest.mark.parametrize(
    ("name", "told"), [("run_id", "its run_id is other"), ("scenario", "its scenario is other")]
)
def test_the_verdict_of_another_run_is_none(name: str, told: str, tmp_path: Path) -> None:
    """A pass that was put into the folder of a run that failed."""
    plan = plan_of(CUT)
    run = store(tmp_path, plan, facts(plan, operations(plan, builders.during(8, 13.3))))
    other = replace(read_verdict(run), **{name: "other"})  # type: ignore[arg-type]  # texts
    run.write_result("verdict.json", to_json(other))

    with pytest.raises(UsageError, match=told):
        read_verdict(run)
