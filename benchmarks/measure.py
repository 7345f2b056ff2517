"""How well the harness measures, against truth that it does not control: `make bench-measure`.

    python -m benchmarks.measure [--quick] [--repeats N] [--only PART] [--row TEXT] [--rows] …

Parts are ``simulated`` and ``real`` shapes of trouble, ``quiet`` real runs, ``paced`` ones against
a service that takes its time, and each section of `all_sections`; how a section is made tells
`sections`. They are two halves: real runs need a quiet machine, all else comes out the same on any.
Prints each half and, unless it is quick or parts of it are left out, writes it into its place in
docs/measurement.md. The exit code is 0 when every aim is met and 1 when one is not.
"""

import argparse
import os
import platform
import random
import re
import sys
import tempfile
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from benchmarks.all_sections import SECTIONS
from benchmarks.calibration import (
    Aim,
    Collection,
    Key,
    coverage_aim,
    hard_aims,
    hard_found,
    none_of,
)
from benchmarks.limits import SPACINGS, Spacing
from benchmarks.paced_runs import SECTION as PACED
from benchmarks.paced_runs import watched as paced_runs
from benchmarks.real_runs import OWN_SCENARIOS, ROOT, Watched, local_stack, quiet_run, watch
from benchmarks.section_tables import aims_of, section_tables
from benchmarks.sections import Section, Tally, chosen, repeat_rows
from benchmarks.simulate import Job, Outcomes, jobs_for, perform_all
from benchmarks.tables import Report, put_into, render
from benchmarks.truth import SHAPES, hard_outages, one_of_each

RATES = (50, 200)
HALVES = {
    "simulated": ("simulated", *(section.name for section in SECTIONS)),
    "real": ("real", "quiet", PACED.name),
}
PARTS = tuple(part for half in HALVES.values() for part in half)
PAGE = ROOT / "docs" / "measurement.md"
REAL_SPACING: Spacing = "jittered"
"""How the harness itself spaces its arrivals."""
TOO_LONG = ("ramp of 10 s",)
"""Left out of the real runs, which last long enough without it."""
GAP_SECONDS = {50: 7.0, 200: 4.0}
"""Between the shapes of one run. After a brownout it takes some 270 good answers (5.3 s at 50/s) to
end its impairment; what comes sooner is part of it, by design."""


@dataclass(frozen=True, slots=True)
class Amount:
    """How much of everything is done."""

    repeats: int
    """Of each row of a section."""
    shapes: int
    """Simulated runs of each shape and condition."""
    clean: int
    outages: int
    hard_runs: int
    mixed_runs: int
    quiet_runs: int
    hard_rates: tuple[int, ...] = RATES
    is_quick: bool = False


FULL = Amount(
    repeats=400,
    shapes=1000,
    clean=2000,
    outages=20,
    hard_runs=3,
    mixed_runs=1,
    quiet_runs=15,
)
QUICK = Amount(
    repeats=40,
    shapes=40,
    clean=200,
    outages=5,
    hard_runs=1,
    mixed_runs=0,
    quiet_runs=1,
    hard_rates=(200,),
    is_quick=True,
)


