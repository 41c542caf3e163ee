"""Copy the words of chosen rows, up to eight at once."""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]  # Numba brings it
from numba.core import cgutils, types
from numba.extending import intrinsic

from gpusynth_kernels.compile import jit
from gpusynth_kernels.cpu.ahead import AHEAD_ROWS
from gpusynth_kernels.cpu.pages import ask_for_large_pages
from gpusynth_kernels.cpu.vectors import all_lanes, load_some, prefetch

__all__ = ["copy_words"]

_SIZE = 8
_LONG = ir.IntType(64)
_LONGS = ir.VectorType(_LONG, _SIZE)


@intrinsic
def _copy_eight(
    _context: Any,
    records: Any,
    stride: Any,
    first: Any,
    n_words: Any,
    order: Any,
    begin: Any,
    end: Any,
    out: Any,
    differs: Any,
) -> Any:
    """Copy words ``first ... first + 7``, those below `n_words`; what follows a row is spoiled."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        _, stride, first, n_words, _, begin, end, _, _ = arguments
        records, order, out, differs = (
            context.make_array(signature.args[at])(context, builder, arguments[at]).data
            for at in (0, 4, 7, 8)
        )
        numbers = ir.Constant(_LONGS, list(range(_SIZE)))
        size = all_lanes(builder, _LONGS, builder.sub(n_words, first))
        is_there = builder.icmp_unsigned("<", numbers, size)

        def place_of(at: Any) -> Any:
            entry = builder.load(builder.gep(order, [at]))
            row = builder.and_(entry, ir.Constant(_LONG, 0xFFFFFFFF))
            return builder.add(builder.mul(row, stride), first)

        def row_words(at: Any) -> Any:
            return load_some(builder, _LONGS, builder.gep(records, [place_of(at)]), is_there)

        last_row = builder.sub(end, ir.Constant(_LONG, 1))
        last_word = builder.sub(builder.sub(n_words, first), ir.Constant(_LONG, 1))

        def ask_for(at: Any) -> None:
            far = builder.add(at, ir.Constant(_LONG, AHEAD_ROWS))
            is_within = builder.icmp_signed("<", far, last_row)
            place = place_of(builder.select(is_within, far, last_row))
            prefetch(builder, builder.gep(records, [place]))
            prefetch(builder, builder.gep(records, [builder.add(place, last_word)]))

        def store(words: Any, array: Any, at: Any) -> None:
            place = builder.bitcast(builder.gep(array, [at]), _LONGS.as_pointer())
            builder.store(words, place, align=8)

        start = row_words(begin)
        varies = cgutils.alloca_once(builder, _LONGS)
        builder.store(ir.Constant(_LONGS, [0] * _SIZE), varies)
        with cgutils.for_range(builder, builder.sub(end, begin)) as loop:
            at = builder.add(begin, loop.index)
            ask_for(at)
            words = row_words(at)
            store(words, out, builder.add(builder.mul(loop.index, n_words), first))
            more = builder.or_(builder.load(varies), builder.xor(words, start))
            builder.store(more, varies)
        store(builder.load(varies), differs, first)
        return context.get_dummy_value()

    numbers = types.int64
    arguments = (
        *(records, numbers, numbers, numbers, order, numbers, numbers),
        *(out, differs),
    )
    return types.void(*arguments), generate


@jit
def copy_words(records: Any, n_words: Any, order: Any, begin: Any, end: Any) -> Any:
    """Copy the first words of the rows of ``order[begin:end]``.

    Parameters
    ----------
    records : array of uint64, shape (n, >= n_words)
    n_words : int
    order : array of uint64 entries
    begin, end : int
        ``begin < end``.

    Returns
    -------
    words : array of uint64, shape (end - begin, n_words)
    varying : array of uint64, shape (n_words,)
        The bits that differ among the rows.
    """
    n = end - begin
    # A store of eight words may reach beyond a row: hence the room behind the last one, and the
    # last words first, so that what they spoil of the next row is put right.
    out = np.empty(n * n_words + 8, np.uint64)
    ask_for_large_pages(out)
    varying = np.zeros(n_words + 8, np.uint64)
    for first in range((max(n_words, 1) - 1) // 8 * 8, -1, -8):
        _copy_eight(records, records.shape[1], first, n_words, order, begin, end, out, varying)
    return out[: n * n_words].reshape(n, n_words), varying[:n_words]
