"""The report as one HTML file that needs nothing else: no script, no font, no network."""

from importlib.resources import files

from jinja2 import Environment, PackageLoader, StrictUndefined
from markupsafe import Markup

from harness.events import Facts
from harness.plan import Plan
from harness.report import impairment, method, sections, timeline, words
from harness.report.tiles import tiles
from harness.verdict import Verdict


def _shown(value: object) -> object:
    """What the template prints: never None, and no text that could reorder or hide another."""
    if value is None:
        return words.NOT_MEASURED
    if isinstance(value, str) and not isinstance(value, Markup):
        return words.clean(value)
    return value


def render(plan: Plan, facts: Facts, verdict: Verdict) -> str:
    """The whole page. Every string from outside is escaped."""
    environment = Environment(
        loader=PackageLoader("harness", "report"),
        autoescape=True,
        undefined=StrictUndefined,
        finalize=_shown,
        trim_blocks=True,
        lstrip_blocks=True,
    )
    css = files("harness.report").joinpath("report.css").read_text(encoding="utf-8")
    return environment.get_template("report.html.j2").render(
        css=Markup(css),  # noqa: S704  # our own file
        words=words,
        method=method,
        sections=sections,
        impairment=impairment,
        plan=plan,
        facts=facts,
        verdict=verdict,
        tiles=tiles(plan, verdict),
        chart=timeline.svg(plan, facts, verdict),
        narrow_chart=timeline.svg(plan, facts, verdict, timeline.NARROW),
    )
