"""k-marginal scores by the levels of one column, as a group of figures."""

from __future__ import annotations

import numpy as np

from gpusynth.evaluate.baselines import bootstrap_rows
from gpusynth.evaluate.coded import CommonCodes
from gpusynth.evaluate.figures import Figure, FigureGroup
from gpusynth.evaluate.summaries.columns import band
from gpusynth.evaluate.suppression import safe_labels
from gpusynth.evaluate.utility.kmarginal_groups import kmarginal_by_group
from gpusynth.table.schema import Schema

__all__ = ["group_scores"]

_FEW_COLUMNS = 30
"""Up to so many columns all pairs beside the group are tabled, as SDNist does; else single ones."""


def group_scores(
    codes: CommonCodes, schema: Schema, group: str, *, minimum_cell: int
) -> FigureGroup:
    """Score each level of a column, the worst against its baseline first.

    Parameters
    ----------
    codes : CommonCodes
    schema : Schema
        For the kind of the column and the meaning of its levels.
    group : str
    minimum_cell : int
        Levels with fewer real rows are left out.

    Returns
    -------
    FigureGroup

    Raises
    ------
    IncomputableMetricError
        If there are no other columns, or a table is too large.
    """
    k = 2 if len(codes.real.columns) <= _FEW_COLUMNS else 1
    found = [kmarginal_by_group(codes.real, one, group, k) for one in codes.synthetic]
    rows = bootstrap_rows(codes.real.n_rows, codes.synthetic[0].n_rows, seed=0)
    resample = kmarginal_by_group(codes.real, codes.real.take(rows), group, k)
    (place,) = codes.real.positions([group])
    column = codes.real.columns[place]
    counts = np.bincount(codes.real.codes[place], minlength=column.n_codes)
    labels = safe_labels(column, schema[group].kind)
    figures = []
    for code in np.flatnonzero(counts >= max(minimum_cell, 1)):
        values = [float(one.breakdown["group_score"][code]) for one in found]
        figures.append(
            Figure(
                name=labels[code],
                text=labels[code],
                value=band(values),
                expected=float(resample.breakdown["group_score"][code]),
                expected_text="resample",
                direction="higher",
                note=schema[group].labels.get(labels[code], ""),
            )
        )
    figures.sort(key=lambda one: (one.value.mean if one.value else 0.0) - (one.expected or 0.0))
    tables = "pairs of other columns" if k == 2 else "other columns"
    return FigureGroup(
        name=f"group:{group}",
        title=f"Scores by {group}",
        reading=(
            f"k-marginal score within each level, over all {tables}; 1,000 is equal. Levels with "
            f"fewer than {minimum_cell} real rows are left out."
        ),
        figures=tuple(figures),
    )
