"""The shared time axis of the chart, its sizes and its colours."""

from dataclasses import dataclass

from markupsafe import Markup

COLOURS = {  # Okabe and Ito: told apart by colour-blind people too
    "approved": "#009E73",
    "referred": "#56B4E9",
    "declined": "#0072B2",
    "failed": "#D55E00",
    "indeterminate": "#F0E442",
    "not started": "#bbbbbb",
}
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


@dataclass(frozen=True, slots=True)
class Strip:
    """Something drawn, and where it ends below."""

    drawn: Markup
    bottom: float
