"""Plain NumPy definitions of the kernels in `cpu/counts.py`: what they mean, not how fast."""

from __future__ import annotations

from typing import Any

import numpy as np

__all__ = ["count_cells", "count_pairs", "sum_absolute_differences"]


def count_cells(
    codes: Any, combinations: Any, n_codes: Any, weight: Any, begins: Any, out: Any
) -> None:
    """Add the rows of a block to the k-way tables of the given combinations of columns."""
    amount = weight if weight.size else np.ones(codes.shape[1], np.int64)
    for table, columns in enumerate(combinations):
        shape = tuple(int(n_codes[column]) for column in columns)
        cells = np.ravel_multi_index([codes[column] for column in columns], shape)
        np.add.at(out, begins[table] + cells, amount)


def count_pairs(
    packed: Any,
    pairs: Any,
    sizes: Any,
    member_offsets: Any,
    members: Any,
    strides: Any,
    n_codes: Any,
    weight: Any,
    base: Any,
    out: Any,
) -> None:
    """Unpack the members of each packed column and count every pair of columns by itself."""
    amount = weight if weight.size else np.ones(packed.shape[1], np.int64)

    def member_codes(a: int) -> dict[int, Any]:
        columns = members[member_offsets[a] : member_offsets[a + 1]]
        whole = packed[a].astype(np.int64)
        return {int(c): whole // strides[c] % n_codes[c] for c in columns}

    for a, b in pairs:
        left, right = member_codes(a), member_codes(b)
        for x in left:
            for y in right:
                if a == b and x >= y:
                    continue
                low, high = min(x, y), max(x, y)
                codes = {**left, **right}
                cells = codes[low] * n_codes[high] + codes[high]
                np.add.at(out, base[low, high] + cells, amount)


def sum_absolute_differences(
    first: Any, second: Any, offsets: Any, first_total: Any, second_total: Any, out: Any
) -> None:
    """Sum |share in first - share in second| over the cells of each table."""
    for table in range(len(offsets) - 1):
        cells = slice(offsets[table], offsets[table + 1])
        out[table] = np.abs(first[cells] / first_total - second[cells] / second_total).sum()
