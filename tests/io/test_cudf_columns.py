"""Columns of cuDF made on the device: which types can be, and the contract with RAPIDS itself.

That they are those of the host is shown in `tests.simulator.test_resident_output`.
"""

import decimal
import inspect
from types import SimpleNamespace

import numpy as np
import pyarrow as pa
import pytest

from gpusynth.io import cudf_columns
from gpusynth.io.cudf_columns import CodedColumn, Meanings, can_be_made, made_column, made_series


@pytest.mark.parametrize(
    ("kind", "of_codes", "with_numbers"),
    [
        (pa.int8(), True, True),
        (pa.uint64(), True, True),
        (pa.float32(), True, True),
        (pa.float16(), False, False),
        (pa.decimal128(9, 2), True, True),
        (pa.decimal64(9, 2), True, True),
        (pa.decimal256(50, 2), False, False),
        (pa.timestamp("s"), True, True),
        (pa.timestamp("us", "UTC"), True, False),
        (pa.date32(), True, False),
        (pa.bool_(), True, False),
        (pa.string(), True, False),
        (pa.dictionary(pa.int8(), pa.int64()), True, False),
    ],
)
def test_which_types_can_be_made(kind, of_codes, with_numbers):
    assert can_be_made(kind, has_numbers=False) is of_codes
    assert can_be_made(kind, has_numbers=True) is with_numbers


class _Pretended(np.ndarray):
    """An array of the host that says that it lies on a device; nobody reads it there."""

    @property
    def __cuda_array_interface__(self):
        return {**self.__array_interface__, "stream": None}


@pytest.mark.rapids
@pytest.mark.parametrize(
    ("kind", "name", "dtype"),
    [
        (pa.int16(), "INT16", "int16"),
        (pa.float32(), "FLOAT32", "float32"),
        (pa.timestamp("ms"), "TIMESTAMP_MILLISECONDS", "datetime64[ms]"),
        (pa.decimal64(9, 2), "DECIMAL64", "decimal64"),
        (pa.decimal32(9, 2), "DECIMAL32", "decimal32"),
        (pa.decimal128(20, 2), "DECIMAL128", "decimal128"),
    ],
)
def test_numbers_are_taken_as_they_lie(monkeypatch, kind, name, dtype):
    """Without a GPU: cuDF asks the memory nothing until somebody works with it."""
    plc, cudf = pytest.importorskip("pylibcudf"), pytest.importorskip("cudf")
    from gpusynth_kernels.cuda import launch

    stacked = SimpleNamespace(stack=lambda parts, axis: np.stack(parts, axis).view(_Pretended))
    monkeypatch.setattr(launch, "arrays", lambda: stacked)
    given = plc.DataType(getattr(plc.TypeId, name), -getattr(kind, "scale", 0))
    column = cudf_columns._numbers(np.arange(7).view(_Pretended), kind, given)
    assert column.size() == 7
    assert column.null_count() == 0
    assert column.data().size == 7 * kind.bit_width // 8
    series = cudf.Series.from_pylibcudf(column)
    assert str(series.dtype) == dtype
    frame = cudf.DataFrame({"a": series, "b": series}, nan_as_null=False)
    assert [str(kind) for kind in frame.dtypes] == [dtype] * 2
    assert getattr(series.dtype, "scale", 0) == getattr(kind, "scale", 0)


@pytest.mark.rapids
def test_cudf_and_pylibcudf_have_what_is_asked():
    cudf, plc = pytest.importorskip("cudf"), pytest.importorskip("pylibcudf")
    cupy = pytest.importorskip("cupy")
    for name in ("bincount", "concatenate", "minimum", "stack"):
        assert hasattr(cupy, name)
    for name in ("from_arrow", "from_pylibcudf", "take", "reset_index"):
        assert hasattr(cudf.Series, name)
    assert "nan_as_null" in inspect.signature(cudf.DataFrame).parameters
    assert "drop" in inspect.signature(cudf.Series.reset_index).parameters
    for name in ("from_arrow", "from_array", "type"):
        assert hasattr(plc.Column, name)
    assert plc.Table.columns and plc.gpumemoryview
    assert plc.copying.gather and plc.copying.copy_if_else
    assert plc.copying.OutOfBoundsPolicy.DONT_CHECK is not None


def _decimal(units):
    return decimal.Decimal(units).scaleb(-2)


COLUMNS = {
    "text": (pa.array(["a", None, "", "é"]), None),
    "categories": (
        pa.DictionaryArray.from_arrays(
            pa.array([None, 1, 0], pa.int8()), ["x", "y", "never"], ordered=True
        ),
        None,
    ),
    "days with a zone": (pa.array([0, None, 86_400], pa.timestamp("s", "Europe/Vienna")), None),
    "flags": (pa.array([None, False, True]), None),
    "floats": (pa.array([None, float("nan"), 0.0]), np.array([1.5, -2.0, 0.0, 4.0, 1e-300])),
    "whole": (pa.array([], pa.int16()), np.array([5, -6, 7, 8, 9])),
    "times": (pa.array([None], pa.timestamp("ms")), np.array([1, -2, 3, 4, 5])),
    "wide decimals": (
        pa.array([None, _decimal(-9)], pa.decimal128(20, 2)),
        np.array([0, 0, -1, 250, 2**60]),
    ),
    "decimals": (pa.array([None], pa.decimal64(9, 2)), np.array([0, 1, -1, 250, 99])),
}


@pytest.mark.rapids
@pytest.mark.parametrize("case", COLUMNS)
def test_with_cudf_itself(case):
    cudf, cupy = pytest.importorskip("cudf"), pytest.importorskip("cupy")
    meanings, numbers = COLUMNS[case]
    codes = np.arange(5, dtype=np.uint8)
    if numbers is None:
        codes %= len(meanings)
    expected = [
        meanings[int(code)].as_py() if code < len(meanings) else _as_python(number, meanings.type)
        for code, number in zip(codes, codes if numbers is None else numbers, strict=True)
    ]
    try:
        there = cupy.asarray(codes)
    except Exception as error:  # noqa: BLE001 - CuPy has many ways to say so
        pytest.skip(f"cuDF is installed and has no GPU: {type(error).__name__}")
    column = CodedColumn(
        Meanings(meanings), there, None if numbers is None else cupy.asarray(numbers)
    )
    series, arrows = made_series(column), cudf.Series.from_arrow(pa.array(expected, meanings.type))
    assert str(series.dtype) == str(arrows.dtype)
    assert repr(series.to_arrow().to_pylist()) == repr(expected)
    assert series.index.equals(arrows.index)
    values = pa.array(made_column(column).to_arrow())
    assert repr(values.to_pylist()) == repr(expected)


def _as_python(number, kind):
    if pa.types.is_decimal(kind):
        return _decimal(int(number))
    return pa.array([number]).cast(kind)[0].as_py()
