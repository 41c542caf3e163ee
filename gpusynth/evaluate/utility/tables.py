"""Utility of cross tables: the statistics of synthpop's ``utility.tab``.

Notation: a table has cells with d real and s synthetic rows, s + d > 0; ``N = sum(s + d)``,
``c = sum(s) / N``, ``e = (s + d) c`` (expected synthetic rows), ``D = s - d c / (1 - c)``, p_d and
p_s shares, ``h = (p_d + p_s) / 2``, df = cells - 1. Each ``S_x`` is x over its expectation when the
synthetic rows are drawn from the real file's own shares, so 1 is what to expect of a right model;
below 3 is good, above 10 is bad (synthpop's vignette). With n real and k synthetic rows a second
sample of the population has 1 + k / n: 2 where the files are of one length (S_WMabsDD its root).
Two are approximate, as in synthpop: S_WMabsDD is cells / df, and S_JSD 0.52 / c, so 1.04 for files
of one length and less for a longer synthetic file.

====================  ===================================================================
statistic             formula
====================  ===================================================================
VW, S_VW              ``sum(D^2 / e)`` (Voas and Williamson); over df
pMSE, S_pMSE          ``VW c (1 - c)^2 / N``; S_pMSE = S_VW
FT, S_FT              ``4 sum((sqrt(s) - sqrt(d c / (1 - c)))^2)`` (Freeman and Tukey); over df
JSD, S_JSD            ``(sum p_d log2(p_d / h) + sum p_s log2(p_s / h)) / 2``;
                      ``2 N JSD / (df ln 2)``, as synthpop 1.9-2 computes it
G, S_G                ``2 sum s ln((s / sum s) / (d / sum d))`` over cells with s, d > 0; over
                      their number - 1
SPECKS                Kolmogorov-Smirnov distance of the score ``s / (s + d)`` of the s and d rows
U                     Wilcoxon's rank sum statistic of that score
PO50                  ``100 (sum s[p_s > p_d] + sum d[p_s <= p_d]) / N - 50``
MabsDD                ``sum |D| / sum s``
WMabsDD, S_WMabsDD    ``sum(|D| / sqrt(e)) / sqrt(2 / pi)``; over df
dBhatt                ``sqrt(1 - sum sqrt(p_d p_s))``
====================  ===================================================================

References
----------
.. [1] synthpop 1.9-2, R/utility.syn.r, `utility.tab`.
.. [2] Raab, G. M., Nowok, B., Dibben, C. (2021). Assessing, visualizing and improving the utility
       of synthetic data. arXiv:2109.12717.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import IncomputableMetricError
from gpusynth.evaluate.coded import CodedTable, CommonCodes
from gpusynth.evaluate.marginals import (
    MarginalLayout,
    add_counts,
    count_marginals,
    lay_out,
    matched_counts,
)
from gpusynth.evaluate.metric import MetricResult, measure
from gpusynth.evaluate.utility.kmarginal import MarginalPair, choose_marginals

__all__ = ["STATISTICS", "TableUtility", "cell_differences", "table_statistics", "table_utility"]

STATISTICS = (
    "VW", "FT", "JSD", "SPECKS", "WMabsDD", "U", "G", "pMSE", "PO50", "MabsDD", "dBhatt",
    "S_VW", "S_FT", "S_JSD", "S_WMabsDD", "S_G", "S_pMSE", "df", "dfG",
)  # fmt: skip
"""Names of the statistics, synthpop's."""


def table_statistics(
    real: Array, synthetic: Array, *, n_rows_fixed: bool = True
) -> dict[str, float]:
    """Return all `STATISTICS` of one table.

    Parameters
    ----------
    real, synthetic : array of int, shape (n_cells,)
        Rows of each file in each cell; cells that are empty in both do not matter.
    n_rows_fixed : bool
        Whether the number of synthetic rows was given, not drawn (synthpop's ``k.syn`` is False);
        otherwise df is the number of cells.

    Raises
    ------
    IncomputableMetricError
        If one side has no rows.
    """
    occupied = (real > 0) | (synthetic > 0)
    d, s = real[occupied].astype(np.float64), synthetic[occupied].astype(np.float64)
    n_real, n_synthetic = d.sum(), s.sum()
    if n_real == 0 or n_synthetic == 0:
        raise IncomputableMetricError("a table has no rows in one of the files")
    n = n_real + n_synthetic
    c = n_synthetic / n
    e = (s + d) * c
    scaled = d * c / (1 - c)
    gap = s - scaled
    df = len(s) - int(n_rows_fixed)
    p_d, p_s = d / n_real, s / n_synthetic
    found = {
        "VW": float(np.sum(gap**2 / e)),
        "FT": float(4 * np.sum((np.sqrt(s) - np.sqrt(scaled)) ** 2)),
        "JSD": _jensen_shannon(p_d, p_s),
        "WMabsDD": float(np.sum(np.abs(gap) / np.sqrt(e)) / np.sqrt(2 / np.pi)),
        "PO50": float(100 * (s[p_s > p_d].sum() + d[p_s <= p_d].sum()) / n - 50),
        "MabsDD": float(np.abs(gap).sum() / n_synthetic),
        "dBhatt": float(np.sqrt(max(1 - np.sum(np.sqrt(p_d * p_s)), 0.0))),
        "df": float(df),
    }
    found["SPECKS"], found["U"] = _score_distances(s, d)
    found["G"], found["dfG"] = _likelihood_ratio(s, d)
    found["pMSE"] = found["VW"] * c * (1 - c) ** 2 / n
    for name in ("VW", "FT", "WMabsDD"):
        found[f"S_{name}"] = _ratio(found[name], df)
    found["S_pMSE"] = found["S_VW"]
    found["S_JSD"] = _ratio(2 * n * found["JSD"] / np.log(2), df)
    found["S_G"] = _ratio(found["G"], found["dfG"])
    return {name: found[name] for name in STATISTICS}


