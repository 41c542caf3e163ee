"""Propensity models: what they are given, and what they return.

The rows of both files are stacked and a model gives each a probability of being synthetic; the
statistics of these are in `gpusynth.evaluate.utility.propensity_scores`, the models in
`propensity_logit`, `propensity_cart` and `propensity_boosting`.

What is expected is the pMSE of a right synthesis, whose rows are drawn given the real file. For a
model of k parameters it is k times ``(c (1 - c))^2`` times the variance of a standardised
difference of the files' means: ``1 / n_s`` when all real rows are seen, n_s synthetic rows against
a known file [2]_; ``1 / n_s + (1 - f) / n_r`` when n_r rows, the share f of the real file, are a
sample of it; ``1 / n_s + 1 / n_r`` when the labels are permuted, so that both are samples. The
second is ``1 - f c`` of the last (`StackedRows.null_share`): one half with all rows and files of
one length, which is synthpop's factor for any length.

References
----------
.. [1] Woo, M.-J., Reiter, J. P., Oganian, A., Karr, A. F. (2009). Global measures of data utility
       for microdata masked for disclosure limitation. Journal of Privacy and Confidentiality 1(1).
.. [2] Snoke, J., Raab, G. M., Nowok, B., Dibben, C., Slavkovic, A. (2018). General and specific
       utility measures for synthetic data. JRSS A 181, 663-688.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Literal

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.coded import CodedTable, CommonCodes
from gpusynth.evaluate.utility.propensity_scores import ScoreStatistics
from gpusynth.streams import Purpose, StreamKey, random_bits

__all__ = [
    "MOST_ROWS",
    "PropensityUtility",
    "StackedRows",
    "random_order",
    "stack_rows",
]

MOST_ROWS = 20_000
"""Rows of each file that a model sees unless told otherwise: models of 130 columns then take
seconds, and the standard error of an AUC of 0.5 is 0.003."""

_SAMPLE_STEP = 101


@dataclass(frozen=True, slots=True)
class PropensityUtility:
    """How well a model tells the files apart.

    Attributes
    ----------
    method : {"logit", "cart", "boosting"}
    n_real, n_synthetic : int
        Rows that the model saw; fewer than the files have where they were sampled.
    pmse, specks, po50, u, auc : float
    auc_interval : tuple of float
        95 %.
    expected_pmse : float or None
        Of synthetic rows that are drawn right; None where it is not known.
    pmse_ratio : float or None
        synthpop's S_pMSE: 1 is to be expected of a right model, above 10 is bad.
    expected_auc : float or None
        Of files that cannot be told apart: 0.5 out of sample, more for a model that is judged by
        the rows it was fitted to (a tree: the mean of those on permuted labels). None where it is
        not known.
    size : int
        Parameters besides the constant, or leaves; boosting: trees.
    importance : tuple of (str, float)
        Columns that tell the files apart, with their share of what the model gains by them, the
        most important first; empty for models that do not say.
    left_out : tuple of str
        Columns with a single level in the rows used, which no model can use.
    note : str
    """

    method: Literal["logit", "cart", "boosting"]
    n_real: int
    n_synthetic: int
    pmse: float
    specks: float
    po50: float
    u: float
    auc: float
    auc_interval: tuple[float, float]
    expected_pmse: float | None
    pmse_ratio: float | None
    expected_auc: float | None
    size: int
    importance: tuple[tuple[str, float], ...] = ()
    left_out: tuple[str, ...] = ()
    note: str = ""

    @classmethod
    def of(
        cls,
        method: Literal["logit", "cart", "boosting"],
        rows: StackedRows,
        seen: ScoreStatistics,
        *,
        expected_pmse: float | None,
        expected_auc: float | None,
        size: int,
        importance: tuple[tuple[str, float], ...] = (),
        note: str = "",
    ) -> PropensityUtility:
        """Put a model's statistics beside what is expected of a right synthesis."""
        return cls(
            method=method,
            n_real=rows.real.n_rows,
            n_synthetic=rows.synthetic.n_rows,
            pmse=seen.pmse,
            specks=seen.specks,
            po50=seen.po50,
            u=seen.u,
            auc=seen.auc,
            auc_interval=seen.auc_interval,
            expected_pmse=expected_pmse,
            pmse_ratio=seen.pmse / expected_pmse if expected_pmse else None,
            expected_auc=expected_auc,
            size=size,
            importance=importance,
            left_out=rows.left_out,
            note=note,
        )


