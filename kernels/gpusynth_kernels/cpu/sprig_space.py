"""Arrays that sprigs are grown in: made once for all twigs of a block."""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.compile import jit
from gpusynth_kernels.cpu.bare import bare
from gpusynth_kernels.cpu.rowsets import MOST_ROWS
from gpusynth_kernels.cpu.tables import UNORDERED

__all__ = ["bare_space", "make_sprig_space"]


@jit
def make_sprig_space(lanes: Any, marks: Any, wide_tables: Any, n_rows: Any, min_leaf: Any) -> Any:
    """Return the arrays that sprigs are grown in, for twigs that are not larger in any respect.

    Each node keeps its candidates behind its parent's. A node has at least twice `min_leaf` rows
    and `min_leaf` fewer than its parent, hence so many of them.
    """
    n_lists = 0
    n_loose = 0
    n_codes = 0
    for q in range(wide_tables[0].shape[0]):
        n_lists += wide_tables[2][q] != UNORDERED
        if wide_tables[2][q] == UNORDERED:
            n_loose += 1
            n_codes = max(n_codes, wide_tables[1][q])
    deep = MOST_ROWS // min_leaf + 2
    n_lanes = MOST_ROWS * (lanes[0].shape[0] + marks[0].shape[0] + n_lists)
    n_levels = MOST_ROWS * (marks[0].shape[0] + n_loose)
    own = MOST_ROWS if n_levels > 0 else 0
    return (
        np.empty(deep * (n_lanes + 8) + MOST_ROWS, np.uint64),
        np.empty(deep * (n_lanes + 8) + MOST_ROWS, np.int64),
        np.empty(deep * (n_levels + 8), np.uint64),
        np.empty(deep * (n_levels + 8), np.int64),
        (
            np.empty(MOST_ROWS, np.uint64),
            np.empty(n_rows if wide_tables[0].shape[0] > 0 else 0, np.uint8),
            np.full(n_codes, -1, np.int32),
            np.empty(MOST_ROWS, np.uint64),
        ),
        (
            np.empty(MOST_ROWS, np.uint64),
            np.empty(MOST_ROWS, np.uint64),
            np.empty(MOST_ROWS, np.int64),
        ),
        (np.empty((5, 2 * MOST_ROWS), np.int64), np.empty(2 * MOST_ROWS, np.uint64)),
        (
            np.empty(n_levels + 8, np.float64),
            np.empty((2, n_levels), np.int64),
            np.empty(n_levels, np.float64),
        ),
        (
            np.empty((own, own), np.int64),
            np.arange(own),
            np.empty((own, own), np.float64),
            np.empty((own, own), np.float64),
            np.empty(own, np.float64),
            np.empty(own, np.float64),
            np.empty(own, np.float64),
        ),
    )


@jit
def bare_space(space: Any) -> Any:
    """Return views of the arrays of `make_sprig_space`; see `bare.bare`."""
    a, b, c, d, e = space[4:]
    return (
        *(bare(space[0]), bare(space[1]), bare(space[2]), bare(space[3])),
        (bare(a[0]), bare(a[1]), bare(a[2]), bare(a[3])),
        (bare(b[0]), bare(b[1]), bare(b[2])),
        (bare(c[0]), bare(c[1])),
        (bare(d[0]), bare(d[1]), bare(d[2])),
        (
            *(bare(e[0]), bare(e[1]), bare(e[2]), bare(e[3])),
            *(bare(e[4]), bare(e[5]), bare(e[6])),
        ),
    )
