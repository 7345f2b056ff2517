"""The history as a page: which runs it shows, and what of each."""

from collections.abc import Sequence

from harness.compare.figures import FIGURES, Value, money_of
from harness.compare.likeness import left_out
from harness.history import Stored
from harness.report import trend
from harness.report.trend import Trend, TrendFigure, TrendRun, TrendValue

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
    scenarios: dict[str, list[TrendRun]] = {}
    for known, name in unique.values():
        scenarios.setdefault(known.verdict.scenario, []).append(_run(known, name))
    figures = tuple(TrendFigure(f.name, _HEADINGS[f.name], f.meaning, f.write) for f in FIGURES)
    return trend.render(
        [
            Trend(scenario, figures, tuple(sorted(scenarios[scenario], key=_age)))
            for scenario in sorted(scenarios)
        ]
    )


def _age(run: TrendRun) -> tuple[str, str, str]:
    return run.zero_utc or "", run.run_id, run.label


def _run(stored: Stored, label: str) -> TrendRun:
    verdict = stored.verdict
    money = money_of(verdict)
    return TrendRun(
        run_id=verdict.run_id,
        zero_utc=verdict.zero_utc,
        label=label,
        verdict=verdict.verdict,
        values={figure.name: _value(figure.read(verdict)) for figure in FIGURES},
        money=", ".join(f"{count} {name}" for name, count in money.items()),
        ledger_read=verdict.reconciliation.ledger_read,
        left_out=left_out(stored),
    )


def _value(value: Value | None) -> TrendValue | None:
    return None if value is None else TrendValue(value.value, value.low, value.high)
