"""Tables in memory out: the same kind of object, with the same dtypes, as came in."""

from __future__ import annotations

from typing import Any

import narwhals.stable.v2 as nw
import numpy as np
import pyarrow as pa

__all__ = ["like_input"]


def like_input(table: pa.Table, original: Any) -> Any:
    """Return a table as the kind of object that the user gave.

    Parameters
    ----------
    table : pyarrow.Table
        Synthetic rows; its columns are among those of `original`, with their types.
    original : object
        A pandas or polars data frame, a pyarrow table or record batch, or another object with
        ``__arrow_c_stream__``.

    Returns
    -------
    object
        A pandas data frame with a fresh index and the original's names and dtypes (categories
        and their order included), a polars data frame with the original's dtypes, a pyarrow
        record batch for one, and a `pyarrow.Table` for everything else.
    """
    if nw.dependencies.is_pandas_dataframe(original):
        return _like_pandas(table, original)
    if nw.dependencies.is_polars_dataframe(original):
        return _like_polars(table, original)
    if isinstance(original, pa.RecordBatch):
        columns = [c.combine_chunks() for c in table.unify_dictionaries().columns]
        return pa.RecordBatch.from_arrays(columns, schema=table.schema)
    return table


def _like_polars(table: pa.Table, original: Any) -> Any:
    import polars as pl

    frame = pl.DataFrame(table)
    return frame.cast({name: original.schema[name] for name in frame.columns})


def _like_pandas(table: pa.Table, original: Any) -> Any:
    import pandas as pd

    names = {str(name): position for position, name in enumerate(original.columns)}
    positions = [names[name] for name in table.column_names]
    series = [
        _like_series(column, original.iloc[:, position])
        for column, position in zip(table.columns, positions, strict=True)
    ]
    frame = pd.concat(series, axis=1) if series else pd.DataFrame()
    # The names themselves, which need not be text, and the name of the axis.
    frame.columns = original.columns[positions]
    return frame


def _like_series(column: pa.ChunkedArray, original: Any) -> Any:
    import pandas as pd

    dtype = original.dtype
    if isinstance(dtype, pd.CategoricalDtype):
        return pd.Series(_like_categories(column, dtype))
    if isinstance(dtype, pd.api.extensions.ExtensionDtype):
        return pd.Series(dtype.__from_arrow__(column), dtype=dtype)
    if dtype.kind == "O":
        # Whatever stood for missing in this column: None or NaN.
        missing = original[original.isna()]
        null = missing.iloc[0] if len(missing) else None
        return pd.Series([null if v is None else v for v in column.to_pylist()], dtype=object)
    return pd.Series(column.to_numpy()).astype(dtype)


def _like_categories(column: pa.ChunkedArray, dtype: Any) -> Any:
    import pandas as pd

    if not pa.types.is_dictionary(column.type):
        column = column.dictionary_encode()
    array = column.unify_dictionaries().combine_chunks()
    places = dtype.categories.get_indexer(pd.Index(array.dictionary.to_pandas()))
    # Null has no place among the categories: pandas writes it as -1.
    indices = array.indices.cast(pa.int64()).fill_null(len(places)).to_numpy(zero_copy_only=False)
    return pd.Categorical.from_codes(np.append(places, -1)[indices], dtype=dtype)
