"""A mistake in a step of the scenario: told first and with its place, never the target's fault."""

from dataclasses import replace
from typing import Any

import pytest

from harness.history.events import Ending, Outcome
from harness.history.run_facts import ErrorRecord
from harness.verdict.judge import judge
from harness.verdict.series import stop_reason
from harness.verdict.types import Judgement, Verdict
from tests import builders
from tests.builders import CUT, at_ns, facts, operations, plan_of

TEXT = "my_lender.py:31: borrow returned None; it must return what the answer came to"
BROKEN: dict[str, Any] = {"ending": Ending.BROKEN, "ended_ns": None, "attempts": 0}


def ended_early(since_s: float, *more: ErrorRecord, outcome: Outcome = Outcome.FAILED) -> Verdict:
    """A run that the first broken step ended a moment later."""
    plan = plan_of(CUT)
    due = [o for o in operations(plan) if o.intended_ns < at_ns(since_s + 0.1)]
    ops = tuple(
        o if o.intended_ns < at_ns(since_s) else replace(o, outcome=outcome, **BROKEN) for o in due
    )
    ended = builders.status(
        plan,
        load_ended_ns=at_ns(since_s + 0.1),
        drained_ns=at_ns(since_s + 0.2),
        ended_by="step",
        troubles=(*more, ErrorRecord(TEXT, of_step=True)),
    )
    return judge(plan, facts(plan, ops, status=ended, faults=()))


@pytest.mark.parametrize("since_s", [-1.0, 4.0])
@pytest.mark.parametrize("outcome", [Outcome.FAILED, Outcome.INDETERMINATE])
def test_the_sentence_begins_with_the_place(since_s: float, outcome: Outcome) -> None:
    """In its own spelling, however much else is open in a run that ended so early."""
    verdict = ended_early(since_s, outcome=outcome)

    assert (verdict.verdict, verdict.exit_code) == (Judgement.INCONCLUSIVE, 3)
    assert verdict.sentence.startswith(f"{TEXT}. To decide it: mend that and run it again.")


def test_a_journey_that_it_ended_is_no_failure_of_the_target() -> None:
    """Nor an arrival that never started."""
    verdict = ended_early(9.0)

    assert verdict.borrow.failed == 0
    assert verdict.load.dropped == 0
    assert verdict.episodes == []


def test_other_troubles_are_told_behind_it() -> None:
    """One of them may be why the step is wrong."""
    verdict = ended_early(4.0, ErrorRecord("a listener raised"))

    (finding,) = [f for f in verdict.findings if f.code == "load_unfaithful"]
    assert finding.message == f"{TEXT}; a listener raised"
    assert finding.evidence["broken_steps"] == [TEXT]


def test_it_ends_a_series() -> None:
    """The step would be wrong in the next run, too."""
    assert stop_reason(ended_early(4.0)) == "a step of the scenario is wrong"
