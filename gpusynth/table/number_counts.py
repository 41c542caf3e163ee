"""Number counts: the distinct numbers of a sketched column once its kind is known."""

from __future__ import annotations

import numpy as np

from gpusynth.errors import CodecError
from gpusynth.table.counts import ValueCounts
from gpusynth.table.schema import Column
from gpusynth.table.sketch import ColumnSketch
from gpusynth.table.special_codes import NumberSpecials, number_dtype, parse_texts

__all__ = ["numbers_of"]


def numbers_of(column: Column, sketch: ColumnSketch, specials: NumberSpecials) -> ValueCounts:
    """Return the counts of a column's numbers, read as its kind says, in storage units.

    Texts that do not read so are left out: encoding reports them with their row.

    Raises
    ------
    CodecError
        If the column holds too many texts that do not read as its kind, or is a dictionary.
    """
    dtype = number_dtype(column)
    if sketch.dictionary is not None:
        raise CodecError(
            f"column {column.name!r} is an Arrow dictionary and cannot be {column.kind}; "
            "make it categorical or ordered"
        )
    if sketch.numbers is not None:
        values = sketch.numbers.values
        if dtype != np.int64 or values.dtype == np.int64:
            return ValueCounts(values.astype(dtype), sketch.numbers.counts)
        whole = (values == np.floor(values)) & (np.abs(values) < 2.0**62)
        return ValueCounts(values[whole].astype(np.int64), sketch.numbers.counts[whole])
    texts = sketch.texts
    if texts is not None and not texts.stopped:
        numbers, parses = parse_texts(column, texts.texts)
        for text in specials.texts:
            place = texts.texts.index(text).as_py()
            if place >= 0:
                parses[place] = False
        return ValueCounts.empty(dtype).combine(ValueCounts(numbers[parses], texts.counts[parses]))
    family = sketch.timestamps if column.kind == "timestamp" else sketch.text_numbers
    if family is None or family.stopped or column.kind == "date":
        raise CodecError(
            f"column {column.name!r} holds too many texts that are no {column.kind} values; "
            "correct its kind in the schema, or give it the role key or drop"
        )
    counts = family.numbers
    if dtype == np.int64 and counts.values.dtype != np.int64:
        whole = counts.values == np.floor(counts.values)
        return ValueCounts(counts.values[whole].astype(np.int64), counts.counts[whole])
    return ValueCounts(counts.values.astype(dtype), counts.counts)
