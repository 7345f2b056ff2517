"""What the charts are made of: SVG elements, the frame of a chart, the time axis and the colours.

Presentation attributes only, never ``style``: they still draw where a content security policy
drops every style. The classes let the page's style sheet recolour them for dark screens.
"""

from dataclasses import dataclass

from markupsafe import Markup, escape

from harness.report.words import clean, one_line

INK, MUTED, GRID, PAPER = "#1b1f24", "#57606a", "#d8dee4", "#ffffff"
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


def number(value: float) -> str:
    """A coordinate, short."""
    return f"{value:.1f}".removesuffix(".0")


def joined(*parts: Markup) -> Markup:
    """Elements one after the other."""
    return Markup("").join(parts)


def tag(name: str, *children: str, **attributes: str | float) -> Markup:
    """One element; children and values are escaped unless they are markup already.

    ``stroke_width`` becomes ``stroke-width``, ``class_`` becomes ``class``.
    """
    written = joined(
        *(
            Markup(' {}="{}"').format(key.rstrip("_").replace("_", "-"), _safe(value))
            for key, value in attributes.items()
        )
    )
    # The name is always a literal of this package.
    return Markup("<{name}{written}>{inner}</{name}>").format(
        name=Markup(name),  # noqa: S704
        written=written,
        inner=joined(*(escape(_safe(child)) for child in children)),
    )


def _safe(value: str | float) -> str:
    if isinstance(value, Markup):
        return value
    return clean(value) if isinstance(value, str) else number(value)


def chart(
    title: str,
    told: str,
    ids: tuple[str, str],
    size: tuple[float, float],
    *drawn: Markup,
    class_: str = "chart",
    **sizes: str | float,
) -> Markup:
    """One ``<svg>`` element with what is drawn; ``told`` is it in sentences, for people who cannot
    see it. It is as wide as its own units say unless ``sizes`` are given.
    """
    own: dict[str, str | float] = {} if sizes else {"width": size[0]}
    return tag(
        "svg",
        tag("title", title, id=ids[0]),
        tag("desc", told, id=ids[1]),
        *drawn,
        viewBox=f"0 0 {number(size[0])} {number(size[1])}",
        **own,
        role="img",
        aria_labelledby=" ".join(ids),
        class_=class_,
        **sizes,
    )


def label(
    x: float,
    y: float,
    text: str,
    *,
    size: float,
    anchor: str = "start",
    bold: bool = False,
    muted: bool = False,
    colour: str = "",
) -> Markup:
    """A line of text with its baseline at ``y``."""
    return tag(
        "text",
        text,
        x=x,
        y=y,
        font_size=size,
        font_weight="600" if bold else "400",
        font_family="system-ui, -apple-system, Segoe UI, Roboto, sans-serif",
        text_anchor=anchor,
        fill=colour or (MUTED if muted else INK),
        class_="muted" if muted else "ink",
    )


def line(x1: float, y1: float, x2: float, y2: float, **attributes: str | float) -> Markup:
    """A straight line, in the colour of the grid unless told otherwise."""
    shown: dict[str, str | float] = {"stroke": GRID, "class_": "grid", **attributes}
    return tag("line", x1=x1, y1=y1, x2=x2, y2=y2, **shown)


def box(x: float, y: float, width: float, height: float, **attributes: str | float) -> Markup:
    """A rectangle; a negative size is drawn as none."""
    return tag("rect", x=x, y=y, width=max(width, 0), height=max(height, 0), **attributes)


def text_width(text: str, size: float) -> float:
    """About how wide a text is drawn; there is no font to ask."""
    return 0.56 * size * len(text)


def shorten(text: str, size: float, width: float) -> str:
    """Cut a text so that it fits into ``width``; empty when not even three letters do."""
    text = one_line(text)
    if text_width(text, size) <= width:
        return text
    room = int(width / (0.56 * size)) - 1
    return f"{text[:room].rstrip()}…" if room >= 3 else ""  # noqa: PLR2004  # fewer say nothing


# --- the time axis -------------------------------------------------------------------------------


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
        return self.width < 600  # noqa: PLR2004  # a phone


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
        part = (instant_s - self.start_s) / (self.end_s - self.start_s)
        return self.layout.left + min(max(part, 0.0), 1.0) * (self.end - self.layout.left)

    @property
    def end(self) -> float:
        """The right edge of the strips."""
        return self.layout.width - self.layout.right


def fill(kind: str, name: str) -> str:
    """How a kind of outcome is painted; ``name`` begins the ids of the chart."""
    return f"url(#{name}-{kind.replace(' ', '-')})" if kind in _LINES else COLOURS[kind]


def patterns(name: str) -> Markup:
    """What ``fill`` refers to, for all kinds."""
    found = (
        tag(
            "pattern",
            box(0, 0, 5, 5, fill=COLOURS[kind]),
            tag("path", d=path, stroke=ink, stroke_width=width),
            id=f"{name}-{kind.replace(' ', '-')}",
            width=5,
            height=5,
            patternUnits="userSpaceOnUse",
            patternTransform=f"rotate({turn})",
        )
        for kind, (path, ink, width, turn) in _LINES.items()
    )
    return tag("defs", *found)
