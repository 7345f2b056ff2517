"""What CI and programs get of a scenario file that cannot be loaded."""

import json
from pathlib import Path
from xml.etree import ElementTree as ET

import pytest

from tests.cli.processes import lendchaos
from tests.schemas.mutate import held_strictly

GOOD = "from harness import Borrower, Scenario\nclass Good(Borrower):\n    scenario = Scenario()\n"


def errors_in(path: Path) -> dict[str, str]:
    """Of a JUnit file, the message of each suite's one error."""
    suites = ET.fromstring(path.read_bytes())  # noqa: S314  # our own
    return {
        str(suite.get("name")): str(error.get("message"))
        for suite in suites
        for error in suite.iter("error")
    }


@pytest.mark.parametrize(
    ("words", "told"),
    [
        (["mine.py"], {"mine": "ended without a verdict, with exit code 2 ("}),
        (["mine.py", "--runs=3"], {"mine": "0 of 3 runs made: "}),
        (["good.py", "mine.py"], {"good": "0 of 1 run made: ", "mine": "0 of 1 run made: "}),
    ],
    ids=["a run", "a series", "beside a good one"],
)
def test_a_broken_file_is_an_error_for_ci(
    words: list[str], told: dict[str, str], tmp_path: Path
) -> None:
    """In the JUnit file of one run, of a series, and of several scenarios, with the reason."""
    (tmp_path / "mine.py").write_text("import no_such_thing\n")
    (tmp_path / "good.py").write_text(GOOD)

    done = lendchaos("run", *words, "--junitxml=gate.xml", cwd=tmp_path)

    reason = "mine.py:1: ModuleNotFoundError: No module named 'no_such_thing'"
    assert (done.returncode, done.stderr.splitlines()) == (2, [f"error: {reason}"])
    found = errors_in(tmp_path / "gate.xml")
    assert found.keys() == told.keys()
    assert all(told[name] in text and reason in text for name, text in found.items())


@pytest.mark.parametrize(
    ("words", "not_run"),
    [
        (["mine.py"], []),
        (["mine.py", "--runs=3"], []),
        (["mine.py", "--shrink"], []),
        (["good.py", "mine.py", "also/mine.py"], ["good.py", "also/mine.py"]),
    ],
    ids=["a run", "a series", "shrinking", "beside good ones"],
)
def test_a_broken_file_is_an_entry_of_the_document(
    words: list[str], not_run: list[str], tmp_path: Path
) -> None:
    """With the code of its refusal, and without a verdict; nothing else was run."""
    (tmp_path / "also").mkdir()
    (tmp_path / "mine.py").write_text("import no_such_thing\n")
    for name in ("good.py", "also/mine.py"):
        (tmp_path / name).write_text(GOOD)

    done = lendchaos("run", *words, "--json", cwd=tmp_path)

    reason = "mine.py:1: ModuleNotFoundError: No module named 'no_such_thing'"
    assert (done.returncode, done.stderr.splitlines()) == (2, [f"error: {reason}"])
    document = json.loads(done.stdout)
    held_strictly("run").validate(document)
    (entry,) = document["scenarios"]
    assert (document["exit_code"], document["not_run_files"]) == (2, not_run)
    assert document["not_run"] == [Path(name).stem for name in not_run]
    assert (entry["file"], entry["exit_code"], entry["verdict"]) == ("mine.py", 2, None)
    assert not (tmp_path / "runs").exists()
