"""What a game day is run with, to be kept with what happened in it."""

import platform
from importlib import metadata

from harness.core.errors import HarnessError
from harness.stack import postgres_binaries, toxiproxy_binary

NOT_FOUND = "not found"
_PACKAGES = ("lendchaos", "locust", "numpy", "scipy")


def versions() -> dict[str, str]:
    """Versions by name; PostgreSQL and Toxiproxy are those that a local stack takes here.

    Nothing is built or fetched for it; what is not there yet is `NOT_FOUND`.
    """
    return {
        **{name: own_version(name) for name in _PACKAGES},
        "python": platform.python_version(),
        "postgresql": _postgresql(),
        "toxiproxy": _toxiproxy(),
    }


def own_version(name: str = "lendchaos") -> str:
    """The version of an installed package."""
    try:
        return metadata.version(name)
    except metadata.PackageNotFoundError:
        return NOT_FOUND


def _postgresql() -> str:
    try:
        return postgres_binaries.find_postgres().version
    except HarnessError:
        return NOT_FOUND


def _toxiproxy() -> str:
    try:
        found = toxiproxy_binary.find_toxiproxy()
    except HarnessError:
        return NOT_FOUND
    return NOT_FOUND if found is None else found.version
