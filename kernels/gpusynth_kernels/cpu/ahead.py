"""Ask for records before they are read.

The rows of a large node lie scattered over a table that no cache holds, and a processor sees no
further ahead than some tens of rows. What is asked for in time need not be waited for.
"""

from __future__ import annotations

from typing import Any

import numpy as np
from llvmlite import ir  # type: ignore[import-untyped]  # Numba brings it
from numba.core import types
from numba.extending import intrinsic

from gpusynth_kernels.compile import jit
from gpusynth_kernels.cpu.vectors import prefetch

__all__ = ["AHEAD_ROWS", "ask_for", "ask_for_words"]

AHEAD_ROWS = 64
"""So many rows before they are read records are asked for. Speed only."""

_WORD = ir.IntType(64)


@intrinsic
def ask_for(_context: Any, array: Any, place: Any) -> Any:
    """Ask for an element of an array of one dimension (inside kernels only)."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        view = context.make_array(signature.args[0])(context, builder, arguments[0])
        prefetch(builder, builder.gep(view.data, [arguments[1]]))
        return context.get_dummy_value()

    return types.void(array, types.uint64), generate


@intrinsic
def _ask_for_word(_context: Any, records: Any, row: Any, word: Any) -> Any:
    """Ask for a word of a row."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        array = context.make_array(signature.args[0])(context, builder, arguments[0])
        stride = builder.extract_value(array.shape, 1)
        place = builder.add(builder.mul(arguments[1], stride), arguments[2])
        prefetch(builder, builder.gep(array.data, [place]))
        return context.get_dummy_value()

    return types.void(records, types.int64, types.int64), generate


@jit
def ask_for_words(records: Any, word: Any, order: Any, begin: Any, end: Any) -> None:
    """Ask for a word of the rows of ``order[begin:end]``.

    Parameters
    ----------
    records : array of uint64, shape (n, > word)
    word : int
    order : array of uint64 entries
    begin, end : int
        Nothing is done where ``begin >= end``.
    """
    for i in range(begin, end):
        _ask_for_word(records, np.int64(order[i] & np.uint64(0xFFFFFFFF)), word)
