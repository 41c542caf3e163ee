"""Leave rows with null out of counted marginals, as group-bys that drop null do."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from gpusynth.arrays import Array
from gpusynth.evaluate.marginals import MarginalCounts

__all__ = ["without_null"]


def without_null(counts: MarginalCounts, has_null: Sequence[bool]) -> MarginalCounts:
    """Return the counts with every cell emptied in which a column is null.

    The total stays: shares remain shares of all rows, as in CenSyn's `MarginalMetric`, so that null
    answers vanish from the comparison.

    Parameters
    ----------
    counts : MarginalCounts
    has_null : sequence of bool
        Per column, whether code 0 is null.
    """
    layout = counts.layout
    dense = counts.dense.copy()
    sparse = dict(counts.sparse)
    nullable = np.array(has_null, bool)[layout.combinations]
    for number in np.flatnonzero(nullable.any(axis=1)):
        shape = layout.shape(int(number))
        if int(number) in sparse:
            cells, amounts = sparse[int(number)]
            kept = ~_is_null(cells, shape, nullable[number])
            sparse[int(number)] = cells[kept], amounts[kept]
            continue
        table = dense[layout.offsets[number] : layout.offsets[number + 1]].reshape(shape)
        for axis in np.flatnonzero(nullable[number]):
            np.moveaxis(table, axis, 0)[0] = 0
    return MarginalCounts(layout, dense, sparse, counts.total)


def _is_null(cells: Array, shape: Sequence[int], nullable: Array) -> Array:
    """Return for each cell number whether one of its nullable coordinates is 0."""
    null = np.zeros(len(cells), bool)
    rest = cells
    for axis in reversed(range(len(shape))):
        if nullable[axis]:
            null |= rest % shape[axis] == 0
        rest = rest // shape[axis]
    return null
