"""The report of a run: verdict.json for programs, report.html for people."""

from pathlib import Path

from harness.events import Facts
from harness.plan import Plan
from harness.record import RunDirectory
from harness.report import html
from harness.verdict import Verdict, to_json


def write(run: RunDirectory, plan: Plan, facts: Facts, verdict: Verdict) -> Path:
    """Write both results into the run directory and return the path of report.html.

    verdict.json goes first: programs rely on it, and no trouble with the page may cost it.
    """
    run.write_text("verdict.json", to_json(verdict))
    return run.write_text("report.html", html.render(plan, facts, verdict))
