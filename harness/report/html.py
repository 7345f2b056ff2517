"""The report as one HTML file that needs nothing else: no script, no font, no network."""

import re
from base64 import b64encode
from hashlib import sha256
from importlib.resources import files

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup, escape

from harness.history.reader import Facts
from harness.plan.plan import Plan
from harness.report import (
    folding,
    impairment_table,
    method,
    people,
    required_checks,
    safety_section,
    sections,
    signals,
    timeline_chart,
    words,
    worst,
)
from harness.report.tiles import tiles
from harness.verdict.types import Verdict


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


def style_hash(css: str) -> str:
    """The style sheet's name in a content security policy: no other style is let in."""
    return f"sha256-{b64encode(sha256(css.encode()).digest()).decode()}"


def environment(folder: str = "report") -> Environment:
    """Templates of a folder of ours, which may use those of the report; all text is escaped."""
    found = Environment(
        loader=ChoiceLoader([PackageLoader("harness", folder), PackageLoader("harness", "report")]),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["cut"] = words.cut
    found.filters["unbroken"] = words.unbroken
    found.filters["coded"] = _coded
    found.globals["words"] = words
    return found


def looks(foot: str, *sheets: str) -> dict[str, Markup]:
    """The style of a page and its name in the page's policy, for a template.

    ``foot`` may come from outside; it stands at the foot of every page that is printed.
    """
    text = words.cut(" ".join(words.clean(foot).split()), 100)
    # Escaped for a string of CSS: nothing can end it, nor the element that holds it.
    safe = "".join(c if c.isascii() and c.isalnum() else f"\\{ord(c):x} " for c in text)
    css = "".join(sheets) + f'@media print {{ @page {{ @bottom-left {{ content: "{safe}" }} }} }}\n'
    return {"css": Markup(css), "css_hash": Markup(style_hash(css))}  # noqa: S704  # our own, base64


def style(name: str, folder: str = "report") -> str:
    """The text of a style sheet of ours."""
    return files("harness").joinpath(folder, name).read_text(encoding="utf-8")


def render(plan: Plan, facts: Facts, verdict: Verdict) -> str:
    """The whole page. Every string from outside is escaped."""
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            **looks(f"{verdict.scenario}, run {verdict.run_id}", style("report.css")),
            method=method,
            folding=folding,
            sections=sections,
            impairment=impairment_table,
            people=people,
            required=required_checks,
            safety=safety_section,
            timeline=timeline_chart,
            signals=signals,
            worst=worst,
            plan=plan,
            facts=facts,
            verdict=verdict,
            tiles=tiles(plan, verdict),
            chart=timeline_chart.svg(plan, facts, verdict),
            narrow_chart=timeline_chart.svg(plan, facts, verdict, timeline_chart.NARROW),
        )
    )
