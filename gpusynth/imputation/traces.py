"""Traces: what imputed answers are like after each iteration, to judge whether chains have mixed.

References
----------
.. [1] van Buuren, S. (2018). Flexible Imputation of Missing Data, 2nd ed., section 6.5.2.
.. [2] Vehtari, A. et al. (2021). Rank-normalization, folding, and localization: an improved R-hat.
   Bayesian Analysis 16(2), 667-718. (Split R-hat: equations 1 to 4.)
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import pyarrow as pa

from gpusynth.arrays import Array
from gpusynth.table import Table, as_numbers, parse_storage
from gpusynth.table.numbers import decimal_scale

__all__ = ["TraceRow", "Traces", "split_rhat", "trace_row"]

_FEWEST_ITERATIONS = 4  # two in each half of a chain


@dataclass(frozen=True, slots=True)
class TraceRow:
    """The imputed answers of one column after one iteration of one imputation.

    Attributes
    ----------
    column : str
    imputation, iteration : int
        From 1.
    mean, variance : float or None
        Of the imputed numbers, in the file's unit (days for dates); of levels their place in the
        column's order, from 1. None where there are too few.
    share : float
        Of the most frequent level of the answered rows; of a number the share of rows that have a
        number and not a missing code or spike.
    """

    column: str
    imputation: int
    iteration: int
    mean: float | None
    variance: float | None
    share: float


def trace_row(
    table: Table, name: str, missing: Array, *, imputation: int, iteration: int
) -> TraceRow:
    """Measure the imputed answers of a column.

    Parameters
    ----------
    table : Table
        As it stands after the iteration.
    name : str
    missing : array of int32, shape (n_missing,)
        Its imputed rows.
    imputation, iteration : int

    Returns
    -------
    TraceRow
    """
    codec, codes = table.codecs[name], table.codes[name]
    imputed = codes[missing]
    ordinary = imputed >= codec.n_special
    if codec.column.is_number:
        values = table.values.get(name)
        exact = None if values is None else values[missing][ordinary]
        unit = 10.0 ** decimal_scale(parse_storage(codec.column.storage))
        numbers = as_numbers(codec, imputed[ordinary], exact) / unit
        share = float(ordinary.mean())
    else:
        numbers = imputed[ordinary].astype(np.float64) - codec.n_special + 1
        answered = np.bincount(codes, minlength=codec.n_codes)
        answered -= np.bincount(imputed, minlength=codec.n_codes)
        share = float((imputed == int(answered.argmax())).mean())
    return TraceRow(
        column=name,
        imputation=imputation,
        iteration=iteration,
        mean=float(numbers.mean()) if len(numbers) else None,
        variance=float(numbers.var(ddof=1)) if len(numbers) > 1 else None,
        share=share,
    )


@dataclass(frozen=True, slots=True)
class Traces:
    """Traces of all imputations.

    Attributes
    ----------
    rows : tuple of TraceRow
        By imputation, iteration and column in file order.
    """

    rows: tuple[TraceRow, ...]

    @property
    def columns(self) -> tuple[str, ...]:
        """Imputed columns in file order."""
        return tuple(dict.fromkeys(row.column for row in self.rows))

    def of(self, column: str, measure: str = "mean") -> Array:
        """Return the trace of a column.

        Parameters
        ----------
        column : str
        measure : {"mean", "variance", "share"}

        Returns
        -------
        array of float64, shape (n_imputations, iterations)
            NaN where there are too few imputed answers.
        """
        rows = [row for row in self.rows if row.column == column]
        found = np.full(
            (max(row.imputation for row in rows), max(row.iteration for row in rows)), np.nan
        )
        for row in rows:
            value = getattr(row, measure)
            found[row.imputation - 1, row.iteration - 1] = np.nan if value is None else value
        return found

    def rhat(self) -> dict[str, float | None]:
        """Return the split R-hat of each column's mean, over all iterations.

        Near 1 when chains have forgotten their beginning and agree with each other; with few
        iterations it is rough, and up to about 1.2 is usual where all is well.

        Returns
        -------
        dict of str to float or None
            None with fewer than 4 iterations, or where means are missing or never change.
        """
        return {column: split_rhat(self.of(column)) for column in self.columns}

    def table(self) -> pa.Table:
        """Return all traces as a table.

        Returns
        -------
        pyarrow.Table
            One row of each column, imputation and iteration.
        """
        return pa.Table.from_pylist(
            [asdict(row) for row in self.rows],
            schema=pa.schema(
                [
                    ("column", pa.string()),
                    ("imputation", pa.int64()),
                    ("iteration", pa.int64()),
                    ("mean", pa.float64()),
                    ("variance", pa.float64()),
                    ("share", pa.float64()),
                ]
            ),
        )

    def to_json(self) -> dict[str, Any]:
        """Return the JSON form: the rows, and R-hat by column.

        Returns
        -------
        dict
        """
        return {"rhat": self.rhat(), "rows": [asdict(row) for row in self.rows]}

    def svg(self) -> str:
        """Return a plot of means and standard deviations over iterations.

        Returns
        -------
        str
            An SVG document; one line an imputation.
        """
        from gpusynth.imputation.trace_chart import trace_chart

        return trace_chart(self)


def split_rhat(traces: Array) -> float | None:
    """Return split R-hat: how much wider all chains together are than each by itself.

    Vehtari et al. (2021), equations 1 to 4, on chains cut in halves:
    ``sqrt(((n - 1) / n W + B / n) / W)`` with W the mean variance within halves of n iterations and
    B n times the variance of their means.

    Parameters
    ----------
    traces : array of float64, shape (n_chains, n_iterations)
        With an odd number of iterations the first is left out.

    Returns
    -------
    float or None
        None with fewer than 4 iterations, for a value that is not finite, or without variance.
    """
    chains: Sequence[Array] = list(np.asarray(traces, np.float64))
    length = len(chains[0]) // 2
    if 2 * length < _FEWEST_ITERATIONS or not np.isfinite(traces).all():
        return None
    halves = np.array(
        [half for chain in chains for half in (chain[-2 * length : -length], chain[-length:])]
    )
    within = float(halves.var(axis=1, ddof=1).mean())
    if not within > 0.0:
        return None
    between = float(halves.mean(axis=1).var(ddof=1))  # B / n
    return math.sqrt(((length - 1) / length * within + between) / within)
