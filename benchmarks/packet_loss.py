"""Packet loss, met with tuned settings and with the driver's defaults: `make bench-packets`.

    python -m benchmarks.packet_loss [--runs 3] [--fault 8] [--fault 15] [--keep DIR]

Runs `scenarios/packet_loss.py` with either service and prints what became of it, as the table of
docs/packet_loss.md. Needs root, iproute2 and nftables. The exit code is 0 when the tuned service is
back at least three seconds before the other in every pair, 1 when not, 3 when it cannot be run.
"""

import argparse
import statistics
import subprocess
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from benchmarks.measure import machine
from benchmarks.real_runs import ROOT, BenchmarkError
from benchmarks.tables import table
from harness.history.run_directory import RunDirectory
from harness.stack import namespaces
from harness.verdict.stored_verdict import read_verdict
from harness.verdict.types import Verdict

SCENARIO = ROOT / "scenarios" / "packet_loss.py"
SERVICES = ("tuned", "naive")
RATE = 50
BASELINE_SECONDS = 5.0
FAULTS_SECONDS = (8.0, 15.0)
"""Between the kernel's tries, 6.3 to 7.3 s, 12.7 to 14.5 s and 26 s after a cut."""
SLOWER_BY_SECONDS = 3.0
OVERHEAD_SECONDS_MAX = 120.0


@dataclass(frozen=True, slots=True)
class Loss:
    """One run: what failed of what was asked, and the first answer after the heal, in seconds."""

    service: str
    fault_s: float
    operations: int
    failed: int
    unknown: int
    answering_s: float


def loss_of(service: str, fault_s: float, verdict: Verdict) -> Loss:
    """What a run's verdict says.

    Raises:
        BenchmarkError: the fault did not bite, or nothing was answered after it.
    """
    answering_s = verdict.recovery.answering_again_s
    if answering_s is None or not all(fault.bit for fault in verdict.faults):
        raise BenchmarkError(f"{service}, {fault_s:g} s: {verdict.sentence}")
    borrow = verdict.borrow
    return Loss(
        service,
        fault_s,
        borrow.operations,
        borrow.failed,
        borrow.indeterminate,
        answering_s,
    )


def run(service: str, fault_s: float, folder: Path, seed: int) -> Loss:
    """One run on a stack of its own.

    Raises:
        BenchmarkError: it ended without a verdict that could be used.
    """
    folder.mkdir(parents=True)
    options = [
        *(f"--rate={RATE}", "--warm-up=1s", f"--baseline={BASELINE_SECONDS}s", f"--seed={seed}"),
        # The next try comes at most as long after the heal as the fault has lasted.
        *(
            f"--fault={fault_s}s",
            f"--recovery={fault_s + 3}s",
            "--ledger-settle=1s",
            "--namespaces",
        ),
        *(f"--service={service}", f"--runs-dir={folder / 'runs'}"),
        *(f"--state-dir={folder / 'state'}", "--headless", "--only-summary"),
    ]
    with (folder / "locust.log").open("wb") as log:
        subprocess.run(
            [sys.executable, "-m", "locust", "-f", str(SCENARIO), *options],
            stdout=log,
            stderr=subprocess.STDOUT,
            stdin=subprocess.DEVNULL,
            cwd=ROOT,
            timeout=2 * fault_s + OVERHEAD_SECONDS_MAX,
            check=False,
        )
    paths = list(folder.glob("runs/*-*/verdict.json"))
    if len(paths) != 1:
        raise BenchmarkError(f"no verdict: see {folder / 'locust.log'}")
    return loss_of(service, fault_s, read_verdict(RunDirectory(paths[0].parent)))


def render(losses: Sequence[Loss]) -> str:
    """One row for each length of fault and each service; medians, with the range in brackets."""
    rows = []
    for fault_s in sorted({loss.fault_s for loss in losses}):
        of = {name: _of(losses, name, fault_s) for name in SERVICES}
        ratio = _back_s(of["naive"]) / max(_back_s(of["tuned"]), 0.01)
        for name, some in of.items():
            rows.append(
                [
                    f"{fault_s:g} s",
                    name,
                    _seconds([loss.answering_s for loss in some]),
                    f"{ratio:.0f} times" if name == "naive" else "1",
                    f"{statistics.median(loss.failed / RATE for loss in some):.1f} s",
                    f"{statistics.median(loss.unknown for loss in some):.0f}",
                ]
            )
    head = ["packets lost for", "service", "first answer after", "ratio", "lost service", "unknown"]
    return table(head, rows)


def slower_everywhere(losses: Sequence[Loss]) -> bool:
    """Whether every naive run was back seconds later than every tuned one of the same length."""
    return all(
        min(loss.answering_s for loss in _of(losses, "naive", fault_s))
        > max(loss.answering_s for loss in _of(losses, "tuned", fault_s)) + SLOWER_BY_SECONDS
        for fault_s in {loss.fault_s for loss in losses}
    )


def _of(losses: Sequence[Loss], service: str, fault_s: float) -> list[Loss]:
    return [loss for loss in losses if (loss.service, loss.fault_s) == (service, fault_s)]


def _back_s(losses: Sequence[Loss]) -> float:
    return statistics.median(loss.answering_s for loss in losses)


def _seconds(values: Sequence[float]) -> str:
    middle = f"+{statistics.median(values):.2f} s"
    return middle if len(values) == 1 else f"{middle} ({min(values):.2f} to {max(values):.2f})"


def main() -> int:
    """Runs and prints."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.packet_loss", description=__doc__)
    parser.add_argument("--runs", type=int, default=3, help="of each service and fault")
    parser.add_argument("--fault", type=float, action="append", help="seconds; repeatable")
    parser.add_argument("--keep", type=Path, help="folder for runs and reports")
    options = parser.parse_args()
    if (lacking := namespaces.why_not()) is not None:
        print(f"error: no stack in network namespaces here: {lacking}", file=sys.stderr)
        return 3
    folder = options.keep or Path(tempfile.mkdtemp(prefix="lendchaos-packets-"))
    losses = []
    for number in range(1, options.runs + 1):
        for fault_s in options.fault or FAULTS_SECONDS:
            for service in SERVICES:
                own = folder / f"{service}-{fault_s:g}s-{number}"
                losses.append(run(service, fault_s, own, number))
                print(f"{own.name}: {losses[-1].answering_s:+.2f} s", file=sys.stderr, flush=True)
    print(f"{render(losses)}\n\nRuns of each: {options.runs}, at {RATE}/s. {machine()}.")
    return 0 if slower_everywhere(losses) else 1


if __name__ == "__main__":
    sys.exit(main())
