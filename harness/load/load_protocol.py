"""What conductor and load processes say to each other.

Over standard input and output of the conductor, whose end is `harness.load.channel`; that of the
process that leads the load is `harness.load.conductor_link`. Leading process and workers speak over
Locust, which carries each message as one of its own, `TO_WORKER` or `TO_LEADER` by name; a process
that leads and sends hears itself.
"""

from dataclasses import dataclass, field
from typing import Literal

from harness.core.messages import Codec
from harness.core.user_module import UserReference
from harness.history.events import Clock, SafetyStop, Stall
from harness.history.run_facts import ErrorRecord, RunEndedBy

TO_WORKER, TO_LEADER = "lendchaos_to_worker", "lendchaos_to_leader"
REPORTED_KEY = "lendchaos_drained"
"""In a report of Locust's statistics: nothing of the run of this load process will follow."""


@dataclass(frozen=True, slots=True)
class ConductorProgress:
    """What the conductor does just now, for people."""

    text: str


@dataclass(frozen=True, slots=True)
class LoadAccount:
    """What a borrower logs in with, and the session that set-up left open."""

    phone: str
    password: str = field(repr=False)
    token: str = field(repr=False)
    expires_ns: int | None = None
    account_id: str = ""


@dataclass(frozen=True, slots=True)
class LoadReady:
    """Everything stands: the load may begin. ``accounts`` are by the borrower's index."""

    edge_url: str
    accounts: dict[int, LoadAccount]


@dataclass(frozen=True, slots=True)
class FaultChanged:
    """A fault is ``injected``, ``healed`` or ``not healed``, since a monotonic instant."""

    name: str
    state: str
    at_ns: int


@dataclass(frozen=True, slots=True)
class StopLoad:
    """The run is to end in order; ``reason`` is for people."""

    by: RunEndedBy
    reason: str


@dataclass(frozen=True, slots=True)
class RecordUnwritten:
    """The disk takes no more of the run's record."""

    text: str


@dataclass(frozen=True, slots=True)
class RunFailed:
    """There is no verdict, and the conductor ends."""

    exit_code: int
    text: str


@dataclass(frozen=True, slots=True)
class RunJudged:
    """The conductor's last word. ``report`` is empty where the disk did not take it."""

    verdict: str
    exit_code: int
    sentence: str
    summary: str
    report: str
    run_dir: str


FromConductor = (
    ConductorProgress
    | LoadReady
    | FaultChanged
    | StopLoad
    | SafetyStop
    | RecordUnwritten
    | RunFailed
    | RunJudged
)
FROM_CONDUCTOR: Codec[FromConductor] = Codec(FromConductor)


@dataclass(frozen=True, slots=True)
class LoadBegun:
    """The one clock of the run, and the names of its load processes."""

    clock: Clock
    workers: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class InterruptRun:
    """Heal, and end the run in order."""


PageOrder = Literal["heal", "inject", "abort"]


@dataclass(frozen=True, slots=True)
class PageCommand:
    """What someone ordered on the chaos page; a heal without a ``fault`` is of all of them."""

    do: PageOrder
    fault: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LoadDrained:
    """Nothing is under way any more; ``ended_by`` is None where the load came to its end."""

    load_ended_ns: int
    drained_ns: int
    ended_by: RunEndedBy | None
    troubles: tuple[ErrorRecord, ...]
    stalls: tuple[Stall, ...]
    workers: tuple[str, ...]
    notes: tuple[str, ...] = ()


FromLoad = LoadBegun | InterruptRun | PageCommand | LoadDrained
FROM_LOAD: Codec[FromLoad] = Codec(FromLoad)


@dataclass(frozen=True, slots=True, kw_only=True)
class PrepareLoad:
    """Its part of a run: the ``index``-th of ``count``. ``borrower`` is the name of the class with
    the steps, ``accounts`` are by the borrower's index.

    ``target`` is the user's class of a target, to be made with the address ``url`` (None for its
    own); without one, the target speaks our contract.
    """

    name: str
    run_dir: str
    index: int
    count: int
    borrower: str
    edge_url: str
    accounts: dict[int, LoadAccount]
    boot_id: str
    target: UserReference | None = None
    url: str | None = None


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
    """Something raised in the user's code; of ``background`` load it says nothing of the run."""

    text: str
    background: bool = False


@dataclass(frozen=True, slots=True)
class EndAsked:
    """The run has to end: the user's code wants the process to; or the disk takes no more of what
    the run is judged by, which ``unwritten`` says; or a step of the scenario is wrong, which
    ``broken_step`` says.
    """

    unwritten: str = ""
    broken_step: str = ""


ToLeader = WorkerPrepared | WorkerDrained | UserCodeRaised | EndAsked
FOR_LEADER: Codec[ToLeader] = Codec(ToLeader)
