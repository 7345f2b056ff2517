"""What a user's own tests import: the types of the pytest fixtures, and `assert_passed`.

The fixtures come with the package: ``chaos_run`` is a `ChaosRun`, ``lending_stack`` a `Stack`
(docs/pytest.md). Exports are lazy, as those of `harness`.
"""

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from harness.apps.pytest.pytest_runs import ChaosRun as ChaosRun
    from harness.core.errors import HarnessError as HarnessError
    from harness.core.errors import NotMeasuredError as NotMeasuredError
    from harness.core.errors import UsageError as UsageError
    from harness.run.result import RunResult as RunResult
    from harness.run.result import assert_passed as assert_passed
    from harness.stack.state import Stack as Stack
    from harness.verdict.types import Finding as Finding
    from harness.verdict.types import Judgement as Judgement
    from harness.verdict.types import Verdict as Verdict
else:
    from harness.core.lazy_names import lazy_names

    __getattr__, __dir__, __all__ = lazy_names(
        __name__,
        {
            "ChaosRun": "harness.apps.pytest.pytest_runs",
            "Finding": "harness.verdict.types",
            "HarnessError": "harness.core.errors",
            "Judgement": "harness.verdict.types",
            "NotMeasuredError": "harness.core.errors",
            "RunResult": "harness.run.result",
            "Stack": "harness.stack.state",
            "UsageError": "harness.core.errors",
            "Verdict": "harness.verdict.types",
            "assert_passed": "harness.run.result",
        },
    )
