"""Sets of at most 64 rows as the bits of a word, eight sets at a time.

A candidate split of a small node is the set of the rows that go right, a code the set of the rows
that hold it. Then a node is a set as well, what it has of a candidate an intersection, and a count
the number of bits. Written in the compiler's own language, as `vertical`, and for the same reason.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]  # Numba brings it
from numba.core import cgutils, types
from numba.extending import intrinsic

from gpusynth_kernels.compile import jit
from gpusynth_kernels.cpu.vectors import (
    CAN_COMPRESS,
    all_lanes,
    call,
    load_eight,
    store_eight,
    truths,
)

__all__ = ["MOST_ROWS", "first_of", "keep_sets", "keep_sets_singly", "size_of", "turn_words"]

MOST_ROWS = 64
"""A set is a word."""

_SIZE = 8
_ALL = (1 << 64) - 1
_BIT = ir.IntType(1)
_INT = ir.IntType(32)
_LONG = ir.IntType(64)
_LONGS = ir.VectorType(_LONG, _SIZE)
_BITS = ir.VectorType(_BIT, _SIZE)


@intrinsic
def size_of(_context: Any, rows: Any) -> Any:
    """Return how many rows a set has."""

    def generate(_: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.ctpop(arguments[0])

    return types.int64(types.uint64), generate


@intrinsic
def first_of(_context: Any, rows: Any) -> Any:
    """Return the lowest row of a set, which must not be empty."""

    def generate(_: Any, builder: Any, _signature: Any, arguments: Any) -> Any:
        return builder.cttz(arguments[0], ir.Constant(_BIT, 1))

    return types.int64(types.uint64), generate


def _constant(values: list[int]) -> Any:
    return ir.Constant(_LONGS, values)


def _take(builder: Any, own: Any, other: Any, bit: int, is_high: list[int]) -> Any:
    """Exchange a bit of the places of words with a bit of the places within them, for eight words.

    A word whose place lacks its bit keeps the half whose places within lack bit `bit`, and gets the
    other half from the word whose place differs by its bit; one whose place has it the other way
    round.
    """
    clear = sum(1 << place for place in range(64) if not place >> bit & 1)
    kept = _constant([clear ^ _ALL if high else clear for high in is_high])
    lost = _constant([clear if high else clear ^ _ALL for high in is_high])
    by = _constant([64 - (1 << bit) if high else 1 << bit for high in is_high])
    moved = call(builder, "llvm.fshl.v8i64", _LONGS, other, other, by)
    return builder.or_(builder.and_(own, kept), builder.and_(moved, lost))


@intrinsic
def _turn(_context: Any, words: Any, out: Any, to: Any) -> Any:
    """See `turn_words`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        words, out = (
            context.make_array(signature.args[at])(context, builder, arguments[at]).data
            for at in (0, 1)
        )
        places = [ir.Constant(_LONG, _SIZE * v) for v in range(_SIZE)]
        rows = [load_eight(builder, words, place) for place in places]
        for bit in range(3):  # of the number of the vector
            rows = [
                _take(builder, rows[v], rows[v ^ 1 << bit], bit, [v >> bit & 1] * _SIZE)
                for v in range(_SIZE)
            ]
        for bit in range(3):  # of the place in the vector
            swapped = [lane ^ 1 << bit for lane in range(_SIZE)]
            swapped = ir.Constant(ir.VectorType(_INT, _SIZE), swapped)
            is_high = [lane >> bit & 1 for lane in range(_SIZE)]
            rows = [
                _take(builder, row, builder.shuffle_vector(row, row, swapped), bit + 3, is_high)
                for row in rows
            ]
        for place, row in zip(places, rows, strict=True):
            store_eight(builder, row, out, builder.add(arguments[2], place))
        return context.get_dummy_value()

    return types.void(words, out, types.int64), generate


@jit
def turn_words(
    records: Any, word: Any, order: Any, begin: Any, end: Any, spare: Any, out: Any, to: Any
) -> None:
    """Set ``out[to + lane]`` to the set of rows that have a lane (see `lanes`): bit i, i-th row.

    Bits of rows that are not there are left over from before.

    Parameters
    ----------
    records : array of uint64, shape (n, n_words)
    word : int
    order : array of uint64 entries
    begin, end : int
        ``order[begin:end]`` are the rows, at most `MOST_ROWS`.
    spare : array of uint64, shape (64,), work
    out : array of uint64, changed
    to : int

    References
    ----------
    .. [1] Warren, H. S. (2013). Hacker's Delight, 2nd ed., section 7-3: a matrix of bits is turned
           by exchanging bits of the row's number with bits of the column's.
    """
    here = order[begin:end]
    w = np.uint64(word)
    for i in range(np.uint64(end - begin)):
        # Lane j is bit 8 (j % 8) + j // 8: rows in this order let lanes come out in theirs.
        place = ((i & np.uint64(7)) << np.uint64(3)) + (i >> np.uint64(3))
        spare[place] = records[here[i] & np.uint64(0xFFFFFFFF), w]
    _turn(spare, out, to)


