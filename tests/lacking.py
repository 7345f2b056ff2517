"""What a machine lacks: tests that need it are skipped, but never silently on a build server."""

import os
from typing import NoReturn

import pytest

ON_BUILD_SERVER = os.environ.get("CI", "").lower() in ("1", "true")


def skip(lacks: str, *, can_be_installed: bool = True) -> NoReturn:
    """Skip the test; on a build server it fails, where what it lacks could be there."""
    if ON_BUILD_SERVER and can_be_installed:
        pytest.fail(lacks)
    pytest.skip(lacks)
