"""Large pages: fewer faults when a large array is first written.

The system hands out memory in pages of 4 kB, each at the cost of a fault when it is first touched;
a page of 2 MB costs little more than one of 4 kB. NumPy asks for large pages for arrays of 4 MiB or
more, Numba does not, so kernels that make such arrays do it here.
"""

from __future__ import annotations

import sys
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]  # Numba brings it
from numba.core import cgutils, types
from numba.extending import intrinsic

from gpusynth_kernels.compile import jit

__all__ = ["ask_for_large_pages"]

_LEAST_BYTES = 1 << 22
"""As in NumPy (``numpy/_core/src/multiarray/alloc.c``)."""

_PAGE = 4096
_MADV_HUGEPAGE = 14  # <linux/mman.h>
_WORD = ir.IntType(64)


@intrinsic
def _advise(_context: Any, array: Any, n_bytes: Any) -> Any:
    """Call madvise for the whole pages of an array; what it answers does not matter."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        data = context.make_array(signature.args[0])(context, builder, arguments[0]).data
        first = builder.ptrtoint(data, _WORD)
        end = builder.add(first, arguments[1])
        start = builder.and_(
            builder.add(first, ir.Constant(_WORD, _PAGE - 1)), ir.Constant(_WORD, -_PAGE)
        )
        byte = ir.IntType(8).as_pointer()
        kind = ir.FunctionType(ir.IntType(32), [byte, _WORD, ir.IntType(32)])
        madvise = cgutils.get_or_insert_function(builder.module, kind, "madvise")
        place = builder.inttoptr(start, byte)
        advice = ir.Constant(ir.IntType(32), _MADV_HUGEPAGE)
        builder.call(madvise, [place, builder.sub(end, start), advice])
        return context.get_dummy_value()

    return types.void(array, types.int64), generate


@jit
def ask_for_large_pages(array: Any) -> None:
    """Ask the system for large pages for an array that nothing has been written to.

    Parameters
    ----------
    array : contiguous array
        Nothing is done for one of less than 4 MiB.
    """
    n_bytes = array.size * array.itemsize
    if n_bytes >= _LEAST_BYTES:
        _advise(array, n_bytes)


@jit
def _ask_nothing(array: Any) -> None:
    """As `ask_for_large_pages` where the system has none."""


if sys.platform != "linux":
    ask_for_large_pages = _ask_nothing
