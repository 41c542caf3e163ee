"""Columns that were drawn on the simulated device are put out there: the results of the host."""

import datetime as dt
import decimal

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq
import pytest

import gpusynth
from benchmarks.gpu.check import all_hold
from benchmarks.gpu.frames import check_frames
from benchmarks.gpu.runs import RunSizes
from gpusynth.datasets import firms
from gpusynth.engine import device
from gpusynth.engine.delivery import resident_output
from gpusynth.engine.draw.replicate import SyntheticRows
from gpusynth.engine.draw.resident import DeviceRoom, ResidentColumns
from gpusynth.errors import DeviceMemoryError
from gpusynth.io import ReplicateWriter, cudf_columns, cudf_frame, cudf_parquet, open_source
from gpusynth.plan import (
    Calibrate,
    Edit,
    MarginChoice,
    Output,
    ReplicatedUniques,
    Rule,
)
from gpusynth.table import Column, Schema, bins, infer_schema
from gpusynth.table import codec_numbers as codec_module
from gpusynth.trees import DeviceDraw
from gpusynth_kernels.cuda import launch
from gpusynth_kernels.cuda.traffic import counted
from tests.io import cudf_stand_in
from tests.io.cudf_stand_in import CROSSED, SENT, Frame

REAL = firms(130, seed=3, columns=9)
N_ROWS = 120
RNG = np.random.default_rng(5)
NAN, INFINITE = float("nan"), float("inf")


def some_missing(values, kind, share=0.1):
    return pa.array(values, kind, mask=RNG.random(N_ROWS) < share)


def categories(levels, *, ordered=False):
    places = some_missing(RNG.integers(0, len(levels) - 1, N_ROWS).astype(np.int16), pa.int16())
    return pa.DictionaryArray.from_arrays(places, levels, ordered=ordered)


def every_type():
    """Columns of few answers and of many, of each type that a frame can hold."""
    many, few = RNG.integers(-(2**40), 2**40, N_ROWS), RNG.integers(0, 9, N_ROWS)
    floats = RNG.normal(size=N_ROWS)
    floats[:6] = [NAN, INFINITE, -INFINITE, -0.0, 5e-324, 0.0]
    cents = [None if n % 11 == 0 else n for n in many.tolist()]
    arrays = {
        "region": categories(["S", "never", "N", "W", "unused"]),
        "size": categories(["small", "middling", "large", "none"], ordered=True),
        "year": categories(pa.array([2020, 2019, 2021, 0])),
        "sector": pa.array([["11", "2é", "", None][n % 4] for n in few]),
        "flag": some_missing(few > 4, pa.bool_()),
        "day": some_missing([dt.date(2020, 1, 1 + int(n)) for n in few], pa.date32()),
        "never": pa.nulls(N_ROWS, pa.string()),
        "text numbers": pa.array([*(str(n) for n in few[1:]), "N/A"]),
        "odd": pa.array(floats),
        "share": some_missing(RNG.random(N_ROWS).astype(np.float32), pa.float32()),
        "unsigned": some_missing(np.abs(many).astype(np.uint64), pa.uint64()),
        "zoned": some_missing(many, pa.timestamp("us", "Europe/Vienna")),
        "zoned days": some_missing(few * 86_400, pa.timestamp("s", "UTC")),
        "money": pa.array([None if c is None else c / 2 for c in cents], pa.float64()),
        "whole floats": some_missing(few.astype(float), pa.float64()),
    }
    for bits in (8, 16, 32):
        part = RNG.integers(-(2 ** (bits - 1)), 2 ** (bits - 1), N_ROWS)
        arrays[f"int{bits}"] = some_missing(part, pa.type_for_alias(f"int{bits}"))
    for unit in ("s", "ms", "us", "ns"):
        arrays[f"time {unit}"] = some_missing(many, pa.timestamp(unit))
    for kind in (pa.decimal128(20, 2), pa.decimal64(16, 3), pa.decimal32(8, 2)):
        units = pa.array([None if c is None else c % 999_983 - 499_000 for c in cents])
        scaled = pa.array([None if u.as_py() is None else u.as_py() for u in units], pa.int64())
        arrays[str(kind)] = decimals(scaled, kind)
        arrays[f"few of {kind}"] = decimals(some_missing(few - 4, pa.int64()), kind)
    return pa.table(arrays)


