"""Planted defects and the runs that find them; each run passes on a service without the defect."""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from harness.stack import StackSettings, down, up
from tests.live.conftest import BRIEF, Run, Runner

SCENARIO = '''"""A run that finds a planted defect.

Hypothesis: all is well.
"""

from harness import Borrower, Load, Objectives, Scenario
from harness.faults import BlockingMigration, Kill, Partition


class Found(Borrower):
    scenario = Scenario({arguments})
'''
BRIEFLY = (*BRIEF, "--recovery=3s")


@dataclass(frozen=True)
class Trial:
    """A scenario with its options."""

    name: str
    arguments: str
    options: tuple[str, ...] = ()

    def run(self, folder: Path, state_dir: Path) -> Run:
        """Run it once on the stack of a state folder."""
        path = folder / f"{self.name}.py"
        path.write_text(SCENARIO.format(arguments=self.arguments))
        return Runner(folder / "runs", state_dir)(path, *BRIEFLY, *self.options)


QUIET = Trial("quiet", "load=Load(near_limit_share=0.1)", ("--fault=0", "--recovery=2s"))
ANSWERS_LOST = Trial(
    "answers_lost",
    'faults=[Partition("edge", direction="downstream")], load=Load(credit_line_share=0),'
    " objectives=Objectives(recovery_seconds_max=2.5)",
    # Not stopped at once, so that what is found after the run can be seen.
    ("--fault=1s", "--retries=1", "--log-in-share=0", "--stop-double-disbursement=off"),
)
REPLICAS_KILLED = Trial(
    "replicas_killed",
    'faults=[Kill("replicas")], objectives=Objectives(recovery_seconds_max=6)',
    ("--fault=1s", "--recovery=10s"),
)
# Longer than a borrower waits, so that whoever is kept waiting for its end is left in the dark.
DATABASE_CUT = Trial(
    "database_cut",
    'faults=[Partition("database")], load=Load(credit_line_share=0), objectives=Objectives('
    "recovery_seconds_max=2, indeterminate_share_max=0.1, latency_ms_p99_max=500,"
    " grey_failure_seconds_max=1.5)",
    ("--fault=5s", "--recovery=4s", "--log-in-share=0.1"),
)
RISK_DATA_LOCKED = Trial(
    "risk_data_locked",
    'faults=[BlockingMigration("risk_flag")], objectives=Objectives(recovery_seconds_max=2.5)',
    ("--fault=3s",),
)
# Payouts wait for a lock that reservations don't need.
PAYOUTS_LOCKED = Trial(
    "payouts_locked",
    'faults=[BlockingMigration("disbursement")], objectives=Objectives(recovery_seconds_max=2.5)',
    ("--fault=2s",),
)


@dataclass(frozen=True)
class Case:
    """A defect, the run that finds it, and by which findings.

    ``must`` are there, ``may`` follow from the defect and can be there; no others fail the run.
    ``objective`` is one that must be missed; ``told`` is there, whatever it does to the verdict.
    """

    defect: str
    trial: Trial
    must: frozenset[str]
    may: frozenset[str] = frozenset()
    objective: str = ""
    told: str = ""


def case(
    defect: str, trial: Trial, must: str, *, may: str = "", objective: str = "", told: str = ""
) -> Case:
    """A case, its codes given as words."""
    return Case(defect, trial, frozenset(must.split()), frozenset(may.split()), objective, told)


def failures(run: Run) -> set[str]:
    """Codes of the findings that fail a run."""
    return {f["code"] for f in run.verdict["findings"] if f["verdict"] == "fail"}


def run_with(defect: str, trial: Trial, folder: Path) -> Run:
    """Run it on a stack of its own whose service has the defect."""
    state_dir = folder / "state"
    up(StackSettings(defect=defect), state_dir)
    try:
        return trial.run(folder, state_dir)
    finally:
        down(state_dir)


def assert_found(cases: Sequence[Case], folder: Path) -> Run:
    """The run fails; each of the defects is found, and nothing else fails it."""
    planted = ",".join(case.defect for case in cases)
    run = run_with(planted, cases[0].trial, folder)

    assert (run.exit_code, run.verdict["verdict"]) == (1, "fail"), run.output
    must = frozenset[str]().union(*(case.must for case in cases))
    may = must.union(*(case.may for case in cases))
    assert must <= failures(run) <= may, run.output
    missed = {o["id"] for o in run.verdict["objectives"] if o["verdict"] == "fail"}
    assert {case.objective for case in cases if case.objective} <= missed
    told = {case.told for case in cases if case.told}
    assert told <= set(run.findings)
    remarks = [f["message"] for f in run.verdict["findings"] if f["code"] == "remark"]
    assert any(f"planted defect: {planted}" in remark for remark in remarks)
    return run


def assert_passes(clean: Run, case: Case) -> None:
    """Without the defect nothing of it is to be seen."""
    assert (clean.exit_code, clean.verdict["verdict"]) == (0, "pass"), clean.output
    assert case.told not in clean.findings


def defects_of(cases: Sequence[Case]) -> str:
    """A name for a test of these."""
    return "+".join(case.defect for case in cases)


def together(cases: Sequence[Case], *groups: str) -> list[tuple[Case, ...]]:
    """Cases of one trial each whose defects can be told apart when they are planted at once.

    Groups are named by their defects; fewer stacks and runs than one for each.
    """
    by_name = {case.defect: case for case in cases}
    return [tuple(by_name[name] for name in group.split()) for group in groups]
