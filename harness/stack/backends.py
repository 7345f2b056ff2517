"""Where a stack comes from: processes of this machine, or proxies before a service that runs.

Code that plans, previews or conducts a run asks a `Backend`, and never which one it is.
"""

import os
from abc import ABC, abstractmethod
from collections.abc import Collection, Iterable, Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import ClassVar

from harness.core.processes import ProcessRef
from harness.plan.layout import StackLayout
from harness.plan.plan import Settings
from harness.plan.target_parts import TargetParts
from harness.stack.addresses import join_address, split_address, split_target
from harness.stack.bring_up import attach, up
from harness.stack.folder import ATTACHED
from harness.stack.launch import silent
from harness.stack.layouts import ATTACHED_PARTS, attached_layout, local_layout
from harness.stack.programs import Progress, find_postgres, find_toxiproxy
from harness.stack.register import require_listing
from harness.stack.state import EDGE, Stack, StackLink, StackSettings, load_state
from harness.stack.usable import (
    TOKEN_VARIABLE,
    own_link,
    require_answer,
    require_proxy_for,
    require_same,
    require_startable,
)


class Backend(ABC):
    """One way to a stack.

    ``folder`` is where the stack keeps its state. One that ``outlasts`` a run stays if it was up
    before.
    """

    folder: Path
    outlasts: ClassVar[bool]

    @abstractmethod
    def layout(self, running: Stack | None = None) -> StackLayout:
        """What it offers to faults: of the stack that is up, or that is to be."""

    @abstractmethod
    def hosts(self) -> Iterator[str]:
        """Hosts that it leads to; UsageError where one is no host."""

    @abstractmethod
    def objections(self, settings: Settings, others: Iterable[Stack | None]) -> Iterator[str]:
        """What it cannot give to a run with these settings, beside the ``others`` that are up."""

    @abstractmethod
    def require_alike(self, running: Stack) -> None:
        """HarnessError where the stack that is up is not the one that is asked for."""

    @abstractmethod
    def require_possible(self, running: Stack | None, *, asks: bool) -> None:
        """HarnessError where this machine cannot give what it takes.

        The kernel, programs and the target are tried, unless ``asks`` is False.
        """

    @abstractmethod
    def bring_up(self, progress: Progress = silent, owner: ProcessRef | None = None) -> Stack:
        """The stack, which is up; UsageError and HarnessError as the methods before.

        One that comes up now goes down when its ``owner`` has died, if it has one.
        """


@dataclass(frozen=True, slots=True, kw_only=True)
class LocalBackend(Backend):
    """The reference service with all that it needs, as processes of this machine.

    One that is up may have more than is ``wanted``; only the service's kind has to agree.
    """

    folder: Path
    wanted: StackSettings
    allow_targets: Collection[str] = ()
    outlasts: ClassVar[bool] = True

    def layout(self, running: Stack | None = None) -> StackLayout:
        """Of the stack that is up, or that is to be."""
        return local_layout(self.wanted) if running is None else running.layout

    def hosts(self) -> Iterator[str]:
        """All are this machine."""
        yield from ()

    def objections(self, settings: Settings, others: Iterable[Stack | None]) -> Iterator[str]:
        """It gives everything."""
        del settings, others
        yield from ()

    def require_alike(self, running: Stack) -> None:
        """The service's kind and what is planted in it."""
        require_same(running, self._settings(running))

    def require_possible(self, running: Stack | None, *, asks: bool) -> None:
        """Room, programs and namespaces, where none is up."""
        if running is not None and running.ready:
            return
        require_startable(self._settings(running), self.folder, tries=asks)
        if asks:
            find_toxiproxy()
            find_postgres()

    def bring_up(self, progress: Progress = silent, owner: ProcessRef | None = None) -> Stack:
        """The one that is up, or a new one."""
        running = load_state(self.folder)
        if running is None:
            progress("bringing the local stack up")
        return up(self._settings(running), self.folder, progress, self.allow_targets, owner)

    def _settings(self, running: Stack | None) -> StackSettings:
        known = (running and running.settings) or StackSettings()
        return replace(
            known,
            service=self.wanted.service,
            defect=self.wanted.defect or known.defect,
            namespaces=self.wanted.namespaces or known.namespaces,
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class AttachedBackend(Backend):
    """A service that runs at ``url``, behind proxies of lendchaos.

    ``parts`` are what its target declares; None for one that speaks our contract.
    """

    folder: Path
    url: str
    parts: TargetParts | None = None
    allow_targets: Collection[str] = ()
    outlasts: ClassVar[bool] = False

    def layout(self, running: Stack | None = None) -> StackLayout:
        """As it is declared; the proxies of before are none that a run uses."""
        if running is not None:
            return running.layout
        upstreams = {EDGE: join_address(*split_target(self.url))}
        if self.parts is not None:
            upstreams |= {name: link.upstream for name, link in self.parts.links.items()}
        links = {name: StackLink(name, "this machine", to) for name, to in upstreams.items()}
        return attached_layout(links, self.parts)

    def hosts(self) -> Iterator[str]:
        """The service's, and those of all parts that its target declares."""
        yield split_target(self.url)[0]
        for address in () if self.parts is None else self.parts.addresses:
            yield split_address(address)[0]

    def objections(self, settings: Settings, others: Iterable[Stack | None]) -> Iterator[str]:
        """What only the local stack can give, and a target that is a link of lendchaos."""
        if settings.defect:
            yield "--defect is for the local stack's service, not for one that runs"
        if settings.service != StackSettings().service:
            yield "--service is for the local stack's service, not for one that runs"
        if settings.namespaces:
            yield "--namespaces is for the local stack, not for a service that runs"
        for part in ATTACHED_PARTS:
            if self.parts is not None and part.group in self.parts.processes:
                yield f"processes: {part.group} is lendchaos's own process: use another name"
        if self.parts is None and not self._token:
            yield f"{TOKEN_VARIABLE} must hold the admin token of {self.url}"
        if own := own_link(others, *split_target(self.url)):
            yield own

    def require_alike(self, running: Stack) -> None:
        """A proxy for this service, with these parts."""
        require_proxy_for(running, self._service_url, self._token, self.parts)

    def require_possible(self, running: Stack | None, *, asks: bool) -> None:
        """A proxy, and a service that answers."""
        missing = running is None or not running.ready
        if missing:
            require_listing()
        if missing and asks:
            find_toxiproxy()
        if asks:
            require_answer(self._service_url, self.parts)

    def bring_up(self, progress: Progress = silent, owner: ProcessRef | None = None) -> Stack:
        """Proxies in front of it, and the processes that its target declares."""
        return attach(
            self.url, self.folder, self.allow_targets, progress, parts=self.parts, owner=owner
        )

    @property
    def _service_url(self) -> str:
        return f"http://{join_address(*split_target(self.url))}"

    @property
    def _token(self) -> str:
        return os.environ.get(TOKEN_VARIABLE, "") if self.parts is None else ""


def backend_for(
    settings: Settings,
    state_dir: Path,
    url: str | None = None,
    *,
    parts: TargetParts | None = None,
    allow_targets: Collection[str] = (),
) -> Backend:
    """The backend of a run: of the service at ``url``, or the local one.

    ``state_dir`` is the folder of all stacks of this place.
    """
    if url is not None:
        folder = state_dir / ATTACHED
        return AttachedBackend(folder=folder, url=url, parts=parts, allow_targets=allow_targets)
    wanted = StackSettings(
        service=settings.service, defect=settings.defect, namespaces=settings.namespaces
    )
    return LocalBackend(folder=state_dir, wanted=wanted, allow_targets=allow_targets)
