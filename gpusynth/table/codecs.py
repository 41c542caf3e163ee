"""Codecs: fit one for each column from one stream over the file, and rebuild them from JSON."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np

from gpusynth.arrays import code_dtype
from gpusynth.errors import CodecError
from gpusynth.table.codec_levels import LevelCodec
from gpusynth.table.codec_numbers import NumberCodec
from gpusynth.table.schema import Column, Schema
from gpusynth.table.sketch import ColumnSketch, sketch_columns
from gpusynth.table.source import BATCH_ROWS, Source
from gpusynth.table.table import Codec

__all__ = ["answer_texts", "codec_from_json", "coded_columns", "fit_codec", "fit_codecs"]


def coded_columns(schema: Schema) -> tuple[str, ...]:
    """Return the names of the columns that have codecs: all but those dropped and the keys."""
    return tuple(column.name for column in schema.columns if column.role not in ("drop", "key"))


def fit_codec(column: Column, sketch: ColumnSketch) -> Codec:
    """Fit the codec of one column.

    Raises
    ------
    CodecError
        If schema and data contradict each other; names the column.
    """
    if column.is_number:
        return NumberCodec.fit(column, sketch)
    return LevelCodec.fit(column, sketch)


def fit_codecs(
    schema: Schema,
    source: Source,
    *,
    batch_rows: int = BATCH_ROWS,
    sketches: Mapping[str, ColumnSketch] | None = None,
    n_threads: int = 1,
) -> dict[str, Codec]:
    """Fit the codecs of all columns but those whose role is ``drop`` or ``key``.

    Parameters
    ----------
    schema : Schema
        Checked against the source (`check_schema`).
    source : Source
    batch_rows : int
        Rows read at a time; the answer does not depend on it.
    sketches : mapping of column name to ColumnSketch, optional
        Of the same source (`InferredSchema.sketches`); saves the stream.
    n_threads : int
        Columns that are looked at side by side.

    Returns
    -------
    dict of column name to Codec, in the schema's order

    Raises
    ------
    CodecError
        If schema and data contradict each other; names file and column.
    DataError
        If the source has no rows, or a number does not fit 64 bits.
    """
    names = coded_columns(schema)
    if not names:
        raise CodecError(
            f"{source.name}: no column is left, every one has the role drop or key; "
            "change the roles in the schema"
        )
    if sketches is None:
        sketches = sketch_columns(source, names, batch_rows=batch_rows, n_threads=n_threads)
    codecs: dict[str, Codec] = {}
    for name in names:
        try:
            codecs[name] = fit_codec(schema[name], sketches[name])
        except CodecError as error:
            raise CodecError(f"{source.name}: {error}") from error
    return codecs


def answer_texts(codec: Codec) -> list[str]:
    """Return the answer that each code stands for as text; missing ones are ``""``.

    Parameters
    ----------
    codec : Codec
        Exact.

    Returns
    -------
    list of str, length n_codes
        Two codes may have the same text: null and an empty answer.
    """
    codes = np.arange(codec.n_codes, dtype=code_dtype(codec.n_codes))
    answers = codec.decode(codes, None).to_pylist()
    return ["" if answer is None else str(answer) for answer in answers]


def codec_from_json(mapping: Mapping[str, Any]) -> Codec:
    """Rebuild a codec from what its `to_json` returned.

    Raises
    ------
    CodecError
        If the description is not one of a codec.
    """
    kinds: Mapping[str, type[LevelCodec] | type[NumberCodec]] = {
        "levels": LevelCodec,
        "numbers": NumberCodec,
    }
    kind = kinds.get(mapping.get("codec", ""))
    if kind is None:
        raise CodecError(
            "not the description of a codec: its 'codec' is neither levels nor numbers"
        )
    return kind.from_json(mapping)
