"""Toxiproxy's control API hangs for real, in the middle of a fault: it is healed all the same."""

import subprocess
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest

from harness.faults import Latency, Partition
from harness.faults.heal.healing import heal_open
from harness.faults.heal.proxy_restart import SECOND_WAY
from harness.faults.probes import link_canaries
from harness.faults.registry import injector_for
from harness.faults.timeline import FaultTimeline
from harness.history.events import FaultFact
from harness.history.journal import Journal
from harness.stack import Stack, StackClient, StackSettings, down, up
from tests.builders import planned_fault
from tests.live.conftest import SCENARIOS, SHORT, Runner
from tests.live.hung_proxy import add_toxic, hang, hangs, stalled_reader
from tests.live.test_how_a_harness_lies import wait_for_fault

pytestmark = pytest.mark.live
PHASES = (*SHORT, "--fault=2s", "--recovery=6s")
UPSTREAM = planned_fault("1-partition", Partition("database", direction="upstream"), 0.0, 60.0)


@pytest.fixture(scope="module")
def own_stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    """A stack whose Toxiproxy may hang."""
    folder = tmp_path_factory.mktemp("second-way")
    yield up(StackSettings(), folder)
    down(folder)


def toxiproxy_restarts(stack: Stack) -> int:
    """How often the supervisor has started it again."""
    return next(p.restarts for p in StackClient(stack).status() if p.name == "toxiproxy")


def test_a_hung_api_is_found_and_its_process_replaced_once(own_stack: Stack) -> None:
    """Two healers at once: the fault is gone in seconds, every link carries a canary."""
    restarts = toxiproxy_restarts(own_stack)
    add_toxic(own_stack)
    with stalled_reader(own_stack):
        # Not due yet: past its deadline the supervisor would have it healed before we do.
        journal = Journal(own_stack.state_dir, own_stack.stack_id, "run-1")
        journal.intend(UPSTREAM, time.monotonic_ns() + 10**12)
        injector_for(UPSTREAM, own_stack).inject()
        hang(own_stack)
        assert hangs(own_stack)
    assert hangs(own_stack), "it came back by itself once the reader had gone"
    assert not hangs(own_stack, "/version"), "all of Toxiproxy hangs, not one proxy's toxics"

    began = time.monotonic()
    with ThreadPoolExecutor(2) as pool:
        results = list(pool.map(lambda by: heal_open(own_stack, by)[0], ("first", "second")))
    took_s = time.monotonic() - began

    assert [result.gone for result in results] == [True, True], results
    assert took_s < 15  # five on a quiet machine: two to find it, a second look of each healer
    assert toxiproxy_restarts(own_stack) == restarts + 1
    rows = Journal(own_stack.state_dir, own_stack.stack_id).rows("run-1")
    told = [row for row in rows if row.event == SECOND_WAY]
    assert [row.holds for row in told] == [None, True]
    assert told[1].at_ns - told[0].at_ns < 10e9
    assert all(answers for _, answers in link_canaries(own_stack))


def test_a_toxic_that_cannot_be_taken_out_is_healed_all_the_same(own_stack: Stack) -> None:
    """The fault's own toxic hangs at its heal, as under any load whose reader has stalled."""
    facts: list[FaultFact] = []
    planned = planned_fault("1-latency", Latency("database", milliseconds=50), 0.0, 60.0)
    timeline = FaultTimeline(own_stack, (planned,), facts.append, lambda *_: None)
    timeline.check()
    timeline.start(time.monotonic_ns())
    deadline = time.monotonic() + 20
    while not (facts and len(facts[-1].proofs) == 2) and time.monotonic() < deadline:
        time.sleep(0.05)
    with stalled_reader(own_stack):
        timeline.finish()

    fact = facts[-1]
    assert fact.healed_ns is not None
    assert fact.heal_called_ns is not None
    assert (fact.healed_ns - fact.heal_called_ns) / 1e9 < 12  # two on a quiet machine
    proofs = {proof.kind: proof for proof in fact.proofs}
    assert "healed the second way" in proofs[SECOND_WAY].text
    assert proofs["healed"].holds
    assert timeline.errors == []
    assert not hangs(own_stack)


def upstream_only(folder: Path) -> Path:
    """The partition of the example, of requests only: the stalled reader needs what comes back."""
    text = (SCENARIOS / "network_partition.py").read_text()
    path = folder / "hung_api.py"
    path.write_text(
        text.replace('Partition("database"', 'Partition("database", direction="upstream"')
    )
    return path


def test_a_run_survives_a_hung_api_and_tells_of_it(own_stack: Stack, tmp_path: Path) -> None:
    """Hung while the fault is in: healed the second way, and the report says what happened."""

    def hang_in_mid_fault(runner: Runner, process: subprocess.Popen[str]) -> None:
        # Before its load a run removes what is not its own.
        while process.poll() is None and not list(runner.runs_dir.glob("*-*/events-*.jsonl")):
            time.sleep(0.05)
        add_toxic(own_stack)
        with stalled_reader(own_stack):
            wait_for_fault(runner, process)
            hang(own_stack)

    runner = Runner(tmp_path / "runs", own_stack.state_dir)
    run = runner(upstream_only(tmp_path), *PHASES, meanwhile=hang_in_mid_fault)

    (fault,) = run.verdict["faults"]
    assert fault["healed_s"] is not None, run.output
    assert 7.9 < fault["healed_s"] < 16, "not healed at its time, or not in bounded time"
    proofs = " · ".join(fault["proof"])
    assert "healed the second way: Toxiproxy at" in proofs
    assert "no answer within" in proofs
    assert "every link carries a canary" in proofs
    assert "no toxic left" in proofs
    page = (run.path / "report.html").read_text()
    assert "healed the second way" in page
    # Every connection was cut, borrows in mid-air too: what that cost is the verdict's to say.
    assert not {"not_healed", "fault_did_not_bite", "internal_check_error"} & set(run.findings)
    assert run.exit_code == run.verdict["exit_code"], run.output
    assert not hangs(own_stack)
    assert all(answers for _, answers in link_canaries(own_stack))
    assert Journal(own_stack.state_dir, own_stack.stack_id).open_faults() == []
