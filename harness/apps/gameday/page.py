"""The record as one HTML file that needs nothing else: no script, no font, no network."""

from dataclasses import replace
from hashlib import sha256
from itertools import count

from markupsafe import Markup

from harness.apps.gameday import parts
from harness.apps.gameday.day_record import RECORD_FILE, Record, Try, to_json
from harness.apps.gameday.stored_runs import JudgedStep, Runs
from harness.report import html, sections, timeline_chart
from harness.report.axis import Layout
from harness.report.tiles import tiles
from harness.verdict.types import Verdict

WIDE = Layout("wide", 940, 70, 14, 88, 58, 11.5, 450, 13)
TEMPLATE, STYLE = "record.html.j2", "record.css"
END = "</html>"


def render(record: Record, runs: Runs) -> str:
    """The whole page. Every string from outside is escaped; the same record gives the same page."""
    styles = html.style("report.css"), html.style(STYLE, "apps/gameday")
    numbers = count(1)
    page = html.environment("apps/gameday").get_template(TEMPLATE).render(
        **html.looks(f"{record.title}, record of a game day", *styles),
        record=record,
        record_file=RECORD_FILE,
        record_hash=hash_of(to_json(record)),
        parts=parts,
        sections=sections,
        tiles=lambda verdict: tiles(None, verdict),
        charts=lambda one: _charts(one, runs, next(numbers)),
    )  # fmt: skip
    return page.rstrip() + "\n"


def hash_of(text: str) -> str:
    """SHA-256 of a file with this text."""
    return sha256(text.encode()).hexdigest()


def _charts(one: Try, runs: Runs, number: int) -> tuple[Markup, Markup] | None:
    """The chart of a run for a desk and for a phone, with ids of their own."""
    stored = None if one.run is None else runs.get(one.run.directory)
    if not isinstance(stored, JudgedStep) or stored.facts.status.clock is None:
        return None
    verdict: Verdict = stored.verdict
    wide, narrow = (
        timeline_chart.svg(stored.plan, stored.facts, verdict, _named(layout, number))
        for layout in (WIDE, timeline_chart.NARROW)
    )
    return wide, narrow


def _named(layout: Layout, number: int) -> Layout:
    return replace(layout, name=f"run{number}-{layout.name}")
