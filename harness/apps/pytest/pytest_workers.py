"""How pytest-xdist hands out the items of scenarios: those of one file go to one worker.

By the file and not by a mark ``xdist_group``: that needs an option of its users, and does nothing
where pytest is newer than pytest-xdist knows (3.8 with pytest 9.2).

Imported by `harness.apps.pytest.pytest_plugin` only where pytest-xdist is at work.
"""

from collections.abc import Collection
from typing import Any

import pytest
from xdist.scheduler import LoadGroupScheduling  # type: ignore[import-untyped]  # it has no types


class ScenarioScheduling(LoadGroupScheduling):  # type: ignore[misc]  # as above
    """Every other test on its own, or with its ``xdist_group``, wherever there is room."""

    def __init__(self, config: pytest.Config, log: Any, files: Collection[str]) -> None:
        super().__init__(config, log)
        self._files = frozenset(files)

    def _split_scope(self, nodeid: str) -> str:
        """What a test shares with those that must run where it runs."""
        file = nodeid.partition("::")[0]
        if file in self._files:
            return file
        scope: str = super()._split_scope(nodeid)
        return scope
