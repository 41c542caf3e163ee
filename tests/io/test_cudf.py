"""cuDF frames in and out: the contract with a stand-in, and with cuDF where it is."""

import dataclasses
import datetime as dt

import numpy as np
import pyarrow as pa
import pytest

import gpusynth
from gpusynth.errors import BackendUnavailableError, CodecError, DataError
from gpusynth.io import like_input, open_source
from gpusynth.io.cudf import is_told
from gpusynth.io.cudf_frame import CudfSource
from gpusynth.io.memory import MemorySource, arrow_table
from gpusynth.table import Column, Schema, encode_table, fit_codecs, infer_schema, sketch_columns
from tests.io import cudf_stand_in
from tests.io.cudf_stand_in import CROSSED, Frame

RNG = np.random.default_rng(7)
REAL = pa.table(
    {
        "region": pa.array(["N", "S", None, "E"] * 20).dictionary_encode(),
        "staff": pa.array([1, 2, 3, None] * 20, pa.int32()),
        "sales": np.arange(80.0),
    }
)
EVERY_TYPE = pa.table(
    {
        "region": pa.array(["S", "N", None, "S"] * 30).dictionary_encode(),
        "unused level": pa.DictionaryArray.from_arrays(
            pa.array([0, 2, 2, None] * 30, pa.int8()), ["a", "never", "c"]
        ),
        "sector": pa.array(["01", "02", "10", None] * 30),
        "like numbers": pa.array([str(n) for n in RNG.integers(0, 900, 119)] + ["N/A"]),
        "flag": pa.array([True, False, None, True] * 30),
        "staff": pa.array([*RNG.integers(0, 5000, 117).tolist(), None, None, -9], pa.int64()),
        "small": pa.array(RNG.integers(0, 9, 120), pa.uint8()),
        "sales": pa.array([None, float("nan"), -0.0, *RNG.normal(size=117)]),
        "day": pa.array([dt.date(2020, 1, 1 + n % 28) for n in range(120)]),
        "when": pa.array(RNG.integers(0, 10**12, 120), pa.timestamp("us")),
        "empty": pa.nulls(120, pa.string()),
    }
)


@pytest.fixture
def stand_in(monkeypatch):
    return cudf_stand_in.install(monkeypatch)


def with_index_types(table, like):
    """The table with dictionaries of the index types that another has."""
    return pa.table(
        [
            pa.DictionaryArray.from_arrays(
                c.combine_chunks().indices.cast(f.type.index_type), c.combine_chunks().dictionary
            )
            if pa.types.is_dictionary(f.type)
            else c
            for c, f in zip(table.columns, like.arrow_schema, strict=True)
        ],
        names=table.column_names,
    )


def described(part):
    """A sketch as plain lists."""
    if dataclasses.is_dataclass(part):
        return {f.name: described(getattr(part, f.name)) for f in dataclasses.fields(part)}
    if isinstance(part, np.ndarray):
        return str(part.dtype), part.tolist()
    return part.to_pylist() if isinstance(part, pa.Array) else part


def test_dictionaries_and_nulls_pass_through(stand_in):
    table = arrow_table(Frame(REAL))
    assert table.to_pylist() == REAL.to_pylist()
    assert table.schema.metadata is None
    back = like_input(REAL, Frame(REAL))
    assert isinstance(back, Frame)
    assert back.table.equals(REAL)


def test_columns_told_by_their_values_are_those_of_a_stream(stand_in):
    source = open_source(Frame(EVERY_TYPE))
    assert isinstance(source, CudfSource)
    plain = MemorySource(with_index_types(EVERY_TYPE, source))
    assert source.arrow_schema == plain.arrow_schema
    told, streamed = sketch_columns(source), sketch_columns(plain, batch_rows=32)
    for name, sketch in streamed.items():
        assert described(told[name]) == described(sketch), name
    schema = infer_schema(source).schema
    assert schema == infer_schema(plain).schema
    codecs = fit_codecs(schema, source)
    here = encode_table(schema, codecs, plain, batch_rows=7)
    there = encode_table(schema, codecs, source)
    assert list(there.codes) == list(here.codes)
    for name in here.codes:
        np.testing.assert_array_equal(there.codes[name], here.codes[name])
        assert there.codes[name].dtype == here.codes[name].dtype
    for name in here.values:
        np.testing.assert_array_equal(
            there.values[name].view(np.int64), here.values[name].view(np.int64)
        )


def test_only_floats_and_their_like_cross(stand_in):
    gpusynth.synthesize(Frame(EVERY_TYPE), seed=1)
    crossed = {name for name, rows in CROSSED.items() if rows}
    assert crossed == {"sales"}


def test_batches_are_rows_in_order(stand_in):
    source = CudfSource(Frame(EVERY_TYPE))
    found = pa.Table.from_batches(source.batches(["when", "region"], batch_rows=50))
    assert found.to_pylist() == EVERY_TYPE.select(["when", "region"]).to_pylist()
    assert [batch.num_rows for batch in source.batches(batch_rows=50)] == [50, 50, 20]