def _ratio(value: float, df: float) -> float:
    return float(value / df) if df > 0 else float("nan")


def _jensen_shannon(p: Array, q: Array) -> float:
    h = (p + q) / 2
    parts = [float(np.sum(x[x > 0] * np.log2(x[x > 0] / h[x > 0]))) for x in (p, q)]
    return (parts[0] + parts[1]) / 2


def _likelihood_ratio(s: Array, d: Array) -> tuple[float, float]:
    both = (s > 0) & (d > 0)
    s, d = s[both], d[both]
    if not len(s):
        return 0.0, -1.0
    return float(2 * np.sum(s * np.log(s / s.sum() / d * d.sum()))), float(len(s) - 1)


def _score_distances(s: Array, d: Array) -> tuple[float, float]:
    """Kolmogorov-Smirnov distance and rank sum of the score s / (s + d), cells as ties."""
    score, group = np.unique(s / (s + d), return_inverse=True)
    s = np.bincount(group, s, minlength=len(score))
    d = np.bincount(group, d, minlength=len(score))
    below_s, below_d = np.cumsum(s), np.cumsum(d)
    distance = float(np.max(np.abs(below_s / below_s[-1] - below_d / below_d[-1])))
    return distance, float(np.sum(s * (below_d - d / 2)))


@dataclass(frozen=True, slots=True)
class TableUtility:
    """All `STATISTICS` of many tables, as a `Metric`; the value is the median S_pMSE.

    Parameters
    ----------
    layout : MarginalLayout
        Which tables.
    names : tuple of str
        Column names, for the breakdown.
    n_rows_fixed : bool
        See `table_statistics`.
    """

    layout: MarginalLayout
    names: tuple[str, ...]
    n_rows_fixed: bool = True

    @property
    def name(self) -> str:
        """Name in results."""
        return "table_utility"

    def partial(self, real: CodedTable, synthetic: CodedTable) -> MarginalPair:
        """Count a block of each file; the statistics know no weights."""
        if real.weight is not None or synthetic.weight is not None:
            raise IncomputableMetricError(
                "the statistics of synthpop's tables have no weighted version; code the files "
                "without a weight, or use the k-marginal score"
            )
        return MarginalPair(
            count_marginals(real, self.layout), count_marginals(synthetic, self.layout)
        )

    def combine(self, a: MarginalPair, b: MarginalPair) -> MarginalPair:
        """Add the counts of two blocks."""
        return MarginalPair(add_counts(a.real, b.real), add_counts(a.synthetic, b.synthetic))

    def finalize(self, p: MarginalPair) -> MetricResult:
        """Return the statistics of each table; tables of one cell have no S_ values (NaN)."""
        rows = [
            table_statistics(
                *matched_counts(p.real, p.synthetic, number)[1], n_rows_fixed=self.n_rows_fixed
            )
            for number in range(self.layout.n_tables)
        ]
        columns = np.array(self.names, object)[self.layout.combinations]
        breakdown = {name: np.array([row[name] for row in rows]) for name in STATISTICS}
        ratios = breakdown["S_pMSE"]
        if np.isnan(ratios).all():
            raise IncomputableMetricError(
                "every table has a single cell: the columns are constant, there is nothing to test"
            )
        return MetricResult(
            metric=self.name,
            value=float(np.nanmedian(ratios)),
            expected=1.0,
            direction="lower",
            breakdown={"columns": columns, **breakdown},
        )


def cell_differences(pair: MarginalPair, number: int) -> tuple[Array, Array]:
    """Return the occupied cells of a table and how far each is off: ``D / sqrt(e)``.

    Returns
    -------
    codes : array of int64, shape (n_cells, k)
        Codes of the table's columns.
    z : array of float64, shape (n_cells,)
        Roughly standard normal when the rows are drawn from the real shares.
    """
    cells, (d, s) = matched_counts(pair.real, pair.synthetic, number)
    c = s.sum() / (s.sum() + d.sum())
    z = (s - d * c / (1 - c)) / np.sqrt((s + d) * c)
    return np.stack(np.unravel_index(cells, pair.real.layout.shape(number)), axis=1), z


def table_utility(
    codes: CommonCodes,
    k: int = 2,
    *,
    n_marginals: int | None = None,
    marginals: Sequence[Sequence[str]] | None = None,
    n_rows_fixed: bool = True,
    seed: int = 0,
) -> tuple[MetricResult, ...]:
    """Compute synthpop's table statistics for each synthetic file.

    Code the files with ``Binning("synthpop", 5, spikes_apart=False)`` for synthpop's groups of
    numbers.

    Parameters
    ----------
    codes : CommonCodes
    k, n_marginals, marginals
        Which tables; see `gpusynth.evaluate.utility.kmarginal.choose_marginals`.
    n_rows_fixed : bool
        See `table_statistics`.
    seed : int
        Of the choice of tables.

    Returns
    -------
    tuple of MetricResult
        One for each synthetic file; the breakdown has ``columns`` and one array of each statistic.

    Raises
    ------
    IncomputableMetricError
        If the files are weighted, or every table has a single cell.
    """
    real = codes.real
    chosen = choose_marginals(real, k, n_marginals=n_marginals, marginals=marginals, seed=seed)
    n_rows = max(table.n_rows for table in (real, *codes.synthetic))
    metric = TableUtility(lay_out(real.n_codes, chosen, n_rows=n_rows), real.names, n_rows_fixed)
    return tuple(measure(metric, [(real, synthetic)]) for synthetic in codes.synthetic)
