"""Cells: which answers of a file are to be imputed."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from gpusynth.arrays import Array
from gpusynth.errors import DataError, PlanError
from gpusynth.imputation.settings import MissingCodes
from gpusynth.table import Codec, Schema, Table
from gpusynth.table.codec_numbers import NumberCodec

__all__ = ["check_impute", "missing_cells"]

_BLANKS = ("null", "nan")


def check_impute(impute: Mapping[str, MissingCodes], schema: Schema) -> None:
    """Check what a user names before the file is read.

    Parameters
    ----------
    impute : mapping of str to sequence
        Column -> missing codes, None for a blank.
    schema : Schema

    Raises
    ------
    PlanError
        If a column is unknown, has the role drop or key, or a code is none of its missing codes.
    """
    for name, codes in impute.items():
        if name not in schema.names:
            raise PlanError(f"impute: unknown column {name!r}. Correct the name.")
        column = schema[name]
        if column.role in ("drop", "key"):
            raise PlanError(
                f"impute: column {name!r} has role {column.role} and is never imputed. Remove it, "
                "or change the role."
            )
        if isinstance(codes, str) or not codes:
            raise PlanError(
                f"impute: column {name!r} needs a list of missing codes; None is a blank."
            )
        known = [_text(code) for code in column.missing_codes]
        for place, code in enumerate(codes, start=1):
            if code is not None and _text(code) not in known:
                raise PlanError(
                    f"impute: code {place} given for column {name!r} is none of the column's "
                    f"{len(known)} missing codes. List it in missing_codes of the schema."
                )


def missing_cells(
    table: Table, impute: Mapping[str, MissingCodes] | None, *, file: str
) -> dict[str, Array]:
    """Return the rows whose answer is to be imputed, for every column that has any.

    Parameters
    ----------
    table : Table
    impute : mapping of str to sequence, optional
        Checked by `check_impute`; blanks of every column by default.
    file : str
        For messages.

    Returns
    -------
    dict of str to array of int32, shape (n_missing,)
        Ascending and read-only, in file order of the columns.

    Raises
    ------
    DataError
        If there is nothing to impute, a column has no answer to learn from, or a weight is missing
        and was not named.
    """
    cells: dict[str, Array] = {}
    for name, codes in table.codes.items():
        chosen: MissingCodes = (None,) if impute is None else impute.get(name, ())
        numbers = _code_numbers(table.codecs[name], chosen)
        rows = np.flatnonzero(np.isin(codes, numbers)).astype(np.int32)
        if not len(rows):
            continue
        if impute is None and name == table.schema.weight:
            raise DataError(
                f"{file}: column {name!r} is the weight, and {len(rows)} rows have none, first in "
                f"data row {int(rows[0]) + 1}. Correct them, or name the columns to impute."
            )
        if len(rows) == table.n_rows:
            raise DataError(
                f"{file}: column {name!r} has no answer to learn from, all {table.n_rows} rows "
                "are missing. Give it the role drop, or name the columns to impute without it."
            )
        rows.flags.writeable = False  # nobody changes them, so a device may keep its copy
        cells[name] = rows
    if not cells:
        where = "no column has a blank" if impute is None else "no row has a code that impute names"
        raise DataError(f"{file}: there is nothing to impute, {where}.")
    return cells


def _code_numbers(codec: Codec, chosen: MissingCodes) -> list[int]:
    """Return the codes of a column that stand for what is to be imputed."""
    automatic = _automatic(codec)
    numbers = []
    for code in chosen:
        if code is None:
            numbers += [place for place, name in enumerate(automatic) if name in _BLANKS]
        else:
            known = [_text(other) for other in codec.column.missing_codes]
            numbers.append(len(automatic) + known.index(_text(code)))
    return numbers


def _automatic(codec: Codec) -> tuple[str, ...]:
    """Return the states that need no schema, in the order of their codes."""
    if isinstance(codec, NumberCodec):
        return codec.specials.automatic
    return tuple(getattr(codec, "automatic", ()))


def _text(code: str | float) -> str:
    """Write a code as text, whole numbers without a point: -8, -8.0 and "-8" are the same."""
    if isinstance(code, float) and code.is_integer():
        return str(int(code))
    return str(code)
