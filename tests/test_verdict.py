"""``verdict.json`` as other programs read it."""

import json

import pytest

from harness.history.reader import Facts
from harness.plan.plan import Plan
from harness.verdict.judge import judge
from harness.verdict.types import from_json, to_json
from tests import builders
from tests.builders import CUT, cut_run, facts, plan_of


def runs() -> list[tuple[Plan, Facts]]:
    """A survived partition, a quiet run and one that never began."""
    quiet, never = plan_of(), plan_of(CUT)
    status = builders.status(never, clock=None, load_ended_ns=None, interrupted=True)
    unread = builders.ledger((), read=False, complete=False)
    return [
        cut_run(),
        (quiet, facts(quiet)),
        (never, facts(never, (), status=status, faults=(), ledger=unread)),
    ]


@pytest.mark.parametrize("run", runs())
def test_a_verdict_survives_its_file(run: tuple[Plan, Facts]) -> None:
    """Written and read back it is the same."""
    verdict = judge(*run)

    assert from_json(to_json(verdict)) == verdict


def test_names_that_other_programs_rely_on() -> None:
    """The fields of schema version 1, spelled as promised."""
    body = json.loads(to_json(judge(*cut_run())))

    assert next(iter(body)) == "schema"
    assert body["schema"] == "lendchaos.verdict/1"
    assert {"run_id", "scenario", "hypothesis", "seed", "target", "zero_utc"} <= set(body)
    assert {"verdict", "exit_code", "sentence", "load", "borrow", "log_in"} <= set(body)
    assert {"phases", "faults", "episodes", "recovery", "reconciliation"} <= set(body)
    assert {"objectives", "findings"} <= set(body)
    assert set(body["borrow"]["declined"]) == {"credit", "policy", "behaviour"}
    assert set(body["borrow"]["failed_by_phase"]) == {"baseline", "fault", "recovery"}
    assert set(body["borrow"]["window"]) == {"start_s", "end_s", "operations", "failed"}
    assert body["episodes"][0]["class"] == "outage"
    assert body["zero_utc"] == "2027-01-15T08:00:00.000000000Z"


def test_another_schema_version_is_refused() -> None:
    """A verdict of another version is not misread."""
    text = to_json(judge(*cut_run())).replace("lendchaos.verdict/1", "lendchaos.verdict/2")

    with pytest.raises(ValueError, match="verdict/2"):
        from_json(text)
