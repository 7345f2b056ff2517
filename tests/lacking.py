"""What a machine lacks: tests that need it are skipped, but never silently on a build server."""

import os
from typing import NoReturn

import pytest

from harness.core.errors import HarnessError
from harness.stack import namespaces as spaces


def skip(lacks: str, *, can_be_installed: bool = True) -> NoReturn:
    """Skip the test; on a build server it fails, where what it lacks could be there."""
    if can_be_installed and os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(lacks)
    pytest.skip(lacks)


def require_namespaces() -> None:
    """Skip where namespaces cannot be had; not where root only has to install what makes them."""
    if (lacks := spaces.why_not()) is not None:
        only_to_install = spaces.missing_programs() is not None and _kernel_gives_one()
        skip(lacks, can_be_installed=os.geteuid() == 0 and only_to_install)


def _kernel_gives_one() -> bool:
    try:
        os.close(spaces._new_namespace(forwards=True))
    except HarnessError:
        return False
    return True


def require_programs() -> None:
    """Skip where the programs are missing that make namespaces; not where root can install them."""
    if (lacks := spaces.missing_programs()) is not None:
        skip(lacks, can_be_installed=os.geteuid() == 0)
