"""Pack columns with few codes several to one, so that one increment counts many pairs of them."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

from gpusynth.arrays import Array
from gpusynth.evaluate.coded import CodedTable

__all__ = ["Packing", "pack_columns", "packed_codes"]


@dataclass(frozen=True, slots=True)
class Packing:
    """Columns in mixed radix: the arguments of the kernel `count_pairs` that do not hold rows.

    Attributes
    ----------
    sizes : array of int64, shape (n_packed,)
        Codes of each packed column.
    member_offsets : array of int64, shape (n_packed + 1,)
    members : array of int32
        Column positions, packed column by packed column.
    strides : array of int64, shape (n_columns,)
        ``code = packed_code // stride % n_codes``; 0 for columns that are not packed.
    pairs : array of int32, shape (n_pairs, 2)
        All pairs of packed columns, each with itself too.
    """

    sizes: Array
    member_offsets: Array
    members: Array
    strides: Array
    pairs: Array


def pack_columns(n_codes: Array, columns: Array, most_codes: int) -> Packing:
    """Pack columns so that no packed column has more than `most_codes` codes.

    First fit by decreasing number of codes, the usual heuristic for bin packing (at most 22 % more
    bins than the best when sizes add; here their logarithms do).

    Parameters
    ----------
    n_codes : array of int64, shape (n_all_columns,)
    columns : array of int
        The columns to pack; each has at most `most_codes` codes.
    most_codes : int
    """
    groups: list[list[int]] = []
    sizes: list[int] = []
    strides = np.zeros(len(n_codes), np.int64)
    for column in sorted((int(c) for c in columns), key=lambda c: (-int(n_codes[c]), c)):
        codes = int(n_codes[column])
        place = next((g for g, size in enumerate(sizes) if size * codes <= most_codes), None)
        if place is None:
            place = len(groups)
            groups.append([])
            sizes.append(1)
        groups[place].append(column)
        strides[column] = sizes[place]
        sizes[place] *= codes
    first, second = np.triu_indices(len(groups))
    return Packing(
        sizes=np.array(sizes, np.int64),
        member_offsets=np.cumsum([0, *map(len, groups)], dtype=np.int64),
        members=np.array([column for group in groups for column in group], np.int32),
        strides=strides,
        pairs=np.stack((first, second), axis=1).astype(np.int32),
    )


def packed_codes(table: CodedTable, packing: Packing) -> Array:
    """Return the packed codes of a table, uint16, shape (n_packed, n_rows)."""
    packed = np.zeros((len(packing.sizes), table.n_rows), np.uint16)
    for group in range(len(packing.sizes)):
        first, last = packing.member_offsets[group], packing.member_offsets[group + 1]
        for column in packing.members[first:last]:
            stride = np.uint16(packing.strides[column])
            packed[group] += table.codes[column].astype(np.uint16) * stride
    return packed
