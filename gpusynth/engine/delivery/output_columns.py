"""Columns of the output: their names, order and types, and the keys, which are numbered anew."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pyarrow as pa

from gpusynth.engine.real.prepared import Resolved
from gpusynth.errors import PlanError
from gpusynth.table import output_schema as drawn_schema
from gpusynth.table import parse_storage

__all__ = ["check_keys", "number_keys", "output_schema", "output_sources", "real_schema"]


def output_schema(resolved: Resolved) -> pa.Schema:
    """Return names, order and types of the output: the input's, without dropped columns.

    Under the new names where the plan gives any, and with its flag as the last column.

    Parameters
    ----------
    resolved : Resolved

    Returns
    -------
    pyarrow.Schema
        Of a text file the types that its schema names; a text file says none itself.
    """
    output = resolved.plan.output
    real = real_schema(resolved)
    fields = [field.with_name(output.new_name(field.name)) for field in real]
    if output.flag is not None:
        fields.append(pa.field(output.flag, pa.bool_(), nullable=False))
    return pa.schema(fields, metadata=real.metadata)


def output_sources(resolved: Resolved) -> Mapping[str, str]:
    """Return, for each output column that has one, the real column that it stands for.

    Parameters
    ----------
    resolved : Resolved

    Returns
    -------
    dict of str to str
        Name in the output -> name in the real file.
    """
    output = resolved.plan.output
    # A calibrated weight is a new number: it keeps its own type.
    names = [n for n in real_schema(resolved).names if n not in resolved.plan.calibrated]
    return {output.new_name(name): name for name in names}


def real_schema(resolved: Resolved) -> pa.Schema:
    """Return the output's columns under their real names, without the flag.

    Parameters
    ----------
    resolved : Resolved

    Returns
    -------
    pyarrow.Schema
    """
    source = resolved.source.arrow_schema
    drawn = drawn_schema(resolved.schema, source)
    fields = {field.name: field for field in drawn}
    for column in resolved.schema.with_role("key"):
        storage = parse_storage(column.storage)
        given = source.field(column.name)
        fields[column.name] = given if given.type == storage else pa.field(column.name, storage)
    left_out = resolved.plan.predict_only
    for name in resolved.plan.calibrated:
        # Rounding to the real column's decimals would miss the margins of small cells.
        fields[name] = pa.field(name, pa.float64(), fields[name].nullable)
    ordered = [
        fields[name] for name in resolved.schema.names if name in fields and name not in left_out
    ]
    return pa.schema(ordered, metadata=drawn.metadata)


def check_keys(resolved: Resolved, n_rows: int) -> None:
    """Check that every key column can count to `n_rows`.

    Parameters
    ----------
    resolved : Resolved
    n_rows : int

    Raises
    ------
    PlanError
        Naming the column and its type.
    """
    schema = real_schema(resolved)
    for name in resolved.plan.key_columns:
        number_keys(name, schema.field(name).type, n_rows - 1, 1, n_rows)


def number_keys(name: str, storage: pa.DataType, first: int, n_rows: int, n_total: int) -> pa.Array:
    """Return row numbers from 1; text is padded with zeros so that it sorts as numbers do.

    Parameters
    ----------
    name : str
        Of the key column, for messages.
    storage : pyarrow.DataType
    first : int
        Number of the rows before.
    n_rows : int
    n_total : int
        Rows of the whole file, which settle how wide text is.

    Returns
    -------
    pyarrow.Array
        Of the type `storage`.

    Raises
    ------
    PlanError
        If the type cannot be numbered, or not so far.
    """
    numbers = pa.array(np.arange(first + 1, first + n_rows + 1, dtype=np.int64))
    plain = storage.value_type if pa.types.is_dictionary(storage) else storage
    if pa.types.is_string(plain) or pa.types.is_large_string(plain):
        width = len(str(n_total))
        numbers = pa.array([f"{number:0{width}}" for number in numbers.to_pylist()])
    elif not (pa.types.is_integer(plain) or pa.types.is_floating(plain)):
        raise PlanError(
            f"column {name!r} has role key and the type {storage}, which cannot be numbered. "
            "A key must be a whole number or text: drop the column or change its role."
        )
    try:
        return numbers.cast(storage)
    except pa.ArrowInvalid:
        raise PlanError(
            f"column {name!r} has role key and the type {storage}, which cannot count "
            f"{n_total} rows. Ask for fewer rows or give the column another role."
        ) from None
