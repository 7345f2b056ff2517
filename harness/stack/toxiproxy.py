"""Toxiproxy's server as a process of ours; what it does to the links is the faults' business."""

import json
import signal
from collections.abc import Iterable
from pathlib import Path

from harness.core.http_probe import get
from harness.core.ports import LOOPBACK
from harness.core.processes import bound_to_parent
from harness.stack.state import Link


def write_configuration(path: Path, links: Iterable[Link]) -> None:
    """Writes the proxies the server makes at every start, so that a restart has them again."""
    proxies = [
        {"name": link.name, "listen": link.listen, "upstream": link.upstream, "enabled": True}
        for link in links
    ]
    path.write_text(json.dumps(proxies, indent=2))


def server_command(program: Path, api_port: int, configuration: Path) -> list[str]:
    """The command line of the server, whose control interface listens on loopback only."""
    arguments = ["-host", LOOPBACK, "-port", str(api_port), "-config", str(configuration)]
    return bound_to_parent([str(program), *arguments], signal.SIGKILL)


def is_ready(api_url: str, links: Iterable[Link]) -> bool:
    """Whether the server answers and has every link."""
    answer = get(f"{api_url}/proxies")
    return (
        answer is not None
        and answer.status == 200  # noqa: PLR2004 - HTTP OK
        and all(answer.field(link.name) for link in links)
    )
