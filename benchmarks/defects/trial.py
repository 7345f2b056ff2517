"""One pair on a stack of its own: the run, the acts that its defect told, and what both mean."""

import os
import re
import subprocess
import sys
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

import numpy as np

from benchmarks.defects.acts import Act, Circumstances, read_acts
from benchmarks.defects.plan import RATE, Pair
from benchmarks.real_runs import ROOT, BenchmarkError
from harness.apps.gate.selftest import FOUND_BY
from harness.core.connections import connect
from harness.history.events import Clock, FaultFact
from harness.history.reader import Facts, read_facts
from harness.history.run_directory import RunDirectory
from harness.plan.plan import Plan
from harness.stack import Stack, StackSettings, down, up
from harness.verdict.stored_verdict import read_verdict
from harness.verdict.types import Judgement, Severity, Verdict

RUN_SECONDS_MAX = 240.0


class Ruling(StrEnum):
    """What a verdict is worth beside the harm that was really done."""

    FOUND = "found"
    OTHERWISE = "failed by other findings"
    UNDECIDED = "inconclusive with harm"
    FALSE_PASS = "FALSE PASS"  # noqa: S105  # no password
    HARMLESS = "no harm, passed"
    OPEN = "no harm, inconclusive"
    FALSE_FAIL = "no harm, yet failed"
    BROKEN = "no verdict"

    @property
    def is_wrong(self) -> bool:
        """Whether the benchmark fails by it: harm that was passed, or nothing to be judged."""
        return self in (Ruling.FALSE_PASS, Ruling.BROKEN)


@dataclass(frozen=True, slots=True)
class Result:
    """What came of a pair. ``verdict`` is empty where there is none; it fails by ``failures``."""

    pair: Pair
    ruling: Ruling
    harm: int
    acts: int
    verdict: str
    failures: tuple[str, ...]
    said: str


def ruling_of(pair: Pair, harm: int, judgement: str, failures: tuple[str, ...]) -> Ruling:
    """What a verdict is worth; ``failures`` are codes of findings and missed objectives."""
    match judgement:
        case Judgement.PASS:
            return Ruling.FALSE_PASS if harm else Ruling.HARMLESS
        case Judgement.INCONCLUSIVE:
            return Ruling.UNDECIDED if harm else Ruling.OPEN
        case Judgement.FAIL if not harm:
            return Ruling.FALSE_FAIL
        case Judgement.FAIL:
            known = {*FOUND_BY[pair.name], *pair.rule.needs}
            return Ruling.FOUND if known & set(failures) else Ruling.OTHERWISE
    return Ruling.BROKEN


def circumstances(plan: Plan, facts: Facts) -> Circumstances:
    """When what was broken, and who had to be declined.

    Raises:
        BenchmarkError: the run has no clock.
    """
    clock = facts.status.clock
    if clock is None:
        raise BenchmarkError(f"run {plan.run_id} never began")
    refusable = {b.index for b in plan.borrowers if b.account_class.expected_decline is not None}
    ended_ns, due = facts.status.load_ended_ns, facts.operations
    return Circumstances(
        load_end_s=plan.load_end_s if ended_ns is None else clock.seconds(ended_ns),
        rate=RATE,
        faults=tuple(_span(fault, clock, plan.load_end_s) for fault in facts.faults),
        refusable=frozenset(facts.account_of[i] for i in refusable if i in facts.account_of),
        refusable_keys=frozenset(due.key[np.isin(due.borrower, [*refusable])]),
    )


def _span(fault: FaultFact, clock: Clock, end_s: float) -> tuple[float, float]:
    began, healed = fault.inject_called_ns, fault.healed_ns or fault.heal_returned_ns
    return (
        end_s if began is None else clock.seconds(began),
        end_s if healed is None else clock.seconds(healed),
    )


def ruled(pair: Pair, verdict: Verdict, acts: list[Act], around: Circumstances) -> Result:
    """The harm of a run, and what its verdict is worth beside it."""
    own = [act for act in acts if act.defect == pair.name]
    harm = pair.rule.count(own, around, pair.trial.limits)
    failed = [finding.code for finding in verdict.findings if finding.verdict is Severity.FAIL]
    missed = [o.id for o in verdict.objectives if o.verdict is Judgement.FAIL]
    failures = tuple(dict.fromkeys((*failed, *missed)))
    judgement = verdict.verdict
    ruling = ruling_of(pair, harm, judgement, failures)
    return Result(pair, ruling, harm, len(own), str(judgement), failures, verdict.sentence)


# --- the run -------------------------------------------------------------------------------------


def run_pair(pair: Pair, folder: Path, seed: int) -> Result:
    """Bring a stack with the defect up, run, count, and take it down.

    Raises:
        BenchmarkError: the run ended without a verdict.
    """
    folder.mkdir(parents=True)
    state_dir = folder / "state"
    stack = up(StackSettings(defect=pair.defect), state_dir)
    try:
        run = _run(pair, folder, state_dir, seed)
        plan = run.read_plan()
        facts = read_facts(run, plan)
        around = circumstances(plan, facts)
        assert facts.status.clock is not None  # noqa: S101  # or there were no circumstances
        zero_s = facts.status.clock.zero_wall_ns / 1e9
        acts = read_acts(_logs(stack), zero_s, _loans_of(stack))
        return ruled(pair, read_verdict(run), acts, around)
    finally:
        down(state_dir)


def _logs(stack: Stack) -> list[str]:
    return [path.read_text(encoding="utf-8") for path in stack.service_logs.values()]


def _loans_of(stack: Stack) -> dict[str, int]:
    """How many loans there are of each key, asked around everything of the harness."""
    with connect(stack.database_url or "", connect_timeout=5) as connection:
        rows = connection.execute("SELECT idem_key, count(*) FROM loan GROUP BY idem_key")
        return dict(rows.fetchall())


def _run(pair: Pair, folder: Path, state_dir: Path, seed: int) -> RunDirectory:
    scenario = folder / (re.sub(r"\W+", "_", pair.trial.name) + ".py")
    scenario.write_text(pair.trial.source)
    command = [sys.executable, "-m", "locust", "-f", str(scenario), "--headless", "--only-summary"]
    places = ["--runs-dir", str(folder / "runs"), "--state-dir", str(state_dir)]
    with (folder / "locust.log").open("wb") as log:
        process = subprocess.Popen(
            [*command, *places, *pair.options, f"--seed={seed}"],
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            cwd=ROOT,
            env=dict(os.environ),
        )
        try:
            process.wait(RUN_SECONDS_MAX)
        except subprocess.TimeoutExpired as error:
            raise BenchmarkError(f"{pair} did not end within {RUN_SECONDS_MAX:g} s") from error
        finally:
            if process.poll() is None:
                process.terminate()
                process.wait()
    verdicts = list(folder.glob("runs/*-*/verdict.json"))
    if len(verdicts) != 1:
        last_words = (folder / "locust.log").read_text(encoding="utf-8", errors="replace")[-400:]
        raise BenchmarkError(f"{pair} ended without a verdict: {last_words}")
    return RunDirectory(verdicts[0].parent)
