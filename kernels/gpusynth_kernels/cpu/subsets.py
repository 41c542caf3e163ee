"""Wide unordered columns: tables of the levels that a node holds, then the same cut as `cuts`.

A column of more than 64 unordered codes has no lanes: a node's rows are gone through once, and only
the levels that occur get a place in the table. So the cost follows the rows, not the codes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.compile import jit
from gpusynth_kernels.cpu.cuts import best_class_cut, best_number_cut, order_by_key

__all__ = ["subset_split_classes", "subset_split_numbers"]

_ROW = np.uint64(0xFFFFFFFF)
_CLASS = np.uint64(0xFFFF)
_32 = np.uint64(32)


@jit
def _levels_present(codes: Any, order: Any, begin: Any, end: Any, slot: Any, levels: Any) -> Any:
    """List the codes of a node in ascending order; ``slot[code]`` becomes the place in the list.

    `slot` (n_codes,) int32 holds -1 everywhere before, and is put back by `_forget`.
    """
    m = 0
    for i in range(begin, end):
        code = np.int64(codes[np.int64(order[i] & _ROW)])
        if slot[code] < 0:
            slot[code] = 0
            levels[m] = code
            m += 1
    found = levels[:m].astype(np.float64)
    places = np.empty(m, np.int64)
    order_by_key(found, m, places)
    for s in range(m):
        levels[s] = np.int32(found[places[s]])
        slot[levels[s]] = s
    return m


@jit
def _forget(slot: Any, levels: Any, m: Any) -> None:
    for s in range(m):
        slot[levels[s]] = -1


@jit
def _scratch(m: Any, n_classes: Any) -> Any:
    return (
        np.empty(m, np.int64),
        np.empty(m, np.int64),
        np.empty(m, np.float64),
        np.empty(n_classes, np.int64),
        np.empty(n_classes, np.int64),
        np.empty((m, n_classes), np.float64),
        np.empty((n_classes, n_classes), np.float64),
        np.empty(n_classes, np.float64),
        np.empty(n_classes, np.float64),
    )


@jit
def _flags(levels: Any, scratch: Any, n_left: Any, n_codes: Any) -> Any:
    """Return (n_codes,) uint8: 1 for the levels that go left."""
    goes_left = np.zeros(n_codes, np.uint8)
    for s in range(n_left):
        goes_left[levels[scratch[0][scratch[1][s]]]] = 1
    return goes_left


@jit
def subset_split_classes(
    codes: Any,
    order: Any,
    begin: Any,
    end: Any,
    n_classes: Any,
    entropy: Any,
    min_leaf: Any,
    weight: Any,
    table: Any,
    slot: Any,
    levels: Any,
) -> Any:
    """Find the best subset split of one column for a class target.

    Parameters
    ----------
    codes : array of uint16, shape (n,)
    order : array of uint64 entries
        ``order[begin:end]`` ascending by class.
    n_classes : int
        Classes present in the node.
    entropy : int
        1 for entropy, 0 for Gini.
    weight : array of int64, shape (n,) or (0,)
    table : array of int64
        `scalar.entropy.log_table`.
    slot, levels : arrays of int32, shape (n_codes,), work
        `slot` holds -1 everywhere, before and after.

    Returns
    -------
    score : float
        -1 when no split leaves `min_leaf` rows on both sides.
    goes_left : array of uint8, shape (n_codes,)
        1 for the levels of the left group; levels that the node lacks are 0.
    """
    weighted = weight.shape[0] > 0
    m = _levels_present(codes, order, begin, end, slot, levels)
    by_class = np.zeros((n_classes, m), np.int64)
    rows = np.zeros(m, np.int64)
    run = -1
    previous = np.uint64(0)
    for i in range(begin, end):
        cls = (order[i] >> _32) & _CLASS
        if run < 0 or cls != previous:
            run += 1
            previous = cls
        row = np.int64(order[i] & _ROW)
        s = slot[np.int64(codes[row])]
        rows[s] += 1
        by_class[run, s] += weight[row] if weighted else np.int64(1)
    _forget(slot, levels, m)
    scratch = _scratch(m, n_classes)
    score, _, n_left = best_class_cut(
        rows,
        by_class,
        0,
        np.int64(m),
        n_classes,
        0,
        entropy,
        weighted,
        end - begin,
        min_leaf,
        table,
        scratch,
        -1.0,
    )
    return score, _flags(levels, scratch, n_left, slot.shape[0])


@jit
def subset_split_numbers(
    codes: Any,
    order: Any,
    begin: Any,
    end: Any,
    min_leaf: Any,
    numbers: Any,
    weight: Any,
    slot: Any,
    levels: Any,
) -> Any:
    """Find the best subset split of one column for a number target.

    As `subset_split_classes`, with `numbers` and `weight` as in `lanes.best_number_lane`.
    """
    weighted = weight.shape[0] > 0
    m = _levels_present(codes, order, begin, end, slot, levels)
    by_class = np.zeros((2, m), np.int64)
    rows = np.zeros(m, np.int64)
    for i in range(begin, end):
        row = np.int64(order[i] & _ROW)
        s = slot[np.int64(codes[row])]
        rows[s] += 1
        by_class[0, s] += numbers[row]
        by_class[1, s] += weight[row] if weighted else np.int64(1)
    _forget(slot, levels, m)
    scratch = _scratch(m, 1)
    score, _, n_left = best_number_cut(
        rows, by_class, 0, np.int64(m), 0, end - begin, min_leaf, scratch
    )
    return score, _flags(levels, scratch, n_left, slot.shape[0])
