"""One bad input: what is started, where, with what, and how it may end."""

import random
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import Literal

from harness.core.exit_codes import ExitCode

USAGE, INCONCLUSIVE = int(ExitCode.USAGE), int(ExitCode.INCONCLUSIVE)
REFUSED = frozenset({USAGE})
"""What is bad for certain: a usage error, and nothing else."""
NOT_DONE = frozenset({USAGE, INCONCLUSIVE})
"""Bad for certain; whether the request or the surroundings are to blame is a matter of taste."""
PERHAPS = frozenset({0, USAGE, INCONCLUSIVE})
"""It may turn out to be valid."""
JUDGED = frozenset({0, 1, USAGE, INCONCLUSIVE, int(ExitCode.SAFETY_STOP)})
"""A stored run is judged as it is: 1 and 4 count only beside a verdict that says so."""

Entry = Literal["cli", "load"]
Prepare = Callable[[Path], None]
"""Puts the bad input into the working folder of a case."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """One bad input.

    ``entry`` is what gets the ``words``: the command line, or the load process that `lendchaos run`
    starts. ``program`` is started in its place, where it is not None. ``environment`` is added to
    that of every case; None takes a variable away. ``streams`` are standard input, output and
    error: ``None`` is an empty file, ``closed``, ``broken`` a pipe that nobody reads, or a path.
    ``may_write`` are patterns below the working folder, or below ``~``, that a command is for;
    after exit code 2 they don't count. ``folder`` is where it runs, below the working folder.
    """

    kind: str
    words: tuple[str, ...]
    ends: frozenset[int] = REFUSED
    entry: Entry = "cli"
    real: bool = False
    program: tuple[str, ...] | None = None
    prepare: Prepare | None = None
    environment: Mapping[str, str | None] = field(default_factory=dict)
    streams: tuple[str | None, str | None, str | None] = (None, None, None)
    may_write: tuple[str, ...] = ()
    folder: str = "."
    removed: bool = False
    note: str = ""
    number: int = 0


def prepared(*steps: Prepare | None) -> Prepare:
    """Several preparations, in order."""

    def prepare(folder: Path) -> None:
        for step in steps:
            if step is not None:
                step(folder)

    return prepare


def written(name: str, text: str | bytes) -> Prepare:
    """A file of this text in the working folder."""
    body = text.encode("utf-8", "surrogateescape") if isinstance(text, str) else text

    def prepare(folder: Path) -> None:
        path = folder / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(body)

    return prepare


def loading(words: tuple[str, ...], scenario: str = "scenarios/baseline.py") -> tuple[str, ...]:
    """The words of the load process, as `lendchaos run` starts it for a dry run."""
    fixed = ("-f", scenario, "--only-summary", "--headless", "--loglevel", "WARNING")
    return (*fixed, "--dry-run", *words)


def as_run(case: Case, chance: random.Random, share: float = 0.12) -> Case:
    """The same case of the load process, now and then by way of a real `lendchaos run`."""
    if case.entry != "load" or chance.random() >= share:
        return case
    scenario, rest = case.words[1], case.words[6:]
    return replace(case, entry="cli", words=("run", scenario, *rest))
