"""Numbers in a device's memory: learned by their distinct values, encoded by our own kernel.

The same steps as `gpusynth.table.codec_numbers` takes on the host, comparison by comparison, so the
codes are the same bit for bit. Only answers cross: distinct values and their counts to learn, codes
(and exact numbers where codes do not say them) once they are encoded.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import CodecError
from gpusynth.io.cudf import numbers_of_series
from gpusynth.table.codec_numbers import NumberCodec
from gpusynth.table.counts import ValueCounts
from gpusynth.table.sketch import ColumnSketch
from gpusynth.table.special_codes import number_dtype

__all__ = ["DeviceNumbers", "has_kernels"]

_ORDINARY, _UNKNOWN = -1, -2
_WHOLE_LIMIT = 2.0**62
"""As `NumberCodec` reads whole numbers that a file stores as floats."""


@cache
def has_kernels() -> bool:
    """Return whether our own kernels can run; cuDF alone does not bring all that they need."""
    try:
        from gpusynth_kernels.cuda.launch import cuda
    except ImportError:
        return False
    return bool(cuda.is_available())


@dataclass(frozen=True, slots=True)
class DeviceNumbers:
    """Some rows of a column of numbers; see `gpusynth.table.device_rows.NumberRows`.

    Attributes
    ----------
    arrow_type : pyarrow.DataType
        Of the column.
    numbers : device array of float64 or int64, shape (n_rows,)
        Anything where `is_null`; -0.0 is 0.0.
    is_null : device array of bool, shape (n_rows,), or None
        None where no row is null.
    """

    arrow_type: Any
    numbers: Array
    is_null: Array | None

    @classmethod
    def of(cls, series: Any, arrow_type: Any) -> DeviceNumbers:
        """Take the rows of a cuDF series.

        Parameters
        ----------
        series : cudf.Series
        arrow_type : pyarrow.DataType
            Of the column.

        Returns
        -------
        DeviceNumbers
        """
        numbers, is_null = numbers_of_series(series, arrow_type)
        # The sign of nothing is no answer.
        return cls(arrow_type, numbers + 0.0 if numbers.dtype.kind == "f" else numbers, is_null)

    @property
    def n_rows(self) -> int:
        """Number of rows."""
        return int(self.numbers.shape[0])

    def sketch(self) -> ColumnSketch:
        """Return what is to be known of the rows; their distinct numbers and counts cross.

        Returns
        -------
        ColumnSketch
        """
        from gpusynth_kernels.cuda.launch import arrays, to_host

        xp = arrays()
        present = self.numbers if self.is_null is None else self.numbers[~self.is_null]
        is_finite = xp.isfinite(present)
        distinct, counts = xp.unique(present[is_finite], return_counts=True)
        return ColumnSketch(
            self.arrow_type,
            self.n_rows,
            self.n_rows - int(present.shape[0]),
            int(xp.isnan(present).sum()),
            int((present == np.inf).sum()),
            int((present == -np.inf).sum()),
            numbers=ValueCounts(to_host(distinct), to_host(counts.astype(np.int64))),
        )

    def encode(self, codec: NumberCodec) -> tuple[Array, Array | None]:
        """Encode the rows; codes, and numbers where codes do not say them, cross.

        Parameters
        ----------
        codec : NumberCodec

        Returns
        -------
        codes : array of uint8 or uint16, shape (n_rows,)
        values : array of int64 or float64, shape (n_rows,), or None when exact

        Raises
        ------
        CodecError
            If a number has no code.
        """
        from gpusynth_kernels.cuda.launch import arrays, to_host

        xp = arrays()
        numbers, states = self._read(codec, xp)
        for special, code in codec.specials.numbers.items():
            states[(numbers == special) & (states == _ORDINARY)] = code
        is_ordinary = states == _ORDINARY
        codes = xp.where(is_ordinary, codec.n_special, states)
        if codec.code_values.shape[0]:
            places, is_known = _places(codec, numbers, xp)
            states[is_ordinary & ~is_known] = _UNKNOWN
            codes += xp.where(is_ordinary, places, np.uint16(0))
        elif bool(is_ordinary.any()):
            states[is_ordinary] = _UNKNOWN
        if self.n_rows and int(states.min()) < _ORDINARY:
            raise CodecError(f"column {codec.column.name!r}: a number has no code")
        codes = to_host(codes.astype(np.uint8 if codec.n_codes <= 256 else np.uint16))
        if codec.is_exact:
            return codes, None
        return codes, to_host(xp.where(is_ordinary, numbers, numbers.dtype.type(0)))

    def _read(self, codec: NumberCodec, xp: Any) -> tuple[Any, Any]:
        """Return the numbers as the codec's, and each row's state, as `NumberCodec` reads them."""
        names = codec.specials.automatic
        code_of = {name: names.index(name) for name in names}
        numbers = self.numbers
        states = xp.full(self.n_rows, _ORDINARY, np.int32)
        if numbers.dtype.kind == "f":
            states[xp.isnan(numbers)] = code_of.get("nan", _UNKNOWN)
            states[numbers == np.inf] = code_of.get("inf", _UNKNOWN)
            states[numbers == -np.inf] = code_of.get("-inf", _UNKNOWN)
            numbers = xp.where(xp.isfinite(numbers), numbers, 0.0)
            if number_dtype(codec.column) is np.int64:
                is_odd = (numbers != xp.floor(numbers)) | (xp.abs(numbers) >= _WHOLE_LIMIT)
                states[is_odd] = _UNKNOWN
                numbers = xp.where(states == _ORDINARY, numbers, 0.0).astype(np.int64)
        if self.is_null is not None:
            states[self.is_null] = code_of.get("null", _UNKNOWN)
            numbers = xp.where(self.is_null, numbers.dtype.type(0), numbers)
        return numbers, states


def _places(codec: NumberCodec, numbers: Any, xp: Any) -> tuple[Any, Any]:
    """Return the ordinary code (from 0) of each number, and whether it has one."""
    from gpusynth_kernels.cuda.columns import encode_numbers
    from gpusynth_kernels.cuda.launch import empty, to_device

    edges = to_device(codec.code_values)
    places = empty(numbers.shape[0], np.uint16)
    # Below the first edge is in the first bin; where codes are exact it is found not to be known.
    encode_numbers.over(numbers.shape[0], xp.maximum(numbers, edges[0]), edges, places)
    if codec.is_exact:
        return places, edges[places] == numbers
    return places, xp.ones(numbers.shape[0], np.bool_)
