"""Tables in memory in: pyarrow, pandas, polars and whatever has the Arrow PyCapsule interface."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

import pyarrow as pa

from gpusynth.errors import DataError
from gpusynth.io.columns import check_names, plain_batch, plain_schema, selected_names
from gpusynth.io.cudf import cudf_to_arrow, is_cudf
from gpusynth.io.digest import table_sha256
from gpusynth.io.input_file import no_rows
from gpusynth.io.rebatch import rebatch
from gpusynth.table.source import BATCH_ROWS

__all__ = ["MemorySource", "arrow_table"]

_NAME = "table"
_KNOWN = "a pandas or polars data frame, a pyarrow table or an object with __arrow_c_stream__"


class MemorySource:
    """A `gpusynth.table.source.Source` over a table in memory.

    Numbers are not copied where the object's layout is Arrow's.

    Parameters
    ----------
    data : object
        As for `arrow_table`.

    Raises
    ------
    DataError
        As `arrow_table`, and if there are no rows.
    """

    name = _NAME
    is_text = False

    def __init__(self, data: Any) -> None:
        table = arrow_table(data)
        self.arrow_schema = plain_schema(table.schema, _NAME)
        self._batches = [
            plain_batch(batch, self.arrow_schema)
            for batch in table.unify_dictionaries().to_batches()
        ]
        self.n_rows: int = table.num_rows
        if self.n_rows == 0:
            raise no_rows("the table")

    def batches(
        self, columns: Sequence[str] | None = None, *, batch_rows: int = BATCH_ROWS
    ) -> Iterator[pa.RecordBatch]:
        """Yield batches of exactly `batch_rows` rows (the last may be shorter), in row order.

        Parameters
        ----------
        columns : sequence of str, optional
            Columns to read, in this order; all by default.
        batch_rows : int
        """
        names = selected_names(columns, self.arrow_schema)
        return rebatch((batch.select(names) for batch in self._batches), batch_rows)

    def fingerprint(self) -> str:
        """SHA-256 of the table's Arrow IPC bytes, however it was cut into chunks."""
        return table_sha256(pa.Table.from_batches(self._batches, self.arrow_schema))


def arrow_table(data: Any) -> pa.Table:
    """Return the rows of a data frame or table as a `pyarrow.Table`.

    Parameters
    ----------
    data : object
        A `pyarrow.Table` or `RecordBatch`, a pandas, polars or cuDF data frame, any data frame that
        narwhals knows, or anything with ``__arrow_c_stream__``. The index of a pandas data frame
        is left out.

    Returns
    -------
    pyarrow.Table

    Raises
    ------
    DataError
        If the object is of another kind, or a column mixes types; the message names the column.
    """
    import narwhals.stable.v2 as nw

    if isinstance(data, pa.Table):
        return data
    if isinstance(data, pa.RecordBatch):
        return pa.Table.from_batches([data])
    if nw.dependencies.is_pandas_dataframe(data):
        return _from_pandas(data)
    if nw.dependencies.is_polars_lazyframe(data):
        raise DataError("a lazy frame has no rows yet. Call its collect() first.")
    if nw.dependencies.is_into_series(data):
        raise _no_table(data)
    try:
        if is_cudf(data):
            return cudf_to_arrow(data)
        if nw.dependencies.is_polars_dataframe(data):
            # Not through the capsule, which would give string views.
            return data.to_arrow()
        if hasattr(data, "__arrow_c_stream__"):
            return pa.table(data)
        return nw.from_native(data, eager_only=True).to_arrow()
    except TypeError:
        raise _no_table(data) from None
    except pa.ArrowException:
        raise DataError(
            "the table cannot be turned into Arrow. Give every column one plain type."
        ) from None


def _no_table(data: Any) -> DataError:
    return DataError(
        f"an object of type {type(data).__qualname__} is no table. Give a path, {_KNOWN}."
    )


def _from_pandas(frame: Any) -> pa.Table:
    if frame.columns.nlevels > 1:
        raise DataError("the table has column names of several levels. Flatten them to text.")
    check_names([str(name) for name in frame.columns], "the table")
    arrays = []
    for position, name in enumerate(frame.columns):
        try:
            array = pa.Array.from_pandas(frame.iloc[:, position])
        except (pa.ArrowException, TypeError, ValueError, OverflowError):
            raise DataError(
                f"table: column {str(name)!r} mixes types or holds objects that are neither "
                "numbers, text nor dates. Convert it to one type."
            ) from None
        arrays.append(array)
    return pa.table(arrays, names=[str(name) for name in frame.columns])
