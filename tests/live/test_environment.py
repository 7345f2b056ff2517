"""Whole commands in an environment and a home that would lead every connection astray."""

import json
from pathlib import Path

import pytest

from harness.stack import load_state
from harness.stack.programs import cache_dir
from tests import faithful
from tests.hostile import hostile_environment
from tests.live.conftest import BRIEF, ROOT
from tests.live.test_commands import lendchaos
from tests.locales import TURKISH, made

pytestmark = pytest.mark.live
IN_TURKISH = """
import locale
locale.setlocale(locale.LC_ALL, "")
assert f"{1.5:n}" == "1,5"
"""


def test_the_environment_of_the_user_changes_nothing(tmp_path: Path) -> None:
    """With `PGOPTIONS` set to end it early, a migration hurts as long as the scenario says.

    In a folder, which `PYTHONPATH` names as well, of files that are named like modules; in a
    Turkish locale, in which the scenario's own code writes its numbers, too.
    """
    place = tmp_path / "place"
    place.mkdir()
    for name in ("queue", "platform", "requests", "numpy", "yaml", "psycopg", "alembic", "asyncio"):
        (place / f"{name}.py").write_text("raise ImportError('the wrong one')\n")
    environment = hostile_environment(tmp_path / "home")
    environment["XDG_CACHE_HOME"] = str(cache_dir().parent)
    environment["PYTHONPATH"] = f":{ROOT}"
    environment |= {**made(tmp_path / "locales", TURKISH), "LC_ALL": TURKISH, "TZ": "<-1130>11:30"}
    environment["PYTHONIOENCODING"] = "utf-8"  # in which the words are read here
    source = (ROOT / "scenarios" / "database_migration.py").read_text(encoding="utf-8")
    scenario = str(place / "migration.py")
    Path(scenario).write_text(f"{source}{IN_TURKISH}", encoding="utf-8")
    state = f"--state-dir={tmp_path / 'state'}"
    runs = f"--runs-dir={tmp_path / 'runs'}"

    up = lendchaos("up", state, cwd=place, **environment)
    words = ("run", scenario, state, runs, *BRIEF, "--fault=3s")
    run = faithful.once_more(lambda: lendchaos(*words, cwd=place, **environment), tmp_path / "runs")
    heal = lendchaos("heal", state, cwd=place, **environment)
    down = lendchaos("down", state, cwd=place, **environment)

    assert [up.returncode, heal.returncode, down.returncode] == [0, 0, 0], up.stderr + heal.stderr
    assert run.returncode in (0, 1), run.stdout + run.stderr
    verdict = json.loads((tmp_path / "runs" / "latest" / "verdict.json").read_bytes())
    # Waiting for half a second would cost nobody their loan, within a time-out of two.
    assert verdict["borrow"]["failed_by_phase"]["fault"] > 10
    assert verdict["faults"][0]["bit"] is True
    assert verdict["reconciliation"]["ledger_read"] is True
    assert load_state(tmp_path / "state") is None
