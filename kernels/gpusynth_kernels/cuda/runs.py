"""Runs of equal classes (or numbers) within nodes: what a node is made of, and its score.

Entries lie in order of (node, class, row), so the rows of a class of a node are one run. Runs are
numbered through the whole list: a node has the runs ``first_run ... first_run + n_runs - 1``, in
ascending order of class. Nothing here is as large as nodes times classes.
"""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth_kernels.cpu.kinds import CLASSES_BY_GINI, NUMBERS, WEIGHTED_CLASSES
from gpusynth_kernels.cuda.launch import cuda, device, kernel

__all__ = ["class_of", "describe_nodes", "mark_runs", "place_runs", "row_of", "weights_in_order"]

_ROW = np.uint64(0xFFFFFFFF)
_CLASS = np.uint64(0xFFFF)
_32 = np.uint64(32)


@device
def row_of(entry: Any) -> Any:
    """Return the row of an entry, int64."""
    return np.int64(entry & _ROW)


@device
def class_of(entry: Any) -> Any:
    """Return the class of an entry, int64."""
    return np.int64((entry >> _32) & _CLASS)


@device
def _number(row: Any, numbers: Any, weight: Any) -> Any:
    return numbers[row] // weight[row] if weight.shape[0] > 0 else numbers[row]


@kernel
def mark_runs(
    mode: Any, order: Any, numbers: Any, weight: Any, slot: Any, begins: Any, flags: Any
) -> None:
    """Set ``flags[i]`` to 1 where a run begins: one thread an entry.

    Parameters
    ----------
    order : array of uint64 entries, shape (n,)
    numbers, weight : arrays of int64
        As in `gpusynth.trees.fit.Fit`.
    slot : array of int32, shape (n,)
        Number of the entry's node among those of the level; -1 for rows of finished leaves.
    begins : array of int64, shape (n_nodes,)
    flags : array of uint8, shape (n,), changed
    """
    for i in range(cuda.grid(1), order.shape[0], cuda.gridsize(1)):
        node = slot[i]
        begins_here = False
        if node >= 0:
            if begins[node] == i:
                begins_here = True
            elif mode == NUMBERS:
                here = _number(row_of(order[i]), numbers, weight)
                begins_here = here != _number(row_of(order[i - 1]), numbers, weight)
            else:
                begins_here = class_of(order[i]) != class_of(order[i - 1])
        flags[i] = 1 if begins_here else 0


@kernel
def place_runs(order: Any, flags: Any, run_of: Any, starts: Any, classes: Any) -> None:
    """Set ``starts`` (int64) and ``classes`` (int32) of each run.

    ``run_of`` (int32) is the running sum of `flags`.
    """
    for i in range(cuda.grid(1), flags.shape[0], cuda.gridsize(1)):
        if flags[i] != 0:
            starts[np.int64(run_of[i]) - 1] = i
            classes[np.int64(run_of[i]) - 1] = class_of(order[i])


@kernel
def weights_in_order(order: Any, weight: Any, out: Any) -> None:
    """Set ``out`` (n,) int64 to the weights of the entries' rows."""
    for i in range(cuda.grid(1), order.shape[0], cuda.gridsize(1)):
        out[i] = weight[row_of(order[i])]


@kernel
def describe_nodes(
    mode: Any,
    begins: Any,
    ends: Any,
    run_of: Any,
    starts: Any,
    running_weight: Any,
    first_run: Any,
    n_runs: Any,
    score: Any,
) -> None:
    """Find the runs and the score of each unsplit node; see `cpu.node.node_score`.

    Parameters
    ----------
    begins, ends : arrays of int64, shape (n_nodes,)
    run_of : array of int32, shape (n,)
    starts : array of int64
    running_weight : array of int64, shape (n,), or (0,)
        Running sums of the weights in the order of the entries, with weighted classes.
    first_run, n_runs : arrays of int64, shape (n_nodes,), changed
        One run only: a pure node.
    score : array of float64, shape (n_nodes,), changed
    """
    for node in range(cuda.grid(1), begins.shape[0], cuda.gridsize(1)):
        begin, end = begins[node], ends[node]
        first = np.int64(run_of[begin]) - 1
        count = np.int64(run_of[end - 1]) - first
        first_run[node] = first
        n_runs[node] = count
        score[node] = 0.0
        if mode in (CLASSES_BY_GINI, WEIGHTED_CLASSES):
            exact = np.int64(0)
            squares = 0.0
            total = np.int64(0)
            for r in range(count):
                start = starts[first + r]
                stop = starts[first + r + 1] if r + 1 < count else end
                size = stop - start
                if mode == WEIGHTED_CLASSES:
                    before = running_weight[start - 1] if start > 0 else np.int64(0)
                    size = running_weight[stop - 1] - before
                    squares += np.float64(size) * np.float64(size)
                else:
                    exact += size * size
                total += size
            if mode == WEIGHTED_CLASSES:
                score[node] = squares / np.float64(total)
            else:
                score[node] = np.float64(exact) / np.float64(total)
