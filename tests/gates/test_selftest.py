"""The self-test: it says that a gate detects a defect only when both runs show it."""

import re
from pathlib import Path

import pytest

from harness.apps.gate.selftest import FOUND_BY, SelfTest, self_test
from harness.core.errors import UsageError
from harness.verdict.stored_verdict import EndedRun
from harness.verdict.types import Severity
from target_service.defects import DEFECTS
from tests.gates.made import OPEN, verdict_of, with_finding

DEFECT = "amount_truncated"
CLEAN = EndedRun(Path("runs/a"), 0, verdict_of())
FOUND = EndedRun(None, 1, with_finding(verdict_of(), "corrupt", Severity.FAIL))
OTHERWISE = EndedRun(None, 1, with_finding(verdict_of(), "outage", Severity.FAIL))
UNDECIDED = EndedRun(None, 3, verdict_of(OPEN))
NONE = EndedRun(None, 3)


def outcome(clean: EndedRun, planted: EndedRun) -> tuple[SelfTest, list[str]]:
    """The result, and the defects of the runs that were made for it."""
    made: list[str] = []

    def run(defect: str) -> EndedRun:
        made.append(defect)
        return planted if defect else clean

    return self_test("baseline", DEFECT, run), made


def test_it_bites() -> None:
    """Green without the bug, red with it, for the right reason."""
    result, made = outcome(CLEAN, FOUND)

    assert made == ["", DEFECT]
    assert result.exit_code == 0
    assert result.sentence == (
        "The gate detects the defect: the clean run passes,"
        " the run with amount_truncated fails by corrupt."
    )


@pytest.mark.parametrize(
    ("clean", "planted", "code", "said"),
    [
        (CLEAN, CLEAN, 1, "the run with amount_truncated passes"),
        (CLEAN, OTHERWISE, 1, "fails by outage, and not by corrupt"),
        (FOUND, FOUND, 1, "without a defect the run fails, too, by corrupt"),
        (UNDECIDED, CLEAN, 1, "the run with amount_truncated passes"),
        (UNDECIDED, FOUND, 3, "the clean run is not decided"),
        (NONE, FOUND, 3, "the clean run is not decided"),
        (EndedRun(None, 4, verdict_of()), FOUND, 3, "the clean run is not decided"),
        (CLEAN, UNDECIDED, 3, "the run with amount_truncated is not decided"),
        (CLEAN, NONE, 3, "the run with amount_truncated is not decided"),
        (CLEAN, EndedRun(None, 130), 130, "exit code 130: nothing was shown"),
    ],
)
def test_it_does_not_say_so_otherwise(
    clean: EndedRun, planted: EndedRun, code: int, said: str
) -> None:
    """Cannot is 1, not shown is 3."""
    result, _ = outcome(clean, planted)

    assert (result.exit_code, said in result.sentence) == (code, True), result.sentence
    assert "The gate detects the defect" not in result.sentence


@pytest.mark.parametrize("code", [2, 70, 130])
def test_it_ends_where_nothing_can_be_run(code: int) -> None:
    """The second run would end alike."""
    result, made = outcome(EndedRun(None, code), FOUND)

    assert (result.exit_code, result.planted, made) == (code, None, [""])


def test_an_unknown_defect_is_refused() -> None:
    """With the names of all there are, before anything is run."""
    with pytest.raises(UsageError, match=r"'amount' is not one of acknowledge_before_commit, "):
        self_test("baseline", "amount", lambda _: CLEAN)


def test_every_defect_of_the_service_has_its_finding() -> None:
    """The names are those of the service, the findings those of the page."""
    page = Path(__file__).parents[2] / "docs" / "defects.md"
    row = re.compile(r"^\| `(\w+)` \|[^|]*\|([^|]*)\|", re.MULTILINE)
    rows = row.findall(page.read_text(encoding="utf-8"))
    told = {name: set(re.findall(r"`(\w+)`", cell)) for name, cell in rows}

    assert set(FOUND_BY) == set(DEFECTS) == set(told)
    assert {name: codes for name, codes in FOUND_BY.items() if not set(codes) <= told[name]} == {}
