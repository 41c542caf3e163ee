"""Arguments of a launch, laid out as compiled kernels read them, without Numba's own adapter.

numba-cuda asks each array for its type and for its memory at every launch, 30 microseconds an array
of CuPy (NVIDIA/numba-cuda-mlir pull request 90 measures 90 for three); a level of a tree takes
some thirty launches of up to 25 arrays. Here an array is its pointer, shape and strides, read once.

The layout is numba-cuda's (`_Kernel._prepare_args` of 0.30): an array is seven words or more, a
tuple its members one after the other. `tests/kernels/test_arguments.py` compares both.
"""

from __future__ import annotations

import ctypes
from functools import cache
from typing import Any

import numpy as np
from numba import types
from numba.np.numpy_support import from_dtype

__all__ = ["Fixed", "fix_slices", "pack", "types_of"]

_INTEGER, _UNSIGNED, _FLOAT = "integer", "unsigned", "float"


class Fixed(tuple[Any, ...]):
    """Arrays that many launches are given as one argument: their words are laid out once."""

    packed: tuple[Any, list[Any]] | None = None


def pack(arguments: tuple[Any, ...]) -> tuple[tuple[Any, ...], list[Any]]:
    """Return what names the types of arguments, and their words.

    Parameters
    ----------
    arguments : tuple
        Arrays on the device, in C order; numbers; tuples of these. Whole numbers are int64 in a
        kernel, whatever they are here, and those of `numpy.uint64` uint64.

    Returns
    -------
    key : tuple
        Hashable; `types_of` reads it.
    words : list of int or ctypes value

    Raises
    ------
    ValueError
        If an array is not in C order: kernels are compiled for that order alone.
    """
    words: list[Any] = []
    return tuple([_add(argument, words) for argument in arguments]), words


def _add(value: Any, words: list[Any]) -> Any:
    """Append the words of an argument; return the key of its type."""
    if type(value) is int:
        words.append(value)
        return _INTEGER
    if type(value) is tuple:
        return tuple([_add(member, words) for member in value])
    if type(value) is Fixed:
        if value.packed is None:
            own: list[Any] = []
            value.packed = tuple([_add(member, own) for member in value]), own
        words += value.packed[1]
        return value.packed[0]
    if isinstance(value, np.uint64):
        words.append(ctypes.c_uint64(int(value)))
        return _UNSIGNED
    if isinstance(value, (int, np.integer, np.bool_)):
        words.append(int(value))
        return _INTEGER
    if isinstance(value, (float, np.floating)):
        words.append(ctypes.c_double(float(value)))
        return _FLOAT
    if not value.flags.c_contiguous:
        raise ValueError("a kernel takes arrays in C order only")
    words += (0, 0, value.size, value.itemsize, value.data.ptr)
    words += value.shape
    words += value.strides
    return value.dtype.char, value.ndim


def fix_slices(buffer: Any, begins: list[int], slices: list[Any]) -> Fixed:
    """Return slices of an array as one argument: the array alone is asked where it lies.

    Parameters
    ----------
    buffer : array of one dimension on the device, in C order
    begins : list of int
        Where each slice begins.
    slices : list of arrays of one dimension
        Of the buffer's dtype.
    """
    found = Fixed(slices)
    words: list[Any] = []
    pointer, size = buffer.data.ptr, buffer.itemsize
    for begin, array in zip(begins, slices, strict=True):
        n = array.size
        words += (0, 0, n, size, pointer + size * begin, n, size)
    found.packed = ((buffer.dtype.char, 1),) * len(slices), words
    return found


@cache
def types_of(key: tuple[Any, ...]) -> tuple[Any, ...]:
    """Return Numba's types of arguments.

    Parameters
    ----------
    key : tuple
        As `pack` returns it.

    Returns
    -------
    tuple of numba types
    """
    return tuple(_type_of(part) for part in key)


def _type_of(part: Any) -> Any:
    scalars = {_INTEGER: types.int64, _UNSIGNED: types.uint64, _FLOAT: types.float64}
    if isinstance(part, str):
        return scalars[part]
    if len(part) == 2 and isinstance(part[1], int):
        char, n_dimensions = part
        return types.Array(from_dtype(np.dtype(char)), n_dimensions, "C")
    return types.BaseTuple.from_types(tuple(_type_of(member) for member in part))
