"""What several test files of this folder need."""

from collections.abc import Iterator

import pytest

from tests.load.lender import Lender, at_work


@pytest.fixture
def lender() -> Iterator[Lender]:
    """A lender behind a real HTTP server."""
    with at_work() as made:
        yield made
