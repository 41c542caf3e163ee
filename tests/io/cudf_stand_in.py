"""A stand-in for cuDF and CuPy: what gpusynth calls, with the answers that cuDF documents."""

from __future__ import annotations

import types
from collections import Counter

import numpy as np
import pyarrow as pa
import pyarrow.compute as pc
import pyarrow.parquet as pq

CROSSED = Counter()
"""Rows that were copied to the host, by column."""


class Index:
    def __init__(self, array):
        self.array = array

    def __len__(self):
        return len(self.array)

    def to_arrow(self):
        return self.array


class Codes:
    """Codes of categories: signed, null where the value is."""

    def __init__(self, array):
        self.array = array
        self.dtype = array.type.to_pandas_dtype()

    def fillna(self, value):
        return Codes(self.array.fill_null(value))

    @property
    def values(self):
        assert self.array.null_count == 0  # CuPy has no nulls
        return np.asarray(self.array)


class Series:
    """A column: NaN is no null but is filled like one, and numbers with nulls become floats."""

    def __init__(self, name, array):
        self.name, self.array = name, array
        self.dtype = array.type

    @property
    def null_count(self):
        return self.array.null_count

    def fillna(self, value):
        array = self.array
        if pa.types.is_floating(array.type):
            array = pc.if_else(pc.is_nan(array), None, array)
        return Series(self.name, array.fill_null(value))

    @property
    def values(self):
        if not self.array.null_count:
            return np.array(self.array)
        assert not pa.types.is_boolean(self.array.type)
        array = self.array
        if not pa.types.is_floating(array.type):
            array = array.cast(pa.float64())
        return np.array(array.fill_null(float("nan")))

    def to_pylibcudf(self):
        return self.array, {"name": self.name}

    @classmethod
    def from_pylibcudf(cls, array):
        return cls(None, array)

    @property
    def cat(self):
        assert pa.types.is_dictionary(self.array.type)
        kind = np.min_scalar_type(-max(len(self.array.dictionary), 1))
        codes = self.array.indices.cast(pa.from_numpy_dtype(kind))
        return types.SimpleNamespace(codes=Codes(codes), categories=Index(self.array.dictionary))

    def factorize(self, sort=False):
        assert not pa.types.is_floating(self.array.type)
        distinct = pc.unique(self.array.drop_null())
        if sort:
            distinct = distinct.take(pc.array_sort_indices(distinct))
        places = pc.fill_null(pc.index_in(self.array, distinct, skip_nulls=True), -1)
        return np.asarray(places, np.int64), Index(distinct)


class Frame:
    """A data frame; text is large_string in Arrow, as it is with cuDF."""

    def __init__(self, table):
        arrays = [column.combine_chunks() for column in table.columns]
        self.table = pa.table(arrays, names=table.column_names)

    @classmethod
    def from_arrow(cls, table):
        return cls(table)

    @property
    def columns(self):
        return list(self.table.column_names)

    def __len__(self):
        return self.table.num_rows

    def __getitem__(self, names):
        if isinstance(names, slice):  # of iloc
            return Frame(self.table.slice(names.start, names.stop - names.start))
        if isinstance(names, list):
            return Frame(self.table.select(names))
        return Series(names, self.table[names].combine_chunks())

    def head(self, n):
        return Frame(self.table.slice(0, n))

    @property
    def iloc(self):
        return self

    def to_arrow(self, *, preserve_index):
        assert preserve_index is False
        table = self.table
        for name in table.column_names:
            CROSSED[name] += table.num_rows
        for at, field in enumerate(table.schema):
            if pa.types.is_dictionary(field.type):  # indices as narrow as those of these rows
                array = table.column(at).combine_chunks()
                indices = array.indices.cast(pa.int8())
                narrow = pa.DictionaryArray.from_arrays(indices, array.dictionary)
                table = table.set_column(at, field.name, narrow)
        return table.replace_schema_metadata({"pandas": "of no use"})

    def astype(self, dtypes):
        fields = [
            pa.field(name, dtypes.get(name, self.table[name].type))
            for name in self.table.column_names
        ]
        return Frame(self.table.cast(pa.schema(fields)))


