"""Messages that show an expression with a caret under the place."""

from __future__ import annotations

__all__ = ["point_at"]

_AROUND = 60  # characters shown before and after the place


def point_at(text: str, position: int, reason: str, *, place: str = "") -> str:
    """Write a message of three lines: the reason, the text, and a caret under the place.

    Parameters
    ----------
    text : str
        The expression; a long one is cut around the place.
    position : int
        From 0.
    reason : str
    place : str
        Where the expression stands ("rule 2 of receipts").

    Returns
    -------
    str
    """
    first = max(0, position - _AROUND)
    last = min(len(text), position + _AROUND)
    before = "..." if first else ""
    after = "..." if last < len(text) else ""
    # Line breaks, tabs and control characters would move the caret away from its place.
    shown = "".join(c if c.isprintable() else " " for c in text[first:last])
    caret = " " * (len(before) + position - first) + "^"
    start = f"{place}: " if place else ""
    return f"{start}{reason}\n  {before}{shown}{after}\n  {caret}"
