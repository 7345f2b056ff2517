"""`make bench-heal`: whatever is killed, whenever, and however: is it healed, and told honestly?

Real runs on real stacks, each struck once: see `benchmarks.kill_matrix`. Prints a table and ends
with 1 if any trial was not healed in time, left something behind, or was told wrongly.
"""

import argparse
import functools
import os
import random
import shutil
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.kill_matrix import plan
from benchmarks.kill_matrix.trial import Result, run_trial
from harness.core.exit_codes import ExitCode
from harness.stack import down

TRIALS_DEFAULT = 110
STACKS_DEFAULT = 2


def run_all(trials: Sequence[plan.Trial], stacks: int, folder: Path) -> list[Result]:
    """All trials, several at a time, each stack with one after the other."""
    waiting = list(reversed(trials))
    lock = threading.Lock()
    results: list[Result] = []

    def work(number: int) -> None:
        state_dir = folder / f"stack-{number}"
        try:
            while True:
                with lock:
                    if not waiting:
                        return
                    trial = waiting.pop()
                result = run_trial(trial, state_dir, folder / f"trial-{trial.number}")
                with lock:
                    results.append(result)
                    _tell(result, len(results), len(trials))
                if result.ok and result.folder is not None:
                    shutil.rmtree(result.folder, ignore_errors=True)
        finally:
            down(state_dir)

    with ThreadPoolExecutor(stacks) as pool:
        for done in [pool.submit(work, number) for number in range(1, stacks + 1)]:
            done.result()
    return results


def _tell(result: Result, done: int, of: int) -> None:
    state = "ok" if result.ok else "NOT OK"
    print(
        f"{done}/{of} {state}: {result.trial} · healed after {result.heal_s:.1f} s,"
        f" exit {result.exit_code}, {result.verdict or 'no verdict'}, {result.seconds:.0f} s",
        flush=True,
    )
    for problem in result.problems:
        print(f"    {problem}", flush=True)
    if not result.ok:
        print(f"    see {result.folder}", flush=True)


def table(results: Sequence[Result]) -> str:
    """Targets by moments: trials that were healed and honest, and the slowest heal."""
    rows = [["killed", *plan.MOMENTS, "all"]]
    for target in (*plan.TARGETS, "all"):
        mine = [result for result in results if target in ("all", result.trial.target)]
        by_moment = [[r for r in mine if r.trial.moment == moment] for moment in plan.MOMENTS]
        rows.append([target, *(_cell(some) for some in (*by_moment, mine))])
    widths = [max(map(len, column)) + 2 for column in zip(*rows, strict=True)]
    lines = ["".join(map(str.ljust, row, widths)).rstrip() for row in rows]
    by_signal = [
        f"{name} {_cell([r for r in results if r.trial.signal == name])}"
        for name in (*plan.SIGNALS, plan.HANG_UP)
    ]
    verdicts = Counter(result.verdict or "none" for result in results)
    judged = ", ".join(f"{count} {verdict}" for verdict, count in sorted(verdicts.items()))
    return "\n".join([*lines, "", f"by signal: {', '.join(by_signal)}", f"verdicts: {judged}"])


def _cell(results: Sequence[Result]) -> str:
    if not results:
        return "-"
    worst_s = max(result.heal_s for result in results)
    return f"{sum(result.ok for result in results)}/{len(results)} {worst_s:.1f} s"


def _broken_off(folder: Path, *_: object) -> None:
    """Leave no stack behind, however far the trials are."""
    for state_dir in folder.glob("stack-*"):
        down(state_dir)
    os._exit(int(ExitCode.INTERRUPTED))


def main() -> int:
    """Run the trials, print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.heal", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--trials", type=int, default=TRIALS_DEFAULT)
    parser.add_argument("--stacks", type=int, default=STACKS_DEFAULT, help="stacks side by side")
    parser.add_argument("--only", default="", help="trials whose description holds this text")
    options = parser.parse_args()
    print(f"seed {options.seed}", flush=True)
    chosen = [t for t in plan.trials(options.seed, options.trials) if options.only in str(t)]
    folder = Path(tempfile.mkdtemp(prefix="lendchaos-heal-"))
    signal.signal(signal.SIGTERM, functools.partial(_broken_off, folder))
    # Under `nohup` what is started here would not hear what it is struck with.
    signal.signal(signal.SIGHUP, signal.SIG_DFL)
    began = time.monotonic()
    results = run_all(chosen, options.stacks, folder)
    bad = [result for result in results if not result.ok]
    print(f"\n{table(results)}\n")
    minutes = (time.monotonic() - began) / 60
    print(
        f"{len(results) - len(bad)} of {len(results)} trials healed in time and told honestly,"
        f" seed {options.seed}, {minutes:.1f} min"
    )
    if not bad:
        shutil.rmtree(folder, ignore_errors=True)
    return int(bool(bad) or not results)


if __name__ == "__main__":
    sys.exit(main())
