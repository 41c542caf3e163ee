"""Common codes: levels united, numbers binned by each rule, missing answers kept, bad input."""

from __future__ import annotations

import datetime as dt
import decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from gpusynth.errors import DataError, IncomputableMetricError
from gpusynth.evaluate.bins import Binning, cut_points
from gpusynth.evaluate.coding import OTHER, code_together
from gpusynth.io import open_source
from gpusynth.table.schema import Column, Schema
from gpusynth.table.source import TableSource


def source(name="table", is_text=False, **columns) -> TableSource:
    return TableSource(pa.table(columns), name=name, is_text=is_text)


def one_column(column: Column, real: pa.Array, synthetic: pa.Array, **kwargs):
    schema = Schema(columns=(column,))
    codes = code_together(
        source("real", **{column.name: real}),
        source("synthetic", **{column.name: synthetic}),
        schema=schema,
        **kwargs,
    )
    return codes.real.columns[0], list(codes.real.codes[0]), list(codes.synthetic[0].codes[0])


def category(**settings) -> Column:
    return Column(name="x", kind="categorical", storage="string", **settings)


def number(kind="numeric", **settings) -> Column:
    return Column(name="x", kind=kind, storage="double", **settings)


def test_levels_are_ordered_null_missing_schema_then_text():
    column = category(levels=("b", "a"), missing_codes=("N",))
    coded, real, synthetic = one_column(
        column, pa.array(["a", "b", "N", None]), pa.array(["z", "c", "a"])
    )
    assert coded.labels == ("", "N", "b", "a", "c", "z")
    assert coded.has_null
    assert coded.n_missing == 2
    assert real == [3, 2, 1, 0]
    assert synthetic == [5, 4, 3]


@pytest.mark.parametrize(
    "synthetic",
    [
        pa.array([1, 2, None]),
        pa.array(["1", "2", None]),
        pa.array([1.0, 2.0, None]),
        pa.array([1.0, 2.0, float("nan")]),
        pa.array(["1.0", "2.0", None]),
        pa.array(["1", "2", None]).dictionary_encode(),
        pa.array(["1", "2", None], pa.large_string()),
        pa.array([b"1", b"2", None]),
    ],
    ids=lambda array: str(array.type),
)
def test_levels_match_across_types(synthetic):
    _, real, other = one_column(category(), pa.array([1, 2, None], pa.int8()), synthetic)
    assert real == other


def test_leading_zeros_stay_apart():
    coded, *_ = one_column(category(), pa.array(["01", "1"]), pa.array(["01"]))
    assert coded.labels == ("01", "1")


def test_booleans_match_in_any_case():
    column = Column(name="x", kind="boolean", storage="bool")
    _, real, synthetic = one_column(column, pa.array([True, False]), pa.array(["True", "False"]))
    assert real == synthetic


NUMBERS = [1.0, 2.0, 2.0, 3.0, 50.0]


@pytest.mark.parametrize(
    ("real", "synthetic"),
    [
        (pa.array(["1", "2.0", "2", "3", "5e1", "N", None]), None),
        (pa.array(["1", "2.0", "2", "3", "50.000", "N", ""]), None),
        (pa.array([decimal.Decimal(v) for v in ("1", "2", "2", "3", "50")]), None),
    ],
)
def test_numbers_of_any_storage_agree(real, synthetic):
    column = number(missing_codes=("N",))
    _, first, second = one_column(column, real, pa.array(NUMBERS), binning=Binning(n_bins=4))
    assert [c - first[0] for c in first[:5]] == [c - second[0] for c in second]
    assert first[0] == second[0]


def test_dates_and_times_are_numbers():
    days = [dt.date(2020, 1, d) for d in (1, 2, 3)]
    column = Column(name="x", kind="date", storage="date32[day]")
    _, real, synthetic = one_column(column, pa.array(days), pa.array([str(d) for d in days]))
    assert real == synthetic == [0, 1, 2]
    times = [dt.datetime(2020, 1, 1, h) for h in (1, 5, 9)]
    column = Column(name="x", kind="timestamp", storage="timestamp[ms]")
    _, real, synthetic = one_column(
        column, pa.array(times, pa.timestamp("ms")), pa.array(times, pa.timestamp("ns"))
    )
    assert real == synthetic
    assert len(set(real)) > 1


def test_missing_codes_and_spikes_of_numbers_are_levels():
    column = number(missing_codes=(-8, "N"), spikes=(0.0,))
    values = pa.array([-8.0, 0.0, None, float("inf"), *NUMBERS])
    coded, real, synthetic = one_column(column, values, pa.array(["N", "-8", "0", "1", "oops"]))
    assert coded.labels == ("", "-8", "N", "0", "inf", "oops")
    assert coded.n_missing == 3
    assert real[:4] == [1, 3, 0, 4]
    assert synthetic == [2, 1, 3, 6, 5]
    assert real[4] == 6
    joined, *_ = one_column(column, values, pa.array([0.0]), binning=Binning(spikes_apart=False))
    assert "0" not in joined.labels


