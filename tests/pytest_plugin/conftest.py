"""Stored runs of each kind, and a pytest in this process that is given them as its runs."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import configargparse  # noqa: F401  # each import wraps argparse anew; a pytest in here forgets its own
import pytest

from harness.apps.gate import gate_runs
from harness.history.reader import Facts
from harness.history.run_facts import ErrorRecord
from harness.plan.objectives import Objectives
from tests.builders import CUT, during, facts, operations, plan_of
from tests.pytest_plugin.stand_in import PLUGIN, Gate, Stored, stand_in, write_script
from tests.stored import store

ROOT = Path(__file__).parent.parent.parent


def made(root: Path, end_s: float, limit_s: float = 2, spoil: Any = None) -> Path:
    """A stored run whose outage ends at ``end_s``."""
    objectives = Objectives(recovery_seconds_max=limit_s)
    plan = plan_of(CUT, rate=20, objectives=objectives)
    known: Facts = facts(plan, operations(plan, during(8, end_s)))
    known = spoil(known) if spoil else known
    return store(root, plan, known).path


def untrusted(known: Facts) -> Facts:
    """The same, but its load process had trouble."""
    return replace(
        known, status=replace(known.status, troubles=(ErrorRecord("a worker went missing"),))
    )


def talkative(known: Facts) -> Facts:
    """The same, but of its trouble there is much to be said."""
    return replace(known, status=replace(known.status, troubles=(ErrorRecord("long " * 26_000),)))


def lost(known: Facts) -> Facts:
    """The same, but ten loans are missing from the ledger, and the target knows none of them."""
    gone = {row.idempotency_key: () for row in known.ledger.entries[:10]}
    reading = replace(
        known.ledger, entries=known.ledger.entries[10:], by_key=known.ledger.by_key | gone
    )
    return replace(known, ledger=reading)


@pytest.fixture(scope="session")
def stored(tmp_path_factory: pytest.TempPathFactory) -> Stored:
    """Runs of each kind, and the exit codes they ended with."""
    root = tmp_path_factory.mktemp("stored")
    paths = {
        "passed": (made(root, 13.3), 0),
        "late": (made(root, 15.5), 1),
        "far": (made(root, 19.0), 1),
        "lost": (made(root, 13.3, spoil=lost), 1),
        "open": (made(root, 13.3, spoil=untrusted), 3),
        "talkative": (made(root, 13.3, spoil=talkative), 3),
    }
    other = plan_of(rate=20, objectives=Objectives(failed_share_max=0.01))
    paths["other"] = (store(root, other, facts(other)).path, 0)
    return paths


@pytest.fixture
def _starts_workers(monkeypatch: pytest.MonkeyPatch) -> None:
    """A pytest of its own starts workers, and each finds this checkout."""
    monkeypatch.delenv("PYTEST_XDIST_WORKER", raising=False)
    monkeypatch.setenv("PYTHONPATH", str(ROOT))


@pytest.fixture
def gate(pytester: pytest.Pytester, monkeypatch: pytest.MonkeyPatch) -> Gate:
    """Runs pytest in this process, its runs being those of the script that is given by name."""
    monkeypatch.setenv("COLUMNS", "200")

    def run(
        *options: str, scenarios: tuple[str, ...] = ("cut",), **runs: list[Any]
    ) -> pytest.RunResult:
        if runs:
            write_script(pytester.path, **runs)
        stand_in(lambda name, value: monkeypatch.setattr(gate_runs, name, value), pytester.path)
        named = [word for name in scenarios for word in ("--scenario", f"scenarios/{name}.py")]
        return pytester.runpytest_inprocess(*PLUGIN, *named, *options, no_reraise_ctrlc=True)

    return run
