"""Faults as they stand, and what may be ordered."""

import time
from datetime import datetime

import pytest

from harness.apps.locust.fault_board import EVENTS_MAX, FaultBoard
from harness.plan.plan import Scenario, expand
from tests.builders import LOCAL
from tests.load.made_live import FAULTS, SETTINGS

SECOND = 1_000_000_000


def board() -> FaultBoard:
    """Two faults, planned for 5 to 13 s and 11 to 13 s."""
    return FaultBoard(expand("x", "", Scenario(faults=list(FAULTS)), SETTINGS, layout=LOCAL).faults)


def states(found: FaultBoard) -> list[str]:
    """Of both faults."""
    return [fault["state"] for fault in found.shown(0)]


def test_a_fault_is_followed_from_plan_to_heal() -> None:
    """Its times are those that were told, in seconds after zero."""
    found = board()
    found.tell("1-partition", "injected", 15 * SECOND)
    assert found.active == ["1-partition"]
    found.tell("1-partition", "healed", 18 * SECOND)
    (first, second) = found.shown(10 * SECOND)

    assert (first["state"], first["injected_s"], first["healed_s"]) == ("healed", 5.0, 8.0)
    assert (second["state"], second["injected_s"]) == ("planned", None)
    assert found.active == []
    assert [e["at_s"] for e in found.shown_events(10 * SECOND)] == [5.0, 8.0]
    begin, end = found.marks
    assert (begin["text"], end["text"]) == ("1-partition injected", "1-partition healed")
    assert (begin["begins"], end["begins"]) == (True, False)
    lasted = datetime.fromisoformat(end["at"]) - datetime.fromisoformat(begin["at"])
    assert lasted.total_seconds() == pytest.approx(3.0, abs=0.1)


@pytest.mark.parametrize(
    ("told", "can_inject", "can_heal"),
    [
        ([], True, False),
        (["injected"], False, True),
        (["injected", "not healed"], False, True),
        (["injected", "healed"], False, False),
    ],
)
def test_only_what_makes_sense_can_be_ordered(
    told: list[str], can_inject: bool, can_heal: bool
) -> None:
    """A fault is injected once, and only what is not known to be healed is healed."""
    found = board()
    for state in told:
        found.tell("1-partition", state, SECOND)
    shown = found.shown(0)[0]

    assert (shown["can_inject"], shown["can_heal"]) == (can_inject, can_heal)
    assert (found.objection("inject", "1-partition") is None) == can_inject
    assert "no fault 3-flood" in (found.objection("heal", "3-flood") or "")
    assert found.objection("heal", None) is None
    assert found.objection("inject", None) is not None


def test_an_order_stands_until_it_is_told_done() -> None:
    """Twice the same order is one, and the fault shows by whose hand it was."""
    found = board()
    found.order("inject", "2-partition")
    assert found.objection("inject", "2-partition") is not None
    assert found.shown(0)[1]["ordered"] == "inject"
    found.tell("2-partition", "injected", SECOND)

    assert found.shown(0)[1]["ordered"] is None
    assert found.shown(0)[1]["by_hand"] == ["inject"]


def test_healing_everything_calls_off_what_was_to_come() -> None:
    """As the conductor does; one that began in the same moment is shown as it is."""
    found = board()
    found.tell("1-partition", "injected", SECOND)
    found.order("heal", None)
    assert states(found) == ["injected", "called off"]
    assert found.objection("inject", "2-partition") is not None
    found.tell("2-partition", "injected", SECOND)

    assert states(found) == ["injected", "injected"]


def test_what_did_not_come_by_the_end_comes_no_more() -> None:
    """After the load nothing is injected, and after a broken run no heal is told: neither is shown
    as still to come, nor as at work for ever.
    """
    found = board()
    found.tell("1-partition", "injected", SECOND)
    found.order("inject", "2-partition")
    found.end()
    assert states(found) == ["injected", "not injected"]
    assert (found.shown(0)[1]["ordered"], found.active) == (None, ["1-partition"])
    found.end(broken_off=True)
    assert states(found) == ["heal not seen", "not injected"]
    assert found.active == ["1-partition"]
    found.tell("1-partition", "healed", SECOND)

    assert states(found) == ["healed", "not injected"]


def test_rows_are_text_with_a_timeline() -> None:
    """For Locust's tab: where the fault is planned, where it was, and where now is."""
    found = board()
    zero_ns = time.monotonic_ns() - 8 * SECOND
    found.tell("1-partition", "injected", zero_ns + 5 * SECOND)
    first, second = found.rows(zero_ns, -1.0, 19.0)

    assert (first["fault"], first["target"], first["injected"]) == (
        "1-partition",
        "database",
        "5.0\xa0s",
    )
    assert first["state"].startswith("ACTIVE for 3.")
    assert first["timeline"].strip("▁") == "█" * 4 + "▐" + "░" * 7
    assert second["timeline"].index("▐") < second["timeline"].index("░")
    assert all(isinstance(value, str) for row in (first, second) for value in row.values())


def test_strangers_are_left_out_and_events_are_bounded() -> None:
    """A fault that flaps all day does not fill the page."""
    found = board()
    found.tell("9-other", "injected", SECOND)
    for _ in range(EVENTS_MAX * 2):
        found.tell("1-partition", "injected", SECOND)

    assert len(found.events) == len(found.marks) == EVENTS_MAX
    assert {text for _, text in found.events} == {"1-partition injected"}
