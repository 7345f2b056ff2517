"""Writes what a run came to: verdict.json for programs, report.html for people, the chart."""

import logging
from pathlib import Path

from harness.history.reader import Facts
from harness.history.run_directory import RunDirectory
from harness.plan.plan import Plan
from harness.report import html
from harness.verdict.types import Verdict, to_json

_log = logging.getLogger(__name__)


def figures(verdict: Verdict) -> str:
    """``verdict.json`` as it is written."""
    # A target can answer with half a surrogate pair, which no file in UTF-8 can hold.
    return to_json(verdict).encode("utf-8", "replace").decode()


def write(run: RunDirectory, plan: Plan, facts: Facts, verdict: Verdict, name: str = "") -> Path:
    """Write all results into the run directory and return the path of report.html.

    With a ``name`` they are ``verdict-name.json``, ``report-name.html`` and ``timeline-name.png``.
    The verdict goes first: programs rely on it, and no trouble with the page may cost it. The
    picture goes last, and none at all is better than one of an older verdict.
    """
    ending = f"-{name}" if name else ""
    run.write_result(f"verdict{ending}.json", figures(verdict))
    path = run.write_result(f"report{ending}.html", html.render(plan, facts, verdict))
    _write_picture(run, f"timeline{ending}.png", (plan, facts, verdict))
    return path


def _write_picture(run: RunDirectory, name: str, judged: tuple[Plan, Facts, Verdict]) -> None:
    (run.path / name).unlink(missing_ok=True)
    try:
        # Imported here: where the drawing library cannot be loaded, there is still a report.
        from harness.report import picture  # noqa: PLC0415

        svg = picture.drawing(*judged)
        if svg is not None:
            run.write_result(name, picture.png(svg))
    except (KeyboardInterrupt, SystemExit):
        raise
    except BaseException as error:  # noqa: BLE001  # a panic of the native library is no Exception
        _log.warning("%s was not drawn: %s: %s", name, type(error).__name__, error)
