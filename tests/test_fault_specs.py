"""Specifications of faults: what cannot be is said before anything starts."""

import re

import pytest
from pydantic import TypeAdapter

from harness.core.errors import UsageError
from harness.plan.fault_specs import (
    AnyFault,
    CommitLost,
    Flap,
    Latency,
    Partition,
    Refuse,
    Reset,
    Throttle,
)
from harness.plan.fault_text import parse_fault

SOUND: list[AnyFault] = [
    Partition("edge"),
    Refuse("edge"),
    Reset("edge"),
    Latency("edge", 1),
    Latency("edge", 60_000, jitter=60_000, direction="both"),
    Throttle("edge", 1, direction="upstream"),
    Flap("edge", period=0.1, duty=0.01),
    Flap("edge", period=60.0, duty=0.99),
    CommitLost(),
]
WRONG: list[tuple[AnyFault, str]] = [
    (Latency("edge", 0), "milliseconds 0 must be a whole number from 1 to 60000"),
    (Latency("edge", 60_001), "milliseconds 60001 must"),
    (Latency("edge", 10, jitter=11), "jitter 11 must be a whole number from 0 to milliseconds"),
    (Latency("edge", 10, jitter=-1), "jitter -1 must"),
    (Throttle("edge", 0), "kilobytes_per_second 0 must be a whole number from 1"),
    (Flap("edge", period=0.05), "period 0.05 must be from 0.1 to 60 seconds"),
    (Flap("edge", period=61), "period 61 must"),
    (Flap("edge", duty=0.0), "duty 0 must be a share between 0 and 1, both excluded"),
    (Flap("edge", duty=1.0), "duty 1 must"),
    (Flap("edge", period=float("nan")), "period nan must"),
]


@pytest.mark.parametrize("spec", SOUND, ids=str)
def test_a_sound_fault_has_no_problem_and_survives_writing(spec: AnyFault) -> None:
    """Also at the ends of what is allowed; the plan holds it as JSON."""
    adapter: TypeAdapter[AnyFault] = TypeAdapter(AnyFault)

    assert spec.problems == []
    assert adapter.validate_json(adapter.dump_json(spec)) == spec
    assert spec.target in spec.description


@pytest.mark.parametrize(("spec", "problem"), WRONG, ids=str)
def test_each_wrong_value_is_named_with_what_would_do(spec: AnyFault, problem: str) -> None:
    """One line for each value."""
    (found,) = spec.problems

    assert found.startswith(problem)


@pytest.mark.parametrize(
    ("text", "field"),
    [
        ('Latency("edge", milliseconds={})', "milliseconds"),
        ('Throttle("edge", kilobytes_per_second={})', "kilobytes_per_second"),
        ('Flap("edge", period={})', "period"),
    ],
)
def test_the_bounds_that_a_message_names_are_taken(text: str, field: str) -> None:
    """Both ends, as they stand there."""
    (told,) = parse_problems(text.format(0))
    (bounds,) = re.findall(r"from (\S+) to (\S+?)(?: seconds)?$", told)

    assert told.startswith(f"{field} 0 must be")
    assert [parse_problems(text.format(bound)) for bound in bounds] == [[], []]


def parse_problems(text: str) -> list[str]:
    """What cannot be of a fault as a command line has it."""
    try:
        return parse_fault(text).problems
    except UsageError as error:
        return [str(error).removeprefix(f"{text}: ")]
