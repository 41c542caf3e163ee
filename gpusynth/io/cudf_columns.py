"""Columns of cuDF made of codes that lie on the device; their rows are not copied to the host.

What the codes of a column stand for goes to the device once, as cuDF itself takes it from Arrow,
and every row takes its answer from that. So values, types, nulls and categories are those of the
same rows in a table of Arrow.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Any

import numpy as np
import pyarrow.types as pat

from gpusynth.arrays import Array
from gpusynth.io.cudf import on_gpu

__all__ = ["CodedColumn", "Meanings", "can_be_made", "made_column", "made_series"]

_WIDEST = 128
"""Bits of a decimal that cuDF holds."""


@dataclass(frozen=True)
class Meanings:
    """What the codes of a column stand for; goes to the device when it is first asked for there.

    Attributes
    ----------
    array : pyarrow.Array, shape (n_meanings,)
        In the type of the column.
    """

    array: Any

    @cached_property
    def series(self) -> Any:
        """The meanings as a series of cuDF."""
        import cudf

        from gpusynth_kernels.cuda.traffic import traffic

        traffic.sent(self.array.nbytes)
        return cudf.Series.from_arrow(self.array)

    @cached_property
    def table(self) -> Any:
        """The meanings as the only column of a table of pylibcudf, categories as their values."""
        import pylibcudf as plc

        from gpusynth_kernels.cuda.traffic import traffic

        array = self.array
        if pat.is_dictionary(array.type):
            array = array.dictionary_decode()
        traffic.sent(array.nbytes)
        return plc.Table([plc.Column.from_arrow(array)])


@dataclass(frozen=True, slots=True)
class CodedColumn:
    """Some rows of a column that lie on the device, at least one.

    Attributes
    ----------
    meanings : Meanings
    codes : device array of uint8 or uint16, shape (n_rows,)
        Nobody looks at them where nothing has a meaning.
    numbers : device array of float64 or int64, shape (n_rows,), or None
        The answers of the rows whose codes are `n_meanings` or more, as
        `gpusynth.table.numbers.to_numbers` reads them. None where all codes are below.
    """

    meanings: Meanings
    codes: Array
    numbers: Array | None = None


def can_be_made(kind: Any, *, has_numbers: bool) -> bool:
    """Return whether a column of an Arrow type can be made of codes on the device.

    Parameters
    ----------
    kind : pyarrow.DataType
        Of a column that cuDF can hold.
    has_numbers : bool
        Whether numbers lie beside the codes. Text, dates without a time, categories and times with
        a zone are then made on the host: cuDF does not store their numbers as they are.

    Returns
    -------
    bool
    """
    if not has_numbers:
        return not pat.is_float16(kind) and not (pat.is_decimal(kind) and kind.bit_width > _WIDEST)
    return _stored_dtype(kind) is not None


def _stored_dtype(kind: Any) -> Any:
    """Return the dtype of the numbers that cuDF stores of a type; None where it stores others."""
    if pat.is_integer(kind) or pat.is_float32(kind) or pat.is_float64(kind):
        return np.dtype(kind.to_pandas_dtype())
    if pat.is_timestamp(kind) and kind.tz is None:
        return np.dtype(np.int64)
    if pat.is_decimal(kind) and kind.bit_width <= _WIDEST:
        return np.dtype(np.int32 if kind.bit_width == np.dtype(np.int32).itemsize * 8 else np.int64)
    return None


def made_series(column: CodedColumn) -> Any:
    """Make a series of cuDF; its categories and their order are those of the meanings.

    Parameters
    ----------
    column : CodedColumn
        Of a type for which `can_be_made` holds.

    Returns
    -------
    cudf.Series
        With a plain index.

    Raises
    ------
    BackendUnavailableError
        If cuDF cannot use a GPU any more.
    MemoryError
        If there is no room on the device.
    """
    import cudf

    with on_gpu():
        if column.numbers is None:
            return column.meanings.series.take(column.codes).reset_index(drop=True)
        return cudf.Series.from_pylibcudf(_column(column))


def made_column(column: CodedColumn) -> Any:
    """Make a column of pylibcudf; categories go there as their values.

    Parameters
    ----------
    column : CodedColumn
        Of a type for which `can_be_made` holds.

    Returns
    -------
    pylibcudf.Column

    Raises
    ------
    BackendUnavailableError, MemoryError
        As for `made_series`.
    """
    with on_gpu():
        return _column(column)


def _column(column: CodedColumn) -> Any:
    import pylibcudf as plc

    from gpusynth_kernels.cuda.launch import arrays

    meanings, codes, n_meanings = column.meanings, column.codes, len(column.meanings.array)
    if column.numbers is None:
        return _gathered(meanings.table, codes)
    stored_kind = meanings.table.columns()[0].type()
    numbers = _numbers(column.numbers, meanings.array.type, stored_kind)
    if not n_meanings:
        return numbers
    states = _gathered(meanings.table, arrays().minimum(codes, n_meanings - 1))
    return plc.copying.copy_if_else(states, numbers, plc.Column.from_array(codes < n_meanings))


def _gathered(table: Any, places: Array) -> Any:
    """Return a table's only column at places that are all there."""
    import pylibcudf as plc

    unchecked = plc.copying.OutOfBoundsPolicy.DONT_CHECK
    return plc.copying.gather(table, plc.Column.from_array(places), unchecked).columns()[0]


def _numbers(numbers: Array, kind: Any, stored_kind: Any) -> Any:
    """Return numbers as a column without nulls, as Arrow holds them: whole times and units.

    Decimals of 128 bits are two words, the second one all sign (`gpusynth.table.numbers`).
    """
    import pylibcudf as plc

    from gpusynth_kernels.cuda.launch import arrays

    stored = numbers.astype(_stored_dtype(kind), copy=False)
    if pat.is_decimal(kind) and kind.bit_width == _WIDEST:
        stored = arrays().stack((stored, stored >> 63), axis=1)
    room = plc.gpumemoryview(stored)
    return plc.Column(stored_kind, int(numbers.shape[0]), room, None, 0, 0, [])
