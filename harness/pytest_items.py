"""A scenario file as pytest collects it: one item for everything that must hold, one run for all.

Imported by `harness.pytest_plugin` only where scenarios are asked for.
"""

import os
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.gate_runs import Asked, Bench, Result, result_of
from harness.verdict import Judgement

_Told: Any = pytest.fail.Exception
"""Its text is all that is shown of it: where it was raised says nothing to anybody."""


class Missed(_Told):  # type: ignore[misc]  # pytest makes it at run time
    """Something that must hold did not."""


class NotDecided(_Told):  # type: ignore[misc]  # as above
    """The evidence does not decide it."""


for _kind in (Missed, NotDecided):
    _kind.__module__ = "builtins"  # so that the red line begins with the bare word


def file_id(path: Path, config: pytest.Config) -> str:
    """The id of a scenario file to pytest."""
    return Path(os.path.relpath(path, config.rootpath)).as_posix()


class ScenarioFile(pytest.File):
    """One scenario; it is not imported, as that would bring Locust."""

    asked: Asked
    bench: Bench

    @classmethod
    def of(cls, parent: pytest.Collector, path: Path, asked: Asked, bench: Bench) -> "ScenarioFile":
        """The collector of a scenario that is known already."""
        nodeid: Any = None
        if not path.is_relative_to(parent.config.rootpath):
            nodeid = file_id(path, parent.config)  # pytest would make an empty one
        made: ScenarioFile = cls.from_parent(parent, path=path, nodeid=nodeid)
        made.asked, made.bench = asked, bench
        return made

    def collect(self) -> Iterator[pytest.Item]:
        """One item for each check, in the order of the report."""
        for name in self.asked.names:
            item = ScenarioItem.from_parent(self, name=name)
            item.scenario = self
            yield item


class ScenarioItem(pytest.Item):
    """One thing that must hold in a scenario."""

    scenario: ScenarioFile
    _result: Result

    def setup(self) -> None:
        """Have the scenario run, unless it has been; what decides nothing is an error here."""
        scenario = self.scenario
        self._result = result_of(scenario.bench.outcome(scenario.asked), self.name)
        self.user_properties += self._result.properties
        if self._result.verdict is Judgement.INCONCLUSIVE:
            self._tell_reports("setup")
            raise NotDecided(self._result.message, pytrace=False)

    def runtest(self) -> None:
        """Fail if it did not hold."""
        if self._result.verdict is Judgement.FAIL:
            self._tell_reports("call")
            raise Missed(self._result.message, pytrace=False)

    def _tell_reports(self, when: str) -> None:
        """Where to read on, below the line that says what is wrong."""
        reports = [os.path.relpath(path) for path in self._result.reports] or ["there is none"]
        lines = [f"must hold: {self._result.meaning}", *(f"report: {path}" for path in reports)]
        self.add_report_section(when, "lendchaos", "\n".join(lines))

    def reportinfo(self) -> tuple[Path, None, str]:
        """What the headline of a failure says."""
        return self.path, None, f"{self.path.stem}: {self.name}"
