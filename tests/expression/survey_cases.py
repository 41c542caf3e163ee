"""A file of answers, encoded."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.csv
import pytest

from gpusynth.table import (
    Column,
    Schema,
    Table,
    TableSource,
    encode_table,
    fit_codecs,
    infer_schema,
)

SHARED = Path(__file__).parents[3] / "shared" / "data"

COLUMNS = (
    Column(name="age", kind="integer", storage="int64", missing_codes=(-8, -9), spikes=(0.0,)),
    Column(name="price", kind="numeric", storage="decimal128(12, 2)"),
    Column(name="rate", kind="numeric", storage="double", missing_codes=(-1.5,)),
    Column(name="big", kind="integer", storage="int64"),
    Column(name="single", kind="numeric", storage="float"),
    Column(name="sex", kind="categorical", storage="string", missing_codes=("N",)),
    Column(name="region", kind="categorical", storage="string"),
    Column(name="code", kind="categorical", storage="int64"),
    Column(
        name="school", kind="ordered", storage="string", levels=("none", "low", "high", "degree")
    ),
    Column(name="works", kind="boolean", storage="bool", levels=("false", "true")),
    Column(name="born", kind="date", storage="date32[day]"),
    Column(name="seen", kind="timestamp", storage="timestamp[ms]"),
    Column(name="my col's `x`", kind="integer", storage="int64"),
)


class Survey:
    """A file of answers (None for null), encoded."""

    def __init__(self, columns: dict[str, pa.Array], schema: tuple[Column, ...] = COLUMNS):
        used = tuple(column for column in schema if column.name in columns)
        self.schema = Schema(columns=used)
        source = TableSource(pa.table(columns), name="survey")
        self.codecs = fit_codecs(self.schema, source)
        self.table: Table = encode_table(self.schema, self.codecs, source)
        self.n = self.table.n_rows

    def read(self, name: str):
        return self.table.codes[name], self.table.values.get(name)

    def read_with_values(self, name: str):
        """As the engine holds columns whose method makes values: numbers beside exact codes."""
        codes, values = self.read(name)
        codec = self.codecs[name]
        if values is None and codec.column.is_number:
            ordinary = np.maximum(codes.astype(int) - codec.n_special, 0)
            values = codec.code_values[ordinary] if len(codec.code_values) else codes * 0
        return codes, values


def read_real_file(name: str) -> Survey:
    """Read a real survey file; skips where it is not here."""
    path = SHARED / name
    if not path.is_file():
        pytest.skip(f"{name} is not here")
    options = pa.csv.ConvertOptions(
        strings_can_be_null=True, null_values=["", "NA"], quoted_strings_can_be_null=False
    )
    table = pa.csv.read_csv(path, convert_options=options).combine_chunks()
    columns = {field: table.column(field).combine_chunks() for field in table.column_names}
    schema = infer_schema(TableSource(table, name=name)).schema
    return Survey(columns, schema.columns)
