"""A scenario file as pytest collects it: one item for everything that must hold, one run for all.

Imported by `harness.apps.pytest.pytest_plugin` only where scenarios are asked for.
"""

import os
from collections.abc import Collection, Iterator
from pathlib import Path
from typing import Any

import pytest

from harness.apps.gate.gate_runs import GateOrder, RunCache, figures, not_passed
from harness.report import words
from harness.report.suite import GateCase, GateSuite, case_of, cut_message
from harness.run.scenario_path import class_of, file_of, name_of
from harness.verdict.types import Judgement

_Told: Any = pytest.fail.Exception
"""Its text is all that is shown of it: where it was raised says nothing to anybody."""


class Missed(_Told):  # type: ignore[misc]  # pytest makes it at run time
    """At least one requirement was not met."""


class NotDecided(_Told):  # type: ignore[misc]  # as above
    """There is not enough evidence to decide it."""


class NotSelected(_Told):  # type: ignore[misc]  # as above
    """It held, but the run did not pass: what failed or is open has no item in this session."""


for _kind in (Missed, NotDecided, NotSelected):
    _kind.__module__ = "builtins"  # so that the red line begins with the bare word


def file_id(path: Path, config: pytest.Config) -> str:
    """The id of a scenario file to pytest."""
    return Path(os.path.relpath(path, config.rootpath)).as_posix()


class SuiteFigures:
    """Puts the figures of our items into pytest's JUnit file as properties of its suite.

    Pytest puts them into the case, where the schemas of those that read the file allow none.
    """

    def __init__(self, config: pytest.Config, paths: Collection[Path]) -> None:
        self._plugins = config.pluginmanager
        self._files = frozenset(file_id(file_of(path), config) for path in paths)
        self._told: set[str] = set()

    @pytest.hookimpl(tryfirst=True)
    def pytest_runtest_logreport(self, report: pytest.TestReport) -> None:
        """Before pytest writes the case, which it does with its last report."""
        file, _, name = report.nodeid.partition("::")
        if report.when != "teardown" or file not in self._files:
            return
        # With the class between them, where one was named.
        case = f"{file.removesuffix('.py').replace('/', '.')}.{name.replace('::', '.')}"
        for plugin in self._plugins.get_plugins():
            if hasattr(plugin, "add_global_property"):  # pytest's own has no public name
                # Once, also of an item that another plugin has run again.
                told = {} if case in self._told else dict(report.user_properties)
                for key, value in told.items():
                    plugin.add_global_property(f"{case}.{key}", str(value))
                self._told.add(case)
                report.user_properties = []


class _Scenario(pytest.Collector):
    """One scenario, and its items: one for each check, in the order of the report."""

    asked: GateOrder
    run_cache: RunCache
    teller = ""
    """Name of the item that tells what was not selected: the first that is set up."""

    def _items(self) -> Iterator[pytest.Item]:
        for name in self.asked.names:
            item = ScenarioItem.from_parent(self, name=name)
            item.scenario = self
            yield item


class ScenarioClass(_Scenario):
    """One of several scenarios of a file."""

    def collect(self) -> Iterator[pytest.Item]:
        """One item for each check."""
        yield from self._items()


class ScenarioFile(_Scenario, pytest.File):
    """A scenario file; it is not imported, as that would bring Locust.

    ``orders`` are its scenarios: one of the whole file, or one for each class that was named.
    """

    orders: Collection[GateOrder]

    @classmethod
    def of(
        cls,
        parent: pytest.Collector,
        path: Path,
        orders: Collection[GateOrder],
        run_cache: RunCache,
    ) -> "ScenarioFile":
        """The collector of scenarios that are known already."""
        nodeid: Any = None
        if not path.is_relative_to(parent.config.rootpath):
            nodeid = file_id(path, parent.config)  # pytest would make an empty one
        made: ScenarioFile = cls.from_parent(parent, path=path, nodeid=nodeid)
        made.orders, made.run_cache = orders, run_cache
        return made

    def collect(self) -> Iterator[pytest.Item | pytest.Collector]:
        """The items of the file's one scenario, or a node for each class that was named."""
        for asked in self.orders:
            if not (name := class_of(asked.path)):
                self.asked = asked
                yield from self._items()
                continue
            made = ScenarioClass.from_parent(self, name=name)
            made.asked, made.run_cache = asked, self.run_cache
            yield made


class ScenarioItem(pytest.Item):
    """One thing that must hold in a scenario."""

    scenario: _Scenario
    _suite: GateSuite
    _case: GateCase

    def __init__(self, **kwargs: Any) -> None:
        super().__init__(**kwargs)
        # What hooks of a conftest read of every item; items of doctest have the same.
        self.obj = None
        self.fixturenames: list[str] = []
        self.funcargs: dict[str, object] = {}

    def setup(self) -> None:
        """Have the scenario run, unless it has been; what decides nothing is an error here."""
        scenario = self.scenario
        self._suite = scenario.run_cache.suite(scenario.asked)
        self._case = case_of(self._suite, self.name)
        self.user_properties += figures(self._suite, self._case)
        self._not_selected = self._of_others()
        if self._case.verdict is Judgement.INCONCLUSIVE:
            self._tell_reports("setup")
            raise NotDecided(self._message, pytrace=False)
        if self._case.verdict is Judgement.PASS and self._not_selected:
            self._tell_reports("setup")
            raise NotSelected(self._not_selected, pytrace=False)

    def _of_others(self) -> str:
        """What did not pass and has no item in this session, told by one item.

        Items of one run are often chosen (--lf, -k, an id, a split over several machines), yet the
        run is a new one, and may fail in what was not chosen.
        """
        scenario = self.scenario
        scenario.teller = scenario.teller or self.name
        if self.name != scenario.teller:
            return ""
        selected = {item.name for item in self.session.items if item.parent is scenario}
        return cut_message(not_passed(self._suite, selected, self._case.message))

    @property
    def _message(self) -> str:
        told = (cut_message(self._case.message), self._not_selected)
        return cut_message("; ".join(filter(None, told)))

    def runtest(self) -> None:
        """Fail if it did not hold."""
        if self._case.verdict is Judgement.FAIL:
            self._tell_reports("call")
            raise Missed(self._message, pytrace=False)

    def _tell_reports(self, when: str) -> None:
        """What was required, and where to read on, below the line that says what is wrong."""
        suite = self._suite
        lines = [f"required: {self._case.meaning}"]
        if suite.runs and suite.stopped:
            lines.append(words.clean(f"stopped early: {suite.stopped}"))
        lines += [f"report: {path}" for path in suite.reports or ["there is none"]]
        self.add_report_section(when, "lendchaos", "\n".join(lines))

    def reportinfo(self) -> tuple[Path, int, str]:
        """What the headline of a failure says, and the line that pytest wants of what it skips."""
        return self.path, 0, f"{name_of(self.scenario.asked.path)}: {self.name}"
