"""Work arrays of the blocks that search splits on a CUDA device, and the blocks themselves."""

from __future__ import annotations

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import DeviceMemoryError
from gpusynth.trees.device_groups import planes_of
from gpusynth_kernels.cpu.kinds import NUMBERS
from gpusynth_kernels.cuda import launch
from gpusynth_kernels.cuda.choose import MOST_SEARCHED, small_rows
from gpusynth_kernels.cuda.class_cuts import MANY_CLASSES, TILE_ROW
from gpusynth_kernels.cuda.cuts import MOST_THREADS
from gpusynth_kernels.cuda.search_cuts import MOST_CUT_CLASSES

__all__ = [
    "count_blocks",
    "grid_of",
    "launch_of_tables",
    "make_work",
    "require",
    "search_threads",
    "suits_threads",
]

_SHARE_OF_WORK = 0.25
"""Share of the free bytes that work arrays may take."""

_SHORT_TABLE = 256
"""Cells of a table that one thread reads in 0.1 ms, as a table of 32 codes and 8 classes."""

_MANY_TASKS = 16_384
"""Nodes and columns with a thread each that keep a device busy."""

_WARP = 32

_FEW_CLASSES = 8
"""With more the covariance of the classes is more work than the levels are."""


def count_blocks() -> int:
    """Return how many blocks keep the device busy: eight for each multiprocessor."""
    return 2 if launch.SIMULATED else 8 * launch.multiprocessors()


def _search_blocks() -> int:
    """Return how many blocks search at a time: as many of one warp as their registers allow."""
    return 2 * count_blocks()


def search_threads(n_candidates: int, *, classes: int, has_order: bool) -> int:
    """Return the threads of a block that searches a column: a power of two, as many as have work.

    Parameters
    ----------
    n_candidates : int
        Codes of the column, or rows of the node.
    classes : int
        That a node may have: their covariance is worked out by all threads.
    has_order : bool
        Whether levels are put in order first.
    """
    if has_order and classes > _FEW_CLASSES:
        return MOST_THREADS
    threads = _WARP
    while threads < MOST_THREADS and 2 * threads < n_candidates:
        threads *= 2
    return threads


def suits_threads(planes: int, width: int, *, n_tasks: int) -> bool:
    """Return whether single threads search tables of columns that need no order.

    Parameters
    ----------
    planes, width : int
        At most, of the tables: a thread goes through them cell by cell.
    n_tasks : int
        Nodes times columns.
    """
    if planes > MOST_CUT_CLASSES:
        return False
    return planes * width <= _SHORT_TABLE or n_tasks >= _MANY_TASKS


def grid_of(blocks: int, threads: int) -> tuple[int, int]:
    """Return a grid; in the simulator, where each thread is one of Python's, a small one."""
    return (min(blocks, 2), 2) if launch.SIMULATED else (blocks, threads)


def launch_of_tables(
    n_tasks: int, threads: int, *, room: int, classes: int
) -> tuple[int, int, int, int]:
    """Return grid, stream and bytes of shared memory of `search_tables`.

    Parameters
    ----------
    n_tasks : int
        Nodes times columns: where few, each gets more threads, which share out classes.
    threads : int
        Of a block, where tasks are many.
    room : int
        Blocks that work arrays have room for.
    classes : int
        Planes of a node's table, at most.
    """
    if classes <= MANY_CLASSES:
        return (*grid_of(min(n_tasks, room), threads), 0, 0)
    if n_tasks <= count_blocks():
        threads = MOST_THREADS
    blocks, threads = grid_of(min(n_tasks, room), threads)
    return blocks, threads, 0, 4 * TILE_ROW * threads


def require(needed: int, room: int, free_bytes: int) -> None:
    """Check that the memory has room for one node.

    Parameters
    ----------
    needed : int
        Bytes of it.
    room : int
        How many there is room for.
    free_bytes : int

    Raises
    ------
    DeviceMemoryError
    """
    if room < 1:
        raise DeviceMemoryError(
            f"the tree needs {needed:,} bytes of device memory for one node, and has a part of "
            f"{free_bytes:,}: free some memory, or merge classes or codes of wide columns"
        )


def make_work(
    mode: int,
    columns: tuple[Array, Array, Array],
    *,
    n_rows: int,
    classes: int,
    weighted: bool,
    free_bytes: int,
) -> tuple[Array, Array, Array]:
    """Return the work arrays of the blocks that search: as many as the memory has room for.

    Parameters
    ----------
    mode : int
    columns : tuple of arrays of int64, shape (n_columns,)
        Codes, 1 if ordered, width of each column of the fit.
    n_rows : int
        Of the fit.
    classes : int
        Classes that a node may have.
    weighted : bool
    free_bytes : int

    Returns
    -------
    tuple of arrays of int64, float64 and int32 on the device, shape (n_blocks, ...)

    Raises
    ------
    DeviceMemoryError
    """
    n_codes, ordered, width = columns
    small = min(int(np.sqrt(small_rows(classes, int(width.max(initial=1))))) + 1, n_rows)
    hard = (ordered == 0) & (n_codes > MOST_SEARCHED)
    levels = int(n_codes[hard].max(initial=0))
    of_counts, of_amounts = map(int, planes_of(mode, np.int64(classes), weighted=weighted))
    part = (of_counts + of_amounts) * (MOST_THREADS + 1)
    held = min(small, levels)
    ints = max(4 * small + of_amounts * held, 3 * levels) + part
    floats = max(small, levels)
    if hard.any() and mode != NUMBERS and classes > 2:
        floats += levels * (2 * classes + 1) + classes * (classes + 3)
    counts = of_counts * held
    each = 8 * ints + 8 * floats + 4 * counts
    room = int(free_bytes * _SHARE_OF_WORK) // max(each, 1)
    require(each, room, free_bytes)
    blocks = min(room, _search_blocks())
    return (
        launch.empty((blocks, max(ints, 1)), np.int64),
        launch.empty((blocks, max(floats, 1)), np.float64),
        launch.empty((blocks, max(counts, 1)), np.int32),
    )
