"""Divide entries into those that go left and those that go right, eight at a time.

Processors with AVX-512 move the chosen lanes of a vector to its front in one instruction. What is
stored behind them is overwritten by what comes next. Elsewhere nothing is done here: the loop that
takes the rest takes all.
"""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from llvmlite import ir  # type: ignore[import-untyped]  # Numba brings it
from numba.core import cgutils, types
from numba.extending import intrinsic

from gpusynth_kernels.compile import jit
from gpusynth_kernels.cpu.vectors import CAN_COMPRESS, call, truths

__all__ = ["divide_blocks", "keep_left_blocks"]

_SIZE = 8
_LONG = ir.IntType(64)
_LONGS = ir.VectorType(_LONG, _SIZE)
_BYTES = ir.VectorType(ir.IntType(8), _SIZE)
_BITS = ir.VectorType(ir.IntType(1), _SIZE)


def _store_chosen(builder: Any, entries: Any, chosen: Any, place: Any) -> None:
    """Store the chosen lanes one after the other, and anything behind them."""
    none = ir.Constant(_LONGS, ir.Undefined)
    name = "llvm.experimental.vector.compress.v8i64"
    front = call(builder, name, _LONGS, entries, chosen, none)
    builder.store(front, builder.bitcast(place, _LONGS.as_pointer()), align=8)


def _divider(*, both: bool) -> Callable[..., Any]:
    """Return the intrinsic that divides whole blocks of eight; `both` keeps the right side too."""

    def generate(context: Any, builder: Any, signature: Any, arguments: Any) -> Any:
        entries, flags, spare = (
            context.make_array(signature.args[at])(context, builder, arguments[at]).data
            for at in (0, 3, 4)
        )
        begin, n = arguments[1:3]
        counts = [cgutils.alloca_once(builder, _LONG) for _ in range(2)]
        for count in counts:
            builder.store(ir.Constant(_LONG, 0), count)
        n_blocks = builder.lshr(n, ir.Constant(_LONG, 3))
        with cgutils.for_range(builder, n_blocks) as loop:
            start = builder.shl(loop.index, ir.Constant(_LONG, 3))
            place = builder.gep(entries, [builder.add(begin, start)])
            here = builder.load(builder.bitcast(place, _LONGS.as_pointer()), align=8)
            place = builder.bitcast(builder.gep(flags, [start]), _BYTES.as_pointer())
            flag = builder.load(place, align=1)
            right = builder.icmp_unsigned("!=", flag, ir.Constant(_BYTES, [0] * _SIZE))
            left = builder.xor(right, ir.Constant(_BITS, [1] * _SIZE))
            n_left, n_right = (builder.load(count) for count in counts)
            # What lies before the block is read by now, so that the left may be stored there.
            _store_chosen(builder, here, left, builder.gep(entries, [builder.add(begin, n_left)]))
            if both:
                _store_chosen(builder, here, right, builder.gep(spare, [n_right]))
            more = call(builder, "llvm.ctpop.i8", ir.IntType(8), truths(builder, right))
            more = builder.zext(more, _LONG)
            fewer = builder.sub(ir.Constant(_LONG, _SIZE), more)
            builder.store(builder.add(n_left, fewer), counts[0])
            builder.store(builder.add(n_right, more), counts[1])
        return context.make_tuple(
            builder, signature.return_type, [builder.load(count) for count in counts]
        )

    @intrinsic
    def divide(_context: Any, entries: Any, begin: Any, n: Any, flags: Any, spare: Any) -> Any:
        numbers = types.int64
        return types.UniTuple(numbers, 2)(entries, numbers, numbers, flags, spare), generate

    divider: Callable[..., Any] = divide
    return divider


_divide = _divider(both=True)
_divide_left = _divider(both=False)


@jit
def divide_blocks(entries: Any, begin: Any, n: Any, flags: Any, spare: Any) -> Any:
    """Divide ``entries[begin:begin + n]`` as far as whole blocks go.

    Parameters
    ----------
    entries : array of uint64, changed
        What goes left comes to the front.
    begin, n : int
    flags : array of uint8, shape (>= n,)
        1 for entries that go right, 0 for the others, from the first one on.
    spare : array of uint64, shape (>= n,), changed
        What goes right.

    Returns
    -------
    n_left, n_right : int
        Together the number of entries that were divided; the rest is for the caller.
    """
    return _divide(entries, begin, n, flags, spare)


@jit
def keep_left_blocks(entries: Any, begin: Any, n: Any, flags: Any, spare: Any) -> Any:
    """As `divide_blocks`, but what goes right is lost, and `spare` not touched."""
    return _divide_left(entries, begin, n, flags, spare)


@jit
def _no_blocks(entries: Any, begin: Any, n: Any, flags: Any, spare: Any) -> Any:
    """As `divide_blocks` where it would be slow: divide nothing."""
    return 0, 0


if not CAN_COMPRESS:
    divide_blocks = keep_left_blocks = _no_blocks