class Calibration:
    """What has been found out so far."""

    def __init__(self, amount: Amount, seed: int, report: Report) -> None:
        self._amount = amount
        self._seed = seed
        self.report = report
        self._collection = Collection()
        self._travel_s: dict[int, list[float]] = {}
        self._alarms_beside = 0

    # --- simulated ---------------------------------------------------------------------------

    def simulate(self) -> None:
        """Clean runs and every shape, at every rate and spacing."""
        cells = [(rate, spacing) for rate in RATES for spacing in SPACINGS]
        clean = self._amount.clean // len(cells)
        jobs: list[Job] = []
        for rate, spacing in cells:
            jobs += jobs_for(None, rate, spacing, clean, self._seed)
            for shape in SHAPES:
                jobs += jobs_for(shape, rate, spacing, self._amount.shapes, self._seed)
        alarms = beside = runs = 0
        for number, outcomes in enumerate(perform_all(jobs), start=1):
            _say(f"simulated: {number} of {len(jobs)} jobs", again=number < len(jobs))
            self._take(outcomes)
            if outcomes.job.shape is None:
                alarms += outcomes.false_alarms
            else:
                beside += outcomes.false_alarms
                runs += outcomes.job.runs
        why = "the segmentation sees what is not there"
        self.report.aims += [
            none_of("simulated clean runs with a false alarm", alarms, clean * len(cells), why),
            none_of("simulated runs with an impairment beside the true one", beside, runs, why),
        ]

    def _take(self, outcomes: Outcomes) -> None:
        job = outcomes.job
        self._collection.add("simulated", job.rate, job.spacing, outcomes.scores)
        self.report.crossings += outcomes.crossings

    # --- real --------------------------------------------------------------------------------

    def watch(self, folder: Path) -> None:
        """Scripted outages behind real Toxiproxy, under real Locust."""
        chance = random.Random(self._seed)
        names = [name for name in SHAPES if name not in TOO_LONG]
        for rate in self._amount.hard_rates:
            for number in range(self._amount.hard_runs):
                _say(f"real: hard outages at {rate}/s, run {number + 1}")
                stretches = hard_outages(self._amount.outages, chance)
                place = folder / f"hard-{rate}-{number}"
                seed = self._seed + number
                found = watch(stretches, rate, place, seed, plain=True)
                self._watched("hard outages", rate, found)
            for number in range(self._amount.mixed_runs):
                _say(f"real: one of each at {rate}/s, run {number + 1}")
                stretches = one_of_each(names, GAP_SECONDS[rate], chance)
                place = folder / f"mixed-{rate}-{number}"
                seed = self._seed + number
                found = watch(stretches, rate, place, seed, plain=False)
                self._watched("one of each", rate, found)

    def _watched(self, name: str, rate: int, watched: Watched) -> None:
        self._collection.add("real", rate, REAL_SPACING, watched.scores)
        self._travel_s.setdefault(rate, []).append(watched.travel_s[0])
        self._counted(name, rate, watched)

    def _counted(self, name: str, rate: int, watched: Watched) -> None:
        self.report.counts.append((name, rate, watched.count))
        self._alarms_beside += watched.false_alarms

    def paced(self, folder: Path, text: str) -> None:
        """Scripted outages of a service that takes its time."""
        rows = chosen([PACED], quick=self._amount.is_quick, text=text)
        runs = paced_runs(rows, folder, self._seed, quick=self._amount.is_quick)
        for tally in rows:
            _say(f"real: {tally.name}")
            what = f"{tally.row.cells[1]}, decided {tally.row.cells[2]}"
            self._counted(what, tally.row.arguments[0], next(runs))
        self._section(rows)

    def quiet(self, folder: Path) -> None:
        """Runs on the harness's own stack in which nothing should be found."""
        kinds = [
            ("baseline", ROOT / "scenarios" / "baseline.py", True),
            ("a tolerated fault", OWN_SCENARIOS / "replica_lost.py", False),
        ]
        with local_stack(folder / "state") as state_dir:
            for name, scenario, clean in kinds:
                failed: list[str] = []
                slow = 0
                runs = self._amount.quiet_runs
                for number in range(runs):
                    _say(f"real: {name}, run {number + 1} of {runs}")
                    place = folder / f"quiet-{scenario.stem}-{number}"
                    found = quiet_run(scenario, state_dir, place, self._seed + number)
                    slow += found.slow
                    if not found.passed or (clean and found.impaired):
                        failed.append(found.sentence)
                        _say(f"  not as it should be: {found.sentence}")
                why = f"first of them: {failed[0]}" if failed else ""
                what = f"real runs of {name} with a false alarm, or that did not pass"
                self.report.aims.append(none_of(what, len(failed), runs, why))
                if slow:
                    _say(f"  {slow} slow stretches in runs of {name}: notes, no alarms")

    # --- sections ----------------------------------------------------------------------------

    def sections(self, sections: list[Section], text: str) -> None:
        """The rows of these sections, as many as there are with this text in their names."""
        rows = chosen(sections, quick=self._amount.is_quick, text=text)
        for share in repeat_rows(rows, self._amount.repeats, self._seed):
            _say(f"sections: {share:.1%} done", again=share < 1)
        for section in sections:
            spent_s = sum(row.seconds for row in rows if row.section is section)
            _say(f"  {section.name}: {spent_s:,.0f} s of processor time")
        self._section(rows)

    def _section(self, rows: list[Tally]) -> None:
        self.report.aims += aims_of(rows, quick=self._amount.is_quick)
        self.report.sections += section_tables(rows, quick=self._amount.is_quick)

    # --- together ----------------------------------------------------------------------------

    def conclude(self) -> None:
        """From single scores to cells, and to the aims that are about cells."""
        self.report.cells = self._collection.cells()
        own: list[Aim] = []
        if self.report.cells:
            quick = self._amount.is_quick
            own += hard_aims(self.report.cells, self._floor_s, quick=quick)
            own += hard_found(self.report.cells)
            for source in ("simulated", "real"):
                cells = [cell for cell in self.report.cells if cell.key.source == source]
                own += [coverage_aim(cells, quick=quick)] if cells else []
        self.report.aims[:0] = own
        counts = self.report.counts
        if counts:
            why = "see the runs' reports: what was reported beside the script"
            what = "impairments reported in real runs beside the scripted ones"
            self.report.aims.append(none_of(what, self._alarms_beside, len(counts), why))
            wrong = sum(not count.exact for _, _, count in counts)
            why = "the table of counts shows on which side requests are missing"
            what = "real runs whose failed requests differ from the target's log"
            self.report.aims.append(none_of(what, wrong, len(counts), why))

    def _floor_s(self, key: Key) -> float | None:
        known = self._travel_s.get(key.rate, [])
        return None if key.source == "simulated" or not known else sum(known) / len(known)


