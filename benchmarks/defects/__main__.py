"""`make bench-defects`: is a pass given only where no borrower was harmed?

Every pair of `benchmarks.defects.plan` is run once on a stack of its own. The harm is counted from
the defect's log, and the verdict is held against it. Prints a table; whole runs of the list write
it into docs/defects.md. Ends with 1 if any pair passed though there was harm, or has no verdict.
"""

import argparse
import functools
import os
import random
import re
import signal
import sys
import tempfile
import threading
import time
from collections import Counter
from collections.abc import Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from pathlib import Path

import psycopg

from benchmarks.defects.plan import PAIRS, Pair
from benchmarks.defects.trial import Result, Ruling, run_pair
from benchmarks.real_runs import ROOT, BenchmarkError
from benchmarks.tables import table
from harness.core.errors import HarnessError
from harness.core.exit_codes import ExitCode
from harness.stack import down

STACKS_DEFAULT = 2
PAGE = ROOT / "docs" / "defects.md"
BEGIN, END = "<!-- matrix:begin -->", "<!-- matrix:end -->"


def run_all(pairs: Sequence[Pair], stacks: int, folder: Path, seed: int) -> list[Result]:
    """All pairs in their order, several at a time."""
    done = 0
    lock = threading.Lock()

    def work(number: int) -> Result:
        nonlocal done
        began = time.monotonic()
        pair = pairs[number]
        try:
            result = run_pair(pair, folder / f"pair-{number + 1}", seed + number)
        except (BenchmarkError, HarnessError, OSError, psycopg.Error) as error:
            result = Result(pair, Ruling.BROKEN, 0, 0, "", (), str(error))
        with lock:
            done += 1
            _tell(result, f"{done}/{len(pairs)}", time.monotonic() - began)
        return result

    with ThreadPoolExecutor(stacks) as pool:
        return list(pool.map(work, range(len(pairs))))


def _tell(result: Result, place: str, seconds: float) -> None:
    print(
        f"{place} {result.ruling}: {result.pair} · harm {result.harm} of {result.acts} acts,"
        f" {result.verdict or 'no verdict'} ({', '.join(result.failures) or '-'}), {seconds:.0f} s",
        flush=True,
    )
    if result.ruling not in (Ruling.FOUND, Ruling.HARMLESS):
        print(f"    {result.said}", flush=True)


def render(results: Sequence[Result], seed: int) -> str:
    """The matrix as Markdown, with a headline that says how many are wrong."""
    counted = Counter(result.ruling for result in results)
    said = ", ".join(f"{counted[ruling]} {ruling}" for ruling in Ruling if counted[ruling])
    head = ("scenario", "defect", "what is harm", "harm", "verdict", "it fails by")
    rows = [
        (
            result.pair.trial.name,
            f"`{result.pair.defect}`",
            result.pair.rule.says,
            str(result.harm),
            f"{result.verdict or 'none'}: {result.ruling}",
            ", ".join(f"`{code}`" for code in result.failures) or "nothing",
        )
        for result in results
    ]
    trials = {result.pair.trial: None for result in results}
    scenarios = [
        (
            trial.name,
            f"`{trial.faults}`, {trial.fault_s:g} s" if trial.faults else "nothing",
            ", ".join(f"`{name}` {limit:g}" for name, limit in trial.objectives.items()),
        )
        for trial in trials
    ]
    return (
        f"{len(results)} pairs, seed {seed}: {said}.\n\n{table(head, rows)}\n\n"
        f"{table(('scenario', 'what it breaks', 'objectives'), scenarios)}\n"
    )


def write_page(text: str, page: Path) -> None:
    """Put the matrix between its marks on the page."""
    found = page.read_text(encoding="utf-8")
    between = re.compile(f"{re.escape(BEGIN)}.*?{re.escape(END)}", re.DOTALL)
    whole, count = between.subn(lambda _: f"{BEGIN}\n{text}{END}", found)
    if count != 1:
        raise BenchmarkError(f"{page} has no place for the matrix")
    page.write_text(whole, encoding="utf-8")


def _broken_off(folder: Path, *_: object) -> None:
    """Leave no stack behind, however far the pairs are."""
    for state_dir in folder.glob("pair-*/state"):
        down(state_dir)
    with suppress(OSError):
        folder.rmdir()
    os._exit(int(ExitCode.INTERRUPTED))


def main() -> int:
    """Run the pairs, print the table."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.defects", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--stacks", type=int, default=STACKS_DEFAULT, help="stacks side by side")
    parser.add_argument("--only", default="", help="pairs whose line matches this pattern")
    parser.add_argument("--list", action="store_true", help="print the pairs and run nothing")
    options = parser.parse_args()
    chosen = [pair for pair in PAIRS if re.search(options.only, str(pair))]
    if options.list or not chosen:
        print("\n".join(f"{pair}: harm is {pair.rule.says}" for pair in chosen or PAIRS))
        return 0 if chosen else int(ExitCode.USAGE)
    print(f"seed {options.seed}, {len(chosen)} pairs", flush=True)
    folder = Path(tempfile.mkdtemp(prefix="lendchaos-defects-"))
    for number in (signal.SIGTERM, signal.SIGINT):
        signal.signal(number, functools.partial(_broken_off, folder))
    began = time.monotonic()
    results = run_all(chosen, options.stacks, folder, options.seed)
    with suppress(OSError):
        folder.rmdir()  # goes only where no pair left anything
    text = render(results, options.seed)
    print(f"\n{text}\n{(time.monotonic() - began) / 60:.1f} min; runs in {folder}")
    if len(chosen) == len(PAIRS):
        write_page(text, PAGE)
    wrong = [result for result in results if result.ruling.is_wrong]
    for result in wrong:
        print(f"{result.ruling}: {result.pair}: harm {result.harm}; {result.said}")
    return int(bool(wrong))


if __name__ == "__main__":
    sys.exit(main())