def decimals(units, kind):
    """Units of the last digit as decimals."""
    numbers = [
        None if u is None else decimal.Decimal(u).scaleb(-kind.scale) for u in units.to_pylist()
    ]
    return pa.array(numbers, kind)


TABLE = every_type()


@pytest.fixture(autouse=True)
def on_the_device(monkeypatch, quick_fits):
    """cuDF's stand-in, our own kernels, and so few codes that numbers lie beside them."""
    cudf_stand_in.install_parquet(monkeypatch)
    monkeypatch.setattr("gpusynth.engine.library.share_memory", lambda *given, **options: None)
    for module in (cudf_frame, cudf_parquet):
        monkeypatch.setattr(module, "has_kernels", lambda: True)
    monkeypatch.setattr(codec_module, "MOST_CODES", 60)
    monkeypatch.setattr(bins, "TAIL", 5)


@pytest.fixture
def made(monkeypatch):
    """The columns that were made on the device: how many rows, and whether numbers were beside."""
    found = []
    real = cudf_columns.CodedColumn.__init__

    def noting(self, meanings, codes, numbers=None):
        found.append((meanings.array.type, len(codes), numbers is not None))
        real(self, meanings, codes, numbers)

    monkeypatch.setattr(cudf_columns.CodedColumn, "__init__", noting)
    return found


def synthesize(device, table=TABLE, **options):
    return gpusynth.synthesize(Frame(table), seed=7, threads=1, device=device, **options)


def assert_same(found, expected):
    """Values (NaN and signs of zero too), types, nulls, categories and their order."""
    assert found.schema == expected.schema
    for name in expected.column_names:
        one, other = found[name].combine_chunks(), expected[name].combine_chunks()
        if pa.types.is_dictionary(one.type):
            assert one.dictionary.equals(other.dictionary), name
        if pa.types.is_floating(one.type):
            assert one.is_null().equals(other.is_null()), name
            bits = f"int{one.type.bit_width}"
            one, other = (array.fill_null(0).view(bits) for array in (one, other))
        assert one.equals(other), name


def test_a_frame_of_every_type_is_that_of_the_host(made, monkeypatch):
    monkeypatch.setattr(device, "DEVICE_BLOCK_ROWS", 50)  # blocks are joined
    there = synthesize("cuda")
    n_made = len(made)
    assert_same(there.table, synthesize("cpu").table)
    assert len(made) == n_made
    with_numbers = {str(kind) for kind, _, has_numbers in made if has_numbers}
    assert {"double", "float", "uint64", "int32", "timestamp[us]"} < with_numbers
    assert {"decimal128(20, 2)", "decimal64(16, 3)", "decimal32(8, 2)"} < with_numbers
    assert n_made == TABLE.num_columns - 1  # many times with a zone are made on the host


PLANS = {
    "a new order": {"output": Output(shuffle_rows=True, prefix="syn_", flag="IS_SYNTHETIC")},
    "all levels": {"output": Output(levels="all", shuffle_rows=True)},
    "rules, edits, smoothing": {
        "rules": [Rule(target="EXPORTS", when="SECTOR = 42", value=1)],
        "edits": [Edit(holds="PAYROLL_NOISY >= 0 or EXPORTS = 1")],
        "smoothing": {"PAYROLL_NOISY": "density"},
    },
    "rows removed": {
        "replicated_uniques": ReplicatedUniques(
            keys=("FIPST", "SECTOR", "EXPORTS"), action="remove"
        )
    },
    "weights": {
        "calibrate": [Calibrate(weight="TABWGT", margins=(MarginChoice(),))],
    },
}


