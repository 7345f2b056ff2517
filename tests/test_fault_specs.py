"""Specifications of faults: what cannot be is said before anything starts."""

import json
import re
from collections.abc import Callable
from dataclasses import replace

import pytest

from harness.core.errors import UsageError
from harness.faults import CommitLost, Flap, Latency, Partition, Refuse, Reset, Throttle
from harness.history.stored_faults import dumped_fault
from harness.history.stored_faults import planned_fault as planned_fault_of
from harness.plan.fault import FaultSpec
from harness.plan.fault_registry import spec_from
from harness.plan.fault_text import parse_fault
from tests.builders import planned_fault

SOUND: list[FaultSpec] = [
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
WRONG: list[tuple[Callable[[], FaultSpec], str]] = [
    (lambda: Latency("edge", 0), "milliseconds 0 must be a whole number from 1 to 60000"),
    (lambda: Latency("edge", 60_001), "milliseconds 60001 must"),
    (lambda: Latency("edge", 10, jitter=11), "jitter 11 must be a whole number from 0 to"),
    (lambda: Latency("edge", 10, jitter=-1), "jitter -1 must"),
    (lambda: Throttle("edge", 0), "kilobytes_per_second 0 must be a whole number from 1"),
    (lambda: Flap("edge", period=0.05), "period 0.05 must be from 0.1 to 60 seconds"),
    (lambda: Flap("edge", period=61), "period 61 must"),
    (lambda: Flap("edge", duty=0.0), "duty 0 must be a share between 0 and 1, both excluded"),
    (lambda: Flap("edge", duty=1.0), "duty 1 must"),
    (lambda: Flap("edge", period=float("nan")), "period nan must"),
]


@pytest.mark.parametrize("spec", SOUND, ids=str)
def test_a_sound_fault_survives_being_planned_and_written(spec: FaultSpec) -> None:
    """Also at the ends of what is allowed; the plan holds it as JSON, and makes it again."""
    fault = planned_fault("1-x", replace(spec, at="1s", lasts="2s"), 9.0, 11.0)

    again = planned_fault_of(json.loads(json.dumps(dumped_fault(fault))))

    assert again == fault
    assert spec_from(again) == replace(spec, at=0.0, lasts=5.0)
    assert spec.target in spec.description


@pytest.mark.parametrize(("make", "problem"), WRONG, ids=[problem[:30] for _, problem in WRONG])
def test_each_wrong_value_is_named_with_what_is_valid(
    make: Callable[[], FaultSpec], problem: str
) -> None:
    """One line for each value."""
    with pytest.raises(UsageError) as caught:
        make()

    assert str(caught.value).partition(": ")[2].startswith(problem)


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
        return [str(error).removeprefix(f"{text}: ").partition("; it is ")[0]]
