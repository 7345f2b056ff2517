"""What a terminal shows while a run goes on."""

import importlib
import io
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from rich.console import Console

from harness.apps.cli import run_command as run_module
from harness.run.progress_messages import Update
from harness.run.result import RunResult

ROOT = Path(__file__).parent.parent.parent
cli_app = importlib.import_module("harness.apps.cli.console")
SAID = f"run /srv/{'a' * 60}/runs/network_partition-0123456789ab, seed 362145987"


def test_directory_and_seed_are_whole_at_80_columns(monkeypatch: pytest.MonkeyPatch) -> None:
    """They are to be copied; the bar beside them is cut where the terminal ends."""
    shown = io.StringIO()
    terminal = Console(file=shown, force_terminal=True, width=80, color_system=None)
    monkeypatch.setattr(run_module, "errors", terminal)
    monkeypatch.setattr(cli_app, "errors", terminal)

    def runs(_path: Path, _options: list[str], show: Any, *_: Any, **__: Any) -> RunResult:
        show(Update(SAID, seed=362145987))
        show(Update("baseline (8s)", "baseline", 0.0, 8.0))
        return RunResult(0)

    monkeypatch.setattr(run_module, "run_scenario", runs)
    run_module._run_locust(Path("network_partition.py"), [])

    assert shown.getvalue().count(f"network_partition: {SAID}\n") == 1
    assert "network_partition: baseline" not in shown.getvalue()


def test_the_bar_is_gone_when_the_result_is_printed(monkeypatch: pytest.MonkeyPatch) -> None:
    """The result comes from the run's own process, onto the same terminal."""
    shown = io.StringIO()
    terminal = Console(file=shown, force_terminal=True, width=80, color_system=None)
    monkeypatch.setattr(run_module, "errors", terminal)
    after = ""

    def runs(_path: Path, _options: list[str], show: Any, *_: Any, **__: Any) -> RunResult:
        nonlocal after
        show(Update("verdict: pass", verdict="pass"))
        before = shown.getvalue()
        time.sleep(0.3)
        after = shown.getvalue()[len(before) :]
        return RunResult(0)

    monkeypatch.setattr(run_module, "run_scenario", runs)
    run_module._run_locust(Path("network_partition.py"), [])

    assert "network_partition" in shown.getvalue()
    assert after == ""


@pytest.mark.parametrize("words", [[], ["--quiet"]])
def test_the_verdict_is_the_last_on_a_terminal(
    quick_locust: list[int | None],
    lendchaos: Callable[..., Any],
    monkeypatch: pytest.MonkeyPatch,
    words: list[str],
) -> None:
    """Locust prints its tables after it, which are longer than many a terminal; not to a file."""
    assert "PASS  baseline" not in lendchaos("run", "baseline").stdout
    shown = io.StringIO()
    terminal = Console(file=shown, force_terminal=True, width=80, color_system=None)
    monkeypatch.setattr(run_module, "console", terminal)
    lendchaos("run", "baseline", *words)

    told = shown.getvalue().split()
    assert len(quick_locust) == 2
    assert told[:2] == ([] if words else ["PASS", "baseline"])
    assert (told[-2:-1] == ["report"]) == (words == [])


@pytest.mark.parametrize("file", ["Makefile", "README.md"])
def test_who_has_tried_the_demo_is_told_how_to_go_on(file: str) -> None:
    """`lendchaos` is found by its name only where the environment is active."""
    text = (ROOT / file).read_text("utf-8").replace("$(VENV)", ".venv")
    after = text.partition("demo: provision" if file == "Makefile" else "make demo")[2]

    assert after.index(". .venv/bin/activate") < after.index("lendchaos doctor")
