"""Arrays of the host that go to the device together: a transfer costs more than what it carries."""

from __future__ import annotations

from typing import Any

import numpy as np

from gpusynth.arrays import Array
from gpusynth_kernels.cuda import launch
from gpusynth_kernels.cuda.arguments import Fixed, fix_slices

__all__ = ["Parcel"]

_INTEGER = np.dtype(np.int64)


class Parcel:
    """Arrays that are sent with one transfer; each is then read under the number it was given."""

    def __init__(self) -> None:
        self._words: list[Array] = []
        self._parts: list[tuple[int, int, np.dtype[Any]]] = []
        self._n_words = 0
        self._there: dict[int, Array] = {}
        self._together: dict[tuple[int, ...], Fixed] = {}
        self._buffer: Array = None

    def add(self, array: Array) -> int:
        """Put an array in; return its number.

        Parameters
        ----------
        array : array of one dimension, of any dtype of at most 8 bytes
        """
        words = array
        if array.dtype != _INTEGER:
            words = np.zeros(-(-array.nbytes // 8), np.int64)
            words.view(array.dtype)[: len(array)] = array
        self._words.append(words)
        self._parts.append((self._n_words, len(array), array.dtype))
        self._n_words += len(words)
        return len(self._parts) - 1

    def add_all(self, *arrays: Array) -> tuple[int, ...]:
        """Put arrays of int64 in; return their numbers."""
        first, at = len(self._parts), self._n_words
        for array in arrays:
            self._parts.append((at, len(array), _INTEGER))
            at += len(array)
        self._words += arrays
        self._n_words = at
        return tuple(range(first, first + len(arrays)))

    def send(self) -> None:
        """Copy all arrays to the device."""
        if self._words:
            self._buffer = launch.to_device(np.concatenate(self._words))
            self._words.clear()

    def part(self, number: int) -> Array:
        """Return an array on the device, once it was sent."""
        found = self._there.get(number)
        if found is None:
            begin, n, dtype = self._parts[number]
            stop = begin + -(-n * dtype.itemsize // 8)
            found = self._buffer[begin:stop]
            if dtype != _INTEGER:
                found = found.view(dtype)[:n]
            self._there[number] = found
        return found

    def all(self, numbers: tuple[int, ...]) -> Fixed:
        """Return arrays of int64 on the device as one argument of kernels."""
        found = self._together.get(numbers)
        if found is None:
            arrays = [self.part(number) for number in numbers]
            if launch.SIMULATED or not arrays:
                found = Fixed(arrays)
            else:
                begins = [self._parts[number][0] for number in numbers]
                found = fix_slices(self._buffer, begins, arrays)
            self._together[numbers] = found
        return found