@intrinsic
def _keep(
    _context: Any,
    sets: Any,
    names: Any,
    begin: Any,
    end: Any,
    rows: Any,
    fewest: Any,
    most: Any,
    distinct: Any,
) -> Any:
    """See `keep_sets`."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        begin, end, rows, fewest, most, distinct = arguments[2:]
        sets, names = (
            context.make_array(signature.args[at])(context, builder, arguments[at]).data
            for at in (0, 1)
        )
        to = cgutils.alloca_once_value(builder, end)
        last = [cgutils.alloca_once_value(builder, _constant([0] * _SIZE)) for _ in range(2)]
        n = builder.sub(end, begin)
        n_blocks = builder.lshr(builder.add(n, ir.Constant(_LONG, 7)), ir.Constant(_LONG, 3))
        one_before = ir.Constant(ir.VectorType(_INT, _SIZE), list(range(7, 15)))
        with cgutils.for_range(builder, n_blocks) as loop:
            start = builder.shl(loop.index, ir.Constant(_LONG, 3))
            first = builder.add(begin, start)
            own = load_eight(builder, sets, first)
            own = builder.and_(own, all_lanes(builder, _LONGS, rows))
            name = load_eight(builder, names, first)
            size = call(builder, "llvm.ctpop.v8i64", _LONGS, own)
            number = builder.add(all_lanes(builder, _LONGS, start), _constant(list(range(_SIZE))))
            keep = builder.icmp_signed("<", number, all_lanes(builder, _LONGS, n))
            for sign, limit in ((">=", fewest), ("<=", most)):
                fits = builder.icmp_signed(sign, size, all_lanes(builder, _LONGS, limit))
                keep = builder.and_(keep, fits)
            keep = builder.and_(keep, builder.icmp_signed(">=", name, _constant([0] * _SIZE)))
            before = [
                builder.shuffle_vector(builder.load(place), value, one_before)
                for place, value in zip(last, (own, name), strict=True)
            ]
            differs = builder.icmp_unsigned("!=", before[0], own)
            # A name that is -1 is above all others here: nothing is like a set without a name.
            is_after = builder.icmp_unsigned("<", name, before[1])
            differs = builder.or_(differs, is_after)
            differs = builder.or_(differs, builder.not_(all_lanes(builder, _BITS, distinct)))
            keep = builder.and_(keep, differs)
            for place, value in zip(last, (own, name), strict=True):
                builder.store(value, place)
            at = builder.load(to)
            for values, array in ((own, sets), (name, names)):
                none = ir.Constant(_LONGS, ir.Undefined)
                front = "llvm.experimental.vector.compress.v8i64"
                store_eight(builder, call(builder, front, _LONGS, values, keep, none), array, at)
            more = call(builder, "llvm.ctpop.i8", ir.IntType(8), truths(builder, keep))
            builder.store(builder.add(at, builder.zext(more, _LONG)), to)
        return builder.load(to)

    numbers = types.int64
    arguments = (numbers, numbers, types.uint64, numbers, numbers, types.boolean)
    return numbers(sets, names, *arguments), generate


@jit
def keep_sets(
    sets: Any,
    names: Any,
    begin: Any,
    end: Any,
    rows: Any,
    fewest: Any,
    most: Any,
    distinct: Any,
) -> Any:
    """Append what some sets have of a node, where it is neither too little nor too much.

    Parameters
    ----------
    sets : array of uint64, changed
        ``sets[begin:end]`` are looked at; what is kept comes after them, and then up to eight words
        of anything.
    names : array of int64, changed
        One for each set; those that are negative are left out.
    begin, end : int
    rows : uint64
        The node.
    fewest, most : int
        Rows of the node that a set may have.
    distinct : bool
        Leave a set out when the one before it, of a lower name, has the same rows of the node.

    Returns
    -------
    int
        Where the kept sets end.
    """
    return _keep(sets, names, begin, end, rows, fewest, most, distinct)


@jit
def keep_sets_singly(
    sets: Any,
    names: Any,
    begin: Any,
    end: Any,
    rows: Any,
    fewest: Any,
    most: Any,
    distinct: Any,
) -> Any:
    """As `keep_sets`, one set after the other: for processors that cannot move chosen lanes."""
    to = end
    last, last_name = np.uint64(0), np.int64(0)
    for i in range(begin, end):
        own, name = sets[i] & rows, names[i]
        sets[to], names[to] = own, name
        size: Any = size_of(own)
        differs = (own != last) | (last_name < 0) | (name < last_name)
        to += (size >= fewest) & (size <= most) & (name >= 0) & (differs | (not distinct))
        last, last_name = own, name
    return to


if not CAN_COMPRESS:
    keep_sets = keep_sets_singly
