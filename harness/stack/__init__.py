"""Where the target runs: a local stack of plain processes, or a service that already runs.

Exports are lazy: who only asks what is up needs neither what starts a stack nor what looks for its
programs. Whoever has to heal imports by name at its own start, so that nothing is loaded late.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.stack.attaching import attach
    from harness.stack.client import StackClient
    from harness.stack.control_protocol import Killed, ProcessStatus
    from harness.stack.doctor import Check, diagnose
    from harness.stack.folder import default_state_dir
    from harness.stack.launch import down
    from harness.stack.local import up
    from harness.stack.provision import provision_all
    from harness.stack.state import Link, Stack, StackSettings, load_state

__all__ = [
    "Check",
    "Killed",
    "Link",
    "ProcessStatus",
    "Stack",
    "StackClient",
    "StackSettings",
    "attach",
    "default_state_dir",
    "diagnose",
    "down",
    "load_state",
    "provision_all",
    "up",
]

_HOMES = {
    "Check": "doctor",
    "Killed": "control_protocol",
    "Link": "state",
    "ProcessStatus": "control_protocol",
    "Stack": "state",
    "StackClient": "client",
    "StackSettings": "state",
    "attach": "attaching",
    "default_state_dir": "folder",
    "diagnose": "doctor",
    "down": "launch",
    "load_state": "state",
    "provision_all": "provision",
    "up": "local",
}


def __getattr__(name: str) -> Any:
    if name not in _HOMES:
        raise AttributeError(f"module 'harness.stack' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415  # lazy on purpose, see above

    return getattr(import_module(f"harness.stack.{_HOMES[name]}"), name)