def machine() -> str:
    """What the figures come from; nothing that names a place."""
    model = "unknown processor"
    try:
        text = Path("/proc/cpuinfo").read_text(encoding="utf-8")
        found = re.search(r"^model name\s*:\s*(.+)$", text, re.MULTILINE)
        model = found[1].strip() if found else model
    except OSError:
        pass
    return (
        f"{model}, {os.cpu_count()} cores, Python {platform.python_version()},"
        f" {platform.system()} {platform.release().split('-')[0]}"
    )


def _say(text: str, *, again: bool = False) -> None:
    """Progress, on stderr; ``again`` is overwritten by what comes next, on a terminal."""
    if again and not sys.stderr.isatty():
        return
    print(text, end="\r" if again else "\n", file=sys.stderr, flush=True)


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(prog="python -m benchmarks.measure", description=__doc__)
    parser.add_argument("--quick", action="store_true", help="a few of everything: three minutes")
    parser.add_argument("--repeats", type=int, help="of each row of a section")
    parser.add_argument("--shapes", type=int, help="simulated runs of each shape and condition")
    parser.add_argument("--clean", type=int, help="simulated clean runs together")
    parser.add_argument("--hard-runs", type=int, help="real runs with hard outages, at each rate")
    parser.add_argument("--mixed-runs", type=int, help="real runs with one of each, at each rate")
    parser.add_argument("--quiet-runs", type=int, help="real clean runs, and as many tolerated")
    parser.add_argument("--only", action="append", choices=PARTS, help="repeatable")
    parser.add_argument("--row", default="", help="rows of sections whose names hold this text")
    parser.add_argument("--rows", action="store_true", help="list the rows of sections, and end")
    parser.add_argument("--seed", type=int, default=1)
    parser.add_argument("--keep", type=Path, help="where the real runs are kept")
    parser.add_argument("--page", type=Path, help="write a quick or partial one, too, into this")
    return parser.parse_args()


def _amount(options: argparse.Namespace) -> Amount:
    base = QUICK if options.quick else FULL

    def of(name: str) -> int:
        given = getattr(options, name, None)
        return int(getattr(base, name) if given is None else given)

    names = ("repeats", "shapes", "clean", "hard_runs", "mixed_runs", "quiet_runs")
    return replace(base, **{name: of(name) for name in names})


def _how(amount: Amount, parts: Sequence[str], seed: int) -> str:
    """How much of everything was done, in words."""
    repeats = f"{amount.repeats:,}"
    real = f"{amount.hard_runs} runs of {amount.outages} hard outages and {amount.mixed_runs} of"
    done = {
        "simulated": f"Simulated: {amount.shapes:,} runs of each shape, {amount.clean:,} clean.",
        "real": f"Real: {real} one of each shape at each rate.",
        "quiet": f"Real: {amount.quiet_runs} clean runs, as many with a tolerated fault.",
        PACED.name: "Real: a run of each rate, latency and rule.",
    }
    words = [text for part, text in done.items() if part in parts]
    if not set(parts) <= set(done):
        words.append(f"Other tables: {repeats} repeats a row, where they do not say otherwise.")
    return " ".join([*words, f"Seed {seed}."])


def _calibrated(half: str, amount: Amount, options: argparse.Namespace) -> Report:
    """Those parts of a half that were asked for."""
    parts = [part for part in HALVES[half] if part in (options.only or PARTS)]
    report = Report(machine(), _how(amount, parts, options.seed))
    calibration = Calibration(amount, options.seed, report)
    sections = [section for section in SECTIONS if section.name in parts]
    with tempfile.TemporaryDirectory() as scratch:
        folder = options.keep or Path(scratch)
        acts: dict[str, Callable[[], None]] = {
            "simulated": calibration.simulate,
            "real": lambda: calibration.watch(folder),
            "quiet": lambda: calibration.quiet(folder),
            PACED.name: lambda: calibration.paced(folder, options.row),
        }
        for part in parts:
            if part in acts:
                acts[part]()
    if sections:
        calibration.sections(sections, options.row)
    calibration.conclude()
    return report


def main() -> int:
    """Calibrate, print, write the page."""
    options = _options()
    asked = options.only or PARTS
    if options.rows:
        every = [section for section in (PACED, *SECTIONS) if section.name in asked]
        print(*(row.name for row in chosen(every, quick=options.quick)), sep="\n")
        return 0
    all_met = True
    for half, parts in HALVES.items():
        if not set(parts) & set(asked):
            continue
        report = _calibrated(half, _amount(options), options)
        text = render(report)
        print(text)
        all_met &= all(aim.met for aim in report.aims)
        whole = not options.quick and not options.row and set(parts) <= set(asked)
        page = options.page or (PAGE if whole else None)
        if page is not None:
            text = put_into(page.read_text(encoding="utf-8"), half, text)
            page.write_text(text, encoding="utf-8")
            _say(f"{half}: written into {page.name}")
    return 0 if all_met else 1


if __name__ == "__main__":
    sys.exit(main())
