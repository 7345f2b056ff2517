"""Pytest's items and the files of the command line say the same of the same runs."""

import os
from contextlib import nullcontext
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest
from typer.testing import CliRunner

from harness.apps.cli import app
from harness.apps.cli import run_command as run_module
from harness.run.result import RunResult
from tests.junit import parsed
from tests.pytest_plugin.stand_in import NAMES, Gate, Stored, ended

pytest_plugins = ["pytester"]

FIGURES = ("verdict", "observed", "low", "high", "limit", "source")
Ends = list[tuple[Path | None, int]]


def by_command_line(ends: Ends, asked: int, monkeypatch: pytest.MonkeyPatch) -> ET.Element:
    """The JUnit file of `lendchaos run`, whose runs end like these."""
    results = [ended(*end, error="PostgreSQL did not come up") for end in ends]

    def run_locust(*_: object) -> RunResult:
        return results.pop(0)

    with monkeypatch.context() as patched:
        patched.setattr(run_module, "_run_locust", run_locust)
        patched.setattr(run_module, "shared_stack", lambda *_: nullcontext())
        patched.setattr(run_module, "dry_run", lambda *_: "")
        patched.setattr("signal.signal", lambda *_: None)
        for name in [name for name in os.environ if name.startswith(("GITHUB_", "CI_", "BUILD_"))]:
            patched.delenv(name)
        words = ["run", "cut", f"--runs={asked}", "--junitxml=gate.xml"]
        CliRunner().invoke(app, words, catch_exceptions=False, prog_name="lendchaos")
    return parsed(Path("gate.xml"))


def told(root: ET.Element) -> dict[str, tuple[str, str]]:
    """How each case ended and what it says, by its name."""
    found = {}
    for case in root.iter("testcase"):
        red = [one for one in case if one.tag in ("failure", "error")]
        found[str(case.get("name"))] = (
            (red[0].tag, str(red[0].get("message"))) if red else ("passed", "")
        )
    return found


def figures(root: ET.Element, prefix: str) -> dict[str, str]:
    """Those of all checks, by check and figure."""
    named = {str(p.get("name")).removeprefix(prefix): p.get("value") for p in root.iter("property")}
    wanted = [f"{name}.{figure}" for name in NAMES for figure in FIGURES]
    return {name: str(named[name]) for name in wanted if name in named}


def differences(items: ET.Element, files: ET.Element) -> list[str]:
    """Checks of which the two do not say the same.

    Before a run the command line knows no names: where no run has a check, its case of the evidence
    stands for it.
    """
    ours, theirs = told(items), told(files)
    assert list(ours) == NAMES
    found = [name for name in theirs if name not in ours]
    for name, (kind, message) in ours.items():
        same, said = theirs.get(name, theirs["evidence"])
        said = said.removeprefix("Not decided: ").removesuffix(".")
        if kind != same or said.lower() not in message.lower():
            found.append(name)
    known, other = figures(items, "scenarios.cut."), figures(files, "")
    return found + [name for name, value in other.items() if known.get(name) != value]


@pytest.mark.parametrize(
    ("names", "asked"),
    [
        (["passed"], 1),
        (["late"], 1),
        (["lost"], 1),
        (["open"], 1),
        (["nothing"], 1),
        (["denied"], 1),
        (["passed", "passed"], 2),
        (["late", "open", "passed"], 3),
        (["passed", "nothing", "late"], 3),
        (["nothing", "nothing"], 2),
        (["far"], 3),
    ],
    ids=str,
)
def test_both_say_the_same(
    names: list[str], asked: int, gate: Gate, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same checks, verdicts, words and figures."""
    ends: Ends = [
        {"nothing": (None, 70), "denied": (stored["passed"][0], 70), **stored}[name]
        for name in names
    ]
    gate("--junitxml=junit.xml", f"--runs={asked}", cut=ends)

    files = by_command_line(ends, asked, monkeypatch)
    assert differences(parsed(Path("junit.xml")), files) == []


def test_the_comparison_can_fail(
    gate: Gate, stored: Stored, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Runs that end otherwise do not say the same."""
    gate("--junitxml=junit.xml", "--runs=1", cut=[stored["late"]])

    files = by_command_line([stored["lost"]], 1, monkeypatch)
    found = differences(parsed(Path("junit.xml")), files)
    assert {"recovery_seconds_max", "lost", "lost.verdict"} <= set(found)
