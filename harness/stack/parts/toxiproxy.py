"""Toxiproxy's server: every link of a stack leads through it. What is done to the links is the
faults' business.
"""

import asyncio
import json
import signal
from collections.abc import Iterable
from dataclasses import asdict
from http import HTTPStatus
from pathlib import Path
from typing import ClassVar
from urllib.parse import urlsplit

from harness.core.http_calls import get
from harness.core.ports import LOOPBACK
from harness.core.processes import bound_to_parent, clean_environment
from harness.stack.parts.part import StackPart, Yard
from harness.stack.state import Stack, StackLink
from harness.stack.supervised_process import Child

TOXIPROXY = "toxiproxy"


class Toxiproxy(StackPart):
    """The proxy server."""

    group = TOXIPROXY
    asks = "/version"
    early: ClassVar[bool] = True
    ours: ClassVar[bool] = True

    def address(self, stack: Stack) -> str:
        """Its control interface."""
        return urlsplit(stack.toxiproxy_api).netloc

    async def start(self, yard: Yard) -> None:
        """With a proxy for every link."""
        configuration = yard.stack.log_dir / "toxiproxy.json"
        spec, links = yard.spec, yard.stack.links.values()
        command = toxiproxy_command(spec.toxiproxy, spec.api_port, configuration, links)
        await yard.start_child(self.group, command, clean_environment(LOG_LEVEL="warn"))

    async def is_ready(self, yard: Yard, child: Child) -> bool:
        """Whether it answers and has every link."""
        del child
        return await asyncio.to_thread(has_links, yard.stack)


def toxiproxy_command(
    program: Path, api_port: int, configuration: Path, links: Iterable[StackLink]
) -> list[str]:
    """The command line of Toxiproxy's server, whose control interface listens on loopback only.

    Writes its configuration: the proxies it makes at every start, so that a restart has them again.
    """
    proxies = [{**asdict(link), "enabled": True} for link in links]
    configuration.write_text(json.dumps(proxies, indent=2))
    arguments = ["-host", LOOPBACK, "-port", str(api_port), "-config", str(configuration)]
    return bound_to_parent([str(program), *arguments], signal.SIGKILL)


def has_links(stack: Stack) -> bool:
    """Whether Toxiproxy's server answers and has every link."""
    answer = get(f"{stack.toxiproxy_api}/proxies")
    return (
        answer is not None
        and answer.status == HTTPStatus.OK
        and all(answer.field(name) for name in stack.links)
    )
