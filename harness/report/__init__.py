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
    # A target can answer with half a surrogate pair, which no file in UTF-8 can hold.
    figures = to_json(verdict).encode("utf-8", "replace").decode()
    run.write_text("verdict.json", figures)
    return run.write_text("report.html", html.render(plan, facts, verdict))
