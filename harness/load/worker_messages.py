"""What the process that leads a run and those that send its load say to each other, over Locust.

Locust carries each as one of its own messages, `TO_WORKER` or `TO_LEADER` by name; a process that
leads and sends hears itself.
"""

from dataclasses import dataclass

from harness.core.messages import Codec
from harness.history.events import Stall
from harness.load.load_protocol import LoadAccount

TO_WORKER, TO_LEADER = "lendchaos_to_worker", "lendchaos_to_leader"
REPORTED_KEY = "lendchaos_drained"
"""In a report of Locust's statistics: nothing of the run of this load process will follow."""


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareLoad:
    """Its part of a run: the ``index``-th of ``count``. ``accounts`` are by borrower."""

    name: str
    run_dir: str
    index: int
    count: int
    edge_url: str
    accounts: dict[int, LoadAccount]
    boot_id: str


@dataclass(frozen=True, slots=True)
class StartLoad:
    """Arrivals begin at the instant of zero."""

    zero_ns: int


@dataclass(frozen=True, slots=True)
class EndLoad:
    """Nothing that was due after this instant is started any more."""

    at_ns: int


ToWorker = PrepareLoad | StartLoad | EndLoad
FOR_WORKER: Codec[ToWorker] = Codec(ToWorker)


@dataclass(frozen=True, slots=True)
class WorkerPrepared:
    """It is ready, or says why it cannot take part."""

    name: str
    boot_id: str
    error: str | None = None


@dataclass(frozen=True, slots=True)
class WorkerDrained:
    """Nothing is under way any more; what went wrong, and when the process did not run."""

    name: str
    trouble: str | None
    stalls: tuple[Stall, ...]


@dataclass(frozen=True, slots=True)
class UserCodeRaised:
    """Something raised in the user's code."""

    text: str


@dataclass(frozen=True, slots=True)
class EndAsked:
    """The run has to end: the user's code wants the process to, or the disk takes no more of what
    the run is judged by, which ``unwritten`` says.
    """

    unwritten: str = ""


ToLeader = WorkerPrepared | WorkerDrained | UserCodeRaised | EndAsked
FOR_LEADER: Codec[ToLeader] = Codec(ToLeader)
