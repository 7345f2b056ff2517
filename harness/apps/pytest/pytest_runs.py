"""The fixture ``chaos_run``: a scenario is run once, and what it came to is handed to the test.

Imported by `harness.apps.pytest.pytest_plugin` only where a test asks for the fixture.
"""

import os
from dataclasses import dataclass, replace
from pathlib import Path

from harness.apps.gate.gate_runs import RunCache
from harness.core.errors import HarnessError, UsageError
from harness.core.exit_codes import ExitCode
from harness.core.files import real
from harness.plan.plan import Scenario
from harness.run.locust_process import find_scenario
from harness.run.option_words import OptionValue, given_by, option_words
from harness.run.result import RunResult
from harness.run.scenario_file import write_scenario


@dataclass(frozen=True, slots=True, repr=False)
class ChaosRun:
    """What the fixture ``chaos_run`` is; each call is a run."""

    _run_cache: RunCache
    _root: Path
    """What pytest's names of tests start from."""

    def __call__(
        self,
        scenario: str | os.PathLike[str] | Scenario,
        *words: str,
        **options: OptionValue,
    ) -> RunResult:
        """Run a scenario once and return how it ended, whatever its verdict.

        ``scenario`` is a name under ``scenarios/``, the path of a scenario file, or a `Scenario`.
        ``options`` are those of `lendchaos run`, with ``_`` for ``-``: ``rate=50, baseline="8s"``.
        ``words`` are the same as on a command line: ``"--rate=50"``. Both win over what the
        scenario says, and take the place of the same options in --chaos-options: ``inject=[]`` is
        no fault more, ``explore=False`` does not explore. None leaves an option as it is.

        Raises:
            UsageError: it cannot be run so; the message is the reason.
            HarnessError: it came to no verdict; the message has the reason.
        """
        __tracebackhide__ = True
        more = [*words, *option_words(options)]
        path = find_scenario(os.fspath(self._file_of(scenario)))
        end = self._run_cache.run(path, more, instead_of=given_by(words, options))
        if end.path is None or end.verdict is None:
            said = str(end.last.get("error") or "it said nothing")
            if end.exit_code == ExitCode.USAGE:
                raise UsageError(said)
            raise HarnessError(
                f"the run ended without a verdict (exit code {end.exit_code}): {said}"
            )
        # Where it lies stays true when a test changes the folder, or `latest` leads elsewhere.
        return replace(end, last={**end.last, "report": str(real(end.path) / "report.html")})

    def _file_of(self, scenario: object) -> str | os.PathLike[str]:
        if isinstance(scenario, Scenario):
            test = os.environ.get("PYTEST_CURRENT_TEST", "a test").rpartition(" (")[0] or "a test"
            name, folder = test.rpartition("::")[2], (self._root / test.partition("::")[0]).parent
            return write_scenario(scenario, self._run_cache.runs_dir, name, test, folder)
        if isinstance(scenario, str | os.PathLike):
            return scenario
        raise UsageError(
            f"chaos_run takes the name or the path of a scenario, or a Scenario, and no"
            f" {scenario!r:.60}"
        )
