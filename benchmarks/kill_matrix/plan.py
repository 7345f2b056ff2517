"""Which trials there are: what is killed, how, at which moment, and under which fault."""

import itertools
import random
from collections.abc import Iterator
from dataclasses import dataclass

MASTER, WORKER, CONDUCTOR, GUARDIAN = "locust master", "locust worker", "conductor", "guardian"
BOTH = "conductor and guardian"
TOXIPROXY, POSTGRES, REPLICA, TERMINAL = "toxiproxy", "postgres", "replica-1", "the terminal"
TARGETS = (MASTER, WORKER, CONDUCTOR, GUARDIAN, BOTH, TOXIPROXY, POSTGRES, REPLICA, TERMINAL)
OF_THE_TARGET = (POSTGRES, REPLICA)
OF_THE_STACK = (TOXIPROXY, *OF_THE_TARGET)
ENDS_RUN = (MASTER, CONDUCTOR, BOTH, TERMINAL)
"""Without these a run cannot go on: whatever is broken is healed at once."""

BEFORE, INJECTION, AFTER, HEAL, JUDGING = (
    *("before", "during injection", "after injection", "during heal", "while judging"),
)
MOMENTS = (BEFORE, INJECTION, AFTER, HEAL, JUDGING)

KILL, TERM, INT, STOP_KILL, HANG_UP = "SIGKILL", "SIGTERM", "SIGINT", "SIGSTOP+SIGKILL", "SIGHUP"
SIGNALS = (KILL, TERM, INT, STOP_KILL)

FAULTS = (
    'Partition("database")',
    'Partition("edge", direction="downstream")',
    'Refuse("database")',
    'Latency("database", milliseconds=300)',
    'Freeze("replica-2")',
    'Freeze("postgres")',
    'Kill("replica-2")',
    "BlockingMigration()",
    'Partition("edge"), BlockingMigration()',
)
"""One or two of every family; a line of a scenario file each."""
NETWORK_FAULTS = ("Partition", "Refuse", "Latency")


@dataclass(frozen=True, slots=True)
class Trial:
    """One run that is disturbed once.

    ``phase`` from 0 to 1 shifts the strike within its moment, ``pause_s`` is how long a process is
    stopped before it is killed.
    """

    number: int
    target: str
    signal: str
    moment: str
    faults: str
    phase: float
    pause_s: float
    seed: int

    def __str__(self) -> str:
        """One line for people."""
        return f"{self.target}, {self.signal}, {self.moment}, {self.faults}"


def trials(seed: int, count: int) -> Iterator[Trial]:
    """A seeded choice: every combination once in random order before any comes twice."""
    rng = random.Random(seed)
    strikes = [(target, signal) for target in TARGETS[:-1] for signal in SIGNALS]
    combinations = list(itertools.product([*strikes, (TERMINAL, HANG_UP)], MOMENTS))
    for number in range(count):
        if number % len(combinations) == 0:
            rng.shuffle(combinations)
        (target, signal), moment = combinations[number % len(combinations)]
        yield Trial(
            number=number + 1,
            target=target,
            signal=signal,
            moment=moment,
            faults=rng.choice(FAULTS),
            phase=rng.random(),
            pause_s=rng.uniform(0.2, 1.5),
            seed=rng.randrange(1, 2**31),
        )
