"""cuDF in: data frames, their columns told by distinct values, and Parquet read on the GPU.

Nothing but the modules ``gpusynth.io.cudf*`` imports cuDF. What crosses to the host is said in
docs/gpu.md.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import numpy as np
import pyarrow as pa
import pyarrow.types as pat

from gpusynth.arrays import Array
from gpusynth.errors import BackendUnavailableError
from gpusynth.table.distinct import DistinctBatch

__all__ = [
    "check_cudf",
    "cudf_to_arrow",
    "distinct_of_series",
    "free_device_bytes",
    "is_cudf",
    "is_number",
    "is_told",
    "numbers_of_series",
    "on_gpu",
    "read_row_groups",
]


def is_cudf(data: Any) -> bool:
    """Return whether an object is a cuDF data frame; asks nothing of a machine without cuDF."""
    import narwhals.stable.v2 as nw  # 5 MB that a run from file to file does without

    return bool(nw.dependencies.is_cudf_dataframe(data))


def check_cudf() -> None:
    """Check that cuDF can be imported.

    Raises
    ------
    BackendUnavailableError
        Naming the extra that brings it.
    """
    try:
        import cudf  # noqa: F401
    except ImportError:
        raise BackendUnavailableError(
            'io "cudf" needs cuDF, which is not installed. Install it with: '
            'pip install "gpusynth[rapids-cu13]" (or rapids-cu12), or use io "arrow".'
        ) from None


@contextmanager
def on_gpu() -> Iterator[None]:
    """Turn what cuDF raises without a working GPU into one error.

    Raises
    ------
    BackendUnavailableError
    """
    try:
        yield
    except RuntimeError as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise BackendUnavailableError(
            f"cuDF cannot use the GPU ({reason}). Check nvidia-smi, or give a pyarrow table."
        ) from None


def cudf_to_arrow(frame: Any) -> pa.Table:
    """Return the rows of a cuDF data frame, without its index.

    Parameters
    ----------
    frame : cudf.DataFrame

    Returns
    -------
    pyarrow.Table
        On the host. Categories become dictionaries.
    """
    table: pa.Table = frame.to_arrow(preserve_index=False)
    return table.replace_schema_metadata(None)


def is_told(kind: Any) -> bool:
    """Return whether columns of an Arrow type are told by distinct values.

    Floats are not, since they have many (see `is_number`); nor are decimals.

    Parameters
    ----------
    kind : pyarrow.DataType

    Returns
    -------
    bool
    """
    text = pat.is_string(kind) or pat.is_large_string(kind) or pat.is_dictionary(kind)
    times = pat.is_date(kind) or pat.is_timestamp(kind)
    return bool(text or times or pat.is_integer(kind) or pat.is_boolean(kind))


def distinct_of_series(series: Any, kind: Any) -> DistinctBatch:
    """Tell a cuDF series by its distinct values; its rows stay on the device.

    Parameters
    ----------
    series : cudf.Series
    kind : pyarrow.DataType
        For which `is_told` holds.

    Returns
    -------
    DistinctBatch
        Values ascending, or those of the categories in their order.
    """
    import cupy

    with on_gpu():
        if pat.is_dictionary(kind):
            codes = series.cat.codes.fillna(-1).values
            values = series.cat.categories.to_arrow().cast(kind.value_type)
        else:
            codes, distinct = series.factorize(sort=True)
            values = distinct.to_arrow().cast(kind)
        places = codes.astype(np.min_scalar_type(-max(len(values), 1)))
        del codes
        counts = cupy.asnumpy(cupy.bincount(places.astype(np.int64) + 1, minlength=len(values) + 1))

    def spread(by_place: Array) -> Array:
        # null is place -1: the last
        return np.asarray(cupy.asnumpy(cupy.asarray(by_place)[places]))

    return DistinctBatch(kind, values, counts[1:].astype(np.int64), int(counts[0]), spread)


def is_number(kind: Any) -> bool:
    """Return whether columns of an Arrow type can be learned and encoded as numbers on the device.

    Parameters
    ----------
    kind : pyarrow.DataType

    Returns
    -------
    bool
        For floats, and for whole numbers that 64 bits with a sign hold.
    """
    real = pat.is_float32(kind) or pat.is_float64(kind)
    return bool(real or (pat.is_integer(kind) and not pat.is_uint64(kind)))


def numbers_of_series(series: Any, kind: Any) -> tuple[Any, Any]:
    """Return the numbers of a cuDF series; they stay on the device.

    Parameters
    ----------
    series : cudf.Series
    kind : pyarrow.DataType
        For which `is_number` holds.

    Returns
    -------
    numbers : device array of float64 or int64, shape (n,)
        NaN or 0 where there is none.
    is_null : device array of bool, shape (n,), or None
        None where no row is null. A NaN is no null.
    """
    import cudf
    import pylibcudf as plc

    with on_gpu():
        is_float, is_null = pat.is_floating(kind), None
        if series.null_count:
            column, _ = series.to_pylibcudf()
            is_null = cudf.Series.from_pylibcudf(plc.unary.is_null(column)).values
            if not is_float:
                series = series.fillna(0)
        return series.values.astype(np.float64 if is_float else np.int64), is_null


def read_row_groups(path: Path, columns: Sequence[str], row_groups: Sequence[int]) -> Any:
    """Read row groups of a Parquet file on the GPU.

    Parameters
    ----------
    path : pathlib.Path
    columns : sequence of str
    row_groups : sequence of int

    Returns
    -------
    cudf.DataFrame

    Raises
    ------
    RuntimeError, ValueError, OSError
        As cuDF raises them.
    MemoryError
        If there is no room on the device.
    """
    import cudf

    return cudf.read_parquet(
        path, columns=list(columns), row_groups=list(row_groups), use_pandas_metadata=False
    )


def free_device_bytes() -> int:
    """Return how many bytes of the device RMM sees free; idle ones of a pool are not among them.

    Returns
    -------
    int

    Raises
    ------
    BackendUnavailableError
    """
    from rmm import mr

    with on_gpu():
        free, _ = mr.available_device_memory()
    return int(free)