@dataclass(frozen=True, slots=True)
class StackedRows:
    """Rows of the real file, then of a synthetic one, for a model to tell apart.

    Attributes
    ----------
    real, synthetic : CodedTable
        Whole files or samples of their rows.
    columns : tuple of int
        Positions of the columns that vary.
    left_out : tuple of str
    is_synthetic : array of bool, shape (n_rows,)
    weight : array of float64, shape (n_rows,), or None
        Adds up to its number of rows in each file.
    real_share : float
        Share of the real file's rows that are in `real`, f.
    """

    real: CodedTable
    synthetic: CodedTable
    columns: tuple[int, ...]
    left_out: tuple[str, ...]
    is_synthetic: Array
    weight: Array | None
    real_share: float

    @property
    def share(self) -> float:
        """Share of synthetic rows, c."""
        return self.synthetic.n_rows / (self.real.n_rows + self.synthetic.n_rows)

    @property
    def null_share(self) -> float:
        """Expected pMSE of a right synthesis over that of permuted labels: ``1 - f c``."""
        return 1.0 - self.real_share * self.share

    def codes(self, column: int) -> Array:
        """Return a column's codes in both files."""
        return np.concatenate((self.real.codes[column], self.synthetic.codes[column]))

    def numbers(self, column: int) -> Array:
        """Return a column's numbers in both files, NaN where a row has none."""
        return np.concatenate((self.real.numbers(column), self.synthetic.numbers(column)))


def stack_rows(
    codes: CommonCodes, number: int, *, max_rows: int | None = MOST_ROWS, seed: int = 0
) -> StackedRows:
    """Stack the real rows and those of one synthetic file, samples of them where they are many.

    Parameters
    ----------
    codes : CommonCodes
    number : int
        Which synthetic file.
    max_rows : int, optional
        Of each file; a larger one is sampled without replacement. None for no limit.
    seed : int

    Raises
    ------
    IncomputableMetricError
        If no column varies.
    """
    sides = []
    for stratum, table in enumerate((codes.real, codes.synthetic[number])):
        rows: Array | slice = slice(None)
        if max_rows is not None and table.n_rows > max_rows:
            key = StreamKey(
                seed,
                replicate=number * stratum,
                stratum=stratum,
                step=_SAMPLE_STEP,
                purpose=Purpose.EVALUATE,
            )
            rows = np.sort(random_order(key, table.n_rows)[:max_rows])
        sides.append(table.take(rows))
    real, synthetic = sides
    varies = [
        len(np.unique(np.concatenate([np.unique(side.codes[c]) for side in sides]))) > 1
        or (c in real.number_columns and _numbers_vary(real, synthetic, c))
        for c in range(len(real.columns))
    ]
    columns = tuple(int(c) for c in np.flatnonzero(varies))
    if not columns:
        raise IncomputableMetricError(
            "every column has a single level in both files; no model can tell them apart"
        )
    is_synthetic = np.repeat([False, True], [real.n_rows, synthetic.n_rows])
    return StackedRows(
        real=real,
        synthetic=synthetic,
        columns=columns,
        left_out=tuple(name for c, name in enumerate(real.names) if not varies[c]),
        is_synthetic=is_synthetic,
        weight=_scaled_weight(real, synthetic),
        real_share=real.n_rows / codes.real.n_rows,
    )


def _numbers_vary(real: CodedTable, synthetic: CodedTable, column: int) -> bool:
    """Return whether rows with different numbers share a bin."""
    codes = [side.number_codes[column] for side in (real, synthetic)]
    lowest = [int(one.min()) for one in codes if one is not None]
    highest = [int(one.max()) for one in codes if one is not None]
    return min(lowest) < max(highest)


def _scaled_weight(real: CodedTable, synthetic: CodedTable) -> Array | None:
    if real.weight is None or synthetic.weight is None:
        return None
    parts = []
    for side in (real, synthetic):
        total = side.total
        if side.weight is None or total == 0:
            raise IncomputableMetricError(
                "all sampled rows of a file have weight 0; raise max_rows"
            )
        parts.append(side.weight / (total / side.n_rows))
    return np.concatenate(parts)


def random_order(key: StreamKey, n_rows: int) -> Array:
    """Return a random permutation of rows, int64; it depends on the key alone."""
    return np.argsort(random_bits(key, 0, n_rows)[:, 0], kind="stable")
