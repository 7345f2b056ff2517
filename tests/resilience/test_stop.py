"""``stop:`` in ``resilience.yaml``: as strict as the rest, in the words of the command line."""

import json
from pathlib import Path

import jsonschema
import pytest

from harness.core.errors import UsageError
from harness.plan.resilience import read
from harness.plan.stop_conditions import STOP_KINDS, StopConditions
from tests.resilience.test_resilience import SCHEMA_PATH, mistakes, written

EVERYTHING = """\
version: 1
stop:
  failed_budget: 300
  failed_surge: on
  double_disbursement: "off"
  principal_at_risk_fen: 500000
scenarios:
  cut:
    stop: {failed_budget: off}
"""


def test_everything_it_can_say(tmp_path: Path) -> None:
    """For all scenarios and for one, with the line of each."""
    found = read(written(tmp_path, EVERYTHING))
    (everywhere, lines), (own, own_lines) = found.stop_layers("cut")

    assert StopConditions(**everywhere) == StopConditions(
        failed_budget=300,
        failed_surge=True,
        double_disbursement=False,
        principal_at_risk_fen=500000,
    )
    assert own == {"failed_budget": "off"}
    assert lines["principal_at_risk_fen"] == "resilience.yaml:6"
    assert own_lines == {"failed_budget": "resilience.yaml:9"}
    assert found.stop_layers("other")[1] == ({}, {})


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("stop:\n", "stop has nothing in it: leave it out, or give it some of failed_budget"),
        ("stop: on\n", "stop must be a section with keys: failed_budget, failed_surge"),
        ("stop: {budget: 3}\n", "line 2, column 8: 'budget' is not known here"),
        ("stop: {failed_budgets: 3}\n", "did you mean failed_budget?"),
        ("stop: {failed_budget: -1}\n", "line 2, column 23: failed_budget: -1 must be a whole"),
        ("stop: {failed_budget: on}\n", "true must be a whole number from 0 to 10000000, or off"),
        ("stop: {failed_budget: 1.5}\n", "1.5 must be a whole number"),
        ("stop: {failed_budget: 5%}\n", "'5%' must be a whole number"),
        ("stop: {failed_surge: 1}\n", "1 must be on or off"),
        ("stop: {double_disbursement: always}\n", "'always' must be on or off"),
        ("stop: {principal_at_risk_fen: null}\n", "nothing must be a whole number"),
        ("scenarios: {cut: {stop: {failed_budge: 3}}}\n", "line 2, column 26: 'failed_budge'"),
    ],
)
def test_a_mistake_is_told_with_what_would_be_valid(
    text: str, expected: str, tmp_path: Path
) -> None:
    """With its line and column."""
    told = mistakes(tmp_path, f"version: 1\n{text}")

    assert any(expected in line for line in told), told
    assert len(told) == 1


def test_every_mistake_is_told_at_once(tmp_path: Path) -> None:
    """Together with those of other sections."""
    text = "version: 1\nstop: {failed_budget: -1, failed_surge: 2}\nobjectives: {slow: 1}\n"
    with pytest.raises(UsageError, match="3 mistakes"):
        read(written(tmp_path, text))


@pytest.mark.parametrize(
    ("stop", "valid"),
    [
        ({"failed_budget": 3}, True),
        ({"failed_budget": False, "failed_surge": True}, True),
        ({"failed_budget": True}, False),
        ({"failed_budget": -1}, False),
        ({"failed_budget": "off", "double_disbursement": "on"}, True),
        ({"failed_budget": "on"}, False),
        ({"double_disbursement": "yes"}, False),
        ({"budget": 3}, False),
    ],
)
def test_the_schema_agrees(stop: dict[str, object], valid: bool) -> None:
    """What an editor is told is what the program takes: on and off are words to the one."""
    schema = json.loads(SCHEMA_PATH.read_text())
    errors = list(jsonschema.Draft7Validator(schema).iter_errors({"version": 1, "stop": stop}))

    assert (not errors) is valid
    assert set(schema["definitions"]["Stop"]["properties"]) == set(STOP_KINDS)