def test_a_missing_code_of_narrow_floats_is_a_level():
    column = Column(name="x", kind="numeric", storage="float", missing_codes=(-9.9,))
    values = pa.array([-9.9, 1.5, 2.5], pa.float32())
    coded, real, synthetic = one_column(column, values, pa.array([2.5, -9.9]))
    assert coded.labels[0] == "-9.9"
    assert (real[0], synthetic[1]) == (0, 0)


def test_sdnist_bins_by_hand():
    """Target 1..100, n = 4: edges 1, 26, 51, 76, 100 ('higher': index ceil(q * 99)); (a, b]."""
    real = np.arange(1.0, 101.0)
    cuts = cut_points(real, np.empty(0), Binning("sdnist", 4), n_missing=0, is_whole=True)
    assert list(cuts.points) == [26.0, 51.0, 76.0]
    assert list(cuts.codes(np.array([1.0, 26.0, 27.0, 76.0, 77.0, 100.0]))) == [0, 0, 1, 2, 3, 3]
    # one missing code, and synthetic values beyond both ends: n = 4 - 3 = 1 inner bin
    cuts = cut_points(
        real, np.array([0.0, 200.0]), Binning("sdnist", 4), n_missing=1, is_whole=True
    )
    assert list(cuts.points) == [1.0, 100.0]
    # a range of at most n_bins: every value a level
    cuts = cut_points(real[:4], real[:6], Binning("sdnist", 4), n_missing=0, is_whole=True)
    assert list(cuts.codes(real[:6])) == [0, 1, 2, 3, 4, 5]


@settings(deadline=None, max_examples=60)
@given(
    real=st.lists(st.integers(-30, 60), min_size=1, max_size=60),
    synthetic=st.lists(st.integers(-40, 70), max_size=40),
    n_bins=st.integers(1, 20),
    n_missing=st.integers(0, 2),
)
def test_sdnist_bins_equal_pandas_cut(real, synthetic, n_bins, n_missing):
    """The rule as SDNist writes it: percentile edges, then pandas.cut with include_lowest."""
    pd = pytest.importorskip("pandas")
    a, b = np.array(real, float), np.array(synthetic, float)
    n = n_bins - n_missing
    extra = [a.max()]
    if len(b) and b.max() > a.max():
        n, extra = n - 1, [*extra, b.max()]
    if len(b) and b.min() < a.min():
        n, extra = n - 1, [b.min(), *extra]
    n = max(n, 1)
    inner = np.unique(np.percentile(a, [i * (100 / n) for i in range(n)], method="higher"))
    edges = np.unique([*inner, *extra])
    cuts = cut_points(a, b, Binning("sdnist", n_bins), n_missing=n_missing, is_whole=False)
    both = np.concatenate((a, b))
    if len(edges) > 1:
        labels = pd.cut(both, bins=edges, labels=False, include_lowest=True)
        assert np.array_equal(cuts.codes(both), labels)
    else:
        assert set(cuts.codes(both)) == {0}


def test_synthpop_bins_golden(firms, firm_schema, expected):
    codes = code_together(
        *firms,
        schema=firm_schema,
        columns=["sales"],
        binning=Binning("synthpop", 5, spikes_apart=False),
    )
    column = codes.real.columns[0]
    assert list(column.cuts) == pytest.approx(expected["utility.tab"]["sales_breaks"][1:-1])
    assert column.labels == ("",)
    assert column.closed == "left"


def test_synthpop_falls_back_to_equal_width():
    values = np.array([0.0] * 95 + [1, 2, 3, 4, 10])
    cuts = cut_points(values, values, Binning("synthpop", 5), n_missing=0, is_whole=True)
    assert list(cuts.points) == [2.0, 4.0, 6.0, 8.0]


def test_censyn_values_outside_are_one_level():
    column = number()
    coded, real, synthetic = one_column(
        column,
        pa.array([1.0, 2.0, 3.0, 4.0]),
        pa.array([0.0, 9.0, 4.0]),
        binning=Binning("censyn", 2),
    )
    assert real == [1, 1, 2, 2]
    assert synthetic == [0, 0, 2]
    assert coded.n_codes == 3


def test_a_column_all_missing_has_one_code():
    coded, real, synthetic = one_column(
        number(), pa.nulls(2, pa.float64()), pa.nulls(1, pa.float64())
    )
    assert coded.n_codes == 1
    assert real == [0, 0]
    assert synthetic == [0]


def test_a_column_of_arrow_nulls_is_all_missing():
    coded, real, _ = one_column(category(), pa.nulls(2), pa.array(["a"]))
    assert coded.labels == ("", "a")
    assert real == [0, 0]


def test_numbers_only_in_the_synthetic_file_share_a_bin():
    coded, real, synthetic = one_column(
        number(), pa.nulls(2, pa.float64()), pa.array([1.0, None, 7.0])
    )
    assert coded.n_codes == 2
    assert real == [0, 0]
    assert synthetic == [1, 0, 1]


