"""Survey weights of the real rows, checked."""

from __future__ import annotations

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import DataError
from gpusynth.table import Codec, Table, as_numbers, read_table

__all__ = ["column_weights", "survey_weights"]


def survey_weights(table: Table, *, file: str = "") -> Array | None:
    """Return the weight of every real row.

    Parameters
    ----------
    table : Table
    file : str
        For messages.

    Returns
    -------
    array of float64, shape (n_rows,), or None when no column has the role weight

    Raises
    ------
    DataError
        If the column holds no numbers, a weight is missing, negative or not finite, or all are
        zero.
    """
    name = table.schema.weight
    if name is None:
        return None
    kind = table.schema[name].kind
    if not table.schema[name].is_number:
        raise DataError(
            f"column {name!r} is the weight, but its kind is {kind}. "
            "Set kind = 'numeric' or 'integer' in the schema, or give it another role."
        )
    return column_weights(table.codecs[name], read_table(table)(name), file=file)


def column_weights(codec: Codec, answers: tuple[Array, Array | None], *, file: str) -> Array:
    """Return the weights that a column of numbers holds.

    Parameters
    ----------
    codec : Codec
    answers : tuple of codes and values
        Of the rows.
    file : str
        For messages.

    Returns
    -------
    array of float64, shape (n_rows,)

    Raises
    ------
    DataError
        If a weight is missing, negative or not finite, or all are zero.
    """
    codes, values = answers
    weight = as_numbers(codec, codes, values)
    n_spikes = len(codec.column.spikes)
    first_spike = codec.n_special - n_spikes  # missing codes come first, then the spikes
    for position, spike in enumerate(codec.column.spikes):
        weight[codes == first_spike + position] = spike
    bad = np.flatnonzero((codes < first_spike) | ~np.isfinite(weight) | (weight < 0))
    place = f"{file}: column" if file else "column"
    name = codec.column.name
    if bad.size:
        raise DataError(
            f"{place} {name!r} is the weight, but {bad.size} rows have none that can be used "
            f"(missing, negative or not finite), first in data row {int(bad[0]) + 1}. "
            "Correct them, or give the column another role."
        )
    if not weight.any():
        raise DataError(f"{place} {name!r} is the weight, but every weight is zero")
    return weight
