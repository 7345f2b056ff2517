"""The credit bureau as a part of the stack that can fail, and what its failure costs borrowers."""

from collections import Counter
from pathlib import Path

import pytest

from harness.core.http_calls import get
from harness.faults import Freeze, Kill, Partition
from harness.faults.registry import injector_for
from harness.plan.fault import FaultSpec
from harness.stack import Stack, StackClient, StackSettings, down, up
from tests.builders import offered_by, planned_fault
from tests.live.conftest import BRIEF, RATE, Run, Runner, judged, service_lines
from tests.live.defects import failures

pytestmark = pytest.mark.live

# Enough borrowers with a low score come in the time for one of them to tell a gate that is open.
SHORTLY = (*BRIEF, "--fault=2.5s")
DEFECT = "bureau_fail_open"


def test_it_is_a_process_with_a_link(stack: Stack) -> None:
    """Supervised, listed and reached through its own link, by its own name."""
    assert {"link bureau", "process bureau"} <= offered_by(stack)
    assert [one.alive for one in StackClient(stack).status() if one.name == "bureau"] == [True]
    link = stack.links["bureau"]
    for address in (link.listen, link.upstream):
        answer = get(f"http://{address}/healthz")
        assert answer is not None
        assert (answer.field("instance"), answer.field("stack_id")) == ("bureau", stack.stack_id)
    assert (stack.log_dir / "bureau.log").exists()


@pytest.mark.parametrize(
    "spec", [Partition("bureau"), Kill("bureau"), Freeze("bureau")], ids=lambda spec: spec.kind
)
def test_it_can_be_broken_and_healed(stack: Stack, spec: FaultSpec) -> None:
    """Each fault is proven on the bureau itself, and nothing of it stays."""
    injector = injector_for(planned_fault("1-bureau", spec, 0.0, 30.0), stack)
    try:
        before = injector.ready()
        injector.inject()
        during = injector.read_back(), injector.canary()
    finally:
        injector.heal()
    proofs = (before, *during, injector.healed())
    injector.clean_up()

    assert [proof.text for proof in proofs if not proof.holds] == []


def sources(run: Run, stack: Stack) -> Counter[str]:
    """How many borrows of a run were decided on whose score, by the service's own log."""
    keys = set(run.facts().operations.key)
    lines = [line for line in service_lines(stack) if line.get("idempotency_key") in keys]
    return Counter(line["score_source"] for line in lines if line["score_source"])


def test_an_outage_of_the_bureau_is_no_outage_of_borrowing(runner: Runner, stack: Stack) -> None:
    """Scores on file stand in: nobody fails, nobody is sent to review for the lack of a score."""
    run = judged(runner("bureau_outage", *SHORTLY))

    assert (run.exit_code, run.verdict["verdict"]) == (0, "pass"), run.output
    assert run.verdict["borrow"]["failed"] == 0
    assert "decision_drift" not in run.findings
    found = sources(run, stack)
    assert set(found) == {"bureau", "file"}
    assert found["file"] >= RATE  # of two and a half seconds' borrowers


def run_on(settings: StackSettings, folder: Path, *options: str) -> tuple[Run, Counter[str]]:
    """The same on a stack of its own; the sources of the scores are read before it goes."""
    state_dir = folder / "state"
    stack = up(settings, state_dir)
    try:
        run = judged(Runner(folder / "runs", state_dir)("bureau_outage", *SHORTLY, *options))
        return run, sources(run, stack)
    finally:
        down(state_dir)


@pytest.mark.long
def test_a_naive_service_fails_with_its_bureau(tmp_path: Path) -> None:
    """Without a limit, a second try and a score to fall back on, borrowing is out meanwhile."""
    run, found = run_on(StackSettings(service="naive"), tmp_path, "--service=naive")

    assert (run.exit_code, run.verdict["verdict"]) == (1, "fail"), run.output
    assert {"objective_missed"} < failures(run) <= {"objective_missed", "outage", "degraded"}
    missed = {o["id"] for o in run.verdict["objectives"] if o["verdict"] == "fail"}
    assert missed == {"failed_share_max", "impaired_episodes_max"}
    assert set(found) == {"bureau"}


@pytest.mark.long
def test_a_service_that_fails_open_is_found(tmp_path: Path) -> None:
    """It serves everybody, and that is how it is found: loans to whom the truth refuses them."""
    run, _ = run_on(StackSettings(defect=DEFECT), tmp_path)

    assert (run.exit_code, run.verdict["verdict"]) == (1, "fail"), run.output
    assert failures(run) == {"invariant_violated"}
    (finding,) = [f for f in run.verdict["findings"] if f["code"] == "invariant_violated"]
    assert "low_score" in finding["message"]
    remarks = [f["message"] for f in run.verdict["findings"] if f["code"] == "remark"]
    assert any(f"planted defect: {DEFECT}" in remark for remark in remarks)
