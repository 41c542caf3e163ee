"""Tables in memory out: the same kind of object, with the same dtypes, as came in."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import pyarrow as pa

from gpusynth.io.cudf import is_cudf
from gpusynth.io.cudf_out import like_cudf

__all__ = ["like_input"]


def like_input(table: pa.Table, original: Any, *, sources: Mapping[str, str] | None = None) -> Any:
    """Return a table as the kind of object that the user gave.

    Parameters
    ----------
    table : pyarrow.Table
        Synthetic rows; its columns are among those of `original`, with their types.
    original : object
        A pandas or polars data frame, a pyarrow table or record batch, or another object with
        ``__arrow_c_stream__``.
    sources : mapping of str to str, optional
        Column of `table` -> column of `original` that it stands for; the same names by default.
        A column that stands for none keeps its Arrow type.

    Returns
    -------
    object
        A pandas data frame with a fresh index and the original's names and dtypes (categories
        and their order included), a polars data frame with the original's dtypes, a pyarrow
        table or record batch with the original's string views, a cuDF data frame with the
        original's dtypes, and a `pyarrow.Table` for everything else.
    """
    import narwhals.stable.v2 as nw

    if sources is None:
        sources = {name: name for name in table.column_names}
    if nw.dependencies.is_pandas_dataframe(original):
        return _like_pandas(table, original, sources)
    if nw.dependencies.is_polars_dataframe(original):
        return _like_polars(table, original, sources)
    if is_cudf(original):
        return like_cudf(table, original, sources)
    if isinstance(original, pa.Table | pa.RecordBatch):
        table = _like_arrow(table, original.schema, sources)
    if isinstance(original, pa.RecordBatch):
        columns = [c.combine_chunks() for c in table.unify_dictionaries().columns]
        return pa.RecordBatch.from_arrays(columns, schema=table.schema)
    return table


def _like_arrow(table: pa.Table, original: pa.Schema, sources: Mapping[str, str]) -> pa.Table:
    # The readers made large strings of string views.
    for name, source in sources.items():
        kind = original.field(source).type
        if str(kind) == "string_view":
            position = table.schema.get_field_index(name)
            field = table.schema.field(position).with_type(kind)
            table = table.set_column(position, field, table.column(position).cast(kind))
    return table


def _like_polars(table: pa.Table, original: Any, sources: Mapping[str, str]) -> Any:
    import polars as pl

    frame = pl.DataFrame(table)
    return frame.cast({name: original.schema[source] for name, source in sources.items()})


def _like_pandas(table: pa.Table, original: Any, sources: Mapping[str, str]) -> Any:
    import pandas as pd

    known = {str(name): position for position, name in enumerate(original.columns)}
    series: list[Any] = []
    names: list[Any] = []
    for name, column in zip(table.column_names, table.columns, strict=True):
        if name not in sources:
            series.append(pd.Series(column.to_numpy()))
            names.append(name)
            continue
        position = known[sources[name]]
        series.append(_like_series(column, original.iloc[:, position]))
        # The name itself, which need not be text.
        names.append(original.columns[position] if sources[name] == name else name)
    frame = pd.concat(series, axis=1) if series else pd.DataFrame()
    if list(sources) == table.column_names and all(n == s for n, s in sources.items()):
        # With the name of the axis.
        frame.columns = original.columns[[known[name] for name in table.column_names]]
    else:
        frame.columns = pd.Index(names, name=original.columns.name)
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
