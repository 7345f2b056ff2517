"""Processes that a target declares: programs that run beside our proxies, and end with them."""

import asyncio
import signal
from pathlib import Path
from typing import ClassVar

from harness.core.processes import bound_to_parent, clean_environment, family, listeners
from harness.plan.target_parts import ProgramSpec
from harness.stack.addresses import split_address
from harness.stack.parts.part import Killable, Pausable, Restartable, StackPart, Yard
from harness.stack.supervised_process import Child


class TargetProgram(StackPart, Killable, Restartable, Pausable):
    """One process of a target, by the name that the target gives it."""

    needs_links: ClassVar[bool] = True
    start_seconds: ClassVar[float] = 60.0
    """It may be a whole application server."""

    def __init__(self, name: str, spec: ProgramSpec) -> None:
        self.group, self.listens, self.asks = name, spec.listens, spec.asks
        self._spec = spec

    async def start(self, yard: Yard) -> None:
        """Its links are there already."""
        yard.report_step(f"starting {self.group}")
        command = bound_to_parent(self._spec.command, signal.SIGKILL)
        environment = clean_environment(**self._spec.environment)
        await yard.start_child(self.group, command, environment, Path(self._spec.cwd))
        await yard.wait_first(self.group)

    async def is_ready(self, yard: Yard, child: Child) -> bool:
        """Whether this very process, or a child of it, listens: a second instance would serve
        unnoticed.
        """
        del yard
        process = child.process
        if process is None:
            return False
        _, port = split_address(self._spec.listens)
        return await asyncio.to_thread(_listens, process.pid, port)


def _listens(pid: int, port: int) -> bool:
    return not set(listeners(port)).isdisjoint(family(pid))
