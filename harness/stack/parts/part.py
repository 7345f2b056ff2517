"""What a part of a stack is: one kind of process, how it is started, and what can be done to it.

A part is one file. Nothing else compares or matches its name: what others need to know of it is
in the stack's layout (`harness.stack.layouts`), which is made from here.
"""

from abc import ABC, abstractmethod
from collections.abc import Mapping, Sequence
from http import HTTPStatus
from pathlib import Path
from signal import Signals
from typing import Any, ClassVar, Protocol

from harness.core.errors import HarnessError
from harness.core.http_calls import get
from harness.core.processes import CODE_FOLDER, listeners
from harness.plan.layout import START_SECONDS
from harness.stack.state import HEALTH_PATH, Stack, StackSettings
from harness.stack.supervised_process import Child


class Yard(Protocol):
    """What the supervisor offers to a part: the stack, what it is made of, and its children."""

    @property
    def stack(self) -> Stack:
        """The stack that is coming up."""

    @property
    def spec(self) -> Any:
        """A `harness.stack.launch.LaunchSpec`."""

    @property
    def children(self) -> Mapping[str, Child]:
        """The processes that were started, by name."""

    @property
    def secret(self) -> str:
        """A word that the parts of this stack share."""

    def report_step(self, text: str) -> None:
        """Tell who waits for the stack what is being done."""

    async def start_child(
        self,
        name: str,
        command: Sequence[str],
        environment: Mapping[str, str],
        cwd: Path = CODE_FOLDER,
        **signals: Signals,
    ) -> None:
        """Start a process and keep it running; ``signals`` are those of `ChildSpec`."""

    async def wait_first(self, name: str) -> None:
        """Wait until a process is ready for the first time; HarnessError where it does not come."""

    async def run_once(
        self, name: str, command: Sequence[str], environment: Mapping[str, str]
    ) -> None:
        """Run a command to its end; HarnessError where it fails."""


class StackPart(ABC):
    """One kind of process of a stack.

    ``group`` names it: its processes answer in one another's place. It is the role of all of them
    where there are several, and ``one_of_them`` that of any one. ``link`` is the link that leads to
    it, empty for none. ``listens`` is its ``host:port`` where that is known before it is started.
    No fault can be on a part that has neither, as nothing would show it.

    ``asks`` is what may be asked of it there to see that it works: a path for HTTP ("/health"), any
    other text as it is sent, "" where it speaks first; None for nothing: then its port alone tells
    that it runs, and it cannot be paused, as a stopped process still takes connections.
    ``protocol`` overrides what follows from that (`LayoutPart`).

    No borrow passes without it if it is ``needed``, nor without its ``needed_tables`` of the
    ``tables`` that it keeps in the stack's database. An ``early`` part is started beside others.
    """

    group: str
    one_of_them: ClassVar[str] = ""
    listens: str = ""
    link: ClassVar[str] = ""
    asks: str | None = None
    protocol: ClassVar[str] = ""
    tables: ClassVar[tuple[str, ...]] = ()
    needed_tables: ClassVar[frozenset[str]] = frozenset()
    needed: ClassVar[bool] = False
    early: ClassVar[bool] = False
    start_seconds: ClassVar[float] = START_SECONDS
    """What it may take from a restart to its first answer; twice that at its first start."""
    needs_links: ClassVar[bool] = False
    """Whether it is started once every link is there."""
    ours: ClassVar[bool] = False
    """Whether it is the harness's own tool, and no part of the target."""

    def names(self, _settings: StackSettings) -> tuple[str, ...]:
        """The names of its processes."""
        return (self.group,)

    def address(self, stack: Stack) -> str:
        """``host:port`` at which the harness reaches it, around the link; empty for none."""
        return (stack.beyond(self.link) or "") if self.link else self.listens

    @abstractmethod
    async def start(self, yard: Yard) -> None:
        """Start its processes; they need not be ready yet."""

    @abstractmethod
    async def is_ready(self, yard: Yard, child: Child) -> bool:
        """Whether one of its processes, which is alive, does its work."""

    async def settle(self, yard: Yard) -> None:
        """Wait until it is ready for the first time."""
        for name in self.names(yard.stack.settings or StackSettings()):
            await yard.wait_first(name)

    async def tend(self, yard: Yard) -> None:  # noqa: B027  # most need nothing
        """Look after it for as long as the stack is up."""


class Killable:
    """Its process can be ended at once, and is started again."""

    ability: ClassVar[str] = "kill"


class Restartable:
    """Its process can be asked to stop in good order, and is started again."""

    ability: ClassVar[str] = "restart"


class Pausable:
    """Its process can be stopped and let go on."""

    ability: ClassVar[str] = "pause"


class HasPrimary(ABC):
    """One of its processes takes the writes, and which one may change."""

    role: ClassVar[str] = "primary"
    service_role: ClassVar[str] = ""
    """The role as which the service is in the database; empty where it is not known."""

    @abstractmethod
    def primary(self, stack: Stack) -> str:
        """The name of the process that takes the writes now; HarnessError where none does."""


class Upgradable(ABC):
    """Its processes can be exchanged for those of another version while the stack is up."""

    ability: ClassVar[str] = "upgrade"

    @abstractmethod
    async def exchange(self, yard: Yard, name: str, version: str) -> None:
        """Start a process of another version in the place of one; HarnessError where it fails."""


ABILITIES = (Killable, Restartable, Pausable, Upgradable)


def abilities_of(part: StackPart) -> tuple[str, ...]:
    """What can be done to a part, as faults need it."""
    return tuple(kind.ability for kind in ABILITIES if isinstance(part, kind))


def who_answers(stack: Stack, url: str) -> str | None:
    """The process of the stack that answers one fresh connection, by its name; None if no one does.

    HarnessError where someone answers who is not of this stack: a replica left over from another
    one shares the port silently and would take part of the traffic.
    """
    answer = get(f"{url}{HEALTH_PATH}")
    if answer is None:
        return None
    if answer.field("stack_id") != stack.stack_id:
        port = int(url.rpartition(":")[2])
        ours = {reference.pid for reference in stack.processes.values()}
        strangers = [str(pid) for pid in listeners(port) if pid not in ours]
        whose = f" (process {', '.join(strangers)})" if strangers else ""
        raise HarnessError(
            f"a program that is not of this stack also answers on port {port}{whose}: "
            "end it, then start again"
        )
    return str(answer.field("instance")) if answer.status == HTTPStatus.OK else None