@pytest.mark.parametrize("case", PLANS)
def test_what_the_host_decides_is_put_beside(made, case):
    plan = gpusynth.Plan(**PLANS[case])
    there = synthesize("cuda", REAL, plan=plan, n_replicates=2)
    n_made = len(made)
    here = synthesize("cpu", REAL, plan=plan, n_replicates=2)
    for one, other in zip(there, here, strict=True):
        assert_same(one.table, other.table)
    assert len(made) == n_made
    assert n_made >= 2 * 4
    if case == "rows removed":
        assert here[0].table.num_rows < REAL.num_rows


def test_keys_are_numbered_and_dropped_columns_stay_away(made):
    kinds = {"id": pa.int64(), "small": pa.uint8(), "code": pa.string()}
    table = REAL.select(REAL.column_names[:5])
    for name, kind in kinds.items():
        table = table.append_column(name, pa.array(range(130)).cast(kind))
    columns = [
        *infer_schema(open_source(Frame(REAL))).schema.columns[:5],
        *(Column(name=n, kind="integer", storage=str(k), role="key") for n, k in kinds.items()),
    ]
    asked = {
        "schema": Schema(columns=tuple(columns)),
        "plan": gpusynth.Plan(output=Output(shuffle_rows=True)),
    }
    there = synthesize("cuda", table, **asked)
    n_made, sent = len(made), {name for name, n_bytes in SENT.items() if n_bytes and name}
    here = synthesize("cpu", table, **asked)
    assert_same(there.table, here.table)
    assert there.table["small"].to_pylist() == list(range(1, 131))
    assert there.table["code"].to_pylist()[::129] == ["001", "130"]
    assert sent == {"code"}  # text is numbered on the host
    assert len(made) == n_made == 5 + 2


def test_a_fitted_model_gives_frames_too(made):
    model = gpusynth.fit(Frame(REAL), device="cuda", threads=1)
    there, again = (model.sample(100, seed=7, device=on, threads=1) for on in ("cuda", "cpu"))
    assert_same(there.table, again.table)
    assert {n_rows for _, n_rows, _ in made} == {100}


def test_only_codes_of_levels_cross_for_a_frame():
    """One more replicate sends the column that is drawn without a tree, and fetches nothing."""
    seen = []
    for n_replicates in (1, 2):
        SENT.clear()
        CROSSED.clear()
        with counted() as traffic:
            synthesize("cuda", REAL, n_replicates=n_replicates)
        assert sum(SENT[name] for name in REAL.column_names) == 0  # no rows from Arrow
        seen.append((traffic.bytes_to_host, traffic.bytes_to_device, SENT[None], +CROSSED))
    (fetched, sent, meanings, crossed), (fetched_2, sent_2, meanings_2, crossed_2) = seen
    assert fetched_2 == fetched  # learned and encoded once; nothing of what was drawn
    assert crossed_2 == crossed
    assert meanings_2 == 2 * meanings  # what codes stand for, once a replicate and column
    few_bytes = 2_000
    assert sent_2 - sent <= meanings + REAL.num_rows * 2 * 1 + few_bytes


@pytest.mark.parametrize("room", [0, 500, 700])
def test_columns_without_room_give_the_same_frame(monkeypatch, made, room):
    """Of some columns a block lies on the host and another one on the device."""
    monkeypatch.setattr(device, "DEVICE_BLOCK_ROWS", 50)
    began, taken = DeviceRoom.__init__, DeviceRoom.take
    fitted = set()

    def noting(self, owner, name, first_row, n_bytes):
        fits = taken(self, owner, name, first_row, n_bytes)
        fitted.add(fits)
        return fits

    monkeypatch.setattr(DeviceRoom, "__init__", lambda self, _: began(self, room))
    monkeypatch.setattr(DeviceRoom, "take", noting)
    there = synthesize("cuda", REAL, n_replicates=2)
    for one, other in zip(there, synthesize("cpu", REAL, n_replicates=2), strict=True):
        assert_same(one.table, other.table)
    assert made  # their codes are sent back
    assert fitted == {room > 0}


