"""The few SVG elements that the chart is made of.

Presentation attributes only, never ``style``: they still draw where a content security policy
drops every style. The classes let the page's style sheet recolour them for dark screens.
"""

from markupsafe import Markup, escape

from harness.report.words import clean

INK = "#1b1f24"
MUTED = "#57606a"
GRID = "#d8dee4"
PAPER = "#ffffff"


def number(value: float) -> str:
    """A coordinate, short."""
    return f"{value:.1f}".removesuffix(".0")


def tag(name: str, *children: str, **attributes: str | float) -> Markup:
    """One element; children and values are escaped unless they are markup already.

    ``stroke_width`` becomes ``stroke-width``, ``class_`` becomes ``class``.
    """
    written = Markup("").join(
        Markup(' {}="{}"').format(
            key.rstrip("_").replace("_", "-"),
            value
            if isinstance(value, Markup)
            else clean(value)
            if isinstance(value, str)
            else number(value),
        )
        for key, value in attributes.items()
    )
    inner = Markup("").join(c if isinstance(c, Markup) else escape(clean(c)) for c in children)
    # The name is always a literal of this package.
    return Markup("<{name}{written}>{inner}</{name}>").format(
        name=Markup(name),  # noqa: S704
        written=written,
        inner=inner,
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
    text = " ".join(clean(text).split())
    if text_width(text, size) <= width:
        return text
    room = int(width / (0.56 * size)) - 1
    return f"{text[:room].rstrip()}…" if room >= 3 else ""  # noqa: PLR2004  # fewer say nothing
