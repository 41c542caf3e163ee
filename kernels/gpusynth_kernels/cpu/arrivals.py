"""Part rows that have arrived in a leaf from those that are under way.

With AVX-512 sixteen at a time: one instruction moves the chosen lanes of a vector to its front.
What is stored behind them is zeros, which the next overwrite.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]  # Numba brings it
from numba.core import cgutils, types
from numba.extending import intrinsic

from gpusynth_kernels.compile import jit
from gpusynth_kernels.cpu.bare import bare
from gpusynth_kernels.cpu.vectors import CAN_COMPRESS, all_lanes, call, truths

__all__ = ["SPARE", "part_arrived"]

SPARE = 16
"""Entries that lists of rows must have beyond their last."""

_WIDTH = 16
_INT = ir.IntType(32)
_LONG = ir.IntType(64)
_INTS = ir.VectorType(_INT, _WIDTH)
_LONGS = ir.VectorType(_LONG, _WIDTH)
_CHILD = np.uint64(0xFFFFFFFF)


def _append(builder: Any, entries: Any, chosen: Any, array: Any, count: Any) -> None:
    """Store the chosen lanes one after the other, and zeros behind them."""
    none = ir.Constant(_INTS, [0] * _WIDTH)
    front = call(builder, "llvm.experimental.vector.compress.v16i32", _INTS, entries, chosen, none)
    place = builder.bitcast(builder.gep(array, [count]), _INTS.as_pointer())
    builder.store(front, place, align=4)


def _children(builder: Any, nodes: Any, slots: Any, is_there: Any) -> Any:
    """Load the left child of each node: the first half of its meta word."""
    eights = ir.Constant(_LONGS, [3] * _WIDTH)
    begin = all_lanes(builder, _LONGS, builder.ptrtoint(nodes, _LONG))
    places = builder.add(begin, builder.shl(builder.zext(slots, _LONGS), eights))
    places = builder.inttoptr(places, ir.VectorType(_INT.as_pointer(), _WIDTH))
    none = ir.Constant(_INTS, [0] * _WIDTH)
    name = "llvm.masked.gather.v16i32.v16p0"
    return call(builder, name, _INTS, places, _INT(4), is_there, none)


def _generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
    nodes, rows, slots, arrived_rows, arrived_slots = (
        context.make_array(signature.args[at])(context, builder, arguments[at]).data
        for at in (0, 1, 2, 4, 5)
    )
    n, n_arrived = arguments[3], arguments[6]
    counts = [cgutils.alloca_once_value(builder, value) for value in (_LONG(0), n_arrived)]
    numbers = ir.Constant(_INTS, list(range(_WIDTH)))
    n_blocks = builder.lshr(builder.add(n, _LONG(_WIDTH - 1)), _LONG(4))
    with cgutils.for_range(builder, n_blocks) as loop:
        start = builder.shl(loop.index, _LONG(4))
        row, slot = (
            builder.load(builder.bitcast(builder.gep(array, [start]), _INTS.as_pointer()), align=4)
            for array in (rows, slots)
        )
        left = all_lanes(builder, _INTS, builder.trunc(builder.sub(n, start), _INT))
        is_there = builder.icmp_unsigned("<", numbers, left)
        child = _children(builder, nodes, slot, is_there)
        lists = ((rows, slots), (arrived_rows, arrived_slots))
        for test, (to_rows, to_slots), count in zip(("!=", "=="), lists, counts, strict=True):
            chosen = builder.and_(builder.icmp_unsigned(test, slot, child), is_there)
            so_far = builder.load(count)
            _append(builder, row, chosen, to_rows, so_far)
            _append(builder, slot, chosen, to_slots, so_far)
            more = call(builder, "llvm.ctpop.i16", ir.IntType(16), truths(builder, chosen))
            builder.store(builder.add(so_far, builder.zext(more, _LONG)), count)
    return context.make_tuple(
        builder, signature.return_type, [builder.load(count) for count in counts]
    )


@intrinsic
def _part(
    _context: Any,
    nodes: Any,
    rows: Any,
    slots: Any,
    n: Any,
    arrived_rows: Any,
    arrived_slots: Any,
    n_arrived: Any,
) -> Any:
    whole = types.int64
    arrived = arrived_rows, arrived_slots, whole
    return types.UniTuple(whole, 2)(nodes, rows, slots, whole, *arrived), _generate


@jit
def part_arrived(
    nodes: Any,
    rows: Any,
    slots: Any,
    n: Any,
    arrived_rows: Any,
    arrived_slots: Any,
    n_arrived: Any,
) -> Any:
    """Append rows that are in a leaf to one list, and keep the others in theirs.

    Lists have `SPARE` entries beyond their last.

    Parameters
    ----------
    nodes : array of uint64
        See `gpusynth_kernels.cpu.lay_out`.
    rows, slots : arrays of uint32, changed
        Rows of a block, and where each is. Those that are under way come to the front.
    n : int
        Rows in the list.
    arrived_rows, arrived_slots : arrays of uint32, changed
    n_arrived : int
        Entries that are in those already.

    Returns
    -------
    n_left, n_arrived : int
        Rows that are under way, and entries in the list of those that have arrived.
    """
    return _part(nodes, rows, slots, n, arrived_rows, arrived_slots, n_arrived)


@jit
def _part_one_by_one(
    nodes: Any,
    rows: Any,
    slots: Any,
    n: Any,
    arrived_rows: Any,
    arrived_slots: Any,
    n_arrived: Any,
) -> Any:
    """As `part_arrived`, for processors whose vectors cannot do it."""
    nodes, rows, slots = bare(nodes), bare(rows), bare(slots)
    arrived_rows, arrived_slots = bare(arrived_rows), bare(arrived_slots)
    n_left, n_there = np.uint64(0), np.uint64(n_arrived)
    for i in range(np.uint64(n)):
        row, slot = rows[i], slots[i]
        moves = np.uint64(nodes[np.uint64(slot)] & _CHILD != np.uint64(slot))
        arrived_rows[n_there], arrived_slots[n_there] = row, slot
        rows[n_left], slots[n_left] = row, slot
        n_there += np.uint64(1) - moves
        n_left += moves
    return np.int64(n_left), np.int64(n_there)


if not CAN_COMPRESS:
    part_arrived = _part_one_by_one
