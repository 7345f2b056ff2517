"""Shell completion by the protocol of each shell: right words, nothing started, never an error."""

import contextlib
import os
import shlex
import subprocess
import sys
from pathlib import Path

import pytest
from typer.testing import CliRunner

from harness.apps.cli import app
from harness.plan.fault_registry import specs
from harness.plan.planted_defects import DEFECTS, SERVICES
from target_service.defects import DEFECTS as PLANTED
from tests.cli.processes import SECONDS_MAX, environment, lendchaos


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Somewhere with two scenarios and two runs, of which the second is the newer."""
    (tmp_path / "scenarios").mkdir()
    for name in ("baseline.py", "network_partition.py", "_helper.py"):
        (tmp_path / "scenarios" / name).write_text("raise SystemExit('it was run')\n")
    for age, name in ((100, "baseline-1"), (0, "baseline-2"), (0, "no-run")):
        run = tmp_path / "runs" / name
        run.mkdir(parents=True)
        if name != "no-run":
            (run / "plan.json").write_text("{}")
        os.utime(run, (1_700_000_000 - age, 1_700_000_000 - age))
    day = tmp_path / "gamedays" / "2026-day"
    day.mkdir(parents=True)
    (day / "plan.yaml").touch()
    return tmp_path


def bash(folder: Path, *words: str) -> list[str]:
    """What bash offers for the last of the words, asked within this process."""
    asked = {
        "_LENDCHAOS_COMPLETE": "complete_bash",
        "COMP_WORDS": " ".join(("lendchaos", *words)),
        "COMP_CWORD": str(len(words)),
        "LENDCHAOS_STATE": str(folder / "state"),
    }
    with contextlib.chdir(folder):
        done = CliRunner().invoke(app, [], prog_name="lendchaos", env=asked)
    assert (done.exit_code, done.stderr) == (0, "")
    assert not (folder / "state").exists()
    return done.stdout.split()


@pytest.mark.parametrize(
    ("words", "expected"),
    [
        (("ex",), ["explain"]),
        (("run", "net"), ["network_partition"]),
        (("run", "baseline", "--rate", "5", "net"), ["network_partition"]),
        (("run", "baseline", "--rate", "n"), []),
        (("run", "baseline", "--def"), ["--defect"]),
        (("run", "baseline", "--defect", "one"), ["one_sided_ledger"]),
        (("run", "baseline", "--service", ""), list(SERVICES)),
        (("run", "--inject", "Par"), ["Partition("]),
        (("run", "--inject", ""), [f"{name}(" for name in specs()]),
        (("up", "--defect", "amount_truncated,retry"), ["amount_truncated,retry_storm"]),
        (("up", "--service", "n"), ["naive"]),
        (("explain", "not_r"), ["not_recovered"]),
        (("judge", "runs/"), ["runs/baseline-2", "runs/baseline-1"]),
        (("report", "runs/baseline-1"), ["runs/baseline-1"]),
        (("run", "baseline", "--proc"), ["--processes"]),
        (("run", "baseline", "-t"), ["-t"]),
        (("run", "baseline", "--html", ""), []),
        (("run", "baseline", "--stop-failed-surge", ""), ["on", "off"]),
        (("gate-selftest", "net"), ["network_partition"]),
        (("gate-selftest", "--warm"), ["--warm-up"]),
        (("gate-selftest", "--defect", "one"), ["one_sided_ledger"]),
        (("gameday", "verify", ""), ["gamedays/2026-day"]),
        (("gameday", "--resume", ""), ["gamedays/2026-day"]),
        (("gameday", "run", "--resume", "game"), ["gamedays/2026-day"]),
        (("gameday", "status", "gamedays/"), ["gamedays/2026-day"]),
        (("gameday", "--unatt"), ["--unattended"]),
        (("help", "gate"), ["gate-selftest"]),
        (("nonsense",), []),
    ],
    ids=" ".join,
)
def test_bash_is_offered_what_fits(
    folder: Path, words: tuple[str, ...], expected: list[str]
) -> None:
    """Names that there are; a scenario is never run for it."""
    found = bash(folder, *words)

    assert [word for word in found if not word.startswith("--") or "--" in words[-1]] == expected


@pytest.mark.parametrize("name", ["two", "scenarios/two.py"])
def test_one_of_several_scenarios_is_offered_by_its_class(folder: Path, name: str) -> None:
    """Read off the text of the file, which is not imported."""
    (folder / "scenarios" / "two.py").write_text(
        "raise SystemExit('it was run')\n"
        "class First(Borrower):\n    scenario = Scenario()\n"
        "class Second(First):\n    scenario = Scenario()\n"
        "class Helper:\n    pass\n"
    )

    assert bash(folder, "run", f"{name}::") == [f"{name}::First", f"{name}::Second"]
    assert bash(folder, "try", f"{name}::S") == [f"{name}::Second"]
    assert bash(folder, "run", "none::") == []


def test_where_there_is_nothing_nothing_is_offered(tmp_path: Path) -> None:
    """No scenarios, and a file in place of the folder of runs: no error either."""
    (tmp_path / "runs").write_text("a file")

    assert bash(tmp_path, "run", "") == []
    assert bash(tmp_path, "judge", "") == []


@pytest.mark.parametrize(
    ("shell", "more", "expected"),
    [
        ("zsh", {}, '"lost":"Loans that borrowers'),
        ("fish", {"_TYPER_COMPLETE_FISH_ACTION": "get-args"}, "lost\tLoans that borrowers"),
    ],
)
def test_other_shells_get_the_meaning_with_it(
    tmp_path: Path, shell: str, more: dict[str, str], expected: str
) -> None:
    """Both show a description beside each word."""
    asked = {"_TYPER_COMPLETE_ARGS": "lendchaos explain los", **more}
    done = lendchaos(cwd=tmp_path, _LENDCHAOS_COMPLETE=f"complete_{shell}", **asked)

    assert expected in done.stdout
    assert done.stderr == ""


@pytest.mark.parametrize("shell", ["bash", "zsh", "fish"])
def test_the_script_of_a_shell_can_be_seen(shell: str) -> None:
    """What would be installed names our command and its protocol."""
    asked = {"_LENDCHAOS_COMPLETE": f"source_{shell}"}
    done = CliRunner().invoke(app, [], prog_name="lendchaos", env=asked)

    assert done.exit_code == 0
    assert f"complete_{shell}" in done.stdout
    assert "lendchaos" in done.stdout


def test_bash_itself_completes(folder: Path) -> None:
    """The whole way: its script, its variables, a process of ours, its answer."""
    program = folder / "lendchaos"
    program.write_text(f'#!/bin/sh\nexec {shlex.quote(sys.executable)} -m harness.apps.cli "$@"\n')
    program.chmod(0o755)
    script = """
        PATH=$PWD:$PATH
        eval "$(_LENDCHAOS_COMPLETE=source_bash lendchaos)"
        COMP_WORDS=(lendchaos run net) COMP_CWORD=2
        _lendchaos_completion lendchaos
        echo "${COMPREPLY[@]}"
    """
    done = subprocess.run(
        ["bash", "--norc", "-c", script],
        capture_output=True,
        text=True,
        check=False,
        cwd=folder,
        timeout=SECONDS_MAX,
        env=environment(),
    )

    assert (done.stdout, done.stderr) == ("network_partition\n", "")


def test_the_planted_defects_are_those_of_the_service() -> None:
    """The harness does not import the service, so its names are written down twice."""
    assert set(DEFECTS) == set(PLANTED)