@settings(deadline=None, max_examples=30)
@given(
    rows=st.lists(
        st.tuples(st.sampled_from(["a", "b", None]), st.one_of(st.none(), st.floats(0, 9))),
        min_size=1,
        max_size=40,
    ),
    batch=st.integers(1, 40),
)
def test_batches_change_nothing(rows, batch):
    schema = Schema(
        columns=(
            Column(name="x", kind="categorical", storage="string"),
            Column(name="y", kind="numeric", storage="double"),
        )
    )
    table = pa.table(
        {
            "x": pa.array([r[0] for r in rows], pa.string()),
            "y": pa.array([r[1] for r in rows], pa.float64()),
        }
    )
    pieces = pa.Table.from_batches(table.to_batches(max_chunksize=batch))
    found = [
        code_together(TableSource(t), TableSource(t), schema=schema).real for t in (table, pieces)
    ]
    assert all(np.array_equal(a, b) for a, b in zip(found[0].codes, found[1].codes, strict=True))
    assert found[0].names == ("x", "y")


def test_columns_that_are_not_common_are_listed():
    schema = Schema(
        columns=tuple(Column(name=n, kind="categorical", storage="string") for n in ("x", "y"))
    )
    codes = code_together(
        source("r", x=["a"], y=["b"]), source("s", x=["a"], q=["b"]), schema=schema
    )
    assert codes.real.names == ("x",)
    assert codes.only_real == ("y",)
    assert codes.only_synthetic == ("q",)


def test_keys_and_dropped_columns_are_left_out():
    schema = Schema(
        columns=(
            Column(name="id", kind="categorical", storage="string", role="key"),
            Column(name="x", kind="categorical", storage="string"),
        )
    )
    both = source("r", id=["1"], x=["a"])
    assert code_together(both, both, schema=schema).real.names == ("x",)


@pytest.mark.parametrize(
    ("real", "synthetic", "arguments", "message"),
    [
        ({"x": ["a"]}, {"y": ["a"]}, {}, "no column in common"),
        ({"x": ["a"]}, {"x": pa.array([], pa.string())}, {}, "synthetic has no rows"),
        ({"x": ["a"]}, {"x": ["a"]}, {"columns": ["y"]}, "'y' is not in real, synthetic"),
        ({"x": ["a"]}, {"x": ["a"]}, {"weight": "y"}, "'y' is not in real, synthetic"),
    ],
)
def test_what_cannot_be_compared_says_why(real, synthetic, arguments, message):
    schema = Schema(columns=(category(), Column(name="y", kind="numeric", storage="double")))
    with pytest.raises(IncomputableMetricError, match=message):
        code_together(
            source("real", **real), source("synthetic", **synthetic), schema=schema, **arguments
        )


@pytest.mark.parametrize(
    ("weights", "message"),
    [
        ([1.0, None], "missing or no finite number in row 2"),
        ([1.0, float("inf")], "missing or no finite number in row 2"),
        ([1.0, -2.0], "negative in row 2"),
        ([0.0, 0.0], "all weights are zero"),
    ],
)
def test_bad_weights_name_the_row(weights, message):
    schema = Schema(columns=(category(), Column(name="w", kind="numeric", storage="double")))
    file = source("real.csv", x=["a", "b"], w=pa.array(weights, pa.float64()))
    with pytest.raises(DataError, match=message):
        code_together(file, file, schema=schema, weight="w")


@pytest.mark.parametrize("column", [category(), number()], ids=lambda column: column.kind)
def test_answers_that_have_no_text_are_an_error(column):
    with pytest.raises(DataError, match="column 'x' has type list"):
        one_column(column, pa.array([[1]]), pa.array([[1]]))


def test_weights_keep_their_shares():
    schema = Schema(columns=(category(), Column(name="w", kind="numeric", storage="double")))
    weights = np.array([0.001, 999.999, 3.0])
    file = source(x=["a", "b", "a"], w=weights)
    table = code_together(file, file, schema=schema, weight="w").real
    assert table.names == ("x",)
    assert table.weight / table.total == pytest.approx(weights / weights.sum(), rel=1e-9)


def test_a_weight_may_be_compared_like_any_number(tmp_path):
    path = tmp_path / "real.csv"
    path.write_text("x,w\na,1.5\nb,2.5\na,4\n")
    schema = Schema(columns=(category(), Column(name="w", kind="numeric", storage="double")))
    file = open_source(path)
    table = code_together(file, file, schema=schema, columns=["w", "x"], weight="w").real
    assert table.names == ("w", "x")
    assert table.weight / table.total == pytest.approx([1.5 / 8, 2.5 / 8, 0.5])


def test_too_many_levels_join_the_rarest(monkeypatch):
    monkeypatch.setattr("gpusynth.evaluate.level_order._MAX_LEVELS", 260)
    real = pa.array(["a", "a", "b", "b", "c", "d", "e", None])
    coded, first, second = one_column(category(), real, pa.array(["z", "a", None]))
    assert coded.labels == ("", "a", "b", OTHER)
    assert first == [1, 1, 2, 2, 3, 3, 3, 0]
    assert second == [3, 1, 0]
