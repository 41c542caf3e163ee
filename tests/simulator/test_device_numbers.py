"""Numbers of a cuDF frame are learned and encoded on the device as they are on the host."""

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gpusynth
from gpusynth.errors import CodecError
from gpusynth.io import cudf_frame, cudf_parquet, open_source
from gpusynth.io.device_numbers import DeviceNumbers
from gpusynth.io.memory import MemorySource
from gpusynth.table import (
    Column,
    Schema,
    TableSource,
    bins,
    encode_table,
    fit_codecs,
    infer_schema,
    sketch_columns,
)
from gpusynth.table import codec_numbers as codec_module
from gpusynth_kernels.cuda.traffic import counted
from tests.io import cudf_stand_in
from tests.io.cudf_stand_in import CROSSED, Frame, Series

N_ROWS = 400
NAN, INFINITE = float("nan"), float("inf")


def numbers_of_every_sort():
    """Floats and whole numbers: signs of nothing, states, spikes, missing codes, many values."""
    rng = np.random.default_rng(11)
    odd = [None, NAN, INFINITE, -INFINITE, -0.0, 0.0, -9.0, 5e-324, 1e308, -1e308]
    money = np.where(rng.random(N_ROWS) < 0.4, 0.0, rng.lognormal(9, 2, N_ROWS).round(2))
    whole = rng.integers(-(2**62), 2**62, N_ROWS)
    missing = rng.random(N_ROWS) < 0.2
    return pa.table(
        {
            "odd": pa.array([*odd, *rng.normal(size=N_ROWS - len(odd))]),
            "money": pa.array(money, mask=missing),
            "share": pa.array(rng.random(N_ROWS).astype(np.float32), pa.float32()),
            "rounded": pa.array(rng.integers(0, 9, N_ROWS) / 2, mask=missing),
            "whole floats": pa.array([-9.0, NAN, *rng.integers(-3, 900, N_ROWS - 2)], pa.float64()),
            "wide": pa.array([2**63 - 1, -(2**63), None, *whole[3:].tolist()], pa.int64()),
            "fixed point": pa.array(rng.integers(0, 2**32, N_ROWS), pa.uint32(), mask=missing),
            "year": pa.array(rng.integers(1900, 2020, N_ROWS), pa.int16(), mask=missing),
            "never": pa.nulls(N_ROWS, pa.float64()),
        }
    )


TABLE = numbers_of_every_sort()


@pytest.fixture(autouse=True)
def on_the_device(monkeypatch):
    """cuDF's stand-in, and our own kernels wherever these tests run."""
    cudf_stand_in.install(monkeypatch)
    for module in (cudf_frame, cudf_parquet):
        monkeypatch.setattr(module, "has_kernels", lambda: True)


@pytest.fixture
def few_codes(monkeypatch):
    """So few that numbers fall into bins, and their exact values go beside the codes."""
    monkeypatch.setattr(codec_module, "MOST_CODES", 60)
    monkeypatch.setattr(bins, "TAIL", 5)


def columns(table, codecs, schema):
    made = encode_table(schema, codecs, table)
    return {
        **{f"codes of {name}": (codes.dtype, codes.tolist()) for name, codes in made.codes.items()},
        **{
            f"values of {name}": (values.dtype, values.view(np.int64).tolist())
            for name, values in made.values.items()
        },
    }


def schema_with_states():
    """As inferred, with spikes and missing codes named."""
    inferred = infer_schema(MemorySource(TABLE)).schema
    states = {
        "odd": {"missing_codes": (-9,), "spikes": (0.0,)},
        "money": {"kind": "numeric", "spikes": (0.0,)},
        "rounded": {"kind": "numeric"},
        "whole floats": {"kind": "integer", "missing_codes": (-9,), "spikes": (0, 1)},
        "wide": {"kind": "integer"},
        "year": {"kind": "integer", "spikes": (1999,)},
    }
    return Schema(
        columns=tuple(
            Column.model_validate({**column.model_dump(), **states.get(column.name, {})})
            for column in inferred.columns
        )
    )


def of(sketch):
    numbers = sketch.numbers
    counts = (sketch.n_rows, sketch.n_null, sketch.n_nan)
    odd = (sketch.n_plus_infinity, sketch.n_minus_infinity)
    bits = numbers.values.view(np.int64).tolist()
    return sketch.arrow_type, counts, odd, numbers.values.dtype, bits, numbers.counts.tolist()


