"""Count bits by place over many rows, or sum amounts: words of a row as vectors.

Numba knows no vectors, and left alone the compiler takes one word of eight rows at a time with
gathers, at a fifth of the speed. So these two loops are written in the compiler's own language
(LLVM IR, which every processor understands): a vector of words of one row is loaded at once, and
the bits of a word choose among 64 sums.

Sixteen rows are added as *bit slices*: with the words ``ones``, ``twos``, ``fours``, ``eights``
holding the digits of 64 sums each, a full adder (five logical operations) turns three words of one
digit into one of that digit and one of the next (Harley and Seal; Warren, Hacker's Delight, 2nd
ed., section 5-1). Fifteen adders take in sixteen rows; what leaves them counts sixteen each.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]  # Numba brings it
from numba.core import cgutils, types
from numba.extending import intrinsic

from gpusynth_kernels.compile import jit
from gpusynth_kernels.cpu.ahead import AHEAD_ROWS
from gpusynth_kernels.cpu.vectors import all_lanes, load_some, prefetch

__all__ = ["MOST_ROWS", "count_bits", "sum_by_lane"]

MOST_ROWS = 255 * 16
"""A byte counts up to 255 sixteens."""

_ONES = 0x0101010101010101
_WORD = ir.IntType(64)


def _adder(builder: Any, a: Any, b: Any, c: Any) -> tuple[Any, Any]:
    """Return the sum and the carry of three words of one digit."""
    both = builder.xor(a, b)
    return builder.xor(both, c), builder.or_(builder.and_(a, b), builder.and_(both, c))


def _sixteen(builder: Any, rows: list[Any], digits: list[Any]) -> tuple[list[Any], Any]:
    """Add sixteen words to four digits; return the digits and the carries, sixteen each."""
    left = []
    for digit in digits:
        carries = []
        for a, b in zip(rows[::2], rows[1::2], strict=True):
            digit, carry = _adder(builder, digit, a, b)
            carries.append(carry)
        left.append(digit)
        rows = carries
    return left, rows[0]


def _spread(builder: Any, ones: Any, word: Any, k: int, shift: int = 0) -> Any:
    """Return bits k, k + 8, k + 16, ... of a word as bytes of ``2^shift`` or nothing."""
    kind = word.type
    if k:
        word = builder.lshr(word, ir.Constant(kind, [k] * kind.count))
    bits = builder.and_(word, ones)
    return builder.shl(bits, ir.Constant(kind, [shift] * kind.count)) if shift else bits


def _counter(width: int) -> Callable[..., Any]:
    """Return the intrinsic that counts up to `width` words of a row at once."""
    kind = ir.VectorType(_WORD, width)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        records, n_words, first, size, order, begin, end, out = arguments
        data = [
            context.make_array(signature.args[at])(context, builder, array).data
            for at, array in ((0, records), (4, order), (7, out))
        ]
        numbers = ir.Constant(kind, list(range(width)))
        is_there = builder.icmp_unsigned("<", numbers, all_lanes(builder, kind, size))
        ones = ir.Constant(kind, [_ONES] * width)
        zero = ir.Constant(kind, [0] * width)
        counters = [cgutils.alloca_once_value(builder, zero) for _ in range(16)]
        digits = [cgutils.alloca_once_value(builder, zero) for _ in range(4)]
        for place in (*counters, *digits):
            builder.store(zero, place)

        def place_of(at: Any) -> Any:
            entry = builder.load(builder.gep(data[1], [at]))
            row = builder.and_(entry, ir.Constant(_WORD, 0xFFFFFFFF))
            return builder.add(builder.mul(row, n_words), first)

        def row_words(at: Any) -> Any:
            place = builder.gep(data[0], [place_of(at)])
            return load_some(builder, kind, place, is_there)

        def add(place: Any, amount: Any) -> None:
            builder.store(builder.add(builder.load(place), amount), place)

        n_blocks = builder.lshr(builder.sub(end, begin), ir.Constant(_WORD, 4))
        last_word = builder.sub(size, ir.Constant(_WORD, 1))
        last_block = builder.sub(end, ir.Constant(_WORD, 16))
        with cgutils.for_range(builder, n_blocks) as loop:
            start = builder.add(begin, builder.shl(loop.index, ir.Constant(_WORD, 4)))
            far = builder.add(start, ir.Constant(_WORD, AHEAD_ROWS))
            is_within = builder.icmp_signed("<", far, last_block)
            far = builder.select(is_within, far, last_block)
            with cgutils.for_range(builder, ir.Constant(_WORD, 16)) as sixteen:
                place = place_of(builder.add(far, sixteen.index))
                prefetch(builder, builder.gep(data[0], [place]))
                prefetch(builder, builder.gep(data[0], [builder.add(place, last_word)]))
            rows = [row_words(builder.add(start, ir.Constant(_WORD, i))) for i in range(16)]
            left, carries = _sixteen(builder, rows, [builder.load(place) for place in digits])
            for place, digit in zip(digits, left, strict=True):
                builder.store(digit, place)
            for k in range(8):
                add(counters[8 + k], _spread(builder, ones, carries, k))
        with builder.if_then(builder.icmp_unsigned("!=", n_blocks, ir.Constant(_WORD, 0))):
            for k in range(8):
                for shift, place in enumerate(digits):
                    add(counters[k], _spread(builder, ones, builder.load(place), k, shift))
        rest = builder.add(begin, builder.shl(n_blocks, ir.Constant(_WORD, 4)))
        with cgutils.for_range(builder, builder.sub(end, rest)) as loop:
            row = row_words(builder.add(rest, loop.index))
            for k in range(8):
                add(counters[k], _spread(builder, ones, row, k))
        for k, place in enumerate(counters):
            at = builder.gep(data[2], [ir.Constant(_WORD, k * width)])
            builder.store(builder.load(place), builder.bitcast(at, kind.as_pointer()), align=8)
        return context.get_dummy_value()

    @intrinsic
    def count(
        _context: Any,
        records: Any,
        n_words: Any,
        first: Any,
        size: Any,
        order: Any,
        begin: Any,
        end: Any,
        out: Any,
    ) -> Any:
        numbers = types.int64
        arguments = (records, numbers, numbers, numbers, order, numbers, numbers, out)
        return types.void(*arguments), generate

    counter: Callable[..., Any] = count
    return counter


_count_8 = _counter(8)
_count_4 = _counter(4)
_count_2 = _counter(2)
_count_1 = _counter(1)


@intrinsic
def _sum_by_bit(
    _context: Any,
    records: Any,
    word: Any,
    order: Any,
    begin: Any,
    end: Any,
    amounts: Any,
    sums: Any,
    at: Any,
) -> Any:
    """Set ``sums[at + b]`` to the amounts of the rows that have bit b in a word."""
    kind = ir.VectorType(_WORD, 64)

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        kinds = signature.args
        data = [context.make_array(kinds[i])(context, builder, arguments[i]) for i in (0, 2, 5, 6)]
        records, order, amounts, sums = (array.data for array in data)
        stride = builder.extract_value(data[0].shape, 1)
        _, word, _, begin, end, _, _, at = arguments
        zero = ir.Constant(kind, [0] * 64)
        total = cgutils.alloca_once_value(builder, zero)
        builder.store(zero, total)
        last = builder.sub(end, ir.Constant(_WORD, 1))

        def row_of(at: Any) -> Any:
            entry = builder.load(builder.gep(order, [at]))
            return builder.and_(entry, ir.Constant(_WORD, 0xFFFFFFFF))

        def place_of(row: Any) -> Any:
            return builder.add(builder.mul(row, stride), word)

        with cgutils.for_range(builder, builder.sub(end, begin)) as loop:
            here = builder.add(begin, loop.index)
            far = builder.add(here, ir.Constant(_WORD, AHEAD_ROWS))
            far = row_of(builder.select(builder.icmp_signed("<", far, last), far, last))
            prefetch(builder, builder.gep(records, [place_of(far)]))
            prefetch(builder, builder.gep(amounts, [far]))
            row = row_of(here)
            place = place_of(row)
            has_bit = builder.bitcast(
                builder.load(builder.gep(records, [place])), ir.VectorType(ir.IntType(1), 64)
            )
            one = builder.insert_element(
                ir.Constant(kind, ir.Undefined),
                builder.load(builder.gep(amounts, [row])),
                ir.Constant(ir.IntType(32), 0),
            )
            alike = ir.Constant(ir.VectorType(ir.IntType(32), 64), [0] * 64)
            amount = builder.shuffle_vector(one, ir.Constant(kind, ir.Undefined), alike)
            more = builder.select(has_bit, amount, zero)
            builder.store(builder.add(builder.load(total), more), total)
        place = builder.bitcast(builder.gep(sums, [at]), kind.as_pointer())
        builder.store(builder.load(total), place, align=8)
        return context.get_dummy_value()

    numbers = types.int64
    arguments = (records, numbers, order, numbers, numbers, amounts, sums, numbers)
    return types.void(*arguments), generate


@jit
def sum_by_lane(
    records: Any, word: Any, order: Any, begin: Any, end: Any, amounts: Any, sums: Any, at: Any
) -> None:
    """Set ``sums[at + lane]`` to the amounts of the rows of ``order[begin:end]`` with that bit.

    Parameters
    ----------
    records : array of uint64, shape (n, n_words)
    word : int
    order : array of uint64 entries
    begin, end : int
    amounts : array of int64, shape (n,)
        By row.
    sums : array of int64, changed
    at : int
    """
    _sum_by_bit(records, word, order, begin, end, amounts, sums, at)
    here = sums[at : at + 64]
    for high in range(8):  # lane 8 a + b is bit 8 b + a
        for low in range(high):
            a, b = 8 * high + low, 8 * low + high
            here[a], here[b] = here[b], here[a]


@jit
def _add_up(
    bytes_: Any, width: Any, size: Any, n_rows: Any, first: Any, is_new: Any, counts: Any
) -> None:
    """Put what a counter left in its bytes into ``counts[64 * first ...]``, or add it there."""
    lanes = bytes_.view(np.uint8)
    for w in range(size):
        here = counts[64 * (first + w) : 64 * (first + w) + 64]
        for k in range(8):
            own = here[8 * k : 8 * k + 8]
            low = lanes[8 * (k * width + w) : 8 * (k * width + w) + 8]
            if n_rows < 16 and is_new:
                for j in range(8):
                    own[j] = np.int32(low[j])
                continue
            high = lanes[8 * ((8 + k) * width + w) : 8 * ((8 + k) * width + w) + 8]
            if is_new:
                for j in range(8):
                    own[j] = np.int32(16) * np.int32(high[j]) + np.int32(low[j])
            else:
                for j in range(8):
                    own[j] += np.int32(16) * np.int32(high[j]) + np.int32(low[j])


@jit
def count_bits(
    records: Any, n_words: Any, order: Any, begin: Any, end: Any, bytes_: Any, counts: Any
) -> None:
    """Set ``counts[64 * w + lane]`` to the rows of ``order[begin:end]`` that have that bit.

    Parameters
    ----------
    records : array of uint64, shape (n, >= n_words)
        `lanes` says which bit is which lane.
    n_words : int
        Words that are counted, from the first on.
    order : array of uint64 entries
    begin, end : int
        ``begin < end``.
    bytes_ : array of uint64, shape (128,), work
    counts : array of int32, shape (>= 64 * n_words,), changed
    """
    stride = records.shape[1]
    for at in range(begin, end, MOST_ROWS):
        stop = min(end, at + MOST_ROWS)
        new = at == begin
        for w in range(0, n_words, 8):
            size = min(n_words - w, 8)
            width = 8
            if size > 4:
                _count_8(records, stride, w, size, order, at, stop, bytes_)
            elif size > 2:
                width = 4
                _count_4(records, stride, w, size, order, at, stop, bytes_)
            elif size == 2:
                width = 2
                _count_2(records, stride, w, size, order, at, stop, bytes_)
            else:
                width = 1
                _count_1(records, stride, w, size, order, at, stop, bytes_)
            _add_up(bytes_, width, size, stop - at, w, new, counts)
