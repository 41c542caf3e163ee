"""Tallies: counts at the nodes of a tree that rows are drawn from on a CUDA device.

What they mean, and how the host draws from them, is `gpusynth.methods.released`'s.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from gpusynth.arrays import Array
from gpusynth.backends import upload, with_room
from gpusynth.trees.draw_device import DeviceDraw, leaves_on_device

if TYPE_CHECKING:
    from gpusynth.streams import StreamKey
    from gpusynth.trees.draw_table import DrawTable
    from gpusynth.trees.tree import Tree

__all__ = ["Bins", "Tallies", "draw_tallies_on_device"]

_EVERY = np.zeros(0, np.int64)


@dataclass(frozen=True, slots=True)
class Bins:
    """Where the numbers of codes lie.

    Attributes
    ----------
    lows : array of float64 or int64, shape (n_codes - n_special,)
    factors : array of float64, shape (n_codes - n_special,)
        Widths; in steps, where there are any.
    n_special : int
        Codes below it are states, which have no number.
    step : float
        Between numbers; 0 for none.
    scale : float
        Ten to the power of the decimals; 0 where numbers are not rounded.
    """

    lows: Array
    factors: Array
    n_special: int
    step: float
    scale: float


@dataclass(frozen=True, slots=True)
class Tallies:
    """Counts of ranges of codes at the nodes of a tree.

    The arrays do not change while they live: their copies are kept on the device.

    Attributes
    ----------
    node_of_leaf : array of int64, shape (n_leaves,)
    offsets : array of int64, shape (n_nodes + 1,)
        Where the ranges of a node begin.
    up : array of int64, shape (n_nodes,)
        Count that the parent decides; 0 at the root, which has counts.
    parent : array of int64, shape (n_nodes,)
    running : array of int64, shape (n_ranges + 1,)
        Running sums of the counts, from 0.
    firsts, lasts : arrays of uint16, shape (n_ranges,)
        Codes of a range.
    marginal : array of int64, shape (n_codes + 1,)
        Running sums of the counts of codes in all rows, from 0.
    bins : Bins or None
        For numbers.
    """

    node_of_leaf: Array
    offsets: Array
    up: Array
    parent: Array
    running: Array
    firsts: Array
    lasts: Array
    marginal: Array
    bins: Bins | None = None


def draw_tallies_on_device(
    tree: Tree,
    tallies: Tallies,
    table: DrawTable,
    key: StreamKey,
    first_row: int,
    *,
    dtype: Any,
    ordinary: tuple[DeviceDraw, int] | None = None,
) -> DeviceDraw:
    """Draw a code, and a number where there are bins, for each row.

    Parameters
    ----------
    tree : Tree
    tallies : Tallies
    table : DrawTable
    key : StreamKey
    first_row : int
        Counter of the table's row 0.
    dtype : dtype
        Of the codes: uint8 or uint16.
    ordinary : tuple of (DeviceDraw, int), optional
        What was drawn of the same rows before, and the code from which on they are drawn now: the
        others keep it. All are drawn by default.

    Returns
    -------
    DeviceDraw

    Raises
    ------
    DeviceMemoryError
    """
    numbers = np.uint64(key.seed), np.uint64(key.stream), np.uint64(first_row)

    def draw() -> DeviceDraw:
        from gpusynth_kernels.cuda import launch
        from gpusynth_kernels.cuda.tallies import draw_codes

        if ordinary is None:
            places, n = upload(_EVERY), table.n_rows
            codes = launch.empty(table.n_rows, dtype)
        else:
            # What is drawn is no state either, so that doing it again draws the same rows.
            codes = ordinary[0].codes
            places = launch.places_where(codes >= ordinary[1])
            n = int(places.shape[0])
        leaf = leaves_on_device(tree, table, places, n)
        draw_codes.over(n, leaf, places, *_parts(tallies), numbers, codes)
        return DeviceDraw(codes, _numbers(tallies.bins, codes, places, n, numbers))

    return with_room(draw, "a draw", table.n_rows * (12 + np.dtype(dtype).itemsize))


def _parts(tallies: Tallies) -> tuple[tuple[Array, ...], tuple[Array, ...]]:
    """Return what the kernel reads, on the device."""
    nodes = tallies.node_of_leaf, tallies.offsets, tallies.up, tallies.parent
    ranges = tallies.running, tallies.firsts, tallies.lasts, tallies.marginal
    return (
        tuple([upload(part, keep=True) for part in nodes]),
        tuple([upload(part, keep=True) for part in ranges]),
    )


def _numbers(
    bins: Bins | None, codes: Array, places: Array, n: int, numbers: tuple[np.uint64, ...]
) -> Array | None:
    """Return the numbers of codes that were drawn, 0 in all other rows."""
    from gpusynth_kernels.cuda import launch
    from gpusynth_kernels.cuda.tallies import draw_numbers, draw_whole_numbers

    if bins is None:
        return None
    out = launch.zeros(codes.shape[0], bins.lows.dtype)
    parts = upload(bins.lows, keep=True), upload(bins.factors, keep=True)
    given = codes, places, parts, bins.n_special, float(bins.step)
    if bins.lows.dtype == np.int64:
        draw_whole_numbers.over(n, *given, numbers, out)
    else:
        draw_numbers.over(n, *given, float(bins.scale), numbers, out)
    return out
