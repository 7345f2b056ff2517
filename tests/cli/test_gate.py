"""`lendchaos gate-selftest`: which runs it makes, and how it ends."""

import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from harness.apps.cli import gating as gate_module
from harness.history.run_directory import RunDirectory
from harness.run.result import RunResult as RunEnded
from harness.verdict.stored_verdict import read_verdict
from harness.verdict.types import Severity, Verdict, to_json
from tests.cli.conftest import Ended
from tests.gates.made import with_finding


class Runs:
    """Stands in for Locust: a run with the defect has the findings ``planted``."""

    def __init__(self, folder: Path, verdict: Verdict) -> None:
        self.folder, self.verdict = folder, verdict
        self.planted: list[str] = ["corrupt"]
        self.options: list[list[str]] = []

    def __call__(self, path: Path, options: list[str]) -> RunEnded:
        """One run, written down."""
        self.options.append(options)
        verdict = replace(self.verdict, scenario=path.stem)
        if "--defect" in options:
            for code in self.planted:
                verdict = with_finding(verdict, code, Severity.FAIL)
        folder = self.folder / f"run-{len(self.options)}"
        folder.mkdir()
        (folder / "verdict.json").write_text(to_json(verdict))
        last = {"verdict": str(verdict.verdict), "report": str(folder / "report.html")}
        return RunEnded(verdict.exit_code, last)


@pytest.fixture
def runs(run: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Runs:
    """No process and no stack, in a folder with a scenario."""
    found = Runs(tmp_path, read_verdict(RunDirectory(run)))
    monkeypatch.setattr(gate_module, "_run_locust", found)
    monkeypatch.setattr("harness.apps.cli.gating.dry_run", lambda *_: "")
    monkeypatch.setattr("signal.signal", lambda *_: None)
    for name in ("LENDCHAOS_STATE", "LOCUST_HOST"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "scenarios").mkdir()
    for name in ("baseline", "cut"):
        (tmp_path / "scenarios" / f"{name}.py").touch()
    return found


def test_it_says_that_the_gate_can_bite(runs: Runs, lendchaos: Callable[..., Ended]) -> None:
    """After a clean run and one with the defect, both told, on stacks that are nobody's."""
    done = lendchaos("gate-selftest", "--rate=30")

    assert done.exit_code == 0, done.stderr
    own = ["--rate=30", "--state-dir", str(Path.cwd() / ".lendchaos-selftest")]
    assert runs.options == [own, [*own, "--defect", "amount_truncated"]]
    assert done.stdout.splitlines() == [
        "PASS  baseline, clean",
        "report run-1/report.html",
        "FAIL  baseline, amount_truncated  by corrupt",
        "report run-2/report.html",
        (
            "The gate detects the defect: "
            "the clean run passes, the run with amount_truncated fails by corrupt."
        ),
    ]


@pytest.mark.parametrize(("planted", "code"), [([], 1), (["outage"], 1), (["lost"], 1)])
def test_it_says_that_it_cannot(
    planted: list[str], code: int, runs: Runs, lendchaos: Callable[..., Ended]
) -> None:
    """A defect that nobody sees, and one that is taken for another."""
    runs.planted = planted
    done = lendchaos("gate-selftest")

    assert done.exit_code == code
    assert "The gate does not detect the defect" in done.stdout


def test_another_scenario_and_defect(runs: Runs, lendchaos: Callable[..., Ended]) -> None:
    """As they are named; as JSON, there is nothing but JSON."""
    runs.planted = ["lost"]
    done = lendchaos(
        *("gate-selftest", "cut", "--defect", "acknowledge_before_commit"),
        *("--json", "--state-dir", "here"),
    )
    body = json.loads(done.stdout)

    assert done.exit_code == body["exit_code"] == 0
    assert (body["schema"], body["scenario"]) == ("lendchaos.gate_selftest/1", "cut")
    assert body["clean"]["verdict"] == "pass"
    assert (body["planted"]["verdict"], body["planted"]["failed_by"]) == ("fail", ["lost"])
    assert runs.options[0][:2] == ["--state-dir", "here"]


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("nowhere",), "no scenario 'nowhere'; there are: baseline, cut"),
        (("--defect", "amount"), "'amount' is not one of acknowledge_before_commit,"),
        (("baseline", "cut"), "one scenario at a time, not baseline, cut"),
        (("--host", "http://x"), "bugs are planted in the reference service alone"),
    ],
)
def test_bad_input_starts_nothing(
    words: tuple[str, ...], expected: str, runs: Runs, lendchaos: Callable[..., Ended]
) -> None:
    """One clear error, exit 2."""
    done = lendchaos("gate-selftest", *words)

    assert done.exit_code == 2
    assert expected in " ".join(done.stderr.split())
    assert runs.options == []


def test_a_stack_that_is_up_there_is_left_alone(
    runs: Runs, lendchaos: Callable[..., Ended], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its service has no defect to be found, or one of its own."""
    monkeypatch.setattr(gate_module, "load_state", lambda _: object())
    done = lendchaos("gate-selftest")

    assert done.exit_code == 2
    assert re.search(r"`lendchaos down --state-dir \S*/.lendchaos-selftest`", done.stderr)
    assert runs.options == []
