"""How numbers are written in the report and the Markdown summary."""

from __future__ import annotations

from math import floor, isfinite, log10

from gpusynth.evaluate.figures import Band

__all__ = ["band_text", "figure_text", "number", "percent", "plural", "ratio_text", "shorten"]

_MINUS = "\N{MINUS SIGN}"
_RANGE = "\N{EN DASH}"
_SPACE = "\N{NO-BREAK SPACE}"


def percent(share: float, digits: int = 1) -> str:
    """Return a share in per cent: 0.1234 as "12.3 %".

    Returns
    -------
    str
    """
    value = 100.0 * share
    if share > 0.0 and round(value, digits) == 0.0:
        return f"<{10.0**-digits:.{digits}f}{_SPACE}%"
    return f"{value:.{digits}f}{_SPACE}%".replace("-", _MINUS)


def number(value: float, digits: int = 3) -> str:
    """Return a number with so many significant digits, and commas where it is large.

    Returns
    -------
    str
    """
    if not isfinite(value):
        return "\N{INFINITY}" if value > 0 else f"{_MINUS}\N{INFINITY}"
    if value == 0:
        return "0"
    size = abs(value)
    if size >= 1e15 or size < 1e-5:
        return f"{value:.2e}".replace("-", _MINUS)
    if size >= 10 ** (digits - 1) or value == int(value):
        places = max(digits - len(str(int(size))), 0) if value != int(value) else 0
        return f"{value:,.{places}f}".replace("-", _MINUS)
    text = f"{value:.{digits - 1 - floor(log10(size))}f}"
    return (text.rstrip("0").rstrip(".") if size < 1 else text).replace("-", _MINUS)


def band_text(band: Band, unit: str = "", digits: int = 3) -> str:
    """Return a figure, with its range in brackets where the synthetic files differ.

    Returns
    -------
    str
    """
    one = _with_unit(band.mean, unit, digits)
    if band.lowest == band.highest:
        return one
    low, high = number(band.lowest, digits), number(band.highest, digits)
    return one if low == high else f"{one} ({low}{_RANGE}{high})"


def figure_text(value: float | None, unit: str = "", digits: int = 3) -> str:
    """Return one number with its unit, or nothing for None.

    Returns
    -------
    str
    """
    return "" if value is None else _with_unit(value, unit, digits)


def _with_unit(value: float, unit: str, digits: int) -> str:
    if unit == "%":
        return f"{number(value, digits)}{_SPACE}%"
    if unit == "degrees":
        return f"{number(value, digits)}\N{DEGREE SIGN}"
    return number(value, digits)


def ratio_text(value: float, expected: float | None) -> str:
    """Return how many times its baseline a distance is: "1.24"; nothing without a baseline.

    Returns
    -------
    str
    """
    if not expected:
        return ""
    return f"{value / expected:.2f}"


def plural(count: int, noun: str) -> str:
    """Return a count and its noun: "1 row", "2 rows".

    Returns
    -------
    str
    """
    return f"{count:,} {noun}{'' if count == 1 else 's'}"


def shorten(text: str, length: int) -> str:
    """Cut a text to so many characters, with an ellipsis in place of the rest.

    Returns
    -------
    str
    """
    return text if len(text) <= length else text[: length - 1].rstrip() + "\N{HORIZONTAL ELLIPSIS}"
