"""A look at a module of the user's in an interpreter of its own.

What a module brings with it shows only there: the load process has Locust and gevent already, and
where it would be refused, in the conductor, they would have replaced the standard library by then.
"""

import subprocess
import sys
from collections.abc import Callable
from typing import Any

from harness.core.errors import HarnessError, UsageError
from harness.core.own_python import module_command
from harness.core.user_module import UserReference, imported

_SECONDS_MAX = 60.0
_SAYS = "lendchaos: "
"""Begins our own line among those that a module, or Python, writes."""


def look_alone(program: str, reference: UserReference, what: str) -> None:
    """Have a ``program`` of lendchaos look at a module; UsageError with what it says against it.

    ``what`` begins a message. HarnessError where it hangs.
    """
    words = [*module_command(program), reference.module, reference.name, reference.folder]
    try:
        done = subprocess.run(
            words, capture_output=True, text=True, timeout=_SECONDS_MAX, check=False
        )
    except subprocess.TimeoutExpired as error:
        text = f"{what} {reference}: its module was not loaded within {_SECONDS_MAX:g} s"
        raise HarnessError(text) from error
    if done.returncode != 0:
        lines = [line for line in done.stderr.splitlines() if line.strip()]
        said = [line.removeprefix(_SAYS) for line in lines if line.startswith(_SAYS)]
        last = (said or lines)[-1:]
        raise UsageError("".join(last) or f"{what} {reference}: its module ends Python")


def looked_at(look: Callable[[UserReference], Any]) -> int:
    """Such a program: the exit code of a ``look`` at the module that its words name."""
    sys.dont_write_bytecode = True  # a look at a module leaves nothing beside it
    try:
        look(UserReference(*sys.argv[1:]))
    except UsageError as error:
        sys.stderr.write(f"\n{_SAYS}{error}\n")
        return error.exit_code
    return 0


if __name__ == "__main__":
    sys.exit(looked_at(lambda reference: imported(reference, "fault module")))
