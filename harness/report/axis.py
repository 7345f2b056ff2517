"""The shared time axis of the chart, its sizes and its colours."""

from dataclasses import dataclass

from markupsafe import Markup

from harness.report.marks import INK, PAPER, box, tag

COLOURS = {  # Okabe and Ito: told apart by colour-blind people too
    "approved": "#009E73",
    "referred": "#56B4E9",
    "declined": "#0072B2",
    "failed": "#D55E00",
    "indeterminate": "#F0E442",
    "not started": "#bbbbbb",
}
_LINES = {
    "referred": ("M0 2.5H5", INK, 1, 0),
    "declined": ("M1 2.5H4", PAPER, 3, 45),
    "failed": ("M0 0V5", INK, 2.5, -45),
    "indeterminate": ("M0 0V5", INK, 3, 45),
    "not started": ("M0 2.5H5M2.5 0V5", INK, 1, 0),
}
"""Path in a square of 5, colour and width of the lines, and their turn in degrees: without any
colour, too, no two kinds look alike."""
KIND_WORDS = {
    "referred": "referred (manual review)",
    "declined": "declined for a business reason",
    "indeterminate": "failed, outcome unknown",
    "not started": "not started by the load generator",
}


_NARROW_BELOW = 600


@dataclass(frozen=True, slots=True)
class Layout:
    """Sizes in SVG units, which are pixels at full width.

    ``name`` begins the ids within a chart: two charts of one page need two names.
    """

    name: str
    width: float
    left: float
    right: float
    outcomes: float
    waits: float
    font: float
    bins_max: int
    ticks_max: int

    @property
    def narrow(self) -> bool:
        """Whether there is room for a name only, not for what is to be said of it."""
        return self.width < _NARROW_BELOW


WIDE = Layout("wide", 1310, 74, 20, 88, 58, 11.5, 600, 18)
NARROW = Layout("narrow", 360, 56, 12, 110, 80, 10.5, 300, 7)


@dataclass(frozen=True, slots=True)
class Axis:
    """Maps seconds to the horizontal place; ``layout`` rides along because all strips need both."""

    layout: Layout
    start_s: float
    end_s: float

    def x(self, instant_s: float) -> float:
        """Place of an instant, held inside the chart."""
        layout = self.layout
        part = (instant_s - self.start_s) / (self.end_s - self.start_s)
        inside = layout.width - layout.left - layout.right
        return layout.left + min(max(part, 0.0), 1.0) * inside

    @property
    def end(self) -> float:
        """The right edge of the strips."""
        return self.layout.width - self.layout.right


def fill(kind: str, name: str) -> str:
    """How a kind of outcome is painted; ``name`` begins the ids of the chart."""
    return f"url(#{name}-{kind.replace(' ', '-')})" if kind in _LINES else COLOURS[kind]


def patterns(name: str, *kinds: str) -> Markup:
    """What ``fill`` refers to, for all kinds or for those that a chart has."""
    return tag("defs", *(_pattern(kind, name) for kind in _LINES if kind in (kinds or _LINES)))


def _pattern(kind: str, name: str) -> Markup:
    path, ink, width, turn = _LINES[kind]
    return tag(
        "pattern",
        box(0, 0, 5, 5, fill=COLOURS[kind]),
        tag("path", d=path, stroke=ink, stroke_width=width),
        id=f"{name}-{kind.replace(' ', '-')}",
        width=5,
        height=5,
        patternUnits="userSpaceOnUse",
        patternTransform=f"rotate({turn})",
    )


@dataclass(frozen=True, slots=True)
class Strip:
    """Something drawn, and where it ends below."""

    drawn: Markup
    bottom: float
