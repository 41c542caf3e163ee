"""Sketches are exact and do not depend on how the rows are cut into batches."""

import itertools
import traceback
from decimal import Decimal

import numpy as np
import pyarrow as pa
import pytest
from hypothesis import given
from hypothesis import strategies as st

from gpusynth.errors import DataError
from gpusynth.table import TableSource, sketch_columns
from gpusynth.table import sketch as sketch_module
from gpusynth.table.counts import DictionaryOrder, TextCounts, ValueCounts
from gpusynth.table.sketch import sketch_batch

NUMBER_TEXTS = st.one_of(
    st.integers(-20, 20).map(str),
    st.sampled_from(["N", "", "01", "1.50", "2.5", "1e3", ".5", "2012-12-31", "2012-12-31 10:00"]),
    st.integers(0, 10**6).map(lambda number: f"t{number}"),
)


def facts(sketch):
    """Everything that a sketch knows, as plain Python."""
    plain = {}
    for name in ("n_rows", "n_null", "n_nan", "n_plus_infinity", "n_minus_infinity"):
        plain[name] = getattr(sketch, name)
    texts = sketch.texts
    plain["texts"] = texts and (texts.texts.to_pylist(), texts.counts.tolist(), texts.stopped)
    numbers = sketch.numbers
    plain["numbers"] = numbers and (numbers.values.tolist(), numbers.counts.tolist())
    for name in ("text_numbers", "timestamps"):
        family = getattr(sketch, name)
        others = family and family.others.in_order()
        plain[name] = family and (
            family.stopped,
            family.style,
            family.numbers.values.tolist(),
            family.numbers.counts.tolist(),
            others.texts.to_pylist(),
            others.counts.tolist(),
        )
    plain["dictionary"] = sketch.dictionary
    return plain


def sketch_of(array, batch_rows):
    source = TableSource(pa.table({"x": array}))
    return facts(sketch_columns(source, batch_rows=batch_rows)["x"])


@given(st.lists(st.none() | NUMBER_TEXTS, min_size=1, max_size=60), st.integers(1, 25))
def test_text_does_not_depend_on_batches(texts, batch_rows):
    array = pa.array(texts, pa.string())
    assert sketch_of(array, batch_rows) == sketch_of(array, 1_000)


@given(st.lists(st.none() | st.floats(), min_size=1, max_size=60), st.integers(1, 25))
def test_floats_do_not_depend_on_batches(numbers, batch_rows):
    array = pa.array(numbers, pa.float64(), from_pandas=False)
    assert sketch_of(array, batch_rows) == sketch_of(array, 1_000)


@given(
    st.lists(st.integers(-(2**63), 2**63 - 1) | st.integers(-3, 3), min_size=1, max_size=60),
    st.randoms(use_true_random=False),
)
def test_numbers_are_counted_exactly_in_any_row_order(numbers, random):
    shuffled = numbers.copy()
    random.shuffle(shuffled)
    values, counts = np.unique(np.array(numbers, np.int64), return_counts=True)
    plain = sketch_of(pa.array(shuffled, pa.int64()), 7)
    assert plain["numbers"] == (values.tolist(), counts.tolist())


@given(st.lists(st.lists(st.sampled_from("abcdefgh"), max_size=6), min_size=1, max_size=6))
def test_the_limit_of_distinct_texts_depends_on_the_union_only(parts):
    counted = [
        TextCounts.of(pa.array(part, pa.string()), np.ones(len(part), np.int64), limit=4)
        for part in parts
    ]
    union = set(itertools.chain(*parts))
    for order in (counted, counted[::-1]):
        total = order[0]
        for part in order[1:]:
            total = total.combine(part)
        assert total.stopped == (len(union) > 4)
        assert set(total.texts.to_pylist()) == (set() if len(union) > 4 else union)


def test_near_unique_text_stops_collecting_whatever_the_batches(monkeypatch):
    monkeypatch.setattr(sketch_module, "MOST_LEVELS", 100)
    array = pa.array([f"id{i}" for i in range(101)])
    for batch_rows in (10, 64, 1_000):
        sketch = sketch_columns(TableSource(pa.table({"x": array})), batch_rows=batch_rows)["x"]
        assert sketch.texts.stopped
        assert len(sketch.texts.texts) == 0
        assert sketch.text_numbers.stopped
        assert sketch.n_rows == 101


def test_numbers_as_text_are_collected_beyond_the_limit_of_levels(monkeypatch):
    monkeypatch.setattr(sketch_module, "MOST_LEVELS", 100)
    array = pa.array([str(i) for i in range(500)] + ["N"])
    sketch = sketch_columns(TableSource(pa.table({"x": array})), batch_rows=50)["x"]
    assert sketch.texts.stopped
    assert sketch.text_numbers.numbers.values.tolist() == list(range(500))
    assert sketch.text_numbers.others.texts.to_pylist() == ["N"]


def test_value_counts_combine_sums_equal_values():
    one = ValueCounts.of(np.array([3, 1, 3]))
    both = one.combine(ValueCounts.of(np.array([2, 3])))
    assert both.values.tolist() == [1, 2, 3]
    assert both.counts.tolist() == [1, 1, 3]
    assert both.n_rows == 5


def test_dictionary_order_of_parts():
    short, long = DictionaryOrder(("b",)), DictionaryOrder(("b", "a"))
    assert short.combine(long) == long.combine(short) == long
    other = DictionaryOrder(("a", "b"))
    assert long.combine(other) == DictionaryOrder(("a", "b"), agrees=False)
    assert long.combine(other).combine(short) == DictionaryOrder(("a", "b"), agrees=False)


def test_dictionary_with_null_and_repeated_values():
    array = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, 0]), pa.array(["a", None, "b"]))
    sketch = sketch_batch(array).finalize()
    assert sketch.n_null == 1
    assert sketch.texts.texts.to_pylist() == ["a", "b"]
    assert sketch.texts.counts.tolist() == [2, 1]


def test_dictionary_that_holds_a_value_twice():
    array = pa.DictionaryArray.from_arrays(pa.array([0, 1, 2, 0]), pa.array(["a", "a", "b"]))
    sketch = sketch_batch(array).finalize()
    assert sketch.dictionary == DictionaryOrder(("a", "b"))
    assert dict(zip(sketch.texts.texts.to_pylist(), sketch.texts.counts, strict=True)) == {
        "a": 3,
        "b": 1,
    }


def test_empty_data_are_refused():
    with pytest.raises(DataError, match="table: no rows"):
        sketch_columns(TableSource(pa.table({"x": pa.array([], pa.int64())})))
    with pytest.raises(DataError, match="table: no columns"):
        sketch_columns(TableSource(pa.table({})))


@pytest.mark.parametrize(
    "numbers",
    [
        pa.array([1, 2**63 + 31337], pa.uint64()),
        pa.array([Decimal(1), Decimal(f"1{'0' * 19}31337")], pa.decimal128(38, 0)),
        pa.array([Decimal(1), Decimal(f"1{'0' * 50}31337")], pa.decimal256(76, 0)),
    ],
    ids=["uint64", "decimal128", "decimal256"],
)
def test_numbers_beyond_64_bits_are_refused_with_their_place(numbers):
    source = TableSource(pa.table({"x": numbers}), name="f.parquet")
    with pytest.raises(DataError, match=r"f\.parquet, column 'x', rows 1 to 2: ") as refused:
        sketch_columns(source)
    assert "role key" in str(refused.value)
    assert "31337" not in "".join(traceback.format_exception(refused.value))
