"""Where the target runs: a local stack of plain processes, or a service that already runs.

Exports are lazy: code that only asks what is up loads neither what starts a stack nor what looks
for its programs. Healing code imports by name at start-up, so that no import fails during a heal.
"""

from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from harness.stack.bring_up import attach, up
    from harness.stack.client import StackClient
    from harness.stack.folder import default_state_dir
    from harness.stack.launch import down
    from harness.stack.state import Stack, StackLink, StackSettings, load_state

__all__ = [
    "Stack",
    "StackClient",
    "StackLink",
    "StackSettings",
    "attach",
    "default_state_dir",
    "down",
    "load_state",
    "up",
]

_HOMES = {
    "bring_up": ("attach", "up"),
    "client": ("StackClient",),
    "folder": ("default_state_dir",),
    "launch": ("down",),
    "state": ("StackLink", "Stack", "StackSettings", "load_state"),
}


def __getattr__(name: str) -> Any:
    home = next((module for module, names in _HOMES.items() if name in names), None)
    if home is None:
        raise AttributeError(f"module 'harness.stack' has no attribute {name!r}")
    from importlib import import_module  # noqa: PLC0415  # lazy on purpose, see above

    return getattr(import_module(f"harness.stack.{home}"), name)
