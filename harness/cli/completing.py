"""What the shell may complete a word to. Nothing here starts anything, and nothing can fail.

A completion that raises would print a traceback into somebody's half-typed command.
"""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import typer
from typer.core import TyperCommand

from harness.planted import DEFECTS

RUN_OPTIONS = {
    "--rate": "arrivals a second",
    "--warm-up": "load before anything is measured",
    "--baseline": "load without a fault",
    "--fault": "how long the faults last",
    "--recovery": "load after the last fault is healed",
    "--request-timeout": "deadline of a request",
    "--ledger-settle": "how long the ledger is watched after the load",
    "--log-in-share": "share of journeys that begin with a log-in",
    "--retries": "further attempts of a borrow that failed",
    "--seed": "of arrivals and borrowers",
    "--population": "mixed or good",
    "--service": "tuned or naive",
    "--defect": "a bug to plant in the local stack's service",
    "--allow-target": "a foreign host that may be loaded",
    "--host": "a service that already runs",
    "--dry-run": "tell what would be done, and do nothing",
    "--namespaces": "a stack where packets can be lost",
    "--runs-dir": "where runs are written down",
    "--state-dir": "of the local stack",
    "--explore": "faults at seeded random places",
    "--only-faults": "leave out all faults but these",
    "--without-fault": "leave out this fault",
    "--stop-failed-budget": "failed requests that may not be exceeded",
    "--stop-failed-surge": "stop when borrowing fails outside the faults",
    "--stop-double-disbursement": "stop when a loan is paid out twice",
    "--stop-principal-at-risk-fen": "fen that may not be exceeded",
}
"""Options of a run that Locust reads, beside those that `lendchaos run` has itself."""
SERVICES = ("tuned", "naive")
_VALUES: dict[str, Iterable[str]] = {
    "--defect": DEFECTS,
    "--service": SERVICES,
    "--population": ("mixed", "good"),
    "--stop-failed-surge": ("on", "off"),
    "--stop-double-disbursement": ("on", "off"),
}
_RUNS_SHOWN_MAX = 30


def services(incomplete: str) -> list[str]:
    """Client settings of the reference service."""
    return _those(SERVICES, incomplete)


def defects(incomplete: str) -> list[str]:
    """Names of planted defects; the last of several, separated by commas."""
    before, comma, last = incomplete.rpartition(",")
    return [f"{before}{comma}{name}" for name in _those(DEFECTS, last)]


def scenarios(ctx: typer.Context, incomplete: str) -> list[str]:
    """Names of the scenarios, or the values of the option of Locust's that stands before."""
    words = list(ctx.params.get("scenario") or [])
    before = str(words[-1]) if words else ""
    if before == "--defect":
        return defects(incomplete)
    if before in _VALUES:
        return _those(_VALUES[before], incomplete)
    if before in RUN_OPTIONS:
        return []
    return _those((path.stem for path in _listed(Path("scenarios"), "[!_]*.py")), incomplete)


def codes(incomplete: str) -> list[tuple[str, str]]:
    """Everything that `lendchaos explain` knows, with its meaning."""
    from harness.explain import ENTRIES  # noqa: PLC0415  # only where it is asked for

    return [(e.code, e.meaning) for e in ENTRIES.values() if e.code.startswith(incomplete)]


def runs(incomplete: str) -> list[str]:
    """Run directories under ``./runs``, the newest first; none of another place."""
    folder = Path("runs")
    found = [path for path in _listed(folder, "*") if (path / "plan.json").is_file()]
    return _those((str(path) for path in sorted(found, key=_age)[:_RUNS_SHOWN_MAX]), incomplete)


def _age(run: Path) -> float:
    try:
        return -run.stat().st_mtime
    except OSError:
        return 0.0


def _those(names: Iterable[str], incomplete: str) -> list[str]:
    return [name for name in names if name.startswith(incomplete)]


def _listed(folder: Path, pattern: str) -> list[Path]:
    try:
        return sorted(folder.glob(pattern))
    except OSError:
        return []


class RunCommand(TyperCommand):
    """`lendchaos run`, which offers Locust's options beside its own."""

    def shell_complete(self, ctx: Any, incomplete: str) -> Any:
        """Names of options, where a word begins with a dash."""
        if not incomplete.startswith("-"):
            return super().shell_complete(ctx, incomplete)
        own = super().shell_complete(ctx, "--")  # never empty: there is --help
        kind, taken = type(own[0]), {item.value for item in own}
        more = [kind(n, help=text) for n, text in RUN_OPTIONS.items() if n not in taken]
        return [item for item in (*own, *more) if item.value.startswith(incomplete)]
