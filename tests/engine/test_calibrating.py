"""Calibration inside a run: what is totalled."""

from __future__ import annotations

import pyarrow as pa
import pytest

from gpusynth.engine.draw.calibrating import _amounts
from gpusynth.table import Column, Schema, TableSource, encode_table, fit_codecs, read_table


@pytest.mark.parametrize("storage", [pa.int64(), pa.float64(), pa.decimal128(12, 2)], ids=str)
def test_amounts_are_in_the_unit_of_the_file(storage):
    """Spikes count with their number; missing codes and nulls count 0."""
    answers = pa.array([7, 50, None, -9, 100, 8, 50, -8], pa.int32()).cast(storage)
    column = Column(
        name="x", kind="numeric", storage=str(storage), missing_codes=(-9, -8), spikes=(100, 50)
    )
    schema = Schema(columns=(column,))
    source = TableSource(pa.table({"x": answers}), name="survey")
    table = encode_table(schema, fit_codecs(schema, source), source)
    found = _amounts(table.codecs["x"], read_table(table)("x"))
    assert found.tolist() == [7.0, 50.0, 0.0, 0.0, 100.0, 8.0, 50.0, 0.0]
