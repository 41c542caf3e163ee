"""Vectors in the compiler's own language (LLVM IR), for kernels that Numba alone makes slow.

LLVM makes them fit any processor: a vector that is too long for it becomes several.
"""

from __future__ import annotations

from typing import Any

from llvmlite import binding, ir  # type: ignore[import-untyped]  # Numba brings it
from numba.core import cgutils

__all__ = [
    "CAN_COMPRESS",
    "all_lanes",
    "call",
    "load_eight",
    "load_some",
    "prefetch",
    "store_eight",
    "truths",
]

_VERSION = binding.llvm_version_info[0]
_EIGHT = ir.VectorType(ir.IntType(64), 8)
_ANY_POINTER = 17  # from this version on pointers have no type, nor have the names of functions

CAN_COMPRESS = _VERSION >= 19 and bool(binding.get_host_cpu_features().get("avx512f"))
"""Whether one instruction moves chosen lanes to the front. It would be slow where it is many."""


def all_lanes(builder: Any, kind: Any, value: Any) -> Any:
    """Return a vector that holds one value in every lane."""
    none = ir.Constant(kind, ir.Undefined)
    one = builder.insert_element(none, value, ir.Constant(ir.IntType(32), 0))
    lanes = ir.VectorType(ir.IntType(32), kind.count)
    return builder.shuffle_vector(one, none, ir.Constant(lanes, [0] * kind.count))


def call(builder: Any, name: str, result: Any, *arguments: Any) -> Any:
    """Call one of the compiler's own functions."""
    kind = ir.FunctionType(result, [argument.type for argument in arguments])
    function = cgutils.get_or_insert_function(builder.module, kind, name)
    return builder.call(function, arguments)


def load_some(builder: Any, kind: Any, place: Any, is_there: Any) -> Any:
    """Load those lanes of a vector of 64-bit words that are there; the others are zero."""
    own = f"v{kind.count}i64"
    pointer = "p0" if _VERSION >= _ANY_POINTER else f"p0{own}"
    return call(
        *(builder, f"llvm.masked.load.{own}.{pointer}", kind),
        builder.bitcast(place, kind.as_pointer()),
        *(ir.Constant(ir.IntType(32), 8), is_there, ir.Constant(kind, [0] * kind.count)),
    )


def load_eight(builder: Any, data: Any, at: Any) -> Any:
    """Load eight 64-bit words, from the one at `at` on."""
    place = builder.bitcast(builder.gep(data, [at]), _EIGHT.as_pointer())
    return builder.load(place, align=8)


def prefetch(builder: Any, place: Any) -> None:
    """Ask for the cache line of a place, which is read soon; nothing waits for it."""
    number = ir.IntType(32)
    byte = builder.bitcast(place, ir.IntType(8).as_pointer())
    pointer = "p0" if _VERSION >= _ANY_POINTER else "p0i8"
    to_read, to_all_caches, of_data = (ir.Constant(number, how) for how in (0, 3, 1))
    call(builder, f"llvm.prefetch.{pointer}", ir.VoidType(), byte, to_read, to_all_caches, of_data)


def store_eight(builder: Any, value: Any, data: Any, at: Any) -> None:
    """Store a vector of eight 64-bit numbers, whole or not, from the place at `at` on."""
    place = builder.bitcast(builder.gep(data, [at]), value.type.as_pointer())
    builder.store(value, place, align=8)


def truths(builder: Any, lanes: Any) -> Any:
    """Return the truths of a vector as the bits of one number."""
    return builder.bitcast(lanes, ir.IntType(lanes.type.count))
