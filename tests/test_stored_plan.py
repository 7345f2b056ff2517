"""A plan as it is read back: what no run can have had is refused with one reason."""

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from harness.history.stored_files import arrivals_in, plan_in
from tests.builders import CUT, facts, plan_of
from tests.stored import store

Body = dict[str, Any]


def setting(name: str, value: object) -> Callable[[Body], None]:
    """Changes one setting."""
    return lambda body: body["settings"].update({name: value})


def steady(name: str, value: object) -> Callable[[Body], None]:
    """Changes one limit of the steady state."""
    return lambda body: body["steady_state"].update({name: value})


def phases(change: Callable[[list[Body]], object]) -> Callable[[Body], None]:
    """Changes the phases."""
    return lambda body: body.update(phases=change(body["phases"]))


def objective(name: str, value: object) -> Callable[[Body], None]:
    """Changes one objective."""
    return lambda body: body["objectives"].update({name: value})


def fault(name: str, value: object) -> Callable[[Body], None]:
    """Changes the fault."""
    return lambda body: body["faults"][0].update({name: value})


WRONG: dict[str, tuple[Callable[[Body], None], str]] = {
    "rate 0": (setting("rate", 0), "rate 0 must be from 1"),
    "a rate too large": (setting("rate", 10**9), "rate 1000000000 must be from 1"),
    "a phase without end": (setting("baseline_s", 1e29), "its baseline_s is 1e"),
    "a negative phase": (setting("recovery_s", -1), "its recovery_s is -1"),
    "no time to answer": (setting("request_timeout_s", 0), "request timeout 0s"),
    "a seed too large": (setting("seed", 2**63), "seed"),
    "more retries than there are": (setting("retries", 10**6), "retries 1000000"),
    "no steady state": (steady("failed_share_max", 0), "steady state"),
    "any state is steady": (steady("failed_share_max", 1), "steady state"),
    "more than all started": (steady("started_share_min", 5), "steady state"),
    "a baseline for ever": (steady("min_baseline_s", 1e20), "its min_baseline_s"),
    "no phases": (phases(lambda _: []), "it has no phases"),
    "phases in no order": (phases(lambda found: found[::-1]), "does not begin where"),
    "a gap between phases": (phases(lambda found: [found[0], *found[2:]]), "does not begin"),
    "a limit below zero": (objective("recovery_seconds_max", -1), "recovery_seconds_max -1"),
    "a limit too large": (objective("recovery_seconds_max", 1e20), "recovery_seconds_max 1e"),
    "a fault that ends first": (fault("heal_s", 1.0), "ends before it begins"),
    "a fault after the load": (fault("heal_s", 10**6), "or after the load"),
    "a fault at no time": (fault("inject_s", 1e20), "less than or equal"),
    "another version": (lambda body: body.update(schema="lendchaos.plan/9"), "schema"),
    "no borrowers in order": (lambda body: body["borrowers"].reverse(), "not numbered from 0"),
}


@pytest.fixture(scope="module")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A run with a fault; not to be changed."""
    plan = plan_of(CUT, rate=2)
    return store(tmp_path_factory.mktemp("stored"), plan, facts(plan)).path


@pytest.mark.parametrize("name", WRONG)
def test_a_plan_that_no_run_can_have_had_is_refused(
    name: str, stored: Path, tmp_path: Path
) -> None:
    """Before anything is divided by it, or counted up to it."""
    change, reason = WRONG[name]
    body = json.loads((stored / "plan.json").read_bytes())
    change(body)
    (tmp_path / "plan.json").write_text(json.dumps(body))

    with pytest.raises(ValueError, match=reason):
        plan_in(tmp_path / "plan.json")


@pytest.mark.parametrize(
    "change",
    [{"borrower": 99_999}, {"at_s": 10**6}, {"at_s": -(10**6)}, {"index": 0}],
    ids=str,
)
def test_an_arrival_that_the_plan_cannot_have_is_told_and_left_out(
    change: Body, stored: Path, tmp_path: Path
) -> None:
    """Of nobody, at no time of the load, or a second one with its number."""
    plan = plan_in(stored / "plan.json")
    lines = (stored / "arrivals.jsonl").read_text().splitlines()
    row = json.loads(lines[5])
    row["arrival"] |= change
    path = tmp_path / "arrivals.jsonl"
    path.write_text("\n".join([*lines[:5], json.dumps(row), *lines[6:]]) + "\n")
    damage: list[str] = []

    assert len(arrivals_in(path, plan, damage)) == len(lines) - 2
    assert damage == ["arrivals.jsonl has lines that this plan cannot have: 1"]


def test_missing_arrivals_are_told(stored: Path, tmp_path: Path) -> None:
    """A plan that lost some cannot say how many requests there should have been."""
    lines = (stored / "arrivals.jsonl").read_text().splitlines()
    path = tmp_path / "arrivals.jsonl"
    path.write_text("\n".join(lines[:-10]) + "\n")
    damage: list[str] = []
    arrivals_in(path, plan_in(stored / "plan.json"), damage)

    assert damage == ["the plan has 48 arrivals, 58 were expected"]


def test_a_sound_plan_is_read_as_it_was(stored: Path) -> None:
    """With all of its arrivals, and nothing is told."""
    damage: list[str] = []
    plan = plan_in(stored / "plan.json")

    assert len(arrivals_in(stored / "arrivals.jsonl", plan, damage)) == 2 * 29
    assert damage == []
