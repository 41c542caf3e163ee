"""cuDF data frames in and out, by way of Arrow: dictionary columns and nulls stay what they are."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import narwhals.stable.v2 as nw
import pyarrow as pa

from gpusynth.errors import BackendUnavailableError

__all__ = ["cudf_to_arrow", "is_cudf", "like_cudf"]


def is_cudf(data: Any) -> bool:
    """Return whether an object is a cuDF data frame; asks nothing of a machine without cuDF."""
    return bool(nw.dependencies.is_cudf_dataframe(data))


def cudf_to_arrow(frame: Any) -> pa.Table:
    """Return the rows of a cuDF data frame, without its index.

    Parameters
    ----------
    frame : cudf.DataFrame

    Returns
    -------
    pyarrow.Table
        On the host: encoding by a schema is the processor's work. Categories become dictionaries.
    """
    table: pa.Table = frame.to_arrow(preserve_index=False)
    return table.replace_schema_metadata(None)


def like_cudf(table: pa.Table, original: Any, sources: Mapping[str, str]) -> Any:
    """Return a table as a cuDF data frame with the dtypes of the one that was given.

    Parameters
    ----------
    table : pyarrow.Table
    original : cudf.DataFrame
    sources : mapping of str to str
        Column of `table` -> column of `original` whose dtype it takes.

    Returns
    -------
    cudf.DataFrame

    Raises
    ------
    BackendUnavailableError
        If cuDF cannot use a GPU any more.
    """
    import cudf

    try:
        frame = cudf.DataFrame.from_arrow(table)
    except RuntimeError as error:
        reason = f"{type(error).__name__}: {error}".splitlines()[0]
        raise BackendUnavailableError(
            f"cuDF cannot use the GPU ({reason}). Check nvidia-smi, or give a pyarrow table."
        ) from None
    return frame.astype({name: original[source].dtype for name, source in sources.items()})
