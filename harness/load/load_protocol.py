"""What conductor and load process say to each other, over standard input and output of the former.

`harness.load.channel` is the conductor's end, `harness.load.conductor_link` that of the load
process.
"""

from dataclasses import dataclass, field
from typing import Literal

from harness.core.messages import Codec
from harness.history.events import Clock, SafetyStop, Stall
from harness.history.run_facts import RunEndedBy, Trouble


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
    """What somebody ordered on the chaos page; a heal without a ``fault`` is of all of them."""

    do: PageOrder
    fault: str | None = None
    reason: str = ""


@dataclass(frozen=True, slots=True)
class LoadDrained:
    """Nothing is under way any more; ``ended_by`` is None where the load came to its end."""

    load_ended_ns: int
    drained_ns: int
    ended_by: RunEndedBy | None
    troubles: tuple[Trouble, ...]
    stalls: tuple[Stall, ...]
    workers: tuple[str, ...]


FromLoad = LoadBegun | InterruptRun | PageCommand | LoadDrained
FROM_LOAD: Codec[FromLoad] = Codec(FromLoad)
