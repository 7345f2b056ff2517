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
from harness.report.axis import WIDE
from harness.report.marks import PAPER, box, label, number, tag
from harness.verdict.types import Judgement, Verdict

FONTS: Final = ("Roboto-Regular.ttf", "Roboto-Bold.ttf")
_MARGIN = 16.0
_SIZE = 15.0
_LETTER = 0.5 * _SIZE
_SENTENCE_LINES_MAX = 4
_ZOOM = 2
_BACK = {Judgement.PASS: "#00664b", Judgement.FAIL: "#a63a00", Judgement.INCONCLUSIVE: "#5c5030"}


def drawing(plan: Plan, facts: Facts, verdict: Verdict) -> Markup | None:
    """Verdict, sentence and chart as one SVG document; None where the load never began."""
    if facts.status.clock is None:
        return None
    chart, height = timeline_chart.draw(plan, facts, verdict)
    head, top = _head(verdict)
    width, bottom = WIDE.width + 2 * _MARGIN, top + height + _MARGIN
    return tag(
        "svg",
        box(0, 0, width, bottom, fill=PAPER),
        head,
        tag("g", chart, transform=f"translate({number(_MARGIN)} {number(top)})"),
        xmlns="http://www.w3.org/2000/svg",
        viewBox=f"0 0 {number(width)} {number(bottom)}",
        width=width,
        height=bottom,
    )


def _head(verdict: Verdict) -> tuple[Markup, float]:
    """Verdict and scenario in a bar, the sentence under it, and where they end."""
    width = WIDE.width + 2 * _MARGIN
    said = f"{words.VERDICT[verdict.verdict]}: {words.cut(_one_line(verdict.scenario), 80)}"
    parts = [
        box(0, 0, width, 40, fill=_BACK[verdict.verdict]),
        label(_MARGIN, 27, textwrap.shorten(said, 110, placeholder=" …"), size=20, bold=True,
              colour=PAPER),
    ]  # fmt: skip
    lines = textwrap.wrap(
        _one_line(verdict.sentence),
        int(WIDE.width / _LETTER),
        max_lines=_SENTENCE_LINES_MAX,
        placeholder=" …",
    )
    y = 62.0
    for text in lines:
        parts.append(label(_MARGIN, y, text, size=_SIZE))
        y += _SIZE * 1.35
    return Markup("").join(parts), y


def _one_line(text: str) -> str:
    return " ".join(words.clean(text).split())


def png(svg: str, *, zoom: int = _ZOOM, system_fonts: bool = True) -> bytes:
    """Draw an SVG document. The system's fonts serve only letters that our own font lacks.

    Raises:
        ValueError: it is not an SVG document.
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
