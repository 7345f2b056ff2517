"""`make bench-input`: is every bad input refused in one line, with the right code and no traces?

Bad words, files, folders and surroundings over every command, each in a process and a little world
of its own: see `benchmarks.bad_input.plan`. No stack is started. Prints what is wrong by kinds,
each with the command that repeats it, and ends with 1 if there is anything.
"""

import argparse
import random
import sys
import tempfile
import threading
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

from benchmarks.bad_input import inventory, plan, sandbox
from benchmarks.bad_input.case import Case
from benchmarks.bad_input.trial import SECONDS_MAX, Launchers, Result, in_shell, run_case

JOBS_DEFAULT = 2
SHOWN_MAX = 12
"""Of one kind of fault; all of them stood above already."""


def run_all(
    cases: Iterable[Case], folder: Path, jobs: int = JOBS_DEFAULT, seconds: float = SECONDS_MAX
) -> list[Result]:
    """All cases, several at a time; what is wrong is told at once."""
    waiting, lock = iter(cases), threading.Lock()
    template = sandbox.template(folder / "template")
    results: list[Result] = []

    def work() -> None:
        with Launchers() as launchers:
            while True:
                with lock:
                    case = next(waiting, None)
                if case is None:
                    return
                world = folder / f"case-{case.number}"
                result = run_case(case, launchers, world, template, seconds)
                with lock:
                    results.append(result)
                    for kind, text in result.wrong:
                        print(f"{case.number}  {kind}: {text}\n    {in_shell(case)}", flush=True)
                    if len(results) % 100 == 0:
                        print(f"{len(results)} inputs", file=sys.stderr, flush=True)

    with ThreadPoolExecutor(jobs) as pool:
        for done in [pool.submit(work) for _ in range(jobs)]:
            done.result()
    return sorted(results, key=lambda result: result.case.number)


def summary(results: Sequence[Result], seed: int) -> str:
    """What is wrong, by kinds, each with the numbers that repeat it; then the inputs by kinds."""
    wrong: dict[str, list[Result]] = defaultdict(list)
    tried: dict[str, int] = defaultdict(int)
    for result in results:
        tried[result.case.kind] += 1
        for kind in dict.fromkeys(kind for kind, _ in result.wrong):
            wrong[kind].append(result)
    lines = []
    for kind, found in sorted(wrong.items(), key=lambda item: -len(item[1])):
        numbers = ",".join(str(result.case.number) for result in found[:SHOWN_MAX])
        lines.append(f"{len(found):4}  {kind}")
        lines.append(f'      make bench-input ARGS="--seed={seed} --only={numbers}"')
    lines.append("inputs: " + ", ".join(f"{kind} {tried[kind]}" for kind in sorted(tried)))
    return "\n".join(lines)


def show(result: Result) -> None:
    """One case in full, for whoever mends it."""
    case, done = result.case, result.done
    print(f"{case.number}  {case.kind}: {in_shell(case)}")
    print(f"    exit code {done.code} after {done.seconds:.1f} s")
    for name, text in (("output", done.out), ("errors", done.err)):
        for line in text.splitlines()[-40:]:
            print(f"    {name}  {ascii(line[:300])[1:-1]}")


def main(words: Sequence[str] | None = None) -> int:
    """Run the cases, print what is wrong."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.bad_input", description=__doc__)
    parser.add_argument("--seed", type=int, default=random.SystemRandom().randrange(10**6))
    parser.add_argument("--count", type=int, default=plan.COUNT_DEFAULT)
    parser.add_argument("--jobs", type=int, default=JOBS_DEFAULT, help="several side by side")
    parser.add_argument("--seconds", type=float, default=SECONDS_MAX, help="when it is a hang")
    parser.add_argument("--kind", default="", help="only inputs of this kind")
    parser.add_argument("--only", default="", metavar="N,N", help="only these, shown in full")
    given = parser.parse_args(words)
    print(f"seed {given.seed}", flush=True)
    known = inventory.read()
    if given.only:
        numbers = [int(number) for number in given.only.split(",")]
        chosen = [plan.case_of(given.seed, number, known) for number in numbers]
    else:
        every = plan.cases(given.seed, given.count, known)
        chosen = [case for case in every if given.kind in case.kind]
    began = time.monotonic()
    with tempfile.TemporaryDirectory(prefix="lendchaos-input-") as folder:
        results = run_all(chosen, Path(folder), given.jobs, given.seconds)
    for result in results if given.only else ():
        show(result)
    bad = sum(bool(result.wrong) for result in results)
    print(f"\n{summary(results, given.seed)}")
    minutes = (time.monotonic() - began) / 60
    print(
        f"{len(results) - bad} of {len(results)} bad inputs ended as they should, seed"
        f" {given.seed}, {minutes:.1f} min"
    )
    return int(bool(bad) or not results)


if __name__ == "__main__":
    sys.exit(main())
