"""What several test files of this folder need."""

from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.load.lender import Lender, at_work
from tests.load.walking import Load, Script


@pytest.fixture
def lender() -> Iterator[Lender]:
    """A lender behind a real HTTP server."""
    with at_work() as made:
        yield made


@pytest.fixture
def make_load(tmp_path: Path) -> Iterator[Callable[..., Load]]:
    """Makes a load in a folder of this test, and closes its file."""
    made: list[Load] = []

    def make(script: Script, **settings: Any) -> Load:
        made.append(Load(tmp_path, script, **settings))
        return made[-1]

    yield make
    for load in made:
        load.events.close()
