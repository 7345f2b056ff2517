"""The catalogue of faults: every fault is in it, with a line that can be run as it stands."""

import re
from pathlib import Path

from harness.plan.fault_text import names, parse_fault
from harness.stack import StackSettings
from harness.stack.layouts import local_layout
from tests.builders import LOCAL
from tests.fault_catalogue import with_table

ROOT = Path(__file__).parent.parent
PAGE = (ROOT / "docs" / "faults.md").read_text(encoding="utf-8")
WIRED = local_layout(StackSettings(namespaces=True))


def test_the_catalogue_is_what_the_faults_say_of_themselves() -> None:
    """Written by `tests.fault_catalogue`."""
    assert with_table(PAGE) == PAGE, "renew it: python -m tests.fault_catalogue"


def test_every_fault_has_a_line_that_runs_it() -> None:
    """Read as the command line reads it, on something that the local stack has."""
    faults = [parse_fault(text) for text in re.findall(r"--inject '([^']+)'", PAGE)]

    assert {type(fault).__name__ for fault in faults} == set(names())
    for need in (need for fault in faults for need in fault.needs):
        assert LOCAL.offers(need) or WIRED.offers(need), need


def test_every_fault_says_how_it_is_proven_and_healed() -> None:
    """A row with five cells, none of them empty."""
    rows = [line for line in PAGE.splitlines() if re.match(r"\| `[A-Z]", line)]

    assert sorted(re.findall(r"^\| `(\w+)\(", "\n".join(rows), re.MULTILINE)) == sorted(names())
    for row in rows:
        cells = [cell.strip() for cell in row.strip("|").split(" | ")]
        assert len(cells) == 5
        assert all(cells)


def test_every_scenario_that_is_named_exists() -> None:
    """None was renamed without the page."""
    named = set(re.findall(r"scenario `(\w+)`", PAGE))

    assert named
    assert [n for n in named if not (ROOT / "scenarios" / f"{n}.py").exists()] == []
