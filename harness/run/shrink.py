"""Which of a plan's faults does its failure need? Fewer and fewer, until none can be dropped.

Pure: the caller gives the way to run a trial. The same seed in every trial, so that the arrivals
and the places of the faults that are left stay what they were. After Zeller and Hildebrandt,
"Simplifying and Isolating Failure-Inducing Input", 2002; a plan has few faults, so they are dropped
one by one. The result is one-minimal: without any single one of its faults the run did not fail in
the same way.
"""

import shlex
from collections.abc import Callable
from dataclasses import dataclass, replace
from enum import StrEnum

from harness.core.exit_codes import ExitCode
from harness.core.numbers import Exit, Whole
from harness.verdict.types import Severity, Verdict

NONE = "none"


class ShrinkResult(StrEnum):
    """What a trial says of the failure that is looked for."""

    FAILED = "failed"
    """In the same way."""
    OTHERWISE = "failed otherwise"
    PASSED = "passed"
    UNDECIDED = "undecided"
    """Inconclusive, or without a verdict; it counts as not failed."""


@dataclass(frozen=True, slots=True)
class ShrinkTrial:
    """One run with some of the faults. ``codes`` are of the findings that failed it.

    ``result`` is None as long as no failure is looked for.
    """

    faults: tuple[str, ...]
    exit_code: Exit
    directory: str | None = None
    codes: tuple[str, ...] = ()
    sentence: str = ""
    result: ShrinkResult | None = None

    def held_against(self, failure: str) -> "ShrinkTrial":
        """The same with its result: whether it failed in the way that is looked for."""
        result = ShrinkResult.UNDECIDED
        if failure in self.codes:
            result = ShrinkResult.FAILED
        elif self.exit_code == ExitCode.FAIL and self.codes:
            result = ShrinkResult.OTHERWISE
        elif self.exit_code == ExitCode.PASS:
            result = ShrinkResult.PASSED
        return replace(self, result=result)


@dataclass(frozen=True, slots=True)
class Shrunk:
    """All trials of one plan, and what is left of its faults.

    ``failure`` is the first finding that failed the whole plan, None if it did not fail;
    ``minimal`` whether every single fault of ``faults`` was tried to be left out; ``stopped`` says
    why not.
    """

    scenario: str
    seed: Whole
    failure: str | None
    faults: tuple[str, ...]
    trials: tuple[ShrinkTrial, ...]
    minimal: bool
    stopped: str | None = None
    schema: str = "lendchaos.shrink/1"


def failure_codes(verdict: Verdict) -> tuple[str, ...]:
    """The findings that failed a run, most serious first; an objective with its name."""
    failed = [f for f in verdict.findings if f.verdict is Severity.FAIL]
    objective = "objective_missed"
    codes = [f"{f.code}:{f.evidence.get('id')}" if f.code == objective else f.code for f in failed]
    return tuple(dict.fromkeys(codes))


def shrink(
    scenario: str, seed: int, run: Callable[[tuple[str, ...] | None], ShrinkTrial], runs_max: int
) -> Shrunk:
    """Run the whole plan, then leave out fault after fault, in at most ``runs_max`` runs.

    ``run`` is called with the names of the faults to keep, None for all of them at first; its
    `ShrinkTrial` says which those were.
    """
    whole = run(None)
    if not whole.codes:
        return Shrunk(scenario, seed, None, whole.faults, (whole,), minimal=False)
    failure, kept = whole.codes[0], whole.faults
    known: dict[tuple[str, ...], ShrinkTrial] = {kept: whole.held_against(failure)}
    at, needed, stopped = 0, 0, None
    while needed < len(kept) and stopped is None:
        fewer = kept[:at] + kept[at + 1 :]
        if fewer not in known:
            if len(known) >= runs_max:
                stopped = f"after {runs_max} runs"
                break
            known[fewer] = run(fewer).held_against(failure)
            if known[fewer].exit_code == ExitCode.INTERRUPTED:
                stopped = "interrupted"
        if known[fewer].result is ShrinkResult.FAILED:
            kept, needed = fewer, 0  # one fault less: whatever was needed may not be any longer
            at = at if at < len(kept) else 0
        else:
            needed += 1
            at = (at + 1) % len(kept)
    trials, minimal = tuple(known.values()), stopped is None
    return Shrunk(scenario, seed, failure, kept, trials, minimal=minimal, stopped=stopped)


def again(command: list[str], shrunk: Shrunk) -> str:
    """The command line that runs what is left, with the same seed."""
    names = ",".join(shrunk.faults) or NONE
    return shlex.join([*command, "--seed", str(shrunk.seed), "--only-faults", names])


def render(shrunk: Shrunk, command: list[str]) -> str:
    """All trials, what is left, and how to run that again."""
    lines = [f"SHRINK  {shrunk.scenario}", ""]
    width = max(len(_listed(trial)) for trial in shrunk.trials)
    for number, trial in enumerate(shrunk.trials, start=1):
        lines.append(f"  run {number:>2}  {_listed(trial):<{width}}  {_outcome(trial)}")
    lines.append("")
    if shrunk.failure is None:
        lines.append("Nothing to shrink: the whole plan did not fail.")
    else:
        lines += [*_conclusion(shrunk), f"again  {again(command, shrunk)}"]
    return "\n".join(lines) + "\n"


def _listed(trial: ShrinkTrial) -> str:
    return " ".join(trial.faults) or "no fault"


def _outcome(trial: ShrinkTrial) -> str:
    where = f"  {trial.directory}" if trial.directory else ""
    if trial.result is None:
        return f"exit code {trial.exit_code}{where}"
    if trial.result is ShrinkResult.OTHERWISE:
        return f"{trial.result}: {', '.join(trial.codes)}{where}"
    if trial.result is ShrinkResult.UNDECIDED:
        return f"{trial.result} (exit code {trial.exit_code}), counts as not failed{where}"
    return f"{trial.result}{where}"


def _conclusion(shrunk: Shrunk) -> list[str]:
    faults, all_faults, failure = shrunk.faults, shrunk.trials[0].faults, shrunk.failure
    told = [one for one in shrunk.trials if one.exit_code != ExitCode.INTERRUPTED]
    open_ = [set(one.faults) for one in told if one.result is ShrinkResult.UNDECIDED]
    undecided = [name for name in faults if {*faults} - {name} in open_]
    whole, listed = faults == all_faults, ", ".join(faults)
    if not faults:
        said = f"It fails ({failure}) without any fault: none of them is to blame."
    elif shrunk.stopped is not None or undecided:
        part = "all of its" if whole else f"{len(faults)} of {len(all_faults)}"
        said = f"With {part} faults it fails ({failure}): {listed}."
    else:
        counted = "Every fault" if whole else f"Of {len(all_faults)} faults {len(faults)}"
        verb = "is" if whole or len(faults) == 1 else "are"
        said = f"{counted} {verb} needed for {failure}: {listed}."
    lines = [said]
    if shrunk.stopped is not None:
        how = "Interrupted" if shrunk.stopped == "interrupted" else f"Stopped {shrunk.stopped}"
        lines.append(f"{how}: fewer may do.")
    if undecided:
        without = ", without ".join(undecided)
        lines.append(f"Undecided, which counts as not failed: without {without}; fewer may do.")
    return lines