def read_parquet(path, *, columns, row_groups, use_pandas_metadata):
    """Read as cuDF does: dictionaries come as text."""
    assert use_pandas_metadata is False
    with pq.ParquetFile(path) as file:
        table = file.read_row_groups(row_groups, columns=columns)
    fields = [
        pa.field(f.name, f.type.value_type if pa.types.is_dictionary(f.type) else f.type)
        for f in table.schema
    ]
    return Frame(table.cast(pa.schema(fields)))


def install(monkeypatch):
    """Put the stand-ins in the place of the packages."""
    import sys

    cudf, cupy = types.ModuleType("cudf"), types.ModuleType("cupy")
    cudf.DataFrame, cudf.Series, cudf.read_parquet = Frame, Series, read_parquet
    cupy.asnumpy, cupy.asarray, cupy.bincount = np.array, np.asarray, np.bincount
    plc = sys.modules.get("pylibcudf") or types.ModuleType("pylibcudf")
    plc.unary = types.SimpleNamespace(is_null=lambda array: array.is_null())
    monkeypatch.setitem(sys.modules, "pylibcudf", plc)
    monkeypatch.setitem(sys.modules, "cudf", cudf)
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    CROSSED.clear()
    return cudf


class _Builder:
    """Options of cuDF's writer of Parquet, chained as there."""

    def __init__(self, sink):
        self.sink, self.asked = sink, {}

    def __getattr__(self, name):
        def take(value):
            self.asked[name] = value
            return self

        return take

    def build(self):
        return self


class _Writer:
    """Writes the footer entries that it is given, and no schema of Arrow of its own."""

    def __init__(self, options):
        assert options.asked["write_arrow_schema"] is False
        assert options.asked["compression"] == "ZSTD"
        self.described = options.asked["metadata"]
        self.entries = options.asked["key_value_metadata"][0]
        self.file = options.sink.sinks[0]
        self.writer = None

    def write(self, table):
        assert not any(pa.types.is_dictionary(f.type) for f in table.schema)
        columns = self.described.column_metadata
        fields = [
            pa.field(column.name, f.type, nullable=column.nullable)
            for column, f in zip(columns, table.schema, strict=True)
        ]
        schema = pa.schema(fields)
        if self.writer is None:
            self.writer = pq.ParquetWriter(self.file, schema, store_schema=False)
            self.writer.add_key_value_metadata(self.entries)
        self.writer.write_table(pa.table(table.columns, schema=schema))

    def close(self, places):
        assert places == []
        self.writer.close()


class _Described:
    def __init__(self, table):
        self.column_metadata = [_Column() for _ in table.schema]


class _Column:
    def set_name(self, name):
        self.name = name

    def set_nullability(self, nullable):
        self.nullable = nullable


def install_parquet(monkeypatch, *, free_bytes=1 << 30):
    """Put stand-ins in the place of pylibcudf and RMM too."""
    import sys

    of = types.SimpleNamespace
    plc, rmm = types.ModuleType("pylibcudf"), types.ModuleType("rmm")
    plc.Table = of(from_arrow=lambda table: table)
    plc.io = of(
        SinkInfo=lambda sinks: of(sinks=sinks),
        types=of(TableInputMetadata=_Described, CompressionType=of(ZSTD="ZSTD")),
        parquet=of(
            ChunkedParquetWriterOptions=of(builder=_Builder),
            ChunkedParquetWriter=of(from_options=_Writer),
        ),
    )
    rmm.mr = of(available_device_memory=lambda: (free_bytes, 1 << 40))
    monkeypatch.setitem(sys.modules, "pylibcudf", plc)
    monkeypatch.setitem(sys.modules, "rmm", rmm)
    return install(monkeypatch)