def test_a_column_that_lies_there_in_part_is_sent_as_a_whole():
    resident = ResidentColumns(DeviceRoom(100))
    resident.codes.data["a"] = np.array([0, 0, 0, 7, 8], np.uint8)
    resident.put("a", 0, DeviceDraw(launch.to_device(np.array([1, 2, 3], np.uint8))))
    rows = SyntheticRows(1, 5, codes=resident.codes, values=resident.values, resident=resident)
    made = resident_output.MadeColumns(rows, {"a": cudf_columns.Meanings(pa.array(range(10)))})
    assert made.coded("a", 1, 5).codes.tolist() == [2, 3, 7, 8]
    rows.order = np.array([4, 0])
    assert made.coded("a", 0, 2).codes.tolist() == [8, 1]


@pytest.mark.parametrize("fails", [1, 2, 10**6])
def test_a_device_that_is_full_gives_the_same_frame(monkeypatch, fails):
    left, made_series = [fails], resident_output.made_series

    def full(column):
        left[0] -= 1
        if left[0] >= 0:
            raise MemoryError("std::bad_alloc: out_of_memory")
        return made_series(column)

    monkeypatch.setattr(resident_output, "made_series", full)
    there = synthesize("cuda", REAL)
    assert left[0] < fails
    assert_same(there.table, synthesize("cpu", REAL).table)


def test_a_frame_that_does_not_fit_says_so(monkeypatch):
    def full(*given, **options):
        raise MemoryError("std::bad_alloc: out_of_memory")

    monkeypatch.setattr(resident_output, "made_series", full)
    monkeypatch.setattr(resident_output, "like_cudf", full)
    with pytest.raises(DeviceMemoryError, match=r"the synthetic table needs [\d,]+ bytes"):
        synthesize("cuda", REAL)


def as_values(table):
    """A table without categories, whose order no file of cuDF's holds."""
    arrays = [
        array.combine_chunks().dictionary_decode() if pa.types.is_dictionary(array.type) else array
        for array in table.columns
    ]
    return pa.table(arrays, names=table.column_names)


FILES = {
    "as drawn": None,
    "a new order": Output(shuffle_rows=True, suffix="_syn", flag="IS_SYNTHETIC"),
}


@pytest.mark.parametrize("case", FILES)
def test_files_that_cudf_writes_are_those_of_the_host(tmp_path, monkeypatch, made, case):
    path = tmp_path / "real.parquet"
    written = [n for n in TABLE.column_names if "decimal" not in n and "zoned" not in n]
    left_out = ["day", "time s", "year"]  # Arrow's; and a dictionary of numbers
    pq.write_table(TABLE.select(written).drop_columns(left_out), path, row_group_size=90)
    monkeypatch.setitem(ReplicateWriter.__init__.__kwdefaults__, "row_group_rows", 70)
    plan = gpusynth.Plan() if FILES[case] is None else gpusynth.Plan(output=FILES[case])
    hashes, fetched = [], []
    for on in ("cuda", "cpu"):
        n_made = len(made)
        with counted() as traffic:
            run = gpusynth.synthesize(
                *(path, None, plan), io="cudf", device=on, output=tmp_path / on, seed=3, threads=2
            )
        hashes.append(run.replicates[0].sha256)
        fetched.append(traffic.bytes_to_host)
        assert (len(made) > n_made) == (on == "cuda")
    assert hashes[0] == hashes[1]
    assert fetched[0] - fetched[1] < 500  # how often each level was drawn
    assert {n_rows for _, n_rows, _ in made} == {70, 50}
    arrows = gpusynth.synthesize(path, plan=plan, output=tmp_path / "arrow", seed=3)
    ours, theirs = (
        pq.read_table(tmp_path / name / "replicate_001.parquet") for name in ("cuda", "arrow")
    )
    assert ours.schema.equals(theirs.schema, check_metadata=True)
    assert_same(as_values(ours), as_values(theirs))
    assert arrows.replicates[0].sha256 != hashes[0]


def test_the_benchmark_compares_frames_and_files(tmp_path):
    pq.write_table(REAL, tmp_path / "firms.parquet")
    sizes = RunSizes(REAL.num_rows, 5, 60, threads=1)
    found = check_frames(sizes, tmp_path / "firms.parquet", tmp_path / "runs")
    assert all_hold(found)
    assert sum(name.startswith("same_") for name in found) == 4