def test_a_fingerprint_sees_a_value_an_order_and_a_type(stand_in):
    def of(table):
        return CudfSource(Frame(table)).fingerprint()

    first = of(EVERY_TYPE)
    assert first == of(EVERY_TYPE)
    assert first != of(EVERY_TYPE.take(list(range(119, -1, -1))))
    at = EVERY_TYPE.column_names.index("small")
    other = pa.array(np.asarray(EVERY_TYPE["small"]), pa.int16())
    assert first != of(EVERY_TYPE.set_column(at, "small", other))
    at = EVERY_TYPE.column_names.index("sales")
    other = pa.array([1.5, *EVERY_TYPE["sales"].to_pylist()[1:]])
    assert first != of(EVERY_TYPE.set_column(at, "sales", other))


def test_a_value_without_a_code_is_told_with_its_row(stand_in):
    table = pa.table({"sector": ["a", "b", "c", "b"] * 5})
    levels = Schema(
        columns=(Column(name="sector", kind="categorical", storage="string", levels=("a", "b")),)
    )
    source = CudfSource(Frame(table))
    codecs = fit_codecs(levels, MemorySource(table.filter(pa.array([True, True, False, True] * 5))))
    with pytest.raises(CodecError, match=r"column 'sector', row 3"):
        encode_table(levels, codecs, source)
    huge = pa.table({"n": pa.array([1, 2**64 - 1], pa.uint64())})
    with pytest.raises(DataError, match="rows 1 to 2"):
        sketch_columns(CudfSource(Frame(huge)))


def test_bad_frames(stand_in):
    with pytest.raises(DataError, match="no rows"):
        open_source(Frame(REAL.slice(0, 0)))
    with pytest.raises(DataError, match="of a type that cannot be synthesized"):
        open_source(Frame(pa.table({"parts": [[1], [2]]})))
    frame = Frame(REAL)
    frame.__class__ = type("Levels", (Frame,), {"columns": _Levels()})
    with pytest.raises(DataError, match="several levels"):
        CudfSource(frame)


class _Levels:
    nlevels = 2


@pytest.mark.parametrize(
    ("kind", "told"),
    [
        (pa.string(), True),
        (pa.large_string(), True),
        (pa.dictionary(pa.int8(), pa.string()), True),
        (pa.bool_(), True),
        (pa.uint16(), True),
        (pa.date32(), True),
        (pa.timestamp("ns"), True),
        (pa.float32(), False),
        (pa.decimal128(9, 2), False),
    ],
)
def test_which_types_are_told(kind, told):
    assert is_told(kind) is told


def test_synthesize_gives_back_what_it_was_given(stand_in):
    synthetic = gpusynth.synthesize(Frame(REAL), seed=5)
    assert isinstance(synthetic, Frame)
    assert synthetic.table.schema.types == REAL.schema.types
    expected = gpusynth.synthesize(REAL, seed=5)
    assert synthetic.table.to_pylist() == expected.to_pylist()


def test_a_gpu_that_is_gone_is_said(stand_in, monkeypatch):
    def broken(*given, **named):
        raise RuntimeError("CUDA error: no device")

    frame = Frame(REAL)
    monkeypatch.setattr(Frame, "from_arrow", broken)
    with pytest.raises(BackendUnavailableError, match="no device"):
        like_input(REAL, frame)
    monkeypatch.setattr(Frame, "to_arrow", broken)
    with pytest.raises(BackendUnavailableError, match="no device"):
        open_source(frame)


@pytest.mark.rapids
def test_cudf_and_cupy_have_what_is_asked():
    cudf, cupy = pytest.importorskip("cudf"), pytest.importorskip("cupy")
    for name in ("to_arrow", "from_arrow", "head", "iloc", "astype", "columns"):
        assert hasattr(cudf.DataFrame, name)
    for name in ("factorize", "cat", "fillna", "values", "null_count"):
        assert hasattr(cudf.Series, name)
    for name in ("to_pylibcudf", "from_pylibcudf"):
        assert hasattr(cudf.Series, name)
    for name in ("bincount", "asnumpy", "asarray", "isfinite", "isnan", "floor", "maximum"):
        assert hasattr(cupy, name)
    assert hasattr(cudf.Index, "to_arrow")
    import inspect

    assert {"return_counts"} <= set(inspect.signature(cupy.unique).parameters)
    assert {"sort", "use_na_sentinel"} <= set(inspect.signature(cudf.Series.factorize).parameters)
    read = inspect.signature(cudf.read_parquet).parameters
    assert {"columns", "row_groups", "use_pandas_metadata"} <= set(read)


@pytest.mark.rapids
@pytest.mark.parametrize("real", [REAL, EVERY_TYPE], ids=["plain", "every type"])
def test_with_cudf_itself(real):
    cudf = pytest.importorskip("cudf")
    try:
        frame = cudf.DataFrame.from_arrow(real)
    except Exception as error:  # noqa: BLE001 - cuDF has many ways to say so
        pytest.skip(f"cuDF is installed and has no GPU: {type(error).__name__}")
    expected = gpusynth.synthesize(frame.to_arrow(preserve_index=False), seed=5)
    for device in ("cpu", "auto"):  # through Arrow; made there
        synthetic = gpusynth.synthesize(frame, seed=5, device=device)
        assert isinstance(synthetic, cudf.DataFrame)
        assert (synthetic.dtypes == frame.dtypes).all()
        found = synthetic.to_arrow(preserve_index=False)
        assert repr(found.to_pylist()) == repr(expected.to_pylist())
