"""The history as a page: which runs it shows, and what of each."""

from collections.abc import Sequence
from dataclasses import replace

from harness.report import trend_page
from harness.report.archive import Stored
from harness.report.compare.comparison import FIGURES, run_of
from harness.report.shown_run import ShownRun
from harness.report.trend_page import Trend, TrendFigure

_HEADINGS = {
    "failed_share": "Failed",
    "recovery_s": "Recovered after",
    "lost_service_s": "Lost service",
    "wait_ms_p99": "Wait (p99)",
    "indeterminate_share": "Outcome unknown",
}


def page(stored: Sequence[Stored], added: Sequence[Stored] = (), label: str = "") -> str:
    """The page of a history, with runs that are about to be kept under a label."""
    kept = [(s, s.label) for s in stored] + [(s, label) for s in added]
    unique = {(s.verdict.scenario, name, s.verdict.run_id): (s, name) for s, name in kept}
    scenarios: dict[str, list[ShownRun]] = {}
    for known, name in unique.values():
        scenarios.setdefault(known.verdict.scenario, []).append(replace(run_of(known), label=name))
    figures = tuple(TrendFigure(f.name, _HEADINGS[f.name], f.meaning, f.write) for f in FIGURES)
    return trend_page.render(
        [
            Trend(scenario, figures, tuple(sorted(scenarios[scenario], key=_age)))
            for scenario in sorted(scenarios)
        ]
    )


def _age(run: ShownRun) -> tuple[str, str, str]:
    return run.zero_utc or "", run.run_id, run.label
