"""The chart as a picture, for places that show no HTML: a comment, a chat, a PDF.

The same drawing as on the page, under the verdict and its sentence. Its font is installed with the
harness, so that the picture looks the same on a build machine that has none.
"""

import textwrap
from importlib.resources import files
from typing import Final

import resvg_py
from markupsafe import Markup

from harness.history.reader import Facts
from harness.plan.plan import Plan
from harness.report import timeline_chart, words
from harness.report.marks import PAPER, WIDE, box, joined, label, number, tag
from harness.verdict.types import Judgement, Verdict

FONTS: Final = ("Roboto-Regular.ttf", "Roboto-Bold.ttf")
_MARGIN = 16.0
_WIDTH = WIDE.width + 2 * _MARGIN
_SIZE = 15.0
_BACK = {Judgement.PASS: "#00664b", Judgement.FAIL: "#a63a00", Judgement.INCONCLUSIVE: "#5c5030"}


def drawing(plan: Plan, facts: Facts, verdict: Verdict) -> Markup | None:
    """Verdict, sentence and chart as one SVG document; None where the load never began."""
    if facts.status.clock is None:
        return None
    chart, height = timeline_chart.draw(plan, facts, verdict)
    head, top = _head(verdict)
    bottom = top + height + _MARGIN
    return tag(
        "svg",
        box(0, 0, _WIDTH, bottom, fill=PAPER),
        head,
        tag("g", chart, transform=f"translate({number(_MARGIN)} {number(top)})"),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {number(_WIDTH)} {number(bottom)}",
        width=_WIDTH,
        height=bottom,
    )


def _head(verdict: Verdict) -> tuple[Markup, float]:
    """Verdict and scenario in a bar, the sentence under it, and where they end."""
    said = f"{words.VERDICT[verdict.verdict]}: {words.cut(words.one_line(verdict.scenario), 80)}"
    parts = [
        box(0, 0, _WIDTH, 40, fill=_BACK[verdict.verdict]),
        label(_MARGIN, 27, textwrap.shorten(said, 110, placeholder=" …"), size=20, bold=True,
              colour=PAPER),
    ]  # fmt: skip
    y, sentence, letters = 62.0, words.one_line(verdict.sentence), int(WIDE.width / (0.5 * _SIZE))
    for text in textwrap.wrap(sentence, letters, max_lines=4, placeholder=" …"):
        parts.append(label(_MARGIN, y, text, size=_SIZE))
        y += _SIZE * 1.35
    return joined(*parts), y


def png(svg: str, *, zoom: int = 2, system_fonts: bool = True) -> bytes:
    """Draw an SVG document, or raise a ValueError if it is none. The system's fonts serve only
    letters that our own font lacks.
    """
    folder = files("font_roboto").joinpath("files")
    drawn: bytes = resvg_py.svg_to_bytes(
        svg_string=svg,
        zoom=zoom,
        font_files=[str(folder.joinpath(name)) for name in FONTS],
        font_family="Roboto",
        sans_serif_family="Roboto",
        skip_system_fonts=not system_fonts,
    )
    return bytes(drawn)
