"""k-marginal scores by the levels of one column: which state or sector is off.

References
----------
.. [1] SDNist 2.5, sdnist/metrics/kmarginal.py (`group_features`).
.. [2] CenSyn 0.8.1, censyn/utils/stable_features.py.
"""

from __future__ import annotations

from typing import Literal

import numpy as np

from gpusynth.arrays import Array
from gpusynth.evaluate.coded import CodedTable
from gpusynth.evaluate.marginals import (
    MarginalCounts,
    absolute_differences,
    all_combinations,
    count_marginals,
    lay_out,
    matched_shares,
)
from gpusynth.evaluate.metric import MetricResult
from gpusynth.evaluate.utility.kmarginal import score

__all__ = ["kmarginal_by_group"]


def kmarginal_by_group(
    real: CodedTable,
    synthetic: CodedTable,
    group: str,
    k: int = 2,
    *,
    definition: Literal["sdnist", "censyn"] = "sdnist",
) -> MetricResult:
    """Score the tables of `group` with every k other columns, and each group by itself.

    With ``D_g`` the sum of ``|p_real - p_synthetic|`` over the cells of group g (shares of the
    whole file) and ``p_g`` a group's share, the score of a group is, averaging over the tables,

    - SDNist: ``1000 * (1 - mean(min(D_g, p_real_g) / p_real_g))``; groups that the real file lacks
      have none (NaN);
    - CenSyn: ``500 * (2 - mean(2 * D_g / (p_real_g + p_synthetic_g)))``.

    Parameters
    ----------
    real, synthetic : CodedTable
        On common codes.
    group : str
    k : int
        Columns besides `group`, 1 to 3.
    definition : {"sdnist", "censyn"}

    Returns
    -------
    MetricResult
        Value: ``500 * (2 - mean of all D)``, in both definitions. Breakdown: ``group_code``,
        ``group_label`` (empty for null and for bins) and ``group_score``.

    Raises
    ------
    IncomputableMetricError
        If the group column is unknown, there are not enough other columns, or a table has more
        than 2^63 cells.
    """
    (place,) = real.positions([group])
    others = [column for column in range(len(real.columns)) if column != place]
    tables = np.array(others, np.int32)[all_combinations(len(others), k)]
    tables = np.concatenate((np.full((len(tables), 1), place, np.int32), tables), axis=1)
    layout = lay_out(real.n_codes, tables, n_rows=max(real.n_rows, synthetic.n_rows))
    a, b = count_marginals(real, layout), count_marginals(synthetic, layout)
    p_real, p_synthetic = (_group_shares(table, place) for table in (real, synthetic))
    differences = np.array([_by_group(a, b, number) for number in range(layout.n_tables)])
    with np.errstate(invalid="ignore", divide="ignore"):
        if definition == "sdnist":
            lost = np.minimum(differences, p_real) / p_real
            scores = 1000.0 * (1.0 - lost.mean(axis=0))
        else:
            relative = 2.0 * differences / (p_real + p_synthetic)
            scores = 500.0 * (2.0 - relative.mean(axis=0))
    column = real.columns[place]
    labels = [*column.labels, *[""] * (column.n_codes - len(column.labels))]
    return MetricResult(
        metric="kmarginal_by_group",
        value=score(absolute_differences(a, b)),
        expected=None,
        direction="higher",
        breakdown={
            "group_code": np.arange(column.n_codes),
            "group_label": np.array(labels, object),
            "group_score": scores,
        },
    )


def _group_shares(table: CodedTable, place: int) -> Array:
    weight = None if table.weight is None else table.weight.astype(np.float64)
    counts = np.bincount(table.codes[place], weight, minlength=table.columns[place].n_codes)
    return counts / table.total


def _by_group(a: MarginalCounts, b: MarginalCounts, number: int) -> Array:
    """Sum the absolute differences of one table over everything but its first column."""
    shape = a.layout.shape(number)
    if a.layout.is_dense[number]:
        gap = np.abs(a.table(number) / a.total - b.table(number) / b.total)
        return gap.reshape(shape[0], -1).sum(axis=1)
    cells, shares = matched_shares(a, b, number)
    group = cells // int(np.prod(shape[1:], dtype=np.int64))
    return np.bincount(group, np.abs(shares[0] - shares[1]), minlength=shape[0])
