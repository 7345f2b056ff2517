"""The report as one HTML file that needs nothing else: no script, no font, no network."""

from base64 import b64encode
from hashlib import sha256
from importlib.resources import files

from jinja2 import ChoiceLoader, Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.events import Facts
from harness.plan import Plan
from harness.report import (
    impairment,
    method,
    people,
    safety,
    sections,
    signals,
    timeline,
    words,
    worst,
)
from harness.report.tiles import tiles
from harness.verdict import Verdict


def _shown(value: object) -> object:
    """What the template prints: never None, and no text that could reorder or hide another."""
    if value is None:
        return words.NOT_MEASURED
    if isinstance(value, str) and not isinstance(value, Markup):
        return words.clean(value)
    return value


def style_hash(css: str) -> str:
    """The style sheet's name in a content security policy: no other style is let in."""
    return f"sha256-{b64encode(sha256(css.encode()).digest()).decode()}"


def environment(package: str = "report") -> Environment:
    """Templates of a package of ours, which may use those of the report; all text is escaped."""
    found = Environment(
        loader=ChoiceLoader(
            [PackageLoader("harness", package), PackageLoader("harness", "report")]
        ),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    found.filters["cut"] = words.cut
    found.globals["words"] = words
    return found


def style(name: str, package: str = "report") -> str:
    """The text of a style sheet of ours."""
    return files(f"harness.{package}").joinpath(name).read_text(encoding="utf-8")


def render(plan: Plan, facts: Facts, verdict: Verdict) -> str:
    """The whole page. Every string from outside is escaped."""
    css = style("report.css")
    return (
        environment()
        .get_template("report.html.j2")
        .render(
            css=Markup(css),  # noqa: S704  # our own file
            css_hash=Markup(style_hash(css)),  # noqa: S704  # base64
            method=method,
            sections=sections,
            impairment=impairment,
            people=people,
            safety=safety,
            signals=signals,
            worst=worst,
            plan=plan,
            facts=facts,
            verdict=verdict,
            tiles=tiles(plan, verdict),
            chart=timeline.svg(plan, facts, verdict),
            narrow_chart=timeline.svg(plan, facts, verdict, timeline.NARROW),
        )
    )
