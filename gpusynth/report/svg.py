"""Pieces of inline SVG: escaped text, short numbers, and paths of many shapes in one element.

Charts are drawn here and not by a library of the browser's: the page needs no script to be read or
printed, colours follow the page's light and dark style, and 130 columns take one megabyte where
plotly's bundle alone takes five.
"""

from __future__ import annotations

from collections.abc import Iterable
from html import escape

__all__ = ["Svg", "attribute", "coordinate", "rectangles", "segments", "text", "tip"]


class Svg(str):
    """Markup that has been escaped where it must be; templates put it in as it is."""

    __slots__ = ()

    def __html__(self) -> str:
        """Return itself: jinja2 and markupsafe ask for it."""
        return str(self)


def coordinate(value: float) -> str:
    """Return a coordinate with one decimal, without trailing zeros.

    Returns
    -------
    str
    """
    text = f"{value:.1f}".removesuffix(".0")
    return "0" if text == "-0" else text


def attribute(value: str) -> str:
    """Escape text for an attribute in double quotes.

    Returns
    -------
    str
    """
    return escape(value, quote=True)


def text(x: float, y: float, content: str, style: str) -> str:
    """Return a text element; `style` is its class.

    Returns
    -------
    str
    """
    return (
        f'<text x="{coordinate(x)}" y="{coordinate(y)}" class="{style}">'
        f"{escape(content, quote=False)}</text>"
    )


def rectangles(shapes: Iterable[tuple[float, float, float, float]], style: str) -> str:
    """Return one path with all rectangles (x, y, width, height); nothing when there are none.

    Returns
    -------
    str
    """
    parts = [
        f"M{coordinate(x)} {coordinate(y)}h{coordinate(w)}v{coordinate(h)}h{coordinate(-w)}z"
        for x, y, w, h in shapes
    ]
    return f'<path class="{style}" d="{"".join(parts)}"/>' if parts else ""


def segments(lines: Iterable[tuple[float, float, float, float]], style: str) -> str:
    """Return one path with all straight lines (x1, y1, x2, y2); nothing when there are none.

    Returns
    -------
    str
    """
    parts = [
        f"M{coordinate(a)} {coordinate(b)}L{coordinate(c)} {coordinate(d)}" for a, b, c, d in lines
    ]
    return f'<path class="{style}" d="{"".join(parts)}"/>' if parts else ""


def tip(label: str, real: str, synthetic: str) -> str:
    """Return the value of a ``data-tip`` attribute: three lines, either figure may be empty.

    Returns
    -------
    str
    """
    # a label with a line break cannot forge a figure
    return attribute("\n".join((" ".join(label.split()), real, synthetic)))
