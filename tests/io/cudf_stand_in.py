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

SENT = Counter()
"""Bytes that were copied to the device from Arrow, by column; without names under None."""


def sent(name, array):
    SENT[name] += array.nbytes
    return array.combine_chunks() if isinstance(array, pa.ChunkedArray) else array


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


class Categories:
    """The dtype of categories."""

    def __init__(self, array):
        self.type, self.values = array.type, array.dictionary

    def __str__(self):
        return "category"

    def encode(self, array):
        """As `astype` does: answers keep their values, categories and order are these."""
        places = pc.index_in(array.cast(self.values.type), self.values, skip_nulls=True)
        return pa.DictionaryArray.from_arrays(
            places.cast(self.type.index_type), self.values, ordered=self.type.ordered
        )


class Series:
    """A column: NaN is no null but is filled like one, and numbers with nulls become floats."""

    def __init__(self, name, array, *, has_plain_index=True):
        self.name, self.array = name, array
        self.has_plain_index = has_plain_index
        self.dtype = Categories(array) if pa.types.is_dictionary(array.type) else array.type

    @classmethod
    def from_arrow(cls, array):
        return cls(None, sent(None, array))

    def take(self, places):
        assert places.dtype.kind == "u" and places.max() < len(self.array)
        return Series(self.name, self.array.take(pa.array(places)), has_plain_index=False)

    def reset_index(self, *, drop):
        assert drop is True
        return Series(self.name, self.array)

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
        return Column.of(self.array), {"name": self.name}

    @classmethod
    def from_pylibcudf(cls, column):
        return cls(None, column.array)

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

    def __init__(self, table, *, nan_as_null=True):
        if isinstance(table, dict):
            assert nan_as_null is False
            assert all(series.has_plain_index for series in table.values())
            table = pa.table({name: series.array for name, series in table.items()})
        arrays = [column.combine_chunks() for column in table.columns]
        self.table = pa.table(arrays, names=table.column_names)

    @classmethod
    def from_arrow(cls, table):
        for name, column in zip(table.column_names, table.columns, strict=True):
            sent(name, column)
        return cls(table)

    @property
    def columns(self):
        return list(self.table.column_names)

    @property
    def dtypes(self):
        return [self[name].dtype for name in self.columns]

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
        arrays = []
        for name, column in zip(self.table.column_names, self.table.columns, strict=True):
            dtype, array = dtypes.get(name, column.type), column.combine_chunks()
            cast = dtype.encode if isinstance(dtype, Categories) else array.cast
            arrays.append(cast(array if isinstance(dtype, Categories) else dtype))
        return Frame(pa.table(arrays, names=self.table.column_names))


class DataType:
    def __init__(self, kind):
        self.kind = kind


class Memory:
    """A view of an array on the device (`pylibcudf.gpumemoryview`)."""

    def __init__(self, array):
        self.array = array


class Column:
    """A column of pylibcudf: no categories, and nulls only where a mask says so."""

    def __init__(self, kind, size, data, mask, null_count, offset, children):
        assert (mask, null_count, offset, children) == (None, 0, 0, [])
        buffer = pa.py_buffer(np.ascontiguousarray(data.array).tobytes())
        assert buffer.size == size * kind.kind.bit_width // 8
        self.array = pa.Array.from_buffers(kind.kind, size, [None, buffer])

    @classmethod
    def of(cls, array):
        column = cls.__new__(cls)
        column.array = array
        return column

    @classmethod
    def from_arrow(cls, array):
        assert not pa.types.is_dictionary(array.type)
        return cls.of(sent(None, array))

    @classmethod
    def from_array(cls, array):
        return cls.of(pa.array(array))

    def type(self):
        return DataType(self.array.type)


