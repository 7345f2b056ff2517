"""Where the target runs: a local stack of plain processes, or a service that already runs."""

from harness.stack.attach import attach
from harness.stack.client import Killed, ProcessStatus, StackClient
from harness.stack.doctor import Check, diagnose
from harness.stack.launch import down
from harness.stack.local import up
from harness.stack.provision import provision_all
from harness.stack.state import Link, Stack, StackSettings, default_state_dir, load_state

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
