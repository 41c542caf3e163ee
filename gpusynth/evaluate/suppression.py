"""What an evaluation may name: levels with enough real rows, open ends, rounded edges.

Whoever reads an evaluation sees marginals of the confidential file. Four rules keep these from
pointing at anyone; they are applied before a result is built, so they hold for JSON and report
alike.

1. A level or cell with fewer real rows than `minimum_cell` (but at least one) is never named. Rare
   levels are pooled, and so are levels that the real file lacks, since "not in the real file" is a
   statement about it too. A pool that is itself too small takes the next smallest level with it, so
   that it cannot be found by subtraction (secondary suppression).
2. Neighbouring bins of numbers are joined until each has enough rows.
3. The outermost bins have no outer edge: the smallest and the largest number never show.
4. Edges of bins and quantiles are rounded to three significant digits; a quantile with fewer than
   `QUANTILE_ROWS` real rows beyond it is left out.

The threshold counts rows, not weight: a heavy weight protects nobody.
"""

from __future__ import annotations

import datetime as dt
import itertools
from collections.abc import Sequence
from math import isfinite

import numpy as np

from gpusynth.arrays import Array
from gpusynth.evaluate.coded import CodedColumn

__all__ = ["QUANTILE_ROWS", "join_bins", "number_text", "pooled", "rounded", "safe_labels"]

QUANTILE_ROWS = 10
"""Real rows that must lie beyond a quantile on either side, or as many as `minimum_cell`."""

_DIGITS = 3
_MICROSECONDS = 86_400_000_000


def rounded(value: float) -> float:
    """Round to three significant digits; numbers that are not finite stay."""
    return float(f"{value:.{_DIGITS}g}") if isfinite(value) else value


def number_text(value: float, kind: str) -> str:
    """Return a rounded number as people write it; days and microseconds as a month.

    Parameters
    ----------
    value : float
    kind : str
        Of the column; see `gpusynth.table.Kind`.
    """
    if kind in ("date", "timestamp"):
        days = value if kind == "date" else value / _MICROSECONDS
        try:
            day = dt.date(1970, 1, 1) + dt.timedelta(days=days)
        except OverflowError:
            return "?"
        return f"{day.year:04d}-{day.month:02d}"
    short = rounded(value)
    if abs(short) >= 1e15 or (short != 0.0 and abs(short) < 1e-4):
        return f"{short:.2e}"
    text = f"{short:,.6f}".rstrip("0").rstrip(".")
    return text.replace("-", "\N{MINUS SIGN}")


def safe_labels(column: CodedColumn, kind: str, bins: Array | None = None) -> list[str]:
    """Return what each code of a column is called.

    Parameters
    ----------
    column : CodedColumn
    kind : str
    bins : array of int64, shape (n_bins + 1,), optional
        First bin of each joined bin, and the number of bins at the end; every bin by itself by
        default. The labels then are those of the answers and of the joined bins.

    Returns
    -------
    list of str
    """
    labels = [label if label else "null" for label in column.labels]
    if column.cuts is None:
        return labels
    cuts = column.cuts
    starts = np.arange(len(cuts) + 2) if bins is None else bins
    if column.joins_outside:
        inner = [_between(cuts, i, i + 1, column.closed, kind) for i in range(1, len(cuts))]
        return [*labels, "outside", *inner]
    return [
        *labels,
        *(
            _between(cuts, int(first), int(last), column.closed, kind)
            for first, last in itertools.pairwise(starts)
        ),
    ]


def _between(cuts: Array, first: int, last: int, closed: str, kind: str) -> str:
    """Name the bins ``[first, last)``: bin i lies between cuts i - 1 and i."""
    low = None if first == 0 else float(cuts[first - 1])
    high = None if last > len(cuts) else float(cuts[last - 1])
    if low is None and high is None:
        return "any number"
    if low is None:
        return f"{'under' if closed == 'left' else 'up to'} {number_text(float(high or 0), kind)}"
    if high is None:
        if closed == "left":
            return f"{number_text(low, kind)} or more"
        return f"over {number_text(low, kind)}"
    if kind == "integer":
        # whole numbers have a first and a last one, unless rounding has moved the edges
        first_whole = low + 1 if closed == "right" and rounded(low) == low else low
        last_whole = high - 1 if closed == "left" and rounded(high) == high else high
        if first_whole == last_whole:
            return number_text(first_whole, kind)
        return f"{number_text(first_whole, kind)} to {number_text(last_whole, kind)}"
    return f"{number_text(low, kind)} to {number_text(high, kind)}"


def join_bins(rows: Array, minimum: int) -> Array:
    """Join neighbouring bins, from the lowest, until each has at least `minimum` rows.

    Parameters
    ----------
    rows : array of int64, shape (n_bins,)
        Real rows of each bin.
    minimum : int

    Returns
    -------
    array of int64, shape (n_joined + 1,)
        First bin of each joined bin, and `n_bins`. What is left over at the top joins the last one.
    """
    starts = [0]
    held = 0
    for number, count in enumerate(rows):
        held += int(count)
        if held >= minimum and number + 1 < len(rows):
            starts.append(number + 1)
            held = 0
    if held < minimum and len(starts) > 1:
        starts.pop()
    return np.array([*starts, len(rows)], np.int64)


def pooled(rows: Array, minimum: int, most: int, *, always: Sequence[bool] | Array) -> Array:
    """Decide which levels are pooled.

    Parameters
    ----------
    rows : array of int64, shape (n_levels,)
        Real rows of each level.
    minimum : int
        Levels with fewer are pooled; 0 and 1 pool none but those that the real file lacks.
    most : int
        How many levels are named at most besides those in `always`, the commonest first.
    always : sequence of bool, shape (n_levels,)
        Levels that are named if they have enough rows: missing codes and spikes.

    Returns
    -------
    array of bool, shape (n_levels,)
    """
    hidden = rows < max(minimum, 1)
    ordinary = ~np.asarray(always, bool) & ~hidden
    by_rows = np.flatnonzero(ordinary)[np.argsort(-rows[ordinary], kind="stable")]
    # one level too many is better shown than pooled alone
    if len(by_rows) > most + 1:
        hidden[by_rows[most:]] = True
    while 0 < rows[hidden].sum() < minimum and not hidden.all():
        shown = np.flatnonzero(~hidden)
        hidden[shown[np.argmin(rows[shown])]] = True
    return hidden
