"""Every address that a run or one of its faults may touch is this machine's own or was named.

The stack was asked the same when it came up. It is asked again for each run, of what the state file
says now: allowing a host is a decision of each run, and a file can be old or changed by hand.
"""

from collections.abc import Collection
from urllib.parse import urlsplit

from harness.core.errors import UsageError
from harness.stack import Stack
from harness.stack.addresses import require_allowed, split_address


def addresses_of(stack: Stack) -> dict[str, str]:
    """Every host that a run on this stack speaks to, by what it is there for."""
    urls = {
        "the service": stack.service_url,
        "the edge link": stack.edge_url,
        "Toxiproxy's control interface": stack.toxiproxy_api,
        "the database": stack.database_url or "",
    }
    found = {what: urlsplit(url).hostname or "" for what, url in urls.items() if url}
    for link in stack.links.values():
        found[f"the link {link.name}"] = split_address(link.listen)[0]
        found[f"the far side of the link {link.name}"] = split_address(link.upstream)[0]
    return found


OURS = ("the edge link", "Toxiproxy's control interface")
"""What is never anywhere but on this machine, whatever is allowed."""


def require_reach(stack: Stack, allow_targets: Collection[str], *, look_up: bool = True) -> None:
    """Refuse a stack that leads to where nobody allowed us to go.

    What "localhost" means is looked up, unless ``look_up`` is False.

    Raises:
        UsageError: one line that names the address, what it is, and how to allow it.
    """
    for what, host in addresses_of(stack).items():
        if any(wire.holds(host) for wire in stack.wires.values()):
            continue  # in network namespaces of the stack's own, which lead nowhere else
        listens = what.startswith("the link ")
        allowed = () if what in OURS or listens else allow_targets
        try:
            require_allowed(host, allowed, look_up=look_up)
        except UsageError as error:
            if allowed is allow_targets:
                raise UsageError(f"{what} is elsewhere: {error}") from error
            raise UsageError(f"{what} must be on this machine, not on {host}") from error
