"""The generator of bad input: what it covers, and that it finds what it looks for."""

import os
import subprocess
import sys
import textwrap
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.bad_input import __main__ as bad_input
from benchmarks.bad_input import inventory, plan, sandbox
from benchmarks.bad_input.case import NOT_DONE, REFUSED, Case, written
from benchmarks.bad_input.inventory import LOAD, Parameter
from benchmarks.bad_input.trial import Launchers, Result, run_case
from tests import lacking

REFUSAL = "import sys; sys.stderr.write('error: this is wrong: use that\\n'); sys.exit(2)"
SECONDS = 20.0


@pytest.fixture(scope="module")
def known() -> tuple[Parameter, ...]:
    """All commands with their options, and Locust's."""
    return inventory.read()


@pytest.fixture(scope="module")
def template(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """What the world of each case is a copy of."""
    return sandbox.template(tmp_path_factory.mktemp("bad-input") / "template")


@pytest.fixture(scope="module")
def launchers() -> Iterator[Launchers]:
    """The processes that start cases."""
    with Launchers() as running:
        yield running


@pytest.fixture
def tried(launchers: Launchers, template: Path, tmp_path: Path) -> "Try":
    """Runs a case."""
    return Try(launchers, template, tmp_path)


class Try:
    """Runs cases, one at a time, each in a world of its own."""

    def __init__(self, launchers: Launchers, template: Path, folder: Path) -> None:
        self._places = launchers, folder / "world", template

    def __call__(self, case: Case, seconds: float = SECONDS) -> Result:
        """How it ended, and what is wrong with that."""
        launchers, world, template = self._places
        return run_case(case, launchers, world, template, seconds)

    def planted(self, code: str, seconds: float = SECONDS) -> set[str]:
        """Kinds of what is found wrong with a command that does this."""
        program = (sys.executable, "-S", "-c", textwrap.dedent(code))
        case = Case(kind="planted", words=("x",), program=program)
        return {kind for kind, _ in self(case, seconds).wrong}


def test_every_option_of_every_command_is_met(known: tuple[Parameter, ...]) -> None:
    """By default each option and argument is given something bad, and so is each file of a run."""
    cases = list(plan.cases(7, plan.COUNT_DEFAULT, known))
    words = {word for case in cases for word in case.words}
    unmet = [
        (each.command, option)
        for each in known
        if each.words and not any(w.startswith(option) for option in each.words for w in words)
        for option in each.words[:1]
    ]

    assert {each.command for each in known} >= {LOAD, "run", "up", "gameday verify", "explain"}
    assert unmet == []
    assert len(cases) >= 1000
    assert {case.kind for case in cases} >= {"runs", "states", "streams", "places", "sessions"}
    assert sum(case.real for case in cases) >= len(cases) / 20


def test_a_case_is_known_by_its_seed_and_number(known: tuple[Parameter, ...]) -> None:
    """It is the same whatever the count, and another one with another seed."""
    first = [case.words for case in plan.cases(3, 60, known)]

    assert [plan.case_of(3, number, known).words for number in range(60)] == first
    assert [case.words for case in plan.cases(4, 60, known)] != first


@pytest.mark.parametrize(
    ("code", "found"),
    [
        (REFUSAL, set()),
        ("raise ValueError('x')", {"traceback", "exit code"}),
        (
            "import sys; sys.stderr.write('error: internal error\\n'); sys.exit(70)",
            {"internal error"},
        ),
        (f"open('new', 'w').close(); {REFUSAL}", {"left"}),
        (f"import os; os.unlink('runs/latest'); {REFUSAL}", {"left"}),
        (f"import os; open(os.environ['TMPDIR'] + '/x', 'w').close(); {REFUSAL}", {"left"}),
        (f"open('../home/precious/letter.txt', 'a').write('x'); {REFUSAL}", {"left"}),
        ("pass", {"accepted"}),
        ("import sys; sys.exit(1)", {"exit code"}),
        ("import os; os.kill(os.getpid(), 9)", {"killed"}),
        ("import sys; sys.stderr.write('this is wrong\\n'); sys.exit(2)", {"not one line"}),
        (f"print('Type     Name   # reqs'); {REFUSAL}", {"tables"}),
        (f"print('\\x1b[31m'); {REFUSAL}", {"control letters"}),
    ],
)
def test_what_is_planted_is_found(tried: Try, code: str, found: set[str]) -> None:
    """Each kind of fault is found in a command that has it, and none in one that refuses well."""
    assert tried.planted(code) == found


def test_a_hang_is_found(tried: Try) -> None:
    """What is not over in time is ended, and told."""
    assert tried.planted("import time; time.sleep(60)", seconds=0.3) == {"hang"}


def test_what_goes_on_running_is_found(tried: Try) -> None:
    """A process that left its parent and its session is seen all the same, and ended."""
    code = f"""
        import subprocess, sys
        subprocess.Popen(['sleep', '600'], start_new_session=True)
        {REFUSAL}
    """
    assert tried.planted(code) == {"process"}


def test_a_segment_of_shared_memory_is_found(tried: Try) -> None:
    """One that others on this machine make meanwhile is none of the case's."""
    memory = Path("/dev/shm")  # noqa: S108
    own = ["unshare", "--mount", "mount", "-t", "tmpfs", "none", memory]
    if subprocess.run(own, capture_output=True, check=False).returncode:
        why_not = "a mount of one's own needs rights that are not to be had here"
        lacking.skip(why_not, can_be_installed=False)
    segment = memory / f"test-{os.getpid()}"

    found = tried.planted(f"open({str(segment)!r}, 'w').close(); {REFUSAL}")

    segment.unlink(missing_ok=True)
    assert found == {"shared memory"}


def test_a_killed_stranger_is_found(tried: Try) -> None:
    """What a foreign state file names as its process is none of the case's."""
    code = f"""
        import json, os, time
        os.kill(json.load(open('../home/precious/process.json'))['pid'], 9); time.sleep(0.2)
        {REFUSAL}
    """
    assert tried.planted(code) == {"killed a stranger"}


def test_the_real_commands_are_tried(tried: Try) -> None:
    """Of the command line and of the load process, forked or for real, and told in a summary."""
    dry = ("-f", "scenarios/baseline.py", "--headless", "--dry-run", "--rate", "x")
    results = [
        tried(Case(kind="a", words=("explain", "nope"))),
        tried(Case(kind="a", words=("explain", "nope"), real=True)),
        tried(Case(kind="b", words=("explain",), number=3)),
        tried(Case(kind="b", words=dry, entry="load")),
        tried(
            Case(kind="b", words=("judge", "f.txt"), ends=NOT_DONE, prepare=written("f.txt", ""))
        ),
    ]

    assert [result.done.code for result in results[:4]] == [2, 2, 0, 2]
    assert [kind for kind, _ in results[2].wrong] == ["accepted"]
    assert results[4].wrong == ()
    assert '--seed=5 --only=3"' in bad_input.summary(results, 5)
    assert results[0].case.ends == REFUSED
