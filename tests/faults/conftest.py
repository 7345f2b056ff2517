"""One Toxiproxy for all tests of a file."""

from collections.abc import Iterator

import pytest

from tests.faults.toxiproxy import Rig, toxiproxy


@pytest.fixture(scope="module")
def rig(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Rig]:
    """A real Toxiproxy; every test leaves its link as it was."""
    with toxiproxy(tmp_path_factory.mktemp("toxiproxy")) as started:
        yield started
        found = started.control.proxy("edge")
        assert (found.enabled, found.toxics) == (True, ())
        assert found.upstream == started.stack.links["edge"].upstream
