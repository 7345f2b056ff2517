"""The credit bureau that the lending service asks."""

import asyncio
import shutil
from typing import ClassVar

from harness.core.processes import clean_environment
from harness.stack.folder import BUREAU_DATA
from harness.stack.parts.lending_service import service_command
from harness.stack.parts.part import Killable, Pausable, Restartable, StackPart, Yard, who_answers
from harness.stack.state import BUREAU, HEALTH_PATH, Stack
from harness.stack.supervised_process import Child


class Bureau(StackPart, Killable, Restartable, Pausable):
    """The bureau: a program of lendchaos, whose scores are new with every stack."""

    group = BUREAU
    link: ClassVar[str] = BUREAU
    asks = HEALTH_PATH

    async def start(self, yard: Yard) -> None:
        """Beside the replicas, which ask it first when someone borrows."""
        folder = yard.stack.state_dir / BUREAU_DATA
        shutil.rmtree(folder, ignore_errors=True)
        folder.mkdir(mode=0o700)
        wire = yard.stack.wires.get(BUREAU)
        command = service_command("bureau", wire.far if wire else "")
        await yard.start_child(BUREAU, command, bureau_environment(yard.stack, yard.secret))

    async def is_ready(self, yard: Yard, child: Child) -> bool:
        """Whether it answers."""
        url = f"http://{self.address(yard.stack)}"
        return await asyncio.to_thread(who_answers, yard.stack, url) == child.spec.name


def bureau_environment(stack: Stack, token: str) -> dict[str, str]:
    """The credit bureau's settings; it listens where its link leads to.

    In a namespace of its own that is every address there: the service's way in and ours.
    """
    host, _, port = (stack.beyond(BUREAU) or "").rpartition(":")
    if BUREAU in stack.wires:
        host = "0.0.0.0"  # noqa: S104  # nothing else has an address in there
    return clean_environment(
        LENDING_HOST=host,
        LENDING_PORT=port,
        LENDING_INSTANCE=BUREAU,
        LENDING_STACK_ID=stack.stack_id,
        LENDING_BUREAU_TOKEN=token,
        LENDING_BUREAU_STORE=str(stack.state_dir / BUREAU_DATA / "scores.sqlite"),
    )