class Columns:
    """A table of pylibcudf."""

    def __init__(self, columns):
        self.own = tuple(columns)
        assert len({len(column.array) for column in self.own}) == 1

    @classmethod
    def from_arrow(cls, table):
        columns = zip(table.column_names, table.columns, strict=True)
        return cls([Column.of(sent(name, column)) for name, column in columns])

    def columns(self):
        return self.own


def gather(table, places, policy):
    assert policy == "DONT_CHECK"
    assert pa.types.is_unsigned_integer(places.array.type)
    return Columns([Column.of(column.array.take(places.array)) for column in table.columns()])


def copy_if_else(left, right, where):
    assert left.array.type == right.array.type
    return Column.of(pc.if_else(where.array, left.array, right.array))


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
    """Put the stand-ins in the place of the packages; our own kernels take CuPy's arrays only."""
    import sys

    for module in ("cudf_frame", "cudf_parquet"):
        monkeypatch.setattr(f"gpusynth.io.{module}.has_kernels", lambda: False)

    cudf, cupy = types.ModuleType("cudf"), types.ModuleType("cupy")
    cudf.DataFrame, cudf.Series, cudf.read_parquet = Frame, Series, read_parquet
    cupy.asnumpy, cupy.asarray, cupy.bincount = np.array, np.asarray, np.bincount
    plc, of = sys.modules.get("pylibcudf") or types.ModuleType("pylibcudf"), types.SimpleNamespace
    plc.unary = of(is_null=lambda column: Column.of(column.array.is_null()))
    plc.Column, plc.Table, plc.gpumemoryview = Column, Columns, Memory
    plc.copying = of(
        gather=gather, copy_if_else=copy_if_else, OutOfBoundsPolicy=of(DONT_CHECK="DONT_CHECK")
    )
    monkeypatch.setitem(sys.modules, "pylibcudf", plc)
    monkeypatch.setitem(sys.modules, "cudf", cudf)
    monkeypatch.setitem(sys.modules, "cupy", cupy)
    CROSSED.clear()
    SENT.clear()
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
        arrays = [column.array for column in table.columns()]
        assert not any(pa.types.is_dictionary(array.type) for array in arrays)
        columns = self.described.column_metadata
        fields = [
            pa.field(column.name, array.type, nullable=column.nullable)
            for column, array in zip(columns, arrays, strict=True)
        ]
        schema = pa.schema(fields)
        if self.writer is None:
            plain = all(column.encoding == "PLAIN" for column in columns)
            self.writer = pq.ParquetWriter(
                self.file, schema, store_schema=False, use_dictionary=not plain
            )
            self.writer.add_key_value_metadata(self.entries)
        self.writer.write_table(pa.table(arrays, schema=schema))

    def close(self, places):
        assert places == []
        self.writer.close()


class _Described:
    def __init__(self, table):
        self.column_metadata = [_Column() for _ in table.columns()]


class _Column:
    def set_name(self, name):
        self.name = name

    def set_nullability(self, nullable):
        self.nullable = nullable

    def set_encoding(self, encoding):
        self.encoding = encoding


def install_parquet(monkeypatch, *, free_bytes=1 << 30):
    """Put stand-ins in the place of pylibcudf and RMM too."""
    import sys

    of = types.SimpleNamespace
    plc, rmm = types.ModuleType("pylibcudf"), types.ModuleType("rmm")
    plc.io = of(
        SinkInfo=lambda sinks: of(sinks=sinks),
        types=of(
            TableInputMetadata=_Described,
            CompressionType=of(ZSTD="ZSTD"),
            ColumnEncoding=of(PLAIN="PLAIN"),
        ),
        parquet=of(
            ChunkedParquetWriterOptions=of(builder=_Builder),
            ChunkedParquetWriter=of(from_options=_Writer),
        ),
    )
    rmm.mr = of(available_device_memory=lambda: (free_bytes, 1 << 40))
    monkeypatch.setitem(sys.modules, "pylibcudf", plc)
    monkeypatch.setitem(sys.modules, "rmm", rmm)
    return install(monkeypatch)