def test_what_is_learned_is_that_of_the_rows():
    source, streamed = open_source(Frame(TABLE)), sketch_columns(MemorySource(TABLE))
    told = sketch_columns(source)
    assert {name: of(told[name]) for name in told} == {n: of(s) for n, s in streamed.items()}
    assert infer_schema(source).schema == infer_schema(MemorySource(TABLE)).schema


def test_exact_codes_are_those_of_the_host():
    schema = schema_with_states()
    codecs = fit_codecs(schema, MemorySource(TABLE))
    assert codecs["odd"].is_exact
    there = columns(open_source(Frame(TABLE)), codecs, schema)
    assert there == columns(MemorySource(TABLE), codecs, schema)


@pytest.mark.usefixtures("few_codes")
def test_bins_and_exact_numbers_are_those_of_the_host():
    schema = schema_with_states()
    codecs = fit_codecs(schema, MemorySource(TABLE))
    assert sum(not codec.is_exact for codec in codecs.values()) >= 5
    there = columns(open_source(Frame(TABLE)), codecs, schema)
    assert there == columns(MemorySource(TABLE), codecs, schema)
    # Numbers below the first bin are in it, on the host as here.
    part = TABLE.slice(0, 60)
    codecs = fit_codecs(schema, MemorySource(TABLE.slice(60).combine_chunks()))
    for name in ("share", "money"):
        rows = DeviceNumbers.of(Series(name, part[name].combine_chunks()), part[name].type)
        found, expected = (
            rows.encode(codecs[name]),
            codecs[name].encode(part[name].combine_chunks()),
        )
        assert [array.tolist() for array in found] == [array.tolist() for array in expected]


@pytest.mark.usefixtures("few_codes")
def test_only_answers_cross():
    schema = Schema(
        columns=tuple(
            Column(name=name, kind="numeric", storage=str(TABLE[name].type))
            for name in ("money", "share", "rounded")
        )
    )
    source = open_source(Frame(TABLE.select(["money", "share", "rounded"])))
    with counted() as learned:
        codecs = fit_codecs(schema, source)
    n_distinct = [len(codec_values(name)) for name in ("money", "share", "rounded")]
    assert learned.bytes_to_host == 16 * sum(n_distinct)
    with counted() as encoded:
        encode_table(schema, codecs, source)
    assert [codecs[name].is_exact for name in ("money", "share", "rounded")] == [False, False, True]
    assert encoded.bytes_to_host == N_ROWS * (1 + 8 + 1 + 8 + 1)
    assert not sum(CROSSED[name] for name in schema.names)
    source.fingerprint()  # reads floats themselves, once
    assert {CROSSED[name] for name in schema.names} == {N_ROWS}


def codec_values(name):
    values = np.asarray(TABLE[name].drop_null())
    return np.unique(values[np.isfinite(values)])


@pytest.mark.parametrize("bad", [1.5, 2.0**62, -7.0, NAN, None])
def test_a_number_without_a_code_is_told_with_its_row(bad):
    schema = Schema(columns=(Column(name="staff", kind="integer", storage="double"),))
    known = pa.table({"staff": pa.array([1.0, 2.0, 3.0] * 4)})
    codecs = fit_codecs(schema, TableSource(known))
    odd = pa.table({"staff": pa.array([1.0, 2.0, bad, 3.0] * 3, pa.float64())})
    with pytest.raises(CodecError, match=r"column 'staff', row 3"):
        encode_table(schema, codecs, open_source(Frame(odd)))


def test_parquet_that_cudf_reads(monkeypatch, tmp_path):
    path = tmp_path / "numbers.parquet"
    pq.write_table(TABLE, path, row_group_size=150)
    cudf_stand_in.install_parquet(monkeypatch, free_bytes=1 << 14)  # some row groups at a time
    source, plain = open_source(path, reader="cudf"), open_source(path)
    assert len(list(source._parts(["money"]))) > 1
    schema = schema_with_states()
    codecs = fit_codecs(schema, plain)
    told = fit_codecs(schema, source)
    assert {n: c.to_json() for n, c in told.items()} == {n: c.to_json() for n, c in codecs.items()}
    assert columns(source, codecs, schema) == columns(plain, codecs, schema)


def test_a_frame_is_synthesized_to_the_rows_of_its_table():
    made = gpusynth.synthesize(Frame(TABLE), seed=3).to_arrow(preserve_index=False)
    expected = gpusynth.synthesize(TABLE, seed=3)
    assert made.to_pydict().keys() == expected.to_pydict().keys()
    for name in expected.column_names:
        assert str(made[name].to_pylist()) == str(expected[name].to_pylist()), name
