"""What a machine lacks: tests that need it are skipped, but never silently on a build server."""

import os
from typing import NoReturn

import pytest


def skip(lacks: str, *, can_be_installed: bool = True) -> NoReturn:
    """Skip the test; on a build server it fails, where what it lacks could be there."""
    if can_be_installed and os.environ.get("CI", "").lower() in ("1", "true"):
        pytest.fail(lacks)
    pytest.skip(lacks)
