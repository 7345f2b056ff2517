"""What a partition during a migration does that neither does alone: six runs, one table.

    python -m benchmarks.partition_during_migration

Every run is the same scenario with the same seed; `--only-faults` leaves one out. Three minutes.
"""

import subprocess
import sys
import tempfile
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from benchmarks.tables import table
from harness.history.columns import seconds
from harness.history.events import Outcome
from harness.history.reader import Facts, read_facts
from harness.history.run_directory import RunDirectory
from harness.stack import StackSettings, down, up
from harness.verdict.stored_verdict import read_verdict
from harness.verdict.types import Fault, Verdict

ROOT = Path(__file__).parent.parent
SCENARIO = ROOT / "scenarios" / "partition_during_migration.py"
MIGRATION, PARTITION = "1-blocking_migration", "2-partition"
CASES = {
    "migration alone": (MIGRATION,),
    "partition alone": (PARTITION,),
    "both": (MIGRATION, PARTITION),
}
OPTIONS = (
    "--warm-up=1s",
    "--baseline=5s",
    "--fault=5s",
    "--recovery=6s",
    "--ledger-settle=1s",
    "--seed=5",
)
RUN_SECONDS_MAX = 180.0
SERVICES = {"tuned": StackSettings(service="tuned"), "naive": StackSettings(service="naive")}


@dataclass(frozen=True, slots=True)
class Row:
    """One run in figures; ``all_clear_s`` is None without a partition."""

    service: str
    case: str
    verdict: Verdict
    all_clear_s: float | None

    def cells(self) -> list[str]:
        """As the table shows it."""
        share = next(o for o in self.verdict.objectives if o.id == "indeterminate_share_max")
        clear = "-" if self.all_clear_s is None else f"{self.all_clear_s:.1f} s"
        return [
            self.service,
            self.case,
            str(self.verdict.borrow.window.failed),
            str(self.verdict.borrow.indeterminate),
            f"{100 * (share.observed or 0.0):.1f} %",
            clear,
            self.verdict.verdict.value,
        ]


HEAD = (
    *("service", "faults", "failed", "unknown outcome", "of requests under the faults"),
    *("green after the partition, before a loan", "verdict"),
)


def all_clear_s(partition: Fault | None, facts: Facts) -> float | None:
    """For how long the health address was green between the partition's end and the next loan.

    In seconds; None without a partition. Polls are evenly spaced, each stands for its share.
    """
    clock = facts.status.clock
    if partition is None or partition.healed_s is None or clock is None or not facts.health:
        return None
    lent = facts.operations.take(facts.operations.outcome.are(Outcome.APPROVED))
    lent_s = seconds(lent.ended_ns, clock.zero_ns)
    next_s = float(lent_s[lent_s > partition.healed_s].min(initial=np.inf))
    green = [p for p in facts.health if partition.healed_s < clock.seconds(p.ended_ns) < next_s]
    per_second = facts.health_address.asked_per_s if facts.health_address else 5.0
    return sum(poll.ok for poll in green) / per_second


def run_one(service: str, case: str, folder: Path) -> Row:
    """One run on the stack of this folder."""
    runs = folder / f"runs-{case.replace(' ', '-')}"
    command = [sys.executable, "-m", "locust", "-f", str(SCENARIO), "--headless", "--only-summary"]
    command += ["--runs-dir", str(runs), "--state-dir", str(folder), "--service", service]
    command += ["--only-faults", ",".join(CASES[case]), "--loglevel", "WARNING", *OPTIONS]
    subprocess.run(command, cwd=ROOT, capture_output=True, timeout=RUN_SECONDS_MAX, check=False)
    directory = RunDirectory((runs / "latest").resolve())
    verdict = read_verdict(directory)
    facts = read_facts(directory, directory.read_plan())
    partition = next((fault for fault in verdict.faults if fault.name == PARTITION), None)
    return Row(service, case, verdict, all_clear_s(partition, facts))


def main() -> int:
    """Run all six and print the table."""
    rows = []
    for service, settings in SERVICES.items():
        with tempfile.TemporaryDirectory() as name:
            folder = Path(name)
            up(settings, folder)
            try:
                for case in CASES:
                    rows.append(run_one(service, case, folder))
                    sys.stderr.write(f"{service}, {case}: {rows[-1].verdict.sentence}\n")
            finally:
                down(folder)
    sys.stdout.write(table(HEAD, [row.cells() for row in rows]) + "\n")
    return 0


if __name__ == "__main__":
    sys.exit(main())
