"""`lendchaos try` and ``file.py::Class`` on a real stack, and a run that a wrong step ends."""

import json
import re
from collections.abc import Iterator
from pathlib import Path

import pytest

from harness.stack import Stack, down, up
from tests.live.conftest import BRIEF
from tests.live.test_commands import lendchaos

pytestmark = pytest.mark.live

TWO = '''"""Hypothesis: all is well."""

from harness import Borrower, Scenario
from harness.history.events import Outcome
from harness.target.classification import Classification


class Good(Borrower):
    scenario = Scenario()

    def on_start(self):
        self.ready = True

    def read_credit_line(self, journey):
        assert self.ready
        return super().read_credit_line(journey)


class Mute(Borrower):
    scenario = Scenario()

    def borrow(self, journey):
        super().borrow(journey)


class Wrong(Borrower):
    scenario = Scenario()

    def log_in(self, journey):
        journey.send("POST", "/v1/nowhere?token=secret", {"password": journey.account.password})
        return Classification(Outcome.FAILED, "no such door")
'''
ROW = r"{} {} +{} +\d+ ms   {}"


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """With a file of several scenarios."""
    folder = tmp_path_factory.mktemp("try")
    (folder / "two.py").write_text(TWO)
    return folder


@pytest.fixture(scope="module")
def stack(folder: Path) -> Iterator[Stack]:
    """A local stack for all of them."""
    yield up(state_dir=folder / "state")
    down(folder / "state")


def test_a_journey_is_shown(folder: Path, stack: Stack) -> None:
    """Each request with its answer, and none of the secrets."""
    done = lendchaos("try", "two.py::Good", f"--state-dir={stack.state_dir}", cwd=folder)

    assert done.returncode == 0, done.stderr
    log_in, line, borrow, end = done.stdout.splitlines()
    assert re.fullmatch(ROW.format("POST", "/v1/sessions", 201, "log_in: ok"), log_in)
    assert re.fullmatch(ROW.format("GET", "/v1/credit-line", 200, "read_credit_line: ok"), line)
    assert re.fullmatch(ROW.format("POST", "/v1/loans", 201, "borrow: approved"), borrow)
    assert re.fullmatch(r"granted: [\d.,]+ yuan", end)
    assert stack.admin_token not in done.stdout + done.stderr


def test_a_journey_on_a_host(folder: Path, stack: Stack) -> None:
    """The service itself, with no proxy in front of it."""
    done = lendchaos(
        *("try", "two.py::Good", f"--host={stack.service_url}", "--state-dir=elsewhere"),
        cwd=folder,
        LENDING_ADMIN_TOKEN=stack.admin_token,
    )

    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[-1].startswith("granted: ")
    assert not (folder / "elsewhere" / "stack.json").exists()


@pytest.mark.parametrize(
    ("name", "code", "output", "error"),
    [
        ("two.py::Mute", 2, "the step did not come to its end", "two.py:22: borrow returned None;"),
        ("two.py::Wrong", 1, "log_in: failed, code no such door\nnot granted: ", ""),
        ("two.py", 2, "", "the locustfile has 3 scenarios (Good in two.py:8, Mute in two.py:19,"),
        ("two.py::No", 2, "", "two.py:1: no scenario No in it; there are: Good, Mute, Wrong"),
        ("none.py", 2, "", "no scenario 'none.py'"),
    ],
)
def test_a_journey_that_comes_to_nothing(
    name: str, code: int, output: str, error: str, stack: Stack
) -> None:
    """1 for a loan that was not granted, 2 for what cannot be tried, or is wrong itself."""
    folder = stack.state_dir.parent
    done = lendchaos("try", name, f"--state-dir={stack.state_dir}", cwd=folder)

    assert done.returncode == code, done.stderr
    assert output in done.stdout
    assert error in done.stderr
    assert "secret" not in done.stdout + done.stderr


def test_where_nothing_answers_is_the_environment(folder: Path) -> None:
    """3, and one line."""
    done = lendchaos(
        *("try", "two.py::Good", "--host=http://127.0.0.1:9", f"--state-dir={folder}/none"),
        cwd=folder,
        LENDING_ADMIN_TOKEN="token",
    )

    assert (done.returncode, done.stdout) == (3, "")
    assert done.stderr.splitlines()[-1].startswith("error: ")


def test_a_wrong_step_leads_the_verdict(folder: Path, stack: Stack) -> None:
    """Inconclusive and early, with the scenario's own name; nothing is held against the target."""
    done = lendchaos(
        *("run", "two.py::Mute", "-q", "--json", *BRIEF),
        *(f"--state-dir={stack.state_dir}", "--runs-dir=runs"),
        cwd=folder,
    )

    assert done.returncode == 3, done.stderr
    (told,) = json.loads(done.stdout)["scenarios"]
    assert (told["scenario"], told["file"]) == ("two.Mute", "two.py")
    assert told["sentence"].startswith("two.py:22: borrow returned None; it must return what")
    verdict = json.loads((Path(folder) / told["run_directory"] / "verdict.json").read_bytes())
    assert verdict["scenario"] == "two.Mute"
    assert verdict["borrow"]["failed"] == 0
    assert verdict["load"]["arrivals"] < 100
