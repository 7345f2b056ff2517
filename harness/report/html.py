"""The report as one HTML file that needs nothing else: no script, no font, no network."""

import re
from base64 import b64encode
from collections.abc import Iterable
from hashlib import sha256
from importlib.resources import files

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from harness.history.reader import Facts
from harness.plan.plan import Plan
from harness.report import (
    impairment_table,
    marks,
    method,
    people,
    sections,
    signals,
    timeline_chart,
    words,
)
from harness.report.tables import Table
from harness.report.tiles import tiles
from harness.verdict.catalogue import MONEY, MONEY_STOPS
from harness.verdict.types import Judgement, Severity, Verdict

_ABOUT = {
    "reconciliation": (*MONEY, *MONEY_STOPS, "ledger_unread", "ledger_incomplete"),
    "episodes": (
        *("outage", "degraded", "not_recovered", "recovery_seconds_max"),
        *("latency_recovery_seconds_max", "lost_service_seconds_max"),
        *("impaired_episodes_max", "slow_episodes_max"),
    ),
    "health": ("grey_failure_seconds_max",),
    "retries": ("attempts_per_operation_max",),
    "decisions": ("decision_shift_share_max",),
    "waits": ("latency_ms_p99_max",),
    "method": ("load_unfaithful", "evidence_damaged", "interrupted", "no_evidence"),
}
"""The findings, stop conditions and objectives that each section has the figures of."""


def _shown(value: object) -> object:
    """What the template prints: never None, and no text that could reorder or hide another."""
    if value is None:
        return words.NOT_MEASURED
    if isinstance(value, str) and not isinstance(value, Markup):
        return words.clean(value)
    return value


def _coded(text: str) -> Markup:
    """A text in which what stands between backticks is a command."""
    return Markup(re.sub(r"`([^`]+)`", r"<code>\1</code>", str(escape(words.clean(text)))))  # noqa: S704  # escaped


def stays_open(section: str, verdict: Verdict, tables: Iterable[Table]) -> bool:
    """Whether a cell of a section is marked, or what it is about was missed or not decided."""
    tones = {cell.tone for table in tables for cells in table.rows for cell in cells}
    if tones & {"fail", "inconclusive"}:
        return True
    weighty = [found for found in verdict.findings if found.verdict is not Severity.NOTE]
    wrong = {found.code for found in weighty}
    wrong |= {str(found.evidence.get("condition")) for found in weighty}
    wrong |= {one.id for one in verdict.objectives if one.verdict is not Judgement.PASS}
    return not wrong.isdisjoint(_ABOUT.get(section, ()))


def style_hash(css: str) -> str:
    """The style sheet's name in a content security policy: no other style is let in."""
    return f"sha256-{b64encode(sha256(css.encode()).digest()).decode()}"


def environment(folder: str = "report") -> Environment:
    """A folder's templates, which may use those of the report; all text is escaped."""
    found = Environment(
        loader=ChoiceLoader([PackageLoader("harness", folder), PackageLoader("harness", "report")]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters |= {"cut": words.cut, "unbroken": words.unbroken, "coded": _coded}
    found.globals["words"] = words
    return found


def looks(foot: str, *sheets: str) -> dict[str, Markup]:
    """The style of a page and its name in the page's policy, for a template.

    ``foot`` may come from outside; it stands at the foot of every page that is printed.
    """
    text = words.cut(words.one_line(foot), 100)
    # Escaped for a string of CSS: nothing can end it, nor the element that holds it.
    safe = "".join(c if c.isascii() and c.isalnum() else f"\\{ord(c):x} " for c in text)
    css = "".join(sheets) + f'@media print {{ @page {{ @bottom-left {{ content: "{safe}" }} }} }}\n'
    return {"css": Markup(css), "css_hash": Markup(style_hash(css))}  # noqa: S704  # our own, base64


def style(name: str, folder: str = "report") -> str:
    """The text of a style sheet of the package."""
    return files("harness").joinpath(folder, name).read_text(encoding="utf-8")


def render(plan: Plan, facts: Facts, verdict: Verdict) -> str:
    """The whole page. Every string from outside is escaped."""
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            **looks(f"{verdict.scenario}, run {verdict.run_id}", style("report.css")),
            method=method,
            stays_open=stays_open,
            sections=sections,
            impairment=impairment_table,
            people=people,
            timeline=timeline_chart,
            signals=signals,
            plan=plan,
            facts=facts,
            verdict=verdict,
            tiles=tiles(plan, verdict),
            chart=timeline_chart.svg(plan, facts, verdict),
            narrow_chart=timeline_chart.svg(plan, facts, verdict, marks.NARROW),
        )
    )
